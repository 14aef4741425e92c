//! Who is yet to be connected, and how fast.
//!
//! Invariants: never more connections are being opened at once than the ramp allows, so that a
//! server's backlog is not what is measured, unless a scenario wants that.

use std::collections::VecDeque;

use crate::bench::adapter::Role;
use crate::runtime::dial::Dial;

/// Connections being opened at once where nothing else is asked for.
const OPENING_MAX: usize = 128;

const NS_PER_S: f64 = 1e9;

/// One connection to be.
#[derive(Clone, Copy, Debug)]
pub struct Enlisted {
    /// Unique in the run; also the user's.
    pub number: u32,
    pub role: Role,
    pub dial: Dial,
}

/// How fast connections are opened.
#[derive(Clone, Copy, Debug)]
pub struct Ramp {
    /// Connections a second by this thread; as fast as they open where there is none.
    pub per_s: Option<f64>,
    pub opening_max: usize,
}

impl Default for Ramp {
    fn default() -> Ramp {
        Ramp { per_s: None, opening_max: OPENING_MAX }
    }
}

#[derive(Debug, Default)]
pub(super) struct Roster {
    waiting: VecDeque<Enlisted>,
    ramp: Ramp,
    opening: usize,
    /// When the ramp began, and how many it has let go since.
    began_ns: Option<u64>,
    begun: u64,
}

impl Roster {
    pub(super) fn set_ramp(&mut self, ramp: Ramp) {
        (self.ramp, self.began_ns, self.begun) = (ramp, None, 0);
    }

    pub(super) fn add(&mut self, enlisted: Enlisted) {
        self.waiting.push_back(enlisted);
    }

    /// The next one whose time has come.
    pub(super) fn take(&mut self, now_ns: u64) -> Option<Enlisted> {
        if self.waiting.is_empty() || self.opening >= self.ramp.opening_max {
            return None;
        }
        self.began_ns.get_or_insert(now_ns);
        if self.due_ns() > now_ns {
            return None;
        }
        self.begun += 1;
        self.opening += 1;
        self.waiting.pop_front()
    }

    /// One that was taken is open, or never will be.
    pub(super) fn settled(&mut self) {
        self.opening -= 1;
    }

    /// When somebody may be taken without anything else happening.
    pub(super) fn next_ns(&self) -> Option<u64> {
        let waits = !self.waiting.is_empty() && self.opening < self.ramp.opening_max;
        waits.then(|| self.due_ns())
    }

    fn due_ns(&self) -> u64 {
        match (self.ramp.per_s, self.began_ns) {
            (Some(per_s), Some(began_ns)) => {
                began_ns.saturating_add((self.begun as f64 * NS_PER_S / per_s) as u64)
            }
            _ => 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn roster(count: u32, ramp: Ramp) -> Roster {
        let mut roster = Roster::default();
        roster.set_ramp(ramp);
        for number in 0..count {
            roster.add(Enlisted { number, role: Role::Idle, dial: Dial::default() });
        }
        roster
    }

    #[test]
    fn a_ramp_lets_as_many_go_as_its_rate_says() {
        let mut roster = roster(100, Ramp { per_s: Some(10.0), opening_max: 1_000 });
        let mut taken = |now_ns| std::iter::from_fn(|| roster.take(now_ns)).count();
        assert_eq!(taken(7), 1);
        assert_eq!(taken(7 + 99_999_999), 0);
        assert_eq!(taken(7 + 100_000_000), 1);
        assert_eq!(taken(7 + 1_000_000_000), 9);
    }

    #[test]
    fn no_more_are_opening_at_once_than_allowed() {
        let mut roster = roster(5, Ramp { per_s: None, opening_max: 2 });
        assert!(roster.take(0).is_some() && roster.take(0).is_some());
        assert!(roster.take(0).is_none() && roster.next_ns().is_none());
        roster.settled();
        assert_eq!(roster.next_ns(), Some(0));
        assert_eq!(roster.take(0).map(|enlisted| enlisted.number), Some(2));
    }
}
