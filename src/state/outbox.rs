//! What waits to be sent, per connection, and the one send a turn that carries it.
//!
//! ```text
//!   publish -> FrameTable (one entry) <- nodes (one per delivery) <- lanes (one per connection)
//!   flush   -> one frame: sent from where it lies; several: gathered into one batch buffer
//! ```
//!
//! Members of a room mostly wait for the same frames, so the last batch is kept and shared by every
//! connection that waits for the same list: a burst of 16 messages to 1,000 members is copied once,
//! not 1,000 times.
//!
//! A message to a room with `batch.delay` is queued like any other, but does not by itself make its
//! connection's lane dirty: the lane is held in `Delays` until the delay has passed, another frame
//! must go at once, or a send's worth waits. So order is never changed, only the moment of a flush.
//!
//! Invariants: a lane in which frames wait is dirty, or held, or behind a send in flight whose end
//! makes it dirty unless it is held. References inside a shard are plain counts; nodes and table
//! entries are reused, so nothing here allocates in the steady state; at most one send per
//! connection is in flight, and its bytes stay where they are until `sent`. Called
//! by `shard`.

mod trim;
mod twins;

use trim::Peak;

use super::delays::{Delay, Delays};
use super::frames::{Frame, FramePool, FrameRef};
use crate::ids::FrameId;
use crate::limits::{BATCH_BYTES_MAX, BATCH_FRAME_BYTES_MAX};

const NONE: u32 = u32::MAX;

/// A connection's queue.
#[derive(Clone, Copy, Debug)]
struct Lane {
    head: u32,
    tail: u32,
    frames: u32,
    bytes: u32,
    in_flight: u32,
    /// When the send in flight began, in monotonic ms (wraps; only differences are used).
    since_ms: u32,
    dirty: bool,
    /// Frames came while a send was in flight.
    stalled: bool,
    /// Takes messages: the 101 is out and no close frame is.
    open: bool,
    /// Somebody waits until everything is sent: whoever ends the connection, mostly.
    ending: bool,
}

const EMPTY: Lane = Lane {
    head: NONE,
    tail: NONE,
    frames: 0,
    bytes: 0,
    in_flight: NONE,
    since_ms: 0,
    dirty: false,
    stalled: false,
    open: false,
    ending: false,
};

/// One delivery that waits.
#[derive(Clone, Copy, Debug)]
struct Node {
    frame: FrameId,
    next: u32,
}

/// A frame known to this shard.
#[derive(Debug)]
struct Entry {
    frame: Option<FrameRef>,
    /// Of the frame, on the wire.
    bytes: u32,
    refs: u32,
    /// The same message deflated: a chain of entries, one for each window it was made for. Each
    /// holds one reference to the next.
    deflated: u32,
    /// Of a deflated frame: the window it needs.
    window_bits: u8,
}

/// Frames of one turn, as if one connection got them all.
#[derive(Clone, Copy, Debug, Default)]
struct Turn {
    deliveries: usize,
    frames: usize,
    bytes: usize,
}

/// Bounds of one connection's queue.
#[derive(Clone, Copy, Debug)]
pub struct OutboxBounds {
    pub bytes_max: usize,
    pub frames_max: usize,
}

/// Why a message was not queued.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unqueued {
    /// The queue is at its bound: the peer reads too slowly.
    Full,
    /// The connection is not a WebSocket yet, or has been told that it ends.
    Shut,
}

/// All queues of one shard.
pub struct Outboxes {
    bounds: OutboxBounds,
    lanes: Vec<Lane>,
    nodes: Vec<Node>,
    free_node: u32,
    entries: Vec<Entry>,
    free_entries: Vec<u32>,
    dirty: Vec<u32>,
    stalled: Vec<u32>,
    pub delays: Delays,
    batch_of: Vec<FrameId>,
    batch: Option<FrameId>,
    /// What this turn has queued to one connection at most.
    turn: Turn,
    peak: Peak,
    /// A send of this flush has frames behind it, or is the last of a connection that ends.
    to_follow: bool,
    pub pool: FramePool,
}

