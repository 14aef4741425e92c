//! Histories of rooms, at the rooms' homes: a message gets its place and is kept, who joins is told
//! what it missed, and what is too old or too much goes.
//!
//! ```text
//!   connection's shard            room's home
//!        | -- Publish -------------> |   the next place is written into the frame, it is kept
//!        | <------------- Deliver -- |   to every watching shard
//!        | -- Replay --------------> |   behind Watch, where the room is new there
//!        | <------------ Replayed -- |   all that was before it; what is behind it follows
//! ```
//!
//! Invariants: place and delivery are decided in one go, so the frames that go to a shard before an
//! answer are the ones it speaks of. A message that is not kept (`volatile`, `conflate`) has no
//! place. A room without a history does nothing of this. Called by `home`, `sending`, `places`,
//! `trim`.

use std::sync::Arc;

use super::Shard;
use super::arriving::{Asked, Replay};
use super::aside::Aside;
use super::peer::PeerFrame;
use crate::ids::ConnKey;
use crate::limits::{HISTORY_ROOMS_LEFT_MAX, TRIM_NS};
use crate::settings::Protocol;
use crate::state::frames::FrameRef;
use crate::state::history::Exempt;

impl Shard {
    /// Whether such a room has a history.
    pub(super) fn keeps_history(&self, room: &str) -> bool {
        self.class_of(room).is_some_and(|class| class.history.keeps())
    }

    /// A message of a room with a history.
    pub(super) fn publish_kept(&mut self, room: &str, frame: FrameRef, aside: Option<&Aside>) {
        if !self.is_kept(aside) {
            return self.fan_out(room, frame, aside);
        }
        let exempt = match aside {
            Some(Aside::Conn { conn, .. }) => Exempt::Conn(*conn),
            Some(Aside::User { user, .. }) => Exempt::User(Arc::clone(user)),
            Some(Aside::Nobody { .. }) | None => Exempt::Nobody,
        };
        let frame = self.keep(room, &frame, exempt).unwrap_or(frame);
        self.fan_out(room, frame, aside);
    }

    fn is_kept(&self, aside: Option<&Aside>) -> bool {
        aside.is_none_or(|aside| {
            let how = self.how(aside.how());
            !how.volatile && how.conflate_ns == 0
        })
    }

    /// A message for a room that has no record: it is lost, unless it is kept for who joins.
    pub(super) fn publish_to_nobody(&mut self, room: &str, frame: FrameRef, aside: Option<&Aside>) {
        if !self.is_kept(aside) || !self.keeps_history(room) {
            return self.counters.undelivered.add(1);
        }
        let room = self.names.share(room);
        self.home_room(Arc::clone(&room));
        match aside {
            Some(aside) => self.on_publish_with(&room, frame, aside),
            None => self.publish_here(&room, frame),
        }
        self.let_go_home_room(&room);
    }

    /// Gives a message its place and keeps it; `None` is a message that has no fields.
    fn keep(&mut self, room: &str, frame: &FrameRef, exempt: Exempt) -> Option<FrameRef> {
        let (name, record) = self.homes.rooms.get_key_value(room)?;
        let name = Arc::clone(name);
        if record.history()?.is_fresh() {
            self.begin_history(&name);
        }
        let field = match &self.engine.settings.protocol {
            Protocol::Json { outgoing, .. } => outgoing.position.as_str(),
            Protocol::Raw => return None,
        };
        let history = self.homes.rooms.get_mut(room)?.history_mut()?;
        let (now_ns, pool) = (self.now.mono_ns, &mut self.outboxes.pool);
        let before = history.bytes();
        let placed = history.keep(frame, exempt, field, now_ns, pool)?;
        let added = history.bytes() - before;
        let cut = history.cut(now_ns, pool);
        let histories = &mut self.homes.histories;
        histories.bytes = histories.bytes + added - cut.bytes;
        self.counters.history_cut_bytes.add(cut.over_bytes);
        histories.plan(&name, history);
        self.bound_histories(&name);
        self.look_after_histories();
        Some(placed)
    }

    fn begin_history(&mut self, room: &Arc<str>) {
        let histories = &mut self.homes.histories;
        let epoch = histories.epoch(self.id, self.engine.seed, self.now);
        let record = self.homes.rooms.get_mut(room);
        if let Some(history) = record.and_then(|record| record.history_mut()) {
            history.begin(epoch);
            histories.rooms += 1;
        }
    }

    /// Gives up histories until they are within the shard's bounds: first those of rooms that
    /// nobody is in, then the oldest messages of the room at hand.
    fn bound_histories(&mut self, room: &Arc<str>) {
        let bytes_max = self.engine.settings.server.limits.history_bytes_max;
        while self.homes.histories.bytes > bytes_max {
            match self.homes.histories.first_left() {
                Some(left) if left != *room => {
                    self.counters.history_evicted_memory.add(1);
                    self.forget_home_room(&left);
                }
                _ => return self.shorten(room, bytes_max),
            }
        }
    }

