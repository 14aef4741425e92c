//! One shard's counters: written by its shard alone, read by anybody at any time.
//!
//! Invariants: a single writer, so an increment is a load and a store, never a locked instruction.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::disconnect::Disconnect;
use crate::reject::Reject;

/// A counter or gauge with one writer.
#[derive(Debug, Default)]
pub struct Count(AtomicU64);

impl Count {
    pub fn add(&self, n: u64) {
        self.0.store(self.0.load(Ordering::Relaxed).wrapping_add(n), Ordering::Relaxed);
    }

    pub fn sub(&self, n: u64) {
        self.0.store(self.0.load(Ordering::Relaxed).wrapping_sub(n), Ordering::Relaxed);
    }

    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// All counters of one shard.
#[derive(Debug, Default)]
#[repr(align(128))]
pub struct Counters {
    /// Connections open now, upgraded or not.
    pub connections: Count,
    /// WebSocket connections opened since the start.
    pub upgrades: Count,
    pub messages_in: Count,
    /// Frames queued to connections.
    pub deliveries: Count,
    pub bytes_in: Count,
    pub bytes_out: Count,
    /// Sends asked of the kernel.
    pub sends: Count,
    pub rooms: Count,
    pub users: Count,
    /// By `Reject as usize`.
    pub rejects: [Count; Reject::ALL.len()],
    /// By position in `Disconnect::ALL`.
    pub disconnects: [Count; Disconnect::ALL.len()],
    /// Connections ended by a protocol error.
    pub protocol_errors: Count,
    /// Refused requests, by HTTP status: see `REFUSAL_STATUSES`.
    pub refusals: [Count; REFUSAL_STATUSES.len()],
}

/// Statuses a request may be refused with, in the order of `Counters::refusals`.
pub const REFUSAL_STATUSES: [u16; 10] = [400, 401, 403, 404, 405, 413, 426, 429, 431, 503];
