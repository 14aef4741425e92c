//! Members who are in when a reload changes the rules of their room (`rooms.*.join.recheck`).
//!
//! ```text
//!   member's shard               user's home
//!        | the rules are asked
//!        | -- PutOut -------------> |   of a room whose members are users
//!        | <----------------- Expel | (to each shard of the user)
//!        | <----------------- IsOut |   the `leave` hook
//! ```
//!
//! Invariants: each member connection is asked once for each change, so many a turn, by the rules
//! that hold then; whoever joins meanwhile was asked by the same rules. A user goes where one of
//! its connections would not get in, and goes once, however many would not: its home decides.
//! Called by `reload` (what to ask) and `end_turn` (asking).

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use super::Shard;
use super::absent::nobody;
use super::peer::PeerFrame;
use super::reload::Edition;
use super::subject::Subject;
use crate::ids::{ConnKey, RoomClassId};
use crate::limits::RECHECKS_PER_TURN_MAX;
use crate::pipeline::denial::Denial;
use crate::pipeline::program::{Hook, Program};
use crate::pipeline::{About, sameness};
use crate::settings::{Membership, Recheck, RoomClass};
use crate::state::conns::Phase;
use crate::state::frames::FrameRef;
use crate::state::rooms::RoomKey;

/// Why a member goes, as its `leave` hook is told.
const REASON: &str = "denied";

/// A room whose members are to be asked.
pub(super) struct Rechecked {
    room: RoomKey,
    /// Members before this place have not been asked. A place that somebody leaves is filled with
    /// the last member, and those in front stay in front: nobody is missed.
    left: u32,
}

impl Shard {
    /// Notes the rooms whose rules are not those of the edition before; they still have its
    /// classes.
    pub(super) fn plan_rechecks(&mut self, old: &Edition) {
        let settings = Arc::clone(&self.engine.settings);
        if settings.rooms.iter().all(|class| class.recheck == Recheck::None) {
            return;
        }
        let program = Arc::clone(&self.engine.program);
        let mut known: HashMap<(Option<RoomClassId>, RoomClassId), bool> = HashMap::new();
        let mut anew: BTreeSet<RoomKey> = BTreeSet::new();
        for (room, one) in self.rooms.iter() {
            let Some(class) = self.rooms.class_of(&one.name) else { continue };
            let changed = *known.entry((one.class, class)).or_insert_with(|| {
                let before = (&*old.program, old.settings.rooms.as_slice(), one.class);
                asks_anew(before, (&program, &settings.rooms, class))
            });
            if changed {
                anew.insert(room);
            }
        }
        self.rechecks.retain(|other| !anew.contains(&other.room));
        self.rechecks.extend(anew.into_iter().map(|room| Rechecked { room, left: u32::MAX }));
    }

    /// Asks as many members as one turn may.
    pub(super) fn recheck_some(&mut self) {
        for _ in 0..RECHECKS_PER_TURN_MAX {
            let Some(next) = self.rechecks.last_mut() else { return };
            // What is queued here goes out in a turn that comes for it.
            self.sends_to_follow = true;
            let room = self.rooms.resolve(next.room);
            let members = room.and_then(|room| self.rooms.get(room)).map(|room| &room.members);
            let asked = members.map_or(0, Vec::len).min(next.left as usize).checked_sub(1);
            let slot = asked.and_then(|place| members?.get(place).copied());
            match (room, slot) {
                (Some(room), Some(slot)) => {
                    next.left = asked.unwrap_or_default() as u32;
                    self.recheck(slot, room);
                }
                _ => drop(self.rechecks.pop()),
            }
        }
    }

