//! G13 and G19: rate limits and connection limits, exact across shards.

use serde_json::{Value, json};
use shardwire::disconnect::Disconnect;
use shardwire::reject::Reject;

use super::chorus::{ask, count, event, events, is_limited, status};
use super::simulator::random::Random;
use super::simulator::wire;
use super::simulator::world::World;

const LIMITED: &str = r#"
  send:
    modifiers: [{ name: rate_limit, params: ["10/m"] }]
    actions: [{ name: _notify_origin, params: [ok, '{.payload}'] }]
  other:
    modifiers: [{ name: rate_limit, params: ["2/s"] }]
    actions: [{ name: _notify_origin, params: [ok, '0'] }]
"#;

fn send(world: &mut World, client: usize) -> bool {
    let got = ask(world, client, &json!({ "event": "send", "payload": 1 }));
    match got.as_slice() {
        [one] if *one == event("ok", json!(1)) => true,
        [one] if is_limited(one, "send", 60_000) => false,
        other => panic!("{other:?}"),
    }
}

#[test]
fn g13_ten_pass_the_next_two_are_refused_and_the_window_resets() {
    for shards in [1, 2, 4] {
        let mut world = World::calm(&events(LIMITED), shards);
        for user in 0..4 {
            let name = format!("user{user}");
            let conns = [0, 1, 0].map(|n| world.open(n % usize::from(shards), &name));
            let passed: Vec<bool> = (0..12).map(|n| send(&mut world, conns[n % 3])).collect();
            assert_eq!(passed, [[true; 10].as_slice(), &[false; 2]].concat(), "{name}");
            // The window began with the first event and does not slide.
            world.advance_ms(59_000);
            assert!(!send(&mut world, conns[1]));
            world.advance_ms(1_001);
            assert!((0..10).all(|n| send(&mut world, conns[n % 3])));
            assert!(!send(&mut world, conns[0]));
        }
        assert_eq!(count(&world, Reject::RateLimited), 4 * 4);
    }
}

#[test]
fn g13_the_count_is_per_user_and_per_event_and_survives_a_reconnect() {
    for shards in [1, 2] {
        let mut world = World::calm(&events(LIMITED), shards);
        let last = usize::from(shards) - 1;
        let ada = world.open(0, "ada");
        assert!((0..10).all(|_| send(&mut world, ada)));
        world.hang_up(ada);
        world.settle();
        world.advance_ms(1_000);
        let ada = world.open(last, "ada");
        assert!(!send(&mut world, ada));
        let other = json!({ "event": "other" });
        assert_eq!(ask(&mut world, ada, &other), [event("ok", json!(0))]);
        let bob = world.open(last, "bob");
        assert!(send(&mut world, bob));
        world.hang_up(ada);
        world.hang_up(bob);
        world.settle();
        world.advance_ms(61_000);
        assert!(world.live().iter().all(|live| live.home_users == 0), "{:?}", world.live());
        let ada = world.open(0, "ada");
        assert!(send(&mut world, ada));
    }
}

/// Runs a test for several seeds and names the one that fails.
fn for_seeds(seeds: std::ops::Range<u64>, test: impl Fn(u64) + std::panic::RefUnwindSafe) {
    for seed in seeds {
        if let Err(panic) = std::panic::catch_unwind(|| test(seed)) {
            eprintln!("failing seed: {seed}");
            std::panic::resume_unwind(panic);
        }
    }
}

#[test]
fn g13_exactly_ten_pass_whatever_the_interleaving_of_four_shards() {
    for_seeds(0..60, |seed| {
        let mut world = World::new(&events(LIMITED), 4, seed);
        let conns: Vec<usize> = (0..6).map(|n| world.open(n % 4, "ada")).collect();
        let mut random = Random::new(seed);
        let mut sent = vec![Vec::new(); conns.len()];
        for n in 0..40 {
            let at = random.index(conns.len());
            let text = json!({ "event": "send", "payload": n }).to_string();
            world.say(conns[at], &text);
            sent[at].push(n);
            (0..random.below(4)).for_each(|_| world.step());
        }
        world.settle();
        let mut passed = 0;
        for (at, &conn) in conns.iter().enumerate() {
            let got = world.messages(conn);
            assert_eq!(got.len(), sent[at].len(), "one answer to each");
            for (message, n) in got.iter().zip(&sent[at]) {
                let ok = *message == event("ok", json!(n));
                assert!(ok || is_limited(message, "send", 60_000), "{message}");
                passed += usize::from(ok);
            }
        }
        assert_eq!((passed, count(&world, Reject::RateLimited)), (10, 30));
    });
}

fn limited(mode: &str, most: u32) -> String {
    let events = events("  e:\n    actions: [{ name: _notify_origin, params: [e, '1'] }]\n");
    format!("server: {{ connectionLimit: {{ maxPerUser: {most}, mode: {mode} }} }}\n{events}")
}

fn cycled(world: &World) -> u64 {
    world.total(|counters| counters.disconnects[Disconnect::Cycled as usize].get())
}

/// The code of the close frame that came, if one did.
fn close_code(world: &mut World, client: usize) -> Option<u16> {
    let close = world.frames(client).into_iter().find(|frame| frame.opcode == 8)?;
    Some(u16::from_be_bytes([close.payload[0], close.payload[1]]))
}

