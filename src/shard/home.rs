//! The shard as a home: the authoritative side of users and rooms.
//!
//! Invariants: a user's connection count never exceeds `connectionLimit.maxPerUser`, because every
//! connection of the user is decided here, one at a time; a room's messages leave here in one
//! order.

use std::cmp::Reverse;
use std::sync::Arc;

use super::Shard;
use super::aside::Aside;
use super::mesh::Mesh;
use super::peer::{PeerFrame, Welcome};
use crate::ids::{ConnKey, ShardId};
use crate::limits::ROOMS_PER_USER_MAX;
use crate::reserve::push_sole;
use crate::settings::ConnectionLimitMode;
use crate::state::frames::FrameRef;
use crate::state::homes::{HomeRoom, Job};
use crate::state::meters::Meters;
use crate::state::permissions::PermissionSet;
use crate::state::rooms::RoomKey;

impl Shard {
    /// A connection wants in: the one place where a user's connections are counted.
    pub(super) fn on_bind(
        &mut self,
        conn: ConnKey,
        user: Arc<str>,
        permissions: Arc<PermissionSet>,
    ) {
        let limit = self.engine.settings.server.connection_limit;
        let record = self.homes.users.entry(Arc::clone(&user)).or_default();
        let full = limit.max_per_user > 0 && record.conns.len() >= limit.max_per_user as usize;
        if full && limit.mode == ConnectionLimitMode::Reject {
            return self.tell(conn.shard, PeerFrame::Refuse { conn });
        }
        let mut left = Vec::new();
        if record.conns.is_empty() && record.grace_ends_ns <= self.now.mono_ns {
            // The record may be kept longer than the rooms, for a rate window.
            left = std::mem::take(&mut record.rooms);
        }
        let oldest = full.then(|| record.conns.remove(0));
        push_sole(&mut record.conns, conn);
        self.left_behind(&user, &left);
        let permissions = self.with_grants(&user, permissions);
        let Some(record) = self.homes.users.get_mut(&user) else { return };
        let changed = record.permissions != permissions;
        record.permissions = permissions;
        if let Some(oldest) = oldest {
            self.tell(oldest.shard, PeerFrame::Evict { conn: oldest });
        }
        if changed {
            self.push_permissions(&user, conn.shard);
        }
        self.let_in(conn, user);
    }

    /// Answers a connection that has its place.
    pub(super) fn welcome(&mut self, conn: ConnKey, user: Arc<str>) {
        let meters = self.lend(&user).map(|(_, meters)| meters);
        let Some(record) = self.homes.users.get(&user) else { return };
        let (rooms, permissions) = (record.rooms.clone(), Arc::clone(&record.permissions));
        let account = self.sessions.accounts.get(&user);
        let variables = account.map(|account| Arc::clone(&account.variables));
        let welcome = Box::new(Welcome { rooms, permissions, meters, variables });
        self.tell(conn.shard, PeerFrame::Bound { conn, user, welcome });
    }

    /// Tells the user's other shards of its live permissions.
    fn push_permissions(&mut self, user: &Arc<str>, except: ShardId) {
        let Some(record) = self.homes.users.get(user) else { return };
        let permissions = Arc::clone(&record.permissions);
        for shard in record.shards().iter().filter(|shard| *shard != except) {
            let (user, permissions) = (Arc::clone(user), Arc::clone(&permissions));
            self.tell(shard, PeerFrame::Permissions { user, permissions });
        }
    }

    /// A connection is gone; with the last one the rooms go, after the grace period.
    pub(super) fn on_unbind(&mut self, conn: ConnKey, user: Arc<str>, meters: Option<Meters>) {
        if self.strike(conn, &user) {
            self.lend_rest(&user);
        }
        if self.homes.users.get(&user).is_none_or(|record| record.conns.is_empty()) {
            self.sessions.forget_account(&user);
        }
        match meters {
            // Also with an evicted connection, which the record has forgotten.
            Some(meters) => self.on_yield(user, meters),
            None => self.fade(user),
        }
    }

