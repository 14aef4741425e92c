//! What several test files share: a seeded source of randomness, the wire as a client sees it, and
//! shards without sockets: a world with chaos, a crowd to measure, a fleet to count.

#![allow(dead_code, unused_imports, reason = "each test program uses its own part")]

pub mod crowd;
pub mod fleet;
pub mod world;

pub use shardwire::sim::{random, wire};
