//! Seats: which connections here are members of which room, and the watch that keeps it fed.
//!
//! Invariants: a connection has at most one seat in a room; a local room without members is
//! forgotten and its home told; the home is asked to deliver before anybody is told of a join.

use std::sync::Arc;

use super::Shard;
use super::apply::{Moving, Step};
use super::hold::Hold;
use super::peer::PeerFrame;
use crate::ids::{ConnKey, ShardId, USER_PREFIX};
use crate::limits::ROOMS_PER_USER_MAX;
use crate::reject::Reject;
use crate::reserve::{fit, push_sole};
use crate::settings::Membership;
use crate::state::attendance::Parting;
use crate::state::conns::Seat;
use crate::state::rooms::{RoomKey, Waiter};

impl Shard {
    /// Seats every connection of the user that is here, then answers the user's home.
    pub(super) fn on_enroll(&mut self, user: &Arc<str>, room: &Arc<str>, home: ShardId, job: u32) {
        let conns = self.users.find(user).and_then(|user| self.users.get(user));
        let Some(conns) = conns.map(|user| user.conns.clone()).filter(|conns| !conns.is_empty())
        else {
            return self.tell(home, PeerFrame::Enrolled { job });
        };
        let at = self.enter_room(room);
        for slot in conns {
            self.seat(slot, at);
        }
        self.await_watch(at, Waiter::Job(home, job));
    }

    /// Unseats every connection of the user that is here, then answers the user's home.
    pub(super) fn on_expel(&mut self, user: &Arc<str>, room: &Arc<str>, home: ShardId, job: u32) {
        let user = self.users.find(user).and_then(|user| self.users.get(user));
        let conns = user.map(|user| user.conns.clone()).unwrap_or_default();
        let at = self.rooms.find(room);
        for slot in conns {
            self.strike_arrival(slot, room);
            at.into_iter().for_each(|at| self.unseat(slot, at));
        }
        self.tell(home, PeerFrame::Enrolled { job });
    }

    /// Seats a connection that is binding in a room of its user; counts the watch it waits for.
    pub(super) fn seat_binding(&mut self, slot: u32, key: ConnKey, room: &Arc<str>) {
        let at = self.enter_room(room);
        self.seat(slot, at);
        if let Some(watches) = self.watches(slot) {
            *watches += 1;
        }
        self.await_watch(at, Waiter::Bind(key));
    }

    /// The room's home delivers here from now on.
    pub(super) fn on_watched(&mut self, local: RoomKey) {
        let Some(at) = self.rooms.resolve(local) else { return };
        let Some(room) = self.rooms.get_mut(at) else { return };
        room.confirmed = true;
        for waiter in std::mem::take(&mut room.waiters) {
            self.wake(waiter);
        }
    }

    /// Takes a connection out of every room.
    pub(super) fn unseat_all(&mut self, slot: u32) {
        while let Some(seat) = self.conns.get_mut(slot).and_then(|conn| conn.seats.pop()) {
            self.give_up_own(slot, seat);
            self.journal.rooms_changed();
            self.part(slot, seat.room, Parting::Gone);
            self.vacate(seat);
        }
        if let Some(conn) = self.conns.get_mut(slot) {
            conn.seats = Vec::new();
        }
    }

    /// The place of a connection in a room whose members are connections.
    fn give_up_own(&mut self, slot: u32, seat: Seat) {
        let Some(room) = self.rooms.get(seat.room) else { return };
        if self.rooms.membership_of(room.class) == Membership::Connection
            && let Some(key) = self.conns.key(slot)
        {
            let name = Arc::clone(&room.name);
            self.give_up(&name, &key.to_string());
        }
    }

    /// The local room, made and asked for at its home where it is new.
    pub(super) fn enter_room(&mut self, name: &Arc<str>) -> u32 {
        let (at, new) = self.rooms.enter(name);
        if let Some(local) = self.rooms.key(at).filter(|_| new) {
            let home = self.home_of(name);
            let room = Arc::clone(name);
            self.tell(home, PeerFrame::Watch { room, local, shard: self.id });
        }
        at
    }

