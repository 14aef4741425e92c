//! `batch.delay`: messages to a room that wait for others, among messages that do not.

use serde_json::{Value, json};
use shardwire::disconnect::Disconnect;

use super::chorus::{close_code, ended, event, named, quiet};
use super::simulator::wire;
use super::simulator::world::World;

const ROOMS: &str = "
rooms:
  'slow:{n}': { batch: { delay: 5ms } }
  'slower:{n:int}': { batch: { delay: 50ms } }
";

const NOTHING: [u64; 0] = [];

fn world(shards: u16, transport: &str) -> World {
    World::calm(&(quiet(transport) + ROOMS), shards)
}

fn tell(world: &mut World, client: usize, name: &str, room: &str, payload: &Value) {
    let message = json!({ "event": name, "target": room, "payload": payload });
    world.say(client, &message.to_string());
    world.settle();
}

/// A member of these rooms.
fn member(world: &mut World, shard: usize, user: &str, rooms: &[&str]) -> usize {
    let client = world.open(shard, user);
    for room in rooms {
        tell(world, client, "join", room, &json!(0));
        assert_eq!(world.messages(client), [event("joined", json!(0))]);
    }
    client
}

/// Numbers said to this client, in order.
fn heard(world: &mut World, client: usize) -> Vec<u64> {
    let messages = world.messages(client);
    messages.iter().filter_map(|message| message["payload"].as_u64()).collect()
}

#[test]
fn messages_of_several_turns_leave_in_one_send_when_the_first_is_due() {
    let mut world = world(1, "");
    let ada = member(&mut world, 0, "ada", &["slow:x"]);
    let bob = world.open(0, "bob");
    let sends = world.counters[0].sends.get();
    for n in 0..4 {
        tell(&mut world, bob, "say", "slow:x", &json!(n));
        assert_eq!(heard(&mut world, ada), NOTHING);
        world.advance_ms(1);
    }
    assert_eq!(heard(&mut world, ada), NOTHING);
    world.advance_ms(1);
    assert_eq!(heard(&mut world, ada), [0, 1, 2, 3]);
    assert_eq!(world.counters[0].sends.get() - sends, 1);
    // The next message waits its own time.
    tell(&mut world, bob, "say", "slow:x", &json!(4));
    world.advance_ms(4);
    assert_eq!(heard(&mut world, ada), NOTHING);
    world.advance_ms(1);
    assert_eq!(heard(&mut world, ada), [4]);
}

#[test]
fn a_room_without_a_delay_and_one_that_no_pattern_matches_go_at_once() {
    let mut world = world(1, "");
    for (n, room) in ["room:x", "slow:x:y", "slower:x", "slow:"].into_iter().enumerate() {
        let ada = member(&mut world, 0, &format!("ada{n}"), &[room]);
        tell(&mut world, ada, "say", room, &json!(7));
        assert_eq!(heard(&mut world, ada), [7], "{room}");
    }
}

#[test]
fn whatever_goes_at_once_takes_along_what_waits_and_order_is_kept() {
    let mut world = world(1, "");
    let rooms = ["slow:x", "slower:1", "room:x"];
    let ada = member(&mut world, 0, "ada", &rooms);
    for at_once in ["echo", "say"] {
        tell(&mut world, ada, "say", "slower:1", &json!(1));
        tell(&mut world, ada, "say", "slow:x", &json!(2));
        assert_eq!(heard(&mut world, ada), NOTHING);
        tell(&mut world, ada, at_once, "room:x", &json!(3));
        assert_eq!(heard(&mut world, ada), [1, 2, 3], "{at_once}");
    }
    // A pong does, too.
    tell(&mut world, ada, "say", "slow:x", &json!(4));
    world.send(ada, &wire::frame(9, b"ping"));
    world.settle();
    let opcodes: Vec<u8> = world.frames(ada).iter().map(|frame| frame.opcode).collect();
    assert_eq!(opcodes, [1, 10]);
    // The shorter delay of two counts for both.
    tell(&mut world, ada, "say", "slower:1", &json!(5));
    tell(&mut world, ada, "say", "slow:x", &json!(6));
    world.advance_ms(5);
    assert_eq!(heard(&mut world, ada), [5, 6]);
}