    /// Takes a connection off its user's record; false where it was evicted before: then its end
    /// ends nothing.
    fn strike(&mut self, conn: ConnKey, user: &Arc<str>) -> bool {
        let grace_ns = self.engine.settings.compat.leave_grace_ns;
        let Some(record) = self.homes.users.get_mut(user) else { return false };
        let known = record.conns.len();
        record.conns.retain(|other| *other != conn);
        if record.conns.len() == known {
            return false;
        }
        if record.conns.is_empty() {
            record.grace_ends_ns = self.now.mono_ns + grace_ns;
            if grace_ns == 0 {
                let rooms = std::mem::take(&mut record.rooms);
                self.left_behind(user, &rooms);
            }
        }
        true
    }

    /// Forgets a record that is not needed any more, or looks again when it is due.
    pub(super) fn fade(&mut self, user: Arc<str>) {
        let now_ns = self.now.mono_ns;
        let Some(record) = self.homes.users.get_mut(&user) else { return };
        if !record.conns.is_empty() {
            return;
        }
        if record.grace_ends_ns <= now_ns && !record.rooms.is_empty() {
            let rooms = std::mem::take(&mut record.rooms);
            self.left_behind(&user, &rooms);
        }
        let Some(record) = self.homes.users.get_mut(&user) else { return };
        // What is lent is on its way back and looks again when it is here.
        if record.fading || record.lent.is_some() {
            return;
        }
        match record.next_change_ns(now_ns) {
            Some(due_ns) => {
                record.fading = true;
                self.fading.push(Reverse((due_ns, user)));
            }
            None => drop(self.homes.users.remove(&user)),
        }
    }

    /// `alone` is a join of which the user's connections are no part: each comes by itself.
    pub(super) fn on_join(&mut self, origin: ConnKey, user: Arc<str>, room: Arc<str>, alone: bool) {
        let Some(record) = self.homes.users.get_mut(&user) else {
            self.give_up(&room, &user);
            return self.tell(origin.shard, PeerFrame::Done { origin });
        };
        if !record.rooms.contains(&room) {
            if record.rooms.len() >= ROOMS_PER_USER_MAX {
                self.give_up(&room, &user);
                return self.tell(origin.shard, PeerFrame::Full { origin });
            }
            push_sole(&mut record.rooms, Arc::clone(&room));
        }
        self.count_late(&room, &user);
        match alone {
            true => self.tell(origin.shard, PeerFrame::Done { origin }),
            false => self.start_job(origin, &user, &room, true),
        }
    }

    pub(super) fn on_leave(&mut self, origin: ConnKey, user: Arc<str>, room: Arc<str>) {
        if let Some(record) = self.homes.users.get_mut(&user) {
            record.rooms.retain(|other| *other != room);
        }
        self.strike_late(&room, &user);
        self.depart(&room, &user);
        self.start_job(origin, &user, &room, false);
    }

    /// Sends a join or leave to every shard of the user; the last answer ends it.
    pub(super) fn start_job(
        &mut self,
        origin: ConnKey,
        user: &Arc<str>,
        room: &Arc<str>,
        join: bool,
    ) {
        let shards = self.homes.users.get(user).map(|record| record.shards()).unwrap_or_default();
        if shards.is_empty() {
            return self.tell(origin.shard, PeerFrame::Done { origin });
        }
        let home = self.id;
        let job = self.homes.jobs.insert(Job { origin, remaining: shards.len() }) as u32;
        for shard in shards.iter() {
            let (user, room) = (Arc::clone(user), Arc::clone(room));
            self.tell(
                shard,
                match join {
                    true => PeerFrame::Enroll { user, room, home, job },
                    false => PeerFrame::Expel { user, room, home, job },
                },
            );
        }
    }

    pub(super) fn on_enrolled(&mut self, job: u32) {
        let Some(entry) = self.homes.jobs.get_mut(job as usize) else { return };
        entry.remaining -= 1;
        if entry.remaining == 0 {
            let origin = self.homes.jobs.remove(job as usize).origin;
            self.tell(origin.shard, PeerFrame::Done { origin });
        }
    }

