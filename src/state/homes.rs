//! The authoritative records this shard is home to: rooms and users whose name hashes to it.
//!
//! A room's record says which shards have members; one owner sends to all of them, so every member
//! sees one order. A user's record holds its connections (oldest first), rooms, permissions and
//! the meters of its limits, so limits are exact across cores without a lock.
//!
//! Invariants: a user's record lives while it has a connection, a grace period, or a meter that
//! still counts or is lent; a room's record lives while a shard watches it, or a history of it is
//! kept. Called by `shard::home` and `shard::lease`.

use std::collections::HashMap;
use std::sync::Arc;

use foldhash::fast::{FixedState, RandomState};
use std::hash::BuildHasher;

use super::bounds::Bounds;
use super::histories::Histories;
use super::history::History;
use super::limits::{Rate, Verdict};
use super::meters::{Key, MeterTable, Meters, Reading};
use super::permissions::PermissionSet;
use super::rooms::RoomKey;
use crate::ids::{ConnKey, ShardId, ShardSet};
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
    /// Where its class has some.
    pub bounds: Option<Box<Bounds>>,
}

impl HomeRoom {
    /// Whether nobody would miss the record.
    pub fn is_unused(&self) -> bool {
        self.is_left() && self.history().is_none_or(History::is_fresh)
    }

    /// Whether nobody is in the room, or about to join.
    pub fn is_left(&self) -> bool {
        let nobody = self.bounds.as_ref().is_none_or(|bounds| bounds.members.is_empty());
        self.watchers.is_empty() && nobody
    }

    pub fn history(&self) -> Option<&History> {
        self.bounds.as_ref()?.history.as_ref()
    }

    pub fn history_mut(&mut self) -> Option<&mut History> {
        self.bounds.as_mut()?.history.as_mut()
    }

    /// What the room is called on a shard that has members.
    pub fn local_part(&self, shard: ShardId) -> Option<RoomKey> {
        self.watchers.iter().find(|(other, _)| *other == shard).map(|(_, local)| *local)
    }
}

/// A user, at its home.
#[derive(Debug, Default)]
pub struct HomeUser {
    /// Oldest first.
    pub conns: Vec<ConnKey>,
    pub rooms: Vec<Arc<str>>,
    pub permissions: Arc<PermissionSet>,
    /// What its limits are counted with, unless that is lent.
    pub meters: Meters,
    /// The shard that counts with the meters now, or that they are on their way to or from: it has,
    /// or had, all of the user's connections.
    pub lent: Option<ShardId>,
    /// With no connection left: when the rooms are left for good.
    pub grace_ends_ns: u64,
    /// An entry of the shard's `fading` queue waits to look at this record.
    pub fading: bool,
}

impl HomeUser {
    /// Counts one event against a limit.
    pub fn take(&mut self, key: Key, rate: &Rate, now_ns: u64) -> Reading {
        match self.lent {
            None => self.meters.take(key, rate, now_ns),
            Some(_) => Reading::of(Verdict::Wait),
        }
    }

    /// The meters, for the one shard that has all of the user's connections: `None` where there is
    /// no such shard, or where they are lent already.
    pub fn lend(&mut self) -> Option<(ShardId, Meters)> {
        let only = self.conns.first()?.shard;
        if self.lent.is_some() || self.conns.iter().any(|conn| conn.shard != only) {
            return None;
        }
        self.lent = Some(only);
        Some((only, std::mem::take(&mut self.meters)))
    }

    /// When an unconnected user's record changes next: the grace period ends, or the last meter
    /// stops to count. `None` is: it is not needed any more.
    pub fn next_change_ns(&self, now_ns: u64) -> Option<u64> {
        [Some(self.grace_ends_ns), self.meters.until_ns()]
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
    /// Boxed, because a table's free places have the size of its records.
    pub users: HashMap<Arc<str>, Box<HomeUser>, RandomState>,
    pub jobs: slab::Slab<Job>,
    /// Connections that are let in when the meters of their user, which were recalled, are back.
    pub recalls: HashMap<Arc<str>, Vec<ConnKey>, RandomState>,
    /// What is counted with rooms and other texts.
    pub texts: MeterTable,
    /// What is kept of rooms' messages, all together.
    pub histories: Histories,
}

impl Homes {
    /// Forgets counts that are over.
    pub fn sweep(&mut self, now_ns: u64) {
        if self.texts.sweep_due_ns <= now_ns {
            self.texts.sweep(now_ns);
        }
    }

    /// Gives back the room of tables that few records are left to need.
    pub fn trim(&mut self) {
        if is_roomy(self.rooms.len(), self.rooms.capacity()) {
            self.rooms.shrink_to(2 * self.rooms.len());
        }
        if is_roomy(self.users.len(), self.users.capacity()) {
            self.users.shrink_to(2 * self.users.len());
        }
        self.texts.trim();
        if is_roomy(self.recalls.len(), self.recalls.capacity()) {
            self.recalls.shrink_to_fit();
        }
        if is_roomy(self.jobs.len(), self.jobs.capacity()) {
            self.jobs.shrink_to_fit();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::LimitId;
    use crate::state::meters::Fingerprint;

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

    #[test]
    fn meters_are_lent_to_the_only_shard_of_a_user() {
        let conn = |shard, index| ConnKey { shard: ShardId(shard), index, generation: 1 };
        let user = |conns: &[ConnKey]| HomeUser { conns: conns.to_vec(), ..HomeUser::default() };
        assert!(user(&[]).lend().is_none());
        assert!(user(&[conn(1, 0), conn(2, 1)]).lend().is_none());
        let (mut one, rate) = (user(&[conn(1, 0), conn(1, 4)]), Rate::fixed(1, 100));
        let key = Key { text: Fingerprint::NONE, limit: LimitId(0) };
        assert_eq!(one.take(key, &rate, 5).verdict, Verdict::Pass);
        let (to, mut meters) = one.lend().unwrap();
        assert_eq!(to, ShardId(1));
        assert_eq!(meters.take(key, &rate, 6).verdict, Verdict::Refuse { retry_ns: 99 });
        assert_eq!(one.take(key, &rate, 6).verdict, Verdict::Wait);
        assert!(one.lend().is_none());
    }
}
