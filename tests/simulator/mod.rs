//! What several test files share: a seeded source of randomness, the wire as a client sees it, and
//! a world of shards without sockets.

#![allow(dead_code, reason = "each test program uses its own part")]

pub mod crowd;
pub mod random;
pub mod wire;
pub mod world;
