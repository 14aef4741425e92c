//! From one frame to the outboxes of those it is for.
//!
//! Invariants: a frame is made known once per shard and fan-out; each receiver's outbox refers to
//! it. A receiver whose outbox is full is disconnected after the fan-out, never inside it.

use super::Shard;
use crate::disconnect::Disconnect;
use crate::ids::{FrameId, UserId};
use crate::state::conns::Deflate;
use crate::state::frames::{Frame, FramePool, FrameRef};
use crate::state::outbox::Unqueued;
use crate::state::rooms::RoomKey;

impl Shard {
    /// Queues a frame that only this connection gets.
    pub(super) fn queue_own(&mut self, slot: u32, frame: FrameRef) {
        self.queue(&[slot], frame);
        self.cut_overflowed();
    }

    /// Queues a frame to every member connected here.
    pub(super) fn deliver(&mut self, local: RoomKey, frame: FrameRef) {
        let Some(slot) = self.rooms.resolve(local) else { return };
        // Nobody looks at the list before it is back.
        let members = self.rooms.get_mut(slot).map(|room| std::mem::take(&mut room.members));
        let Some(members) = members else { return };
        self.queue(&members, frame);
        if let Some(room) = self.rooms.get_mut(slot) {
            room.members = members;
        }
        self.cut_overflowed();
    }

    /// Queues a frame to every connection of a user here.
    pub(super) fn deliver_user(&mut self, user: UserId, frame: FrameRef) {
        let conns = self.users.get_mut(user).map(|user| std::mem::take(&mut user.conns));
        let Some(conns) = conns else { return };
        self.queue(&conns, frame);
        if let Some(user) = self.users.get_mut(user) {
            user.conns = conns;
        }
        self.cut_overflowed();
    }

    /// Queues a frame to these connections, deflated where they negotiated it.
    fn queue(&mut self, slots: &[u32], frame: FrameRef) {
        let deflate = self.engine.settings.transport.compression.enabled;
        let id = self.outboxes.add(frame);
        let mut queued = 0;
        for &slot in slots {
            let pushed = match deflate {
                false => self.outboxes.push(slot, id),
                true => self.push_deflated(slot, id),
            };
            match pushed {
                Ok(()) => queued += 1,
                Err(Unqueued::Full) => self.overflowed.push(slot),
                // It has not joined the talk yet, or has left it: it misses nothing promised.
                Err(Unqueued::Shut) => {}
            }
        }
        if queued > 0 {
            self.outboxes.count_into_turn(id);
        }
        self.outboxes.release(id);
        self.counters.deliveries.add(queued);
    }

    fn push_deflated(&mut self, slot: u32, id: FrameId) -> Result<(), Unqueued> {
        let settings = &self.engine.settings.transport.compression;
        let worth =
            self.outboxes.frame(id).is_some_and(|f| f.payload().len() >= settings.bytes_min);
        let Some(conn) = self.conns.get_mut(slot).filter(|_| worth) else {
            return self.outboxes.push(slot, id);
        };
        let twin = match &mut conn.deflate {
            Deflate::Off => None,
            Deflate::Own(compressor) => self
                .outboxes
                .remake(id, |f, p| deflated(f, p, |out| compressor.compress(f.payload(), out))),
            Deflate::Shared { window_bits } => {
                let (bits, shared) = (*window_bits, &mut self.compressors);
                let make = |f: &Frame, p: &mut FramePool| {
                    deflated(f, p, |out| shared.compress(bits, f.payload(), out))
                };
                // The twin is made for the usual window; a narrower one is the client's own wish.
                match bits == settings.window_bits {
                    true => self.outboxes.twin(id, make),
                    false => self.outboxes.remake(id, make),
                }
            }
        };
        let Some(twin) = twin else { return self.outboxes.push(slot, id) };
        let pushed = self.outboxes.push(slot, twin);
        self.outboxes.release(twin);
        pushed
    }

    /// Disconnects those whose outbox ran over.
    pub(super) fn cut_overflowed(&mut self) {
        while let Some(slot) = self.overflowed.pop() {
            self.disconnect(slot, Disconnect::SlowReader);
        }
    }
}

/// The deflated frame (RFC 7692 section 7.2.1).
fn deflated(
    frame: &Frame,
    pool: &mut FramePool,
    compress: impl FnOnce(&mut Vec<u8>),
) -> Option<FrameRef> {
    let mut open = pool.open();
    compress(open.bytes());
    Some(pool.seal_deflated(open, frame.kind()))
}
