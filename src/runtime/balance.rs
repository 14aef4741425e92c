//! Which shard serves a new connection.
//!
//! The kernel deals connections out by a hash of their addresses, which is even only on average:
//! 1,000 connections on two shards differ by 6 % as often as not, and what closes leaves holes that
//! nobody fills. So the shard that accepted a connection compares itself with one other, another
//! one each time, and passes the socket on where that has clearly fewer. Touched once per accepted
//! and once per closed connection, never per message.
//!
//! Invariant: every connection is counted for exactly one shard, from the moment it is dealt until
//! its socket is closed or handed off. Called by `runtime::driver`.

use std::sync::atomic::{AtomicU32, Ordering};

use crate::ids::ShardId;

/// Alone on its cache line, so that two shards that accept do not take it from each other.
#[derive(Debug, Default)]
#[repr(align(64))]
struct Open(AtomicU32);

/// Open connections of every shard.
#[derive(Debug)]
pub struct Balance {
    shards: Vec<Open>,
}

impl Balance {
    pub fn new(shards: u16) -> Balance {
        Balance { shards: (0..shards).map(|_| Open::default()).collect() }
    }

    /// Deals out a connection that `me` accepted, and counts it; `turn` says who to compare with.
    pub fn deal(&self, me: ShardId, turn: usize) -> ShardId {
        let chosen = self.lighter(me, turn).unwrap_or(me);
        self.shards[chosen.index()].0.fetch_add(1, Ordering::Relaxed);
        chosen
    }

    /// A connection is gone.
    pub fn leave(&self, shard: ShardId) {
        self.shards[shard.index()].0.fetch_sub(1, Ordering::Relaxed);
    }

    /// The other shard, where it has clearly fewer: passing a socket on is not free.
    fn lighter(&self, me: ShardId, turn: usize) -> Option<ShardId> {
        let others = self.shards.len().checked_sub(1).filter(|others| *others > 0)?;
        let other = ShardId(((me.index() + 1 + turn % others) % self.shards.len()) as u16);
        let (mine, theirs) = (self.open(me), self.open(other));
        (mine > theirs + 1 + theirs / 64).then_some(other)
    }

    fn open(&self, shard: ShardId) -> u32 {
        self.shards[shard.index()].0.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn however_they_arrive_the_shards_end_up_even() {
        for shards in [1, 2, 3, 64] {
            let balance = Balance::new(shards);
            // All arrive at the first shard: the worst a hash can do.
            (0..20_000).for_each(|turn| {
                let _ = balance.deal(ShardId(0), turn);
            });
            let open: Vec<u32> = (0..shards).map(|id| balance.open(ShardId(id))).collect();
            let (least, most) = (open.iter().min().unwrap(), open.iter().max().unwrap());
            assert_eq!(open.iter().sum::<u32>(), 20_000);
            assert!(most - least <= 2 + least / 32, "{open:?}");
        }
    }

    #[test]
    fn holes_that_closed_connections_leave_are_filled() {
        let balance = Balance::new(2);
        (0..1_000).for_each(|turn| {
            let _ = balance.deal(ShardId(turn as u16 % 2), turn);
        });
        (0..400).for_each(|_| balance.leave(ShardId(1)));
        (0..400).for_each(|turn| {
            let _ = balance.deal(ShardId(turn as u16 % 2), turn);
        });
        assert!(balance.open(ShardId(0)).abs_diff(balance.open(ShardId(1))) <= 10);
    }
}
