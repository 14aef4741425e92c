//! From one frame to the outboxes of those it is for.
//!
//! Invariants: a frame is made known once per shard and fan-out; each receiver's outbox refers to
//! it. It is deflated once for each window that receivers negotiated, however many they are; where
//! the room's home has such a member, its twin travels along to the other shards. A receiver whose
//! outbox is full is disconnected after the fan-out, never inside it.

use super::Shard;
use crate::disconnect::Disconnect;
use crate::ids::{FrameId, UserId};
use crate::settings::Compression;
use crate::state::conns::Deflate;
use crate::state::delays::Delay;
use crate::state::frames::{Frame, FramePool, FrameRef};
use crate::state::outbox::Unqueued;
use crate::state::rooms::RoomKey;
use crate::ws::deflate::Compressor;

impl Shard {
    /// Queues a frame that only this connection gets.
    pub(super) fn queue_own(&mut self, slot: u32, frame: FrameRef) {
        self.queue(&[slot], frame, None, None);
        self.cut_overflowed();
    }

    /// Queues a frame to every member connected here. `deflated` is its twin for the usual window,
    /// where another shard made it; returns it where it was made or was needed here.
    pub(super) fn deliver(
        &mut self,
        local: RoomKey,
        frame: FrameRef,
        deflated: Option<FrameRef>,
    ) -> Option<FrameRef> {
        let slot = self.rooms.resolve(local)?;
        // Nobody looks at the list before it is back.
        let room = self.rooms.get_mut(slot)?;
        let members = std::mem::take(&mut room.members);
        let delay = room.class.and_then(|class| self.outboxes.delays.from(class, self.now.mono_ns));
        let deflated = self.queue(&members, frame, deflated, delay);
        if let Some(room) = self.rooms.get_mut(slot) {
            room.members = members;
        }
        self.cut_overflowed();
        deflated
    }

    /// Queues a frame to every connection of a user here.
    pub(super) fn deliver_user(&mut self, user: UserId, frame: FrameRef) {
        let conns = self.users.get_mut(user).map(|user| std::mem::take(&mut user.conns));
        let Some(conns) = conns else { return };
        self.queue(&conns, frame, None, None);
        if let Some(user) = self.users.get_mut(user) {
            user.conns = conns;
        }
        self.cut_overflowed();
    }

    /// Queues a frame to these connections, deflated where they negotiated it; it leaves at the end
    /// of the turn, or may wait. Takes and returns the twin for the usual window, so that it is
    /// made once.
    pub(super) fn queue(
        &mut self,
        slots: &[u32],
        frame: FrameRef,
        deflated: Option<FrameRef>,
        delay: Option<Delay>,
    ) -> Option<FrameRef> {
        let Compression { enabled, window_bits, .. } = self.engine.settings.transport.compression;
        let id = self.outboxes.add(frame);
        if let Some(twin) = deflated {
            self.outboxes.adopt_twin(id, window_bits, twin);
        }
        let queued = match (enabled, delay) {
            (false, None) => self.queue_each(slots, |shard, slot| shard.outboxes.push(slot, id)),
            (false, Some(delay)) => {
                self.queue_each(slots, |shard, slot| shard.outboxes.push_delayed(slot, id, delay))
            }
            (true, _) => self.queue_each(slots, |shard, slot| shard.push_fitted(slot, id, delay)),
        };
        if queued > 0 {
            self.outboxes.count_into_turn(id, queued as usize);
        }
        let deflated = self.outboxes.made_twin(id, window_bits);
        self.outboxes.release(id);
        self.counters.deliveries.add(queued);
        deflated
    }

    /// Pushes to each of these connections; how many took it.
    #[inline]
    fn queue_each(
        &mut self,
        slots: &[u32],
        push: impl Fn(&mut Shard, u32) -> Result<(), Unqueued>,
    ) -> u64 {
        let mut queued = 0;
        for &slot in slots {
            match push(self, slot) {
                Ok(()) => queued += 1,
                Err(Unqueued::Full) => self.overflowed.push(slot),
                // It has not joined the talk yet, or has left it: it misses nothing promised.
                Err(Unqueued::Shut) => {}
            }
        }
        queued
    }

    /// Queues a frame as this connection reads it, at once or delayed.
    fn push_fitted(
        &mut self,
        slot: u32,
        id: FrameId,
        delay: Option<Delay>,
    ) -> Result<(), Unqueued> {
        let twin = self.deflated_for(slot, id);
        let fitting = twin.unwrap_or(id);
        let pushed = match delay {
            None => self.outboxes.push(slot, fitting),
            Some(delay) => self.outboxes.push_delayed(slot, fitting, delay),
        };
        if let Some(twin) = twin {
            self.outboxes.release(twin);
        }
        pushed
    }

    /// The frame as this connection reads it, where that is not the frame itself; the caller holds
    /// one reference. Connections with the same window share one.
    fn deflated_for(&mut self, slot: u32, id: FrameId) -> Option<FrameId> {
        let bytes_min = self.engine.settings.transport.compression.bytes_min;
        if self.outboxes.frame(id)?.payload().len() < bytes_min {
            return None;
        }
        let made = &self.counters.compressions;
        let key = self.conns.key(slot)?;
        match &mut self.conns.get_mut(slot)?.deflate {
            Deflate::Off => None,
            Deflate::Own { window_bits, compressor, used } => {
                let level = self.engine.settings.transport.compression.level;
                let compressor = compressor.get_or_insert_with(|| {
                    self.own_compressors.push(key);
                    Box::new(Compressor::new(level, *window_bits, true))
                });
                *used = true;
                self.outboxes.remake(id, |frame, pool| {
                    made.add(1);
                    deflated(frame, pool, |out| compressor.compress(frame.payload(), out))
                })
            }
            Deflate::Shared { window_bits } => {
                let (bits, shared) = (*window_bits, &mut self.compressors);
                self.outboxes.twin(id, bits, |frame, pool| {
                    made.add(1);
                    deflated(frame, pool, |out| shared.compress(bits, frame.payload(), out))
                })
            }
        }
    }

    /// Disconnects those whose outbox ran over; while a hook is carried out, later.
    pub(super) fn cut_overflowed(&mut self) {
        if self.hooks_running > 0 {
            return;
        }
        while let Some(slot) = self.overflowed.pop() {
            self.disconnect(slot, Disconnect::SlowReader);
        }
    }
}

/// The deflated frame (RFC 7692 section 7.2.1).
fn deflated(frame: &Frame, pool: &mut FramePool, compress: impl FnOnce(&mut Vec<u8>)) -> FrameRef {
    let mut open = pool.open();
    compress(open.bytes());
    pool.seal_deflated(open, frame.kind())
}
