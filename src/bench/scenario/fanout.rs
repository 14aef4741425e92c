//! Rooms in which one publishes and all members receive.
//!
//! Closed loop: each room gets `in_flight` messages, and the next ones when every member has all of
//! them. (A sliding window would break up into single messages wherever the server is not the one
//! that is busy, so that one run measures bursts and the next does not.) Open loop: messages go out
//! at a rate, over the rooms in turn. All publishes of a turn leave together.
//!
//! Invariants: a room lives on one thread, members and publisher alike.

use std::ops::Range;

use super::super::adapter::Role;
use super::super::course::Stage;
use super::super::fleet::{Ending, Fleet};
use super::super::pace::Pace;
use super::super::stamp::Stamp;
use super::room::{Flights, Verdict};
use super::{LOST_AFTER_NS, Scenario, Share, at, count_due, fail_while_gathering, is_loaded};

/// How the rooms are.
#[derive(Clone, Copy, Debug)]
pub struct FanoutPlan {
    pub rooms: u32,
    pub members: u32,
    /// One of the members publishes; otherwise somebody who is none.
    pub publisher_joins: bool,
    pub in_flight: u32,
    /// Makes it an open loop: messages a second in all rooms together.
    pub per_s: Option<f64>,
}

impl FanoutPlan {
    /// Connections of one room.
    pub fn room_connections(&self) -> u32 {
        self.members + u32::from(!self.publisher_joins)
    }
}

#[derive(Debug, Default)]
struct Room {
    publisher: Option<u32>,
    members: u32,
    flights: Flights,
}

/// What a connection is to its room.
#[derive(Clone, Copy, Debug, Default)]
struct Seated {
    /// The room's place, from 1; 0 is a connection in no room.
    room: u32,
    is_member: bool,
    /// The number of the message it is to get next.
    next: u64,
}

/// The scenario.
pub struct Fanout {
    plan: FanoutPlan,
    rooms_here: Range<u32>,
    rooms: Vec<Room>,
    seats: Vec<Seated>,
    /// Rooms in which something arrived in this turn.
    touched: Vec<u32>,
    pace: Option<Pace>,
    share: Share,
    begun: bool,
    missing: u32,
}

impl Fanout {
    pub fn new(plan: FanoutPlan, share: Share) -> Fanout {
        let rooms_here = share.of(plan.rooms);
        let rooms = rooms_here.len() as u32;
        Fanout {
            plan,
            share,
            rooms: rooms_here.clone().map(|_| Room::default()).collect(),
            rooms_here,
            seats: Vec::new(),
            touched: Vec::new(),
            pace: None,
            begun: false,
            missing: rooms * plan.room_connections(),
        }
    }

    /// The room's place here.
    fn place(&self, room: u32) -> usize {
        room.saturating_sub(self.rooms_here.start) as usize
    }

    /// A connection has its part in the room.
    fn seat(&mut self, fleet: &Fleet, slot: u32, is_member: bool) {
        let Some(name) = fleet.role(slot).room() else { return };
        let place = self.place(name);
        let room = &mut self.rooms[place];
        room.members += u32::from(is_member);
        if !is_member || (self.plan.publisher_joins && room.publisher.is_none()) {
            room.publisher = Some(slot);
        }
        let next = room.flights.next();
        *at(&mut self.seats, slot) = Seated { room: place as u32 + 1, is_member, next };
        self.missing = self.missing.saturating_sub(1);
    }

    fn publish(&mut self, fleet: &mut Fleet, place: usize, due_ns: u64) {
        let room = &mut self.rooms[place];
        let Some(publisher) = room.publisher else { return };
        let stamp = Stamp::of_ns(due_ns);
        room.flights.publish(stamp, due_ns, room.members);
        fleet.publish(publisher, self.rooms_here.start + place as u32, stamp);
    }

    /// Publishes to a room on whose way nothing is any more.
    fn fill(&mut self, fleet: &mut Fleet, place: usize) {
        if self.rooms[place].flights.len() > 0 {
            return;
        }
        for number in 0..self.plan.in_flight {
            // Each stamp is its own, so that one message is told from the next.
            self.publish(fleet, place, fleet.now_ns() + u64::from(number));
        }
    }

    fn send_due(&mut self, fleet: &mut Fleet) {
        let rooms = self.rooms.len().max(1) as u64;
        while let Some((due_ns, number)) =
            self.pace.as_mut().and_then(|pace| pace.take(fleet.due_by_ns()))
        {
            count_due(fleet, due_ns);
            self.publish(fleet, (number % rooms) as usize, due_ns);
        }
    }

    /// Records what arrived in this turn, then publishes what took the place of what is done.
    fn settle_touched(&mut self, fleet: &mut Fleet) {
        let mut touched = std::mem::take(&mut self.touched);
        for place in touched.drain(..) {
            self.settle(fleet, place as usize);
        }
        self.touched = touched;
    }

