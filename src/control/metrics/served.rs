//! What the control plane answered: written by its one thread.

use std::time::Duration;

use axum::http::StatusCode;

use crate::shard::counters::Count;

/// Upper bounds of the buckets; the last bucket has none.
pub(in crate::control) const BOUNDS_S: [f64; 8] = [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0];

/// Statuses by their first digit.
pub(in crate::control) const CLASSES: [&str; 5] = ["1xx", "2xx", "3xx", "4xx", "5xx"];

/// Requests, and how long their answers took to begin.
#[derive(Default)]
pub(in crate::control) struct Served {
    pub classes: [Count; CLASSES.len()],
    pub buckets: [Count; BOUNDS_S.len() + 1],
    pub sum_ns: Count,
}

impl Served {
    pub(in crate::control) fn count(&self, status: StatusCode, took: Duration) {
        let class = usize::from(status.as_u16() / 100).clamp(1, CLASSES.len()) - 1;
        self.classes[class].add(1);
        let bucket = BOUNDS_S.iter().take_while(|bound| took.as_secs_f64() > **bound).count();
        self.buckets[bucket].add(1);
        self.sum_ns.add(u64::try_from(took.as_nanos()).unwrap_or(u64::MAX));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_counted_in_its_class_and_in_the_first_bucket_that_holds_it() {
        let served = Served::default();
        for (status, took_ms) in [(200, 1), (404, 2), (503, 6_000)] {
            served.count(StatusCode::from_u16(status).unwrap(), Duration::from_millis(took_ms));
        }
        assert_eq!([1, 3, 4].map(|class: usize| served.classes[class].get()), [1; 3]);
        assert_eq!([0, 1, 8].map(|bucket: usize| served.buckets[bucket].get()), [1; 3]);
        assert_eq!(served.sum_ns.get(), 6_003_000_000);
    }
}
