//! Many members want in at once, while a few witnesses keep talking.
//!
//! ```text
//! gathering: witnesses (and members that are there first) -> warm-up: witnesses talk
//! -> measured: the storm, until everybody is in -> draining: roll call, a message to all
//! ```
//!
//! A member's latency is from the beginning of the storm, when all of them wanted in, until it is
//! in its room; so the largest is the time to full. Witnesses count until then.
//!
//! Invariants: a turn does no more than `STEP` members' work, so that the witnesses' latencies are
//! the server's and not those of this thread; the roll call must reach every member exactly once.

use std::collections::VecDeque;

use super::super::adapter::Role;
use super::super::course::Stage;
use super::super::fleet::{Ending, Farewell, Fleet, Ramp};
use super::super::stamp::Stamp;
use super::witnesses::{WitnessPlan, Witnesses};
use super::{Scenario, Share, at, fail_while_gathering, is_dispersed, is_loaded};

/// Members that are connected, asked to join, or cut in one turn: a connection takes the kernel
/// some 30 us to begin, and in that time nobody is heard.
const STEP: usize = 4;

const STORM_ROOM: u32 = 0;
const FIRST_WITNESS_ROOM: u32 = 1;

/// What the members do at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// They connect and join.
    Arrive,
    /// They are connected and join.
    Join,
    /// They were members, are cut off, connect and join again.
    Reconnect,
}

#[derive(Clone, Copy, Debug)]
pub struct StormPlan {
    pub kind: Kind,
    pub members: u32,
    pub witnesses: WitnessPlan,
    /// Connections a second in the storm; as fast as they can where there is none.
    pub per_s: Option<f64>,
}

impl StormPlan {
    /// Connections beside the members, on one thread.
    pub fn others(&self) -> u32 {
        self.witnesses.count + 1
    }
}

/// Where one member is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Place {
    #[default]
    Outside,
    Inside,
    /// It has heard the roll call.
    Counted,
}

/// How far the storm is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Act {
    Calm,
    Raging { began_ns: u64 },
    Over,
}

/// The scenario.
pub struct Storm {
    plan: StormPlan,
    share: Share,
    /// This thread's members.
    members: u32,
    witnesses: Witnesses,
    act: Act,
    places: Vec<Place>,
    inside: u32,
    counted: u32,
    /// Connected and not yet asked to join, or to be cut.
    waiting: VecDeque<u32>,
    /// Numbers of members yet to be connected.
    absent: VecDeque<u32>,
    /// Calls the roll; on the first thread only.
    herald: Option<u32>,
    called: bool,
}

impl Storm {
    pub fn new(plan: StormPlan, share: Share) -> Storm {
        let part = share.of(plan.members);
        let first_witness = plan.members + share.thread * plan.witnesses.count;
        let room = FIRST_WITNESS_ROOM + share.thread;
        Storm {
            witnesses: Witnesses::new(plan.witnesses, room, first_witness),
            members: part.len() as u32,
            plan,
            share,
            act: Act::Calm,
            places: Vec::new(),
            inside: 0,
            counted: 0,
            waiting: VecDeque::new(),
            absent: part.collect(),
            herald: None,
            called: false,
        }
    }

    fn has_herald(&self) -> bool {
        self.share.thread == 0
    }

    fn enlist_herald(&self, fleet: &mut Fleet) {
        if self.has_herald() {
            let number = self.plan.members + self.share.threads * self.plan.witnesses.count;
            fleet.enlist(number, Role::Publisher { room: STORM_ROOM });
        }
    }

    fn enlist_absent(&mut self, fleet: &mut Fleet, at_most: usize) {
        let count = at_most.min(self.absent.len());
        for number in self.absent.drain(..count) {
            fleet.enlist(number, Role::Member { room: STORM_ROOM });
        }
    }

    fn are_members_first(&self) -> bool {
        self.plan.kind != Kind::Arrive
    }

    /// Everybody wants in from now on.
    fn rage(&mut self, fleet: &mut Fleet) {
        self.act = Act::Raging { began_ns: fleet.window_start_ns() };
        fleet.set_ramp(Ramp { per_s: self.plan.per_s, opening_max: usize::MAX });
        if self.are_members_first() {
            // How long they took to come first is not the storm's.
            fleet.tally.forget_connecting();
        }
    }

    /// Does the next few members' part.
    fn step(&mut self, fleet: &mut Fleet) {
        self.enlist_absent(fleet, STEP);
        let count = STEP.min(self.waiting.len());
        for slot in self.waiting.drain(..count) {
            match self.plan.kind {
                Kind::Reconnect => fleet.close(slot, Farewell::Reset),
                Kind::Arrive | Kind::Join => fleet.join(slot, STORM_ROOM),
            }
        }
    }

