//! Things that wait for reuse, so that the steady state allocates nothing, and that are given back
//! when nothing needs them any more, so that a burst is not paid for for ever.
//!
//! Invariants: what came back last is taken first; what lies at the bottom was not needed for the
//! longest time. Called by every pool of a shard, and `trim` by `shard::trim`.

/// A stack that knows how much of it was not needed lately.
#[derive(Debug)]
pub struct Reserve<T> {
    items: Vec<T>,
    /// The fewest that lay here since the last `trim`.
    unused: usize,
}

impl<T> Default for Reserve<T> {
    fn default() -> Self {
        Reserve { items: Vec::new(), unused: 0 }
    }
}

impl<T> Reserve<T> {
    #[inline]
    pub fn take(&mut self) -> Option<T> {
        let item = self.items.pop();
        self.unused = self.unused.min(self.items.len());
        item
    }

    #[inline]
    pub fn put(&mut self, item: T) {
        self.items.push(item);
    }

    pub fn len(&self) -> usize {
        self.items.len()
    }

    #[inline]
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// Takes what lies here now as what will be unused until something is taken.
    pub fn settle(&mut self) {
        self.unused = self.items.len();
    }

    /// Gives back half of what was not needed since the last call; true where there is more.
    pub fn trim(&mut self, mut given_back: impl FnMut(&T)) -> bool {
        let half = self.unused.div_ceil(2);
        self.items.drain(..half).for_each(|item| given_back(&item));
        fit(&mut self.items);
        self.settle();
        !self.items.is_empty()
    }
}

/// Adds to a list that mostly stays at one item: the first gets room for itself alone, where `push`
/// would make room for four.
#[inline]
pub fn push_sole<T>(list: &mut Vec<T>, item: T) {
    if list.capacity() == 0 {
        list.reserve_exact(1);
    }
    list.push(item);
}

/// A list with much more room than it needs is given a smaller place.
pub fn fit<T>(list: &mut Vec<T>) {
    if is_roomy(list.len(), list.capacity()) {
        list.shrink_to(2 * list.len());
    }
}

/// Whether a table has so much more room than it needs that moving it is worth the while.
pub fn is_roomy(len: usize, capacity: usize) -> bool {
    const SMALL: usize = 64;
    capacity > SMALL && capacity / 4 > len
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_of_what_nobody_needed_goes_the_oldest_first() {
        let mut reserve = Reserve::default();
        (0..100).for_each(|n| reserve.put(n));
        assert!(reserve.trim(|_| panic!("all of it is new")));
        (0..3).for_each(|_| reserve.put(reserve.len()));
        for _ in 0..60 {
            assert!(reserve.take().is_some());
        }
        let mut gone = Vec::new();
        assert!(reserve.trim(|n| gone.push(*n)));
        assert_eq!(gone, (0..22).collect::<Vec<_>>());
        let rounds = (1..).find(|_| !reserve.trim(|n| gone.push(*n)));
        assert_eq!((rounds, gone.len()), (Some(5), 43));
        assert!(reserve.items.capacity() <= 64 && reserve.take().is_none());
    }

    #[test]
    fn a_list_of_one_has_room_for_one() {
        let mut list = Vec::new();
        push_sole(&mut list, [0u8; 12]);
        assert_eq!((list.len(), list.capacity()), (1, 1));
        (0..100).for_each(|n| push_sole(&mut list, [n; 12]));
        assert_eq!((list.len(), list[100]), (101, [99; 12]));
        assert!(list.capacity() >= 128, "it grows as others do: {}", list.capacity());
    }

    #[test]
    fn what_is_needed_all_the_time_stays() {
        let mut reserve: Reserve<u32> = Reserve::default();
        (0..8).for_each(|n| reserve.put(n));
        for _ in 0..50 {
            let taken: Vec<u32> = std::iter::from_fn(|| reserve.take()).collect();
            assert_eq!(taken.len(), 8);
            taken.into_iter().for_each(|n| reserve.put(n));
            assert!(reserve.trim(|_| panic!("it is in use")));
        }
    }
}
