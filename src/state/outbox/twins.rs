//! The deflated forms of a frame: one for each window that receivers negotiated, chained behind the
//! frame's entry.
//!
//! Invariants: an entry holds one reference to the next of its chain, so a form lives as long as
//! the frame is known or the form waits to be sent. Called by `shard::delivery`.

use super::{NONE, Outboxes};
use crate::ids::FrameId;
use crate::state::frames::{Frame, FramePool, FrameRef};

impl Outboxes {
    /// The twin of a frame that is deflated for this window, made at the first call and shared by
    /// the later ones; the caller holds one reference.
    pub fn twin(
        &mut self,
        id: FrameId,
        window_bits: u8,
        deflate: impl FnOnce(&Frame, &mut FramePool) -> FrameRef,
    ) -> Option<FrameId> {
        let twin = match self.find_twin(id, window_bits) {
            Some(known) => known,
            None => {
                let made = deflate(self.entries[id.0 as usize].frame.as_deref()?, &mut self.pool);
                self.adopt_twin(id, window_bits, made)
            }
        };
        self.entries[twin.0 as usize].refs += 1;
        Some(twin)
    }

    /// Takes a twin that was made already, here or on another shard.
    pub fn adopt_twin(&mut self, id: FrameId, window_bits: u8, twin: FrameRef) -> FrameId {
        let twin = self.add(twin);
        let next = std::mem::replace(&mut self.entries[id.0 as usize].deflated, twin.0);
        let entry = &mut self.entries[twin.0 as usize];
        (entry.deflated, entry.window_bits) = (next, window_bits);
        twin
    }

    /// The twin for this window, where one was made.
    pub fn made_twin(&self, id: FrameId, window_bits: u8) -> Option<FrameRef> {
        let twin = self.find_twin(id, window_bits)?;
        self.entries[twin.0 as usize].frame.clone()
    }

    /// A frame made from another for one receiver; the caller holds one reference.
    pub fn remake(
        &mut self,
        id: FrameId,
        make: impl FnOnce(&Frame, &mut FramePool) -> FrameRef,
    ) -> Option<FrameId> {
        let made = make(self.entries[id.0 as usize].frame.as_deref()?, &mut self.pool);
        Some(self.add(made))
    }

    fn find_twin(&self, id: FrameId, window_bits: u8) -> Option<FrameId> {
        let mut at = self.entries[id.0 as usize].deflated;
        while at != NONE && self.entries[at as usize].window_bits != window_bits {
            at = self.entries[at as usize].deflated;
        }
        (at != NONE).then_some(FrameId(at))
    }
}
