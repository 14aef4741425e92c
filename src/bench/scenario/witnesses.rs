//! A few connections in a room of their own that talk at a fixed rate: what they feel of what
//! others do to the server.
//!
//! Invariants: an open loop, so a server that stalls is measured for as long as it stalls; every
//! message is owed to every witness (but its sender, where the server leaves that one out).
//! Called by the storms.

use super::super::adapter::Role;
use super::super::fleet::Fleet;
use super::super::pace::Pace;
use super::super::stamp::Stamp;
use super::{count_due, is_loaded};

/// How many witnesses a thread has, and how much they say together.
#[derive(Clone, Copy, Debug)]
pub struct WitnessPlan {
    pub count: u32,
    pub per_s: f64,
}

impl Default for WitnessPlan {
    fn default() -> WitnessPlan {
        WitnessPlan { count: 4, per_s: 500.0 }
    }
}

pub struct Witnesses {
    plan: WitnessPlan,
    room: u32,
    /// The user of the first one.
    first_number: u32,
    slots: Vec<u32>,
    pace: Option<Pace>,
    /// Deliveries that are still to come.
    owed: u64,
    /// Only messages due until then belong to what is watched.
    until_ns: u64,
}

impl Witnesses {
    pub fn new(plan: WitnessPlan, room: u32, first_number: u32) -> Witnesses {
        Witnesses {
            plan,
            room,
            first_number,
            slots: Vec::new(),
            pace: None,
            owed: 0,
            until_ns: u64::MAX,
        }
    }

    pub fn begin(&self, fleet: &mut Fleet) {
        for number in (self.first_number..).take(self.plan.count as usize) {
            fleet.enlist(number, Role::Member { room: self.room });
        }
    }

    pub fn has(&self, role: Role) -> bool {
        role == Role::Member { room: self.room }
    }

    pub fn opened(&self, fleet: &mut Fleet, slot: u32) {
        fleet.join(slot, self.room);
    }

    pub fn joined(&mut self, slot: u32) {
        self.slots.push(slot);
    }

    pub fn is_ready(&self) -> bool {
        self.slots.len() as u32 == self.plan.count
    }

    pub fn delivered(&mut self, fleet: &mut Fleet, stamp: Stamp) {
        match self.owed.checked_sub(1) {
            Some(owed) => self.owed = owed,
            None => fleet.tally.error("a witness heard what nobody said", 1),
        }
        if stamp.ns() <= self.until_ns {
            fleet.record_other(stamp.ns());
        }
    }

    /// What is said from now on is no evidence any more.
    pub fn dismiss(&mut self, now_ns: u64) {
        self.until_ns = self.until_ns.min(now_ns);
    }

    pub fn closed(&mut self, slot: u32) {
        self.slots.retain(|open| *open != slot);
    }

    /// Says what is due, each witness in its turn.
    pub fn turn(&mut self, fleet: &mut Fleet) {
        if !is_loaded(fleet.stage()) || self.slots.is_empty() {
            return;
        }
        let pace = self.pace.get_or_insert_with(|| Pace::new(fleet.now_ns(), self.plan.per_s));
        let listeners = self.slots.len() as u64;
        let owed = listeners - u64::from(!fleet.senders_hear_themselves());
        while let Some((due_ns, number)) = pace.take(fleet.now_ns()) {
            count_due(fleet, due_ns);
            fleet.publish(
                self.slots[(number % listeners) as usize],
                self.room,
                Stamp::of_ns(due_ns),
            );
            self.owed += owed;
        }
    }

    pub fn next_ns(&self) -> Option<u64> {
        self.pace.map(|pace| pace.next_ns())
    }

    /// Deliveries that have not come.
    pub fn owed(&self) -> u64 {
        self.owed
    }
}
