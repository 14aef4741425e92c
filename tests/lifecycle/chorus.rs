//! What the tests of this program say and expect.

use serde_json::{Value, json};
use shardwire::disconnect::Disconnect;
use shardwire::state::homes::home_of;

use super::simulator::wire;
use super::simulator::world::World;

const EVENTS: &str = r#"
events:
  join:
    actions:
      - { name: _join, params: ["{$user.id}", "{$target.id}"] }
      - { name: _notify_origin, params: [joined, '0'] }
  leave:
    actions:
      - { name: _leave, params: ["{$user.id}", "{$target.id}"] }
      - { name: _notify_origin, params: [left, '0'] }
  say:
    actions: [{ name: _notify_room, params: [said, '{.payload}'] }]
  echo:
    actions: [{ name: _notify_origin, params: [echo, '{.payload}'] }]
  slowly:
    modifiers: [{ name: rate_limit, params: ["100000/h"] }]
    actions: [{ name: _notify_origin, params: [slowly, '{.payload}'] }]
  thrice:
    actions:
      - { name: _notify_origin, params: [one, '{.payload}'] }
      - { name: _notify_origin, params: [two, '{.payload}'] }
      - { name: _notify_origin, params: [three, '{.payload}'] }
"#;

pub const ROOM: &str = "room:x";

/// A configuration with these options and the events of the tests.
pub fn with(options: &str) -> String {
    format!("{options}\n{EVENTS}")
}

/// The same with every transport timeout out of the way.
pub fn quiet(transport: &str) -> String {
    with(&format!("transport: {{ readTimeout: 24h, pingInterval: 0s, {transport} }}"))
}

pub fn request(event: &str, payload: &Value) -> String {
    json!({ "event": event, "target": ROOM, "payload": payload }).to_string()
}

/// A message of the server.
pub fn event(name: &str, payload: Value) -> Value {
    json!({ "event": name, "payload": payload })
}

/// Says something, lets everything come to rest, and gives what the speaker got.
pub fn ask(world: &mut World, client: usize, name: &str, payload: &Value) -> Vec<Value> {
    world.say(client, &request(name, payload));
    world.settle();
    world.messages(client)
}

/// Expects that the connection answers.
pub fn check_alive(world: &mut World, client: usize) {
    assert_eq!(ask(world, client, "echo", &json!(7)), [event("echo", json!(7))]);
}

/// How often connections were ended for this reason, over all shards.
pub fn ended(world: &World, why: Disconnect) -> u64 {
    world.total(|counters| counters.disconnects[why as usize].get())
}

/// Every end of a connection by policy.
pub fn all_ended(world: &World) -> u64 {
    world.total(|counters| counters.disconnects.iter().map(|one| one.get()).sum())
}

/// The close code that came since the last look.
pub fn close_code(world: &mut World, client: usize) -> Option<u16> {
    let close = world.frames(client).into_iter().find(|frame| frame.opcode == 8)?;
    Some(u16::from_be_bytes([*close.payload.first()?, *close.payload.get(1)?]))
}

/// The status a refused client was answered with.
pub fn status(world: &World, client: usize) -> Option<u16> {
    let received = String::from_utf8_lossy(&world.clients[client].received);
    received.strip_prefix("HTTP/1.1 ")?.split(' ').next()?.parse().ok()
}

/// Pings that came since the last look, each answered.
pub fn answer_pings(world: &mut World, client: usize) -> usize {
    let frames = world.frames(client);
    let pings: Vec<_> = frames.into_iter().filter(|frame| frame.opcode == 9).collect();
    for ping in &pings {
        world.send(client, &wire::frame(10, &ping.payload));
    }
    world.settle();
    pings.len()
}

/// A name with this prefix whose home is the shard, in a calm world.
pub fn named(prefix: &str, shard: u16, shards: u16) -> String {
    let is_there = |name: &String| home_of(name, 1, shards).0 == shard;
    (0..).map(|n| format!("{prefix}{n}")).find(is_there).expect("a name")
}

/// Runs a test for several seeds and names the one that fails.
pub fn for_seeds(seeds: std::ops::Range<u64>, test: impl Fn(u64) + std::panic::RefUnwindSafe) {
    for seed in seeds {
        if let Err(panic) = std::panic::catch_unwind(|| test(seed)) {
            eprintln!("failing seed: {seed}");
            std::panic::resume_unwind(panic);
        }
    }
}
