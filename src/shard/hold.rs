//! What a connection waits for while another shard answers, and how it goes on.
//!
//! Invariants: at most one hold per connection; whatever the client sent meanwhile is in
//! `conn.unread` and is read, in order, when the hold ends.

use super::subject::Subject;
use super::{Io, Shard};
use crate::ids::{ConnKey, LimitId};
use crate::pipeline::effect::Effects;
use crate::reject::Reject;
use crate::state::conns::Phase;
use crate::state::frames::FrameType;
use crate::ws::Negotiated;

/// What is awaited.
#[derive(Debug)]
pub(super) enum Hold {
    /// The user's home, and then the homes of the user's rooms. The 101 is ready.
    Binding { response: Vec<u8>, deflate: Option<Negotiated>, watches: u32 },
    /// A join or leave that may be answered at once: the effects are still in the hands of `apply`.
    Asked,
    /// It was answered at once, with no.
    Refused,
    /// A join or leave; then the rest of the effects.
    Effects(Effects),
    /// The verdict of a limit, the one after `granted` others that let the message pass; then it
    /// runs again.
    Message { kind: FrameType, bytes: Vec<u8>, granted: u16, limit: LimitId },
}

impl Shard {
    pub(super) fn hold(&mut self, slot: u32, hold: Hold) {
        let at = self.holds.insert(hold) as u32;
        if let Some(conn) = self.conns.get_mut(slot) {
            conn.hold = Some(at);
        }
    }

    pub(super) fn unhold(&mut self, slot: u32) -> Option<Hold> {
        let at = self.conns.get_mut(slot)?.hold.take()?;
        self.holds.try_remove(at as usize)
    }

    fn replace_hold(&mut self, slot: u32, with: Hold) {
        if let Some(hold) = self.hold_mut(slot) {
            *hold = with;
        }
    }

    pub(super) fn hold_mut(&mut self, slot: u32) -> Option<&mut Hold> {
        let at = self.conns.get(slot)?.hold?;
        self.holds.get_mut(at as usize)
    }

    /// A join or leave is done on every shard.
    pub(super) fn on_done(&mut self, origin: ConnKey) {
        let Some(slot) = self.conns.resolve(origin) else { return };
        match self.unhold(slot) {
            Some(Hold::Effects(effects)) => {
                let event = effects.text(&effects.event).to_owned();
                let id = effects.text(&effects.id).to_owned();
                let subject = Subject { event: event.as_bytes(), id: id.as_bytes() };
                self.apply_rest(slot, effects, subject);
                self.to_read.push(slot);
            }
            Some(Hold::Asked) | None => {}
            Some(other) => self.hold(slot, other),
        }
    }

    /// A join was refused: the user is in too many rooms.
    pub(super) fn on_full(&mut self, origin: ConnKey) {
        let Some(slot) = self.conns.resolve(origin) else { return };
        match self.hold_mut(slot) {
            Some(Hold::Asked) => self.replace_hold(slot, Hold::Refused),
            Some(Hold::Effects(effects)) => {
                // Nothing behind the join happens.
                effects.list.clear();
                effects.refused = Some(Reject::Overloaded);
                self.on_done(origin);
            }
            _ => {}
        }
    }

    /// Reads what came while the connection was held.
    fn read_on(&mut self, slot: u32) {
        let Some(conn) = self.conns.get_mut(slot) else { return };
        if conn.hold.is_some() || !matches!(conn.phase, Phase::Open | Phase::Closing) {
            return;
        }
        if self.mesh.is_backlogged() {
            return self.to_read.push(slot);
        }
        let mut unread = std::mem::take(&mut conn.unread);
        if std::mem::take(&mut conn.paused) {
            self.io.push_back(Io::Resume(slot));
        }
        self.read_frames(slot, &mut unread);
        self.spares.give(unread);
    }

    /// Reads on where a hold ended or the mesh's backlog is gone. Never from inside another
    /// connection's message: one that frees a thousand held ones must not nest a thousand runs.
    pub(super) fn read_waiting(&mut self) {
        let mut next = 0;
        while !self.mesh.is_backlogged()
            && let Some(&slot) = self.to_read.get(next)
        {
            next += 1;
            self.read_on(slot);
        }
        self.to_read.drain(..next);
    }
}
