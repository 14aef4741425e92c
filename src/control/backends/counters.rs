//! What became of the calls to one backend: written by the calls' thread and by shards that submit,
//! read by anybody at any time.
//!
//! Invariants: they only grow, but for the two gauges; they stay with the backend's name over
//! reloads. Every call that was submitted ends as one reply or one failure.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::backend::{Failure, Reply};

/// Upper bounds of the latency buckets in milliseconds; the last bucket has none.
pub const LATENCY_BOUNDS_MS: [u64; 12] = [1, 2, 5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000];

/// Every failure, in the order in which `Counters::failures` counts them.
pub const FAILURES: [Failure; 7] = [
    Failure::Timeout,
    Failure::Unreachable,
    Failure::Broken,
    Failure::TooLarge,
    Failure::BreakerOpen,
    Failure::Overloaded,
    Failure::Refused,
];

/// One backend's counters.
#[derive(Debug, Default)]
pub struct Counters {
    pub calls: AtomicU64,
    /// By the first digit of the status, `1..=5`.
    pub replies: [AtomicU64; 5],
    /// By their place in `FAILURES`.
    pub failures: [AtomicU64; FAILURES.len()],
    /// Attempts after the first.
    pub retries: AtomicU64,
    pub breaker_opens: AtomicU64,
    pub cache_hits: AtomicU64,
    /// Calls that waited for the request of another.
    pub shared: AtomicU64,
    /// Now being made.
    pub in_flight: AtomicU64,
    /// Now waiting for a place.
    pub waiting: AtomicU64,
    pub latency: Latency,
}

/// From the submission's arrival to the answer, whatever that is.
#[derive(Debug, Default)]
pub struct Latency {
    /// Not cumulative; one more than there are bounds.
    pub buckets: [AtomicU64; LATENCY_BOUNDS_MS.len() + 1],
    pub sum_ns: AtomicU64,
}

impl Counters {
    pub fn failed(&self, failure: Failure) -> u64 {
        self.failures[place_of(failure)].load(Ordering::Relaxed)
    }

    pub(super) fn tell(&self, result: &Result<Reply, Failure>) {
        match result {
            Ok(reply) => add(&self.replies[class_of(reply.status)]),
            Err(failure) => add(&self.failures[place_of(*failure)]),
        }
    }
}

impl Latency {
    pub(super) fn record(&self, took: Duration) {
        let over = |bound: &u64| took > Duration::from_millis(*bound);
        add(&self.buckets[LATENCY_BOUNDS_MS.iter().take_while(|bound| over(bound)).count()]);
        let took_ns = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        self.sum_ns.fetch_add(took_ns, Ordering::Relaxed);
    }
}

pub(super) fn add(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

fn class_of(status: u16) -> usize {
    usize::from(status / 100).clamp(1, 5) - 1
}

fn place_of(failure: Failure) -> usize {
    match failure {
        Failure::Timeout => 0,
        Failure::Unreachable => 1,
        Failure::Broken => 2,
        Failure::TooLarge => 3,
        Failure::BreakerOpen => 4,
        Failure::Overloaded => 5,
        Failure::Refused => 6,
    }
}

/// One more in a gauge, for as long as this lives.
pub(super) struct Held<'a>(&'a AtomicU64);

impl<'a> Held<'a> {
    pub(super) fn of(gauge: &'a AtomicU64) -> Held<'a> {
        add(gauge);
        Held(gauge)
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_is_counted_in_its_place() {
        let counters = Counters::default();
        for (place, failure) in FAILURES.into_iter().enumerate() {
            assert_eq!(place_of(failure), place);
            (0..=place).for_each(|_| counters.tell(&Err(failure)));
            assert_eq!(counters.failed(failure), place as u64 + 1);
        }
    }

    #[test]
    fn any_status_has_a_class() {
        let classes = [(0, 0), (99, 0), (100, 0), (204, 1), (404, 3), (599, 4), (999, 4)];
        classes.into_iter().for_each(|(status, class)| assert_eq!(class_of(status), class));
    }

    #[test]
    fn a_latency_falls_into_the_first_bucket_that_holds_it() {
        let latency = Latency::default();
        [1, 2, 3, 6_000].iter().for_each(|ms| latency.record(Duration::from_millis(*ms)));
        let count = |at: usize| latency.buckets[at].load(Ordering::Relaxed);
        assert_eq!([count(0), count(1), count(2), count(LATENCY_BOUNDS_MS.len())], [1; 4]);
        assert_eq!(latency.sum_ns.load(Ordering::Relaxed), 6_006_000_000);
    }
}
