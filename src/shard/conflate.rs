//! Frames that take each other's place: of those with one key a room gets one in `every`, the last.
//!
//! Invariants: the first frame of a quiet key leaves at once; what waits leaves when its time has
//! come, even if nothing follows it; at most `CONFLATED_KEYS_MAX` keys wait on one shard, beyond
//! that nothing is conflated. Kept at the room's home, so it holds for all publishers.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::sync::Arc;

use foldhash::fast::RandomState;

use super::Shard;
use super::aside::Aside;
use super::peer::PeerFrame;
use crate::limits::CONFLATED_KEYS_MAX;
use crate::pipeline::op::HowId;
use crate::state::frames::FrameRef;

/// A frame with the key it conflates by.
#[derive(Clone, Debug)]
pub struct Keyed {
    pub key: Arc<str>,
    pub frame: FrameRef,
    pub aside: Option<Aside>,
    pub every_ns: u64,
}

type Name = (Arc<str>, Arc<str>);

/// What waits on one shard, by room and key.
#[derive(Debug, Default)]
pub(super) struct Conflated {
    /// The frame that waits; none after one has just left.
    waiting: HashMap<Name, Option<Keyed>, RandomState>,
    due: BinaryHeap<Reverse<(u64, Name)>>,
}

impl Conflated {
    pub fn next_ns(&self) -> Option<u64> {
        self.due.peek().map(|Reverse((due_ns, _))| *due_ns)
    }
}

impl Shard {
    pub(super) fn send_conflated(
        &mut self,
        room: &str,
        key: &str,
        frame: FrameRef,
        how: HowId,
        aside: Option<Aside>,
    ) {
        let every_ns = self.how(how).conflate_ns;
        let (room, key) = (self.names.share(room), self.names.share(key));
        let home = self.home_of(&room);
        let keyed = Box::new(Keyed { key, frame, aside, every_ns });
        self.tell(home, PeerFrame::PublishKeyed { room, keyed });
    }

    pub(super) fn on_publish_keyed(&mut self, room: Arc<str>, keyed: Keyed) {
        let name = (Arc::clone(&room), Arc::clone(&keyed.key));
        if let Some(waiting) = self.conflated.waiting.get_mut(&name) {
            let replaced = waiting.replace(keyed);
            self.counters.conflated.add(u64::from(replaced.is_some()));
            return;
        }
        if self.conflated.waiting.len() < CONFLATED_KEYS_MAX {
            let due_ns = self.now.mono_ns + keyed.every_ns;
            self.conflated.waiting.insert(name.clone(), None);
            self.conflated.due.push(Reverse((due_ns, name)));
        }
        self.publish_keyed(&room, keyed);
    }

    fn publish_keyed(&mut self, room: &str, keyed: Keyed) {
        match &keyed.aside {
            Some(aside) => self.on_publish_with(room, keyed.frame, aside),
            None => self.publish_one(room, keyed.frame, false),
        }
    }

    /// Sends what has waited long enough; a key that stayed quiet is forgotten.
    pub(super) fn expire_conflated(&mut self) {
        while let Some(Reverse((due_ns, _))) = self.conflated.due.peek()
            && *due_ns <= self.now.mono_ns
            && let Some(Reverse((_, name))) = self.conflated.due.pop()
        {
            let Some(Some(keyed)) = self.conflated.waiting.remove(&name) else { continue };
            self.conflated.waiting.insert(name.clone(), None);
            let due_ns = self.now.mono_ns + keyed.every_ns;
            self.conflated.due.push(Reverse((due_ns, name.clone())));
            self.publish_keyed(&name.0, keyed);
        }
    }
}