    fn member_joined(&mut self, fleet: &mut Fleet, slot: u32) {
        *at(&mut self.places, slot) = Place::Inside;
        self.inside += 1;
        match self.act {
            Act::Raging { began_ns } => {
                fleet.record(began_ns, 1);
                fleet.count_done();
                self.end_if_full(fleet);
            }
            _ if self.plan.kind == Kind::Reconnect => self.waiting.push_back(slot),
            _ => {}
        }
    }

    fn end_if_full(&mut self, fleet: &Fleet) {
        if self.inside == self.members {
            self.act = Act::Over;
            self.witnesses.dismiss(fleet.heard_ns());
        }
    }

    fn member_heard(&mut self, fleet: &mut Fleet, slot: u32) {
        match std::mem::replace(at(&mut self.places, slot), Place::Counted) {
            Place::Inside => self.counted += 1,
            _ => fleet.tally.error("a member heard what was not said to it once", 1),
        }
    }

    fn member_closed(&mut self, fleet: &mut Fleet, number: u32, slot: u32, ending: &Ending) {
        if std::mem::take(at(&mut self.places, slot)) != Place::Outside {
            self.inside -= 1;
        }
        if self.plan.kind == Kind::Reconnect && *ending == Ending::Asked {
            self.absent.push_back(number);
        } else {
            fail_while_gathering(fleet, number, &ending.to_string());
        }
    }

    fn call_roll(&mut self, fleet: &mut Fleet) {
        if let (Some(herald), false) = (self.herald, self.called) {
            self.called = true;
            fleet.publish(herald, STORM_ROOM, Stamp::of_ns(fleet.now_ns()));
        }
    }
}

impl Scenario for Storm {
    fn begin(&mut self, fleet: &mut Fleet) {
        self.witnesses.begin(fleet);
        self.enlist_herald(fleet);
        if self.are_members_first() {
            self.enlist_absent(fleet, usize::MAX);
        }
    }

    fn opened(&mut self, fleet: &mut Fleet, slot: u32) {
        match fleet.role(slot) {
            Role::Publisher { .. } => self.herald = Some(slot),
            role if self.witnesses.has(role) => self.witnesses.opened(fleet, slot),
            _ if self.plan.kind == Kind::Join => self.waiting.push_back(slot),
            _ => fleet.join(slot, STORM_ROOM),
        }
    }

    fn joined(&mut self, fleet: &mut Fleet, slot: u32) {
        match self.witnesses.has(fleet.role(slot)) {
            true => self.witnesses.joined(slot),
            false => self.member_joined(fleet, slot),
        }
    }

    fn delivered(&mut self, fleet: &mut Fleet, slot: u32, stamp: Stamp) {
        match self.witnesses.has(fleet.role(slot)) {
            true => self.witnesses.delivered(fleet, stamp),
            false => self.member_heard(fleet, slot),
        }
    }

    fn closed(&mut self, fleet: &mut Fleet, number: u32, slot: u32, ending: &Ending) {
        if is_dispersed(fleet, ending) {
            return;
        }
        let is_member = number < self.plan.members;
        if is_member {
            return self.member_closed(fleet, number, slot, ending);
        }
        self.witnesses.closed(slot);
        fail_while_gathering(fleet, number, &ending.to_string());
    }

    fn turn(&mut self, fleet: &mut Fleet) {
        self.witnesses.turn(fleet);
        match fleet.stage() {
            Stage::Measured => {
                if self.act == Act::Calm {
                    self.rage(fleet);
                }
                self.step(fleet);
            }
            Stage::Draining => self.call_roll(fleet),
            Stage::Gathering | Stage::WarmUp => {}
        }
    }

    fn next_ns(&self, stage: Stage) -> Option<u64> {
        let has_work = !self.waiting.is_empty() || !self.absent.is_empty();
        match self.act {
            Act::Raging { .. } if has_work => Some(0),
            _ => self.witnesses.next_ns().filter(|_| is_loaded(stage)),
        }
    }

    fn is_ready(&self) -> bool {
        let first = match self.plan.kind {
            Kind::Arrive => true,
            Kind::Join => self.waiting.len() as u32 == self.members,
            Kind::Reconnect => self.inside == self.members,
        };
        first && self.witnesses.is_ready() && self.herald.is_some() == self.has_herald()
    }

    fn is_done(&self) -> bool {
        self.counted == self.members && self.witnesses.owed() == 0
    }

    fn finish(&mut self, fleet: &mut Fleet) {
        let outside = self.members - self.inside;
        if outside > 0 {
            fleet.tally.error("not in the room at the end", u64::from(outside));
        }
        fleet.tally.lost += u64::from(self.members - self.counted) + self.witnesses.owed();
    }
}
