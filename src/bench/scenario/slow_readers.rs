//! Some members of a room stop reading: what becomes of the others, and of them.
//!
//! ```text
//! warm-up: the slow ones stop -> measured: one publishes at a rate -> draining: they read again
//! ```
//!
//! The latencies are those of the members who read. A slow one was either closed by the server,
//! whose close code is found when it reads again, or kept, with or without gaps.
//!
//! Invariants: each thread has a room of its own; every message is owed to every reader.

use super::super::adapter::Role;
use super::super::course::Stage;
use super::super::fleet::{Ending, Enlisted, Fleet};
use super::super::pace::Pace;
use super::super::stamp::Stamp;
use super::{Scenario, Share, at, count_due, fail_while_gathering, is_dispersed, is_loaded};
use crate::runtime::dial::Dial;

/// Bytes a slow reader's kernel takes for it: as few as it lets anybody ask for.
const SLOW_BUFFER_BYTES: usize = 4_096;

#[derive(Clone, Copy, Debug)]
pub struct SlowReadersPlan {
    pub members: u32,
    /// Of these, how many stop reading.
    pub slow: u32,
    /// Messages a second in all rooms together.
    pub per_s: f64,
}

/// What a connection is, and what it has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Part {
    #[default]
    None,
    Publisher,
    Reader,
    Slow {
        heard: u64,
    },
}

/// The scenario.
pub struct SlowReaders {
    plan: SlowReadersPlan,
    share: Share,
    per_s: f64,
    members: u32,
    slow: u32,
    parts: Vec<Part>,
    publisher: Option<u32>,
    readers: u32,
    slow_slots: Vec<u32>,
    pace: Option<Pace>,
    said: u64,
    /// Deliveries to readers that are still to come.
    owed: u64,
    closed: u32,
    /// Slow ones that have everything again.
    whole: u32,
    has_stopped: bool,
    has_resumed: bool,
}

impl SlowReaders {
    pub fn new(plan: SlowReadersPlan, share: Share) -> SlowReaders {
        let part = share.of(plan.members);
        SlowReaders {
            plan,
            share,
            per_s: share.of_rate(plan.per_s, &part, plan.members),
            members: part.len() as u32,
            slow: share.of(plan.slow).len() as u32,
            parts: Vec::new(),
            publisher: None,
            readers: 0,
            slow_slots: Vec::new(),
            pace: None,
            said: 0,
            owed: 0,
            closed: 0,
            whole: 0,
            has_stopped: false,
            has_resumed: false,
        }
    }

    fn room(&self) -> u32 {
        self.share.thread
    }

    /// The first ones of a thread's members are slow.
    fn is_slow(&self, number: u32) -> bool {
        number < self.plan.members && number - self.share.of(self.plan.members).start < self.slow
    }

    fn member_joined(&mut self, fleet: &Fleet, slot: u32) {
        let is_slow = self.is_slow(fleet.number(slot));
        *at(&mut self.parts, slot) = match is_slow {
            true => Part::Slow { heard: 0 },
            false => Part::Reader,
        };
        match is_slow {
            true => self.slow_slots.push(slot),
            false => self.readers += 1,
        }
    }

    fn stop(&mut self, fleet: &mut Fleet) {
        if !std::mem::replace(&mut self.has_stopped, true) {
            self.slow_slots.iter().for_each(|slot| fleet.pause(*slot));
        }
    }

    fn resume(&mut self, fleet: &mut Fleet) {
        if !std::mem::replace(&mut self.has_resumed, true) {
            self.slow_slots.iter().for_each(|slot| fleet.resume(*slot));
        }
    }

