//! Many connections typing while the backend hangs: whoever needs no backend is answered, in
//! order; whoever does gets one documented error each; then all is as before.
//!
//! Counts and order are asserted; latencies are printed.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use serde_json::json;

use super::gate::{Device, Gate, members};
use super::support::backend::{Fault, Reply};
use super::support::wait_for;

const CHATS: &str = "/api/internal/v1/chats/*";
const TALKERS: u64 = 10;
const ROUNDS: u64 = 20;

/// Connections that say who they are at one time, below the backend's bounds.
const BATCH: usize = 200;

/// What needs no backend, beside the gateway's own events.
const OVER: &str = r#"
transport: { readTimeout: 10m, pingInterval: 5m }
events:
  echo:
    payload: { n: int }
    steps: [{ reply: { event: echoed, payload: { n: "${payload.n}" } } }]
  enter:
    steps: [{ join: lobby }, { reply: { event: entered } }]
  talk:
    payload: { n: int }
    steps: [{ send: { to: { room: lobby }, event: talked, payload: { n: "${payload.n}" } } }]
"#;

#[test]
fn five_hundred_type_while_the_backend_hangs() {
    for cores in ["1", "2"] {
        type_into_the_void(cores, 500);
    }
}

#[test]
#[ignore = "takes a while; needs 12,000 open files"]
fn five_thousand_type_while_the_backend_hangs() {
    type_into_the_void("2", 5_000);
}

fn type_into_the_void(cores: &str, connections: usize) {
    let gate = Gate::with(cores, OVER, &[]);
    let mut typists = devices(&gate, 0, connections);
    let mut talkers = devices(&gate, 1_000_000, TALKERS as usize);
    for talker in &mut talkers {
        talker.tell("enter", json!({})).hears_of("entered");
    }
    gate.backend.on("GET", CHATS, Reply::fault(Fault::Hang));
    for (chat, typist) in typists.iter_mut().enumerate() {
        typist.tell("typing", json!({ "chat_id": chat, "is_typing": true }));
        typist.tell("echo", json!({ "n": chat }));
    }
    // As many as the backend is asked at one time.
    let hanging = || gate.backend.requests().iter().filter(|one| one.method == "GET").count();
    wait_for("questions that hang", || (hanging() >= 20).then_some(()));
    talk(&mut talkers, &format!("{connections} typing, {cores} cores, the backend hangs"));
    let mut codes: BTreeMap<String, usize> = BTreeMap::new();
    for (chat, typist) in typists.iter_mut().enumerate() {
        *codes.entry(typist.hears_code()).or_default() += 1;
        assert_eq!(typist.hears_of("echoed")["n"], chat);
    }
    println!("{connections} typing, {cores} cores: {codes:?}");
    let known = ["BACKEND_TIMEOUT", "BACKEND_UNAVAILABLE", "OVERLOADED"];
    assert!(codes.keys().all(|code| known.contains(&code.as_str())), "{codes:?}");
    assert!(codes.contains_key("BACKEND_TIMEOUT"), "{codes:?}");
    gate.backend.on("GET", CHATS, Reply::json(200, &members(&[0, 1])));
    let (first, rest) = typists.split_at_mut(1);
    recover(&mut first[0], &mut rest[0]);
    talk(&mut talkers, &format!("{connections} idle, {cores} cores, the backend is well"));
}

fn devices(gate: &Gate, first: usize, count: usize) -> Vec<Device> {
    let mut all = Vec::new();
    while all.len() < count {
        let batch = BATCH.min(count - all.len());
        let mut new: Vec<Device> = (0..batch).map(|_| gate.guest()).collect();
        for (n, device) in new.iter_mut().enumerate() {
            device.auth(&format!("user_{}", first + all.len() + n));
        }
        new.iter_mut().for_each(|device| drop(device.hears_of("auth_success")));
        all.extend(new);
    }
    all
}

/// Each says something in its turn, all hear it, in one order.
fn talk(talkers: &mut [Device], what: &str) {
    let mut took: Vec<Duration> = Vec::new();
    for n in 0..ROUNDS * TALKERS {
        let start = Instant::now();
        talkers[(n % TALKERS) as usize].tell("talk", json!({ "n": n }));
        for talker in talkers.iter_mut() {
            assert_eq!(talker.hears_of("talked")["n"], n);
        }
        took.push(start.elapsed());
        let echoed = talkers[0].tell("echo", json!({ "n": n })).hears_of("echoed");
        assert_eq!(echoed["n"], n);
    }
    took.sort();
    let at = |share: usize| took[took.len() * share / 100];
    println!("{what}: a message to {TALKERS}: median {:?}, p95 {:?}", at(50), at(95));
}

/// Types until it gets through; each attempt is in a chat of its own, for the limit's sake.
fn recover(typist: &mut Device, other: &mut Device) {
    let mut chat = 2_000_000;
    wait_for("the breaker to let typing through", || {
        chat += 1;
        typist.tell("typing", json!({ "chat_id": chat, "is_typing": true }));
        typist.tell("echo", json!({ "n": chat }));
        let message = typist.hear();
        if message["event"] == "error" {
            assert_eq!(typist.hears_of("echoed")["n"], chat);
            return None;
        }
        assert_eq!(message["data"]["n"], chat);
        Some(())
    });
    assert_eq!(other.hears_of("user_typing")["chat_id"], chat);
}
