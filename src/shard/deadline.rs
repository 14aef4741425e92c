//! Time: one wheel entry per connection, set to the earliest thing that may be due.
//!
//! Activity only stores a time stamp; the entry is looked at when it fires and set again, so a busy
//! connection costs the wheel nothing.
//!
//! Invariants: every connection that is not `Gone` or `HandingOff` has an entry.

use std::cmp::Reverse;

use super::Shard;
use crate::disconnect::Disconnect;
use crate::settings::Transport;
use crate::state::conns::{Conn, Phase};
use crate::ws::header::Opcode;

const MS_NS: u64 = 1_000_000;

impl Shard {
    /// Fires everything that is due.
    pub(super) fn expire(&mut self) {
        let mut fired = std::mem::take(&mut self.fired);
        self.wheel.expire(self.now.mono_ns, &mut fired);
        for slot in fired.drain(..) {
            self.on_timer(slot);
        }
        self.fired = fired;
        self.outboxes.wake_due(self.now.mono_ns);
        self.expire_users();
        self.expire_conflated();
        self.expire_calls();
        self.expire_guests();
        self.expire_presence();
        self.homes.sweep(self.now.mono_ns);
        self.drain_some();
        self.trim_if_due();
        self.journal.tell_round(self.id, self.now, &self.rooms);
    }

    /// Sets the connection's entry to the earliest thing that may be due.
    pub(super) fn arm(&mut self, slot: u32) {
        let Some(conn) = self.conns.get(slot) else { return };
        let due_ns = match conn.phase {
            Phase::Open => {
                next_due_ns(conn, &self.engine.settings.transport).min(self.write_due_ns(slot))
            }
            _ => conn.due_ns,
        };
        if due_ns < u64::MAX {
            self.wheel.set(slot, due_ns);
        }
    }

    /// Gives the connections whose send is stuck an entry for the write timeout.
    pub(super) fn watch_stalled(&mut self) {
        while let Some(slot) = self.outboxes.next_stalled() {
            if self.phase(slot) == Phase::Open {
                self.arm(slot);
            }
        }
    }

    /// When a send that others wait for will have been stuck for too long.
    fn write_due_ns(&self, slot: u32) -> u64 {
        let stuck_ms = self.outboxes.in_flight_ms(slot, self.now.mono_ns);
        match stuck_ms.filter(|_| self.outboxes.is_stalled(slot)) {
            Some(stuck_ms) => {
                let timeout_ns = self.engine.settings.transport.write_timeout_ns;
                self.now.mono_ns + timeout_ns.saturating_sub(u64::from(stuck_ms) * MS_NS)
            }
            None => u64::MAX,
        }
    }

    fn on_timer(&mut self, slot: u32) {
        match self.phase(slot) {
            Phase::Head => self.refuse_timed_out(slot),
            Phase::Open => self.on_open_timer(slot),
            Phase::Binding | Phase::Closing | Phase::Lingering => self.cut(slot),
            Phase::HandingOff | Phase::Gone => {}
        }
    }

    fn on_open_timer(&mut self, slot: u32) {
        let now_ns = self.now.mono_ns;
        let Some(conn) = self.conns.get(slot) else { return };
        let transport = &self.engine.settings.transport;
        let quiet_ns = now_ns.saturating_sub(conn.heard_ns);
        let stuck_ms = self.outboxes.in_flight_ms(slot, now_ns).unwrap_or(0);
        let past = |limit_ns: u64, elapsed_ns: u64| limit_ns > 0 && elapsed_ns >= limit_ns;
        let answer_due = conn.ping_out && now_ns >= conn.due_ns;
        if answer_due && conn.heard_ns + transport.pong_timeout_ns <= conn.due_ns {
            return self.disconnect(slot, Disconnect::PongTimeout);
        }
        if past(transport.read_timeout_ns, quiet_ns) {
            return self.disconnect(slot, Disconnect::ReadTimeout);
        }
        if past(transport.write_timeout_ns, u64::from(stuck_ms) * MS_NS) {
            return self.disconnect(slot, Disconnect::WriteTimeout);
        }
        if past(transport.ping_interval_ns, quiet_ns) && (!conn.ping_out || answer_due) {
            self.send_ping(slot);
        }
        self.arm(slot);
    }

    fn send_ping(&mut self, slot: u32) {
        let due_ns = self.now.mono_ns + self.engine.settings.transport.pong_timeout_ns;
        if let Some(conn) = self.conns.get_mut(slot) {
            conn.ping_out = true;
            conn.due_ns = due_ns;
        }
        self.queue_control(slot, Opcode::Ping, &[]);
    }

    /// Users without connections whose record is not needed any more.
    fn expire_users(&mut self) {
        while self.fading.peek().is_some_and(|Reverse((due, _))| *due <= self.now.mono_ns) {
            let Some(Reverse((_, user))) = self.fading.pop() else { return };
            if let Some(record) = self.homes.users.get_mut(&user) {
                record.fading = false;
            }
            self.fade(user);
        }
    }
}

/// The earliest thing that may be due on an open connection.
fn next_due_ns(conn: &Conn, transport: &Transport) -> u64 {
    let after = |limit_ns: u64| match limit_ns {
        0 => u64::MAX,
        limit_ns => conn.heard_ns.saturating_add(limit_ns),
    };
    // Any byte heard since the ping proves as much as the pong does.
    let unanswered = conn.ping_out && conn.heard_ns + transport.pong_timeout_ns <= conn.due_ns;
    let keepalive = match unanswered {
        true => conn.due_ns,
        false => after(transport.ping_interval_ns),
    };
    keepalive.min(after(transport.read_timeout_ns))
}
