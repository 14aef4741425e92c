//! Reloads in the simulator: what is held finishes as it began, what is counted goes on, and what a
//! place in a table meant it means for as long as the process lives.
//!
//! The chaos is in `sim` and `sim_limits`: their properties hold while shards change over at
//! different moments. Here each moment is chosen.

#![allow(clippy::expect_used, clippy::panic, reason = "a test stops where it fails")]

mod simulator;

use serde_json::{Value, json};
use simulator::world::World;

const HEAD: &str =
    "server: { connectionLimit: { maxPerUser: 0 } }\ntransport: { pingInterval: 0s }\n";

/// A version that says its number before and behind a join, and behind a limit.
fn version(number: u32, before: &str, limit: &str) -> String {
    format!(
        r#"{HEAD}
events:
{before}
  count:
    modifiers: [{{ name: rate_limit, params: ["{limit}"] }}]
    actions: [{{ name: _notify_origin, params: [counted, "{number}"] }}]
  pair:
    actions:
      - {{ name: _notify_origin, params: [first, "{number}"] }}
      - {{ name: _join, params: ["{{$user.id}}", "{{$target.id}}"] }}
      - {{ name: _notify_origin, params: [second, "{number}"] }}
"#
    )
}

const OTHERS: &str = r#"
  aaa: { modifiers: [{ name: rate_limit, params: ["1/m"] }], actions: [] }
  bbb: { modifiers: [{ name: rate_limit, params: ["2/m"] }], actions: [] }
"#;

/// Every message since the last look, as event and payload (of an error its code).
fn heard(world: &mut World, client: usize) -> Vec<(String, Value)> {
    let message = |message: Value| {
        let payload = &message["payload"];
        let payload = payload.get("code").unwrap_or(payload).clone();
        (message["event"].as_str().expect("an event").to_owned(), payload)
    };
    world.messages(client).into_iter().map(message).collect()
}

fn one(event: &str, payload: impl Into<Value>) -> (String, Value) {
    (event.to_owned(), payload.into())
}

fn publish_to_all(world: &mut World, yaml: &str) {
    world.publish(yaml);
    (0..world.shards.len()).for_each(|shard| world.catch_up(shard));
}

/// A user with connections on two shards, so that one of them must ask; which one is known from
/// where messages wait.
fn two_shards(yaml: &str) -> (World, [usize; 2]) {
    let mut world = World::calm(yaml, 2);
    let clients = [world.open(0, "ada"), world.open(1, "ada")];
    (world, clients)
}

fn held(world: &World) -> usize {
    world.live().iter().map(|live| live.holds).sum()
}

/// Says something on the connection whose message has to wait for another shard, and stops there.
fn say_and_hold(world: &mut World, clients: [usize; 2], message: &str) -> usize {
    for client in clients {
        world.say(client, message);
        world.step();
        if held(world) > 0 {
            return client;
        }
        world.settle();
        heard(world, client);
    }
    panic!("nothing waited");
}

