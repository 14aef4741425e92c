//! A mixed chat: rooms of very different sizes, messages, typing, members that come and go.
//!
//! An open loop: `rate` deeds a second of a script that the seed decides. Latencies are those of
//! deliveries to residents; every one of them is owed exactly what is said in its room.
//!
//! Invariants: each thread has rooms and members of its own, so its books are complete.

pub mod cast;
pub mod script;
pub mod zipf;

use super::super::adapter::Role;
use super::super::fleet::{Ending, Fleet};
use super::super::pace::Pace;
use super::super::stamp::Stamp;
use super::{Scenario, Share, at, count_due, fail_while_gathering, is_dispersed, is_loaded};
use crate::bench::course::Stage;
use cast::{Cast, Part};
use script::{Deed, Script};

#[derive(Clone, Copy, Debug)]
pub struct ChatPlan {
    pub connections: u32,
    pub rooms: u32,
    /// Deeds a second in all rooms together.
    pub per_s: f64,
    pub seed: u64,
}

/// The scenario.
pub struct Chat {
    cast: Cast,
    script: Script,
    /// Of the first member and the first room in the run.
    first_number: u32,
    first_room: u32,
    per_s: f64,
    pace: Option<Pace>,
    slots: Vec<u32>,
    /// The member of each slot, from 1; 0 is nobody.
    members: Vec<u32>,
    missing: u32,
    is_broken: bool,
    /// Deliveries residents are owed, and got.
    owed: u64,
    heard: u64,
}

impl Chat {
    /// `hears_itself`: whether a member gets what it says itself.
    pub fn new(plan: ChatPlan, hears_itself: bool, share: Share) -> Chat {
        let (part, rooms) = (share.of(plan.connections), share.of(plan.rooms));
        let cast = Cast::new(rooms.len(), part.len(), hears_itself);
        Chat {
            script: Script::new(&cast, plan.seed.wrapping_add(u64::from(share.thread))),
            first_number: part.start,
            first_room: rooms.start,
            per_s: share.of_rate(plan.per_s, &part, plan.connections),
            pace: None,
            slots: vec![0; cast.members()],
            members: Vec::new(),
            missing: cast.members() as u32,
            is_broken: false,
            owed: 0,
            heard: 0,
            cast,
        }
    }

    fn resident(&mut self, slot: u32) -> Option<usize> {
        let member = (*at(&mut self.members, slot) as usize).checked_sub(1)?;
        (Cast::part(member) == Part::Resident).then_some(member)
    }

    fn room(&self, member: usize) -> u32 {
        self.first_room + self.cast.room(member) as u32
    }

    fn carry_out(&mut self, fleet: &mut Fleet, deed: Deed, due_ns: u64) {
        match deed {
            Deed::Say { speaker } => {
                self.say(speaker);
                fleet.publish(self.slots[speaker], self.room(speaker), Stamp::of_ns(due_ns));
            }
            Deed::Type { speaker } => {
                self.say(speaker);
                fleet.publish_short(self.slots[speaker], self.room(speaker), Stamp::of_ns(due_ns));
            }
            Deed::Leave { mover, room } => {
                fleet.leave(self.slots[mover], self.first_room + room as u32);
            }
            Deed::Join { mover, room } => {
                fleet.join(self.slots[mover], self.first_room + room as u32);
            }
        }
    }

    fn say(&mut self, speaker: usize) {
        self.owed += self.cast.say(speaker);
    }
}

impl Scenario for Chat {
    fn begin(&mut self, fleet: &mut Fleet) {
        for (number, member) in (self.first_number..).zip(0..self.cast.members()) {
            fleet.enlist(number, Role::Member { room: self.room(member) });
        }
    }

    fn opened(&mut self, fleet: &mut Fleet, slot: u32) {
        let member = fleet.number(slot) - self.first_number;
        *at(&mut self.members, slot) = member + 1;
        self.slots[member as usize] = slot;
        fleet.join(slot, self.room(member as usize));
    }

    fn joined(&mut self, fleet: &mut Fleet, _slot: u32) {
        if fleet.stage() == Stage::Gathering {
            self.missing -= 1;
        }
    }

    fn delivered(&mut self, fleet: &mut Fleet, slot: u32, stamp: Stamp) {
        let Some(member) = self.resident(slot) else { return };
        self.cast.hear(member);
        self.heard += 1;
        fleet.record(stamp.ns(), 1);
    }

    fn closed(&mut self, fleet: &mut Fleet, number: u32, slot: u32, ending: &Ending) {
        if is_dispersed(fleet, ending) {
            return;
        }
        fail_while_gathering(fleet, number, &ending.to_string());
        // What it would have said is not said any more; what it misses is lost.
        *at(&mut self.members, slot) = 0;
        self.is_broken = true;
    }

    fn turn(&mut self, fleet: &mut Fleet) {
        if !is_loaded(fleet.stage()) {
            return;
        }
        let per_s = self.per_s;
        self.pace.get_or_insert_with(|| Pace::new(fleet.now_ns(), per_s));
        while let Some((due_ns, _)) = self.pace.as_mut().and_then(|pace| pace.take(fleet.now_ns()))
        {
            let Some(deed) = self.script.next(&self.cast) else { return };
            count_due(fleet, due_ns);
            self.carry_out(fleet, deed, due_ns);
        }
    }

    fn next_ns(&self, stage: Stage) -> Option<u64> {
        self.pace.filter(|_| is_loaded(stage)).map(|pace| pace.next_ns())
    }

    fn is_ready(&self) -> bool {
        self.missing == 0
    }

    fn is_done(&self) -> bool {
        self.heard >= self.owed || self.is_broken
    }

    fn finish(&mut self, fleet: &mut Fleet) {
        fleet.tally.lost += self.cast.lost();
        let surplus = self.cast.surplus();
        if surplus > 0 {
            fleet.tally.error("a member heard what was not said to it once", surplus);
        }
    }
}
