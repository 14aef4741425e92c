//! Back-pressure between shards, and the order behind a hold.

use serde_json::{Value, json};
use shardwire::limits::{MESH_BACKLOG_PAUSE_FRAMES, PARKED_BYTES_MAX};

use super::chorus::{ROOM, ask, event, for_seeds, named, quiet, request};
use super::simulator::random::Random;
use super::simulator::wire;
use super::simulator::world::World;

/// A name whose home is the other shard, so that every message to it crosses the mesh.
fn far_room() -> String {
    named("room:", 1, 2)
}

fn to_room(name: &str, room: &str, payload: &Value) -> Vec<u8> {
    let message = json!({ "event": name, "target": room, "payload": payload });
    wire::text(&message.to_string())
}

/// A world whose shard 0 has more frames waiting for shard 1 than it may, by one turn's bytes.
fn backlogged(room: &str) -> (World, usize, usize, u64) {
    let mut world = World::calm(&quiet("outbox: { bytes: 64MiB, frames: 100000 }"), 2);
    let listener = world.open(1, "listener");
    let flooder = world.open(0, "flooder");
    world.send(listener, &to_room("join", room, &json!(0)));
    world.settle();
    assert_eq!(world.messages(listener), [event("joined", json!(0))]);
    let first = MESH_BACKLOG_PAUSE_FRAMES as u64 + 500;
    let burst: Vec<u8> = (0..first).flat_map(|n| to_room("say", room, &json!(n))).collect();
    world.send(flooder, &burst);
    world.step();
    (world, flooder, listener, first)
}

fn heard(world: &mut World, client: usize) -> Vec<u64> {
    let said = |message: &Value| message["payload"].as_u64().expect("a number");
    world.messages(client).iter().map(said).collect()
}

#[test]
fn a_backlog_of_the_mesh_pauses_reading_and_resumes_without_loss() {
    let room = far_room();
    let (mut world, flooder, listener, first) = backlogged(&room);
    let mut sent = first;
    while !world.clients[flooder].paused {
        let piece: Vec<u8> =
            (sent..sent + 100).flat_map(|n| to_room("say", &room, &json!(n))).collect();
        world.send(flooder, &piece);
        world.step();
        sent += 100;
        assert!(sent < first + PARKED_BYTES_MAX as u64, "it is never paused");
    }
    // What the kernel would hold while the socket is paused.
    for _ in 0..100 {
        world.send(flooder, &to_room("say", &room, &json!(sent)));
        sent += 1;
    }
    world.settle();
    assert!(!world.clients[flooder].paused);
    assert_eq!(heard(&mut world, listener), (0..sent).collect::<Vec<_>>());
    assert_eq!(world.total(|c| c.messages_in.get()), sent + 1);
}

/// A connection whose hold ends during the backlog is not forgotten.
#[test]
fn what_waits_behind_a_hold_is_read_when_the_backlog_is_gone() {
    let room = far_room();
    let mut world = World::calm(&quiet("outbox: { bytes: 64MiB, frames: 100000 }"), 2);
    let flooder = world.open(0, "flooder");
    let user = named("held", 1, 2);
    let held = world.open(0, &user);
    // With connections on both shards its limit is counted at home.
    world.open(1, &user);
    world.say(held, &request("slowly", &json!(0)));
    world.step();
    assert_eq!(world.live()[0].holds, 1, "the limit is asked for at the user's home");
    world.say(held, &request("echo", &json!(1)));
    let most = MESH_BACKLOG_PAUSE_FRAMES as u64 + 500;
    let burst: Vec<u8> = (0..most).flat_map(|n| to_room("say", &room, &json!(n))).collect();
    world.send(flooder, &burst);
    world.settle();
    let answers = [event("slowly", json!(0)), event("echo", json!(1))];
    assert_eq!(world.messages(held), answers);
    assert_eq!(world.total(|c| c.undelivered.get()), most);
}

/// Whatever an event waits for on other shards, a connection's events keep their order.
#[test]
fn events_behind_a_join_or_a_limit_keep_their_order() {
    for_seeds(0..60, |seed| {
        let mut world = World::new(&quiet(""), 4, seed);
        let mut random = Random::new(seed);
        let clients: Vec<usize> =
            (0..5).map(|n| world.open(n % 4, &format!("user{}", n % 3))).collect();
        let mut expected = vec![Vec::new(); clients.len()];
        for n in 0..80 {
            let at = random.index(clients.len());
            let (name, payload) = match random.below(5) {
                0 => ("join", json!(0)),
                1 => ("leave", json!(0)),
                2 | 3 => ("slowly", json!(n)),
                _ => ("echo", json!(n)),
            };
            world.say(clients[at], &request(name, &payload));
            let answer = match name {
                "join" => "joined",
                "leave" => "left",
                other => other,
            };
            expected[at].push(event(answer, payload));
            (0..random.below(3)).for_each(|_| world.step());
        }
        world.settle();
        for (client, expected) in clients.iter().zip(&expected) {
            assert_eq!(&world.messages(*client), expected);
        }
    });
}

#[test]
fn a_member_hears_all_it_says_behind_its_join_in_order() {
    for_seeds(0..40, |seed| {
        let mut world = World::new(&quiet(""), 3, seed);
        let ada = world.open((seed % 3) as usize, &format!("ada{seed}"));
        let mut burst = wire::text(&request("join", &json!(0)));
        (0..50).for_each(|n| burst.extend(wire::text(&request("say", &json!(n)))));
        world.send(ada, &burst);
        world.settle();
        let mut expected = vec![event("joined", json!(0))];
        expected.extend((0..50).map(|n| event("said", json!(n))));
        assert_eq!(world.messages(ada), expected, "{ROOM}");
    });
}

#[test]
fn a_burst_to_a_far_room_is_one_send_to_each_member() {
    let mut world = World::calm(&quiet(""), 2);
    let (ada, bob) = (world.open(0, "ada"), world.open(1, "bob"));
    ask(&mut world, bob, "join", &json!(0));
    let before = world.counters[1].sends.get();
    let burst: Vec<u8> = (0..8).flat_map(|n| wire::text(&request("say", &json!(n)))).collect();
    world.send(ada, &burst);
    world.settle();
    assert_eq!(world.messages(bob).len(), 8);
    assert!(world.counters[1].sends.get() - before <= 2, "one turn, one send");
}
