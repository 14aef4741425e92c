//! After a burst and a quiet period the shard holds what it held before, and then it sleeps.

use shardwire::limits::{TIMER_TICK_NS, TRIM_NS};

use super::simulator::crowd::{Crowd, Member};
use super::simulator::wire;
use super::{allocations, live};

/// Nothing happens by itself: no pings, no timeouts within the tests.
const CONFIG: &str = r#"
server: { connectionLimit: { maxPerUser: 0 } }
transport: { readTimeout: 24h, pingInterval: 0s }
events:
  enter:
    actions:
      - { name: _join, params: ["{$user.id}", "{$target.id}"] }
  exit:
    actions:
      - { name: _leave, params: ["{$user.id}", "{$target.id}"] }
  say:
    actions: [{ name: _notify_room, params: [said, '{.payload}'] }]
"#;

const ROOM: &str = "room:x";

/// More than it takes to halve any pool to nothing.
const PERIODS: usize = 30;

/// What may be left of a burst: lists that keep room for a few entries.
const LEFT_OVER_BYTES: i64 = 16 * 1024;

fn say(bytes: usize) -> Vec<u8> {
    let text = "x".repeat(bytes);
    wire::text(&format!(r#"{{"event":"say","target":"{ROOM}","payload":"{text}"}}"#))
}

fn act(event: &str, room: &str) -> Vec<u8> {
    wire::text(&format!(r#"{{"event":"{event}","target":"{room}"}}"#))
}

/// Sends until nothing waits.
fn send_all(crowd: &mut Crowd) {
    while crowd.end_turn() > 0 {}
}

/// Lets the shards give back what they do not need.
fn rest(crowd: &mut Crowd) {
    for _ in 0..PERIODS {
        crowd.pass_time(TRIM_NS);
        send_all(crowd);
    }
}

/// A crowd that has been warmed up, and what it holds at rest.
fn rested(shards: u16, members: usize) -> (Crowd, i64) {
    let mut crowd = Crowd::of(CONFIG, shards, members, ROOM);
    let sender = crowd.members[0];
    for _ in 0..10 {
        crowd.receive(sender, &say(100));
        send_all(&mut crowd);
    }
    rest(&mut crowd);
    (crowd, live())
}

#[test]
fn a_burst_of_messages_leaves_nothing_behind() {
    for shards in [1, 2] {
        let (mut crowd, before) = rested(shards, 200);
        let sender = crowd.members[0];
        let bytes = say(100);
        for _ in 0..3_000 {
            crowd.receive(sender, &bytes);
        }
        crowd.pass_peer_frames();
        assert!(live() - before > 5 << 20, "{} is no burst", live() - before);
        send_all(&mut crowd);
        rest(&mut crowd);
        let left = live() - before;
        assert!(left <= LEFT_OVER_BYTES, "{left} bytes are left on {shards} shards");
        // And everything still works.
        let deliveries = crowd.deliveries();
        crowd.receive(sender, &bytes);
        send_all(&mut crowd);
        assert_eq!(crowd.deliveries() - deliveries, 200);
    }
}

#[test]
fn a_burst_behind_a_reader_that_still_waits_is_given_back_around_what_it_waits_for() {
    let (mut crowd, before) = rested(1, 200);
    let sender = crowd.members[0];
    for _ in 0..3_000 {
        crowd.receive(sender, &say(10));
    }
    // One member's send is never over; what waits behind it lies among the others'.
    let stuck = crowd.members[100].slot;
    let shard = &mut crowd.shards[0];
    loop {
        let mut sent = Vec::new();
        while let Some((slot, _)) = shard.poll_send() {
            sent.push(slot);
        }
        shard.end_turn();
        sent.retain(|slot| *slot != stuck);
        if sent.is_empty() {
            break;
        }
        sent.iter().for_each(|slot| shard.handle_sent(crowd.now, *slot, true));
    }
    crowd.pass_time(TRIM_NS / 2);
    let frames = crowd.shards[0].live().frames;
    (0..3).for_each(|_| crowd.pass_time(TRIM_NS));
    let left = live() - before;
    assert!(frames > 0 && left < 1 << 20, "{left} bytes are left, {frames} frames wait");
}

#[test]
fn members_who_leave_and_connections_that_end_leave_nothing_behind() {
    for shards in [1, 2] {
        let (mut crowd, before) = rested(shards, 4);
        let extra = Crowd::of(CONFIG, shards, 3_000, "room:big");
        drop(crowd);
        crowd = extra;
        let members = crowd.members.clone();
        for member in &members[4..] {
            crowd.receive(*member, &act("exit", "room:big"));
        }
        send_all(&mut crowd);
        for Member { shard, slot } in &members[4..] {
            crowd.shards[*shard].handle_hangup(crowd.now, *slot);
            crowd.shards[*shard].handle_closed(crowd.now, *slot);
        }
        crowd.members = members[..4].to_vec();
        send_all(&mut crowd);
        assert_eq!(crowd.shards.iter().map(|shard| shard.live().conns).sum::<usize>(), 4);
        rest(&mut crowd);
        let held = live() - before - (members.capacity() * size_of::<Member>()) as i64;
        // The crowd's own list of sends in flight has room for all of them.
        let left = held - 3_000 * 4;
        assert!(left <= LEFT_OVER_BYTES, "{left} bytes are left on {shards} shards");
    }
}

#[test]
fn a_shard_at_rest_is_not_woken_again() {
    let (mut crowd, _) = rested(1, 100);
    let sender = crowd.members[0];
    for _ in 0..1_000 {
        crowd.receive(sender, &say(50));
    }
    send_all(&mut crowd);
    rest(&mut crowd);
    // The wheel looks at a deadline that is hours away once a round.
    let rounds = (crowd.now.mono_ns..).step_by(1_024 * TIMER_TICK_NS as usize).take(20);
    for round_ns in rounds {
        let mut wakes = 0;
        while let Some(due_ns) = crowd.shards[0].poll_deadline()
            && due_ns < round_ns + 1_024 * TIMER_TICK_NS
        {
            crowd.pass_time(due_ns - crowd.now.mono_ns);
            assert_eq!(crowd.end_turn(), 0);
            wakes += 1;
            assert!(wakes <= 3, "it is woken again and again");
        }
    }
}

#[test]
fn a_steady_load_is_given_nothing_to_ask_for_again() {
    for shards in [1, 2] {
        let (mut crowd, _) = rested(shards, 500);
        let sender = crowd.members[0];
        let bytes = say(100);
        let turns = |crowd: &mut Crowd, turns: usize| {
            for _ in 0..turns {
                (0..16).for_each(|_| crowd.receive(sender, &bytes));
                send_all(crowd);
                crowd.pass_time(TRIM_NS / 7);
            }
        };
        turns(&mut crowd, 200);
        let before = allocations();
        turns(&mut crowd, 200);
        assert_eq!(allocations() - before, 0, "{shards} shards");
    }
}
