//! What most rules do, without a call: tests of plain texts, ints and bools.
//!
//! Invariants: a shorter way to what `unary` and `binary` come to, and charged no less; `None`
//! leaves the operation to them. Called by `stretch`.

use std::cmp::Ordering;

use super::{Reads, Values};
use crate::envelope::text::characters;
use crate::limits::RUN_WORK_MAX;
use crate::pipeline::operand::{Binary, Out, Unary, ValueReg};
use crate::pipeline::value::{Bytes, Value};
use crate::reject::Reject;

impl Values {
    #[inline(always)]
    pub(super) fn unary_into(
        &mut self,
        into: Out,
        op: Unary,
        of: ValueReg,
        reads: &Reads<'_>,
    ) -> Result<(), Reject> {
        let made = match self.quick_unary(op, of, reads) {
            Some(made) => made,
            None => self.unary(op, self.get(of), reads)?,
        };
        self.set(into, made);
        Ok(())
    }

    #[inline(always)]
    pub(super) fn binary_into(
        &mut self,
        into: Out,
        op: Binary,
        left: ValueReg,
        right: Value,
        reads: &Reads<'_>,
    ) -> Result<(), Reject> {
        match self.quick_binary(op, left, right, reads) {
            Some(made) => self.set(into, Value::Bool(made)),
            None => {
                let made = self.binary(op, self.get(left), right, reads)?;
                self.set(into, made);
            }
        }
        Ok(())
    }

    #[inline(always)]
    fn quick_unary(&mut self, op: Unary, of: ValueReg, reads: &Reads<'_>) -> Option<Value> {
        match (op, self.at(of)) {
            (Unary::Not, Value::Bool(of)) => Some(Value::Bool(!*of)),
            (Unary::IsNull, of) => Some(Value::Bool(matches!(of, Value::Null))),
            (Unary::Size, Value::Text(text)) if !text.escaped => {
                let text = *text;
                self.affords(text.size())?;
                Some(Value::Int(characters(self.bytes(text, reads)) as i64))
            }
            _ => None,
        }
    }

    #[inline(always)]
    fn quick_binary(
        &mut self,
        op: Binary,
        left: ValueReg,
        right: Value,
        reads: &Reads<'_>,
    ) -> Option<bool> {
        match (self.at(left), right) {
            (Value::Int(left), Value::Int(right)) => {
                let found = compared(op, left.cmp(&right));
                self.work += 1;
                found
            }
            (Value::Text(left), Value::Text(right))
                if !left.escaped && !right.escaped && is_of_texts(op) =>
            {
                let left = *left;
                self.affords(left.size() + right.size() + 1)?;
                Some(holds(op, self.bytes(left, reads), self.bytes(right, reads)))
            }
            _ => None,
        }
    }

    /// The same with a text that is known.
    #[inline(always)]
    pub(super) fn quick_text(
        &mut self,
        op: Binary,
        left: ValueReg,
        right: &[u8],
        reads: &Reads<'_>,
    ) -> Option<bool> {
        let Value::Text(left @ Bytes { escaped: false, .. }) = *self.at(left) else { return None };
        if !is_of_texts(op) {
            return None;
        }
        self.affords(left.size() + right.len() + 1)?;
        Some(holds(op, self.bytes(left, reads), right))
    }

    /// Counts the work where that much may still be done.
    #[inline(always)]
    fn affords(&mut self, work: usize) -> Option<()> {
        let work = self.work + work;
        (work <= RUN_WORK_MAX).then(|| self.work = work)
    }
}

#[inline(always)]
fn compared(op: Binary, order: Ordering) -> Option<bool> {
    Some(match op {
        Binary::Equal => order.is_eq(),
        Binary::NotEqual => order.is_ne(),
        Binary::Less => order.is_lt(),
        Binary::LessEqual => order.is_le(),
        Binary::Greater => order.is_gt(),
        Binary::GreaterEqual => order.is_ge(),
        _ => return None,
    })
}

#[inline(always)]
fn is_of_texts(op: Binary) -> bool {
    matches!(op, Binary::Equal | Binary::NotEqual | Binary::StartsWith | Binary::EndsWith)
}

#[inline(always)]
fn holds(op: Binary, left: &[u8], right: &[u8]) -> bool {
    match op {
        Binary::Equal => left == right,
        Binary::NotEqual => left != right,
        Binary::StartsWith => left.starts_with(right),
        _ => left.ends_with(right),
    }
}
