//! Connections whose flush is put off for the sake of their rooms (`batch.delay`): one list for
//! each class of rooms, so that who came first in a list is due first. No connection has a timer.
//!
//! Invariants: a connection is in at most one list, the one where it is due earliest; a list is in
//! the order of its due times, because time does not go back and a class has one delay. Without a
//! delay in the configuration there is no list and no link. Called by `state::outbox`.

use crate::ids::RoomClassId;
use crate::reserve::fit;

const NONE: u32 = u32::MAX;

/// How long a message may wait for others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Delay {
    class: RoomClassId,
    /// In monotonic ns.
    pub due_ns: u64,
}

#[derive(Clone, Copy, Debug)]
struct List {
    /// 0 is none: the list stays empty.
    delay_ns: u64,
    head: u32,
    tail: u32,
}

#[derive(Clone, Copy, Debug)]
struct Link {
    /// 0 is "in no list".
    due_ns: u64,
    prev: u32,
    next: u32,
    class: RoomClassId,
}

const UNLINKED: Link = Link { due_ns: 0, prev: NONE, next: NONE, class: RoomClassId(0) };

/// The lists.
#[derive(Debug, Default)]
pub struct Delays {
    lists: Vec<List>,
    /// By the connection's slot.
    links: Vec<Link>,
}

impl Delays {
    /// One delay for each class of rooms.
    pub fn new(delays_ns: impl Iterator<Item = u64>) -> Delays {
        let lists: Vec<List> =
            delays_ns.map(|delay_ns| List { delay_ns, head: NONE, tail: NONE }).collect();
        match lists.iter().any(|list| list.delay_ns > 0) {
            true => Delays { lists, links: Vec::new() },
            false => Delays::default(),
        }
    }

    /// The delay of a message that comes now; `None` where it goes at the end of the turn.
    pub fn from(&self, class: RoomClassId, now_ns: u64) -> Option<Delay> {
        let delay_ns = self.lists.get(usize::from(class.0))?.delay_ns;
        (delay_ns > 0).then(|| Delay { class, due_ns: (now_ns + delay_ns).max(1) })
    }

    /// Puts a connection's flush off, unless it is due earlier already.
    #[inline]
    pub fn hold(&mut self, slot: u32, delay: Delay) {
        match self.links.get(slot as usize) {
            Some(link) if link.due_ns > 0 && link.due_ns <= delay.due_ns => {}
            _ => self.move_to(slot, delay),
        }
    }

    fn move_to(&mut self, slot: u32, delay: Delay) {
        if self.links.len() <= slot as usize {
            self.links.resize(slot as usize + 1, UNLINKED);
        }
        self.release(slot);
        self.append(slot, delay);
    }

    /// Ends the wait; the flush is somebody else's business now.
    #[inline]
    pub fn release(&mut self, slot: u32) {
        if self.holds(slot) {
            self.unlink(slot);
        }
    }

    #[inline(never)]
    fn unlink(&mut self, slot: u32) {
        let Link { prev, next, class, .. } = self.links[slot as usize];
        let list = &mut self.lists[usize::from(class.0)];
        match prev {
            NONE => list.head = next,
            prev => self.links[prev as usize].next = next,
        }
        match next {
            NONE => list.tail = prev,
            next => self.links[next as usize].prev = prev,
        }
        self.links[slot as usize] = UNLINKED;
    }

    #[inline]
    pub fn holds(&self, slot: u32) -> bool {
        self.links.get(slot as usize).is_some_and(|link| link.due_ns > 0)
    }

    /// Forgets the links of slots from this one on; none of them waits.
    pub fn cut(&mut self, slots_end: usize) {
        self.links.truncate(slots_end);
        fit(&mut self.links);
    }

    /// When the first one is due.
    pub fn next_ns(&self) -> Option<u64> {
        let heads = self.lists.iter().filter(|list| list.head != NONE);
        heads.map(|list| self.links[list.head as usize].due_ns).min()
    }

    /// Takes one that is due off its list.
    pub fn take_due(&mut self, now_ns: u64) -> Option<u32> {
        let is_due = |list: &&List| {
            self.links.get(list.head as usize).is_some_and(|link| link.due_ns <= now_ns)
        };
        let slot = self.lists.iter().find(is_due)?.head;
        self.release(slot);
        Some(slot)
    }

    fn append(&mut self, slot: u32, delay: Delay) {
        let Delay { class, due_ns } = delay;
        let list = &mut self.lists[usize::from(class.0)];
        let prev = std::mem::replace(&mut list.tail, slot);
        match prev {
            NONE => list.head = slot,
            prev => self.links[prev as usize].next = slot,
        }
        self.links[slot as usize] = Link { due_ns, prev, next: NONE, class };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    const DELAYS_NS: [u64; 4] = [0, 2_000, 50, 700];

    /// xorshift64*: enough randomness for a model test, seeded.
    fn random(state: &mut u64) -> u64 {
        *state ^= *state >> 12;
        *state ^= *state << 25;
        *state ^= *state >> 27;
        state.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    #[test]
    fn everybody_is_due_at_the_earliest_of_its_delays_like_in_a_map() {
        for seed in 1..200u64 {
            let (mut state, mut now_ns) = (seed, 0);
            let mut delays = Delays::new(DELAYS_NS.into_iter());
            let mut model: BTreeMap<u32, u64> = BTreeMap::new();
            for _ in 0..500 {
                let slot = (random(&mut state) % 20) as u32;
                let class = RoomClassId((random(&mut state) % 4) as u16);
                match random(&mut state) % 5 {
                    0 => {
                        delays.release(slot);
                        model.remove(&slot);
                    }
                    1..4 => {
                        if let Some(delay) = delays.from(class, now_ns) {
                            delays.hold(slot, delay);
                            let due_ns = model.entry(slot).or_insert(delay.due_ns);
                            *due_ns = delay.due_ns.min(*due_ns);
                        }
                    }
                    _ => {
                        now_ns += random(&mut state) % 400;
                        let due = std::iter::from_fn(|| delays.take_due(now_ns));
                        let mut due: Vec<u32> = due.collect();
                        due.sort_unstable();
                        let is_due = |_: &u32, due_ns: &mut u64| *due_ns <= now_ns;
                        let wanted: Vec<u32> =
                            model.extract_if(.., is_due).map(|(slot, _)| slot).collect();
                        assert_eq!(due, wanted, "seed {seed}");
                    }
                }
                assert_eq!(delays.next_ns(), model.values().min().copied(), "seed {seed}");
                assert_eq!(delays.holds(slot), model.contains_key(&slot), "seed {seed}");
            }
        }
    }

    #[test]
    fn without_a_delay_there_is_nothing_to_look_at() {
        let mut delays = Delays::new([0, 0].into_iter());
        assert_eq!(delays.from(RoomClassId(1), 5), None);
        assert_eq!((delays.next_ns(), delays.take_due(u64::MAX)), (None, None));
        delays.release(7);
        assert!(delays.lists.is_empty() && delays.links.is_empty());
    }
}