    pub(super) fn on_to_user(&mut self, user: &str, frame: &FrameRef) {
        let Some((user, record)) = self.homes.users.get_key_value(user) else {
            return self.counters.undelivered.add(1);
        };
        let user = Arc::clone(user);
        for shard in record.shards().iter() {
            let (user, frame) = (Arc::clone(&user), FrameRef::clone(frame));
            self.tell(shard, PeerFrame::DeliverUser { user, frame });
        }
    }

    pub(super) fn on_watch(&mut self, room: Arc<str>, local: RoomKey, shard: ShardId) {
        let record = self.home_room(room);
        record.watchers.retain(|(other, _)| *other != shard);
        push_sole(&mut record.watchers, (shard, local));
        self.tell(shard, PeerFrame::Watched { local });
    }

    pub(super) fn on_unwatch(&mut self, room: &Arc<str>, shard: ShardId) {
        let Some(record) = self.homes.rooms.get_mut(room) else { return };
        record.watchers.retain(|(other, _)| *other != shard);
        self.let_go_home_room(room);
    }

    /// Sends a message of a room to every shard with members: the room's one order.
    pub(super) fn publish_here(&mut self, room: &str, frame: FrameRef) {
        self.publish_one(room, frame, true);
    }

    /// The same; `keeps` says whether the message goes into the room's history, where it has one.
    #[inline(always)]
    pub(super) fn publish_one(&mut self, room: &str, frame: FrameRef, keeps: bool) {
        let Some(record) = self.homes.rooms.get_mut(room) else {
            return match keeps {
                true => self.publish_to_nobody(room, frame, None),
                false => self.counters.undelivered.add(1),
            };
        };
        if let Some(bounds) = &mut record.bounds {
            if !bounds.take(self.now.mono_ns) {
                return self.counters.room_limited.add(1);
            }
            if keeps && bounds.history.is_some() {
                return self.publish_kept(room, frame, None);
            }
        }
        let here = record.local_part(self.id);
        if self.engine.settings.transport.compression.enabled {
            return self.publish_deflated(room, here, frame);
        }
        tell_watchers(record, &mut self.mesh, self.id, |local| {
            let (frame, deflated) = (FrameRef::clone(&frame), None);
            PeerFrame::Deliver { local, frame, deflated }
        });
        if let Some(local) = here {
            self.deliver(local, frame, None);
        }
    }

    /// Sends a message that has passed the room's bounds and has its place.
    pub(super) fn fan_out(&mut self, room: &str, frame: FrameRef, aside: Option<&Aside>) {
        let Some(record) = self.homes.rooms.get(room) else { return };
        let here = record.local_part(self.id);
        let Some(aside) = aside else {
            return self.publish_deflated(room, here, frame);
        };
        tell_watchers(record, &mut self.mesh, self.id, |local| {
            let (frame, aside) = (FrameRef::clone(&frame), aside.clone());
            PeerFrame::DeliverWith { local, frame, aside }
        });
        if let Some(local) = here {
            self.deliver_with(local, frame, aside);
        }
    }

    /// The same where members may want it deflated: this shard first, so that what it deflates goes
    /// along to the others. They get it no later, because peers are told at the end of a turn; and
    /// nobody is cut before they are told, because a hook of its end may send to this room.
    fn publish_deflated(&mut self, room: &str, here: Option<RoomKey>, frame: FrameRef) {
        self.hooks_running += 1;
        let made = here.and_then(|local| self.deliver(local, FrameRef::clone(&frame), None));
        self.hooks_running -= 1;
        let Some(record) = self.homes.rooms.get(room) else { return };
        tell_watchers(record, &mut self.mesh, self.id, |local| {
            let (frame, deflated) = (FrameRef::clone(&frame), made.clone());
            PeerFrame::Deliver { local, frame, deflated }
        });
        self.cut_overflowed();
    }
}

/// Says something to every other shard with members.
#[inline(always)]
pub(super) fn tell_watchers(
    record: &HomeRoom,
    mesh: &mut Mesh,
    own: ShardId,
    frame: impl Fn(RoomKey) -> PeerFrame,
) {
    for &(shard, local) in record.watchers.iter().filter(|(shard, _)| *shard != own) {
        mesh.push(shard, frame(local));
    }
}