    fn settle(&mut self, fleet: &mut Fleet, place: usize) {
        let flights = &mut self.rooms[place].flights;
        let done = flights.settle(|fresh| fleet.record(fresh.due_ns, fresh.deliveries.into()));
        (0..done).for_each(|_| fleet.count_done());
        if self.pace.is_none() && is_loaded(fleet.stage()) {
            self.fill(fleet, place);
        }
    }

    fn begin_load(&mut self, fleet: &mut Fleet) {
        let start_ns = fleet.load().start;
        let pace = |per_s| self.share.of_pace(start_ns, per_s, self.plan.rooms);
        self.pace = self.plan.per_s.map(pace);
        if self.pace.is_none() {
            (0..self.rooms.len()).for_each(|place| self.fill(fleet, place));
        }
    }

    fn give_up_old(&mut self, fleet: &mut Fleet) {
        let before_ns = fleet.now_ns().saturating_sub(LOST_AFTER_NS);
        for place in 0..self.rooms.len() {
            let flights = &mut self.rooms[place].flights;
            if flights.oldest_ns().is_some_and(|oldest_ns| oldest_ns < before_ns) {
                fleet.tally.lost += flights.give_up(before_ns);
                self.settle(fleet, place);
            }
        }
    }

    fn touch(&mut self, place: usize) {
        if self.rooms[place].flights.touch() {
            self.touched.push(place as u32);
        }
    }
}

impl Scenario for Fanout {
    fn begin(&mut self, fleet: &mut Fleet) {
        let connections = self.plan.room_connections();
        for room in self.rooms_here.clone() {
            let first = room * connections;
            (first..first + self.plan.members)
                .for_each(|number| fleet.enlist(number, Role::Member { room }));
            if !self.plan.publisher_joins {
                fleet.enlist(first + self.plan.members, Role::Publisher { room });
            }
        }
    }

    fn opened(&mut self, fleet: &mut Fleet, slot: u32) {
        match fleet.role(slot) {
            Role::Member { room } => fleet.join(slot, room),
            _ => self.seat(fleet, slot, false),
        }
    }

    fn joined(&mut self, fleet: &mut Fleet, slot: u32) {
        self.seat(fleet, slot, true);
    }

    fn delivered(&mut self, fleet: &mut Fleet, slot: u32, stamp: Stamp) {
        let Some(seat) = self.seats.get_mut(slot as usize).filter(|seat| seat.room > 0) else {
            return;
        };
        let place = seat.room as usize - 1;
        match self.rooms[place].flights.deliver(&mut seat.next, stamp) {
            Verdict::Awaited { skipped: 0 } => {}
            Verdict::Awaited { skipped } => fleet.tally.lost += u64::from(skipped),
            Verdict::Stray => fleet.tally.error("a delivery that was not awaited", 1),
        }
        self.touch(place);
    }

    fn refused(&mut self, fleet: &mut Fleet, slot: u32, reason: &str) {
        fail_while_gathering(fleet, fleet.number(slot), reason);
        let seat = *at(&mut self.seats, slot);
        if seat.room == 0 {
            return;
        }
        let room = &mut self.rooms[seat.room as usize - 1];
        room.flights.refuse(room.members);
        self.touch(seat.room as usize - 1);
    }

    fn closed(&mut self, fleet: &mut Fleet, number: u32, slot: u32, ending: &Ending) {
        fail_while_gathering(fleet, number, &ending.to_string());
        let seat = std::mem::take(at(&mut self.seats, slot));
        if seat.room == 0 {
            return;
        }
        let place = seat.room as usize - 1;
        let room = &mut self.rooms[place];
        if room.publisher == Some(slot) {
            room.publisher = None;
        }
        if seat.is_member {
            room.members -= 1;
            fleet.tally.lost += u64::from(room.flights.forget(seat.next));
        }
        self.touch(place);
    }

    fn turn(&mut self, fleet: &mut Fleet) {
        self.settle_touched(fleet);
        self.give_up_old(fleet);
        if fleet.stage() == Stage::Gathering {
            return;
        }
        if !std::mem::replace(&mut self.begun, true) {
            self.begin_load(fleet);
        }
        self.send_due(fleet);
    }

    fn next_ns(&self, stage: Stage) -> Option<u64> {
        self.pace.filter(|_| is_loaded(stage)).map(|pace| pace.next_ns())
    }

    fn is_ready(&self) -> bool {
        self.missing == 0
    }

    fn is_done(&self) -> bool {
        self.rooms.iter().all(|room| room.flights.len() == 0)
    }

    fn finish(&mut self, fleet: &mut Fleet) {
        for room in &mut self.rooms {
            fleet.tally.lost += room.flights.give_up(u64::MAX);
        }
    }
}
