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

    pub fn set(&self, n: u64) {
        self.0.store(n, Ordering::Relaxed);
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
    /// Messages for a room or user that nobody is in.
    pub undelivered: Count,
    /// Frames dropped with the outbox of a connection that read too slowly.
    pub dropped_frames: Count,
    /// Raw messages that no hook wants.
    pub unhandled: Count,
    /// Accepts that failed (out of files or memory).
    pub accept_errors: Count,
    /// Times a full channel made a frame wait.
    pub mesh_full: Count,
    /// By `Reject as usize`.
    pub rejects: [Count; Reject::ALL.len()],
    /// By `Disconnect as usize`.
    pub disconnects: [Count; Disconnect::ALL.len()],
    /// Connections ended by a protocol error.
    pub protocol_errors: Count,
    /// Refused requests, by HTTP status: see `REFUSAL_STATUSES`.
    pub refusals: [Count; REFUSAL_STATUSES.len()],
}

/// Statuses a request may be refused with, in the order of `Counters::refusals`.
pub const REFUSAL_STATUSES: [u16; 11] = [400, 401, 403, 404, 405, 408, 413, 426, 429, 431, 503];

impl Counters {
    pub fn rejected(&self, reject: Reject) {
        self.rejects[reject as usize].add(1);
    }

    pub fn disconnected(&self, why: Disconnect) {
        self.disconnects[why as usize].add(1);
    }

    /// A status that is not in the table counts as the last one.
    pub fn refused(&self, status: u16) {
        let place = REFUSAL_STATUSES.iter().position(|one| *one == status);
        self.refusals[place.unwrap_or(REFUSAL_STATUSES.len() - 1)].add(1);
    }
}