#[test]
fn a_message_that_waits_for_its_limit_goes_on_in_the_version_that_it_began_in() {
    let (mut world, clients) = two_shards(&version(1, "", "9/m"));
    let client = say_and_hold(&mut world, clients, r#"{"event":"count"}"#);
    let shard = world.clients[client].shard;
    publish_to_all(&mut world, &version(2, OTHERS, "9/m"));
    assert_eq!(world.shards[shard].former_editions(), 1);
    // Another version comes before the first has gone.
    publish_to_all(&mut world, &version(3, "", "9/m"));
    world.say(client, r#"{"event":"count"}"#);
    world.settle();
    assert_eq!(heard(&mut world, client), [one("counted", 1), one("counted", 3)]);
    assert_eq!(world.shards[shard].former_editions(), 0);
}

#[test]
fn effects_behind_a_join_are_those_of_the_version_that_asked_for_it() {
    let (mut world, clients) = two_shards(&version(1, "", "9/m"));
    let message = r#"{"event":"pair","target":"room:1"}"#;
    let client = say_and_hold(&mut world, clients, message);
    publish_to_all(&mut world, &version(2, OTHERS, "9/m"));
    world.say(client, message);
    world.settle();
    let both = [one("first", 1), one("second", 1), one("first", 2), one("second", 2)];
    assert_eq!(heard(&mut world, client), both);
    assert!(world.shards.iter().all(|shard| shard.former_editions() == 0));
}

#[test]
fn a_connection_that_goes_while_it_is_held_takes_its_version_along() {
    let (mut world, clients) = two_shards(&version(1, "", "9/m"));
    let client = say_and_hold(&mut world, clients, r#"{"event":"count"}"#);
    publish_to_all(&mut world, &version(2, OTHERS, "9/m"));
    world.hang_up(client);
    assert!(world.shards.iter().all(|shard| shard.former_editions() == 0));
    world.settle();
}

#[test]
fn a_shard_that_hears_from_a_newer_one_changes_over_before_it_listens() {
    let (mut world, clients) = two_shards(&version(1, "", "9/m"));
    let asking = say_and_hold(&mut world, clients, r#"{"event":"count"}"#);
    world.settle();
    heard(&mut world, asking);
    // Only the shard of the connection that must ask changes over. It asks the other one for a
    // limit that the program there does not have yet.
    world.publish(&version(2, OTHERS, "1/m"));
    let shard = world.clients[asking].shard;
    world.catch_up(shard);
    assert_eq!(world.shards[1 - shard].generation() + world.shards[shard].generation(), 1);
    for _ in 0..2 {
        world.say(asking, r#"{"event":"count"}"#);
    }
    world.settle();
    let (passed, refused) = (one("counted", 2), one("error", "rate_limited"));
    assert_eq!(heard(&mut world, asking), [passed, refused]);
    assert!(world.shards.iter().all(|shard| shard.generation() == 1));
}

/// What a limit has counted is kept while its event, key and rate are the same, wherever it is
/// counted; a limit that is another begins anew, and one that comes back goes on.
#[test]
fn counts_are_kept_for_limits_that_are_the_same_and_for_no_others() {
    for shards in [[0, 0], [0, 1]] {
        let mut world = World::calm(&version(1, "", "3/m"), 2);
        let clients = shards.map(|shard| world.open(shard, "ada"));
        let mut count = |yaml: &str| {
            publish_to_all(&mut world, yaml);
            let mut passed = 0;
            for client in clients {
                world.say(client, r#"{"event":"count"}"#);
                world.settle();
                passed +=
                    heard(&mut world, client).iter().filter(|(name, _)| name == "counted").count();
            }
            passed
        };
        assert_eq!(count(&version(1, "", "3/m")), 2);
        assert_eq!(count(&version(2, OTHERS, "3/m")), 1, "one of three was left");
        assert_eq!(count(&version(3, "", "3/m")), 0);
        assert_eq!(count(&version(4, "", "5/m")), 2, "another rate is another limit");
        assert_eq!(count(&version(5, OTHERS, "3/m")), 0, "the same one again");
        assert_eq!(count(&version(6, "", "5/m")), 2);
        assert_eq!(count(&version(7, "", "5/m")), 1);
        assert_eq!(count(&version(8, "", "5/h")), 2, "another window too");
    }
}

#[test]
fn the_first_limit_that_a_reload_brings_is_exact_and_then_counted_where_the_user_is() {
    let unlimited = version(1, "", "9/m").replace("rate_limit, params: [\"9/m\"]", "");
    let unlimited = unlimited.replace("    modifiers: [{ name:  }]\n", "");
    let mut world = World::calm(&unlimited, 2);
    let clients: Vec<usize> = (0..8).map(|n| world.open(n % 2, &format!("user{n}"))).collect();
    publish_to_all(&mut world, &version(2, "", "3/m"));
    for client in clients {
        for _ in 0..5 {
            world.say(client, r#"{"event":"count"}"#);
            world.settle();
        }
        let passed = heard(&mut world, client).iter().filter(|(name, _)| name == "counted").count();
        assert_eq!(passed, 3);
    }
    assert!(world.takes <= 8, "each asked once at most, then counted itself: {}", world.takes);
}

const PERMISSIONS: &str = r#"
permissions: [PERMISSIONS]
events:
  speak:
    modifiers: [{ name: permission, params: [speak] }]
    actions: [{ name: _notify_origin, params: [spoke, "1"] }]
"#;

#[test]
fn permissions_mean_the_same_whatever_stands_before_them_in_the_list() {
    let yaml = |names: &str| format!("{HEAD}{}", PERMISSIONS.replace("PERMISSIONS", names));
    let mut world = World::calm(&yaml("speak, other"), 2);
    let may = world.connect_with(0, "ada", &["speak"]);
    let may_not = world.connect_with(1, "bob", &["other"]);
    world.settle();
    for names in ["a, b, other, speak", "speak", "other, speak"] {
        publish_to_all(&mut world, &yaml(names));
        world.say(may, r#"{"event":"speak"}"#);
        world.say(may_not, r#"{"event":"speak"}"#);
        world.settle();
        assert_eq!(heard(&mut world, may), [one("spoke", 1)], "{names}");
        assert_eq!(heard(&mut world, may_not), [one("error", "forbidden")], "{names}");
    }
    publish_to_all(&mut world, &yaml("speak"));
    let refused = world.connect_with(0, "eve", &["other"]);
    world.settle();
    assert!(!world.take_upgrade(refused), "the file does not declare it any more");
}

const STATE: &str = r#"
version: 1
server: { connectionLimit: { maxPerUser: 0 } }
state: { conn: { CONN }, user: { USER } }
events:
  set:
    payload: { to: string }
    steps: [{ set: { conn.name: "${payload.to}", user.motto: "${payload.to}!" } }]
  get:
    steps: [{ reply: { event: got, payload: { name: "${conn.name}", motto: "${user.motto}" } } }]
"#;

#[test]
fn variables_keep_their_values_while_their_name_and_type_are_the_same() {
    let yaml = |conn: &str, user: &str| STATE.replace("CONN", conn).replace("USER", user);
    let first = yaml("name: string = \"\"", "motto: string = \"\"");
    let mut world = World::calm(&first, 2);
    let clients = [world.open(0, "ada"), world.open(1, "ada")];
    world.say(clients[0], r#"{"event":"set","payload":{"to":"x"}}"#);
    world.settle();
    let mut got = |yaml: &str, client: usize| {
        publish_to_all(&mut world, yaml);
        world.say(clients[client], r#"{"event":"get"}"#);
        world.settle();
        heard(&mut world, clients[client])
    };
    let later = yaml(
        "a: int = 1, b: bool = true, name: string = \"?\"",
        "b: int = 2, motto: string = \"?\"",
    );
    assert_eq!(got(&later, 0), [one("got", json!({ "name": "x", "motto": "x!" }))]);
    assert_eq!(got(&later, 1), [one("got", json!({ "name": "?", "motto": "x!" }))]);
    let other = yaml("name: int = 7", "motto: string = \"\"");
    let other = other.replace(
        "    steps: [{ set: { conn.name: \"${payload.to}\", user.motto",
        "    steps: [{ set: { user.motto",
    );
    assert_eq!(got(&other, 0), [one("got", json!({ "name": 7, "motto": "x!" }))]);
}

#[test]
fn settings_of_open_connections_follow() {
    let yaml = |transport: &str, more: &str| {
        version(1, "", "9/m").replace("transport: { pingInterval: 0s }", transport) + more
    };
    let mut world = World::calm(&yaml("transport: { pingInterval: 0s, readTimeout: 24h }", ""), 1);
    let ada = world.open(0, "ada");
    let smaller = "transport: { pingInterval: 0s, readTimeout: 1s, maxMessageSize: 100B }";
    publish_to_all(&mut world, &yaml(smaller, "errors: { event: refused }\n"));
    world.say(ada, r#"{"event":"nothing"}"#);
    world.settle();
    assert_eq!(heard(&mut world, ada), [one("refused", "unknown_event")]);
    world.advance_ms(1_100);
    assert!(ends(&mut world, ada), "its read timeout is the new one");
    let bob = world.open(0, "bob");
    world.say(bob, &format!(r#"{{"event":"{}"}}"#, "x".repeat(200)));
    world.settle();
    assert!(ends(&mut world, bob), "its message is too large now");
}

/// Whether the server said that it closes.
fn ends(world: &mut World, client: usize) -> bool {
    world.frames(client).iter().any(|frame| frame.opcode == 8)
}

/// A bound that comes counts who joins from then on; one that changes keeps who is counted; with
/// one that goes the room has none.
#[test]
fn bounds_of_open_rooms_follow() {
    let yaml = |rooms: &str| version(1, "", "9/m") + rooms;
    let bound =
        |most: u32| yaml(&format!("rooms: {{ lobby: {{ limits: {{ maxMembers: {most} }} }} }}\n"));
    let mut world = World::calm(&bound(2), 2);
    let join = |world: &mut World, n: usize| {
        let client = world.open(n % 2, &format!("user{n}"));
        world.say(client, r#"{"event":"pair","target":"lobby"}"#);
        world.settle();
        heard(world, client).last().is_some_and(|(event, _)| event == "second")
    };
    let joined: Vec<bool> = (0..3).map(|n| join(&mut world, n)).collect();
    assert_eq!(joined, [true, true, false]);
    publish_to_all(&mut world, &bound(3));
    assert_eq!([join(&mut world, 3), join(&mut world, 4)], [true, false]);
    publish_to_all(&mut world, &yaml(""));
    assert_eq!([join(&mut world, 5), join(&mut world, 6)], [true, true]);
    // Five are in, and a bound that comes counts them all, wherever they are.
    publish_to_all(&mut world, &bound(6));
    world.settle();
    assert_eq!([join(&mut world, 7), join(&mut world, 8)], [true, false]);
    for client in 0..world.clients.len() {
        world.hang_up(client);
    }
    world.settle();
    world.advance_ms(100);
    assert!(world.live().iter().all(|live| *live == shardwire::shard::Live::default()));
}

/// Members who are in when the first bound comes take places, and give them back.
#[test]
fn a_bound_that_comes_counts_who_is_in_and_who_goes() {
    for membership in ["user", "connection"] {
        let yaml = |most: u32| {
            let limits = format!("limits: {{ maxMembers: {most} }}");
            format!(
                "{HEAD}rooms: {{ lobby: {{ membership: {membership}, {limits} }} }}\nevents:\n  \
                 enter: {{ steps: [{{ join: lobby }}, {{ reply: {{ event: in }} }}] }}\n  exit: {{ \
                 steps: [{{ leave: lobby }}, {{ reply: {{ event: out }} }}] }}\n"
            )
        };
        let mut world = World::calm(&yaml(0), 2);
        let clients: Vec<usize> = (0..6).map(|n| world.open(n % 2, &format!("u{n}"))).collect();
        let told = |world: &mut World, n: usize, event: &str| {
            say(world, clients[n], event, Value::Null);
            world.messages(clients[n])[0]["event"].as_str().expect("an event").to_owned()
        };
        (0..4).for_each(|n| assert_eq!(told(&mut world, n, "enter"), "in"));
        publish_to_all(&mut world, &yaml(3));
        world.settle();
        for (n, event, answer) in [
            (4, "enter", "error"),
            (0, "exit", "out"),
            (4, "enter", "error"),
            (1, "exit", "out"),
            (4, "enter", "in"),
            (5, "enter", "error"),
            (4, "exit", "out"),
            (5, "enter", "in"),
            (0, "enter", "error"),
        ] {
            assert_eq!(told(&mut world, n, event), answer, "{membership}: {n} {event}");
        }
        (0..6).for_each(|n| world.hang_up(clients[n]));
        world.settle();
        world.advance_ms(100);
        let live = world.live();
        assert!(live.iter().all(|live| *live == shardwire::shard::Live::default()), "{live:?}");
    }
}

/// Rooms whose members are users, or connections, with rules that a reload changes.
fn guarded(membership: &str, recheck: &str, rule: &str) -> String {
    format!(
        r#"{HEAD}state: {{ conn: {{ side: "string = 'none'" }} }}
rooms:
  "chat:{{id}}":
    membership: {membership}
    join: {{ recheck: {recheck}, require: [{{ name: right side, when: "{rule}" }}] }}
lifecycle:
  leave:
    - send: {{ to: room, event: gone, payload: {{ why: "${{reason}}", who: "${{user.id}}" }} }}
    - send: {{ to: origin, event: left, payload: {{ why: "${{reason}}", room: "${{room.name}}" }} }}
events:
  side: {{ payload: {{ side: string }}, steps: [{{ set: {{ conn.side: "${{payload.side}}" }} }}] }}
  enter: {{ payload: {{ room: string }}, steps: [{{ join: "${{payload.room}}" }}] }}
  say:
    payload: {{ room: string }}
    steps: [{{ send: {{ to: {{ room: "${{payload.room}}" }}, event: said }} }}]
"#
    )
}

const ANYBODY: &str = "size(conn.side) < 99";
const NOT_BAD: &str = "conn.side != 'bad'";

fn say(world: &mut World, client: usize, event: &str, payload: Value) {
    world.say(client, &json!({ "event": event, "payload": payload }).to_string());
    world.settle();
}

/// So many users on two shards in the room `chat:1`; those at odd places are on the bad side.
fn sided(yaml: &str, users: usize) -> (World, Vec<usize>) {
    let mut world = World::calm(yaml, 2);
    let clients: Vec<usize> = (0..users)
        .map(|user| {
            let client = world.open(user / 2 % 2, &format!("u{user}"));
            let side = if user % 2 == 1 { "bad" } else { "good" };
            say(&mut world, client, "side", json!({ "side": side }));
            say(&mut world, client, "enter", json!({ "room": "chat:1" }));
            client
        })
        .collect();
    clients.iter().for_each(|client| drop(world.messages(*client)));
    (world, clients)
}

fn events(messages: &[Value]) -> Vec<&str> {
    messages.iter().filter_map(|message| message["event"].as_str()).collect()
}

/// Who hears what is said in the room.
fn hearing(world: &mut World, clients: &[usize]) -> Vec<bool> {
    clients.iter().for_each(|client| drop(world.messages(*client)));
    say(world, clients[0], "say", json!({ "room": "chat:1" }));
    clients.iter().map(|client| events(&world.messages(*client)).contains(&"said")).collect()
}

fn counted(world: &World) -> (u64, u64) {
    (world.total(|one| one.taken_out.get()), world.total(|one| one.would_take_out.get()))
}

#[test]
fn rules_that_a_reload_changes_take_those_out_who_would_not_get_in() {
    for membership in ["user", "connection"] {
        let (mut world, clients) = sided(&guarded(membership, "none", ANYBODY), 8);
        publish_to_all(&mut world, &guarded(membership, "enforce", NOT_BAD));
        world.settle();
        for (place, client) in clients.iter().enumerate() {
            let messages = world.messages(*client);
            let heard = events(&messages);
            if place % 2 == 0 {
                assert!(!heard.contains(&"error") && !heard.contains(&"left"), "{messages:?}");
                continue;
            }
            let error = messages.iter().find(|one| one["event"] == "error").expect("an error");
            let told = &error["payload"];
            assert_eq!((&told["code"], &told["rule"]), (&json!("denied"), &json!("right side")));
            assert_eq!((&told["room"], &told["event"]), (&json!("chat:1"), &Value::Null));
            let left = messages.iter().find(|one| one["event"] == "left").expect("the hook");
            assert_eq!(left["payload"], json!({ "why": "denied", "room": "chat:1" }));
        }
        let odd = [true, false, true, false, true, false, true, false];
        assert_eq!(hearing(&mut world, &clients), odd, "{membership}");
        assert_eq!(counted(&world), (4, 0), "{membership}");
        // Whoever is out gets in again as soon as the rule holds, and not before.
        say(&mut world, clients[1], "enter", json!({ "room": "chat:1" }));
        assert_eq!(events(&world.messages(clients[1])), ["error"]);
        say(&mut world, clients[1], "side", json!({ "side": "good" }));
        say(&mut world, clients[1], "enter", json!({ "room": "chat:1" }));
        assert!(hearing(&mut world, &clients)[1]);
    }
}

#[test]
fn nobody_goes_where_that_is_not_asked_for_or_no_rule_has_changed() {
    for (before, after, would) in [
        (guarded("user", "none", ANYBODY), guarded("user", "none", NOT_BAD), 0),
        (guarded("user", "none", ANYBODY), guarded("connection", "shadow", NOT_BAD), 3),
        (guarded("connection", "none", ANYBODY), guarded("connection", "shadow", NOT_BAD), 3),
        // Other places and another name are no other rule.
        (
            guarded("user", "enforce", ANYBODY),
            guarded("user", "enforce", ANYBODY)
                .replace("right side", "side")
                .replace("events:", "\nevents:\n  more: { steps: [{ log: more }] }"),
            0,
        ),
    ] {
        let (mut world, clients) = sided(&before, 6);
        publish_to_all(&mut world, &after);
        world.settle();
        assert!(clients.iter().all(|client| world.messages(*client).is_empty()));
        assert_eq!(counted(&world), (0, would));
        assert_eq!(hearing(&mut world, &clients), [true; 6]);
    }
}

#[test]
fn a_user_goes_once_and_whole_where_one_of_its_connections_would_not_get_in() {
    let mut world = World::calm(&guarded("user", "none", ANYBODY), 2);
    let clients = [0, 1, 0, 1].map(|shard| world.open(shard, "ada"));
    let other = world.open(1, "bob");
    for client in [clients[0], other] {
        say(&mut world, client, "enter", json!({ "room": "chat:1" }));
    }
    for client in &clients[..3] {
        say(&mut world, *client, "side", json!({ "side": "bad" }));
    }
    publish_to_all(&mut world, &guarded("user", "enforce", NOT_BAD));
    world.settle();
    assert_eq!(counted(&world), (1, 0));
    let lefts = clients.map(|client| {
        let messages = world.messages(client);
        let heard = events(&messages);
        assert_eq!(heard.iter().filter(|one| **one == "error").count(), 1, "{heard:?}");
        heard.contains(&"left")
    });
    assert_eq!(lefts.iter().filter(|left| **left).count(), 1);
    let gone = world.messages(other);
    assert_eq!(events(&gone), ["gone"]);
    assert_eq!(gone[0]["payload"], json!({ "why": "denied", "who": "ada" }));
    let all = [other, clients[0], clients[1], clients[2], clients[3]];
    assert_eq!(hearing(&mut world, &all), [true, false, false, false, false]);
    assert!(world.live().iter().all(|live| live.jobs == 0 && live.holds == 0));
}

/// More members than a turn asks; they come and go meanwhile, and two changes follow each other.
#[test]
fn a_room_of_many_members_is_asked_over_several_turns() {
    let (mut world, clients) = sided(&guarded("connection", "none", ANYBODY), 1_200);
    publish_to_all(&mut world, &guarded("connection", "enforce", NOT_BAD));
    (0..2).for_each(|_| world.step());
    let (out, _) = counted(&world);
    assert!(out < 600, "{out} of 600 in two turns");
    // Others leave from the front and the back of what is not asked yet.
    let gone = [0, 1, 2, 3, 600, 601, 1_196, 1_197, 1_198, 1_199];
    gone.iter().for_each(|client| world.hang_up(clients[*client]));
    publish_to_all(&mut world, &guarded("connection", "enforce", "conn.side != 'bad' && true"));
    world.settle();
    let stay: Vec<usize> = (0..1_200).filter(|client| !gone.contains(client)).collect();
    let stay: Vec<usize> = stay.into_iter().map(|client| clients[client]).collect();
    let hears = hearing(&mut world, &stay);
    let hearing = hears.iter().filter(|hears| **hears).count();
    assert_eq!((hears.len(), hearing), (1_190, 595));
}
