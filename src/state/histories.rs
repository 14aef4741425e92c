//! All histories of rooms that one shard keeps: how much they are, which are to be looked at, and
//! which go first.
//!
//! Invariants: a history that has begun stands in `due` unless there is nothing to let go of; one
//! whose room nobody is in stands in `left` once. Called by `shard::history`.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::BuildHasher;
use std::sync::Arc;

use foldhash::fast::FixedState;

use super::history::History;
use crate::clock::Now;
use crate::ids::ShardId;

/// Bits of an epoch.
const EPOCH_MASK: u64 = (1 << 48) - 1;

/// See the module.
#[derive(Debug, Default)]
pub struct Histories {
    /// Of memory that the kept messages take.
    pub bytes: usize,
    /// Histories that have begun.
    pub rooms: usize,
    due: BTreeSet<(u64, Arc<str>)>,
    /// Rooms that nobody is in, the longest left one first.
    left: BTreeMap<u64, Arc<str>>,
    /// The newest number in `left`.
    leaves: u64,
    /// How many have begun.
    epochs: u64,
}

impl Histories {
    /// An epoch that no other history of any process has, as far as chance allows.
    pub fn epoch(&mut self, shard: ShardId, seed: u64, now: Now) -> u64 {
        self.epochs += 1;
        let told = (shard.0, self.epochs, now.unix_ms, now.mono_ns);
        (FixedState::with_seed(seed).hash_one(told) & EPOCH_MASK).max(1)
    }

    /// Has the history looked at when it wants to be.
    pub fn plan(&mut self, room: &Arc<str>, history: &mut History) {
        if history.due_ns == 0 {
            history.due_ns = history.next_ns();
            self.due.insert((history.due_ns, Arc::clone(room)));
        }
    }

    /// A room whose history is to be looked at now.
    pub fn take_due(&mut self, now_ns: u64) -> Option<Arc<str>> {
        let (due_ns, _) = self.due.first()?;
        if *due_ns > now_ns {
            return None;
        }
        self.due.pop_first().map(|(_, room)| room)
    }

    /// Nobody is in the room any more.
    pub fn leave(&mut self, room: &Arc<str>, history: &mut History) {
        self.come_back(history);
        self.leaves += 1;
        history.left = Some(self.leaves);
        self.left.insert(self.leaves, Arc::clone(room));
    }

    /// Somebody is, or the history ends.
    pub fn come_back(&mut self, history: &mut History) {
        if let Some(number) = history.left.take() {
            self.left.remove(&number);
        }
    }

    /// How many rooms that nobody is in have one.
    pub fn rooms_left(&self) -> usize {
        self.left.len()
    }

    /// Of those, the one that was left first.
    pub fn first_left(&self) -> Option<Arc<str>> {
        self.left.first_key_value().map(|(_, room)| Arc::clone(room))
    }

    /// The history is over.
    pub fn end(&mut self, room: &Arc<str>, mut history: History) {
        self.come_back(&mut history);
        if history.due_ns != 0 {
            self.due.remove(&(history.due_ns, Arc::clone(room)));
        }
        if !history.is_fresh() {
            self.rooms -= 1;
        }
        self.bytes -= history.bytes();
    }

    /// Before all are counted again.
    pub fn forget_all(&mut self) {
        (self.bytes, self.rooms) = (0, 0);
        self.due.clear();
        self.left.clear();
    }

    /// Counts one that has begun, as if it were new here.
    pub fn begin_again(&mut self, room: &Arc<str>, history: &mut History) {
        self.bytes += history.bytes();
        self.rooms += 1;
        (history.due_ns, history.left) = (0, None);
        self.plan(room, history);
    }

    pub fn is_empty(&self) -> bool {
        self.rooms == 0
    }
}
