//! Presence at the home of a room: who is in by what the members' shards say, told to all of them
//! at the end of each window.
//!
//! ```text
//! Present, Absent, Roster -> state::presence -> end of a window -> News to each shard with members
//! ```
//!
//! Invariants: a window sends one frame to each member, however much happened in it, and no frame
//! is larger than `PRESENCE_NAMES_BYTES_MAX` beside its room's name: names that do not fit are
//! counted. A list and the changes behind it reach a connection in this order, because both go the
//! same way. Called by `hear`, `deadline` and `reload`.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::Shard;
use super::attending::News;
use super::peer::PeerFrame;
use super::roster::{Part, Told, write};
use crate::ids::{ConnKey, ShardId};
use crate::settings::Protocol;
use crate::state::attendance::{Fate, Manner, Parting, Tidings};
use crate::state::classes::RoomClasses;
use crate::state::frames::{FrameRef, FrameType};
use crate::state::rooms::RoomKey;

impl Shard {
    pub(super) fn on_present(&mut self, room: &Arc<str>, who: &Arc<str>, conn: ConnKey) {
        if self.attends(room) {
            let back = self.presences.seat(room, who, conn, self.now.mono_ns);
            self.counters.returns.add(u64::from(back));
            self.count_present();
        }
    }

    pub(super) fn on_absent(
        &mut self,
        room: &Arc<str>,
        who: &Arc<str>,
        conn: ConnKey,
        parting: Parting,
    ) {
        let (now_ns, floor_ns) = (self.now.mono_ns, self.engine.settings.compat.leave_grace_ns);
        let fate = self.presences.unseat(room, who, (conn, parting), now_ns, floor_ns);
        self.counters.unawaited.add(u64::from(fate == Fate::Hurried));
        self.count_present();
    }

    pub(super) fn on_roster(
        &mut self,
        room: &Arc<str>,
        shard: ShardId,
        seats: &[(ConnKey, Arc<str>)],
    ) {
        if self.attends(room) {
            self.presences.replace(room, shard, seats, self.now.mono_ns);
            self.count_present();
        }
    }

    pub(super) fn on_depart(&mut self, room: &Arc<str>, who: &Arc<str>) {
        self.presences.depart(room, who, self.now.mono_ns);
        self.count_present();
    }

    /// Whether the room tells who is in; then it has a record.
    fn attends(&mut self, room: &Arc<str>) -> bool {
        if self.presences.get(room).is_some() {
            return true;
        }
        let Some(options) = self.rooms.presence_in(room) else { return false };
        self.presences.enter(room, options);
        true
    }

    fn count_present(&self) {
        self.counters.present.set(self.presences.present() as u64);
    }

    /// Follows the classes of this edition: rooms that do not tell any more are forgotten, those
    /// that tell since now are asked for, and those with members here are said.
    pub(super) fn attend_again(&mut self, old: &RoomClasses) {
        let rooms = &self.rooms;
        self.presences.follow(|room| rooms.presence_in(room));
        let anew = |room: &Arc<str>| {
            self.presences.get(room).is_none() && rooms.presence_in(room).is_some()
        };
        let anew = self.homes.rooms.iter().filter(|(room, _)| anew(room));
        let watchers: Vec<(ShardId, RoomKey)> =
            anew.flat_map(|(_, record)| record.watchers.iter().copied()).collect();
        for (shard, local) in watchers {
            self.tell(shard, PeerFrame::Census { local });
        }
        self.say_rosters(old);
        self.count_present();
    }

    /// Ends graces, then windows: who is given up now is told now where a window ends.
    pub(super) fn expire_presence(&mut self) {
        if self.presences.next_ns().is_none_or(|due_ns| due_ns > self.now.mono_ns) {
            return;
        }
        let floor_ns = self.engine.settings.compat.leave_grace_ns;
        self.presences.end_graces(self.now.mono_ns, floor_ns);
        while let Some((room, tidings)) = self.presences.take_due(self.now.mono_ns) {
            self.tell_tidings(&room, tidings);
            self.presences.retire(&room);
        }
        self.count_present();
    }

    fn tell_tidings(&mut self, room: &Arc<str>, tidings: Tidings) {
        let Some(record) = self.homes.rooms.get(room) else { return };
        let watchers = record.watchers.clone();
        self.counters.told_joins.add(tidings.joined.len() as u64);
        self.counters.told_leaves.add(tidings.left.len() as u64);
        let list = match tidings.fresh.is_empty() && tidings.manner != Manner::List {
            true => None,
            false => self.presence_frame(room, Told::Members),
        };
        let change = match tidings.manner {
            Manner::Nothing => None,
            Manner::List => list.clone(),
            Manner::Names => {
                self.presence_frame(room, Told::Changes(&tidings.joined, &tidings.left))
            }
            Manner::Count => {
                let unnamed = tidings.joined.len() + tidings.left.len();
                self.presence_frame(room, Told::Unnamed(unnamed))
            }
        };
        for (shard, local) in watchers {
            let fresh = of_shard(&tidings.fresh, shard);
            let list = list.clone().filter(|_| !fresh.is_empty());
            if change.is_some() || list.is_some() {
                let news = Box::new(News { change: change.clone(), list, fresh });
                self.tell(shard, PeerFrame::News { local, news });
            }
        }
    }

    /// One message of the room's presence; what it leaves out is counted.
    fn presence_frame(&mut self, room: &str, told: Told<'_>) -> Option<FrameRef> {
        let Protocol::Json { outgoing, .. } = &self.engine.settings.protocol else { return None };
        let presence = self.presences.get(room)?;
        let mut open = self.outboxes.pool.open();
        let unnamed = write(open.bytes(), outgoing, Part { room, presence, told });
        self.counters.unnamed.add(unnamed as u64);
        Some(self.outboxes.pool.seal(open, FrameType::Text))
    }
}

/// Those of a shard, in order.
fn of_shard(conns: &BTreeSet<ConnKey>, shard: ShardId) -> Vec<ConnKey> {
    let first = ConnKey { shard, index: 0, generation: 0 };
    let own = conns.range(first..).take_while(|conn| conn.shard == shard);
    own.copied().collect()
}