impl Outboxes {
    /// Other bounds from now on; what is queued stays.
    pub fn bound(&mut self, bounds: OutboxBounds) {
        self.bounds = bounds;
    }

    /// Other delays from now on; whatever waits for its delay leaves at the end of the turn.
    pub fn delay(&mut self, delays: Delays) {
        self.wake_due(u64::MAX);
        self.delays = delays;
    }

    pub fn new(bounds: OutboxBounds, delays: Delays) -> Outboxes {
        Outboxes {
            bounds,
            lanes: Vec::new(),
            nodes: Vec::new(),
            free_node: NONE,
            entries: Vec::new(),
            free_entries: Vec::new(),
            dirty: Vec::new(),
            stalled: Vec::new(),
            delays,
            batch_of: Vec::new(),
            batch: None,
            turn: Turn::default(),
            peak: Peak::default(),
            to_follow: false,
            pool: FramePool::default(),
        }
    }

    /// Prepares the queue of a new connection's slot; it takes no messages yet.
    pub fn open_lane(&mut self, slot: u32) {
        if self.lanes.len() <= slot as usize {
            self.lanes.resize(slot as usize + 1, EMPTY);
        }
        self.lanes[slot as usize] = EMPTY;
    }

    /// Lets messages in, or none any more: none may go out before the 101 or after a close frame.
    pub fn admit_messages(&mut self, slot: u32, open: bool) {
        self.lanes[slot as usize].open = open;
    }

    /// Makes a frame known here; the caller holds one reference and ends it with `release`.
    pub fn add(&mut self, frame: FrameRef) -> FrameId {
        let bytes = frame.wire().len() as u32;
        let entry = Entry { frame: Some(frame), bytes, refs: 1, deflated: NONE, window_bits: 0 };
        match self.free_entries.pop() {
            Some(place) => {
                self.entries[place as usize] = entry;
                FrameId(place)
            }
            None => {
                self.entries.push(entry);
                FrameId(self.entries.len() as u32 - 1)
            }
        }
    }

    /// Ends one reference; the last one forgets the frame.
    pub fn release(&mut self, id: FrameId) {
        let entry = &mut self.entries[id.0 as usize];
        entry.refs -= 1;
        if entry.refs > 0 {
            return;
        }
        entry.frame = None;
        let deflated = std::mem::replace(&mut entry.deflated, NONE);
        self.free_entries.push(id.0);
        if deflated != NONE {
            self.release(FrameId(deflated));
        }
    }

    /// The frame behind an id that the caller holds.
    pub fn frame(&self, id: FrameId) -> Option<&Frame> {
        self.entries[id.0 as usize].frame.as_deref()
    }

    /// Queues a message to a connection; it leaves at the end of the turn.
    #[inline(always)]
    pub fn push(&mut self, slot: u32, id: FrameId) -> Result<(), Unqueued> {
        self.admit(slot, id)?;
        self.push_unbounded(slot, id);
        Ok(())
    }

    /// Queues a message that may wait for others.
    pub fn push_delayed(&mut self, slot: u32, id: FrameId, delay: Delay) -> Result<(), Unqueued> {
        self.admit(slot, id)?;
        let may_wait = self.lanes[slot as usize].head == NONE || self.delays.holds(slot);
        self.link(slot, id);
        if !may_wait || self.has_a_sends_worth(slot) {
            self.wake(slot);
            return Ok(());
        }
        self.delays.hold(slot, delay);
        if self.lanes[slot as usize].in_flight != NONE {
            self.stall(slot);
        }
        Ok(())
    }

    #[inline(always)]
    fn admit(&self, slot: u32, id: FrameId) -> Result<(), Unqueued> {
        let bytes = self.wire_bytes(id);
        let lane = &self.lanes[slot as usize];
        if !lane.open {
            return Err(Unqueued::Shut);
        }
        let over_bytes = lane.bytes as usize + bytes as usize > self.bounds.bytes_max;
        if lane.frames as usize >= self.bounds.frames_max || over_bytes && lane.frames > 0 {
            return Err(Unqueued::Full);
        }
        Ok(())
    }

