//! How events are counted against limits.
//!
//! ```text
//!   Rate   what a limit lets pass: so many events a window, by one of two algorithms
//!   Meter  what is kept of its events: a window's end and count, or GCRA's one time
//! ```
//!
//! Invariants: pure, the time is an argument; a meter whose `until_ns` has come counts like one
//! that was never there, so that it may be forgotten at any time from then on. Called by
//! `state::meters`.

/// How events are let through.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Algorithm {
    /// A window begins with the first event that passes; it does not slide.
    #[default]
    Fixed,
    /// The generic cell rate algorithm: events are spaced evenly on average, and `burst` of them
    /// may come at once.
    Gcra { burst: u32 },
}

/// What a limit lets pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    pub events_max: u32,
    pub window_ns: u64,
    pub algorithm: Algorithm,
}

/// What a limit says to an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    Pass,
    Refuse {
        /// When one would pass, were nothing else to come until then.
        retry_ns: u64,
    },
    /// It is counted elsewhere: ask there, or again where the answer is from there.
    Wait,
}

impl Rate {
    pub fn fixed(events_max: u32, window_ns: u64) -> Rate {
        Rate { events_max, window_ns, algorithm: Algorithm::Fixed }
    }

    pub fn gcra(events_max: u32, window_ns: u64, burst: u32) -> Rate {
        Rate { events_max, window_ns, algorithm: Algorithm::Gcra { burst } }
    }

    /// Whether it lets anything pass.
    pub fn holds(&self) -> bool {
        let bursts = !matches!(self.algorithm, Algorithm::Gcra { burst: 0 });
        self.events_max > 0 && self.window_ns > 0 && bursts
    }

    /// The time between two events of a steady stream; rounded up, so that never more pass than the
    /// rate says.
    fn interval_ns(&self) -> u64 {
        self.window_ns.div_ceil(u64::from(self.events_max.max(1)))
    }
}

/// What is kept of the events of one limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Meter {
    /// The end of the window; or the theoretical arrival time of GCRA.
    pub until_ns: u64,
    /// Events that passed in the window.
    pub events: u32,
}

impl Meter {
    /// Counts one event.
    #[inline]
    pub fn take(&mut self, rate: &Rate, now_ns: u64) -> Verdict {
        match rate.algorithm {
            Algorithm::Fixed => self.take_fixed(rate, now_ns),
            Algorithm::Gcra { burst } => self.take_gcra(rate, burst, now_ns),
        }
    }

    #[inline]
    fn take_fixed(&mut self, rate: &Rate, now_ns: u64) -> Verdict {
        if now_ns >= self.until_ns {
            *self = Meter { until_ns: now_ns.saturating_add(rate.window_ns), events: 0 };
        }
        if self.events >= rate.events_max {
            return Verdict::Refuse { retry_ns: self.until_ns - now_ns };
        }
        self.events += 1;
        Verdict::Pass
    }

    fn take_gcra(&mut self, rate: &Rate, burst: u32, now_ns: u64) -> Verdict {
        let interval_ns = rate.interval_ns();
        let tolerance_ns = interval_ns.saturating_mul(u64::from(burst.saturating_sub(1)));
        let arrival_ns = self.until_ns.max(now_ns);
        let earliest_ns = arrival_ns.saturating_sub(tolerance_ns);
        if now_ns < earliest_ns {
            return Verdict::Refuse { retry_ns: earliest_ns - now_ns };
        }
        self.until_ns = arrival_ns.saturating_add(interval_ns);
        Verdict::Pass
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND_NS: u64 = 1_000_000_000;
    const MINUTE_NS: u64 = 60 * SECOND_NS;

    fn passes(meter: &mut Meter, rate: &Rate, now_ns: u64) -> bool {
        meter.take(rate, now_ns) == Verdict::Pass
    }

    #[test]
    fn ten_a_minute_lets_ten_pass_and_resets_after_the_window() {
        let (rate, mut meter) = (Rate::fixed(10, MINUTE_NS), Meter::default());
        let passed: Vec<bool> = (0..12).map(|n| passes(&mut meter, &rate, n * SECOND_NS)).collect();
        assert_eq!(passed, [[true; 10].as_slice(), &[false; 2]].concat());
        assert_eq!(meter.take(&rate, MINUTE_NS - 1), Verdict::Refuse { retry_ns: 1 });
        assert!(passes(&mut meter, &rate, MINUTE_NS));
        assert_eq!(meter, Meter { until_ns: 2 * MINUTE_NS, events: 1 });
    }

    #[test]
    fn gcra_lets_a_burst_pass_and_then_one_an_interval_to_the_nanosecond() {
        let (rate, mut meter) = (Rate::gcra(10, SECOND_NS, 4), Meter::default());
        let start = 77 * SECOND_NS;
        let burst = (0..6).filter(|_| passes(&mut meter, &rate, start)).count();
        assert_eq!(burst, 4);
        let tenth = SECOND_NS / 10;
        assert_eq!(meter.take(&rate, start), Verdict::Refuse { retry_ns: tenth });
        assert!(!passes(&mut meter, &rate, start + tenth - 1));
        assert!(passes(&mut meter, &rate, start + tenth));
        assert!(!passes(&mut meter, &rate, start + tenth));
        // Left alone it is as if nothing had been.
        let later = start + SECOND_NS;
        assert!(meter.until_ns <= later);
        assert_eq!((0..6).filter(|_| passes(&mut meter, &rate, later)).count(), 4);
    }

    /// Whatever comes when: in no stretch of time do more pass than the burst and the rate allow,
    /// and who waits as told passes.
    #[test]
    fn gcra_never_lets_more_pass_than_burst_and_rate_in_any_stretch() {
        for seed in 1..300u64 {
            let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
            let mut random = |end: u64| {
                state ^= state << 13;
                state ^= state >> 7;
                state ^= state << 17;
                state % end
            };
            let (events, burst) = (1 + random(9) as u32, 1 + random(6) as u32);
            let rate = Rate::gcra(events, 1 + random(2_000), burst);
            let (mut meter, mut now_ns, mut passed) = (Meter::default(), random(50), Vec::new());
            for _ in 0..300 {
                match meter.take(&rate, now_ns) {
                    Verdict::Pass => passed.push(now_ns),
                    Verdict::Refuse { retry_ns } => {
                        let mut waits = meter;
                        assert!(retry_ns > 0 && passes(&mut waits, &rate, now_ns + retry_ns));
                        let mut hasty = meter;
                        assert!(!passes(&mut hasty, &rate, now_ns + retry_ns - 1), "seed {seed}");
                    }
                    Verdict::Wait => unreachable!(),
                }
                now_ns += random(rate.window_ns / 2 + 2);
            }
            for (place, from) in passed.iter().enumerate() {
                for (more, to) in passed[place..].iter().enumerate() {
                    let allowed = u64::from(burst) + (to - from) / rate.interval_ns();
                    assert!((more as u64) < allowed, "seed {seed}");
                }
            }
        }
    }

    #[test]
    fn times_at_the_end_of_the_clock_and_odd_rates_break_nothing() {
        let rates = [
            Rate::fixed(1, u64::MAX),
            Rate::gcra(1, u64::MAX, u32::MAX),
            Rate::gcra(u32::MAX, 1, 0),
            Rate::gcra(0, 7, 1),
        ];
        for rate in rates {
            let mut meter = Meter::default();
            for now_ns in [0, 1, u64::MAX - 1, u64::MAX, 5] {
                meter.take(&rate, now_ns);
            }
        }
        let mut meter = Meter::default();
        assert!(!passes(&mut meter, &Rate::fixed(0, 9), 5));
    }
}