    fn shorten(&mut self, room: &Arc<str>, bytes_max: usize) {
        let record = self.homes.rooms.get_mut(room);
        let Some(history) = record.and_then(|record| record.history_mut()) else { return };
        let histories = &mut self.homes.histories;
        while histories.bytes > bytes_max && !history.is_empty() {
            histories.bytes -= history.let_go(&mut self.outboxes.pool);
            self.counters.history_cut_memory.add(1);
        }
    }

    /// What somebody missed who joins here; the answer stands in the room's order.
    pub(super) fn on_replay(&mut self, origin: ConnKey, asked: Asked) {
        let room = Arc::clone(&asked.room);
        let is_fresh = |record: &crate::state::homes::HomeRoom| {
            record.history().is_some_and(|history| history.is_fresh())
        };
        if self.homes.rooms.get(&room).is_some_and(is_fresh) {
            self.begin_history(&room);
        }
        let mut replay = Box::new(Replay::nothing(asked));
        let record = self.homes.rooms.get_mut(&room);
        if let Some(history) = record.and_then(|record| record.history_mut()) {
            let cut = history.cut(self.now.mono_ns, &mut self.outboxes.pool);
            self.homes.histories.bytes -= cut.bytes;
            replay.position = Some(history.position());
            (replay.recovered, replay.frames) = history.missed(replay.asked.since);
        }
        self.look_after_histories();
        self.tell(origin.shard, PeerFrame::Replayed { origin, replay });
    }

    /// A room that nobody is in, perhaps: it is forgotten, or later, with what is kept of it.
    pub(super) fn let_go_home_room(&mut self, room: &Arc<str>) {
        let Some(record) = self.homes.rooms.get_mut(room) else { return };
        if record.is_unused() {
            return self.forget_home_room(room);
        }
        let (is_left, now_ns) = (record.is_left(), self.now.mono_ns);
        let Some(history) = record.history_mut().filter(|_| is_left) else { return };
        history.used_ns = now_ns;
        self.homes.histories.plan(room, history);
        self.homes.histories.leave(room, history);
        self.bound_rooms_left();
        self.look_after_histories();
    }

    fn bound_rooms_left(&mut self) {
        while self.homes.histories.rooms_left() > HISTORY_ROOMS_LEFT_MAX
            && let Some(left) = self.homes.histories.first_left()
        {
            self.counters.history_evicted_rooms.add(1);
            self.forget_home_room(&left);
        }
    }

    /// Lets go of what is too old; true where there is more to look after.
    pub(super) fn expire_histories(&mut self) -> bool {
        while let Some(room) = self.homes.histories.take_due(self.now.mono_ns) {
            self.expire_history(&room);
        }
        self.look_after_histories();
        !self.homes.histories.is_empty()
    }

    fn expire_history(&mut self, room: &Arc<str>) {
        let Some(record) = self.homes.rooms.get_mut(room) else { return };
        let (is_left, now_ns) = (record.is_left(), self.now.mono_ns);
        let Some(history) = record.history_mut() else { return };
        history.due_ns = 0;
        self.homes.histories.bytes -= history.cut(now_ns, &mut self.outboxes.pool).bytes;
        match is_left && history.is_empty() && history.next_ns() <= now_ns {
            true => self.forget_home_room(room),
            // One that somebody is in has nothing to be looked at before the next message.
            false if is_left || !history.is_empty() => self.homes.histories.plan(room, history),
            false => {}
        }
    }

    /// Goes through all histories behind a reload: rules are shorter or longer, some are gone.
    pub(super) fn count_histories_again(&mut self) {
        let mut rooms = std::mem::take(&mut self.homes.rooms);
        let (now_ns, histories) = (self.now.mono_ns, &mut self.homes.histories);
        histories.forget_all();
        let mut left = Vec::new();
        for (name, record) in &mut rooms {
            let is_left = record.is_left();
            let Some(history) = record.history_mut().filter(|one| !one.is_fresh()) else {
                continue;
            };
            history.cut(now_ns, &mut self.outboxes.pool);
            histories.begin_again(name, history);
            left.extend(is_left.then(|| (history.used_ns, Arc::clone(name))));
        }
        left.sort();
        self.homes.rooms = rooms;
        for (_, name) in left {
            let record = self.homes.rooms.get_mut(&name);
            if let Some(history) = record.and_then(|record| record.history_mut()) {
                self.homes.histories.leave(&name, history);
            }
        }
        self.look_after_histories();
    }

    /// Shows what they take, and comes back to them by and by.
    fn look_after_histories(&mut self) {
        let histories = &self.homes.histories;
        self.counters.history_rooms.set(histories.rooms as u64);
        self.counters.history_bytes.set(histories.bytes as u64);
        if self.trim.due_ns == u64::MAX && !histories.is_empty() {
            self.trim.due_ns = self.now.mono_ns + TRIM_NS;
        }
    }
}
