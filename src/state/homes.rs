//! The authoritative records this shard is home to: rooms and users whose name hashes to it.
//!
//! A room's record says which shards have members; one owner sends to all of them, so every member
//! sees one order. A user's record holds its connections (oldest first), rooms, permissions and
//! rate windows, so limits are exact across cores without a lock.
//!
//! Invariants: a user's record lives while it has a connection, a grace period or an open rate
//! window; a room's record lives while a shard watches it. Called by `shard::home`.

use std::collections::HashMap;
use std::sync::Arc;

use foldhash::fast::{FixedState, RandomState};
use std::hash::BuildHasher;

use super::permissions::PermissionSet;
use super::rooms::RoomKey;
use crate::ids::{ConnKey, LimitId, ShardId, ShardSet};
use crate::reserve::is_roomy;

/// Which shard a name's record lives on: the same on every shard of the process.
pub fn home_of(name: &str, seed: u64, shards: u16) -> ShardId {
    match shards {
        1 => ShardId(0),
        _ => ShardId((FixedState::with_seed(seed).hash_one(name) % u64::from(shards)) as u16),
    }
}

/// A room, at its home.
#[derive(Debug, Default)]
pub struct HomeRoom {
    /// The shards with members, and what the room is called there.
    pub watchers: Vec<(ShardId, RoomKey)>,
}

impl HomeRoom {
    /// What the room is called on a shard that has members.
    pub fn local_part(&self, shard: ShardId) -> Option<RoomKey> {
        self.watchers.iter().find(|(other, _)| *other == shard).map(|(_, local)| *local)
    }
}

/// One fixed window of a rate limit.
#[derive(Clone, Copy, Debug)]
pub struct Window {
    pub limit: LimitId,
    pub events: u32,
    pub ends_ns: u64,
}

/// A user, at its home.
#[derive(Debug, Default)]
pub struct HomeUser {
    /// Oldest first.
    pub conns: Vec<ConnKey>,
    pub rooms: Vec<Arc<str>>,
    pub permissions: Arc<PermissionSet>,
    pub windows: Vec<Window>,
    /// With no connection left: when the rooms are left for good.
    pub grace_ends_ns: u64,
    /// An entry of the shard's `fading` queue waits to look at this record.
    pub fading: bool,
}

impl HomeUser {
    /// Counts one event against a limit; false where the window is full. The window begins with the
    /// first event that passes (go-dispatch's `rate_limit`).
    pub fn take(&mut self, limit: LimitId, events_max: u32, window_ns: u64, now_ns: u64) -> bool {
        match self.windows.iter_mut().find(|window| window.limit == limit) {
            Some(window) if now_ns < window.ends_ns => {
                let pass = window.events < events_max;
                window.events += u32::from(pass);
                pass
            }
            Some(window) => {
                *window = Window { limit, events: 1, ends_ns: now_ns + window_ns };
                events_max > 0
            }
            None => {
                self.windows.push(Window { limit, events: 1, ends_ns: now_ns + window_ns });
                events_max > 0
            }
        }
    }

    /// When an unconnected user's record changes next: the grace period ends, or the last rate
    /// window. `None` is: it is not needed any more.
    pub fn next_change_ns(&self, now_ns: u64) -> Option<u64> {
        let windows_end_ns = self.windows.iter().map(|window| window.ends_ns).max();
        [Some(self.grace_ends_ns), windows_end_ns]
            .into_iter()
            .flatten()
            .find(|end_ns| *end_ns > now_ns)
    }

    /// The shards that hold connections of this user.
    pub fn shards(&self) -> ShardSet {
        self.conns.iter().map(|conn| conn.shard).collect()
    }
}

/// A join or leave that waits for every shard of the user.
#[derive(Clone, Copy, Debug)]
pub struct Job {
    /// Who asked and is answered when `remaining` is 0.
    pub origin: ConnKey,
    pub remaining: u32,
}

/// All records this shard is home to.
#[derive(Debug, Default)]
pub struct Homes {
    pub rooms: HashMap<Arc<str>, HomeRoom, RandomState>,
    pub users: HashMap<Arc<str>, HomeUser, RandomState>,
    pub jobs: slab::Slab<Job>,
}

impl Homes {
    /// Gives back the room of tables that few records are left to need.
    pub fn trim(&mut self) {
        if is_roomy(self.rooms.len(), self.rooms.capacity()) {
            self.rooms.shrink_to(2 * self.rooms.len());
        }
        if is_roomy(self.users.len(), self.users.capacity()) {
            self.users.shrink_to(2 * self.users.len());
        }
        if is_roomy(self.jobs.len(), self.jobs.capacity()) {
            self.jobs.shrink_to_fit();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_a_minute_lets_ten_pass_and_resets_after_the_window() {
        let minute = 60_000_000_000;
        let mut user = HomeUser::default();
        let mut take = |now| user.take(LimitId(0), 10, minute, now);
        let passed: Vec<bool> = (0..12).map(|n| take(n * 1_000_000_000)).collect();
        assert_eq!(passed.iter().filter(|pass| **pass).count(), 10);
        assert!(!passed[10] && !passed[11]);
        assert!(!take(minute - 1));
        assert!(take(minute));
    }

    #[test]
    fn homes_are_spread_and_the_same_for_everybody() {
        let mut counts = [0; 8];
        for n in 0..8_000 {
            let name = format!("room:{n}");
            let home = home_of(&name, 7, 8);
            assert_eq!(home, home_of(&name, 7, 8));
            counts[home.index()] += 1;
        }
        assert!(counts.iter().all(|count| (800..1_200).contains(count)), "{counts:?}");
    }

    #[test]
    fn a_users_shards_are_named_once_each() {
        let conn = |shard, index| ConnKey { shard: ShardId(shard), index, generation: 1 };
        let user =
            HomeUser { conns: vec![conn(1, 0), conn(0, 1), conn(1, 2)], ..HomeUser::default() };
        assert_eq!(user.shards().iter().collect::<Vec<_>>(), [ShardId(0), ShardId(1)]);
    }
}
