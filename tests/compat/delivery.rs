//! G6, G7, G10 to G12: who is told what, and what happens where something is missing.

use serde_json::{Value, json};
use shardwire::config::Code;
use shardwire::reject::Reject;

use super::chorus::{ask, codes, count, event, events, outcome, refused};
use super::simulator::world::World;

const STEPS: &str = r#"
  ask:
    actions:
      - { name: _notify_origin, params: [before, '{}'] }
      - { name: _notify_origin, params: [text, '{"x":"<{.payload.x}>"}'] }
      - { name: _notify_origin, params: [raw, '{"x":{.payload.x}}'] }
      - { name: _notify_origin, params: [deep, '{"y":"{.payload.x.y}"}'] }
      - { name: _notify_origin, params: [after, '{}'] }
"#;

#[test]
fn g6_a_missing_path_stops_the_pipeline_at_its_step_and_the_sender_is_told() {
    for shards in [1, 3] {
        let mut world = World::calm(&events(STEPS), shards);
        let ada = world.open(usize::from(shards) - 1, "ada");
        let told = [event("before", json!({})), refused(Reject::MissingField, "ask")];
        for (times, payload) in [(1, json!({})), (2, json!("x")), (3, json!(null))] {
            let message = json!({ "event": "ask", "payload": payload });
            assert_eq!(ask(&mut world, ada, &message), told, "{payload}");
            assert_eq!(count(&world, Reject::MissingField), times);
        }
        assert_eq!(ask(&mut world, ada, &json!({ "event": "ask" })), told);
        let through = ask(&mut world, ada, &json!({ "event": "ask", "payload": { "x": 1 } }));
        let names: Vec<&Value> = through.iter().map(|message| &message["event"]).collect();
        assert_eq!(names, ["before", "text", "raw", "error"]);
        let all = json!({ "event": "ask", "payload": { "x": { "y": "Y" } } });
        assert_eq!(ask(&mut world, ada, &all).last(), Some(&event("after", json!({}))));
        assert_eq!(count(&world, Reject::MissingField), 5);
    }
}

#[test]
fn g6_null_gives_empty_text() {
    let mut world = World::calm(&events(STEPS), 1);
    let ada = world.open(0, "ada");
    let got = ask(&mut world, ada, &json!({ "event": "ask", "payload": { "x": null } }));
    assert_eq!(got[1], event("text", json!({ "x": "<>" })));
    assert_eq!(got[2], event("raw", json!({ "x": null })));
}

/// What stood before the refused step happens, also behind a join that other shards must confirm;
/// the sender is told of the refusal last.
#[test]
fn g6_earlier_effects_stand_and_keep_their_order_across_shards() {
    let yaml = events(
        r#"
  enter:
    actions:
      - { name: _join, params: ["{$user.id}", "{$target.id}"] }
      - { name: _notify_room, params: [entered, '{}'] }
      - { name: _notify_origin, params: [inside, '{}'] }
      - { name: _notify_origin, params: [never, '{"x":"{.payload.x}"}'] }
"#,
    );
    for shards in [1, 2, 4] {
        let mut world = World::calm(&yaml, shards);
        for user in 0..8 {
            let client = world.open(user % usize::from(shards), &format!("user{user}"));
            let target = format!("room:{user}");
            let mut got = ask(&mut world, client, &json!({ "event": "enter", "target": target }));
            // The room's messages come by way of its home: their place among the others is open.
            let room = got.iter().position(|message| message["event"] == "entered");
            got.remove(room.expect("a member is told"));
            let told = [event("inside", json!({})), refused(Reject::MissingField, "enter")];
            assert_eq!(got, told, "{shards} shards, user {user}");
        }
        assert_eq!(count(&world, Reject::MissingField), 8);
    }
}

