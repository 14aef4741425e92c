//! From one frame to the outboxes of those it is for.
//!
//! Invariants: a frame is made known once per shard and fan-out; each receiver's outbox refers to it.
//! A receiver whose outbox is full is disconnected after the fan-out, never inside it.

use super::Shard;
use crate::disconnect::Disconnect;
use crate::ids::{FrameId, UserId};
use crate::state::conns::Deflate;
use crate::state::frames::{Frame, FramePool, FrameRef};
use crate::state::rooms::RoomKey;
use crate::ws::deflate::Compressor;

impl Shard {
    /// Queues a frame that only this connection gets.
    pub(super) fn queue_own(&mut self, slot: u32, frame: FrameRef) {
        let id = self.outboxes.add(frame);
        self.queue(slot, id);
        self.outboxes.release(id);
        self.cut_overflowed();
    }

    /// Queues a frame to every member connected here.
    pub(super) fn deliver(&mut self, local: RoomKey, frame: FrameRef) {
        let Some(room) = self.rooms.resolve(local) else { return };
        let id = self.outboxes.add(frame);
        let mut place = 0;
        while let Some(&slot) = self.rooms.get(room).and_then(|room| room.members.get(place)) {
            self.queue(slot, id);
            place += 1;
        }
        self.outboxes.release(id);
        self.cut_overflowed();
    }

    /// Queues a frame to every connection of a user here.
    pub(super) fn deliver_user(&mut self, user: UserId, frame: FrameRef) {
        let id = self.outboxes.add(frame);
        let mut place = 0;
        while let Some(&slot) = self.users.get(user).and_then(|user| user.conns.get(place)) {
            self.queue(slot, id);
            place += 1;
        }
        self.outboxes.release(id);
        self.cut_overflowed();
    }

    /// Queues a known frame, deflated where the connection negotiated it.
    fn queue(&mut self, slot: u32, id: FrameId) {
        let pushed = match self.engine.settings.transport.compression.enabled {
            false => self.outboxes.push(slot, id),
            true => self.push_deflated(slot, id),
        };
        match pushed {
            Ok(()) => self.counters.deliveries.add(1),
            Err(_) => self.overflowed.push(slot),
        }
    }

    fn push_deflated(
        &mut self,
        slot: u32,
        id: FrameId,
    ) -> Result<(), crate::state::outbox::Full> {
        let bytes_min = self.engine.settings.transport.compression.bytes_min;
        let worth = self.outboxes.frame(id).is_some_and(|f| f.payload().len() >= bytes_min);
        let Some(conn) = self.conns.get_mut(slot).filter(|_| worth) else {
            return self.outboxes.push(slot, id);
        };
        match &mut conn.deflate {
            Deflate::Off => self.outboxes.push(slot, id),
            Deflate::Shared(compressor) => {
                let Some(compressor) = self.compressors.get_mut(usize::from(*compressor)) else {
                    return self.outboxes.push(slot, id);
                };
                let twin =
                    self.outboxes.deflated(id, |frame, pool| deflate(compressor, frame, pool));
                self.outboxes.push(slot, twin)
            }
            Deflate::Own(compressor) => {
                let made = self.outboxes.make(id, |frame, pool| deflate(compressor, frame, pool));
                let own = made.unwrap_or(id);
                let pushed = self.outboxes.push(slot, own);
                if made.is_some() {
                    self.outboxes.release(own);
                }
                pushed
            }
        }
    }

    /// Disconnects those whose outbox ran over.
    pub(super) fn cut_overflowed(&mut self) {
        while let Some(slot) = self.overflowed.pop() {
            self.disconnect(slot, Disconnect::SlowReader);
        }
    }
}

/// The deflated frame (RFC 7692 section 7.2.1).
fn deflate(compressor: &mut Compressor, frame: &Frame, pool: &mut FramePool) -> Option<FrameRef> {
    let mut open = pool.open();
    compressor.compress(frame.payload(), open.bytes());
    Some(pool.seal_deflated(open, frame.kind()))
}