    /// A room whose members are connections: only this one joins or leaves.
    pub(super) fn move_conn(&mut self, slot: u32, room: &str, join: bool) -> Moving {
        if room.starts_with(USER_PREFIX) {
            return Err(Reject::BadName);
        }
        if !join {
            if let Some(at) = self.rooms.find(room) {
                self.unseat(slot, at);
            }
            return Ok(Step::Next);
        }
        let seats = self.conns.get(slot).map_or(0, |conn| conn.seats.len());
        if seats >= ROOMS_PER_USER_MAX {
            return Err(Reject::Overloaded);
        }
        let Some(key) = self.conns.key(slot) else { return Ok(Step::Next) };
        let room: Arc<str> = room.into();
        let at = self.enter_room(&room);
        self.seat(slot, at);
        self.hold(slot, Hold::Asked);
        self.await_watch(at, Waiter::Conn(key));
        self.asked(slot)
    }

    fn await_watch(&mut self, at: u32, waiter: Waiter) {
        match self.rooms.get_mut(at) {
            Some(room) if !room.confirmed => room.waiters.push(waiter),
            _ => self.wake(waiter),
        }
    }

    fn wake(&mut self, waiter: Waiter) {
        match waiter {
            Waiter::Job(home, job) => self.tell(home, PeerFrame::Enrolled { job }),
            Waiter::Bind(key) => self.on_bind_watched(key),
            Waiter::Conn(key) => self.on_done(key),
        }
    }

    pub(super) fn seat(&mut self, slot: u32, room: u32) {
        let Some(conn) = self.conns.get_mut(slot) else { return };
        if conn.seats.iter().any(|seat| seat.room == room) {
            return;
        }
        let Some(entry) = self.rooms.get_mut(room) else { return };
        push_sole(&mut conn.seats, Seat { room, place: entry.members.len() as u32 });
        push_sole(&mut entry.members, slot);
        self.note_moved(slot, room, true);
        self.attend(slot, room);
    }

    pub(super) fn unseat(&mut self, slot: u32, room: u32) {
        let Some(conn) = self.conns.get_mut(slot) else { return };
        let Some(at) = conn.seats.iter().position(|seat| seat.room == room) else { return };
        let seat = conn.seats.swap_remove(at);
        fit(&mut conn.seats);
        self.note_moved(slot, room, false);
        self.part(slot, room, Parting::Left);
        self.vacate(seat);
    }

    /// Closes the gap that a seat leaves in the member list.
    pub(super) fn vacate(&mut self, seat: Seat) {
        let Some(room) = self.rooms.get_mut(seat.room) else { return };
        room.members.swap_remove(seat.place as usize);
        fit(&mut room.members);
        if let Some(&moved) = room.members.get(seat.place as usize)
            && let Some(conn) = self.conns.get_mut(moved)
            && let Some(theirs) = conn.seats.iter_mut().find(|other| other.room == seat.room)
        {
            theirs.place = seat.place;
        }
        if room.members.is_empty() {
            self.forget_room(seat.room);
        }
    }

    /// A room that nobody came into after all.
    pub(super) fn forget_if_empty(&mut self, at: u32) {
        if self.rooms.get(at).is_some_and(|room| room.members.is_empty() && room.waiters.is_empty())
        {
            self.forget_room(at);
        }
    }

    fn forget_room(&mut self, at: u32) {
        let Some(room) = self.rooms.remove(at) else { return };
        let home = self.home_of(&room.name);
        self.tell(home, PeerFrame::Unwatch { room: room.name, shard: self.id });
        // Whoever still waits waits for nothing: nobody is left to be delivered to.
        for waiter in room.waiters {
            self.wake(waiter);
        }
    }
}
