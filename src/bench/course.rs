//! The course of a run, shared by the threads: when the load begins, is measured, and ends.
//!
//! ```text
//! Gathering --everybody is in place--> WarmUp --start--> Measured --end--> Draining
//! ```
//!
//! Invariants: the times are set once, by the thread that also reads the server's CPU time at
//! `start` and `end`; every thread compares them with the same clock.

use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

/// Where a run is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    Gathering,
    WarmUp,
    Measured,
    Draining,
}

const NEVER: u64 = u64::MAX;

/// What the threads share.
#[derive(Debug)]
pub struct Course {
    begin_ns: AtomicU64,
    start_ns: AtomicU64,
    end_ns: AtomicU64,
    in_place: AtomicUsize,
    is_failed: AtomicBool,
    failure: Mutex<Option<String>>,
    /// For the progress only.
    pub opened: AtomicU64,
    pub deliveries: AtomicU64,
}

impl Default for Course {
    fn default() -> Course {
        Course {
            begin_ns: NEVER.into(),
            start_ns: NEVER.into(),
            end_ns: NEVER.into(),
            in_place: 0.into(),
            is_failed: false.into(),
            failure: Mutex::default(),
            opened: 0.into(),
            deliveries: 0.into(),
        }
    }
}

impl Course {
    /// Sets the times; the load begins now.
    pub fn begin(&self, now_ns: u64, warmup_ns: u64, measured_ns: u64) -> Range<u64> {
        let start_ns = now_ns + warmup_ns;
        let window = start_ns..start_ns + measured_ns;
        self.start_ns.store(window.start, Ordering::Relaxed);
        self.end_ns.store(window.end, Ordering::Relaxed);
        self.begin_ns.store(now_ns, Ordering::Release);
        window
    }

    pub fn stage(&self, now_ns: u64) -> Stage {
        if now_ns < self.begin_ns.load(Ordering::Acquire) {
            return Stage::Gathering;
        }
        let window = self.window();
        match now_ns {
            _ if now_ns < window.start => Stage::WarmUp,
            _ if now_ns < window.end => Stage::Measured,
            _ => Stage::Draining,
        }
    }

    /// The time in which messages are sent; at the end of all times before it is known.
    pub fn load(&self) -> Range<u64> {
        let begin_ns = self.begin_ns.load(Ordering::Acquire);
        begin_ns..self.end_ns.load(Ordering::Relaxed)
    }

    /// The measured time; at the end of all times before the load begins.
    pub fn window(&self) -> Range<u64> {
        self.start_ns.load(Ordering::Relaxed)..self.end_ns.load(Ordering::Relaxed)
    }

    /// One thread has all its connections in place.
    pub fn announce(&self) {
        self.in_place.fetch_add(1, Ordering::Relaxed);
    }

    pub fn threads_in_place(&self) -> usize {
        self.in_place.load(Ordering::Relaxed)
    }

    /// Ends the run; the first reason is kept.
    pub fn fail(&self, reason: &str) {
        let mut failure = self.failure.lock().unwrap_or_else(PoisonError::into_inner);
        failure.get_or_insert_with(|| reason.to_owned());
        self.is_failed.store(true, Ordering::Release);
    }

    pub fn is_failed(&self) -> bool {
        self.is_failed.load(Ordering::Acquire)
    }

    pub fn failure(&self) -> Option<String> {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stages_follow_the_times() {
        let course = Course::default();
        assert_eq!(course.stage(u64::MAX - 1), Stage::Gathering);
        assert_eq!(course.begin(100, 10, 50), 110..160);
        for (now_ns, stage) in [
            (99, Stage::Gathering),
            (100, Stage::WarmUp),
            (109, Stage::WarmUp),
            (110, Stage::Measured),
            (159, Stage::Measured),
            (160, Stage::Draining),
        ] {
            assert_eq!(course.stage(now_ns), stage, "{now_ns}");
        }
    }

    #[test]
    fn the_first_failure_is_the_one_that_is_told() {
        let course = Course::default();
        course.fail("one");
        course.fail("two");
        assert!(course.is_failed());
        assert_eq!(course.failure().as_deref(), Some("one"));
    }
}
