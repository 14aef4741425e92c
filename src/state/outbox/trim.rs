//! Giving back what a burst made the outboxes grow by: nodes, table entries, lanes.
//!
//! Invariants: bytes in flight and the entries of frames do not move; the nodes that link them do.
//! A table is made no smaller than what one turn of the last period filled.

use super::{NONE, Node, Outboxes};
use crate::limits::TRIM_TABLE_MIN;
use crate::reserve::fit;

/// The most that one turn queued since the last trim.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Peak {
    pub nodes: usize,
    pub entries: usize,
}

impl Outboxes {
    /// Gives back what was not needed since the last call; true where the next call may find more.
    /// No connection has a slot from `slots_end` on.
    pub fn trim(&mut self, slots_end: usize) -> bool {
        let Peak { nodes, entries } = std::mem::take(&mut self.peak);
        let waiting: usize = self.lanes.iter().map(|lane| lane.frames as usize).sum();
        let known = self.frames_live();
        if is_oversized(self.nodes.len(), waiting + nodes) {
            self.pack_nodes(waiting + nodes);
        }
        if is_oversized(self.entries.len(), known + entries) {
            self.cut_entries(known + entries);
        }
        // Room for another such turn was kept; if none comes it can go.
        let kept = nodes > 0 && is_oversized(self.nodes.len(), waiting)
            || entries > 0 && is_oversized(self.entries.len(), known);
        self.cut_lanes(slots_end);
        self.pool.trim() || kept
    }

    fn cut_lanes(&mut self, slots_end: usize) {
        self.lanes.truncate(slots_end);
        self.delays.cut(slots_end);
        fit(&mut self.lanes);
        fit(&mut self.batch_of);
        for list in [&mut self.dirty, &mut self.stalled] {
            // Connections that ended in this turn may stand here.
            list.retain(|slot| (*slot as usize) < slots_end);
            list.shrink_to(self.lanes.len());
        }
    }

    /// Moves the nodes in use to a table that has room for so many.
    fn pack_nodes(&mut self, wanted: usize) {
        let mut packed: Vec<Node> = Vec::with_capacity(wanted);
        for lane in self.lanes.iter_mut().filter(|lane| lane.head != NONE) {
            let mut at = lane.head;
            lane.head = packed.len() as u32;
            while at != NONE {
                let Node { frame, next } = self.nodes[at as usize];
                packed.push(Node { frame, next: packed.len() as u32 + 1 });
                at = next;
            }
            lane.tail = packed.len() as u32 - 1;
            packed[lane.tail as usize].next = NONE;
        }
        self.nodes = packed;
        self.free_node = NONE;
    }

    /// Cuts off the free entries at the end; the others are handed out from the lowest up.
    fn cut_entries(&mut self, wanted: usize) {
        self.free_entries.sort_unstable_by(|one, other| other.cmp(one));
        let end = self.entries.len();
        let at_the_end = |(back, place): &(usize, &u32)| **place as usize == end - 1 - back;
        let free_tail = self.free_entries.iter().enumerate().take_while(at_the_end).count();
        let cut = free_tail.min(end.saturating_sub(wanted));
        self.free_entries.drain(..cut);
        self.entries.truncate(end - cut);
        self.entries.shrink_to_fit();
        fit(&mut self.free_entries);
    }
}

fn is_oversized(len: usize, needed: usize) -> bool {
    len > TRIM_TABLE_MIN && len / 2 > needed
}
