//! The values of a run that waits, apart from those of the runs that come meanwhile.
//!
//! Invariants: the first registers, with every byte and element they may point to; what the run
//! has spent goes along, so that a wait is no way around `RUN_WORK_MAX`. Used by `paused`.

use super::Values;
use crate::pipeline::value::Value;

/// See the module.
#[derive(Clone, Debug)]
pub struct Kept {
    registers: Box<[Value]>,
    arena: Box<[u8]>,
    elements: Box<[Value]>,
    work: usize,
}

impl Values {
    pub fn keep_first(&self, registers: u8) -> Kept {
        let count = usize::from(registers).min(self.registers.len());
        Kept {
            registers: self.registers[..count].into(),
            arena: self.arena.as_slice().into(),
            elements: self.elements.as_slice().into(),
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
