//! Where meters are kept: a few with each user and connection, and a shard's table for the texts it
//! is the home of.
//!
//! A text is known by a fingerprint of 64 bits, so that an entry has one size whatever clients
//! send, nothing of theirs is kept, and only the fingerprint crosses the mesh. The seed is the
//! process's secret; with a table full of texts the chance that any two of them are alike is 2^-33,
//! and then they share what their limit lets pass.
//!
//! Invariants: what clients can make is bounded. Of texts `LIMIT_KEYS_OF_ONE_MAX` are counted for
//! one user or connection and `LIMIT_KEYS_MAX` on one shard; one more takes the place of the one
//! that is over first, and the reading says so. Called by `shard::limit` and `shard::host`.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::hash::BuildHasher;

use foldhash::fast::RandomState;
use foldhash::quality::FixedState;

use super::limits::{Meter, Rate, Verdict};
use crate::ids::{LimitId, ShardId};
use crate::limits::{LIMIT_KEYS_MAX, LIMIT_KEYS_OF_ONE_MAX, LIMIT_SWEEP_NS};
use crate::reserve::is_roomy;

/// A text that a limit counts apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Fingerprint(u64);

impl Fingerprint {
    /// That of a limit which counts no texts apart.
    pub const NONE: Fingerprint = Fingerprint(0);

    /// The same on every shard of a process; an empty text is none.
    pub fn of(text: &[u8], seed: u64) -> Fingerprint {
        match text {
            [] => Fingerprint::NONE,
            text => Fingerprint(FixedState::with_seed(seed).hash_one(text)),
        }
    }

    /// Which shard counts the text, where nothing in it has a home of its own.
    pub fn home(self, shards: u16) -> ShardId {
        ShardId(((u128::from(self.0) * u128::from(shards)) >> 64) as u16)
    }
}

/// A limit, and the text it counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key {
    pub text: Fingerprint,
    pub limit: LimitId,
}

/// What counting one event came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reading {
    pub verdict: Verdict,
    /// Another text's count, which was not over, had to make room.
    pub forgot: bool,
}

impl Reading {
    /// Of a limit that the program does not have (any more).
    pub const UNKNOWN: Reading = Reading::of(Verdict::Refuse { retry_ns: 0 });

    pub const fn of(verdict: Verdict) -> Reading {
        Reading { verdict, forgot: false }
    }
}

/// One of `Meters`: a key and a meter, in 24 bytes.
#[derive(Clone, Copy, Debug)]
struct Entry {
    text: Fingerprint,
    until_ns: u64,
    events: u32,
    limit: LimitId,
}

impl Entry {
    #[inline]
    fn take(&mut self, rate: &Rate, now_ns: u64) -> Verdict {
        let mut meter = Meter { until_ns: self.until_ns, events: self.events };
        let verdict = meter.take(rate, now_ns);
        (self.until_ns, self.events) = (meter.until_ns, meter.events);
        verdict
    }
}

/// The meters of one user, or of one connection.
#[derive(Clone, Debug, Default)]
pub struct Meters {
    list: Vec<Entry>,
}

impl Meters {
    /// Counts one event.
    #[inline]
    pub fn take(&mut self, key: Key, rate: &Rate, now_ns: u64) -> Reading {
        let known = |entry: &&mut Entry| entry.limit == key.limit && entry.text == key.text;
        match self.list.iter_mut().find(known) {
            Some(entry) => Reading::of(entry.take(rate, now_ns)),
            None => self.take_first(key, rate, now_ns),
        }
    }

    /// Counts the first event of a key, in the place of one that is over if there is such a place.
    fn take_first(&mut self, key: Key, rate: &Rate, now_ns: u64) -> Reading {
        let mut entry = Entry { text: key.text, until_ns: 0, events: 0, limit: key.limit };
        let verdict = entry.take(rate, now_ns);
        match self.place(key, now_ns).and_then(|place| self.list.get_mut(place)) {
            Some(place) => {
                let forgot = place.until_ns > now_ns;
                *place = entry;
                Reading { verdict, forgot }
            }
            None => {
                self.list.push(entry);
                Reading::of(verdict)
            }
        }
    }

    /// The place of a new key, unless it is a further one. A limit that counts no texts apart is
    /// never forgotten: there are only so many in the program.
    fn place(&self, key: Key, now_ns: u64) -> Option<usize> {
        let over = self.list.iter().position(|entry| entry.until_ns <= now_ns);
        if over.is_some() || key.text == Fingerprint::NONE {
            return over;
        }
        let texts = self.list.iter().enumerate();
        let texts = texts.filter(|(_, entry)| entry.text != Fingerprint::NONE);
        let first = texts.clone().min_by_key(|(_, entry)| entry.until_ns);
        first.filter(|_| texts.count() >= LIMIT_KEYS_OF_ONE_MAX).map(|(place, _)| place)
    }

