//! Presence of rooms: who hears of whom, when, and of whom nobody hears.

use serde_json::{Value, json};
use shardwire::config::Code;

use super::cast::{ask_event, codes, event, outcome, say, world};
use super::simulator::wire;
use super::simulator::world::World;

/// The sketch of rooms with rules, with what it takes to use it.
const CHAT: &str = r#"
version: 1
auth: { mode: jwt }
rooms:
  "chat:{tenant}:{id:int}":
    membership: user
    join:
      require:
        - { name: low, when: room.id < 100 }
    presence: { enabled: true, leaveGrace: 15s }
  "tab:{name}": { membership: connection, presence: { enabled: true, event: here } }
events:
  join:
    payload: { room: string }
    steps: [{ join: "${payload.room}" }, { reply: { event: in } }]
  leave: { payload: { room: string }, steps: [{ leave: "${payload.room}" }] }
  kick:
    payload: { room: string, user: string }
    steps: [{ leave: { room: "${payload.room}", user: "${payload.user}" } }]
"#;

const ROOM: &str = "chat:acme:1";

/// A window and what it takes to hear of it.
const WINDOW_MS: u64 = 101;

fn list(members: &[&str]) -> Value {
    let count = members.len();
    event("presence", json!({ "room": ROOM, "members": members, "count": count }))
}

fn change(joined: &[&str], left: &[&str], count: usize) -> Value {
    let payload = json!({ "room": ROOM, "joined": joined, "left": left, "count": count });
    event("presence", payload)
}

fn join(world: &mut World, client: usize) {
    world.messages(client);
    let got = ask_event(world, client, "join", json!({ "room": ROOM }));
    assert_eq!(got, [event("in", json!({}))]);
}

fn leave(world: &mut World, client: usize) {
    world.say(client, &say("leave", json!({ "room": ROOM })).to_string());
    world.settle();
}

/// What the client hears when the window is over.
fn heard(world: &mut World, client: usize) -> Vec<Value> {
    world.advance_ms(WINDOW_MS);
    world.messages(client)
}

/// The client's machine is gone, and the server knows.
fn drop_out(world: &mut World, client: usize) {
    world.hang_up(client);
    world.settle();
}

fn at(shards: u16, n: usize) -> usize {
    n % usize::from(shards)
}

fn total(world: &World, counter: &str) -> u64 {
    let mut sum = 0;
    for counters in &world.counters {
        counters.each(&mut |_, name, count| sum += if name == counter { count } else { 0 });
    }
    sum
}

#[test]
fn who_comes_gets_the_list_and_the_others_hear_of_it() {
    for shards in [1, 2, 3] {
        let mut world = world(CHAT, shards);
        let (ada, bob) = (world.open(0, "ada"), world.open(at(shards, 1), "bob"));
        join(&mut world, ada);
        assert_eq!(heard(&mut world, ada), [list(&["ada"])]);
        join(&mut world, bob);
        assert_eq!(heard(&mut world, bob), [list(&["ada", "bob"])]);
        assert_eq!(world.messages(ada), [change(&["bob"], &[], 2)]);
        // A second connection of a user is no second join, and has no list yet.
        let second = world.open(at(shards, 2), "bob");
        assert_eq!(heard(&mut world, second), [list(&["ada", "bob"])]);
        join(&mut world, second);
        drop_out(&mut world, bob);
        for client in [ada, second] {
            assert!(heard(&mut world, client).is_empty());
        }
        assert_eq!(total(&world, "present"), 2);
        leave(&mut world, second);
        assert_eq!(heard(&mut world, ada), [change(&[], &["bob"], 1)]);
        assert!(world.messages(second).is_empty());
        assert_eq!((total(&world, "toldJoins"), total(&world, "toldLeaves")), (2, 1));
        leave(&mut world, ada);
        world.advance_ms(WINDOW_MS);
        assert_eq!(total(&world, "present"), 0);
        assert!(world.live().iter().all(|live| live.presences == 0 && live.home_rooms == 0));
    }
}

