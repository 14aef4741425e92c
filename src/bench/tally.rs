//! What one generator thread has counted; all of them are added up at the end.
//!
//! Invariants: rates count what happened inside the measured window; latencies belong to messages
//! that were due inside it, whenever they arrived; losses are those of the whole run.

use std::collections::BTreeMap;

use hdrhistogram::{CreationError, Histogram};

const NS_PER_US: u64 = 1_000;

/// Shortest and longest latency told apart, in microseconds, and its digits.
const LATENCY_US_MIN: u64 = 1;
const LATENCY_US_MAX: u64 = 60_000_000;
const DIGITS: u8 = 3;

/// A count over the run and inside the measured window.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    pub all: u64,
    pub measured: u64,
}

impl Count {
    pub fn add(&mut self, count: u64, is_measured: bool) {
        self.all += count;
        self.measured += if is_measured { count } else { 0 };
    }

    fn merge(&mut self, other: Count) {
        self.all += other.all;
        self.measured += other.measured;
    }
}

/// Durations in microseconds.
#[derive(Clone, Debug)]
pub struct Latency(Histogram<u64>);

impl Latency {
    pub fn new() -> Result<Latency, CreationError> {
        Histogram::new_with_bounds(LATENCY_US_MIN, LATENCY_US_MAX, DIGITS).map(Latency)
    }

    /// So many durations; one that is too long counts as the longest.
    pub fn record(&mut self, ns: u64, times: u64) {
        self.0.saturating_record_n(ns.div_ceil(NS_PER_US).max(LATENCY_US_MIN), times);
    }

    pub fn count(&self) -> u64 {
        self.0.len()
    }

    pub fn quantile_us(&self, quantile: f64) -> u64 {
        self.0.value_at_quantile(quantile)
    }

    pub fn min_us(&self) -> u64 {
        self.0.min()
    }

    pub fn max_us(&self) -> u64 {
        self.0.max()
    }

    fn clear(&mut self) {
        self.0.reset();
    }

    fn merge(&mut self, other: &Latency) {
        // Both have the same bounds, so nothing can be out of them.
        let _ = self.0.add(&other.0);
    }
}

/// Everything one thread counted.
#[derive(Clone, Debug)]
pub struct Tally {
    /// Messages that were sent.
    pub sent: Count,
    /// Messages that everybody has.
    pub done: Count,
    /// Messages that arrived at somebody.
    pub deliveries: Count,
    /// Deliveries that were due and did not come.
    pub lost: u64,
    /// Requests the server refused.
    pub refused: u64,
    /// Sends of an open loop inside the window that were late by more than a millisecond.
    pub late: u64,
    /// Sends of an open loop inside the window.
    pub due: u64,
    pub errors: BTreeMap<String, u64>,
    /// What a scenario found out that is no error.
    pub notes: BTreeMap<&'static str, u64>,
    pub latency: Latency,
    /// Latencies of those who suffer under what others do.
    pub others: Latency,
    /// From the first packet of a connection until it may be used.
    pub connect: Latency,
    pub opened: u64,
    /// When the first connection was begun and the last was opened.
    pub first_ns: u64,
    pub last_ns: u64,
}

impl Tally {
    pub fn new() -> Result<Tally, CreationError> {
        Ok(Tally {
            sent: Count::default(),
            done: Count::default(),
            deliveries: Count::default(),
            lost: 0,
            refused: 0,
            late: 0,
            due: 0,
            errors: BTreeMap::new(),
            notes: BTreeMap::new(),
            latency: Latency::new()?,
            others: Latency::new()?,
            connect: Latency::new()?,
            opened: 0,
            first_ns: u64::MAX,
            last_ns: 0,
        })
    }

    pub fn error(&mut self, reason: &str, times: u64) {
        match self.errors.get_mut(reason) {
            Some(count) => *count += times,
            None => drop(self.errors.insert(reason.to_owned(), times)),
        }
    }

    pub fn note(&mut self, what: &'static str, count: u64) {
        *self.notes.entry(what).or_default() += count;
    }

    pub fn opened(&mut self, began_ns: u64, now_ns: u64) {
        self.opened += 1;
        self.last_ns = self.last_ns.max(now_ns);
        self.connect.record(now_ns.saturating_sub(began_ns), 1);
    }

    /// Only connections opened from now on are told of.
    pub fn forget_connecting(&mut self) {
        self.connect.clear();
        (self.opened, self.first_ns, self.last_ns) = (0, u64::MAX, 0);
    }

    pub fn merge(&mut self, other: &Tally) {
        self.sent.merge(other.sent);
        self.done.merge(other.done);
        self.deliveries.merge(other.deliveries);
        self.lost += other.lost;
        self.refused += other.refused;
        self.late += other.late;
        self.due += other.due;
        self.opened += other.opened;
        self.first_ns = self.first_ns.min(other.first_ns);
        self.last_ns = self.last_ns.max(other.last_ns);
        other.errors.iter().for_each(|(reason, times)| self.error(reason, *times));
        other.notes.iter().for_each(|(what, count)| self.note(what, *count));
        self.latency.merge(&other.latency);
        self.others.merge(&other.others);
        self.connect.merge(&other.connect);
    }

    /// Seconds from the first connection's beginning to the last one's opening.
    pub fn connecting_ns(&self) -> u64 {
        self.last_ns.saturating_sub(self.first_ns)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn latencies_have_three_digits_from_a_microsecond_to_a_minute() {
        let mut latency = Latency::new().unwrap();
        latency.record(0, 1);
        latency.record(1_500, 1);
        latency.record(123_456_789, 97);
        latency.record(u64::MAX, 1);
        assert_eq!((latency.count(), latency.min_us()), (100, 1));
        let median = latency.quantile_us(0.5);
        assert!((123_400..=123_600).contains(&median), "{median}");
        assert!((60_000_000..60_100_000).contains(&latency.max_us()), "{}", latency.max_us());
    }

    #[test]
    fn tallies_add_up() {
        let mut one = Tally::new().unwrap();
        let mut other = Tally::new().unwrap();
        one.deliveries.add(3, true);
        one.deliveries.add(2, false);
        other.deliveries.add(5, true);
        one.error("a", 1);
        other.error("a", 2);
        other.error("b", 1);
        other.latency.record(9_000, 4);
        other.opened(1_000, 5_000);
        one.merge(&other);
        assert_eq!(one.deliveries, Count { all: 10, measured: 8 });
        assert_eq!(one.errors, BTreeMap::from([("a".into(), 3), ("b".into(), 1)]));
        assert_eq!((one.latency.count(), one.opened, one.last_ns), (4, 1, 5_000));
    }
}
