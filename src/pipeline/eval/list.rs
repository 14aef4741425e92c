//! Lists and objects: their parts, their sizes, new lists.
//!
//! Invariants: a list that is gone through one by one has at most `LIST_ELEMENTS_MAX` elements;
//! lists nest at most `LIST_DEPTH_MAX` deep, since writing and comparing them recurses.

use super::{Evaluated, Reads, Values};
use crate::envelope::parts;
use crate::envelope::text::characters;
use crate::limits::LIST_ELEMENTS_MAX;
use crate::pipeline::operand::Count;
use crate::pipeline::value::{Bytes, Elements, Place, Value};
use crate::reject::Reject;

/// Lists that a run makes, in each other.
const LIST_DEPTH_MAX: u8 = 16;

/// What is left of a list, one by one.
pub enum Items {
    List(Elements),
    /// An array of `place`, from `at` on.
    Array {
        place: Place,
        at: u32,
        fresh: bool,
    },
}

impl Items {
    pub fn of(list: Value) -> Result<Items, Reject> {
        match list {
            Value::List(elements) => Ok(Items::List(elements)),
            Value::Array(Bytes { start, place, .. }) => {
                Ok(Items::Array { place, at: parts::first(start), fresh: true })
            }
            _ => Err(Reject::BadType),
        }
    }
}

impl Values {
    /// The next element, and what it costs.
    pub(super) fn next(
        &mut self,
        items: &mut Items,
        reads: &Reads<'_>,
    ) -> Result<Option<Value>, Reject> {
        self.charge(1)?;
        match items {
            Items::List(left) if left.start >= left.end => Ok(None),
            Items::List(left) => {
                let element = self.elements.get(left.start as usize).copied();
                left.start += 1;
                Ok(element)
            }
            Items::Array { place, at, fresh } => {
                let text = self.whole(*place, reads);
                let Some(part) = parts::element(text, *at, *fresh) else { return Ok(None) };
                let end = parts::behind(&part);
                let value = self.of_slot(&part, *place, reads)?;
                self.charge(end.saturating_sub(*at) as usize)?;
                (*at, *fresh) = (end, false);
                Ok(Some(value))
            }
        }
    }

    fn count(&mut self, list: Value, reads: &Reads<'_>) -> Result<usize, Reject> {
        let mut items = Items::of(list)?;
        let mut count = 0;
        while self.next(&mut items, reads)?.is_some() {
            count += 1;
        }
        Ok(count)
    }

    /// Members of an object.
    pub(super) fn members(&mut self, object: Bytes, reads: &Reads<'_>) -> Result<usize, Reject> {
        self.charge(object.size())?;
        let text = self.whole(object.place, reads);
        let (mut at, mut count) = (parts::first(object.start), 0);
        while let Some((_, value)) = parts::member(text, at, count == 0) {
            at = parts::behind(&value);
            count += 1;
        }
        Ok(count)
    }

    pub(super) fn size(&mut self, of: Value, reads: &Reads<'_>) -> Evaluated {
        let size = match of {
            Value::Text(text) => {
                let mark = self.arena.len();
                let text = self.plain(text, reads)?;
                let size = characters(self.bytes(text, reads));
                self.arena.truncate(mark);
                size
            }
            Value::List(elements) => elements.count(),
            Value::Array(_) => self.count(of, reads)?,
            Value::Object(object) => self.members(object, reads)?,
            _ => return Err(Reject::BadType),
        };
        Ok(Value::Int(size as i64))
    }

    /// The value of an object's key, decoded on both sides.
    pub(super) fn member_of(
        &mut self,
        object: Bytes,
        key: Value,
        reads: &Reads<'_>,
    ) -> Result<Option<Value>, Reject> {
        let Value::Text(key) = key else { return Err(Reject::BadType) };
        let mark = self.arena.len();
        let key = self.plain(key, reads)?;
        self.charge(object.size())?;
        let text = self.whole(object.place, reads);
        let found = parts::value_of(text, object.start, self.bytes(key, reads))?;
        let value = found.map(|slot| self.of_slot(&slot, object.place, reads)).transpose();
        self.arena.truncate(mark);
        value
    }

    /// The member of an object; null where it has none, or where there is no object.
    pub fn member(&mut self, of: Value, key: Value, reads: &Reads<'_>) -> Evaluated {
        let Value::Object(object) = of else { return Ok(Value::Null) };
        Ok(self.member_of(object, key, reads)?.unwrap_or(Value::Null))
    }

    pub(super) fn index(&mut self, of: Value, index: Value, reads: &Reads<'_>) -> Evaluated {
        let index = match index {
            Value::Text(_) if matches!(of, Value::Object(_) | Value::Null) => {
                return self.member(of, index, reads);
            }
            Value::Int(index) => usize::try_from(index).map_err(|_| Reject::NoElement)?,
            _ => return Err(Reject::BadType),
        };
        if let Value::List(elements) = of {
            let place = elements.start as usize + index;
            let known = index < elements.count();
            return self.elements.get(place).copied().filter(|_| known).ok_or(Reject::NoElement);
        }
        let mut items = Items::of(of)?;
        for _ in 0..index {
            self.next(&mut items, reads)?.ok_or(Reject::NoElement)?;
        }
        self.next(&mut items, reads)?.ok_or(Reject::NoElement)
    }

    /// The elements of a list that the run made.
    pub fn elements(&self, list: Elements) -> &[Value] {
        self.elements.get(list.start as usize..list.end as usize).unwrap_or_default()
    }

    /// A list of registers in a row.
    pub fn list(&mut self, first: u8, count: Count) -> Evaluated {
        let mark = self.pending.len();
        let registers = usize::from(first)..usize::from(first) + usize::from(count.0);
        self.pending.extend_from_slice(self.registers.get(registers).unwrap_or_default());
        self.finish(mark)
    }

    pub(super) fn concatenated(
        &mut self,
        left: Value,
        right: Value,
        reads: &Reads<'_>,
    ) -> Evaluated {
        let mark = self.pending.len();
        for list in [left, right] {
            let mut items = Items::of(list)?;
            while let Some(item) = self.next(&mut items, reads)? {
                self.push(item)?;
            }
        }
        self.finish(mark)
    }

    /// Where a list that is made now begins.
    pub fn mark(&self) -> usize {
        self.pending.len()
    }

    /// Adds to the list that is being made.
    pub fn push(&mut self, value: Value) -> Result<(), Reject> {
        self.charge(size_of::<Value>())?;
        self.pending.push(value);
        Ok(())
    }

    /// Ends the list that was begun at `mark`.
    pub fn finish(&mut self, mark: usize) -> Evaluated {
        let made = self.pending.get(mark..).unwrap_or_default();
        let inside = made.iter().map(|value| match value {
            Value::List(elements) => elements.depth,
            _ => 0,
        });
        let depth = inside.max().unwrap_or(0) + 1;
        if depth > LIST_DEPTH_MAX || made.len() > LIST_ELEMENTS_MAX {
            return Err(Reject::TooLarge);
        }
        let start = self.elements.len() as u32;
        let size = size_of_val(made);
        self.elements.extend_from_slice(made);
        self.charge(size)?;
        self.pending.truncate(mark);
        Ok(Value::List(Elements { start, end: self.elements.len() as u32, depth }))
    }
}
