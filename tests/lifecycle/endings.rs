//! How connections end: close handshakes, timeouts, slow readers, floods.

use serde_json::{Value, json};
use shardwire::disconnect::Disconnect;
use shardwire::limits::CONTROL_FRAMES_PER_TICK_MAX;
use shardwire::shard::Live;

use super::chorus::{
    all_ended, ask, check_alive, close_code, ended, event, named, quiet, request, status, with,
};
use super::simulator::wire;
use super::simulator::world::World;

#[test]
fn a_close_frame_is_answered_with_its_code_and_the_connection_ends() {
    let mut world = World::calm(&quiet(""), 2);
    for code in [1000, 1001, 3000, 4999] {
        let ada = world.open(1, "ada");
        world.send(ada, &wire::close(code));
        world.send(ada, &wire::text(&request("echo", &json!(1))));
        world.settle();
        let frames = world.frames(ada);
        assert_eq!(frames.len(), 1, "nothing behind a close frame is looked at");
        assert_eq!((frames[0].opcode, &frames[0].payload[..2]), (8, &code.to_be_bytes()[..]));
        assert!(world.clients[ada].gone);
    }
    assert!(world.live().iter().all(|live| *live == Live::default()));
    assert_eq!(all_ended(&world), 0);
}

/// A world in which `ada`'s first connection was just told to go.
fn cycled() -> (World, usize) {
    let yaml = with(
        "server: { connectionLimit: { maxPerUser: 1, mode: cycle } }\n\
         transport: { readTimeout: 24h, pingInterval: 0s, closeTimeout: 5s }",
    );
    let mut world = World::calm(&yaml, 2);
    let old = world.open(0, "ada");
    world.open(1, "ada");
    assert_eq!(close_code(&mut world, old), Some(Disconnect::Cycled.code()));
    (world, old)
}

#[test]
fn the_answer_to_our_close_frame_ends_the_connection() {
    let (mut world, old) = cycled();
    world.advance_ms(1_000);
    assert!(!world.clients[old].finished);
    world.send(old, &wire::close(Disconnect::Cycled.code()));
    world.settle();
    assert!(world.clients[old].gone);
}

#[test]
fn without_an_answer_the_close_timeout_ends_it() {
    let (mut world, old) = cycled();
    // Whatever else it says is not looked at and does not keep it.
    for _ in 0..4 {
        world.advance_ms(1_200);
        world.say(old, &request("echo", &json!(1)));
        world.settle();
    }
    assert!(!world.clients[old].finished);
    world.advance_ms(400);
    assert!(world.clients[old].gone);
    assert_eq!(world.frames(old).len(), 0);
}

/// The peer's close frame came while its connection was held, and then the drain reached it.
#[test]
fn a_close_frame_that_came_while_held_is_seen_after_our_own() {
    let mut world = World::calm(&(quiet("") + "drain: { over: 0s }\n"), 2);
    let ada = world.open(0, &named("ada", 1, 2));
    world.say(ada, &request("join", &json!(0)));
    world.step();
    let slot = world.clients[ada].slot;
    let (now, later) = (world.now, world.now.plus_ns(1));
    let mut bytes = [wire::text(&request("echo", &json!(1))), wire::close(1000)].concat();
    world.shards[0].handle_bytes(now, slot, &mut bytes);
    assert_eq!(world.live()[0].holds, 1, "the join waits for the user's home");
    world.shards[0].drain(now);
    world.now = later;
    world.shards[0].handle_timeout(later);
    world.settle();
    assert_eq!(close_code(&mut world, ada), Some(1001));
    assert!(world.clients[ada].gone, "both close frames are there");
}

#[test]
fn a_request_that_takes_too_long_is_answered_408() {
    let yaml = with("server: { limits: { handshakeTimeout: 3s } }");
    let mut world = World::calm(&yaml, 1);
    let silent = world.dial(0, "");
    let slow = world.dial(0, "");
    let head = wire::upgrade("/ws", "no-token");
    for byte in &head[..29] {
        world.send(slow, &[*byte]);
        world.advance_ms(100);
    }
    assert!(!world.clients[slow].finished && !world.clients[silent].finished);
    world.advance_ms(200);
    for client in [silent, slow] {
        assert_eq!(status(&world, client), Some(408));
        assert!(world.clients[client].gone);
    }
    assert_eq!(world.total(|c| c.refusals.iter().map(|one| one.get()).sum()), 2);
    assert_eq!(world.total(|c| c.connections.get()), 0);
}

/// `stuck` has joined and stopped reading, `ada` speaks.
fn stuck_world(transport: &str) -> (World, usize, usize) {
    let mut world = World::calm(&quiet(transport), 2);
    let (ada, stuck) = (world.open(0, "ada"), world.open(1, "stuck"));
    for client in [ada, stuck] {
        assert_eq!(ask(&mut world, client, "join", &json!(0)), [event("joined", json!(0))]);
    }
    world.clients[stuck].stuck = true;
    (world, ada, stuck)
}