    /// Queues a frame whatever the bounds say: close frames and answers to control frames, which
    /// are bounded elsewhere.
    #[inline]
    pub fn push_unbounded(&mut self, slot: u32, id: FrameId) {
        self.link(slot, id);
        self.wake(slot);
    }

    /// Appends a frame to a lane.
    #[inline(always)]
    fn link(&mut self, slot: u32, id: FrameId) {
        let node = self.take_node(id);
        let entry = &mut self.entries[id.0 as usize];
        entry.refs += 1;
        let lane = &mut self.lanes[slot as usize];
        lane.frames += 1;
        lane.bytes += entry.bytes;
        match std::mem::replace(&mut lane.tail, node) {
            NONE => lane.head = node,
            last => self.nodes[last as usize].next = node,
        }
    }

    /// What waits leaves with the next flush, or as soon as the send in flight is over.
    #[inline(always)]
    fn wake(&mut self, slot: u32) {
        let lane = &mut self.lanes[slot as usize];
        if lane.in_flight != NONE {
            self.stall(slot);
            self.delays.release(slot);
        } else if !lane.dirty {
            lane.dirty = true;
            self.dirty.push(slot);
        }
    }

    /// Frames wait behind a send in flight.
    #[cold]
    fn stall(&mut self, slot: u32) {
        let lane = &mut self.lanes[slot as usize];
        if !lane.stalled {
            lane.stalled = true;
            self.stalled.push(slot);
        }
    }

    /// When `wake_due` has something to do.
    pub fn next_due_ns(&self) -> Option<u64> {
        self.delays.next_ns()
    }

    /// Lets the lanes flush whose delay has passed.
    pub fn wake_due(&mut self, now_ns: u64) {
        while let Some(slot) = self.delays.take_due(now_ns) {
            if self.lanes[slot as usize].in_flight == NONE {
                self.wake(slot);
            }
        }
    }

    /// A connection that got frames while its last send was still in flight, once a send.
    pub fn next_stalled(&mut self) -> Option<u32> {
        self.stalled.pop()
    }

    /// Whether messages wait behind the send in flight.
    pub fn is_stalled(&self, slot: u32) -> bool {
        self.lanes.get(slot as usize).is_some_and(|lane| lane.stalled)
    }

    /// How long the send in flight has been under way.
    pub fn in_flight_ms(&self, slot: u32, now_ns: u64) -> Option<u32> {
        let lane = self.lanes.get(slot as usize)?;
        let now_ms = (now_ns / 1_000_000) as u32;
        (lane.in_flight != NONE).then(|| now_ms.wrapping_sub(lane.since_ms))
    }

    /// The next connection to send to and the bytes, which stay in place until `sent`.
    pub fn next_send(&mut self, now_ns: u64) -> Option<(u32, &[u8])> {
        loop {
            let slot = self.dirty.pop()?;
            self.lanes[slot as usize].dirty = false;
            let lane = self.lanes[slot as usize];
            if lane.head == NONE || lane.in_flight != NONE {
                continue;
            }
            self.delays.release(slot);
            let id = if lane.frames == 1 { self.pop(slot) } else { self.gather(slot) };
            let lane = &mut self.lanes[slot as usize];
            lane.in_flight = id.0;
            lane.since_ms = (now_ns / 1_000_000) as u32;
            lane.stalled = false;
            self.to_follow |= lane.head != NONE || lane.ending;
            return self.frame(id).map(|frame| (slot, frame.wire()));
        }
    }

    /// The bytes in flight.
    pub fn in_flight(&self, slot: u32) -> Option<&[u8]> {
        let lane = self.lanes.get(slot as usize)?;
        let entry = self.entries.get(lane.in_flight as usize)?;
        entry.frame.as_deref().map(Frame::wire)
    }

