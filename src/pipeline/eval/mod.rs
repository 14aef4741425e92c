//! The evaluator: what operations on values do.
//!
//! Invariants: total: a value of the wrong kind is a reject, never a panic. Nothing is allocated in
//! the steady state: texts go to the run's arena, elements to its lists, both kept between runs.
//! What one run may cost is bounded by `RUN_WORK_MAX`, what it may keep by `RUN_TEXT_BYTES_MAX`.
//! Called by the interpreter, and by the compiler to fold constants.

mod compare;
mod kept;
mod list;
mod pieces;
mod quick;
mod run;
mod stretch;
mod text;
mod write;

pub use kept::Kept;

use super::number;
use super::operand::{Binary, Expect, Kind, Out, Unary, ValueReg};
use super::pattern::{Caches, Pattern};
use super::value::{Bytes, Place, Value};
use crate::envelope::Slot;
use crate::envelope::text::decode_into;
use crate::limits::{RUN_TEXT_BYTES_MAX, RUN_WORK_MAX, VALUES_MAX};
use crate::reject::Reject;

/// A value, or why there is none.
pub type Evaluated = Result<Value, Reject>;

/// The texts that values of a run may stand in, its arena apart.
#[derive(Clone, Copy, Debug, Default)]
pub struct Reads<'r> {
    pub message: &'r [u8],
    pub claims: &'r [u8],
    pub consts: &'r [Box<[u8]>],
    pub user: &'r [u8],
    pub target: &'r [u8],
}

/// The values of one run.
#[derive(Debug)]
pub struct Values {
    registers: [Value; VALUES_MAX],
    /// Text that the run made.
    arena: Vec<u8>,
    /// Elements of finished lists.
    elements: Vec<Value>,
    /// Elements of lists that are being made, the innermost last.
    pending: Vec<Value>,
    /// A text that is decoded or written before it is used.
    scratch: Vec<u8>,
    work: usize,
    caches: Caches,
}

impl Default for Values {
    fn default() -> Self {
        Values {
            registers: [Value::Null; VALUES_MAX],
            arena: Vec::new(),
            elements: Vec::new(),
            pending: Vec::new(),
            scratch: Vec::new(),
            work: 0,
            caches: Caches::default(),
        }
    }
}

impl Values {
    /// Forgets what another run made. Registers keep what they hold: a program that was verified
    /// writes each before it reads it.
    pub fn begin(&mut self) {
        self.arena.clear();
        self.elements.clear();
        self.pending.clear();
        self.work = 0;
    }

    /// `verify` lets no other registers pass than there are; that they are taken modulo their
    /// number spares a comparison.
    #[inline(always)]
    fn at(&self, register: ValueReg) -> &Value {
        &self.registers[usize::from(register.0) % VALUES_MAX]
    }

    #[inline(always)]
    pub fn get(&self, register: ValueReg) -> Value {
        *self.at(register)
    }

    #[inline(always)]
    pub fn set(&mut self, register: Out, value: Value) {
        self.registers[usize::from(register.0) % VALUES_MAX] = value;
    }

    /// Counts what is looked at or made.
    #[inline(always)]
    fn charge(&mut self, work: usize) -> Result<(), Reject> {
        self.work = self.work.saturating_add(work);
        if self.work <= RUN_WORK_MAX { Ok(()) } else { Err(Reject::TooLarge) }
    }

    /// The bytes of a value, as they stand.
    #[inline]
    pub fn bytes<'v>(&'v self, bytes: Bytes, reads: &Reads<'v>) -> &'v [u8] {
        let range = bytes.start as usize..bytes.end as usize;
        let found = match bytes.place {
            Place::Message => reads.message.get(range),
            Place::Claims => reads.claims.get(range),
            Place::User => reads.user.get(range),
            Place::Target => reads.target.get(range),
            Place::Arena => self.arena.get(range),
            Place::Const => reads.consts.get(bytes.start as usize).map(|bytes| &**bytes),
        };
        found.unwrap_or_default()
    }