#[test]
fn who_drops_may_come_back_within_the_grace() {
    for shards in [1, 3] {
        let mut world = world(CHAT, shards);
        let (ada, bob) = (world.open(0, "ada"), world.open(at(shards, 1), "bob"));
        [ada, bob].into_iter().for_each(|client| join(&mut world, client));
        world.advance_ms(WINDOW_MS);
        world.messages(ada);
        drop_out(&mut world, bob);
        world.advance_ms(14_000);
        let back = world.open(at(shards, 2), "bob");
        join(&mut world, back);
        assert_eq!(heard(&mut world, back), [list(&["ada", "bob"])]);
        world.advance_ms(60_000);
        assert!(world.messages(ada).is_empty(), "{shards}");
        assert_eq!(total(&world, "returns"), 1);
        // A goodbye is no leave either: a page that is loaded again says it, too.
        world.send(back, &wire::close(1001));
        world.settle();
        world.advance_ms(14_900);
        assert!(world.messages(ada).is_empty());
        assert_eq!(total(&world, "present"), 2);
        world.advance_ms(300);
        assert_eq!(world.messages(ada), [change(&[], &["bob"], 1)]);
        assert_eq!(total(&world, "present"), 1);
    }
}

#[test]
fn a_leave_that_somebody_asks_for_is_told_at_once() {
    for shards in [1, 2] {
        let mut world = world(CHAT, shards);
        let ada = world.open(0, "ada");
        let bobs = [world.open(0, "bob"), world.open(at(shards, 1), "bob")];
        [ada, bobs[0]].into_iter().for_each(|client| join(&mut world, client));
        world.advance_ms(WINDOW_MS);
        world.messages(ada);
        let bob = json!({ "room": ROOM, "user": "bob" });
        ask_event(&mut world, ada, "kick", bob.clone());
        assert_eq!(heard(&mut world, ada), [change(&[], &["bob"], 1)]);
        // Also of somebody who is awaited.
        join(&mut world, bobs[1]);
        assert_eq!(heard(&mut world, ada), [change(&["bob"], &[], 2)]);
        bobs.into_iter().for_each(|client| drop_out(&mut world, client));
        assert!(heard(&mut world, ada).is_empty());
        ask_event(&mut world, ada, "kick", bob);
        assert_eq!(heard(&mut world, ada), [change(&[], &["bob"], 1)]);
    }
}

#[test]
fn who_comes_and_goes_within_a_window_is_not_told_of() {
    let mut world = world(CHAT, 2);
    let (ada, bob) = (world.open(0, "ada"), world.open(1, "bob"));
    join(&mut world, ada);
    world.advance_ms(WINDOW_MS);
    world.messages(ada);
    join(&mut world, bob);
    leave(&mut world, bob);
    assert!(heard(&mut world, ada).is_empty());
    join(&mut world, bob);
    assert_eq!(heard(&mut world, ada), [change(&["bob"], &[], 2)]);
    leave(&mut world, bob);
    join(&mut world, bob);
    assert!(heard(&mut world, ada).is_empty());
    world.messages(bob);
    assert_eq!(total(&world, "toldJoins"), 2);
}

#[test]
fn in_a_room_of_connections_each_has_its_own_name_which_dies_with_it() {
    for shards in [1, 2] {
        let mut world = world(CHAT, shards);
        let all = [world.open(0, "ada"), world.open(at(shards, 1), "ada")];
        for client in all {
            ask_event(&mut world, client, "join", json!({ "room": "tab:x" }));
        }
        let got = heard(&mut world, all[0]);
        assert_eq!((&got[0]["event"], &got[0]["payload"]["count"]), (&json!("here"), &json!(2)));
        let members = got[0]["payload"]["members"].as_array().unwrap().clone();
        assert!(members.iter().all(|one| one.as_str().is_some_and(|one| one.len() == 20)));
        assert_ne!(members[0], members[1]);
        drop_out(&mut world, all[1]);
        let got = heard(&mut world, all[0]);
        assert_eq!(got.len(), 1);
        assert_eq!(got[0]["payload"]["count"], 1);
        assert!(members.contains(&got[0]["payload"]["left"][0]));
    }
}

