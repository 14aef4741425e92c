//! A connection comes into a room that has a history: what it missed, then everything that follows.
//!
//! ```text
//!   outbox has room for it -> Watch, where the room is new here -> Replay -> Replayed
//!   -> the notice, the messages, the seat: what the room's home sent before is among them, what it
//!      sends afterwards finds the seat
//! ```
//!
//! In such a room every connection arrives by itself, also where its user is a member: only then is
//! there a moment from which on it has everything.
//!
//! Invariants: a connection gets its seat with the answer, never before it, so no message comes
//! twice or out of its order; while it waits it is held, and `Shard::arriving` has the room:
//! whoever takes its user out of the room meanwhile strikes that, and with the connection goes the
//! place it had been given. A local room without members may wait for an answer; whoever brings it
//! takes the room's place or forgets it. Called by `apply`, `hear`, `closing`, `seating`.

use std::sync::Arc;

use super::Shard;
use super::apply::{Moving, Step};
use super::hold::Hold;
use super::notice::{Notice, write_notice};
use super::peer::PeerFrame;
use crate::ids::{ConnKey, USER_PREFIX};
use crate::limits::ROOMS_PER_USER_MAX;
use crate::reject::Reject;
use crate::settings::{Membership, Protocol};
use crate::state::conns::Phase;
use crate::state::frames::{FrameRef, FrameType};
use crate::state::history::{Kept, Position};
use crate::state::rooms::RoomKey;

/// What a connection asks the room's home.
#[derive(Clone, Debug)]
pub struct Asked {
    pub room: Arc<str>,
    /// The room on the connection's shard.
    pub local: RoomKey,
    /// The last place it saw, where it says one.
    pub since: Option<Position>,
}

/// What the home answers.
#[derive(Clone, Debug)]
pub struct Replay {
    pub asked: Asked,
    /// Where the newest message stands; none where the room has no history any more.
    pub position: Option<Position>,
    /// Whether `frames` is everything that it missed, where it said a place.
    pub recovered: Option<bool>,
    pub frames: Vec<Kept>,
}

impl Replay {
    /// The answer where nothing is kept.
    pub fn nothing(asked: Asked) -> Replay {
        let recovered = asked.since.map(|_| false);
        Replay { asked, position: None, recovered, frames: Vec::new() }
    }
}

impl Shard {
    /// Asks the room's home for what the connection missed. `Ok(None)` is: its outbox has no room
    /// for it yet, and the connection waits until that is sent.
    pub(super) fn arrive(&mut self, slot: u32, room: &str, since: Option<&str>) -> Option<Moving> {
        if room.starts_with(USER_PREFIX) {
            return Some(Err(Reject::BadName));
        }
        let since = since.filter(|since| !since.is_empty()).map(Position::read);
        if self.is_member(slot, room) {
            // What it got since it came is not sent again, and what was before cannot come behind.
            self.arriving.remove(&slot);
            return Some(self.tell_unrecovered(slot, room, since));
        }
        let Some(class) = self.class_of(room).filter(|class| class.history.keeps()) else {
            // A reload took the history away while it was on its way.
            if self.arriving.remove(&slot).is_some() {
                let at = self.enter_room(&room.into());
                self.seat(slot, at);
            }
            return Some(self.tell_unrecovered(slot, room, since));
        };
        let rule = class.history;
        if !self.arrives(slot, room) {
            return Some(Ok(Step::Next));
        }
        if self.conns.get(slot).is_some_and(|conn| conn.seats.len() >= ROOMS_PER_USER_MAX) {
            self.give_up_arrival(slot);
            return Some(Err(Reject::Overloaded));
        }
        // The notice goes along.
        if !self.outboxes.takes(slot, rule.size as usize + 1, rule.bytes_max) {
            self.outboxes.end_lane(slot);
            self.hold(slot, Hold::Asked);
            return None;
        }
        self.hold(slot, Hold::Asked);
        let origin = self.conns.key(slot)?;
        self.ask_replay(origin, room.into(), since);
        Some(self.asked(slot))
    }

    /// Whether nobody has taken it out of the room since it set out.
    fn arrives(&self, slot: u32, room: &str) -> bool {
        self.arriving.get(&slot).is_some_and(|into| **into == *room)
    }

