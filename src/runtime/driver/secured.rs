//! The driver's part for connections that speak TLS: what `runtime::tls` decrypts goes to the
//! shard, what it encrypts to the ring, and failures end connections.
//!
//! Invariants: requests are made in `flush` only, so that a send asked for in a turn is submitted
//! with it. Called by `driver`.

use super::super::ring::Bytes;
use super::super::sockets::{Fate, Sending};
use super::Driver;
use crate::clock::Now;
use crate::tls::Fault;

impl Driver {
    /// A new connection speaks TLS.
    pub(super) fn begin_secured(&mut self, now: Now, slot: u32) {
        let Err(fault) = self.tls.begin(slot) else { return };
        tracing::error!(why = &*fault.why, "no TLS session for a new connection");
        self.shard.counters().tls_failed(fault.failure);
        self.shard.handle_hangup(now, slot);
    }

    /// The peer closed or reset its side of any connection.
    pub(super) fn hung_up(&mut self, now: Now, slot: u32) {
        let is_live = self.socket(slot).is_some_and(|socket| socket.fate == Fate::Live);
        if is_live && let Some(fault) = self.tls.hung_up(slot) {
            self.give_up_on(slot, &fault);
        }
        self.shard.handle_hangup(now, slot);
    }

    /// What a TLS connection received is decrypted.
    pub(super) fn hear_secured(&mut self, now: Now, slot: u32, received: Result<bool, Fault>) {
        let mut plain = std::mem::take(&mut self.tls.plain);
        if !plain.is_empty() {
            self.shard.handle_bytes(now, slot, &mut plain);
        }
        self.tls.plain = plain;
        match received {
            Ok(false) => {}
            Ok(true) => self.shard.handle_hangup(now, slot),
            Err(fault) => self.fail_secured(now, slot, &fault),
        }
    }

    fn fail_secured(&mut self, now: Now, slot: u32, fault: &Fault) {
        self.give_up_on(slot, fault);
        self.shard.handle_hangup(now, slot);
    }

    /// Counts and logs why a TLS connection failed, and tells the peer where nothing is in between:
    /// a last word that does not go out at once is not worth keeping a broken connection for.
    fn give_up_on(&mut self, slot: u32, fault: &Fault) {
        let words = self.tls.fail(slot, fault);
        let Some(socket) = self.socket(slot) else { return };
        let (peer, reason, why) = (socket.peer(), fault.failure.label(), &*fault.why);
        tracing::debug!(%peer, reason, why, "a TLS connection failed");
        if socket.sending == Sending::No {
            socket.say_at_once(&words);
        }
    }

    /// Encrypts and sends what TLS connections are owed.
    pub(super) fn send_secured(&mut self) -> std::io::Result<()> {
        let mut due = self.tls.take_due();
        for slot in due.drain(..) {
            let place = self.sockets.get_mut(slot as usize).and_then(Option::as_mut);
            let Some(socket) = place.filter(|socket| socket.fate == Fate::Live) else { continue };
            if socket.sending != Sending::No {
                // The end of that send makes it due again.
                self.tls.to_follow |= socket.sending == Sending::Now;
                continue;
            }
            match self.tls.fill(slot, self.shard.in_flight(slot)) {
                Ok(None) => {}
                Ok(Some(bytes)) => {
                    let bytes = Bytes::from(bytes);
                    socket.sending = Sending::Now;
                    self.sending.push(slot);
                    self.ring.send_now(socket.raw_fd(), slot, bytes)?;
                }
                Err(fault) => {
                    self.fail_secured(self.now, slot, &fault);
                    self.tls.to_follow = true;
                }
            }
        }
        self.tls.give_back_due(due);
        Ok(())
    }
}
