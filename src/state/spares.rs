//! Buffers that wait for reuse: bytes of a connection that is held are kept in one of these, so
//! holding allocates nothing in the steady state.
//!
//! Invariants: a buffer here is empty; few and only small ones are kept. Called by `shard`.

use crate::limits::{SPARE_BUFFER_BYTES_MAX, SPARE_BUFFERS_MAX};
use crate::reserve::Reserve;

/// The buffers.
#[derive(Debug, Default)]
pub struct Spares {
    buffers: Reserve<Vec<u8>>,
}

impl Spares {
    /// An empty buffer.
    pub fn take(&mut self) -> Vec<u8> {
        self.buffers.take().unwrap_or_default()
    }

    /// Keeps a buffer that is not needed any more.
    pub fn give(&mut self, mut buffer: Vec<u8>) {
        let fits = (1..=SPARE_BUFFER_BYTES_MAX).contains(&buffer.capacity());
        if fits && self.buffers.len() < SPARE_BUFFERS_MAX {
            buffer.clear();
            self.buffers.put(buffer);
        }
    }

    /// Gives back half of what was not needed since the last call; true where there is more.
    pub fn trim(&mut self) -> bool {
        self.buffers.trim(|_| {})
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_small_buffer_comes_back_empty_and_a_large_one_does_not() {
        let mut spares = Spares::default();
        spares.give(b"left over".to_vec());
        spares.give(Vec::with_capacity(SPARE_BUFFER_BYTES_MAX + 1));
        spares.give(Vec::new());
        let first = spares.take();
        assert!(first.is_empty() && first.capacity() > 0);
        assert_eq!(spares.take().capacity(), 0);
        (0..2 * SPARE_BUFFERS_MAX).for_each(|_| spares.give(Vec::with_capacity(8)));
        assert_eq!(spares.buffers.len(), SPARE_BUFFERS_MAX);
    }
}
