//! A shard's own part of each room: the members that are connected here.
//!
//! The authoritative record is at the room's home (`state::homes`); this one exists while the shard
//! has a member. Its key carries a generation, because the home's deliveries may still be under way
//! when the last member leaves and the slot is reused.
//!
//! Invariants: `members[seat.place]` is the connection whose seat it is. Called by
//! `shard::seating`.

use std::collections::HashMap;
use std::sync::Arc;

use foldhash::fast::RandomState;
use slab::Slab;

use super::classes::{RoomClasses, RoomVariable};
use crate::ids::{ConnKey, RoomClassId};
use crate::reserve::is_roomy;
use crate::settings::{Membership, Presence, RoomClass};

/// A local room, as its home names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RoomKey {
    pub slot: u32,
    pub generation: u32,
}

/// Who waits for the room's home to confirm that it delivers here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Waiter {
    /// A connection that is binding, and whose user is in the room.
    Bind(ConnKey),
    /// A connection that joins for itself.
    Conn(ConnKey),
    /// A join: job of that user home's shard.
    Job(crate::ids::ShardId, u32),
}

/// The local part of a room.
#[derive(Debug)]
pub struct Room {
    pub name: Arc<str>,
    pub generation: u32,
    /// The first class of `rooms:` that matches the name.
    pub class: Option<RoomClassId>,
    /// Slots of the member connections.
    pub members: Vec<u32>,
    /// The home has confirmed that it delivers here.
    pub confirmed: bool,
    pub waiters: Vec<Waiter>,
}

/// All local rooms of one shard.
#[derive(Debug, Default)]
pub struct Rooms {
    /// By which rooms are classified.
    newest: Arc<RoomClasses>,
    /// Some of those have presence.
    any_presence: bool,
    /// What is asked of names; older where a message of an older configuration goes on.
    classes: Arc<RoomClasses>,
    by_name: HashMap<Arc<str>, u32, RandomState>,
    slots: Slab<Room>,
    generation: u32,
}

impl Rooms {
    pub fn new(classes: &[RoomClass]) -> Rooms {
        let classes = Arc::new(RoomClasses::new(classes));
        let any_presence = classes.any_presence();
        Rooms { newest: Arc::clone(&classes), any_presence, classes, ..Rooms::default() }
    }

    /// Asks other classes from now on; the ones asked before come back in their place.
    pub fn swap_classes(&mut self, classes: &mut Arc<RoomClasses>) {
        std::mem::swap(&mut self.classes, classes);
    }

    /// Classifies every room, and those to come, by the classes that are asked now.
    pub fn classify_again(&mut self) {
        self.newest = Arc::clone(&self.classes);
        self.any_presence = self.newest.any_presence();
        for (_, room) in &mut self.slots {
            room.class = self.newest.of(&room.name);
        }
    }

    /// The room's slot and whether it is new here.
    pub fn enter(&mut self, name: &Arc<str>) -> (u32, bool) {
        if let Some(&slot) = self.by_name.get(name) {
            return (slot, false);
        }
        self.generation = self.generation.wrapping_add(1);
        let room = Room {
            name: Arc::clone(name),
            generation: self.generation,
            class: self.newest.of(name),
            members: Vec::new(),
            confirmed: false,
            waiters: Vec::new(),
        };
        let slot = self.slots.insert(room) as u32;
        self.by_name.insert(Arc::clone(name), slot);
        (slot, true)
    }

    /// The class of a name, whether such a room is known here or not.
    pub fn class_of(&self, name: &str) -> Option<RoomClassId> {
        self.classes.of(name)
    }

    /// Where the variables of a class's pattern stand in a name.
    pub fn variables_of(&self, class: RoomClassId, name: &str, out: &mut Vec<RoomVariable>) {
        self.classes.variables(class, name, out);
    }

    pub fn membership_of(&self, class: Option<RoomClassId>) -> Membership {
        self.classes.membership(class)
    }

    /// What rooms of a class tell of who is in, by the newest classes; `None` where they do not.
    pub fn presence_of(&self, class: Option<RoomClassId>) -> Option<&Presence> {
        let class = self.newest.as_slice().get(usize::from(class?.0))?;
        Some(&class.presence).filter(|presence| presence.enabled)
    }

    /// The same by a room's name.
    pub fn presence_in(&self, name: &str) -> Option<&Presence> {
        if !self.any_presence {
            return None;
        }
        self.presence_of(self.newest.of(name))
    }

    /// Who becomes a member of a room of this class, by the newest classes.
    pub fn newest_membership(&self, class: Option<RoomClassId>) -> Membership {
        self.newest.membership(class)
    }

    pub fn find(&self, name: &str) -> Option<u32> {
        self.by_name.get(name).copied()
    }

    /// The shared name of a room that is known here.
    pub fn name(&self, name: &str) -> Option<Arc<str>> {
        self.by_name.get_key_value(name).map(|(name, _)| Arc::clone(name))
    }

    pub fn get(&self, slot: u32) -> Option<&Room> {
        self.slots.get(slot as usize)
    }

    pub fn get_mut(&mut self, slot: u32) -> Option<&mut Room> {
        self.slots.get_mut(slot as usize)
    }

    pub fn key(&self, slot: u32) -> Option<RoomKey> {
        let generation = self.slots.get(slot as usize)?.generation;
        Some(RoomKey { slot, generation })
    }

    /// The slot of a key that is still alive here.
    pub fn resolve(&self, key: RoomKey) -> Option<u32> {
        let room = self.slots.get(key.slot as usize)?;
        (room.generation == key.generation).then_some(key.slot)
    }

    pub fn iter(&self) -> impl Iterator<Item = (RoomKey, &Room)> {
        let key = |slot, room: &Room| RoomKey { slot, generation: room.generation };
        self.slots.iter().map(move |(slot, room)| (key(slot as u32, room), room))
    }

    /// Forgets a room without members.
    pub fn remove(&mut self, slot: u32) -> Option<Room> {
        let room = self.slots.try_remove(slot as usize)?;
        self.by_name.remove(&room.name);
        Some(room)
    }

    /// Gives back the room of tables that few rooms are left to need.
    pub fn trim(&mut self) {
        if is_roomy(self.slots.len(), self.slots.capacity()) {
            self.slots.shrink_to_fit();
        }
        if is_roomy(self.by_name.len(), self.by_name.capacity()) {
            self.by_name.shrink_to(2 * self.by_name.len());
        }
    }

    pub fn len(&self) -> usize {
        self.slots.len()
    }

    pub fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }
}
