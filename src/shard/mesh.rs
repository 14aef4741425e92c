//! The sending side of the mesh, without its channels: what is due to each peer, in order.
//!
//! ```text
//!   due: peers with frames -> lanes (one per peer, head and tail) -> nodes (all lanes share them)
//! ```
//!
//! Invariants: frames to one peer leave in the order they were pushed; a lane with frames stands in
//! `due` once, so a turn looks at the peers it has something for and never at all of them; memory
//! follows the frames that wait at once, not the number of lanes. Called by the shard's parts
//! (push) and by the driver or the simulator (next peer, pop, `unpop` where a channel is full).

use std::collections::VecDeque;
use std::sync::Arc;

use slab::Slab;

use super::peer::PeerFrame;
use crate::ids::ShardId;
use crate::limits::MESH_BACKLOG_PAUSE_FRAMES;
use crate::reserve::is_roomy;
use crate::state::pressure::Pressure;

const NONE: u32 = u32::MAX;

/// One frame that waits, and the one behind it in its lane.
#[derive(Debug)]
struct Node {
    frame: PeerFrame,
    next: u32,
}

/// What is due to one peer.
#[derive(Clone, Copy, Debug)]
struct Lane {
    head: u32,
    tail: u32,
    /// Stands in `due`.
    is_due: bool,
}

const EMPTY: Lane = Lane { head: NONE, tail: NONE, is_due: false };

/// The outboxes to the other shards.
#[derive(Debug, Default)]
pub struct Mesh {
    lanes: Vec<Lane>,
    nodes: Slab<Node>,
    /// The most that waited at once since the last `trim`.
    peak: usize,
    /// Peers to look at, the one that has waited longest first. A lane that was emptied in another
    /// way than through `next_due` stands here until it is met.
    due: VecDeque<ShardId>,
    pressure: Arc<Pressure>,
    /// What waits here is counted in the pressure.
    pressing: bool,
}

impl Mesh {
    pub fn new(shards: u16, pressure: Arc<Pressure>) -> Mesh {
        Mesh { lanes: vec![EMPTY; usize::from(shards)], pressure, ..Mesh::default() }
    }

    pub fn push(&mut self, to: ShardId, frame: PeerFrame) {
        let Some(lane) = self.lanes.get_mut(to.index()) else { return };
        let node = self.nodes.insert(Node { frame, next: NONE }) as u32;
        self.peak = self.peak.max(self.nodes.len());
        match std::mem::replace(&mut lane.tail, node) {
            NONE => lane.head = node,
            last => self.nodes[last as usize].next = node,
        }
        self.mark_due(to);
    }

    pub fn pop(&mut self, to: ShardId) -> Option<PeerFrame> {
        let lane = self.lanes.get_mut(to.index()).filter(|lane| lane.head != NONE)?;
        let Node { frame, next } = self.nodes.remove(lane.head as usize);
        lane.head = next;
        if next == NONE {
            lane.tail = NONE;
            self.give_back();
        }
        Some(frame)
    }

    /// Puts a frame back that the channel did not take.
    pub fn unpop(&mut self, to: ShardId, frame: PeerFrame) {
        let Some(lane) = self.lanes.get_mut(to.index()) else { return };
        let node = self.nodes.insert(Node { frame, next: lane.head }) as u32;
        lane.head = node;
        if lane.tail == NONE {
            lane.tail = node;
        }
        self.mark_due(to);
    }

    /// How many peers a turn has to look at; each of them comes once in as many calls of
    /// `next_due`, and one whose channel is full comes again in the next turn.
    pub fn due(&self) -> usize {
        self.due.len()
    }

    /// Takes the next peer that something is due to.
    pub fn next_due(&mut self) -> Option<ShardId> {
        loop {
            let peer = self.due.pop_front()?;
            let lane = self.lanes.get_mut(peer.index())?;
            lane.is_due = false;
            if lane.head != NONE {
                return Some(peer);
            }
        }
    }

    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// Frames that wait for a peer to take them.
    pub fn backlog(&self) -> usize {
        self.nodes.len()
    }

    /// Whether the shard should stop reading from its connections: its peers do not keep up with
    /// it, or some shard's with what others, maybe this one, sent it to pass on.
    pub fn is_backlogged(&self) -> bool {
        self.is_over_bound() || self.pressure.is_high()
    }

    /// Every peer was offered its frames: what is left is a backlog.
    pub fn end_flush(&mut self) {
        let pressing = self.is_over_bound();
        match (std::mem::replace(&mut self.pressing, pressing), pressing) {
            (false, true) => self.pressure.rise(),
            (true, false) => self.pressure.fall(),
            _ => {}
        }
    }