    /// The bytes in flight left; what came meanwhile goes into the next flush. True where that was
    /// the last of a lane that ends.
    pub fn sent(&mut self, slot: u32) -> bool {
        let lane = &mut self.lanes[slot as usize];
        let id = std::mem::replace(&mut lane.in_flight, NONE);
        let more = lane.head != NONE;
        let ended = lane.ending && !more;
        if more && !lane.dirty && !self.delays.holds(slot) {
            lane.dirty = true;
            self.dirty.push(slot);
        }
        if id != NONE {
            self.release(FrameId(id));
        }
        ended
    }

    /// `sent` tells when everything is sent: nothing more will come, or somebody waits for that.
    pub fn end_lane(&mut self, slot: u32) {
        self.lanes[slot as usize].ending = true;
    }

    /// Nobody waits for that any more, and the lane goes on.
    pub fn go_on(&mut self, slot: u32) {
        self.lanes[slot as usize].ending = false;
    }

    /// Whether so much more is within the bounds; an empty lane takes it in any case.
    pub fn takes(&self, slot: u32, frames: usize, bytes: usize) -> bool {
        let lane = &self.lanes[slot as usize];
        let OutboxBounds { bytes_max, frames_max } = self.bounds;
        let fits = lane.frames as usize + frames <= frames_max;
        lane.head == NONE || fits && lane.bytes as usize + bytes <= bytes_max
    }

    /// Forgets what waits; what is in flight stays until `sent`.
    pub fn clear_lane(&mut self, slot: u32) -> u32 {
        self.delays.release(slot);
        self.unlink_all(slot)
    }

    fn unlink_all(&mut self, slot: u32) -> u32 {
        let lane = &mut self.lanes[slot as usize];
        let Lane { head, tail, frames, .. } = *lane;
        (lane.head, lane.tail, lane.frames, lane.bytes) = (NONE, NONE, 0, 0);
        let mut at = head;
        while at != NONE {
            let node = self.nodes[at as usize];
            self.release(node.frame);
            at = node.next;
        }
        if tail != NONE {
            self.nodes[tail as usize].next = self.free_node;
            self.free_node = head;
        }
        frames
    }

    /// Whether nothing waits and nothing is in flight.
    pub fn is_idle(&self, slot: u32) -> bool {
        let lane = &self.lanes[slot as usize];
        lane.head == NONE && lane.in_flight == NONE
    }

    /// Counts a frame that so many get into the turn.
    pub fn count_into_turn(&mut self, id: FrameId, receivers: usize) {
        self.turn.deliveries += receivers;
        self.turn.frames += 1;
        self.turn.bytes += self.wire_bytes(id) as usize;
    }

    /// Whether the turn has queued as much as one send carries, or half of what a queue holds: more
    /// would make slow readers of connections that had no chance to read.
    pub fn is_turn_full(&self) -> bool {
        self.is_a_sends_worth(self.turn.frames, self.turn.bytes)
    }

    fn is_a_sends_worth(&self, frames: usize, bytes: usize) -> bool {
        let OutboxBounds { bytes_max, frames_max } = self.bounds;
        frames >= frames_max.div_ceil(2) || bytes >= BATCH_BYTES_MAX.min(bytes_max.div_ceil(2))
    }

    fn has_a_sends_worth(&self, slot: u32) -> bool {
        let lane = &self.lanes[slot as usize];
        self.is_a_sends_worth(lane.frames as usize, lane.bytes as usize)
    }

    /// End of a flush: the shared batch is not kept longer than that, and the next turn begins.
    pub fn end_flush(&mut self) {
        let Turn { deliveries, frames, .. } = std::mem::take(&mut self.turn);
        self.peak.nodes = self.peak.nodes.max(deliveries);
        self.peak.entries = self.peak.entries.max(frames);
        self.batch_of.clear();
        if let Some(batch) = self.batch.take() {
            self.release(batch);
        }
    }

