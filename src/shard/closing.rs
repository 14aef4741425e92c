//! How connections end: close handshake, policy, protocol errors, hang-ups, and what they leave.
//!
//! ```text
//! Open -> Closing   our close frame is out, the peer's is awaited   (disconnect)
//! Open -> Lingering the last word is said; flush, half-close, drain (their close, protocol error)
//! any  -> Gone      cut: the socket is closed as soon as it can be  (hang-up, timeouts)
//! ```
//!
//! Invariants: a connection leaves its rooms and its user at the first step towards its end, so
//! nothing is delivered to it afterwards; a slot is freed only in `forget`.

use std::sync::Arc;

use super::{Io, Shard};
use crate::disconnect::Disconnect;
use crate::ids::ConnKey;
use crate::limits::{CONTROL_FRAMES_PER_TICK_MAX, LINGER_NS};
use crate::reserve::fit;
use crate::shard::peer::PeerFrame;
use crate::state::conns::{Deflate, Phase};
use crate::state::meters::Meters;
use crate::ws::header::Opcode;
use crate::ws::{ProtocolError, close, header};

/// Reasons that hooks are told where the server did not end the connection.
const CLIENT_CLOSED: &str = "closed";
const CLIENT_LOST: &str = "lost";

impl Shard {
    /// The server's policy ends the connection: say why, then wait for the peer's close frame.
    pub(super) fn disconnect(&mut self, slot: u32, why: Disconnect) {
        self.close(slot, why, why.code(), why.reason());
    }

    /// The same with the code and reason of a step.
    pub(super) fn disconnect_with(&mut self, slot: u32, code: u16, reason: &str) {
        self.close(slot, Disconnect::Policy, code, reason);
    }

    fn close(&mut self, slot: u32, why: Disconnect, code: u16, reason: &str) {
        if self.phase(slot) == Phase::Open {
            self.ending(slot, reason);
        }
        if self.phase(slot) != Phase::Open {
            return;
        }
        self.counters.disconnected(why);
        self.leave(slot);
        if matches!(why, Disconnect::SlowReader | Disconnect::WriteTimeout) {
            let dropped = self.outboxes.clear_lane(slot);
            self.counters.dropped_frames.add(u64::from(dropped));
        }
        self.queue_close(slot, Some(code), reason);
        let due_ns = self.now.mono_ns + self.engine.settings.transport.close_timeout_ns;
        self.enter(slot, Phase::Closing, due_ns);
    }

    /// The peer broke a rule: close code, flush, end (RFC 6455 section 7.1.7).
    pub(super) fn fail(&mut self, slot: u32, error: ProtocolError) {
        self.counters.failed(error);
        if self.phase(slot) == Phase::Open {
            self.queue_close(slot, Some(error.code()), error.reason());
        }
        self.linger(slot, LINGER_NS);
    }

    /// The peer's close frame: answer it, or see ours answered (section 5.5.1).
    pub(super) fn on_close(&mut self, slot: u32, code: Option<u16>) {
        if self.phase(slot) == Phase::Open {
            self.queue_close(slot, code, "");
        }
        self.linger(slot, LINGER_NS);
    }

    pub(super) fn on_ping(&mut self, slot: u32, payload: &[u8]) {
        if self.phase(slot) != Phase::Open {
            return;
        }
        match self.count_control(slot) {
            true => self.queue_control(slot, Opcode::Pong, payload),
            false => self.disconnect(slot, Disconnect::ControlFlood),
        }
    }

    pub(super) fn on_pong(&mut self, slot: u32) {
        if let Some(conn) = self.conns.get_mut(slot) {
            conn.ping_out = false;
        }
    }

    /// Counts answered control frames; the count starts again at every tick of the wheel.
    fn count_control(&mut self, slot: u32) -> bool {
        let tick = (self.now.mono_ns / crate::limits::TIMER_TICK_NS) as u16;
        let Some(conn) = self.conns.get_mut(slot) else { return false };
        if conn.control_tick != tick {
            conn.control_tick = tick;
            conn.control_frames = 0;
        }
        conn.control_frames += 1;
        conn.control_frames <= CONTROL_FRAMES_PER_TICK_MAX
    }

    /// Everything is said: flush, then half-close, then wait for the peer to go.
    pub(super) fn linger(&mut self, slot: u32, linger_ns: u64) {
        if self.phase(slot) == Phase::Open {
            self.ending(slot, CLIENT_CLOSED);
        }
        if matches!(self.phase(slot), Phase::Lingering | Phase::Gone) {
            return;
        }
        self.leave(slot);
        self.enter(slot, Phase::Lingering, self.now.mono_ns + linger_ns);
        self.outboxes.end_lane(slot);
        self.finish_if_flushed(slot);
    }

