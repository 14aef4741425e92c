//! The original's own configuration and the exchange of its browser chat.

use serde_json::{Value, json};
use shardwire::disconnect::Disconnect;

use super::chorus::{ask, event, limited};
use super::simulator::world::World;
use shardwire::config::{Source, fmt};

const ORIGINAL: &str = include_str!("../data/go-dispatch-config.yaml");
const ROOM: &str = "room:global";

/// The original's file, and what `shardwire fmt --upgrade` makes of it.
fn both_spellings() -> [String; 2] {
    let upgraded = fmt::upgrade(&Source::new("config.yaml", ORIGINAL)).expect("upgraded");
    assert_eq!(upgraded.notes, Vec::<String>::new());
    assert!(upgraded.text.contains("version: 1") && !upgraded.text.contains("_notify"));
    [ORIGINAL.to_owned(), upgraded.text]
}

fn join(world: &mut World, client: usize, name: &str) -> Vec<Value> {
    let payload = json!({ "name": name });
    ask(world, client, &json!({ "event": "join_room", "target": ROOM, "payload": payload }))
}

fn say(world: &mut World, client: usize, text: &str) -> Vec<Value> {
    let payload = json!({ "message": text });
    ask(world, client, &json!({ "event": "send_message", "target": ROOM, "payload": payload }))
}

fn joined(id: &str, name: &str) -> Value {
    event("user_joined", json!({ "user": { "id": id, "name": name } }))
}

#[test]
fn the_chat_of_the_original_goes_as_it_went() {
    for (yaml, shards) in both_spellings().iter().flat_map(|yaml| [1, 2, 4].map(|n| (yaml, n))) {
        let mut world = World::calm(yaml, shards);
        let (ada, bob) = (world.open(0, "ada"), world.open(usize::from(shards) - 1, "bob"));
        let success = event("join_success", json!({ "room": ROOM, "status": "ok" }));
        assert_eq!(join(&mut world, ada, "Ada"), [success.clone(), joined("ada", "Ada")]);
        assert_eq!(join(&mut world, bob, "Bob"), [success, joined("bob", "Bob")]);
        assert_eq!(world.messages(ada), [joined("bob", "Bob")]);
        let said = event("new_message", json!({ "user": "ada", "message": "hi" }));
        for _ in 0..10 {
            assert_eq!(say(&mut world, ada, "hi"), std::slice::from_ref(&said));
            assert_eq!(world.messages(bob), std::slice::from_ref(&said));
        }
        for _ in 0..2 {
            let told = [limited("send_message", 60_000)];
            assert_eq!(say(&mut world, ada, "hi"), told);
        }
        assert_eq!(world.messages(bob), Vec::<Value>::new());
        let leave = json!({ "event": "leave_room", "target": ROOM, "payload": {} });
        let left = event("user_left", json!({ "user": "bob", "room": ROOM }));
        assert_eq!(ask(&mut world, bob, &leave), Vec::<Value>::new());
        assert_eq!(world.messages(ada), [left]);
    }
}

#[test]
fn the_original_closes_the_oldest_of_four_connections() {
    both_spellings().iter().for_each(|yaml| closes_the_oldest_of_four(yaml));
}

fn closes_the_oldest_of_four(yaml: &str) {
    let mut world = World::calm(yaml, 2);
    let conns: Vec<usize> = (0..4).map(|n| world.open(n % 2, "ada")).collect();
    let cycled = world.total(|c| c.disconnects[Disconnect::Cycled as usize].get());
    assert_eq!(cycled, 1);
    let codes: Vec<usize> = conns
        .iter()
        .map(|conn| world.frames(*conn).iter().filter(|frame| frame.opcode == 8).count())
        .collect();
    assert_eq!(codes, [1, 0, 0, 0]);
}