    /// Whether somebody waits for the end of a send that went out since the last call.
    pub fn take_to_follow(&mut self) -> bool {
        std::mem::take(&mut self.to_follow)
    }

    /// Frames known here (leak checks).
    pub fn frames_live(&self) -> usize {
        self.entries.len() - self.free_entries.len()
    }

    fn wire_bytes(&self, id: FrameId) -> u32 {
        self.entries[id.0 as usize].bytes
    }

    fn take_node(&mut self, frame: FrameId) -> u32 {
        let node = Node { frame, next: NONE };
        match self.free_node {
            NONE => {
                self.nodes.push(node);
                self.nodes.len() as u32 - 1
            }
            free => {
                self.free_node = self.nodes[free as usize].next;
                self.nodes[free as usize] = node;
                free
            }
        }
    }

    /// Unlinks the first node of a lane; its reference passes to the caller.
    fn pop(&mut self, slot: u32) -> FrameId {
        let lane = &mut self.lanes[slot as usize];
        let at = lane.head;
        let node = self.nodes[at as usize];
        lane.head = node.next;
        if node.next == NONE {
            lane.tail = NONE;
        }
        lane.frames -= 1;
        self.nodes[at as usize].next = self.free_node;
        self.free_node = at;
        let bytes = self.wire_bytes(node.frame);
        self.lanes[slot as usize].bytes -= bytes;
        node.frame
    }

    /// Takes as many frames off the lane as one batch holds, as one buffer.
    fn gather(&mut self, slot: u32) -> FrameId {
        let batch = match self.batch {
            Some(last) if self.waits_for_last_batch(slot) => last,
            _ => match self.batch_len(slot) {
                0 | 1 => return self.pop(slot),
                count => self.copy_batch(slot, count),
            },
        };
        self.drop_first(slot, self.batch_of.len());
        self.entries[batch.0 as usize].refs += 1;
        batch
    }

    fn drop_first(&mut self, slot: u32, count: usize) {
        if self.lanes[slot as usize].frames as usize == count {
            self.unlink_all(slot);
            return;
        }
        for _ in 0..count {
            let id = self.pop(slot);
            self.release(id);
        }
    }

    fn batch_len(&self, slot: u32) -> usize {
        let (mut count, mut bytes) = (0, 0);
        for id in self.waiting(slot) {
            let len = self.wire_bytes(id) as usize;
            bytes += len;
            if len > BATCH_FRAME_BYTES_MAX || bytes > BATCH_BYTES_MAX {
                break;
            }
            count += 1;
        }
        count
    }

    /// Whether the lane's next batch is the same frames as the last.
    fn waits_for_last_batch(&self, slot: u32) -> bool {
        let count = self.batch_of.len();
        let is_all = self.lanes[slot as usize].frames as usize == count;
        self.waiting(slot).zip(&self.batch_of).all(|(ours, last)| ours == *last)
            && (is_all || self.batch_len(slot) == count)
    }

    fn copy_batch(&mut self, slot: u32, count: usize) -> FrameId {
        self.end_flush();
        let mut open = self.pool.open();
        let mut at = self.lanes[slot as usize].head;
        for _ in 0..count {
            let node = self.nodes[at as usize];
            if let Some(frame) = &self.entries[node.frame.0 as usize].frame {
                open.bytes().extend_from_slice(frame.wire());
            }
            self.batch_of.push(node.frame);
            at = node.next;
        }
        let sealed = self.pool.seal_raw(open);
        let batch = self.add(sealed);
        self.batch = Some(batch);
        batch
    }

    fn waiting(&self, slot: u32) -> impl Iterator<Item = FrameId> + '_ {
        let mut at = self.lanes[slot as usize].head;
        std::iter::from_fn(move || {
            let node = self.nodes.get(at as usize)?;
            at = node.next;
            Some(node.frame)
        })
    }
}

#[cfg(test)]
mod tests;