    fn recheck(&mut self, slot: u32, room: u32) {
        let Some(one) = self.rooms.get(room) else { return };
        let (name, class) = (Arc::clone(&one.name), one.class);
        let class = class.and_then(|class| self.engine.settings.rooms.get(usize::from(class.0)));
        let mode = class.map(|class| class.recheck).unwrap_or_default();
        if self.phase(slot) != Phase::Open || mode == Recheck::None {
            return;
        }
        let Err(reject) = self.may_join(slot, &name) else { return };
        let program = Arc::clone(&self.engine.program);
        let by = std::mem::take(&mut self.refused_by);
        let denial = Denial::of(&program, by, reject);
        let (user, id) = (self.user_of(slot).unwrap_or_default(), denial.id());
        let (user, room_name, id, enforced) =
            (&*user, &*name, id.as_str(), mode == Recheck::Enforce);
        tracing::info!(target: "shardwire::recheck", user, room = room_name, id, enforced);
        match mode {
            Recheck::Enforce => self.put_out(slot, room, &name, &denial),
            _ => self.counters.would_take_out.add(1),
        }
    }

    /// Takes a member out who would not get in now.
    fn put_out(&mut self, slot: u32, room: u32, name: &Arc<str>, denial: &Denial<'_>) {
        let Some(conn) = self.conns.key(slot) else { return };
        let subject = Subject { room: name, ..Subject::NOTHING };
        let told = self.refusal(slot, denial, subject, Default::default());
        match self.rooms.membership_of(self.rooms.class_of(name)) {
            Membership::Connection => {
                self.unseat(slot, room);
                self.give_up(name, &conn.to_string());
                if let Some(frame) = told {
                    self.queue_own(slot, frame);
                }
                self.on_is_out(conn, name);
            }
            Membership::User => {
                let Some(user) = self.user_of(slot) else { return };
                let (home, room) = (self.home_of(&user), Arc::clone(name));
                self.tell(home, PeerFrame::PutOut { conn, user, room, told });
            }
        }
    }

    /// At the user's home: one of its connections would not get into the room now.
    pub(super) fn on_put_out(
        &mut self,
        conn: ConnKey,
        user: &Arc<str>,
        room: Arc<str>,
        told: Option<FrameRef>,
    ) {
        let Some(record) = self.homes.users.get_mut(user) else { return };
        let rooms = record.rooms.len();
        record.rooms.retain(|other| *other != room);
        if record.rooms.len() == rooms {
            return;
        }
        self.give_up(&room, user);
        self.depart(&room, user);
        if let Some(frame) = told {
            self.on_to_user(user, &frame);
        }
        self.start_job(nobody(self.id), user, &room, false);
        self.tell(conn.shard, PeerFrame::IsOut { conn, room });
    }

    /// The member is out; its hook runs as if a step had done it.
    pub(super) fn on_is_out(&mut self, conn: ConnKey, room: &str) {
        self.counters.taken_out.add(1);
        if let Some(slot) = self.conns.resolve(conn) {
            let about = About { room, reason: REASON, ..About::default() };
            self.run_hook(slot, Hook::Leave, &about);
        }
    }
}

/// Whether the class asks for something that the class before it did not.
fn asks_anew(
    (old, old_classes, before): (&Program, &[RoomClass], Option<RoomClassId>),
    (new, classes, class): (&Program, &[RoomClass], RoomClassId),
) -> bool {
    let event = |program: &Program, class: RoomClassId| {
        program.rooms.get(usize::from(class.0)).and_then(|rules| rules.join)
    };
    let Some(rules) = event(new, class) else { return false };
    let wanted = classes.get(usize::from(class.0));
    if wanted.is_none_or(|class| class.recheck == Recheck::None) {
        return false;
    }
    let pattern = |classes: &[RoomClass], class: RoomClassId| {
        classes.get(usize::from(class.0)).map(|class| class.pattern.clone())
    };
    let same = before.is_some_and(|before| {
        // The same variables stand at the same places of the name.
        pattern(old_classes, before) == pattern(classes, class)
            && event(old, before).is_some_and(|before| sameness::same((old, before), (new, rules)))
    });
    !same
}
