//! What became of the calls to each backend.
//!
//! Invariants: one series a backend of the configuration, its status class or its kind of failure.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::super::backends::counters::{Counters, FAILURES, LATENCY_BOUNDS_MS};
use super::format::{Kind, Page};
use super::served::CLASSES;
use crate::backend::Failure;

/// A figure of a backend: its metric, what it is, where it stands.
struct Row(&'static str, Kind, &'static str, fn(&Counters) -> &AtomicU64);

const ROWS: [Row; 7] = [
    Row("shardwire_backend_calls_total", Kind::Counter, "Calls.", |one| &one.calls),
    Row("shardwire_backend_retries_total", Kind::Counter, "Attempts after the first.", |one| {
        &one.retries
    }),
    Row(
        "shardwire_backend_breaker_opens_total",
        Kind::Counter,
        "Times the breaker opened.",
        |one| &one.breaker_opens,
    ),
    Row(
        "shardwire_backend_cache_hits_total",
        Kind::Counter,
        "Calls answered from the cache.",
        |one| &one.cache_hits,
    ),
    Row(
        "shardwire_backend_shared_calls_total",
        Kind::Counter,
        "Calls that waited for the request of another.",
        |one| &one.shared,
    ),
    Row("shardwire_backend_calls_in_flight", Kind::Gauge, "Calls being made.", |one| {
        &one.in_flight
    }),
    Row("shardwire_backend_calls_waiting", Kind::Gauge, "Calls that wait for a place.", |one| {
        &one.waiting
    }),
];

/// The figures of every backend; nothing where there is none.
pub(super) fn figures(backends: &[(String, Arc<Counters>)], page: &mut Page) {
    if backends.is_empty() {
        return;
    }
    for Row(metric, kind, help, of) in ROWS {
        let mut family = page.family(metric, kind, help);
        for (name, counters) in backends {
            family.sample(&[("backend", name)], read(of(counters)));
        }
    }
    replies(backends, page);
    failures(backends, page);
    latency(backends, page);
}

fn replies(backends: &[(String, Arc<Counters>)], page: &mut Page) {
    let help = "Responses, by the class of their status.";
    let mut family = page.family("shardwire_backend_replies_total", Kind::Counter, help);
    for (name, counters) in backends {
        for (class, count) in CLASSES.iter().zip(&counters.replies) {
            family.sample(&[("backend", name), ("status", class)], read(count));
        }
    }
}

fn failures(backends: &[(String, Arc<Counters>)], page: &mut Page) {
    let help = "Calls without a response.";
    let mut family = page.family("shardwire_backend_failures_total", Kind::Counter, help);
    for (name, counters) in backends {
        for failure in FAILURES {
            let labels = [("backend", name.as_str()), ("reason", reason(failure))];
            family.sample(&labels, counters.failed(failure));
        }
    }
}

fn latency(backends: &[(String, Arc<Counters>)], page: &mut Page) {
    let bounds_s = LATENCY_BOUNDS_MS.map(|bound_ms| bound_ms as f64 / 1e3);
    let help = "From a call to its answer, attempts and waiting included.";
    let name = "shardwire_backend_call_duration_seconds";
    let mut family = page.family(name, Kind::Histogram, help);
    for (name, counters) in backends {
        let counts: Vec<u64> = counters.latency.buckets.iter().map(read).collect();
        let sum_s = read(&counters.latency.sum_ns) as f64 / 1e9;
        family.histogram(&[("backend", name)], &bounds_s, &counts, sum_s);
    }
}

fn read(count: &AtomicU64) -> u64 {
    count.load(Ordering::Relaxed)
}

fn reason(failure: Failure) -> &'static str {
    match failure {
        Failure::Timeout => "timeout",
        Failure::Unreachable => "unreachable",
        Failure::Broken => "broken",
        Failure::TooLarge => "too_large",
        Failure::BreakerOpen => "breaker_open",
        Failure::Overloaded => "overloaded",
        Failure::Refused => "refused",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_backend_has_its_series() {
        let counters = Counters::default();
        counters.calls.store(3, Ordering::Relaxed);
        counters.replies[1].store(2, Ordering::Relaxed);
        counters.failures[0].store(1, Ordering::Relaxed);
        counters.latency.buckets[0].store(3, Ordering::Relaxed);
        counters.latency.sum_ns.store(1_500_000, Ordering::Relaxed);
        let mut page = Page::default();
        figures(&[("api".to_owned(), Arc::new(counters))], &mut page);
        let text = page.into_text();
        for line in [
            "shardwire_backend_calls_total{backend=\"api\"} 3",
            "shardwire_backend_replies_total{backend=\"api\",status=\"2xx\"} 2",
            "shardwire_backend_failures_total{backend=\"api\",reason=\"timeout\"} 1",
            "shardwire_backend_call_duration_seconds_bucket{backend=\"api\",le=\"0.001\"} 3",
            "shardwire_backend_call_duration_seconds_sum{backend=\"api\"} 0.0015",
            "shardwire_backend_call_duration_seconds_count{backend=\"api\"} 3",
        ] {
            assert!(text.lines().any(|one| one == line), "{line}\n{text}");
        }
        let mut none = Page::default();
        figures(&[], &mut none);
        assert_eq!(none.into_text(), "");
    }
}
