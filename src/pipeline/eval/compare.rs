//! Equality, order and `in`.
//!
//! Invariants: values of different kinds are not equal, and have no order; two numbers are compared
//! by what they mean. Recursion follows JSON, whose depth is bounded, or lists, whose depth is.

use std::cmp::Ordering;

use super::list::Items;
use super::{Evaluated, Reads, Values};
use crate::envelope::parts;
use crate::pipeline::number;
use crate::pipeline::operand::Binary;
use crate::pipeline::value::{Bytes, Value};
use crate::reject::Reject;

impl Values {
    #[inline]
    pub(super) fn equal(
        &mut self,
        left: Value,
        right: Value,
        reads: &Reads<'_>,
    ) -> Result<bool, Reject> {
        self.charge(1)?;
        match (left.settled(), right.settled()) {
            (Value::Null, Value::Null) => Ok(true),
            (Value::Bool(left), Value::Bool(right)) => Ok(left == right),
            (Value::Text(left), Value::Text(right)) => {
                self.compared((left, right), reads, |left, right| left == right)
            }
            (Value::Int(_) | Value::Double(_), Value::Int(_) | Value::Double(_)) => {
                Ok(number::order(left.settled(), right.settled()) == Some(Ordering::Equal))
            }
            (Value::List(_) | Value::Array(_), Value::List(_) | Value::Array(_)) => {
                self.equal_lists(left, right, reads)
            }
            (Value::Object(left), Value::Object(right)) => self.equal_objects(left, right, reads),
            _ => Ok(false),
        }
    }

    fn equal_lists(
        &mut self,
        left: Value,
        right: Value,
        reads: &Reads<'_>,
    ) -> Result<bool, Reject> {
        let (mut left, mut right) = (Items::of(left)?, Items::of(right)?);
        loop {
            match (self.next(&mut left, reads)?, self.next(&mut right, reads)?) {
                (None, None) => return Ok(true),
                (Some(left), Some(right)) if self.equal(left, right, reads)? => {}
                _ => return Ok(false),
            }
        }
    }

    /// Objects are equal where each member of the one is in the other, and there are as many.
    fn equal_objects(
        &mut self,
        left: Bytes,
        right: Bytes,
        reads: &Reads<'_>,
    ) -> Result<bool, Reject> {
        if self.members(left, reads)? != self.members(right, reads)? {
            return Ok(false);
        }
        let (mut at, mut fresh) = (parts::first(left.start), true);
        loop {
            let text = self.whole(left.place, reads);
            let Some((key, value)) = parts::member(text, at, fresh) else { return Ok(true) };
            (at, fresh) = (parts::behind(&value), false);
            let one = self.of_slot(&value, left.place, reads)?;
            let key = self.of_slot(&key, left.place, reads)?;
            match self.member_of(right, key, reads)? {
                Some(other) if self.equal(one, other, reads)? => {}
                _ => return Ok(false),
            }
        }
    }

    /// `< <= > >=` of two numbers, two texts or two bools.
    #[inline]
    pub(super) fn ordered(
        &mut self,
        op: Binary,
        left: Value,
        right: Value,
        reads: &Reads<'_>,
    ) -> Evaluated {
        let order = match (left, right) {
            (Value::Text(left), Value::Text(right)) => {
                Some(self.compared((left, right), reads, |left, right| left.cmp(right))?)
            }
            (Value::Bool(left), Value::Bool(right)) => Some(left.cmp(&right)),
            (Value::Int(_) | Value::Double(_), Value::Int(_) | Value::Double(_)) => {
                number::order(left, right)
            }
            _ => return Err(Reject::BadType),
        };
        // What is no number is neither less nor greater.
        let holds = order.is_some_and(|order| match op {
            Binary::Less => order.is_lt(),
            Binary::LessEqual => order.is_le(),
            Binary::Greater => order.is_gt(),
            _ => order.is_ge(),
        });
        Ok(Value::Bool(holds))
    }

    /// Whether a list has such an element, or an object such a key.
    pub(super) fn holds(
        &mut self,
        whole: Value,
        part: Value,
        reads: &Reads<'_>,
    ) -> Result<bool, Reject> {
        if let (Value::Object(object), Value::Text(_)) = (whole, part) {
            return Ok(self.member_of(object, part, reads)?.is_some());
        }
        let mut items = Items::of(whole)?;
        while let Some(item) = self.next(&mut items, reads)? {
            if self.equal(item, part, reads)? {
                return Ok(true);
            }
        }
        Ok(false)
    }
}
