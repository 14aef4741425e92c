//! A value of an expression: a small word, or where its bytes stand.
//!
//! Invariants: sixteen bytes, copied freely; a value of one run means nothing in another. Bytes of
//! a message or of claims, a name or a target stand where they came from, a string possibly still
//! escaped; what a run makes stands in its arena.

use crate::envelope::{Slot, SlotKind};

/// Where the bytes of a value stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    Message,
    Claims,
    /// The name of the message's user.
    User,
    /// The message's target, decoded.
    Target,
    /// What the run made.
    Arena,
    /// A constant: `start` is its id, `end` its length.
    Const,
}

/// Bytes of a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bytes {
    pub start: u32,
    pub end: u32,
    pub place: Place,
    /// The body of a JSON string that has to be decoded.
    pub escaped: bool,
}

/// Values of a run's lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Elements {
    pub start: u32,
    pub end: u32,
    /// Lists in each other, this one included.
    pub depth: u8,
}

/// See the module.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Value {
    Null,
    /// Stands for a key that is left out.
    Omit,
    Bool(bool),
    Int(i64),
    Double(f64),
    /// A double with the digits that it was read from, which are more than it can hold: computed
    /// with as the double, passed on as written.
    Digits {
        place: Place,
        bytes: u16,
        start: u32,
        double: f64,
    },
    Text(Bytes),
    /// A JSON array as it stands in a text.
    Array(Bytes),
    /// A JSON object.
    Object(Bytes),
    /// A list that the run made.
    List(Elements),
}

const _: () = assert!(size_of::<Value>() <= 16);

impl Bytes {
    pub fn size(&self) -> usize {
        match self.place {
            Place::Const => self.end as usize,
            _ => self.end.saturating_sub(self.start) as usize,
        }
    }
}

impl Elements {
    pub fn count(&self) -> usize {
        self.end.saturating_sub(self.start) as usize
    }
}

/// Bytes of a number that a double holds whatever they are.
const DOUBLE_BYTES: u32 = 15;

impl Value {
    /// What is computed with.
    #[inline]
    pub fn settled(self) -> Value {
        match self {
            Value::Digits { double, .. } => Value::Double(double),
            value => value,
        }
    }

    pub fn of_slot(slot: &Slot, place: Place, text: &[u8]) -> Option<Value> {
        let escaped = slot.kind == SlotKind::Escaped;
        let bytes = Bytes { start: slot.start, end: slot.end, place, escaped };
        Some(match slot.kind {
            SlotKind::Missing | SlotKind::Null => Value::Null,
            SlotKind::Bool => Value::Bool(slot.bytes(text).first() == Some(&b't')),
            SlotKind::Plain | SlotKind::Escaped => Value::Text(bytes),
            SlotKind::Array => Value::Array(bytes),
            SlotKind::Object => Value::Object(bytes),
            SlotKind::Number => {
                let number = super::number::of_json(slot.bytes(text))?;
                number.with_digits(slot, place)
            }
        })
    }

    /// A double that has lost digits of the slot keeps them.
    fn with_digits(self, slot: &Slot, place: Place) -> Value {
        let count = slot.end.saturating_sub(slot.start);
        match (self, u16::try_from(count)) {
            (Value::Double(double), Ok(bytes)) if count > DOUBLE_BYTES => {
                Value::Digits { place, bytes, start: slot.start, double }
            }
            _ => self,
        }
    }
}
