//! Pings, pongs and silence.

use serde_json::Value;
use shardwire::disconnect::Disconnect;

use super::chorus::{all_ended, answer_pings, check_alive, close_code, ended, request, with};
use super::simulator::wire;
use super::simulator::world::World;

/// More than one tick of the timer wheel: what a timeout may be late.
const LATE_MS: u64 = 100;

fn world(transport: &str) -> (World, usize) {
    let mut world = World::calm(&with(&format!("transport: {{ {transport} }}")), 1);
    let client = world.open(0, "ada");
    (world, client)
}

#[test]
fn a_quiet_connection_is_pinged_each_interval_and_kept_while_it_answers() {
    let (mut world, ada) = world("pingInterval: 10s, pongTimeout: 4s, readTimeout: 15s");
    world.advance_ms(9_900);
    assert_eq!(answer_pings(&mut world, ada), 0);
    for round in 0..20 {
        world.advance_ms(200);
        assert_eq!(answer_pings(&mut world, ada), 1, "round {round}");
        world.advance_ms(9_900);
        assert_eq!(answer_pings(&mut world, ada), 0, "round {round}");
    }
    assert_eq!(all_ended(&world), 0);
    check_alive(&mut world, ada);
}

#[test]
fn a_ping_without_an_answer_ends_the_connection_after_the_pong_timeout() {
    let (mut world, ada) = world("pingInterval: 10s, pongTimeout: 4s, readTimeout: 1h");
    world.advance_ms(13_900);
    assert_eq!((close_code(&mut world, ada), all_ended(&world)), (None, 0));
    world.advance_ms(100 + 2 * LATE_MS);
    assert_eq!(close_code(&mut world, ada), Some(Disconnect::PongTimeout.code()));
    assert_eq!((ended(&world, Disconnect::PongTimeout), all_ended(&world)), (1, 1));
}

#[test]
fn whoever_speaks_is_not_pinged_and_any_byte_answers_a_ping() {
    let (mut world, ada) = world("pingInterval: 10s, pongTimeout: 4s, readTimeout: 1h");
    for _ in 0..10 {
        world.advance_ms(9_000);
        world.send(ada, &wire::frame(10, b"unsolicited"));
        world.settle();
    }
    assert_eq!(answer_pings(&mut world, ada), 0);
    for _ in 0..5 {
        world.advance_ms(10_000 + LATE_MS);
        let pings = world.frames(ada).iter().filter(|frame| frame.opcode == 9).count();
        assert_eq!(pings, 1);
        world.advance_ms(3_000);
        world.send(ada, &request_bytes());
        world.settle();
        assert_eq!(world.messages(ada).len(), 1);
    }
    assert_eq!(all_ended(&world), 0);
}

fn request_bytes() -> Vec<u8> {
    wire::text(&request("echo", &Value::Null))
}

#[test]
fn silence_ends_the_connection_after_the_read_timeout() {
    let (mut world, ada) = world("pingInterval: 0s, readTimeout: 60m");
    world.advance_ms(3_599_000);
    check_alive(&mut world, ada);
    world.advance_ms(3_599_900);
    assert_eq!(all_ended(&world), 0);
    world.advance_ms(100 + LATE_MS);
    assert_eq!(close_code(&mut world, ada), Some(Disconnect::ReadTimeout.code()));
    assert_eq!((ended(&world, Disconnect::ReadTimeout), all_ended(&world)), (1, 1));
}

#[test]
fn zero_turns_pings_and_the_read_timeout_off() {
    let (mut world, ada) = world("pingInterval: 0s, readTimeout: 0s");
    world.advance_ms(48 * 3_600_000);
    assert_eq!((world.frames(ada).len(), all_ended(&world)), (0, 0));
    check_alive(&mut world, ada);
}
