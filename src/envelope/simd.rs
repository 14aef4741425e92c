//! simd-json as the checker of large indented messages, and the root's fields from its structural
//! index.
//!
//! Invariants: what it accepts is strict JSON no deeper than `JSON_DEPTH_MAX`; it may refuse what
//! the scalar scan accepts (integers beyond 64 bits, numbers beyond a double, lone surrogates), so
//! a refusal is not an answer. It works on a copy, since it unescapes in place; buffers are kept
//! between messages. Used by `scan`.

use simd_json::{Buffers, INPUT_PADDING, Tape};

use super::slot::{Slot, SlotKind};
use crate::limits::JSON_DEPTH_MAX;

/// The buffers of one shard.
pub struct Simd {
    buffers: Buffers,
    tape: Tape<'static>,
    copy: Vec<u8>,
}

impl Default for Simd {
    fn default() -> Self {
        let buffers = Buffers::with_max_depth(0, JSON_DEPTH_MAX);
        Simd { buffers, tape: Tape(Vec::new()), copy: Vec::new() }
    }
}

impl std::fmt::Debug for Simd {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Simd").field("copy_bytes", &self.copy.capacity()).finish()
    }
}

impl Simd {
    /// Checks a message; its structural index where it is accepted.
    pub fn check(&mut self, message: &[u8]) -> Option<&[u32]> {
        self.copy.clear();
        self.copy.extend_from_slice(message);
        self.copy.resize(message.len() + INPUT_PADDING, 0);
        let mut tape = std::mem::replace(&mut self.tape, Tape(Vec::new())).reset();
        let len = message.len();
        let filled = simd_json::fill_tape_padded(&mut self.copy, len, &mut self.buffers, &mut tape);
        self.tape = tape.reset();
        filled.ok().map(|()| self.buffers.structural_indexes())
    }
}

/// The members of the root object of a message that was checked: the offsets of brackets, colons,
/// commas, opening quotes and first bytes of other values, in order.
pub struct RootMembers<'m> {
    message: &'m [u8],
    marks: std::slice::Iter<'m, u32>,
}

impl<'m> RootMembers<'m> {
    /// `None` where the root is not an object.
    pub fn new(message: &'m [u8], index: &'m [u32]) -> Option<Self> {
        let mut members = RootMembers { message, marks: index.iter() };
        (members.mark()?.1 == b'{').then_some(members)
    }

    fn mark(&mut self) -> Option<(u32, u8)> {
        let at = *self.marks.next()?;
        Some((at, *self.message.get(at as usize)?))
    }

    /// A value without parts, from its first byte to the mark after it.
    fn whole(&self, start: u32, end: u32) -> Slot {
        let span = self.message.get(start as usize..end as usize).unwrap_or_default();
        let end = start + span.trim_ascii_end().len() as u32;
        match span.first() {
            Some(b'"') => {
                let kind = if span.contains(&b'\\') { SlotKind::Escaped } else { SlotKind::Plain };
                Slot { start: start + 1, end: end.saturating_sub(1), kind }
            }
            Some(b't' | b'f') => Slot { start, end, kind: SlotKind::Bool },
            Some(b'n') => Slot { start, end, kind: SlotKind::Null },
            _ => Slot { start, end, kind: SlotKind::Number },
        }
    }

    /// An array or object whose bracket is at `start`: up to the bracket that closes it.
    fn bracketed(&mut self, start: u32, kind: SlotKind) -> Option<Slot> {
        let mut depth = 1u32;
        loop {
            let (at, byte) = self.mark()?;
            match byte {
                b'{' | b'[' => depth += 1,
                b'}' | b']' => depth -= 1,
                _ => {}
            }
            if depth == 0 {
                return Some(Slot { start, end: at + 1, kind });
            }
        }
    }
}

impl Iterator for RootMembers<'_> {
    type Item = (Slot, Slot);

    fn next(&mut self) -> Option<(Slot, Slot)> {
        let key_start = loop {
            match self.mark()? {
                (at, b'"') => break at,
                (_, b',') => {}
                _ => return None,
            }
        };
        let (colon, _) = self.mark()?;
        let key = self.whole(key_start, colon);
        let (start, byte) = self.mark()?;
        let value = match byte {
            b'{' => self.bracketed(start, SlotKind::Object)?,
            b'[' => self.bracketed(start, SlotKind::Array)?,
            _ => self.whole(start, self.marks.clone().next().copied()?),
        };
        Some((key, value))
    }
}
