//! What 64 and 256 shards cost, in counts: frames over the mesh, peers looked at, bells rung,
//! rounds, bytes held. No clock is read: the same counts come out on every machine.
//!
//! `oracle` says what an operation may cost at most, and here exactly; the tests hold the engine to
//! that, for one operation at a time, for whole crowds, and for the structures of the mesh. The
//! model of docs/scale.md, which reckons with these counts, is held to the document.

#![allow(clippy::expect_used, clippy::panic, reason = "a test stops where it fails")]

#[path = "../simulator/mod.rs"]
mod simulator;

#[path = "../../examples/scale/inputs.rs"]
mod inputs;
#[path = "../../examples/scale/model.rs"]
mod model;
#[path = "../../examples/scale/tables.rs"]
mod tables;

mod balance;
mod crowds;
mod document;
mod memory;
mod operations;
mod oracle;

/// Joins and messages without answers, limits or keep-alives: nothing but the mesh is counted.
const EVENTS: &str = r#"
server: { connectionLimit: { maxPerUser: 0 } }
transport: { readTimeout: 24h, pingInterval: 0s }
compat: { leaveGrace: 0s }
events:
  join: { actions: [{ name: _join, params: ["{$user.id}", "{$target.id}"] }] }
  leave: { actions: [{ name: _leave, params: ["{$user.id}", "{$target.id}"] }] }
  say: { actions: [{ name: _notify_room, params: ["said", "{}"] }] }
"#;

/// The same for users without tokens: each connection is a user of its own.
fn anonymous() -> String {
    format!("auth: {{ mode: none }}\n{EVENTS}")
}
