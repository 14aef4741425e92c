//! Shard-local state: plain structures with no I/O and no clock, each owned by one shard.
//!
//! Invariants: indices are `u32` slots; what can be named from another shard carries a generation.
//! Called by `shard` alone (and by `pipeline` for frames).

pub mod attendance;
pub mod bounds;
pub mod classes;
pub mod conns;
pub mod delays;
pub mod frames;
pub mod gate;
pub mod histories;
pub mod history;
pub mod homes;
pub mod limits;
pub mod meters;
pub mod names;
pub mod outbox;
pub mod permissions;
pub mod presence;
pub mod pressure;
pub mod rooms;
pub mod sessions;
pub mod spares;
pub mod timers;
pub mod users;
