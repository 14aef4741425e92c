//! The sending side of the mesh, without its channels: what is due to each peer, in order.
//!
//! Invariants: frames to one peer leave in the order they were pushed. Called by the shard's parts
//! (push) and by the driver or the simulator (pop, `unpop` where a channel is full).

use std::collections::VecDeque;

use super::peer::PeerFrame;
use crate::ids::ShardId;
use crate::limits::MESH_BACKLOG_PAUSE_FRAMES;

/// The outboxes to the other shards.
#[derive(Debug, Default)]
pub struct Mesh {
    lanes: Vec<VecDeque<PeerFrame>>,
    frames: usize,
}

impl Mesh {
    pub fn new(shards: u16) -> Mesh {
        Mesh { lanes: (0..shards).map(|_| VecDeque::new()).collect(), frames: 0 }
    }

    pub fn push(&mut self, to: ShardId, frame: PeerFrame) {
        if let Some(lane) = self.lanes.get_mut(to.index()) {
            lane.push_back(frame);
            self.frames += 1;
        }
    }

    pub fn pop(&mut self, to: ShardId) -> Option<PeerFrame> {
        let frame = self.lanes.get_mut(to.index())?.pop_front()?;
        self.frames -= 1;
        Some(frame)
    }

    /// Puts a frame back that the channel did not take.
    pub fn unpop(&mut self, to: ShardId, frame: PeerFrame) {
        if let Some(lane) = self.lanes.get_mut(to.index()) {
            lane.push_front(frame);
            self.frames += 1;
        }
    }

    pub fn is_empty(&self) -> bool {
        self.frames == 0
    }

    /// Frames that wait for a peer to take them.
    pub fn backlog(&self) -> usize {
        self.frames
    }

    /// Whether the shard should stop reading from its connections.
    pub fn is_backlogged(&self) -> bool {
        self.frames > MESH_BACKLOG_PAUSE_FRAMES
    }
}
