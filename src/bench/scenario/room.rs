//! The messages of one room that not everybody has: who misses what.
//!
//! Invariants: members receive in the order of publishing, so a member's next delivery is the next
//! message that it has not got; whatever it skipped is lost to it. A message leaves at the front
//! once nobody misses it.

use std::collections::VecDeque;

use super::super::stamp::Stamp;

/// One message on its way to the members.
#[derive(Clone, Copy, Debug)]
struct Flight {
    stamp: Stamp,
    due_ns: u64,
    /// Members that have not got it.
    missing: u32,
    /// Members that got it in this turn.
    fresh: u32,
    /// The server refused it, or it is given up: nobody waits for it.
    is_void: bool,
}

/// What a delivery was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The message this member had to get next; so many before it were skipped.
    Awaited { skipped: u32 },
    /// Not on its way to this member: a second copy, out of order, or given up before.
    Stray,
}

/// What a turn brought for one message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fresh {
    pub due_ns: u64,
    pub deliveries: u32,
}

/// The messages on their way in one room.
#[derive(Clone, Debug, Default)]
pub struct Flights {
    flights: VecDeque<Flight>,
    /// The number of the message at the front.
    first: u64,
    /// Something arrived in this turn.
    is_touched: bool,
}

impl Flights {
    /// Messages on their way.
    pub fn len(&self) -> usize {
        self.flights.len()
    }

    /// The number of the next message: what a member that joins now will get first.
    pub fn next(&self) -> u64 {
        self.first + self.flights.len() as u64
    }

    pub fn publish(&mut self, stamp: Stamp, due_ns: u64, members: u32) {
        let flight = Flight { stamp, due_ns, missing: members, fresh: 0, is_void: members == 0 };
        self.flights.push_back(flight);
    }

    /// A member whose next message is `next` got this one.
    pub fn deliver(&mut self, next: &mut u64, stamp: Stamp) -> Verdict {
        let mut place = next.saturating_sub(self.first) as usize;
        let mut skipped = 0;
        while let Some(flight) = self.flights.get(place) {
            if flight.stamp == stamp && !flight.is_void {
                break;
            }
            skipped += u32::from(!flight.is_void);
            place += 1;
        }
        if place >= self.flights.len() {
            return Verdict::Stray;
        }
        self.skip(*next, place);
        let flight = &mut self.flights[place];
        flight.missing -= 1;
        flight.fresh += 1;
        *next = self.first + place as u64 + 1;
        Verdict::Awaited { skipped }
    }

    /// Nobody waits any more for this member to get what lies between.
    fn skip(&mut self, next: u64, place: usize) {
        let from = next.saturating_sub(self.first) as usize;
        self.flights.range_mut(from.min(place)..place).for_each(|flight| {
            flight.missing = flight.missing.saturating_sub(1);
        });
    }

    /// A member whose next message is `next` is gone: so many deliveries are lost.
    pub fn forget(&mut self, next: u64) -> u32 {
        let from = next.saturating_sub(self.first) as usize;
        let mut lost = 0;
        for flight in self.flights.iter_mut().skip(from).filter(|flight| !flight.is_void) {
            flight.missing -= 1;
            lost += 1;
        }
        lost
    }

    /// The server refused one: the oldest that nobody has.
    pub fn refuse(&mut self, members: u32) {
        let untouched = |flight: &&mut Flight| !flight.is_void && flight.missing == members;
        if let Some(flight) = self.flights.iter_mut().find(untouched) {
            flight.is_void = true;
        }
    }

    /// Gives up what was due before; so many deliveries are lost.
    pub fn give_up(&mut self, before_ns: u64) -> u64 {
        let mut lost = 0;
        let late = |flight: &&mut Flight| !flight.is_void && flight.due_ns < before_ns;
        for flight in self.flights.iter_mut().filter(late) {
            lost += u64::from(flight.missing);
            flight.is_void = true;
        }
        lost
    }

    /// When the oldest message was due.
    pub fn oldest_ns(&self) -> Option<u64> {
        self.flights.front().map(|flight| flight.due_ns)
    }

