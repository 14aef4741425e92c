//! What a refusal looks like: its shape, and the id of the message it answers.

use serde_json::{Value, json};

use shardwire::config::Code;

use super::cast::{ask, codes, open_world};

const EVENTS: &str = r#"
events:
  e:
    payload: { n: int }
    require: [{ name: small, when: payload.n < 10 }]
    steps: [{ reply: { event: ok, payload: { n: "${payload.n}" } } }]
"#;

#[test]
fn an_id_comes_back_on_the_reply_and_on_the_error() {
    let mut world = open_world(EVENTS, 1);
    let ada = world.open(0, "ada");
    for id in [json!(1), json!("a\"b"), json!({ "x": [1] }), Value::Null] {
        let message = |n: Value| json!({ "event": "e", "id": id, "payload": { "n": n } });
        let ok = json!({ "event": "ok", "id": id, "payload": { "n": 1 } });
        assert_eq!(ask(&mut world, ada, &message(json!(1))), [ok]);
        for n in [json!(10), json!("x")] {
            let got = ask(&mut world, ada, &message(n));
            assert_eq!((&got[0]["event"], &got[0]["id"]), (&json!("error"), &id));
        }
    }
    let got = ask(&mut world, ada, &json!({ "event": "no", "id": 5 }));
    assert_eq!(got[0]["id"], 5);
    let got = ask(&mut world, ada, &json!({ "event": "e", "payload": { "n": 1 } }));
    assert_eq!(got[0].get("id"), None);
}

#[test]
fn errors_have_the_shape_that_is_asked_for() {
    let yaml = format!(
        "errors:\n  reply:\n    event: oops\n    payload: {{ error: {{ message: \
         \"${{error.message}}\", code: \"${{error.code}}\", rule: \"${{error.rule}}\" }}, of: \
         \"${{error.event}}\", field: \"${{error.field}}\" }}\n{EVENTS}"
    );
    let mut world = open_world(&yaml, 2);
    let ada = world.open(1, "ada");
    let got = ask(&mut world, ada, &json!({ "event": "e", "id": 3, "payload": { "n": 11 } }));
    let rule =
        json!({ "message": "a rule does not allow this", "code": "denied", "rule": "small" });
    let wanted = json!({ "error": rule, "of": "e", "field": "" });
    assert_eq!(got, [json!({ "event": "oops", "id": 3, "payload": wanted })]);
    let got = ask(&mut world, ada, &json!({ "event": "e", "payload": { "n": "x" } }));
    assert_eq!((&got[0]["payload"]["field"], got[0].get("id")), (&json!("n"), None));
    let got = ask(&mut world, ada, &json!({ "event": "we\"ird" }));
    assert_eq!(got[0]["payload"]["of"], "we\"ird");
    world.say(ada, "no json");
    world.settle();
    assert_eq!(world.messages(ada)[0]["payload"]["error"]["code"], "bad_json");
}

#[test]
fn an_event_is_found_however_its_name_is_escaped() {
    let yaml = "events:\n  'say \"hi\"': { steps: [{ reply: { event: one } }] }\n  \
                chat/café: { require: [{ name: no, when: '1 > 2' }], steps: [] }\n";
    let mut world = open_world(yaml, 1);
    let ada = world.open(0, "ada");
    assert_eq!(ask(&mut world, ada, &json!({ "event": "say \"hi\"" }))[0]["event"], "one");
    for name in [r"chat/café", r"chat\/caf\u00e9", r"CHAT\/caf\u00e9"] {
        world.say(ada, &format!(r#"{{"event":"{name}"}}"#));
        world.settle();
        let got = world.messages(ada);
        assert_eq!(got[0]["payload"]["code"], "denied", "{name}: {got:?}");
    }
    let named = world.counters[0].named();
    let counts: Vec<(&str, u64, u64)> = named
        .events()
        .map(|event| (&*event.name, event.counts.received.get(), event.counts.ran()))
        .collect();
    assert_eq!(counts, [("say \"hi\"", 1, 1), ("chat/café", 3, 0)]);
    assert_eq!(ask(&mut world, ada, &json!({ "event": "say \\\"hi" })).len(), 1);
}

#[test]
fn an_event_has_no_backslash_in_its_name() {
    let events = "events:\n  'a\\b': { steps: [{ reply: { event: one } }] }\n";
    assert_eq!(codes(events), [Code::BadName]);
}
