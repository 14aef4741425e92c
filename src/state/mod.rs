//! Shard-local state: plain data structures with no I/O and no clock.

pub mod frames;
