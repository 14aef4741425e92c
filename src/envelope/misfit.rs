//! Why a payload does not fit its schema: told to the sender and to the log.
//!
//! Invariants: one a shard, its memory is kept; filled on the way out of a check that failed, read
//! before the next message is looked at.

use std::fmt::{Arguments, Write};

/// See the module.
#[derive(Debug, Default)]
pub struct Misfit {
    /// The field, as keys and places with dots between them; empty is the payload itself.
    pub path: String,
    pub reason: String,
    /// Line of the schema that was not kept, 1-based.
    pub line: u32,
}

impl Misfit {
    /// Begins a new one.
    #[cold]
    pub(super) fn set(&mut self, line: u32, reason: Arguments<'_>) {
        self.path.clear();
        self.reason.clear();
        self.line = line;
        // A string takes whatever is written to it.
        let _ = self.reason.write_fmt(reason);
    }

    /// Puts the step that led to the value before what is known of its path.
    #[cold]
    pub(super) fn under(&mut self, step: &str) {
        if !self.path.is_empty() {
            self.path.insert(0, '.');
        }
        self.path.insert_str(0, step);
    }
}
