//! Bounds of rooms, kept at the room's home: how many members, how many messages.
//!
//! ```text
//!   connection's shard            room's home
//!        | -- Seat ----------------> |   before the join
//!        | <--------- Done or NoSeat |
//!        | -- Unseat --------------> |   behind a leave, or from the user's home
//! ```
//!
//! Invariants: a member is counted once, by its user's name (or by its connection's id, in rooms of
//! connections); a room without bounds keeps nothing of this. Called by `apply`, `hear`, `home`.

use std::sync::Arc;

use super::Shard;
use super::peer::PeerFrame;
use crate::ids::ConnKey;
use crate::settings::RoomClass;
use crate::state::bounds::Bounds;
use crate::state::homes::HomeRoom;

impl Shard {
    fn class_of(&self, room: &str) -> Option<&RoomClass> {
        let class = self.rooms.class_of(room)?;
        self.engine.settings.rooms.get(usize::from(class.0))
    }

    /// Whether members of such a room are counted.
    pub(super) fn counts_members(&self, room: &str) -> bool {
        self.class_of(room).is_some_and(|class| class.members_max > 0)
    }

    /// The room's record, made with its bounds where it is new.
    pub(super) fn home_room(&mut self, room: Arc<str>) -> &mut HomeRoom {
        if !self.homes.rooms.contains_key(&room) {
            // By a former edition's class: looked at again when that is over.
            self.bound_again |= self.selected > 0;
            let bounds = self.class_of(&room).and_then(Bounds::of);
            let record = HomeRoom { bounds, ..HomeRoom::default() };
            self.homes.rooms.insert(Arc::clone(&room), record);
            self.counters.rooms.add(1);
        }
        self.homes.rooms.entry(room).or_default()
    }

    /// The end of a room: no shard watches it and nobody is about to join.
    pub(super) fn forget_home_room(&mut self, room: &Arc<str>) {
        if self.homes.rooms.remove(room).is_some() {
            self.counters.rooms.sub(1);
        }
    }

    /// Bounds every room by the class that it has now. Who joined an unbounded room is not counted.
    pub(super) fn bind_rooms_again(&mut self) {
        self.bound_again = false;
        let mut rooms = std::mem::take(&mut self.homes.rooms);
        for (name, record) in &mut rooms {
            record.bounds = Bounds::again(record.bounds.take(), self.class_of(name));
        }
        let before = rooms.len();
        rooms.retain(|_, record| !record.is_unused());
        self.counters.rooms.sub((before - rooms.len()) as u64);
        self.homes.rooms = rooms;
    }

    pub(super) fn on_seat(&mut self, origin: ConnKey, room: Arc<str>, who: Arc<str>) {
        let record = self.home_room(Arc::clone(&room));
        let known = record.bounds.as_ref().is_none_or(|bounds| bounds.members.contains(&who));
        let seated = known
            || record.bounds.as_mut().is_some_and(|bounds| {
                let full = bounds.members.len() >= bounds.members_max as usize;
                !full && bounds.members.insert(Arc::clone(&who))
            });
        let answer = match seated {
            true => PeerFrame::Seated { origin, room, who, fresh: !known },
            false => PeerFrame::NoSeat { origin },
        };
        self.tell(origin.shard, answer);
    }

    /// A place for a connection that is gone meanwhile is given up again.
    pub(super) fn on_seated(&mut self, origin: ConnKey, room: &Arc<str>, who: &str, fresh: bool) {
        match self.conns.resolve(origin).is_some_and(|slot| self.hold_mut(slot).is_some()) {
            true => self.on_done(origin),
            false if fresh => self.give_up(room, who),
            false => {}
        }
    }

    pub(super) fn on_unseat(&mut self, room: &Arc<str>, who: &str) {
        let Some(record) = self.homes.rooms.get_mut(room) else { return };
        if let Some(bounds) = &mut record.bounds {
            bounds.members.remove(who);
        }
        if record.is_unused() {
            self.forget_home_room(room);
        }
    }

    /// Gives up a member's place, where places are counted.
    pub(super) fn give_up(&mut self, room: &Arc<str>, who: &str) {
        if self.counts_members(room) {
            let (home, who) = (self.home_of(room), self.names.share(who));
            self.tell(home, PeerFrame::Unseat { room: Arc::clone(room), who });
        }
    }
}
