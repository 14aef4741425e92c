//! The schedule of an open loop: when each message is due, whatever became of those before.
//!
//! Invariants: the n-th message is due at start + n / rate, so that a late turn delays nothing that
//! comes after it, and the rate holds over any time.

const NS_PER_S: f64 = 1e9;

/// Messages at a rate.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    start_ns: u64,
    per_s: f64,
    taken: u64,
}

impl Pace {
    pub fn new(start_ns: u64, per_s: f64) -> Pace {
        Pace { start_ns, per_s, taken: 0 }
    }

    /// When the next message is due.
    pub fn next_ns(&self) -> u64 {
        // The conversion saturates: a rate of nothing is due at the end of time.
        self.start_ns.saturating_add((self.taken as f64 * NS_PER_S / self.per_s) as u64)
    }

    /// The time and number of a message that is due; the next call is about the next one.
    pub fn take(&mut self, now_ns: u64) -> Option<(u64, u64)> {
        let (due_ns, number) = (self.next_ns(), self.taken);
        (due_ns <= now_ns).then(|| {
            self.taken += 1;
            (due_ns, number)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_holds_however_late_the_turns_are() {
        for per_s in [0.5, 3.0, 1_000.0, 77_777.0] {
            let mut pace = Pace::new(5, per_s);
            let mut due = Vec::new();
            for now_ns in [5, 6, 400_000_000, 400_000_001, 2_000_000_004, 10_000_000_004] {
                while let Some((due_ns, number)) = pace.take(now_ns) {
                    assert!(due_ns <= now_ns);
                    assert_eq!(number, due.len() as u64);
                    due.push(due_ns);
                }
            }
            assert_eq!(due.len(), (per_s * 10.0) as usize, "{per_s}");
            assert!(due.windows(2).all(|pair| pair[0] < pair[1]));
            assert_eq!(due[0], 5);
        }
    }
}