    /// Its user is out of the room before it is in.
    pub(super) fn strike_arrival(&mut self, slot: u32, room: &str) {
        if self.arrives(slot, room) {
            self.arriving.remove(&slot);
        }
    }

    /// It comes into no room; the place that a connection had been given is free again.
    pub(super) fn give_up_arrival(&mut self, slot: u32) {
        let Some(room) = self.arriving.remove(&slot) else { return };
        if self.rooms.membership_of(self.rooms.class_of(&room)) == Membership::Connection
            && let Some(key) = self.conns.key(slot)
        {
            self.give_up(&room, &key.to_string());
        }
    }

    fn ask_replay(&mut self, origin: ConnKey, room: Arc<str>, since: Option<Position>) {
        let at = self.enter_room(&room);
        let Some(local) = self.rooms.key(at) else { return };
        let home = self.home_of(&room);
        let asked = Box::new(Asked { room, local, since });
        self.tell(home, PeerFrame::Replay { origin, asked });
    }

    /// What was awaited for is sent: the arrival goes on.
    pub(super) fn flushed(&mut self, slot: u32) {
        self.outboxes.go_on(slot);
        if let Some(key) = self.conns.key(slot) {
            self.on_done(key);
        }
    }

    /// The home's answer.
    pub(super) fn on_replayed(&mut self, origin: ConnKey, replay: Replay) {
        let waits = |shard: &mut Shard, slot: &u32| {
            shard.phase(*slot) == Phase::Open && shard.hold_mut(*slot).is_some()
        };
        let slot = self.conns.resolve(origin).filter(|slot| waits(self, slot));
        let into = self.rooms.resolve(replay.asked.local);
        if slot.is_some_and(|slot| !self.arrives(slot, &replay.asked.room)) {
            into.into_iter().for_each(|at| self.forget_if_empty(at));
            return self.on_done(origin);
        }
        match (slot, into) {
            (Some(slot), Some(at)) => {
                self.arriving.remove(&slot);
                self.play(slot, origin, &replay);
                self.seat(slot, at);
                self.on_done(origin);
                self.cut_overflowed();
            }
            // The last member left meanwhile, and the home delivers here no more.
            (Some(_), None) => self.ask_replay(origin, replay.asked.room, replay.asked.since),
            (None, Some(at)) => self.forget_if_empty(at),
            (None, None) => {}
        }
    }

    /// Queues the notice and what was missed.
    fn play(&mut self, slot: u32, origin: ConnKey, replay: &Replay) {
        let user = self.user_of(slot);
        let user = user.as_deref().unwrap_or_default();
        let is_own = |kept: &&Kept| !kept.exempt.spares(origin, user);
        let messages = replay.frames.iter().filter(is_own).count();
        let ahead = if messages > 0 { replay.frames.len() as u64 } else { 0 };
        let notice = Notice {
            room: &replay.asked.room,
            position: replay.position.map(|newest| newest.before(ahead)),
            recovered: replay.recovered,
            messages,
        };
        self.queue_notice(slot, &notice);
        for kept in replay.frames.iter().filter(is_own) {
            self.queue(&[slot], FrameRef::clone(&kept.frame), None, None);
        }
        self.counters.history_replayed.add(notice.messages as u64);
        match replay.recovered {
            Some(true) => self.counters.history_recovered.add(1),
            Some(false) => self.counters.history_unrecovered.add(1),
            None => {}
        }
    }

    /// Nothing comes of the place that was said, if one was.
    fn tell_unrecovered(&mut self, slot: u32, room: &str, since: Option<Position>) -> Moving {
        if since.is_none() {
            return Ok(Step::Next);
        }
        let notice = Notice { room, position: None, recovered: Some(false), messages: 0 };
        self.counters.history_unrecovered.add(1);
        self.queue_notice(slot, &notice);
        self.cut_overflowed();
        Ok(Step::Next)
    }

    fn queue_notice(&mut self, slot: u32, notice: &Notice<'_>) {
        let Protocol::Json { outgoing, .. } = &self.engine.settings.protocol else { return };
        let mut open = self.outboxes.pool.open();
        write_notice(open.bytes(), outgoing, notice);
        let frame = self.outboxes.pool.seal(open, FrameType::Text);
        self.queue(&[slot], frame, None, None);
    }
}
