//! What a connection waits for while another shard answers, and how it goes on.
//!
//! Invariants: at most one hold per connection; whatever the client sent meanwhile is in
//! `conn.unread` and is read, in order, when the hold ends.

use super::{Io, Shard};
use crate::ids::{ConnKey, LimitId};
use crate::pipeline::effect::Effects;
use crate::reject::Reject;
use crate::state::conns::{Deflate, Phase};
use crate::state::frames::FrameType;

/// What is awaited.
#[derive(Debug)]
pub(super) enum Hold {
    /// The user's home, and then the homes of the user's rooms. The 101 is ready.
    Binding { response: Vec<u8>, deflate: Deflate, watches: u32, bound: bool },
    /// A join or leave that may be answered at once: the effects are still in the hands of `apply`.
    Asked,
    /// A join or leave; then the effects go on at `next`.
    Effects { effects: Effects, next: usize },
    /// A limit's verdict; then the message runs again.
    Message { kind: FrameType, bytes: Vec<u8>, granted: Vec<LimitId> },
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

    pub(super) fn hold_mut(&mut self, slot: u32) -> Option<&mut Hold> {
        let at = self.conns.get(slot)?.hold?;
        self.holds.get_mut(at as usize)
    }

    /// A join or leave is done on every shard.
    pub(super) fn on_done(&mut self, origin: ConnKey) {
        let Some(slot) = self.conns.resolve(origin) else { return };
        match self.unhold(slot) {
            Some(Hold::Effects { effects, next }) => {
                self.apply(slot, effects, next);
                self.read_on(slot);
            }
            Some(Hold::Asked) | None => {}
            Some(other) => self.hold(slot, other),
        }
    }

    /// A limit's home has spoken.
    pub(super) fn on_taken(&mut self, origin: ConnKey, limit: LimitId, pass: bool) {
        let Some(slot) = self.conns.resolve(origin) else { return };
        match self.unhold(slot) {
            Some(Hold::Message { kind, bytes, mut granted }) => {
                match pass {
                    true => {
                        granted.push(limit);
                        self.run_message(slot, kind, &bytes, &mut granted);
                    }
                    false => self.reject_again(slot, Reject::RateLimited, &bytes),
                }
                self.read_on(slot);
            }
            Some(other) => self.hold(slot, other),
            None => {}
        }
    }

    /// Reads what came while the connection was held.
    pub(super) fn read_on(&mut self, slot: u32) {
        let Some(conn) = self.conns.get_mut(slot) else { return };
        let ready = conn.hold.is_none() && matches!(conn.phase, Phase::Open | Phase::Closing);
        if !ready || self.mesh.is_backlogged() {
            return;
        }
        let mut unread = std::mem::take(&mut conn.unread);
        if std::mem::take(&mut conn.paused) {
            self.io.push_back(Io::Resume(slot));
        }
        self.read_frames(slot, &mut unread);
    }

    /// Reads on where the mesh's backlog was the reason to stop.
    pub(super) fn resume_backlogged(&mut self) {
        if self.mesh.is_backlogged() {
            return;
        }
        for slot in std::mem::take(&mut self.backlogged) {
            self.read_on(slot);
        }
    }
}