#[test]
fn a_guest_leaves_when_it_says_whose_it_is() {
    let yaml = r#"
auth: { mode: message, event: auth }
rooms: { "chat:{x}:{y}": { presence: { enabled: true } } }
events:
  auth:
    payload: { user: string }
    steps: [{ identify: { user: "${payload.user}" } }, { reply: { event: known } }]
  join:
    payload: { room: string }
    steps: [{ join: "${payload.room}" }, { reply: { event: in } }]
"#;
    for shards in [1, 3] {
        let mut world = world(yaml, shards);
        let (ada, bob) = (world.open(0, ""), world.open(at(shards, 1), ""));
        ask_event(&mut world, ada, "auth", json!({ "user": "ada" }));
        ask_event(&mut world, bob, "auth", json!({ "user": "bob" }));
        [ada, bob].into_iter().for_each(|client| join(&mut world, client));
        world.advance_ms(WINDOW_MS);
        world.messages(ada);
        // It is in, by its user's rooms, as soon as it says whose it is.
        let tab = world.open(at(shards, 2), "");
        ask_event(&mut world, tab, "auth", json!({ "user": "ada" }));
        assert_eq!(heard(&mut world, tab), [list(&["ada", "bob"])]);
        assert!(world.messages(ada).is_empty());
        drop_out(&mut world, bob);
        world.advance_ms(15_200);
        assert_eq!(world.messages(ada), [change(&[], &["bob"], 1)]);
    }
}

#[test]
fn the_longer_grace_counts_and_none_at_all_is_one_window() {
    let graces = [("0s", "0s", 0), ("0s", "5s", 5_000), ("3s", "5s", 5_000), ("9s", "5s", 9_000)];
    for (own, compat, wanted_ms) in graces {
        let yaml = CHAT.replace("leaveGrace: 15s", &format!("leaveGrace: {own}"));
        let mut world = world(&format!("{yaml}\ncompat: {{ leaveGrace: {compat} }}\n"), 2);
        let (ada, bob) = (world.open(0, "ada"), world.open(1, "bob"));
        [ada, bob].into_iter().for_each(|client| join(&mut world, client));
        world.advance_ms(WINDOW_MS);
        world.messages(ada);
        drop_out(&mut world, bob);
        world.advance_ms(wanted_ms);
        assert!(world.messages(ada).is_empty(), "{own} {compat}");
        assert_eq!(heard(&mut world, ada), [change(&[], &["bob"], 1)], "{own} {compat}");
    }
}

#[test]
fn a_crowd_that_joins_at_once_is_told_in_few_frames() {
    const CROWD: usize = 400;
    for shards in [1, 4] {
        let mut world = world(CHAT, shards);
        let ada = world.open(0, "ada");
        join(&mut world, ada);
        world.advance_ms(WINDOW_MS);
        world.messages(ada);
        let open = |world: &mut World, n| world.connect(at(shards, n), &format!("user-{n:04}"));
        let crowd: Vec<usize> = (0..CROWD).map(|n| open(&mut world, n)).collect();
        world.settle();
        for client in &crowd {
            assert!(world.take_upgrade(*client));
            world.say(*client, &say("join", json!({ "room": ROOM })).to_string());
        }
        world.settle();
        let before = world.total(|one| one.deliveries.get());
        world.advance_ms(WINDOW_MS);
        // Each hears of all in one frame: 401 frames, where one a join and member were 160,000.
        assert_eq!(world.total(|one| one.deliveries.get()) - before, CROWD as u64 + 1);
        let got = world.messages(ada);
        let joined = got[0]["payload"]["joined"].as_array().unwrap();
        assert_eq!((got.len(), joined.len()), (1, CROWD));
        assert!(joined.is_sorted_by_key(|one| one.as_str()));
        for client in &crowd {
            let got = world.messages(*client);
            let members = got.last().unwrap()["payload"]["members"].as_array().unwrap();
            assert_eq!((got.len(), members.len()), (2, CROWD + 1));
        }
    }
}