#[test]
fn g19_reject_answers_429_before_the_upgrade_and_leaves_the_others() {
    for shards in [1, 2, 3] {
        let mut world = World::calm(&limited("reject", 3), shards);
        let at = |n: usize| n % usize::from(shards);
        let open: Vec<usize> = (0..3).map(|n| world.open(at(n), "ada")).collect();
        for n in 0..4 {
            let refused = world.connect(at(n), "ada");
            world.settle();
            assert!(!world.take_upgrade(refused));
            assert_eq!(status(&world, refused), 429);
            assert!(world.clients[refused].finished);
        }
        assert_eq!(world.total(|c| c.upgrades.get()), 3);
        assert_eq!(world.total(|c| c.refusals.iter().map(|one| one.get()).sum()), 4);
        world.open(at(1), "bob");
        for &conn in &open {
            assert_eq!(ask(&mut world, conn, &json!({ "event": "e" })), [event("e", json!(1))]);
        }
        // A place that is given up may be taken.
        world.hang_up(open[0]);
        world.settle();
        world.open(at(2), "ada");
    }
}

#[test]
fn g19_cycle_closes_the_oldest_and_lets_the_new_one_in() {
    for shards in [1, 2, 3] {
        let mut world = World::calm(&limited("cycle", 2), shards);
        let at = |n: usize| n % usize::from(shards);
        let bob = world.open(0, "bob");
        let conns: Vec<usize> = (0..6).map(|n| world.open(at(n), "ada")).collect();
        for &old in &conns[..4] {
            assert_eq!(close_code(&mut world, old), Some(Disconnect::Cycled.code()));
            world.send(old, &wire::close(Disconnect::Cycled.code()));
        }
        world.settle();
        assert!(conns[..4].iter().all(|old| world.clients[*old].gone));
        for conn in [conns[4], conns[5], bob] {
            assert_eq!(ask(&mut world, conn, &json!({ "event": "e" })), [event("e", json!(1))]);
        }
        assert_eq!((cycled(&world), world.total(|c| c.upgrades.get())), (4, 7));
    }
}

#[test]
fn g19_the_limit_is_exact_whatever_the_interleaving_of_four_shards() {
    for mode in ["reject", "cycle"] {
        for_seeds(0..40, |seed| {
            let mut world = World::new(&limited(mode, 3), 4, seed);
            let mut random = Random::new(seed);
            let mut conns = Vec::new();
            for _ in 0..12 {
                conns.push(world.connect(random.index(4), "ada"));
                (0..random.below(5)).for_each(|_| world.step());
            }
            world.settle();
            let mut heard = 0;
            for &conn in &conns {
                world.say(conn, r#"{"event":"e"}"#);
            }
            world.settle();
            for &conn in &conns {
                heard += world.messages(conn).len();
            }
            assert_eq!(heard, 3, "{mode}: open connections");
            let upgrades = world.total(|c| c.upgrades.get());
            let refusals = world.total(|c| c.refusals.iter().map(|one| one.get()).sum());
            assert_eq!(upgrades + refusals, 12, "{mode}");
            assert_eq!(cycled(&world), upgrades - 3, "{mode}");
            if mode == "reject" {
                assert_eq!(refusals, 9);
            }
        });
    }
}

/// Connections come and go while messages to the user and its room are on their way: whatever
/// reaches a client begins with the 101, and nothing follows a close frame.
#[test]
fn g19_nothing_is_sent_before_the_101_or_after_the_close_frame() {
    let yaml = r#"
server: { connectionLimit: { maxPerUser: 2, mode: cycle } }
transport: { readTimeout: 24h, pingInterval: 0s }
events:
  join: { actions: [{ name: _join, params: ["{$user.id}", "{$target.id}"] }] }
  say: { actions: [{ name: _notify_room, params: [said, '{}'] }] }
"#;
    for_seeds(0..60, |seed| {
        let mut world = World::new(yaml, 3, seed);
        let mut random = Random::new(seed);
        let speaker = world.open(0, "speaker");
        let mut conns = vec![world.open(1, "ada")];
        let join = |room: usize| json!({ "event": "join", "target": format!("room:{room}") });
        (0..3).for_each(|room| world.say(conns[0], &join(room).to_string()));
        world.settle();
        for _ in 0..60 {
            let to = ["user:ada", "room:0", "room:1", "room:2"][random.index(4)];
            world.say(speaker, &json!({ "event": "say", "target": to }).to_string());
            if random.one_in(3) {
                conns.push(world.connect(random.index(3), "ada"));
            }
            (0..random.below(6)).for_each(|_| world.step());
        }
        world.settle();
        for conn in conns {
            let got = String::from_utf8_lossy(&world.clients[conn].received).into_owned();
            let upgraded = world.take_upgrade(conn);
            assert!(upgraded || got.starts_with("HTTP/1.1 429 "), "conn {conn}: {got:?}");
            let frames = world.frames(conn);
            let close = frames.iter().position(|frame| frame.opcode == 8);
            assert!(close.is_none_or(|place| place + 1 == frames.len()), "{frames:?}");
        }
        let told: Vec<Value> = world.messages(speaker);
        assert_eq!(told, Vec::<Value>::new());
    });
}
