//! What each operation costs in mesh frames: a second book of who is where, kept without shards.
//!
//! Invariants: a frame a shard says to itself is free, so every cost is a sum of `far` terms; no
//! term counts shards that have nothing to do with the operation.

use std::collections::{BTreeMap, BTreeSet};

use super::simulator::fleet::home;

/// A user's connections (by shard), rooms, and where its limits are counted if not at home.
#[derive(Debug, Default)]
struct User {
    conns: Vec<usize>,
    rooms: BTreeSet<String>,
    lent: Option<usize>,
    events: u32,
}

impl User {
    /// The one shard with all of its connections.
    fn only(&self) -> Option<usize> {
        let first = *self.conns.first()?;
        self.conns.iter().all(|conn| *conn == first).then_some(first)
    }
}

pub struct Oracle {
    shards: u16,
    /// Events that pass for each user, where the program has a limit.
    limit: Option<u32>,
    users: BTreeMap<String, User>,
    /// Connections seated in a room, by room and shard.
    seats: BTreeMap<(String, usize), usize>,
}

fn far(from: usize, to: usize) -> u64 {
    u64::from(from != to)
}

impl Oracle {
    pub fn new(shards: u16) -> Oracle {
        Oracle { shards, limit: None, users: BTreeMap::new(), seats: BTreeMap::new() }
    }

    pub fn limited(shards: u16, limit: u32) -> Oracle {
        Oracle { limit: Some(limit), ..Oracle::new(shards) }
    }

    /// `Bind`, `Bound`, and a watch for each of the user's rooms that is new on the shard; before
    /// `Bound` a `Recall` and a `Yield` where another shard counts the user's limits.
    pub fn connect(&mut self, shard: usize, name: &str) -> u64 {
        let user = self.users.entry(name.into()).or_default();
        user.conns.push(shard);
        let rooms = user.rooms.clone();
        let recall = if user.lent.is_some_and(|to| to != shard) { 2 } else { 0 };
        // Lent to this shard goes along with `Bound`.
        self.lend(name);
        let watches: u64 = rooms.iter().map(|room| self.seat(room, shard, 1)).sum();
        2 * far(shard, self.home(name)) + recall + watches
    }

    /// `Unbind`, and an unwatch for each room that nobody is left in on the shard; a `Lend` where
    /// the connections that are left are all on one other shard than the home.
    pub fn disconnect(&mut self, shard: usize, name: &str) -> u64 {
        let user = self.users.get_mut(name).expect("a user");
        let place = user.conns.iter().position(|conn| *conn == shard).expect("a connection");
        user.conns.swap_remove(place);
        let rooms = match user.conns.is_empty() {
            true => std::mem::take(&mut user.rooms),
            false => user.rooms.clone(),
        };
        let before = self.users.get(name).and_then(|user| user.lent);
        let lend = u64::from(self.lend(name).is_some_and(|to| before != Some(to)));
        let unwatches: u64 = rooms.iter().map(|room| self.unseat(room, shard, 1)).sum();
        far(shard, self.home(name)) + lend + unwatches
    }

    pub fn is_limited(&self) -> bool {
        self.limit.is_some()
    }

    /// Where the user's limits are counted now, if that is not its home.
    fn lend(&mut self, name: &str) -> Option<usize> {
        self.limit?;
        let home = self.home(name);
        let user = self.users.get_mut(name)?;
        user.lent = user.only().filter(|only| *only != home);
        user.lent
    }

    /// `Take` and `Taken`, where neither the home nor the only shard of the user asks; and whether
    /// the event passes.
    pub fn count(&mut self, shard: usize, name: &str) -> (u64, bool) {
        let home = self.home(name);
        let limit = self.limit.expect("a limit");
        let user = self.users.get_mut(name).expect("a user");
        user.events += 1;
        let asked = if user.lent.is_some() { 0 } else { 2 * far(shard, home) };
        (asked, user.events <= limit)
    }

    /// `Join`, then `Enroll`, a watch and `Enrolled` for each shard of the user, then `Done`.
    pub fn join(&mut self, shard: usize, name: &str, room: &str) -> u64 {
        let new = self.users.get_mut(name).expect("a user").rooms.insert(room.into());
        let home = self.home(name);
        let mut cost = 2 * far(shard, home);
        for (of, conns) in self.conns_by_shard(name) {
            cost += 2 * far(home, of);
            cost += if new { self.seat(room, of, conns) } else { 0 };
        }
        cost
    }

    /// The same with `Leave`, `Expel` and an unwatch.
    pub fn leave(&mut self, shard: usize, name: &str, room: &str) -> u64 {
        let was_in = self.users.get_mut(name).expect("a user").rooms.remove(room);
        let home = self.home(name);
        let mut cost = 2 * far(shard, home);
        for (of, conns) in self.conns_by_shard(name) {
            cost += 2 * far(home, of);
            cost += if was_in { self.unseat(room, of, conns) } else { 0 };
        }
        cost
    }

    /// `Publish`, and a `Deliver` for each shard with members; and how many members there are.
    pub fn publish(&self, shard: usize, room: &str) -> (u64, u64) {
        let home = self.home(room);
        let seats = self.seats_of(room);
        let delivers: u64 = seats.keys().map(|of| far(home, *of)).sum();
        (far(shard, home) + delivers, seats.values().map(|conns| *conns as u64).sum())
    }

    /// `ToUser`, and a `DeliverUser` for each shard of the user; and how many connections.
    pub fn tell(&self, shard: usize, name: &str) -> (u64, u64) {
        let home = self.home(name);
        let conns = self.conns_by_shard(name);
        let delivers: u64 = conns.keys().map(|of| far(home, *of)).sum();
        (far(shard, home) + delivers, conns.values().map(|conns| *conns as u64).sum())
    }

    /// Shards with members.
    pub fn spread(&self, room: &str) -> u64 {
        self.seats_of(room).len() as u64
    }

    /// Shards with a connection of the user.
    pub fn shards_of(&self, name: &str) -> u64 {
        self.conns_by_shard(name).len() as u64
    }

    pub fn rooms_of(&self, name: &str) -> u64 {
        self.users.get(name).map_or(0, |user| user.rooms.len() as u64)
    }

    fn home(&self, name: &str) -> usize {
        home(name, self.shards)
    }

    fn conns_by_shard(&self, name: &str) -> BTreeMap<usize, usize> {
        let mut of_shard = BTreeMap::new();
        let conns = self.users.get(name).map(|user| user.conns.as_slice()).unwrap_or_default();
        conns.iter().for_each(|shard| *of_shard.entry(*shard).or_default() += 1);
        of_shard
    }

    fn seats_of(&self, room: &str) -> BTreeMap<usize, usize> {
        let range = (room.to_owned(), 0)..(room.to_owned(), usize::MAX);
        self.seats.range(range).map(|((_, shard), conns)| (*shard, *conns)).collect()
    }

    /// The first seat on a shard costs a watch and its answer.
    fn seat(&mut self, room: &str, shard: usize, conns: usize) -> u64 {
        let seats = self.seats.entry((room.into(), shard)).or_default();
        let first = *seats == 0;
        *seats += conns;
        if first { 2 * far(shard, self.home(room)) } else { 0 }
    }

    /// The last one costs an unwatch.
    fn unseat(&mut self, room: &str, shard: usize, conns: usize) -> u64 {
        let seats = self.seats.get_mut(&(room.into(), shard)).expect("seats");
        *seats -= conns;
        if *seats > 0 {
            return 0;
        }
        self.seats.remove(&(room.into(), shard));
        far(shard, self.home(room))
    }
}
