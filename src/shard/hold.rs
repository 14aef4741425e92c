//! What a connection waits for while another shard answers, and how it goes on.
//!
//! Invariants: at most one hold per connection; whatever the client sent meanwhile is in
//! `conn.unread` and is read, in order, when the hold ends.

use super::subject::Subject;
use super::{Io, Shard};
use crate::ids::{ConnKey, LimitId};
use crate::pipeline::By;
use crate::pipeline::effect::Effects;
use crate::pipeline::paused::Paused;
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
    Refused(Reject),
    /// A join or leave; then the rest of the effects.
    Effects(Effects),
    /// The verdict of a limit, the one after `granted` others that let the message pass; then it
    /// runs again.
    Message { kind: FrameType, bytes: Vec<u8>, granted: u16, limit: LimitId },
    /// What a run waits for; then it goes on.
    Run { serial: u32, paused: Box<Paused> },
    /// The named user's home, and then the homes of its rooms; then the run.
    Identifying { serial: u32, paused: Box<Paused>, watches: u32 },
}

/// What is awaited, and the edition in which it goes on.
#[derive(Debug)]
pub(super) struct Held {
    hold: Hold,
    generation: u32,
}

impl Shard {
    pub(super) fn hold(&mut self, slot: u32, hold: Hold) {
        let generation = self.generation;
        let at = self.holds.insert(Held { hold, generation }) as u32;
        self.count_hold(generation, true);
        if let Some(conn) = self.conns.get_mut(slot) {
            conn.hold = Some(at);
        }
    }

    /// Ends the hold; whoever goes on with it does so in the edition given with it, and then the
    /// editions are looked through.
    fn end_hold(&mut self, slot: u32) -> Option<Held> {
        let at = self.conns.get_mut(slot)?.hold.take()?;
        let held = self.holds.try_remove(at as usize)?;
        self.count_hold(held.generation, false);
        Some(held)
    }

    pub(super) fn unhold(&mut self, slot: u32) -> Option<Hold> {
        let held = self.end_hold(slot)?;
        if held.generation != self.generation {
            self.forget_editions();
        }
        Some(held.hold)
    }

    /// Ends the hold where it is one of these, and goes on with it in its edition.
    pub(super) fn resume(
        &mut self,
        slot: u32,
        is_one: impl FnOnce(&Hold) -> bool,
        go_on: impl FnOnce(&mut Shard, Hold),
    ) {
        if !self.hold_mut(slot).is_some_and(|hold| is_one(hold)) {
            return;
        }
        if let Some(Held { hold, generation }) = self.end_hold(slot) {
            self.in_edition(generation, |shard| go_on(shard, hold));
            self.to_read.push(slot);
        }
    }

    fn replace_hold(&mut self, slot: u32, with: Hold) {
        if let Some(hold) = self.hold_mut(slot) {
            *hold = with;
        }
    }

    pub(super) fn hold_mut(&mut self, slot: u32) -> Option<&mut Hold> {
        let at = self.conns.get(slot)?.hold?;
        self.holds.get_mut(at as usize).map(|held| &mut held.hold)
    }

    /// Homes that a connection on its way to its user waits for.
    pub(super) fn watches(&mut self, slot: u32) -> Option<&mut u32> {
        match self.hold_mut(slot)? {
            Hold::Binding { watches, .. } | Hold::Identifying { watches, .. } => Some(watches),
            _ => None,
        }
    }

    /// A join or leave is done on every shard.
    pub(super) fn on_done(&mut self, origin: ConnKey) {
        let Some(slot) = self.conns.resolve(origin) else { return };
        if matches!(self.hold_mut(slot), Some(Hold::Asked)) {
            // `apply` has the effects still, and sees that nothing is awaited any more.
            self.unhold(slot);
            return;
        }
        let is_one = |hold: &Hold| matches!(hold, Hold::Effects(_));
        self.resume(slot, is_one, |shard, hold| {
            if let Hold::Effects(effects) = hold {
                shard.go_on(slot, effects);
            }
        });
    }

    fn go_on(&mut self, slot: u32, mut effects: Effects) {
        effects.done(false);
        let event = effects.text(&effects.event).to_owned();
        let id = effects.text(&effects.id).to_owned();
        let subject = Subject { event: event.as_bytes(), id: id.as_bytes(), ..Subject::NOTHING };
        self.apply_rest(slot, effects, subject);
    }

    /// A join was refused: the user is in too many rooms, or the room is full.
    pub(super) fn on_full(&mut self, origin: ConnKey, reject: Reject) {
        let Some(slot) = self.conns.resolve(origin) else { return };
        match self.hold_mut(slot) {
            Some(Hold::Asked) => self.replace_hold(slot, Hold::Refused(reject)),
            Some(Hold::Effects(effects)) if effects.lenient => {
                effects.pass_over();
                self.counters.passed_over.add(1);
                self.on_done(origin);
            }
            Some(Hold::Effects(effects)) => {
                // Nothing behind the join happens.
                effects.list.clear();
                effects.refused = Some(reject);
                effects.by = By::Op(effects.at);
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
        self.go_on_at_once();
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
