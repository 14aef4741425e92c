//! A hashed timer wheel with one deadline per connection slot.
//!
//! Links live in one vector beside the connections, so that setting a deadline allocates nothing.
//! A deadline fires at the first tick at or after it: never early, at most one tick late.
//!
//! Invariants: a slot is in at most one list; `occupied` has a bit for each list that is not empty.
//! Called by `shard::deadline`.

use crate::limits::TIMER_TICK_NS;
use crate::reserve::fit;

const LISTS: usize = 1024;
const NONE: u32 = u32::MAX;

#[derive(Clone, Copy, Debug)]
struct Link {
    prev: u32,
    next: u32,
    /// The tick it is due at; its list is `due % LISTS`. 0 is "not set".
    due: u64,
}

const UNSET: Link = Link { prev: NONE, next: NONE, due: 0 };

/// The wheel.
#[derive(Debug)]
pub struct Wheel {
    heads: [u32; LISTS],
    occupied: [u64; LISTS / 64],
    links: Vec<Link>,
    /// The next tick to look at.
    tick: u64,
}

impl Wheel {
    pub fn new(now_ns: u64) -> Wheel {
        Wheel {
            heads: [NONE; LISTS],
            occupied: [0; LISTS / 64],
            links: Vec::new(),
            tick: now_ns / TIMER_TICK_NS,
        }
    }

    /// Sets or moves the deadline of a slot.
    pub fn set(&mut self, slot: u32, deadline_ns: u64) {
        let place = slot as usize;
        if self.links.len() <= place {
            self.links.resize(place + 1, UNSET);
        }
        let due = deadline_ns.div_ceil(TIMER_TICK_NS).max(self.tick).max(1);
        if self.links[place].due != due {
            self.cancel(slot);
            self.link(slot, due);
        }
    }

    /// Forgets the deadline of a slot.
    pub fn cancel(&mut self, slot: u32) {
        let Some(&link) = self.links.get(slot as usize) else { return };
        if link.due == 0 {
            return;
        }
        let list = link.due as usize % LISTS;
        match link.prev {
            NONE => self.set_head(list, link.next),
            prev => self.links[prev as usize].next = link.next,
        }
        if link.next != NONE {
            self.links[link.next as usize].prev = link.prev;
        }
        self.links[slot as usize] = UNSET;
    }

    /// Forgets the links of slots from this one on; none of them has a deadline.
    pub fn cut(&mut self, slots_end: u32) {
        self.links.truncate(slots_end as usize);
        fit(&mut self.links);
    }

    /// Moves every slot that is due into `fired`.
    pub fn expire(&mut self, now_ns: u64, fired: &mut Vec<u32>) {
        let last = now_ns / TIMER_TICK_NS;
        // After a long sleep one round over the wheel sees every list.
        let first = self.tick.max(last.saturating_sub(LISTS as u64 - 1));
        for tick in first..=last {
            self.expire_list(tick as usize % LISTS, last, fired);
        }
        // What is left in this list is another round's: looking again now would find nothing.
        self.tick = self.tick.max(last + 1);
    }

    fn expire_list(&mut self, list: usize, last: u64, fired: &mut Vec<u32>) {
        let mut at = self.heads[list];
        while at != NONE {
            let link = self.links[at as usize];
            if link.due <= last {
                self.cancel(at);
                fired.push(at);
            }
            at = link.next;
        }
    }

    /// When to look again: no deadline is earlier, and some may be later (another round's).
    pub fn next_ns(&self) -> Option<u64> {
        let start = self.tick as usize % LISTS;
        let ahead = (0..=LISTS / 64).find_map(|word| self.first_set(start, word))?;
        Some((self.tick + ahead as u64) * TIMER_TICK_NS)
    }

    /// Distance from `start` to the first occupied list in the `word`th word from it.
    fn first_set(&self, start: usize, word: usize) -> Option<usize> {
        let place = (start / 64 + word) % (LISTS / 64);
        let mut bits = self.occupied[place];
        if word == 0 {
            bits &= u64::MAX << (start % 64);
        } else if word == LISTS / 64 {
            bits &= !(u64::MAX << (start % 64));
        }
        let list = place * 64 + bits.trailing_zeros() as usize;
        (bits != 0).then(|| (list + LISTS - start) % LISTS)
    }

    fn link(&mut self, slot: u32, due: u64) {
        let list = due as usize % LISTS;
        let next = self.heads[list];
        self.links[slot as usize] = Link { prev: NONE, next, due };
        if next != NONE {
            self.links[next as usize].prev = slot;
        }
        self.set_head(list, slot);
    }

    fn set_head(&mut self, list: usize, head: u32) {
        self.heads[list] = head;
        let bit = 1 << (list % 64);
        match head {
            NONE => self.occupied[list / 64] &= !bit,
            _ => self.occupied[list / 64] |= bit,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    /// xorshift64*: enough randomness for a model test, seeded.
    fn random(state: &mut u64) -> u64 {
        *state ^= *state >> 12;
        *state ^= *state << 25;
        *state ^= *state >> 27;
        state.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    #[test]
    fn fires_like_a_sorted_map_never_early_at_most_a_tick_late() {
        for seed in 1..40u64 {
            let mut state = seed;
            let mut now = random(&mut state) % (1 << 40);
            let mut wheel = Wheel::new(now);
            let mut model: BTreeMap<u32, u64> = BTreeMap::new();
            for _ in 0..2_000 {
                let slot = (random(&mut state) % 50) as u32;
                match random(&mut state) % 4 {
                    0 => {
                        wheel.cancel(slot);
                        model.remove(&slot);
                    }
                    1 | 2 => {
                        let deadline = now + random(&mut state) % (200 * 1_000_000_000);
                        wheel.set(slot, deadline);
                        model.insert(slot, deadline);
                    }
                    _ => {
                        now += random(&mut state) % (3 * 1_000_000_000);
                        let mut fired = Vec::new();
                        wheel.expire(now, &mut fired);
                        for slot in fired {
                            let deadline = model.remove(&slot).expect("fired but not set");
                            assert!(deadline <= now, "seed {seed}: early");
                        }
                        let late = |deadline: &u64| deadline + TIMER_TICK_NS <= now;
                        assert!(!model.values().any(late), "seed {seed}: missed a deadline");
                        let again = wheel.next_ns().is_some_and(|next| next <= now);
                        assert!(!again, "seed {seed}: asks to be called again at once");
                    }
                }
                let next = wheel.next_ns();
                assert_eq!(next.is_some(), !model.is_empty(), "seed {seed}");
                let first = model.values().min().copied().unwrap_or(u64::MAX);
                assert!(next.unwrap_or(0) <= first.saturating_add(TIMER_TICK_NS), "seed {seed}");
            }
        }
    }
}