    /// Whether this is the first delivery of the turn.
    pub fn touch(&mut self) -> bool {
        !std::mem::replace(&mut self.is_touched, true)
    }

    /// Ends the turn: tells what arrived, and gives the number of messages that all have now.
    pub fn settle(&mut self, mut tell: impl FnMut(Fresh)) -> u32 {
        self.is_touched = false;
        for flight in self.flights.iter_mut().filter(|flight| flight.fresh > 0) {
            let deliveries = std::mem::take(&mut flight.fresh);
            tell(Fresh { due_ns: flight.due_ns, deliveries });
        }
        let mut done = 0;
        while self.flights.front().is_some_and(|flight| flight.is_void || flight.missing == 0) {
            done += self.flights.pop_front().map_or(0, |flight| u32::from(!flight.is_void));
            self.first += 1;
        }
        done
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stamp(number: u64) -> Stamp {
        Stamp::of_ns(number)
    }

    fn flights(messages: u64, members: u32) -> Flights {
        let mut flights = Flights::default();
        (0..messages).for_each(|number| flights.publish(stamp(number), number, members));
        flights
    }

    #[test]
    fn a_message_is_done_when_every_member_has_it() {
        let mut flights = flights(2, 2);
        let (mut ada, mut bob) = (0, 0);
        let got = Verdict::Awaited { skipped: 0 };
        assert_eq!(flights.deliver(&mut ada, stamp(0)), got);
        assert_eq!(flights.deliver(&mut ada, stamp(1)), got);
        let mut fresh = Vec::new();
        assert_eq!(flights.settle(|one| fresh.push(one)), 0);
        let one = |due_ns| Fresh { due_ns, deliveries: 1 };
        assert_eq!(fresh, [one(0), one(1)]);
        assert_eq!(flights.deliver(&mut bob, stamp(0)), got);
        assert_eq!(flights.settle(|_| {}), 1);
        assert_eq!(flights.deliver(&mut bob, stamp(1)), got);
        assert_eq!(flights.settle(|_| {}), 1);
        assert_eq!((flights.len(), ada, bob, flights.next()), (0, 2, 2, 2));
    }

    #[test]
    fn what_a_member_skipped_is_lost_and_waited_for_no_more() {
        let mut flights = flights(3, 1);
        let mut ada = 0;
        assert_eq!(flights.deliver(&mut ada, stamp(2)), Verdict::Awaited { skipped: 2 });
        assert_eq!(flights.settle(|_| {}), 3);
        assert_eq!(flights.deliver(&mut ada, stamp(2)), Verdict::Stray);
    }

    #[test]
    fn a_second_copy_and_a_foreign_message_are_strays() {
        let mut flights = flights(2, 2);
        let mut ada = 0;
        flights.deliver(&mut ada, stamp(0));
        assert_eq!(flights.deliver(&mut ada, stamp(0)), Verdict::Stray);
        assert_eq!(flights.deliver(&mut ada, stamp(99)), Verdict::Stray);
        assert_eq!(ada, 1);
    }

    #[test]
    fn a_refused_message_is_waited_for_by_nobody() {
        let mut flights = flights(2, 1);
        let mut ada = 0;
        flights.refuse(1);
        assert_eq!(flights.settle(|_| {}), 0);
        assert_eq!(flights.len(), 1);
        assert_eq!(flights.deliver(&mut ada, stamp(1)), Verdict::Awaited { skipped: 0 });
        assert_eq!(flights.settle(|_| {}), 1);
    }

    #[test]
    fn members_that_are_gone_and_messages_that_are_old_are_given_up() {
        let mut flights = flights(3, 2);
        let (mut ada, bob) = (0, 0);
        flights.deliver(&mut ada, stamp(0));
        assert_eq!(flights.forget(bob), 3);
        assert_eq!(flights.settle(|_| {}), 1);
        assert_eq!(flights.oldest_ns(), Some(1));
        assert_eq!(flights.give_up(2), 1);
        assert_eq!(flights.settle(|_| {}), 0);
        assert_eq!((flights.len(), flights.oldest_ns()), (1, Some(2)));
    }
}
