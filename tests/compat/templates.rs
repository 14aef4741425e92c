//! G1 to G5: what stands in the parameters of the compatible spelling.

use serde_json::{Value, json};
use shardwire::config::Code;

use super::chorus::{ask, codes, event, events, outcome};
use super::simulator::random::Random;
use super::simulator::world::World;

/// The payload of an event `echo` with this payload template, for this payload.
fn echo(template: &str, payload: &Value) -> Value {
    let yaml = events(&format!(
        "  echo:\n    actions: [{{ name: _notify_origin, params: [\"out\", '{template}'] }}]\n"
    ));
    let mut world = World::calm(&yaml, 1);
    let ada = world.open(0, "ada");
    let message = json!({ "event": "echo", "target": "room:x", "payload": payload });
    let mut got = ask(&mut world, ada, &message);
    assert_eq!(got.len(), 1, "{template} {payload}: {got:?}");
    assert_eq!(got[0]["event"], "out", "{template} {payload}");
    got.remove(0)["payload"].take()
}

#[test]
fn g1_templates_are_names_in_braces_and_nothing_else_is() {
    let payload = json!({ "x": "X", "a-b_c": { "d1": "D" }, "list": [7, "L"] });
    for (template, out) in [
        (r#"{"a":"{.payload.x}"}"#, json!({ "a": "X" })),
        (r#"{"a":"{.payload.a-b_c.d1}"}"#, json!({ "a": "D" })),
        (r#"{"a":"{.payload.list.1}{$user.id}"}"#, json!({ "a": "Lada" })),
        (r#"{"a":"{{.payload.x}}"}"#, json!({ "a": "{X}" })),
        (r#"{"a":"{ .payload.x }"}"#, json!({ "a": "{ .payload.x }" })),
        (r#"{"a":"{.payload.x | upper}"}"#, json!({ "a": "{.payload.x | upper}" })),
        (r#"{"a":"{payload.x} {} {.} {$}"}"#, json!({ "a": "{payload.x} {} {.} {$}" })),
    ] {
        assert_eq!(echo(template, &payload), out, "{template}");
    }
}

#[test]
fn g1_templates_stand_in_params_only() {
    let yaml = events(
        "  '{.payload.x}':\n    \
         actions: [{ name: _notify_origin, params: ['{.payload.x}', '1'] }]\n",
    );
    let mut world = World::calm(&yaml, 1);
    let ada = world.open(0, "ada");
    let message = json!({ "event": "{.payload.x}", "payload": { "x": "name" } });
    assert_eq!(ask(&mut world, ada, &message), [event("name", json!(1))]);
}

#[test]
fn g2_the_payload_is_raw_json_and_a_short_path_is_read_with_a_hint() {
    let payload = json!({ "x": { "y": "deep" }, "n": 1.50, "list": [1, { "k": null }] });
    assert_eq!(echo("{.payload}", &payload), payload);
    assert_eq!(echo(r#"{"all":{.payload}}"#, &payload), json!({ "all": payload }));
    assert_eq!(echo(r#"{"y":"{.payload.x.y}"}"#, &payload), json!({ "y": "deep" }));
    assert_eq!(echo(r#"{"y":"{.x.y}","n":{.n}}"#, &payload), json!({ "y": "deep", "n": 1.5 }));
    let text = echo(r#"{"all":"{.payload}"}"#, &payload);
    let inside: Value = serde_json::from_str(text["all"].as_str().expect("text")).expect("JSON");
    assert_eq!(inside, payload);
    let hinted = events("  e:\n    actions: [{ name: _log, params: ['{.x}'] }]\n");
    assert_eq!(codes(&outcome(&hinted)), [Code::ShortPath]);
    let full = events("  e:\n    actions: [{ name: _log, params: ['{.payload.x}'] }]\n");
    assert_eq!(codes(&outcome(&full)), []);
}

#[test]
fn g3_both_spellings_of_user_connection_and_target_work() {
    for spelled in [
        r#"["{$user.id}","{$conn.id}","{$target.id}"]"#,
        r#"["{.user.id}","{.connection.id}","{.target}"]"#,
        r#"[{$user.id},{$conn.id},{$target.id}]"#,
    ] {
        let out = echo(spelled, &json!({}));
        assert_eq!((&out[0], &out[2]), (&json!("ada"), &json!("room:x")), "{spelled}");
        let id = out[1].as_str().expect("text");
        assert!(id.len() == 20 && id.bytes().all(|b| b.is_ascii_hexdigit()), "{id}");
    }
}

#[test]
fn g3_the_ids_of_two_connections_of_one_user_differ() {
    let yaml =
        events("  id:\n    actions: [{ name: _notify_origin, params: [id, '{$conn.id}'] }]\n");
    let mut world = World::calm(&yaml, 2);
    let conns = [world.open(0, "ada"), world.open(0, "ada"), world.open(1, "ada")];
    let mut ids: Vec<Value> =
        conns.map(|conn| ask(&mut world, conn, &json!({ "event": "id" })).remove(0)).into();
    ids.sort_by_key(Value::to_string);
    ids.dedup();
    assert_eq!(ids.len(), 3);
}

#[test]
fn g4_a_claim_without_secure_before_it_is_a_load_error() {
    let event = |modifiers: &str| {
        events(&format!(
            "  e:\n    modifiers: [{modifiers}]\n    \
             actions: [{{ name: _log, params: ['{{$token.sub}}'] }}]\n"
        ))
    };
    assert!(outcome(&event("{ name: secure }")).is_ok());
    for without in ["", "{ name: rate_limit, params: ['1/s'] }"] {
        let found = outcome(&event(without));
        assert!(found.is_err() && codes(&found).contains(&Code::TokenBeforeSecure), "{without}");
    }
}

/// Texts that break pasted JSON.
fn hostile() -> Vec<String> {
    let mut texts: Vec<String> = [
        "plain",
        "",
        r#"""#,
        r"\",
        r#"\""#,
        r#"","admin":true,"x":""#,
        r#""}},{"event":"pwned","payload":{"a":""#,
        "\u{0}\u{1}\u{8}\u{c}\n\r\t\u{1f}\u{7f}",
        "\u{2028}\u{2029}",
        "👩‍🚀 é \u{10ffff}",
        "{.payload.b}{$user.id}",
        "<script>alert(1)</script>",
        r"\u0022",
        "]}",
    ]
    .map(str::to_owned)
    .into();
    let mut random = Random::new(5);
    for _ in 0..300 {
        let len = random.index(12);
        let mut letter = || match random.below(4) {
            0 => char::from(random.below(0x80) as u8),
            1 => ['"', '\\', '{', '}', ',', ':'][random.index(6)],
            _ => char::from_u32(random.below(0x11_0000) as u32).unwrap_or('\u{fffd}'),
        };
        texts.push((0..len).map(|_| letter()).collect());
    }
    texts
}

#[test]
fn g5_whatever_is_said_arrives_as_it_was_said_and_injects_nothing() {
    let yaml = events(
        "  join:\n    actions: [{ name: _join, params: ['{$user.id}', '{$target.id}'] }]\n  \
         say:\n    actions: [{ name: _notify_room, params: [said, \
         '{\"user\": \"{$user.id}\", \"text\": \"a{.payload.a}b{.payload.b}\"}'] }]\n",
    );
    for shards in [1, 2] {
        let mut world = World::calm(&yaml, shards);
        let users = ["ada", "bob \"\\\"", "eve"];
        let clients = [0, 1, 0].map(|shard| shard % usize::from(shards));
        let clients: Vec<usize> =
            users.iter().zip(clients).map(|(user, shard)| world.open(shard, user)).collect();
        for &client in &clients {
            ask(&mut world, client, &json!({ "event": "join", "target": "room:\"x\"" }));
        }
        for text in hostile() {
            let payload = json!({ "a": text, "b": "!" });
            let message = json!({ "event": "say", "target": "room:\"x\"", "payload": payload });
            let said =
                |user: &str| event("said", json!({ "user": user, "text": format!("a{text}b!") }));
            assert_eq!(ask(&mut world, clients[1], &message), [said(users[1])], "{text:?}");
            assert_eq!(world.messages(clients[0]), [said(users[1])], "{text:?}");
            assert_eq!(world.messages(clients[2]), [said(users[1])], "{text:?}");
        }
    }
}

#[test]
fn g5_honest_input_gives_the_bytes_of_the_original() {
    let template = r#"{"user": "{$user.id}", "message": "{.payload.message}"}"#;
    let yaml = events(&format!(
        "  say:\n    actions: [{{ name: _notify_origin, params: [new_message, '{template}'] }}]\n"
    ));
    let mut world = World::calm(&yaml, 1);
    let ada = world.open(0, "ada");
    world.say(ada, r#"{"event":"say","payload":{"message":"hi"}}"#);
    world.settle();
    let bytes = world.frames(ada).remove(0).payload;
    let text = r#"{"event":"new_message","payload":{"user":"ada","message":"hi"}}"#;
    assert_eq!(String::from_utf8_lossy(&bytes), text);
}

#[test]
fn g5_text_that_is_no_json_with_holes_is_a_load_error_at_its_column() {
    let yaml =
        events("  e:\n    actions: [{ name: _notify_room, params: [x, '{\"a\": {.b},}'] }]\n");
    let findings = outcome(&yaml).err().expect("an error");
    let finding = findings.iter().find(|finding| finding.code == Code::PayloadNotJson);
    let span = finding.expect("the finding").labels[0].span;
    assert_eq!(span.start as usize, yaml.find("}'").expect("the brace"));
}