#[test]
fn a_slow_reader_is_cut_at_its_bytes_and_the_room_goes_on() {
    let (mut world, ada, stuck) = stuck_world("outbox: { bytes: 4KiB }");
    let text = json!("x".repeat(974));
    for n in 0..20 {
        assert_eq!(ask(&mut world, ada, "say", &text), [event("said", text.clone())]);
        // One frame of 1,002 bytes is in flight, four wait, the sixth is too much.
        assert_eq!(ended(&world, Disconnect::SlowReader), u64::from(n >= 5), "{n}");
    }
    assert_eq!(world.total(|c| c.dropped_frames.get()), 4);
    world.advance_ms(6_000);
    assert!(world.clients[stuck].gone);
}

#[test]
fn nothing_follows_the_close_frame_of_one_whose_outbox_ran_over_in_its_own_event() {
    let mut world = World::calm(&quiet("outbox: { frames: 1 }"), 1);
    let ada = world.open(0, "ada");
    world.say(ada, &request("thrice", &json!(1)));
    world.settle();
    assert_eq!(ended(&world, Disconnect::SlowReader), 1);
    let opcodes: Vec<u8> = world.frames(ada).iter().map(|frame| frame.opcode).collect();
    assert_eq!(opcodes, [8]);
}

#[test]
fn a_send_that_makes_no_progress_ends_the_connection_after_the_write_timeout() {
    for keepalive in ["", "closeTimeout: 1s"] {
        let (mut world, ada, stuck) = stuck_world(&format!("writeTimeout: 10s, {keepalive}"));
        for _ in 0..2 {
            assert_eq!(ask(&mut world, ada, "say", &json!(1)).len(), 1);
        }
        world.advance_ms(9_900);
        assert_eq!(all_ended(&world), 0);
        world.advance_ms(200);
        assert_eq!((ended(&world, Disconnect::WriteTimeout), all_ended(&world)), (1, 1));
        world.advance_ms(6_000);
        assert!(world.clients[stuck].gone);
        assert_eq!(ask(&mut world, ada, "say", &json!(1)).len(), 1);
    }
}

/// The client goes on speaking and the keepalive fires before the write timeout would.
#[test]
fn the_keepalive_does_not_put_the_write_timeout_off() {
    let yaml = with("transport: { readTimeout: 8s, pingInterval: 7s, writeTimeout: 10s }");
    let mut world = World::calm(&yaml, 1);
    let ada = world.open(0, "ada");
    world.advance_ms(5_000);
    world.clients[ada].stuck = true;
    for n in 0..11 {
        assert_eq!(ended(&world, Disconnect::WriteTimeout), 0, "after {n} s");
        world.say(ada, &request("echo", &json!(1)));
        world.settle();
        world.advance_ms(1_000);
    }
    assert_eq!((ended(&world, Disconnect::WriteTimeout), all_ended(&world)), (1, 1));
}

#[test]
fn pings_are_answered_and_a_flood_of_them_ends_the_connection() {
    let most = usize::from(CONTROL_FRAMES_PER_TICK_MAX);
    let mut world = World::calm(&quiet(""), 1);
    let ada = world.open(0, "ada");
    for _ in 0..10 {
        for n in 0..most {
            world.send(ada, &wire::frame(9, format!("ping {n}").as_bytes()));
        }
        world.settle();
        let frames = world.frames(ada);
        assert_eq!(frames.len(), most);
        for (n, frame) in frames.iter().enumerate() {
            assert_eq!((frame.opcode, &frame.payload), (10, &format!("ping {n}").into_bytes()));
        }
        world.advance_ms(100);
    }
    (0..=most).for_each(|_| world.send(ada, &wire::frame(9, b"")));
    world.settle();
    assert_eq!(close_code(&mut world, ada), Some(Disconnect::ControlFlood.code()));
    assert_eq!((ended(&world, Disconnect::ControlFlood), all_ended(&world)), (1, 1));
}

#[test]
fn a_hang_up_leaves_nothing_behind() {
    let mut world = World::calm(&quiet(""), 3);
    let clients: Vec<usize> = (0..9).map(|n| world.open(n % 3, &format!("u{}", n % 4))).collect();
    for &client in &clients {
        assert_eq!(ask(&mut world, client, "join", &json!(0)), [event("joined", json!(0))]);
    }
    check_alive(&mut world, clients[4]);
    clients.iter().for_each(|client| world.hang_up(*client));
    world.settle();
    assert!(world.live().iter().all(|live| *live == Live::default()), "{:?}", world.live());
    assert_eq!(world.messages(clients[0]), Vec::<Value>::new());
}
