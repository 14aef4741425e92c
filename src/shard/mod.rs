//! The engine of one core, without I/O: see `Shard`.

pub mod counters;
pub mod handoff;