    /// When nothing is counted here any more.
    pub fn until_ns(&self) -> Option<u64> {
        self.list.iter().map(|entry| entry.until_ns).max()
    }
}

/// The meters of the texts that a shard is the home of.
#[derive(Debug)]
pub struct MeterTable {
    meters: HashMap<Key, Meter, RandomState>,
    /// Each key of `meters` once, by when its meter was seen to be over: it is not over earlier.
    ends: BinaryHeap<Reverse<(u64, Key)>>,
    keys_max: usize,
    /// When to look for meters that are over; `u64::MAX` where there are none at all.
    pub sweep_due_ns: u64,
}

impl Default for MeterTable {
    fn default() -> Self {
        MeterTable::new(LIMIT_KEYS_MAX)
    }
}

impl MeterTable {
    pub fn new(keys_max: usize) -> MeterTable {
        let (meters, ends) = (HashMap::default(), BinaryHeap::new());
        MeterTable { meters, ends, keys_max, sweep_due_ns: u64::MAX }
    }

    /// Counts one event.
    pub fn take(&mut self, key: Key, rate: &Rate, now_ns: u64) -> Reading {
        match self.meters.get_mut(&key) {
            Some(meter) => Reading::of(meter.take(rate, now_ns)),
            None => self.take_first(key, rate, now_ns),
        }
    }

    fn take_first(&mut self, key: Key, rate: &Rate, now_ns: u64) -> Reading {
        let forgot = self.meters.len() >= self.keys_max && self.forget_first() > now_ns;
        let mut meter = Meter::default();
        let verdict = meter.take(rate, now_ns);
        self.meters.insert(key, meter);
        self.ends.push(Reverse((meter.until_ns, key)));
        self.sweep_due_ns = self.sweep_due_ns.min(now_ns.saturating_add(LIMIT_SWEEP_NS));
        Reading { verdict, forgot }
    }

    /// Forgets the meter that is over first; returns when that is.
    fn forget_first(&mut self) -> u64 {
        while let Some(Reverse((seen_ns, key))) = self.ends.pop() {
            let until_ns = self.meters.get(&key).map_or(0, |meter| meter.until_ns);
            if until_ns <= seen_ns {
                self.meters.remove(&key);
                return until_ns;
            }
            // It has counted on since it was looked at.
            self.ends.push(Reverse((until_ns, key)));
        }
        0
    }

    /// Forgets what is over, and says when to look again.
    pub fn sweep(&mut self, now_ns: u64) {
        while self.ends.peek().is_some_and(|Reverse((seen_ns, _))| *seen_ns <= now_ns) {
            let Some(Reverse((_, key))) = self.ends.pop() else { break };
            match self.meters.get(&key) {
                Some(meter) if meter.until_ns > now_ns => {
                    self.ends.push(Reverse((meter.until_ns, key)));
                }
                _ => drop(self.meters.remove(&key)),
            }
        }
        let next = self.ends.peek().map(|Reverse((seen_ns, _))| *seen_ns);
        let soonest = now_ns.saturating_add(LIMIT_SWEEP_NS);
        self.sweep_due_ns = next.map_or(u64::MAX, |next_ns| next_ns.max(soonest));
    }

    pub fn len(&self) -> usize {
        self.meters.len()
    }

    pub fn is_empty(&self) -> bool {
        self.meters.is_empty()
    }

