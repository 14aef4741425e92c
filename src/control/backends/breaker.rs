//! The circuit breaker: a backend that fails again and again is left alone for a while.
//!
//! ```text
//!            so many failures in the window          after `open_ns`
//!   closed --------------------------------> open ------------------> probing
//!      ^                                      ^                          |
//!      +----------- the probe succeeds -------|------ it fails ----------+
//! ```
//!
//! Invariants: one probe at a time; only attempts that began in a phase count in it, so a late
//! answer neither closes nor prolongs anything. An attempt that is given up has failed. Called by
//! `live`.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use tokio::time::Instant;

use super::counters::{Counters, add};
use crate::settings;

pub(super) struct Breaker {
    /// None: it never opens, and no failure is kept.
    limits: Option<settings::Breaker>,
    counters: Arc<Counters>,
    state: Mutex<State>,
}

struct State {
    phase: Phase,
    /// Counts the phases.
    epoch: u64,
}

enum Phase {
    /// When attempts failed, oldest first; at most as many as open it.
    Closed(VecDeque<Instant>),
    Open {
        until: Instant,
    },
    Probing,
}

impl State {
    fn enter(&mut self, phase: Phase) {
        self.phase = phase;
        self.epoch += 1;
    }

    fn open(&mut self, limits: settings::Breaker, now: Instant) {
        self.enter(Phase::Open { until: now + Duration::from_nanos(limits.open_ns) });
    }
}

impl Breaker {
    pub(super) fn new(limits: Option<settings::Breaker>, counters: Arc<Counters>) -> Breaker {
        let state = State { phase: Phase::Closed(VecDeque::new()), epoch: 0 };
        let limits = limits.filter(|limits| limits.failures > 0);
        Breaker { limits, counters, state: Mutex::new(state) }
    }

    /// Whether an attempt would be refused now.
    pub(super) fn refuses(&self, now: Instant) -> bool {
        match &self.state().phase {
            Phase::Closed(_) => false,
            Phase::Open { until } => now < *until,
            Phase::Probing => true,
        }
    }

    /// Lets one attempt through, or not.
    pub(super) fn pass(&self, now: Instant) -> Option<Pass<'_>> {
        if self.refuses(now) {
            return None;
        }
        let mut state = self.state();
        if let Phase::Open { .. } = state.phase {
            state.enter(Phase::Probing);
        }
        Some(Pass { breaker: self, epoch: state.epoch })
    }

    fn tell(&self, epoch: u64, good: bool) {
        let Some(limits) = self.limits else { return };
        let mut state = self.state();
        if state.epoch != epoch {
            return;
        }
        let now = Instant::now();
        match (&mut state.phase, good) {
            (Phase::Closed(failures), false) => {
                if is_one_too_many(failures, limits, now) {
                    state.open(limits, now);
                    add(&self.counters.breaker_opens);
                }
            }
            (Phase::Probing, true) => state.enter(Phase::Closed(VecDeque::new())),
            (Phase::Probing, false) => state.open(limits, now),
            (Phase::Closed(_), true) | (Phase::Open { .. }, _) => {}
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

/// Whether this failure opens the breaker.
fn is_one_too_many(
    failures: &mut VecDeque<Instant>,
    limits: settings::Breaker,
    now: Instant,
) -> bool {
    let window = Duration::from_nanos(limits.window_ns);
    failures.push_back(now);
    while failures.front().is_some_and(|first| now.duration_since(*first) > window) {
        failures.pop_front();
    }
    failures.len() >= limits.failures as usize
}

/// One attempt, let through. Dropped untold, it has failed.
pub(super) struct Pass<'a> {
    breaker: &'a Breaker,
    epoch: u64,
}

impl Pass<'_> {
    pub(super) fn tell(self, good: bool) {
        if good {
            self.breaker.tell(self.epoch, true);
            std::mem::forget(self);
        }
    }
}

impl Drop for Pass<'_> {
    fn drop(&mut self) {
        self.breaker.tell(self.epoch, false);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::Ordering;

    use super::*;

    const MS: u64 = 1_000_000;

    fn breaker() -> Breaker {
        let limits = settings::Breaker { failures: 3, window_ns: 100 * MS, open_ns: 50 * MS };
        Breaker::new(Some(limits), Arc::default())
    }

    async fn after_ms(ms: u64) {
        tokio::time::advance(Duration::from_millis(ms)).await;
    }

    fn fail(breaker: &Breaker) {
        breaker.pass(Instant::now()).expect("lets through").tell(false);
    }

    fn opened() -> Breaker {
        let breaker = breaker();
        (0..3).for_each(|_| fail(&breaker));
        breaker
    }

    fn is_open(breaker: &Breaker) -> bool {
        breaker.pass(Instant::now()).map(|pass| pass.tell(true)).is_none()
    }

    fn opens(breaker: &Breaker) -> u64 {
        breaker.counters.breaker_opens.load(Ordering::Relaxed)
    }

    #[tokio::test(start_paused = true)]
    async fn failures_within_the_window_open_it() {
        let breaker = breaker();
        fail(&breaker);
        fail(&breaker);
        assert!(!is_open(&breaker));
        fail(&breaker);
        assert!(is_open(&breaker));
        assert_eq!(opens(&breaker), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn failures_further_apart_do_not() {
        let breaker = breaker();
        for _ in 0..20 {
            fail(&breaker);
            after_ms(51).await;
        }
        assert!(!is_open(&breaker));
    }

    #[tokio::test(start_paused = true)]
    async fn then_one_probe_goes_through_and_its_success_closes_it() {
        let breaker = opened();
        after_ms(49).await;
        assert!(is_open(&breaker));
        after_ms(1).await;
        let probe = breaker.pass(Instant::now()).expect("a probe");
        assert!(is_open(&breaker), "one at a time");
        probe.tell(true);
        assert!(!is_open(&breaker));
        fail(&breaker);
        assert!(!is_open(&breaker), "it begins anew");
    }

    #[tokio::test(start_paused = true)]
    async fn a_probe_that_fails_or_is_given_up_opens_it_again() {
        let breaker = opened();
        for given_up in [false, true] {
            after_ms(50).await;
            let probe = breaker.pass(Instant::now()).expect("a probe");
            if given_up {
                drop(probe)
            } else {
                probe.tell(false)
            }
            assert!(is_open(&breaker));
        }
        assert_eq!(opens(&breaker), 1, "it has not been closed since");
    }

    #[tokio::test(start_paused = true)]
    async fn attempts_of_an_earlier_phase_say_nothing() {
        let breaker = breaker();
        let [good, bad, worse] = [(); 3].map(|()| breaker.pass(Instant::now()).expect("closed"));
        (0..3).for_each(|_| fail(&breaker));
        good.tell(true);
        assert!(is_open(&breaker), "a late success does not close it");
        after_ms(40).await;
        bad.tell(false);
        after_ms(10).await;
        let probe = breaker.pass(Instant::now()).expect("a late failure does not prolong it");
        drop(worse);
        probe.tell(true);
        assert!(!is_open(&breaker));
    }

    #[tokio::test(start_paused = true)]
    async fn without_limits_it_never_opens() {
        let none = settings::Breaker { failures: 0, window_ns: MS, open_ns: MS };
        for limits in [None, Some(none)] {
            let breaker = Breaker::new(limits, Arc::default());
            (0..1_000).for_each(|_| fail(&breaker));
            assert!(!is_open(&breaker));
        }
    }
}