    /// The whole text that a value stands in, for its parts.
    #[inline]
    fn whole<'v>(&'v self, place: Place, reads: &Reads<'v>) -> &'v [u8] {
        match place {
            Place::Message => reads.message,
            Place::Claims => reads.claims,
            Place::Arena => &self.arena,
            // No JSON stands in them.
            Place::Const | Place::User | Place::Target => &[],
        }
    }

    /// Where what is appended to the arena from `start` on stands.
    fn made(&mut self, start: usize) -> Result<Bytes, Reject> {
        if self.arena.len() > RUN_TEXT_BYTES_MAX {
            return Err(Reject::TooLarge);
        }
        self.charge(self.arena.len() - start)?;
        let (start, end) = (start as u32, self.arena.len() as u32);
        Ok(Bytes { start, end, place: Place::Arena, escaped: false })
    }

    /// Keeps a text of the run.
    pub fn keep(&mut self, text: &[u8]) -> Evaluated {
        let start = self.arena.len();
        self.arena.extend_from_slice(text);
        Ok(Value::Text(self.made(start)?))
    }

    /// Appends a text, decoded.
    fn append(&mut self, text: Bytes, reads: &Reads<'_>) {
        match (text.place, text.escaped) {
            (Place::Arena, false) => {
                let end = self.arena.len();
                let range = text.start as usize..text.end as usize;
                self.arena.extend_from_within(range.start.min(end)..range.end.min(end));
            }
            (Place::Arena, true) => {
                let mut scratch = std::mem::take(&mut self.scratch);
                scratch.clear();
                decode_into(self.bytes(text, reads), &mut scratch);
                self.arena.extend_from_slice(&scratch);
                self.scratch = scratch;
            }
            (_, false) => {
                let bytes = Values::foreign(text, reads);
                self.arena.extend_from_slice(bytes);
            }
            (_, true) => decode_into(Values::foreign(text, reads), &mut self.arena),
        }
    }

