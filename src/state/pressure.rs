//! Whether any shard has more frames for its peers than it should: the one thing all shards look at
//! before they read from a connection.
//!
//! A room's home passes on what other shards publish. Where one of the room's shards does not keep
//! up, the frames wait at the home, whose own connections may be quiet: so those who publish must
//! hear of it, and at once, not behind the frames that wait.
//!
//! Invariants: written when a shard's backlog crosses its bound, read once for received bytes, so
//! the line stays shared. Called by `shard`.

use std::sync::atomic::{AtomicU32, Ordering};

/// How many shards have a backlog.
#[derive(Debug, Default)]
#[repr(align(128))]
pub struct Pressure {
    backlogged: AtomicU32,
}

impl Pressure {
    /// One shard has a backlog; ended by one `fall`.
    pub fn rise(&self) {
        self.backlogged.fetch_add(1, Ordering::Relaxed);
    }

    pub fn fall(&self) {
        self.backlogged.fetch_sub(1, Ordering::Relaxed);
    }

    pub fn is_high(&self) -> bool {
        self.backlogged.load(Ordering::Relaxed) > 0
    }
}
