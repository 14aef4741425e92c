//! What one shard's decoders borrow while they need it: assemblies and inflaters.
//!
//! Invariants: bounded, so a burst of unfinished messages leaves at most
//! `POOLED_ASSEMBLIES_MAX * POOLED_ASSEMBLY_BYTES_MAX` (4 MiB) and `POOLED_INFLATERS_MAX` inflaters
//! (about 0.4 MB) behind; what is lent out again is empty.

use super::assembler::Assembly;
use super::deflate::Inflater;
use crate::reserve::Reserve;

/// Assemblies kept for reuse.
pub const POOLED_ASSEMBLIES_MAX: usize = 256;

/// An assembly whose buffer is larger is given back to the allocator.
pub const POOLED_ASSEMBLY_BYTES_MAX: usize = 16 * 1024;

/// Inflaters kept for reuse. One is in use for every compressed message that is unfinished.
pub const POOLED_INFLATERS_MAX: usize = 8;

/// Shared by the decoders of one shard, lent to each call. The boxes themselves are lent out and
/// come back; a decoder holds a pointer, not the thing.
#[derive(Debug, Default)]
pub struct Shared {
    assemblies: Reserve<Box<Assembly>>,
    inflaters: Reserve<Box<Inflater>>,
}

impl Shared {
    pub(super) fn lend_assembly(&mut self) -> Box<Assembly> {
        self.assemblies.take().unwrap_or_default()
    }

    pub(super) fn take_assembly(&mut self, mut assembly: Box<Assembly>) {
        let small = assembly.capacity_bytes() <= POOLED_ASSEMBLY_BYTES_MAX;
        if small && self.assemblies.len() < POOLED_ASSEMBLIES_MAX {
            assembly.clear();
            self.assemblies.put(assembly);
        }
    }

    pub(super) fn lend_inflater(&mut self) -> Box<Inflater> {
        self.inflaters.take().unwrap_or_default()
    }

    pub(super) fn take_inflater(&mut self, mut inflater: Box<Inflater>) {
        if self.inflaters.len() < POOLED_INFLATERS_MAX {
            inflater.reset();
            self.inflaters.put(inflater);
        }
    }

    /// Gives back half of what was not needed since the last call; true where there is more.
    pub fn trim(&mut self) -> bool {
        let assemblies = self.assemblies.trim(|_| {});
        self.inflaters.trim(|_| {}) || assemblies
    }

    /// How many assemblies and inflaters wait for reuse.
    pub fn pooled(&self) -> (usize, usize) {
        (self.assemblies.len(), self.inflaters.len())
    }
}