    /// Half-closes a lingering connection once nothing is left to send; an open one has waited for
    /// that to come into a room.
    pub(super) fn finish_if_flushed(&mut self, slot: u32) {
        if self.phase(slot) == Phase::Open {
            return self.flushed(slot);
        }
        if self.phase(slot) != Phase::Lingering || !self.outboxes.is_idle(slot) {
            return;
        }
        match self.conns.get(slot).is_some_and(|conn| conn.peer_done) {
            true => self.cut(slot),
            false => self.io.push_back(Io::Finish(slot)),
        }
    }

    /// Ends the connection without another word.
    pub(super) fn cut(&mut self, slot: u32) {
        if self.phase(slot) == Phase::Open {
            self.ending(slot, CLIENT_LOST);
        }
        if matches!(self.phase(slot), Phase::Gone) || self.conns.get(slot).is_none() {
            return;
        }
        self.leave(slot);
        self.outboxes.clear_lane(slot);
        self.wheel.cancel(slot);
        if let Some(conn) = self.conns.get_mut(slot) {
            conn.phase = Phase::Gone;
            conn.unread = Vec::new();
        }
        self.io.push_back(Io::Close(slot));
    }

    /// Frees the slot.
    pub(super) fn forget(&mut self, slot: u32) {
        self.leave(slot);
        self.outboxes.clear_lane(slot);
        self.outboxes.sent(slot);
        self.wheel.cancel(slot);
        self.sessions.forget(slot);
        let Some(conn) = self.conns.remove(slot) else { return };
        self.counters.connections.sub(1);
        match conn.in_gate {
            true => self.engine.gate.leave(conn.ip),
            false => self.refused_lingering = self.refused_lingering.saturating_sub(1),
        }
    }

    /// Leaves holds, rooms and the user; idempotent.
    fn leave(&mut self, slot: u32) {
        self.give_up_arrival(slot);
        self.unhold(slot);
        self.unseat_all(slot);
        self.leave_user(slot, true);
        if let Some(conn) = self.conns.get_mut(slot) {
            conn.deflate = Deflate::Off;
        }
    }

    /// Takes the connection off its user; tells the user's home unless it knows.
    pub(super) fn leave_user(&mut self, slot: u32, tell: bool) {
        let Some(conn) = self.conns.get_mut(slot) else { return };
        let Some(id) = conn.user.take() else { return };
        let place = conn.user_place as usize;
        let Some(key) = self.conns.key(slot) else { return };
        let Some(user) = self.users.get_mut(id) else { return };
        let name = user.name.clone();
        user.conns.swap_remove(place);
        fit(&mut user.conns);
        if let Some(&moved) = user.conns.get(place)
            && let Some(other) = self.conns.get_mut(moved)
        {
            other.user_place = place as u32;
        }
        let last = user.conns.is_empty();
        let meters = if last { self.users.remove(id) } else { None };
        self.counters.users.set(self.users.len() as u64);
        self.unbind(key, name, meters, tell);
    }

    /// What was lent to this shard goes back with the last connection, also where the home need not
    /// be told of that one.
    fn unbind(&mut self, conn: ConnKey, user: Arc<str>, meters: Option<Meters>, tell: bool) {
        match meters {
            Some(meters) if !tell => self.give_back(user, meters),
            meters if tell => {
                let home = self.home_of(&user);
                self.tell(home, PeerFrame::Unbind { conn, user, meters });
            }
            _ => {}
        }
    }

    fn enter(&mut self, slot: u32, phase: Phase, due_ns: u64) {
        let Some(conn) = self.conns.get_mut(slot) else { return };
        conn.phase = phase;
        conn.due_ns = due_ns;
        let resume = std::mem::take(&mut conn.paused);
        match phase {
            // The peer's close frame may be among what was not looked at yet.
            Phase::Closing => self.to_read.push(slot),
            _ => conn.unread = Vec::new(),
        }
        if resume {
            self.io.push_back(Io::Resume(slot));
        }
        self.arm(slot);
    }

    fn queue_close(&mut self, slot: u32, code: Option<u16>, reason: &str) {
        self.outboxes.admit_messages(slot, false);
        self.queue_bytes(slot, |out| close::encode(out, code, reason));
    }

    pub(super) fn queue_control(&mut self, slot: u32, opcode: Opcode, payload: &[u8]) {
        self.queue_bytes(slot, |out| header::encode_control(out, opcode, payload));
    }
}
