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
        let mut arena = self.arena.clone();
        let mut own = |value: &Value| own(*value, reads, &mut arena);
        Kept {
            registers: self.registers[..count].iter().map(&mut own).collect(),
            elements: self.elements.iter().map(&mut own).collect(),
            arena: arena.into(),
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

/// A value that does not stand in a name.
fn own(value: Value, reads: &Reads<'_>, arena: &mut Vec<u8>) -> Value {
    let Value::Text(text @ Bytes { place: Place::User | Place::Target, .. }) = value else {
        return value;
    };
    let start = arena.len();
    arena.extend_from_slice(Values::foreign(text, reads));
    let (start, end) = (start as u32, arena.len() as u32);
    Value::Text(Bytes { start, end, place: Place::Arena, ..text })
}