    /// Gives back the room that few meters are left to need.
    pub fn trim(&mut self) {
        if is_roomy(self.meters.len(), self.meters.capacity()) {
            self.meters.shrink_to(2 * self.meters.len());
            self.ends.shrink_to(2 * self.ends.len());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE_NS: u64 = 60_000_000_000;
    const REFUSE: fn(u64) -> Verdict = |retry_ns| Verdict::Refuse { retry_ns };

    fn key(limit: u16, text: &str) -> Key {
        Key { text: Fingerprint::of(text.as_bytes(), 7), limit: LimitId(limit) }
    }

    /// xorshift64*: enough randomness for a model test, seeded.
    fn random(state: &mut u64, end: u64) -> u64 {
        *state ^= *state >> 12;
        *state ^= *state << 25;
        *state ^= *state >> 27;
        (state.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 16) % end
    }

    #[test]
    fn limits_and_texts_are_counted_apart() {
        let (rate, mut meters) = (Rate::fixed(1, MINUTE_NS), Meters::default());
        assert_eq!(meters.until_ns(), None);
        let keys = [key(3, ""), key(9, ""), key(3, "a"), key(3, "b"), key(9, "a")];
        for key in keys {
            assert_eq!(meters.take(key, &rate, 0).verdict, Verdict::Pass);
            assert_eq!(meters.take(key, &rate, 1).verdict, REFUSE(MINUTE_NS - 1));
        }
        assert_eq!(meters.take(key(4, ""), &rate, 10), Reading::of(Verdict::Pass));
        assert_eq!(meters.until_ns(), Some(MINUTE_NS + 10));
        assert_eq!(size_of::<Entry>(), 24);
    }

    #[test]
    fn one_text_too_many_takes_the_place_of_the_one_that_is_over_first() {
        let (rate, mut meters) = (Rate::fixed(1, MINUTE_NS), Meters::default());
        meters.take(key(0, ""), &rate, 0);
        for n in 0..LIMIT_KEYS_OF_ONE_MAX as u64 {
            assert!(!meters.take(key(1, &n.to_string()), &rate, 1 + n).forgot);
        }
        let reading = meters.take(key(1, "more"), &rate, 1_000);
        assert_eq!(reading, Reading { verdict: Verdict::Pass, forgot: true });
        assert_eq!(meters.take(key(0, ""), &rate, 1_000).verdict, REFUSE(MINUTE_NS - 1_000));
        assert_eq!(meters.take(key(1, "1"), &rate, 1_000).verdict, REFUSE(MINUTE_NS + 2 - 1_000));
        assert_eq!(meters.take(key(1, "0"), &rate, 1_000).verdict, Verdict::Pass);
        // What is over makes room without being missed.
        let later = 2 * MINUTE_NS;
        assert!(!meters.take(key(1, "much later"), &rate, later).forgot);
        assert_eq!(meters.list.len(), LIMIT_KEYS_OF_ONE_MAX + 1);
        // Limits of the program are never forgotten for each other.
        for limit in 0..200 {
            assert!(!meters.take(key(limit, ""), &rate, later).forgot);
        }
    }

    #[test]
    fn a_table_counts_like_meters_that_are_never_forgotten() {
        for seed in 1..60u64 {
            let mut state = seed;
            let rates = [Rate::fixed(3, 5_000_000_000), Rate::gcra(2, 900_000_000, 2)];
            let (mut table, mut now_ns) = (MeterTable::default(), 0);
            let mut model: HashMap<Key, Meter> = HashMap::new();
            for _ in 0..500 {
                now_ns += random(&mut state, 300_000_000);
                if table.sweep_due_ns <= now_ns {
                    table.sweep(now_ns);
                    assert!(table.sweep_due_ns > now_ns);
                }
                let limit = random(&mut state, 2) as usize;
                let key = key(limit as u16, &random(&mut state, 20).to_string());
                let wanted = model.entry(key).or_default().take(&rates[limit], now_ns);
                let reading = table.take(key, &rates[limit], now_ns);
                assert_eq!(reading, Reading::of(wanted), "seed {seed}");
                assert_eq!(table.ends.len(), table.len());
            }
            table.sweep(now_ns + 60_000_000_000);
            assert_eq!((table.len(), table.sweep_due_ns), (0, u64::MAX));
        }
    }

    #[test]
    fn a_full_table_forgets_what_is_over_first_and_never_grows() {
        let (slow, quick) = (Rate::fixed(1, MINUTE_NS), Rate::gcra(9, 900, 9));
        let mut table = MeterTable::new(3);
        table.take(key(0, "slow"), &slow, 0);
        table.take(key(1, "quick"), &quick, 0);
        table.take(key(1, "busy"), &quick, 0);
        // `busy` counts on, so `quick` is over first.
        (0..5).for_each(|_| assert!(!table.take(key(1, "busy"), &quick, 1).forgot));
        assert!(table.take(key(0, "new"), &slow, 2).forgot);
        assert_eq!(table.take(key(0, "slow"), &slow, 2).verdict, REFUSE(MINUTE_NS - 2));
        assert!(table.meters.contains_key(&key(1, "busy")) && table.len() == 3);
        // By now it is over, and nobody misses it.
        assert!(!table.take(key(0, "newer"), &slow, 10_000).forgot);
        for n in 0..1_000 {
            table.take(key(0, &n.to_string()), &slow, 20_000);
            assert_eq!((table.len(), table.ends.len()), (3, 3));
        }
    }

    #[test]
    fn texts_find_their_homes_evenly_and_the_same_on_every_shard() {
        let mut counts = [0; 7];
        for n in 0..7_000 {
            let text = Fingerprint::of(format!("chat:{n}").as_bytes(), 3);
            assert_eq!(text, Fingerprint::of(format!("chat:{n}").as_bytes(), 3));
            counts[text.home(7).index()] += 1;
        }
        assert!(counts.iter().all(|count| (800..1_200).contains(count)), "{counts:?}");
        assert_eq!(Fingerprint(u64::MAX).home(256), ShardId(255));
        assert_eq!(Fingerprint::NONE.home(1), ShardId(0));
    }
}
