//! The members of a message's payload, noted while it is scanned, so that the projection need not
//! walk it a second time.
//!
//! Invariants: either every member of the payload's object is in the list, in order, or the list
//! says that it is of no use. Filled by `scan`, read by `project`.

use super::slot::Slot;

/// Payloads of more members are walked again.
const MEMBERS_MAX: usize = 16;

/// A key and its value, as the scan found them.
#[derive(Clone, Copy, Debug, Default)]
pub struct Member {
    pub key: Slot,
    pub value: Slot,
}

/// See the module.
#[derive(Clone, Copy, Debug, Default)]
pub struct Members {
    list: [Member; MEMBERS_MAX],
    len: usize,
    /// Of use: something was noted, and not more than the list holds.
    whole: bool,
}

impl Members {
    /// Nothing was noted.
    pub const NONE: Members = Members {
        list: [Member { key: Slot::MISSING, value: Slot::MISSING }; MEMBERS_MAX],
        len: 0,
        whole: false,
    };

    /// Every member, where they are known.
    #[inline]
    pub fn known(&self) -> Option<&[Member]> {
        self.list.get(..self.len).filter(|_| self.whole)
    }

    /// Nothing is known of the message that comes now.
    #[inline]
    pub(super) fn forget(&mut self) {
        self.whole = false;
    }

    /// An object begins whose members are noted.
    #[inline]
    pub(super) fn begin(&mut self) {
        (self.len, self.whole) = (0, true);
    }

    #[inline]
    pub(super) fn note(&mut self, key: Slot, value: Slot) {
        match self.list.get_mut(self.len) {
            Some(place) => {
                *place = Member { key, value };
                self.len += 1;
            }
            None => self.whole = false,
        }
    }
}
