//! Which outcome is worth another attempt, and after how long.
//!
//! Invariants: what may have been done is done again only where that cannot do it twice; no wait
//! ends after the call's deadline. Called by `live`.

use std::time::Duration;

use tokio::time::Instant;

use crate::backend::{Failure, Reply};
use crate::settings::Retry;

/// The attempts of one call that are left.
pub(super) struct Retries<'a> {
    retry: &'a Retry,
    repeatable: bool,
    deadline: Instant,
    made: u8,
}

impl<'a> Retries<'a> {
    pub(super) fn new(retry: &'a Retry, repeatable: bool, deadline: Instant) -> Retries<'a> {
        Retries { retry, repeatable, deadline, made: 0 }
    }

    /// How long to wait before the next attempt; none where this outcome is the call's.
    pub(super) fn after(
        &mut self,
        outcome: &Result<Reply, Failure>,
        now: Instant,
    ) -> Option<Duration> {
        if self.made >= self.retry.retries_max || !self.is_worth_it(outcome) {
            return None;
        }
        let delay = delay(self.retry.delay_ns, self.made, getrandom::u32().unwrap_or(u32::MAX));
        self.made += 1;
        (now + delay < self.deadline).then_some(delay)
    }

    fn is_worth_it(&self, outcome: &Result<Reply, Failure>) -> bool {
        match outcome {
            Ok(reply) => self.repeatable && self.retry.statuses.contains(&reply.status),
            Err(Failure::Unreachable) => self.retry.connect,
            Err(_) => false,
        }
    }
}

/// Doubled for each retry; a part of the upper half is left to chance, so that many callers who
/// failed at once do not come back at once.
fn delay(first_ns: u64, made: u8, chance: u32) -> Duration {
    let whole_ns = first_ns.saturating_mul(1u64.checked_shl(made.into()).unwrap_or(u64::MAX));
    let half_ns = whole_ns / 2;
    let part_ns = u128::from(half_ns) * u128::from(chance) / u128::from(u32::MAX);
    Duration::from_nanos(half_ns.saturating_add(part_ns as u64))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn retry() -> Retry {
        Retry { connect: true, statuses: vec![503], retries_max: 2, delay_ns: 100_000_000 }
    }

    fn reply(status: u16) -> Result<Reply, Failure> {
        Ok(Reply { status, body: (*b"").into() })
    }

    #[test]
    fn waits_double_and_stay_within_their_halves() {
        let ms = |made, chance| delay(100_000_000, made, chance).as_millis();
        assert_eq!([ms(0, 0), ms(0, u32::MAX)], [50, 100]);
        assert_eq!([ms(1, 0), ms(1, u32::MAX)], [100, 200]);
        assert_eq!([ms(3, 0), ms(3, u32::MAX)], [400, 800]);
        assert_eq!(delay(0, 9, 7), Duration::ZERO);
        assert!(delay(u64::MAX, 255, u32::MAX) > Duration::from_secs(1 << 33));
    }

    #[test]
    fn so_many_attempts_and_no_more() {
        let (retry, now) = (retry(), Instant::now());
        let mut retries = Retries::new(&retry, true, now + 10 * SECOND);
        assert!(retries.after(&reply(503), now).is_some());
        assert!(retries.after(&Err(Failure::Unreachable), now).is_some());
        assert!(retries.after(&reply(503), now).is_none());
    }

    #[test]
    fn what_may_have_been_done_is_not_done_again() {
        let (retry, now) = (retry(), Instant::now());
        let after = |repeatable, outcome: &Result<Reply, Failure>| {
            Retries::new(&retry, repeatable, now + SECOND).after(outcome, now).is_some()
        };
        assert!(!after(false, &reply(503)));
        assert!(after(false, &Err(Failure::Unreachable)));
        assert!(!after(true, &reply(500)) && !after(true, &reply(200)));
        for failure in [Failure::Broken, Failure::TooLarge, Failure::Timeout] {
            assert!(!after(true, &Err(failure)), "{failure:?}");
        }
    }

    #[test]
    fn nothing_waits_past_the_deadline() {
        let (retry, now) = (retry(), Instant::now());
        let mut retries = Retries::new(&retry, true, now + Duration::from_millis(50));
        assert!(retries.after(&reply(503), now).is_none());
    }
}
