//! The engine without sockets and without waiting: real shards, real WebSocket bytes, virtual time.
//!
//! Invariants: one thread, no clock, no socket; the same seed gives the same run. Called by
//! `shardwire test` and by the tests of this project, never by a server.

pub mod backends;
pub mod coverage;
pub mod matching;
pub mod play;
pub mod random;
pub mod reload;
pub mod tally;
pub mod wire;
pub mod world;
