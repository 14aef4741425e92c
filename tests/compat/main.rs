//! Every row of the compatibility table (G1 to G19) through the whole engine: shards, mesh and
//! clients in the simulator, with one shard and with several wherever shards matter.
//!
//! A failing seed of the random tests is printed.

#![allow(clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

#[path = "../simulator/mod.rs"]
mod simulator;

mod admission;
mod chat;
mod chorus;
mod delivery;
mod fidelity;
mod limits;
mod membership;
mod rejects;
mod templates;
