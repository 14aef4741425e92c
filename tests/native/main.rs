//! The native spelling through the whole engine: shards, mesh and clients in the simulator, with
//! one shard and with several wherever shards matter.

#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used, reason = "a test fails so")]

#[path = "../simulator/mod.rs"]
mod simulator;

mod calls;
mod cast;
mod denials;
mod errors;
mod history;
mod identity;
mod lifecycle;
mod limits;
mod presence;
mod rooms;
mod schema;
mod sends;
mod sketches;
mod state;
mod steps;
