//! The values of a run that waits, apart from those of the runs that come meanwhile.
//!
//! Invariants: the first registers, with every byte and element they may point to; the names of the
//! user and the target as they are before the wait, which may change them; what the run has spent
//! goes along, so that a wait is no way around `RUN_WORK_MAX`. Used by `paused`.

use super::{Reads, Values};
use crate::pipeline::value::{Bytes, Place, Value};

/// See the module.
#[derive(Clone, Debug)]
pub struct Kept {
    registers: Box<[Value]>,
    arena: Box<[u8]>,
    elements: Box<[Value]>,
    work: usize,
}

impl Values {
    pub fn keep_first(&self, registers: u8, reads: &Reads<'_>) -> Kept {
        let count = usize::from(registers).min(self.registers.len());
        let mut names = Names { arena: self.arena.clone(), user: None, target: None };
        let mut own = |value: &Value| names.own(*value, reads);
        Kept {
            registers: self.registers[..count].iter().map(&mut own).collect(),
            elements: self.elements.iter().map(&mut own).collect(),
            arena: names.arena.into(),
            work: self.work,
        }
    }

    pub fn restore(&mut self, kept: &Kept) {
        self.begin();
        for (place, value) in self.registers.iter_mut().zip(&kept.registers) {
            *place = *value;
        }
        self.arena.extend_from_slice(&kept.arena);
        self.elements.extend_from_slice(&kept.elements);
        self.work = kept.work;
    }
}

/// An arena that takes in the names that values stand in, each once.
struct Names {
    arena: Vec<u8>,
    user: Option<u32>,
    target: Option<u32>,
}

impl Names {
    /// The same value, which does not stand in a name.
    fn own(&mut self, value: Value, reads: &Reads<'_>) -> Value {
        let Value::Text(text) = value else { return value };
        let (name, at) = match text.place {
            Place::User => (reads.user, &mut self.user),
            Place::Target => (reads.target, &mut self.target),
            _ => return value,
        };
        let base = *at.get_or_insert_with(|| {
            let base = self.arena.len() as u32;
            self.arena.extend_from_slice(name);
            base
        });
        let (start, end) = (base + text.start, base + text.end);
        Value::Text(Bytes { start, end, place: Place::Arena, ..text })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::operand::{Out, ValueReg};

    fn text(place: Place, start: u32, end: u32) -> Value {
        Value::Text(Bytes { start, end, place, escaped: false })
    }

    #[test]
    fn names_are_kept_as_they_are_before_the_wait_and_each_once() {
        let mut values = Values::default();
        let before = Reads { user: b"ada", target: b"room:one", ..Reads::default() };
        values.keep(b"made").unwrap();
        values.set(Out(0), text(Place::User, 0, 3));
        values.set(Out(1), text(Place::Target, 5, 8));
        (0..1_000).for_each(|_| values.push(text(Place::User, 1, 3)).unwrap());
        let list = values.finish(0).unwrap();
        values.set(Out(2), list);
        let kept = values.keep_first(3, &before);
        assert_eq!(kept.arena.len(), "made".len() + "ada".len() + "room:one".len());

        values.restore(&kept);
        let after = Reads { user: b"somebody else", target: b"", ..Reads::default() };
        let read = |value: Value| match value {
            Value::Text(bytes) => String::from_utf8_lossy(values.bytes(bytes, &after)).into_owned(),
            other => format!("{other:?}"),
        };
        assert_eq!(read(values.get(ValueReg(0))), "ada");
        assert_eq!(read(values.get(ValueReg(1))), "one");
        let Value::List(elements) = values.get(ValueReg(2)) else { panic!("a list") };
        assert!(values.elements(elements).iter().all(|one| read(*one) == "da"));
    }
}