    /// Bytes that do not stand in the arena.
    fn foreign<'r>(bytes: Bytes, reads: &Reads<'r>) -> &'r [u8] {
        let range = bytes.start as usize..bytes.end as usize;
        let found = match bytes.place {
            Place::Message => reads.message.get(range),
            Place::Claims => reads.claims.get(range),
            Place::User => reads.user.get(range),
            Place::Target => reads.target.get(range),
            Place::Const => reads.consts.get(bytes.start as usize).map(|bytes| &**bytes),
            Place::Arena => None,
        };
        found.unwrap_or_default()
    }

    /// The same text without escapes.
    #[inline]
    fn plain(&mut self, text: Bytes, reads: &Reads<'_>) -> Result<Bytes, Reject> {
        self.charge(text.size())?;
        if !text.escaped {
            return Ok(text);
        }
        let start = self.arena.len();
        self.append(text, reads);
        self.made(start)
    }

    /// Looks at two texts without escapes, and keeps nothing of it.
    fn compared<T>(
        &mut self,
        (left, right): (Bytes, Bytes),
        reads: &Reads<'_>,
        look: impl FnOnce(&[u8], &[u8]) -> T,
    ) -> Result<T, Reject> {
        let mark = self.arena.len();
        let (left, right) = (self.plain(left, reads)?, self.plain(right, reads)?);
        let found = look(self.bytes(left, reads), self.bytes(right, reads));
        self.arena.truncate(mark);
        Ok(found)
    }

    /// A value of a message's, a claim's or a variable's slot.
    #[inline]
    pub fn of_slot(&self, slot: &Slot, place: Place, reads: &Reads<'_>) -> Evaluated {
        let text = self.whole(place, reads);
        Value::of_slot(slot, place, text).ok_or(Reject::BadValue)
    }

    /// The value as the kind that is expected.
    #[inline]
    pub fn expect(value: Value, expect: Expect) -> Evaluated {
        let fits = match (expect.kind, value) {
            (_, Value::Null) if expect.optional => true,
            (_, Value::Null) => return Err(Reject::MissingField),
            (Kind::Double, Value::Int(int)) => return Ok(Value::Double(int as f64)),
            (Kind::Any, _)
            | (Kind::Bool, Value::Bool(_))
            | (Kind::Int, Value::Int(_))
            | (Kind::Double, Value::Double(_) | Value::Digits { .. })
            | (Kind::Text, Value::Text(_))
            | (Kind::List, Value::List(_) | Value::Array(_))
            | (Kind::Map, Value::Object(_)) => true,
            _ => false,
        };
        if fits { Ok(value) } else { Err(Reject::BadType) }
    }

    pub fn unary(&mut self, op: Unary, of: Value, reads: &Reads<'_>) -> Evaluated {
        match (op, of.settled()) {
            (Unary::ToText, _) => self.convert(op, of, reads),
            (Unary::IsNull, of) => Ok(Value::Bool(of == Value::Null)),
            (Unary::Not, Value::Bool(of)) => Ok(Value::Bool(!of)),
            (Unary::Minus, Value::Int(of)) => {
                of.checked_neg().map(Value::Int).ok_or(Reject::BadValue)
            }
            (Unary::Minus, Value::Double(of)) => Ok(Value::Double(-of)),
            (Unary::Size, of) => self.size(of, reads),
            (Unary::ToBool | Unary::ToInt | Unary::ToDouble, of) => self.convert(op, of, reads),
            (Unary::Lower | Unary::Upper | Unary::Trim, Value::Text(of)) => {
                self.changed(op, of, reads)
            }
            (Unary::ToTime, Value::Int(unix_ms)) => self.time(unix_ms),
            _ => Err(Reject::BadType),
        }
    }

    pub fn binary(
        &mut self,
        op: Binary,
        left: Value,
        right: Value,
        reads: &Reads<'_>,
    ) -> Evaluated {
        let (left, right) = (left.settled(), right.settled());
        match op {
            Binary::Add
            | Binary::Subtract
            | Binary::Multiply
            | Binary::Divide
            | Binary::Remainder => self.arithmetic(op, left, right, reads),
            Binary::Equal => Ok(Value::Bool(self.equal(left, right, reads)?)),
            Binary::NotEqual => Ok(Value::Bool(!self.equal(left, right, reads)?)),
            Binary::Less | Binary::LessEqual | Binary::Greater | Binary::GreaterEqual => {
                self.ordered(op, left, right, reads)
            }
            Binary::In => Ok(Value::Bool(self.holds(right, left, reads)?)),
            Binary::Index => self.index(left, right, reads),
            Binary::Contains | Binary::StartsWith | Binary::EndsWith => {
                self.finds(op, left, right, reads)
            }
        }
    }

    fn arithmetic(
        &mut self,
        op: Binary,
        left: Value,
        right: Value,
        reads: &Reads<'_>,
    ) -> Evaluated {
        match (left, right) {
            (Value::Int(left), Value::Int(right)) => number::ints(op, left, right).map(Value::Int),
            (Value::Double(left), Value::Double(right)) => {
                number::doubles(op, left, right).map(Value::Double)
            }
            (Value::Int(left), Value::Double(right)) => {
                number::doubles(op, left as f64, right).map(Value::Double)
            }
            (Value::Double(left), Value::Int(right)) => {
                number::doubles(op, left, right as f64).map(Value::Double)
            }
            _ if op != Binary::Add => Err(Reject::BadType),
            (Value::Text(left), Value::Text(right)) => self.joined(left, right, reads),
            (left, right) => self.concatenated(left, right, reads),
        }
    }

    /// Whether a text has a match; `place` is the pattern's in its program.
    pub fn matches(
        &mut self,
        of: Value,
        pattern: &Pattern,
        place: usize,
        reads: &Reads<'_>,
    ) -> Evaluated {
        let Value::Text(text) = of else { return Err(Reject::BadType) };
        let mark = self.arena.len();
        let text = self.plain(text, reads)?;
        let mut caches = std::mem::take(&mut self.caches);
        let found = caches.is_match(pattern, place, self.bytes(text, reads));
        self.caches = caches;
        self.arena.truncate(mark);
        Ok(Value::Bool(found))
    }
}