#[test]
fn a_room_too_large_for_its_names_is_counted_until_they_fit_again() {
    let mut world = world(CHAT, 2);
    let name = |n: usize| format!("{n:03}{}", "x".repeat(240));
    let crowd: Vec<usize> = (0..80).map(|n| world.open(n % 2, &name(n))).collect();
    // 66 names of 243 bytes fit into 16 KiB, 67 do not.
    for client in &crowd[..66] {
        join(&mut world, *client);
    }
    world.advance_ms(WINDOW_MS);
    let got = world.messages(crowd[0]);
    let members = got[0]["payload"]["members"].as_array().unwrap();
    assert_eq!((members.len(), got[0]["payload"].get("more")), (66, None));
    for client in &crowd[66..70] {
        join(&mut world, *client);
    }
    world.advance_ms(WINDOW_MS);
    let payload = json!({ "room": ROOM, "joined": [], "left": [], "count": 70, "more": 4 });
    assert_eq!(world.messages(crowd[0]), [event("presence", payload)]);
    let got = world.messages(crowd[69]);
    let payload = &got[0]["payload"];
    assert_eq!(payload["members"].as_array().unwrap().len(), 66);
    assert_eq!((&payload["count"], &payload["more"]), (&json!(70), &json!(4)));
    assert_eq!(total(&world, "unnamed"), 8);
    // Fewer than before, and still not told: half of them must fit.
    for client in &crowd[40..70] {
        leave(&mut world, *client);
    }
    let got = heard(&mut world, crowd[0]);
    assert_eq!(got[0]["payload"]["more"], 30);
    for client in &crowd[33..40] {
        leave(&mut world, *client);
    }
    let got = heard(&mut world, crowd[0]);
    let payload = &got[0]["payload"];
    assert_eq!((got.len(), payload["members"].as_array().unwrap().len()), (1, 33));
    join(&mut world, crowd[40]);
    let got = heard(&mut world, crowd[0]);
    assert_eq!(got[0]["payload"]["joined"].as_array().unwrap().len(), 1);
}

#[test]
fn a_reload_brings_presence_changes_its_grace_and_takes_it_away() {
    let off = CHAT.replace("enabled: true, leaveGrace: 15s", "enabled: false");
    let short = CHAT.replace("leaveGrace: 15s", "leaveGrace: 2s");
    let base = "transport: { readTimeout: 24h, pingInterval: 0s }\n";
    for shards in [1, 3] {
        let mut world = world(&off, shards);
        let (ada, bob) = (world.open(0, "ada"), world.open(at(shards, 1), "bob"));
        let cyd = world.open(at(shards, 2), "cyd");
        let all = [ada, bob, cyd];
        all.into_iter().for_each(|client| join(&mut world, client));
        assert!(heard(&mut world, ada).is_empty());
        let reload = |world: &mut World, yaml: &str| {
            world.publish(&format!("{base}{yaml}"));
            (0..world.shards.len()).for_each(|shard| world.catch_up(shard));
            world.settle();
            world.advance_ms(WINDOW_MS);
        };
        reload(&mut world, CHAT);
        for client in all {
            assert_eq!(world.messages(client), [list(&["ada", "bob", "cyd"])], "{shards}");
        }
        // Who is away already is awaited by the new grace.
        drop_out(&mut world, cyd);
        world.advance_ms(1_000);
        reload(&mut world, &short);
        assert!(world.messages(ada).is_empty());
        world.advance_ms(1_100);
        assert_eq!(world.messages(ada), [change(&[], &["cyd"], 2)]);
        reload(&mut world, &off);
        leave(&mut world, bob);
        assert!(heard(&mut world, ada).is_empty());
        assert!(world.live().iter().all(|live| live.presences == 0));
        assert_eq!(total(&world, "present"), 0);
        reload(&mut world, CHAT);
        assert_eq!(world.messages(ada), [list(&["ada"])]);
    }
}

