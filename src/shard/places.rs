//! Bounds of rooms, kept at the room's home: how many members, how many messages.
//!
//! ```text
//!   connection's shard            room's home
//!        | -- Seat ----------------> |   before the join
//!        | <--------- Done or NoSeat |
//!        | -- Unseat --------------> |   behind a leave, or from the user's home
//! ```
//!
//! A reload that brings a room's first bound on members counts who is in: the homes of users and
//! the shards of connections tell (`Count`), and from then on tell of each join and leave of users
//! once more, because some may have begun before.
//!
//! Invariants: a member is counted once, by its user's name (or by its connection's id, in rooms of
//! connections); a room without bounds keeps nothing of this. Called by `apply`, `hear`, `home`.

use std::collections::HashMap;
use std::sync::Arc;

use super::Shard;
use super::peer::PeerFrame;
use crate::ids::{ConnKey, RoomClassId};
use crate::settings::{Membership, RoomClass};
use crate::state::bounds::Bounds;
use crate::state::classes::RoomClasses;
use crate::state::homes::HomeRoom;

impl Shard {
    pub(super) fn class_of(&self, room: &str) -> Option<&RoomClass> {
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
        let record = self.homes.rooms.entry(room).or_default();
        if let Some(history) = record.history_mut() {
            self.homes.histories.come_back(history);
        }
        record
    }

    /// The end of a room: no shard watches it and nobody is about to join.
    pub(super) fn forget_home_room(&mut self, room: &Arc<str>) {
        let Some(record) = self.homes.rooms.remove(room) else { return };
        self.counters.rooms.sub(1);
        if let Some(history) = record.bounds.and_then(|bounds| bounds.history) {
            self.homes.histories.end(room, history);
        }
    }

    /// Bounds every room by the class that it has now.
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
        self.count_histories_again();
    }

    /// Tells the homes of rooms that count their members since this edition who is in already: of
    /// connections those that are here, of users those whose home is here.
    pub(super) fn count_members(&mut self, old: &RoomClasses) {
        let counts = |classes: &[RoomClass], class: Option<RoomClassId>| {
            let class = class.and_then(|class| classes.get(usize::from(class.0)));
            class.is_some_and(|class| class.members_max > 0)
        };
        let settings = Arc::clone(&self.engine.settings);
        if !settings.rooms.iter().any(|class| class.members_max > 0) {
            return;
        }
        let rooms = &self.rooms;
        let anew = |name: &str, membership| {
            let class = rooms.class_of(name);
            counts(&settings.rooms, class)
                && !counts(old.as_slice(), old.of(name))
                && rooms.membership_of(class) == membership
        };
        let mut found: HashMap<Arc<str>, Vec<Arc<str>>> = HashMap::new();
        for (_, room) in rooms.iter().filter(|(_, one)| anew(&one.name, Membership::Connection)) {
            let keys = room.members.iter().filter_map(|slot| self.conns.key(*slot));
            let who = keys.map(|key| key.to_string().into()).collect();
            found.insert(Arc::clone(&room.name), who);
        }
        for (user, record) in &self.homes.users {
            for room in record.rooms.iter().filter(|room| anew(room, Membership::User)) {
                found.entry(Arc::clone(room)).or_default().push(Arc::clone(user));
            }
        }
        self.counts_late |= !found.is_empty();
        for (room, who) in found {
            let home = self.home_of(&room);
            self.tell(home, PeerFrame::Count { room, who: who.into() });
        }
    }

    /// These are members, however many there may be.
    pub(super) fn on_count(&mut self, room: Arc<str>, who: &[Arc<str>]) {
        if !self.counts_members(&room) {
            return;
        }
        let record = self.home_room(room);
        if let Some(bounds) = &mut record.bounds {
            bounds.members.extend(who.iter().map(Arc::clone));
        }
    }

    /// A user has joined by the edition before the one that counts, or may have: the home of the
    /// room is told once more.
    pub(super) fn count_late(&mut self, room: &Arc<str>, user: &Arc<str>) {
        if self.counts_late && self.counts_members(room) {
            let (home, who) = (self.home_of(room), [Arc::clone(user)].into());
            self.tell(home, PeerFrame::Count { room: Arc::clone(room), who });
        }
    }

    /// The same of a leave: what was counted late is struck off by whoever counted it.
    pub(super) fn strike_late(&mut self, room: &Arc<str>, user: &Arc<str>) {
        if self.counts_late {
            self.give_up(room, user);
        }
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
        self.let_go_home_room(room);
    }

    /// Gives up a member's place, where places are counted.
    pub(super) fn give_up(&mut self, room: &Arc<str>, who: &str) {
        if self.counts_members(room) {
            let (home, who) = (self.home_of(room), self.names.share(who));
            self.tell(home, PeerFrame::Unseat { room: Arc::clone(room), who });
        }
    }
}
