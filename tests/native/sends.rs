//! `send`: to whom, except whom, and how.

use serde_json::{Value, json};

use super::cast::{ask_event, event, open_world, outcome, refusal, world};
use super::simulator::world::World;

const SENDS: &str = r#"
events:
  join: { payload: { room: string }, steps: [{ join: "${payload.room}" }] }
  all: { payload: any, steps: [{ send: { to: all, event: m, payload: "${payload}" } }] }
  others: { steps: [{ send: { to: all, except: origin, event: m } }] }
  strangers: { steps: [{ send: { to: all, except: user, event: m } }] }
  room:
    payload: { room: string }
    steps: [{ send: { to: { room: "${payload.room}" }, event: m } }]
  roommates:
    payload: { room: string }
    steps: [{ send: { to: { room: "${payload.room}" }, except: origin, event: m } }]
  friends:
    payload: { room: string }
    steps: [{ send: { to: { room: "${payload.room}" }, except: user, event: m } }]
  user: { payload: { id: string }, steps: [{ send: { to: { user: "${payload.id}" }, event: m } }] }
  users:
    payload: { ids: list(string) }
    steps: [{ send: { to: { users: "${payload.ids}" }, event: m } }]
  mine: { steps: [{ send: { to: user, event: m } }] }
  rest: { steps: [{ send: { to: user, except: origin, event: m } }] }
  me: { steps: [{ send: { to: origin, event: m } }] }
  id: { steps: [{ reply: { event: id, payload: { id: "${conn.id}" } } }] }
  conn: { payload: { id: string }, steps: [{ send: { to: { conn: "${payload.id}" }, event: m } }] }
  target: { steps: [{ send: { to: target, event: m } }] }
"#;

/// Four users with two connections each, spread over the shards.
fn crowd(shards: u16) -> (World, Vec<usize>) {
    let mut world = world(SENDS, shards);
    let all: Vec<usize> = (0..8)
        .map(|n| world.open(n * 3 % usize::from(shards), ["ada", "bob", "cyd", "dan"][n % 4]))
        .collect();
    (world, all)
}

/// Who hears what the first connection says.
fn hearers(world: &mut World, all: &[usize], name: &str, payload: Value) -> Vec<usize> {
    let message = json!({ "event": name, "payload": payload });
    world.say(all[0], &message.to_string());
    world.settle();
    let mut heard = Vec::new();
    for (place, client) in all.iter().enumerate() {
        heard.extend(world.messages(*client).iter().map(|_| place));
    }
    heard
}

#[test]
fn everybody_is_reached_who_is_meant_and_nobody_else() {
    for shards in [1, 2, 4] {
        let (mut world, all) = crowd(shards);
        let everyone: Vec<usize> = (0..8).collect();
        let none = json!({});
        assert_eq!(hearers(&mut world, &all, "all", none.clone()), everyone);
        assert_eq!(hearers(&mut world, &all, "others", none.clone()), everyone[1..]);
        assert_eq!(hearers(&mut world, &all, "strangers", none.clone()), [1, 2, 3, 5, 6, 7]);
        assert_eq!(hearers(&mut world, &all, "me", none.clone()), [0]);
        assert_eq!(hearers(&mut world, &all, "mine", none.clone()), [0, 4]);
        assert_eq!(hearers(&mut world, &all, "rest", none.clone()), [4]);
        assert_eq!(hearers(&mut world, &all, "user", json!({ "id": "cyd" })), [2, 6]);
        let ids = json!({ "ids": ["bob", "dan", "nobody"] });
        assert_eq!(hearers(&mut world, &all, "users", ids), [1, 3, 5, 7]);
        for member in [0, 1] {
            ask_event(&mut world, all[member], "join", json!({ "room": "r" }));
        }
        let room = json!({ "room": "r" });
        assert_eq!(hearers(&mut world, &all, "room", room.clone()), [0, 1, 4, 5]);
        assert_eq!(hearers(&mut world, &all, "roommates", room.clone()), [1, 4, 5]);
        assert_eq!(hearers(&mut world, &all, "friends", room), [1, 5]);
        let undelivered = world.total(|counters| counters.undelivered.get());
        assert_eq!(hearers(&mut world, &all, "room", json!({ "room": "empty" })), [0; 0]);
        assert_eq!(world.total(|counters| counters.undelivered.get()), undelivered + 1);
    }
}

