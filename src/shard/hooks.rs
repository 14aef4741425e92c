//! Hooks: pipelines that run because something happened, not because of a message.
//!
//! Invariants: a hook runs at most once for what it is about; while one runs, connections whose
//! outbox ran over are only noted, so that hooks of many ends never nest. Called by `admit`,
//! `closing` and `seating`.

use super::Shard;
use super::subject::Subject;
use super::turn::Start;
use crate::envelope::{Envelope, Slot};
use crate::pipeline::About;
use crate::pipeline::effect::Effects;
use crate::pipeline::program::Hook;
use crate::pipeline::vm::Outcome;
use crate::reject::Reject;
use crate::settings::Membership;
use crate::state::frames::FrameType;

impl Shard {
    /// Runs a hook for a connection, if there is one.
    pub(super) fn run_hook(&mut self, slot: u32, hook: Hook, about: &About<'_>) {
        let Some(event) = self.engine.program.hook(hook) else { return };
        let nothing = (&b"{}"[..], Slot::MISSING);
        let (outcome, mut effects) = self.run_apart(slot, event, nothing, about);
        if let Outcome::Rejected(reject, _) = outcome {
            effects.refused = Some(reject);
        }
        self.hooks_running += 1;
        self.apply(slot, effects, Subject::NOTHING);
        self.hooks_running -= 1;
        self.cut_overflowed();
    }

    /// Runs an event that no message named; the envelope of the message at hand stays as it is.
    pub(super) fn run_apart(
        &mut self,
        slot: u32,
        start: impl Start,
        (message, id): (&[u8], Slot),
        about: &About<'_>,
    ) -> (Outcome, Effects) {
        let mut effects = Effects::default();
        let apart = Envelope { id, ..Envelope::default() };
        let envelope = std::mem::replace(&mut self.envelope, apart);
        let slots = std::mem::take(&mut self.slots);
        let kind = FrameType::Text;
        let outcome = self.run_event(slot, start, kind, message, 0, about, &mut effects).0;
        (self.envelope, self.slots) = (envelope, slots);
        (outcome, effects)
    }

    /// Whether the rules of the room's class let this connection in.
    pub(super) fn may_join(&mut self, slot: u32, room: &str) -> Result<(), Reject> {
        let program = &self.engine.program;
        if program.rooms.is_empty() {
            return Ok(());
        }
        let class = self.rooms.class_of(room);
        let rules = class.and_then(|class| program.rooms.get(usize::from(class.0)));
        let Some(event) = rules.and_then(|rules| rules.join) else { return Ok(()) };
        if let Some(class) = class {
            self.rooms.variables_of(class, room, &mut self.room_variables);
        }
        let about = About { room, ..About::default() };
        let (outcome, effects) = self.run_apart(slot, event, (b"{}", Slot::MISSING), &about);
        match outcome {
            Outcome::Rejected(reject, _) => {
                self.refused_by = effects.by;
                Err(reject)
            }
            _ => Ok(()),
        }
    }

    pub(super) fn has_room_hooks(&self) -> bool {
        let program = &self.engine.program;
        program.hook(Hook::Join).or(program.hook(Hook::Leave)).is_some()
    }

    pub(super) fn is_member(&self, slot: u32, room: &str) -> bool {
        let room = self.rooms.find(room);
        let conn = self.conns.get(slot);
        conn.zip(room).is_some_and(|(conn, room)| conn.seats.iter().any(|seat| seat.room == room))
    }

    /// A join or leave that the connection asked for is done.
    pub(super) fn moved(&mut self, slot: u32, room: &str, joined: bool) {
        let (hook, reason) = match joined {
            true => (Hook::Join, "joined"),
            false => (Hook::Leave, "left"),
        };
        self.run_hook(slot, hook, &About { room, reason, ..About::default() });
    }

    /// The connection is open: its first message comes behind this.
    pub(super) fn opened(&mut self, slot: u32) {
        self.note_opened(slot);
        self.run_hook(slot, Hook::Connect, About::NOTHING);
    }

    /// The connection ends; its rooms, its user and its variables are still there.
    pub(super) fn ending(&mut self, slot: u32, reason: &str) {
        self.note_closed(slot, reason);
        let program = &self.engine.program;
        let wanted = program.hook(Hook::Disconnect).or(program.hook(Hook::Leave)).is_some();
        let Some(conn) = self.conns.get_mut(slot).filter(|_| wanted) else { return };
        if conn.ended || conn.user.is_none() {
            return;
        }
        conn.ended = true;
        self.run_hook(slot, Hook::Disconnect, &About { reason, ..About::default() });
        self.leave_hooks(slot, reason);
    }

    /// `leave` of the rooms that the connection itself is a member of; a user's rooms end at its
    /// home (`absent`).
    fn leave_hooks(&mut self, slot: u32, reason: &str) {
        if self.engine.program.hook(Hook::Leave).is_none() {
            return;
        }
        let seats = self.conns.get(slot).map(|conn| conn.seats.clone()).unwrap_or_default();
        for seat in seats {
            let Some(room) = self.rooms.get(seat.room) else { continue };
            if self.rooms.membership_of(room.class) == Membership::Connection {
                let name = std::sync::Arc::clone(&room.name);
                let about = About { room: &name, reason, ..About::default() };
                self.run_hook(slot, Hook::Leave, &about);
            }
        }
    }
}