#[test]
fn a_slow_member_is_cut_off_and_the_others_are_told() {
    let yaml = CHAT.replace("leaveGrace: 15s", "leaveGrace: 0s");
    let mut world = World::calm(
        &format!(
            "transport: {{ readTimeout: 24h, pingInterval: 0s, writeTimeout: 1s }}\n{yaml}\
             \n  flood: {{ payload: {{ text: string }}, steps: [{{ send: {{ to: {{ user: bob }}, \
             event: flood, payload: {{ text: \"${{payload.text}}\" }} }} }}] }}\n"
        ),
        2,
    );
    let (ada, bob) = (world.open(0, "ada"), world.open(1, "bob"));
    [ada, bob].into_iter().for_each(|client| join(&mut world, client));
    world.advance_ms(WINDOW_MS);
    world.messages(ada);
    world.clients[bob].stuck = true;
    for _ in 0..40 {
        ask_event(&mut world, ada, "flood", json!({ "text": "x".repeat(30_000) }));
    }
    world.advance_ms(10_000);
    assert_eq!(world.messages(ada), [change(&[], &["bob"], 1)]);
}

#[test]
fn a_flat_payload_stands_beside_the_event() {
    let yaml = r#"
protocol: { in: { event: type, payload: . }, out: { event: type, payload: . } }
rooms: { lobby: { presence: { enabled: true } } }
events: { join: { steps: [{ join: lobby }] } }
"#;
    let mut world = world(yaml, 1);
    let ada = world.open(0, "a\"da");
    world.say(ada, r#"{"type":"join"}"#);
    world.settle();
    let wanted = json!({ "type": "presence", "room": "lobby", "members": ["a\"da"], "count": 1 });
    assert_eq!(heard(&mut world, ada), [wanted]);
}

#[test]
fn nothing_else_is_sent_by_the_name_of_presence() {
    let with = |rest: &str| {
        let rooms = "rooms: { \"r:{id}\": { presence: { enabled: true } } }";
        format!("{rooms}\nevents:\n  a:\n    steps:\n      - join: x\n{rest}\n")
    };
    let flat =
        |event: &str| with(&format!("protocol: {{ out: {{ event: {event}, payload: . }} }}"));
    for (yaml, wanted) in [
        (with(""), vec![]),
        (with("      - send: { to: all, event: presence }"), vec![Code::PresenceEvent]),
        (with("      - reply: { event: presence }"), vec![Code::PresenceEvent]),
        (with("      - reply: { event: present }"), vec![]),
        (
            with("lifecycle: { connect: [{ send: { to: all, event: presence } }] }"),
            vec![Code::PresenceEvent],
        ),
        (with("errors: { reply: { event: presence } }"), vec![Code::PresenceEvent]),
        (flat("type"), vec![]),
        (flat("members"), vec![Code::PresenceEvent]),
        (
            "rooms: { r: { presence: { leaveGrace: soon } } }\nevents: { a: { steps: [] } }".into(),
            vec![Code::BadDuration],
        ),
        (
            "rooms: { r: { presence: { event: '' } } }\nevents: { a: { steps: [] } }".into(),
            vec![Code::BadValue],
        ),
        (
            "protocol: raw\nrooms: { r: { presence: { enabled: true } } }\n\
             lifecycle: { message: [{ reply: '${msg}' }] }"
                .into(),
            vec![Code::EventsInRaw],
        ),
    ] {
        assert_eq!(codes(&yaml), wanted, "{yaml}");
    }
    let switched_off = with("      - reply: { event: presence }").replace("true", "false");
    assert!(outcome(&switched_off).is_ok());
}
