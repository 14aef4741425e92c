//! Every connection sends messages that come back to it alone.
//!
//! Closed loop: each connection keeps `in_flight` messages outstanding. Open loop: messages go out
//! at a rate, over the connections in turn, however many are outstanding.

use super::super::adapter::Role;
use super::super::course::Stage;
use super::super::fleet::{Ending, Fleet};
use super::super::pace::Pace;
use super::super::stamp::Stamp;
use super::{Scenario, Share, at, count_due, fail_while_gathering, is_loaded};

/// One connection's outstanding messages.
#[derive(Clone, Copy, Debug, Default)]
struct Talker {
    /// Messages to be sent at the end of the turn.
    owed: u32,
    outstanding: u32,
    is_open: bool,
}

/// The scenario.
pub struct Echo {
    connections: u32,
    in_flight: u32,
    per_s: Option<f64>,
    share: Share,
    pace: Option<Pace>,
    talkers: Vec<Talker>,
    open: Vec<u32>,
    /// Connections that owe messages in this turn.
    owing: Vec<u32>,
    outstanding: u64,
    begun: bool,
    missing: u32,
}

impl Echo {
    /// `per_s` makes it an open loop.
    pub fn new(connections: u32, in_flight: u32, per_s: Option<f64>, share: Share) -> Echo {
        let part = share.of(connections);
        Echo {
            connections,
            in_flight,
            per_s,
            share,
            pace: None,
            talkers: Vec::new(),
            open: Vec::new(),
            owing: Vec::new(),
            outstanding: 0,
            begun: false,
            missing: part.len() as u32,
        }
    }

    /// The load begins: everybody owes as many messages as may be outstanding.
    fn begin_load(&mut self, fleet: &Fleet) {
        let start_ns = fleet.load().start;
        let pace = |per_s| self.share.of_pace(start_ns, per_s, self.connections);
        self.pace = self.per_s.map(pace);
        if self.pace.is_none() {
            self.open.iter().for_each(|slot| self.talkers[*slot as usize].owed = self.in_flight);
            self.owing.extend_from_slice(&self.open);
        }
    }

    fn send_owed(&mut self, fleet: &mut Fleet) {
        for place in 0..self.owing.len() {
            let slot = self.owing[place];
            let owed = std::mem::take(&mut self.talkers[slot as usize].owed);
            for number in 0..owed {
                self.send(fleet, slot, fleet.now_ns() + u64::from(number));
            }
        }
        self.owing.clear();
    }

    fn send_due(&mut self, fleet: &mut Fleet) {
        while let Some((due_ns, number)) =
            self.pace.as_mut().and_then(|pace| pace.take(fleet.due_by_ns()))
        {
            let Some(len) = std::num::NonZeroU64::new(self.open.len() as u64) else { return };
            let slot = self.open[(number % len) as usize];
            count_due(fleet, due_ns);
            self.send(fleet, slot, due_ns);
        }
    }

    fn send(&mut self, fleet: &mut Fleet, slot: u32, due_ns: u64) {
        self.talkers[slot as usize].outstanding += 1;
        self.outstanding += 1;
        fleet.echo(slot, Stamp::of_ns(due_ns));
    }

    /// One more message goes out at the end of the turn.
    fn owe(&mut self, slot: u32) {
        let talker = &mut self.talkers[slot as usize];
        talker.owed += 1;
        if talker.owed == 1 && talker.is_open {
            self.owing.push(slot);
        }
    }

    /// What was outstanding on a connection never comes.
    fn give_up(&mut self, fleet: &mut Fleet, slot: u32) {
        let talker = at(&mut self.talkers, slot);
        let lost = u64::from(std::mem::take(&mut talker.outstanding));
        self.outstanding -= lost;
        fleet.tally.lost += lost;
    }
}

impl Scenario for Echo {
    fn begin(&mut self, fleet: &mut Fleet) {
        self.share.of(self.connections).for_each(|number| fleet.enlist(number, Role::Echo));
    }

    fn opened(&mut self, _fleet: &mut Fleet, slot: u32) {
        at(&mut self.talkers, slot).is_open = true;
        self.open.push(slot);
        self.missing -= 1;
    }

    fn delivered(&mut self, fleet: &mut Fleet, slot: u32, stamp: Stamp) {
        let talker = at(&mut self.talkers, slot);
        if talker.outstanding == 0 {
            return fleet.tally.error("a message came back that was not sent", 1);
        }
        talker.outstanding -= 1;
        self.outstanding -= 1;
        fleet.count_done();
        fleet.record(stamp.ns(), 1);
        if self.pace.is_none() {
            self.owe(slot);
        }
    }

    fn refused(&mut self, fleet: &mut Fleet, slot: u32, reason: &str) {
        fail_while_gathering(fleet, slot, reason);
        let talker = at(&mut self.talkers, slot);
        if talker.outstanding > 0 {
            talker.outstanding -= 1;
            self.outstanding -= 1;
            if self.pace.is_none() {
                self.owe(slot);
            }
        }
    }

    fn closed(&mut self, fleet: &mut Fleet, number: u32, slot: u32, ending: &Ending) {
        fail_while_gathering(fleet, number, &ending.to_string());
        self.give_up(fleet, slot);
        *at(&mut self.talkers, slot) = Talker::default();
        self.open.retain(|open| *open != slot);
    }

    fn turn(&mut self, fleet: &mut Fleet) {
        if fleet.stage() == Stage::Gathering {
            return;
        }
        if !std::mem::replace(&mut self.begun, true) {
            self.begin_load(fleet);
        }
        self.send_due(fleet);
        if is_loaded(fleet.stage()) {
            self.send_owed(fleet);
        }
    }

    fn next_ns(&self, stage: Stage) -> Option<u64> {
        self.pace.filter(|_| is_loaded(stage)).map(|pace| pace.next_ns())
    }

    fn is_ready(&self) -> bool {
        self.missing == 0
    }

    fn is_done(&self) -> bool {
        self.outstanding == 0
    }

    fn finish(&mut self, fleet: &mut Fleet) {
        fleet.tally.lost += std::mem::take(&mut self.outstanding);
    }
}
