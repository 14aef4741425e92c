//! Received bytes with a cursor.
//!
//! Invariants: bytes `..consumed()` are the decoder's, partly unmasked in place; bytes from there
//! on are as they were received. The cursor only moves forward.

use std::ops::Range;

/// What one read brought; the decoder consumes it from the front.
#[derive(Debug)]
pub struct Input<'b> {
    bytes: &'b mut [u8],
    /// `0..=bytes.len()`.
    at: usize,
}

impl<'b> Input<'b> {
    pub fn new(bytes: &'b mut [u8]) -> Self {
        Input { bytes, at: 0 }
    }

    pub fn consumed(&self) -> usize {
        self.at
    }

    /// What is not consumed yet.
    pub fn rest(&self) -> &[u8] {
        self.bytes.get(self.at..).unwrap_or_default()
    }

    pub fn is_empty(&self) -> bool {
        self.at == self.bytes.len()
    }

    /// Consumes at most `bytes_max` bytes; where they lie.
    pub(super) fn take(&mut self, bytes_max: usize) -> Range<usize> {
        let start = self.at;
        self.at += bytes_max.min(self.bytes.len() - start);
        start..self.at
    }

    pub(super) fn take_all(&mut self) -> Range<usize> {
        self.take(usize::MAX)
    }

    pub(super) fn at(&self, range: Range<usize>) -> &[u8] {
        self.bytes.get(range).unwrap_or_default()
    }

    pub(super) fn at_mut(&mut self, range: Range<usize>) -> &mut [u8] {
        self.bytes.get_mut(range).unwrap_or_default()
    }
}