#[test]
fn a_sends_worth_of_messages_does_not_wait() {
    let mut world = world(1, "outbox: { frames: 8 }");
    let ada = member(&mut world, 0, "ada", &["slow:x"]);
    for n in 0..3 {
        tell(&mut world, ada, "say", "slow:x", &json!(n));
    }
    assert_eq!(heard(&mut world, ada), NOTHING);
    tell(&mut world, ada, "say", "slow:x", &json!(3));
    assert_eq!(heard(&mut world, ada), [0, 1, 2, 3]);
    assert_eq!(world.total(|c| c.dropped_frames.get()), 0);
}

#[test]
fn each_shard_delays_for_its_own_members() {
    for home in 0..3 {
        let mut world = world(3, "");
        let room = named("slow:", home, 3);
        let members: Vec<usize> =
            (0..6).map(|n| member(&mut world, n % 3, &format!("user{n}"), &[&room])).collect();
        for (n, &one) in members.iter().enumerate().take(3) {
            tell(&mut world, one, "say", &room, &json!(n));
            world.advance_ms(1);
        }
        for &one in &members {
            assert_eq!(heard(&mut world, one), NOTHING);
        }
        world.advance_ms(2);
        for &one in &members {
            assert_eq!(heard(&mut world, one), [0, 1, 2]);
        }
    }
}

#[test]
fn deflated_messages_wait_as_well() {
    let mut world = world(1, "compression: { enabled: true, minSize: 0B }");
    let ada = world.dial(0, "ada");
    let token = super::simulator::world::token("ada", &[]);
    let headers = format!(
        "Cookie: session-token={token}\r\nSec-WebSocket-Extensions: permessage-deflate\r\n"
    );
    world.send(ada, &wire::upgrade_with("/ws", &headers));
    world.settle();
    tell(&mut world, ada, "join", "slow:x", &json!(0));
    assert_eq!(world.frames(ada).len(), 1);
    for n in 0..2 {
        tell(&mut world, ada, "say", "slow:x", &json!(n));
        assert_eq!(world.frames(ada).len(), 0);
    }
    world.advance_ms(5);
    assert!(world.frames(ada).iter().filter(|frame| frame.compressed).count() == 2);
}

#[test]
fn what_waits_is_sent_before_the_close_frame_whoever_closes() {
    for closes in ["client", "server", "drain"] {
        let mut world = world(2, "");
        let room = named("slow:", 0, 2);
        let members: Vec<usize> =
            (0..4).map(|n| member(&mut world, n % 2, &format!("user{n}"), &[&room])).collect();
        tell(&mut world, members[0], "say", &room, &json!(1));
        match closes {
            "client" => {
                let close = wire::close(1000);
                members.iter().for_each(|one| world.send(*one, &close));
            }
            "server" => {
                // A reserved opcode.
                let wrong = wire::frame(3, b"");
                members.iter().for_each(|one| world.send(*one, &wrong));
            }
            _ => {
                let now = world.now;
                world.shards.iter_mut().for_each(|shard| shard.drain(now));
                world.advance_ms(6_000);
            }
        }
        world.settle();
        for &one in &members {
            let opcodes: Vec<u8> = world.frames(one).iter().map(|frame| frame.opcode).collect();
            assert_eq!(opcodes, [1, 8], "{closes}");
        }
        assert!(world.live().iter().all(|live| live.frames == 0), "{closes}");
    }
}

#[test]
fn a_reader_that_is_too_slow_is_cut_off_with_messages_waiting_or_not() {
    let mut world = world(1, "outbox: { frames: 4 }, writeTimeout: 10s");
    let ada = member(&mut world, 0, "ada", &["slow:x"]);
    let bob = world.open(0, "bob");
    world.clients[ada].stuck = true;
    for n in 0..3 {
        tell(&mut world, bob, "say", "slow:x", &json!(n));
        world.advance_ms(5);
    }
    // The first is in flight for good; the others wait behind it, delayed or not.
    world.advance_ms(10_200);
    assert_eq!(ended(&world, Disconnect::WriteTimeout), 1);
    world.clients[ada].stuck = false;
    world.settle();
    assert_eq!(close_code(&mut world, ada), Some(Disconnect::WriteTimeout.code()));
    assert!(world.shards[0].poll_deadline().is_none_or(|due_ns| due_ns > world.now.mono_ns));
}