    fn is_over_bound(&self) -> bool {
        self.nodes.len() > MESH_BACKLOG_PAUSE_FRAMES
    }

    fn mark_due(&mut self, to: ShardId) {
        let Some(lane) = self.lanes.get_mut(to.index()) else { return };
        if !std::mem::replace(&mut lane.is_due, true) {
            self.due.push_back(to);
        }
    }

    /// Gives back what the frames of the time since the last call did not need; true where the next
    /// call may find more.
    pub fn trim(&mut self) -> bool {
        let peak = std::mem::take(&mut self.peak);
        if self.nodes.is_empty() && is_roomy(peak, self.nodes.capacity()) {
            self.nodes = Slab::with_capacity(peak);
        }
        peak > 0 && is_roomy(0, self.nodes.capacity())
    }

    /// What a backlog grew is not kept once it is gone.
    fn give_back(&mut self) {
        if self.nodes.is_empty() && self.nodes.capacity() > 2 * MESH_BACKLOG_PAUSE_FRAMES {
            self.nodes = Slab::with_capacity(MESH_BACKLOG_PAUSE_FRAMES);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(job: u32) -> PeerFrame {
        PeerFrame::Enrolled { job }
    }

    fn jobs(mesh: &mut Mesh, to: ShardId) -> Vec<u32> {
        let frames = std::iter::from_fn(|| mesh.pop(to));
        let job = |frame| if let PeerFrame::Enrolled { job } = frame { job } else { u32::MAX };
        frames.map(job).collect()
    }

    #[test]
    fn a_lane_keeps_its_order_also_for_a_frame_that_came_back() {
        let mut mesh = Mesh::new(3, Arc::default());
        for job in 0..6 {
            mesh.push(ShardId(1 + job as u16 % 2), frame(job));
        }
        let first = mesh.pop(ShardId(1)).expect("a frame");
        mesh.unpop(ShardId(1), first);
        assert_eq!(jobs(&mut mesh, ShardId(1)), [0, 2, 4]);
        assert_eq!(jobs(&mut mesh, ShardId(2)), [1, 3, 5]);
        assert!(mesh.is_empty());
        mesh.unpop(ShardId(2), frame(7));
        mesh.push(ShardId(2), frame(8));
        assert_eq!(jobs(&mut mesh, ShardId(2)), [7, 8]);
    }

    #[test]
    fn a_peer_is_due_once_until_it_was_looked_at_and_again_while_it_has_frames() {
        let mut mesh = Mesh::new(256, Arc::default());
        for job in 0..10 {
            mesh.push(ShardId(200), frame(job));
            mesh.push(ShardId(7), frame(job));
        }
        assert_eq!(mesh.due(), 2);
        assert_eq!(mesh.next_due(), Some(ShardId(200)));
        // Its channel is full: it is due again, behind the others.
        let back = mesh.pop(ShardId(200)).expect("a frame");
        mesh.unpop(ShardId(200), back);
        assert_eq!(mesh.next_due(), Some(ShardId(7)));
        assert_eq!((mesh.due(), mesh.backlog()), (1, 20));
        jobs(&mut mesh, ShardId(200));
        assert_eq!(mesh.next_due(), None);
    }

    #[test]
    fn everybody_stops_reading_while_one_has_too_much_and_goes_on_when_it_is_gone() {
        let pressure = Arc::default();
        let mut meshes = [(); 2].map(|()| Mesh::new(2, Arc::clone(&pressure)));
        (0..=MESH_BACKLOG_PAUSE_FRAMES as u32)
            .for_each(|job| meshes[0].push(ShardId(1), frame(job)));
        // Within the turn only the shard itself is full: its channels may still take everything.
        assert!(meshes[0].is_backlogged() && !meshes[1].is_backlogged());
        (0..2).for_each(|_| meshes[0].end_flush());
        assert!(meshes[1].is_backlogged());
        meshes[0].pop(ShardId(1));
        meshes[0].end_flush();
        assert!(!meshes[0].is_backlogged() && !meshes[1].is_backlogged());
    }

    #[test]
    fn memory_follows_what_waits_at_once_not_the_lanes() {
        let mut mesh = Mesh::new(256, Arc::default());
        for to in (0..256).map(ShardId) {
            (0..1_000).for_each(|job| mesh.push(to, frame(job)));
            assert_eq!(jobs(&mut mesh, to).len(), 1_000);
        }
        assert!(mesh.nodes.capacity() <= 1_024, "{}", mesh.nodes.capacity());
        (0..100_000).for_each(|job| mesh.push(ShardId(3), frame(job)));
        assert_eq!(jobs(&mut mesh, ShardId(3)).len(), 100_000);
        assert!(mesh.nodes.capacity() <= MESH_BACKLOG_PAUSE_FRAMES);
    }
}