    fn publish_due(&mut self, fleet: &mut Fleet) {
        let Some(publisher) = self.publisher else { return };
        let per_s = self.per_s;
        let pace = self.pace.get_or_insert_with(|| Pace::new(fleet.now_ns(), per_s));
        while let Some((due_ns, _)) = pace.take(fleet.now_ns()) {
            count_due(fleet, due_ns);
            fleet.publish(publisher, self.share.thread, Stamp::of_ns(due_ns));
            self.said += 1;
            self.owed += u64::from(self.readers);
        }
    }

    /// Slow ones that are neither gone nor whole again.
    fn unsettled(&self) -> u32 {
        self.slow - self.closed - self.whole
    }
}

impl Scenario for SlowReaders {
    fn begin(&mut self, fleet: &mut Fleet) {
        let room = self.room();
        for number in self.share.of(self.plan.members) {
            let bytes = self.is_slow(number).then_some(SLOW_BUFFER_BYTES);
            let dial = Dial { receive_buffer_bytes: bytes, ..Dial::default() };
            fleet.enlist_with(Enlisted { number, role: Role::Member { room }, dial });
        }
        fleet.enlist(self.plan.members + self.share.thread, Role::Publisher { room });
    }

    fn opened(&mut self, fleet: &mut Fleet, slot: u32) {
        match fleet.role(slot) {
            Role::Publisher { .. } => {
                *at(&mut self.parts, slot) = Part::Publisher;
                self.publisher = Some(slot);
            }
            _ => fleet.join(slot, self.room()),
        }
    }

    fn joined(&mut self, fleet: &mut Fleet, slot: u32) {
        self.member_joined(fleet, slot);
    }

    fn delivered(&mut self, fleet: &mut Fleet, slot: u32, stamp: Stamp) {
        let said = self.said;
        match at(&mut self.parts, slot) {
            Part::Reader => {
                fleet.record_other(stamp.ns());
                match self.owed.checked_sub(1) {
                    Some(owed) => self.owed = owed,
                    None => fleet.tally.error("a reader heard what nobody said", 1),
                }
            }
            Part::Slow { heard } => {
                *heard += 1;
                self.whole += u32::from(self.has_resumed && *heard == said);
            }
            Part::Publisher | Part::None => {}
        }
    }

    fn closed(&mut self, fleet: &mut Fleet, number: u32, slot: u32, ending: &Ending) {
        if is_dispersed(fleet, ending) {
            return;
        }
        fail_while_gathering(fleet, number, &ending.to_string());
        match std::mem::take(at(&mut self.parts, slot)) {
            Part::Slow { .. } => self.closed += 1,
            Part::Reader => self.readers -= 1,
            Part::Publisher => self.publisher = None,
            Part::None => {}
        }
        self.slow_slots.retain(|open| *open != slot);
    }

    fn turn(&mut self, fleet: &mut Fleet) {
        if is_loaded(fleet.stage()) {
            self.stop(fleet);
            self.publish_due(fleet);
        } else if fleet.stage() == Stage::Draining {
            self.resume(fleet);
        }
    }

    fn next_ns(&self, stage: Stage) -> Option<u64> {
        self.pace.filter(|_| is_loaded(stage)).map(|pace| pace.next_ns())
    }

    fn is_ready(&self) -> bool {
        let members = self.readers + self.slow_slots.len() as u32;
        members == self.members && self.publisher.is_some()
    }

    fn is_done(&self) -> bool {
        self.has_resumed && self.owed == 0 && self.unsettled() == 0
    }

    fn finish(&mut self, fleet: &mut Fleet) {
        fleet.tally.lost += self.owed;
        let missed = |slot: &u32| match self.parts[*slot as usize] {
            Part::Slow { heard } => self.said - heard,
            _ => 0,
        };
        let missed: u64 = self.slow_slots.iter().map(missed).sum();
        fleet.tally.note("slow_readers", u64::from(self.slow));
        fleet.tally.note("slow_readers_closed", u64::from(self.closed));
        fleet.tally.note("slow_readers_kept", self.slow_slots.len() as u64);
        fleet.tally.note("missed_by_kept", missed);
    }
}
