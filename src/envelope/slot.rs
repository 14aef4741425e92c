//! Where one JSON value stands in a message, and what it is.
//!
//! Invariants: for a string the span excludes the quotes, so its bytes are already escaped text
//! that may be copied into another JSON string as they are; for every other kind it is the raw
//! value.

use crate::limits::SLOTS_MAX;

/// The JSON kind of a slot's value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(u8)]
pub enum SlotKind {
    /// The path is not in the message.
    #[default]
    Missing,
    Null,
    Bool,
    Number,
    /// A string without any escape: its span is its text.
    Plain,
    /// A string with at least one escape: its span must be decoded to get its text.
    Escaped,
    Array,
    Object,
}

/// One projected value: a span over the message and its kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Slot {
    pub start: u32,
    pub end: u32,
    pub kind: SlotKind,
}

impl Slot {
    /// Nothing is there.
    pub const MISSING: Slot = Slot { start: 0, end: 0, kind: SlotKind::Missing };

    /// The slot's bytes in the message it was made from (strings without their quotes).
    pub fn bytes<'m>(&self, message: &'m [u8]) -> &'m [u8] {
        message.get(self.start as usize..self.end as usize).unwrap_or_default()
    }

    pub fn is_string(&self) -> bool {
        matches!(self.kind, SlotKind::Plain | SlotKind::Escaped)
    }

    /// An array or object.
    pub fn has_parts(&self) -> bool {
        matches!(self.kind, SlotKind::Array | SlotKind::Object)
    }

    pub fn is_missing(&self) -> bool {
        self.kind == SlotKind::Missing
    }

    /// The value as it stands in the message: a string with its quotes.
    pub fn raw<'m>(&self, message: &'m [u8]) -> &'m [u8] {
        match self.is_string() {
            true => message.get(self.start as usize - 1..self.end as usize + 1).unwrap_or_default(),
            false => self.bytes(message),
        }
    }
}

/// The slots of one event's projection, filled per message.
#[derive(Clone, Debug)]
pub struct Slots {
    pub slots: [Slot; SLOTS_MAX],
}

impl Default for Slots {
    fn default() -> Self {
        Slots { slots: [Slot::default(); SLOTS_MAX] }
    }
}