/// Of two connections on each of two shards, which got one message.
fn reached_by_notify_origin(head: &str) -> Vec<usize> {
    let yaml = format!(
        "{head}\n{}",
        events("  me:\n    actions: [{ name: _notify_origin, params: [me, '{}'] }]\n")
    );
    let mut world = World::calm(&yaml, 2);
    let all = [0, 0, 1, 1].map(|shard| world.open(shard, "ada"));
    let stranger = world.open(0, "bob");
    world.say(all[2], r#"{"event":"me"}"#);
    world.settle();
    assert_eq!(world.messages(stranger), Vec::<Value>::new());
    let got = all.map(|client| world.messages(client).len());
    (0..4).filter(|place| got[*place] == 1).collect()
}

#[test]
fn g7_notify_origin_reaches_the_origin_or_all_connections_of_its_user() {
    assert_eq!(reached_by_notify_origin(""), [2]);
    assert_eq!(reached_by_notify_origin("compat: { notifyOrigin: origin }"), [2]);
    assert_eq!(reached_by_notify_origin("compat: { notifyOrigin: user }"), [0, 1, 2, 3]);
}

const CHAT: &str = r#"
  join:
    actions: [{ name: _join, params: ["{$user.id}", "{$target.id}"] }]
  say:
    actions: [{ name: _notify_room, params: [said, '{"by":"{$user.id}"}'] }]
  whoami:
    actions: [{ name: _notify_origin, params: [you, '"{$user.id}"'] }]
"#;

#[test]
fn g10_notify_room_reaches_all_members_the_sender_too_and_asks_no_membership() {
    for shards in [1, 2, 3] {
        let mut world = World::calm(&events(CHAT), shards);
        let clients: Vec<usize> =
            (0..6).map(|n| world.open(n % usize::from(shards), &format!("user{n}"))).collect();
        for &client in &clients[..4] {
            ask(&mut world, client, &json!({ "event": "join", "target": "room:x" }));
        }
        for (speaker, heard_self) in [(0, 1), (3, 1), (5, 0)] {
            let say = json!({ "event": "say", "target": "room:x" });
            let said = event("said", json!({ "by": format!("user{speaker}") }));
            let got = ask(&mut world, clients[speaker], &say);
            assert_eq!(got, vec![said.clone(); heard_self]);
            for place in (0..4).filter(|place| *place != speaker) {
                assert_eq!(world.messages(clients[place]), std::slice::from_ref(&said));
            }
            assert_eq!(world.messages(clients[4]), Vec::<Value>::new());
        }
    }
}

#[test]
fn g10_a_hint_suggests_a_rule_where_anybody_may_send_to_any_room() {
    assert!(codes(&outcome(&events(CHAT))).contains(&Code::NoMembership));
}

#[test]
fn g11_an_empty_target_is_told_and_needed_only_where_it_is_used() {
    let mut world = World::calm(&events(CHAT), 2);
    let ada = world.open(1, "ada");
    for target in ["", r#""target":"","#, r#""target":null,"#] {
        for name in ["say", "join"] {
            world.say(ada, &format!(r#"{{{target}"event":"{name}"}}"#));
            world.settle();
            assert_eq!(world.messages(ada), [refused(Reject::MissingTarget, name)], "{target}");
        }
        world.say(ada, &format!(r#"{{{target}"event":"whoami"}}"#));
        world.settle();
        assert_eq!(world.messages(ada), [event("you", json!("ada"))], "{target}");
    }
    assert_eq!(count(&world, Reject::MissingTarget), 6);
}

#[test]
fn g11_a_user_as_target_reaches_all_its_connections() {
    for shards in [1, 2, 4] {
        let mut world = World::calm(&events(CHAT), shards);
        let ada = world.open(0, "ada");
        let bobs: Vec<usize> = (0..5).map(|n| world.open(n % usize::from(shards), "bob")).collect();
        let say = |to: &str| json!({ "event": "say", "target": to });
        assert_eq!(ask(&mut world, ada, &say("user:bob")), Vec::<Value>::new());
        for bob in bobs {
            assert_eq!(world.messages(bob), [event("said", json!({ "by": "ada" }))]);
        }
        assert_eq!(ask(&mut world, ada, &say("user:ada")).len(), 1);
        assert_eq!(ask(&mut world, ada, &say("user:")), [refused(Reject::BadName, "say")]);
        assert_eq!(world.total(|c| c.undelivered.get()), 0);
        assert_eq!(ask(&mut world, ada, &say("user:nobody")), Vec::<Value>::new());
        assert_eq!(world.total(|c| c.undelivered.get()), 1);
    }
}

#[test]
fn g12_an_unknown_event_is_an_error_to_the_sender_alone() {
    let mut world = World::calm(&events(CHAT), 2);
    let (ada, other) = (world.open(0, "ada"), world.open(0, "ada"));
    let unknown = json!({ "event": "no \"such\" é\n", "target": "room:x" });
    let told = refused(Reject::UnknownEvent, "no \"such\" é\n");
    assert_eq!(ask(&mut world, ada, &unknown), [told]);
    assert_eq!(world.messages(other), Vec::<Value>::new());
    assert_eq!(count(&world, Reject::UnknownEvent), 1);
}

#[test]
fn g12_errors_reply_none_is_silence_and_still_counted() {
    let yaml = format!("errors: {{ reply: none }}\n{}", events(CHAT));
    let mut world = World::calm(&yaml, 2);
    let ada = world.open(0, "ada");
    for text in [r#"{"event":"nothing"}"#, "{", "{}", r#"{"event":"say"}"#] {
        world.say(ada, text);
    }
    world.settle();
    assert_eq!(world.frames(ada), []);
    for reject in [Reject::UnknownEvent, Reject::BadJson, Reject::BadMessage, Reject::MissingTarget]
    {
        assert_eq!(count(&world, reject), 1, "{reject:?}");
    }
}