#[test]
fn one_connection_is_reached_by_its_id() {
    for shards in [1, 3] {
        let (mut world, all) = crowd(shards);
        let id = ask_event(&mut world, all[6], "id", json!({}))[0]["payload"]["id"].clone();
        assert_eq!(hearers(&mut world, &all, "conn", json!({ "id": id })), [6]);
        for none in ["", "x", "00000000000000000000", "ffffffffffffffffffff"] {
            assert_eq!(hearers(&mut world, &all, "conn", json!({ "id": none })), [0; 0]);
        }
        world.hang_up(all[6]);
        world.settle();
        assert_eq!(hearers(&mut world, &all, "conn", json!({ "id": id })), [0; 0]);
    }
}

#[test]
fn a_room_is_never_a_user_and_names_are_checked() {
    let (mut world, all) = crowd(2);
    let got = ask_event(&mut world, all[0], "room", json!({ "room": "user:bob" }));
    assert_eq!(refusal(&got), "bad_name");
    let got = ask_event(&mut world, all[0], "users", json!({ "ids": ["bob", ""] }));
    assert_eq!(refusal(&got), "bad_name");
    let target = json!({ "event": "target", "target": "user:bob" });
    world.say(all[0], &target.to_string());
    world.settle();
    assert_eq!(world.messages(all[1]).len() + world.messages(all[5]).len(), 4);
}

#[test]
fn one_publisher_is_heard_in_order_everywhere() {
    for seed in 0..20 {
        let yaml = format!("transport: {{ readTimeout: 24h, pingInterval: 0s }}\n{SENDS}");
        let mut world = World::new(&yaml, 3, seed);
        let all: Vec<usize> = (0..6).map(|n| world.open(n % 3, &format!("u{n}"))).collect();
        for n in 0..40 {
            world.say(all[0], &json!({ "event": "all", "payload": { "n": n } }).to_string());
            world.step();
        }
        world.settle();
        for &one in &all {
            let got: Vec<Value> = world.messages(one);
            let wanted: Vec<Value> = (0..40).map(|n| event("m", json!({ "n": n }))).collect();
            assert_eq!(got, wanted, "seed {seed}");
        }
    }
}

#[test]
fn volatile_messages_are_left_out_for_those_who_are_behind() {
    let yaml = r#"
events:
  v: { steps: [{ send: { to: all, volatile: true, event: v } }] }
  m: { steps: [{ send: { to: all, event: m } }] }
"#;
    let mut world = open_world(yaml, 1);
    let (ada, bob) = (world.open(0, "ada"), world.open(0, "bob"));
    world.clients[bob].stuck = true;
    for name in ["m", "m", "v", "m", "v"] {
        ask_event(&mut world, ada, name, json!({}));
    }
    assert_eq!(world.total(|counters| counters.volatile_dropped.get()), 2);
    assert_eq!(ask_event(&mut world, ada, "v", json!({})), [event("v", json!({}))]);
}

#[test]
fn of_conflated_messages_the_last_is_sent_and_no_more_than_one_a_while() {
    let yaml = r#"
events:
  join: { steps: [{ join: board }] }
  at:
    payload: { who: string, x: int }
    steps:
      - send:
          to: { room: board }
          event: at
          payload: { who: "${payload.who}", x: "${payload.x}" }
          conflate: { key: "${payload.who}", every: 100ms }
"#;
    for shards in [1, 2] {
        let mut world = open_world(yaml, shards);
        let (ada, bob) = (world.open(0, "ada"), world.open(usize::from(shards) - 1, "bob"));
        ask_event(&mut world, bob, "join", json!({}));
        for x in 0..5 {
            for who in ["a", "b"] {
                ask_event(&mut world, ada, "at", json!({ "who": who, "x": x }));
            }
        }
        let at = |who: &str, x: i64| event("at", json!({ "who": who, "x": x }));
        assert_eq!(world.messages(bob), [at("a", 0), at("b", 0)]);
        world.advance_ms(120);
        let mut got = world.messages(bob);
        got.sort_by_key(Value::to_string);
        assert_eq!(got, [at("a", 4), at("b", 4)]);
        world.advance_ms(500);
        assert!(world.messages(bob).is_empty());
        ask_event(&mut world, ada, "at", json!({ "who": "a", "x": 9 }));
        assert_eq!(world.messages(bob), [at("a", 9)]);
        assert_eq!(world.total(|counters| counters.conflated.get()), 6);
    }
}

#[test]
fn conflating_is_for_rooms() {
    let send = |to: &str| {
        format!(
            "events:\n  tick:\n    steps:\n      - send: {{ to: {to}, event: t, \
             conflate: {{ key: a, every: 50ms }} }}\n"
        )
    };
    assert!(outcome(&send("{ room: r }")).is_ok());
    for to in ["all", "origin", "{ user: u }"] {
        let findings = outcome(&send(to)).err().expect("a finding");
        assert!(findings.iter().any(|one| one.message.contains("for rooms")), "{to}: {findings:?}");
    }
}
