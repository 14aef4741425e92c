//! TLS of one shard's sockets, between the ring and the shard, which sees plain bytes only.
//!
//! ```text
//! received bytes -> receive -> plain bytes -> shard.handle_bytes
//! shard.poll_send -> owe; `due` -> fill: ciphertext in `out` -> ring -> sent -> shard.handle_sent
//! ```
//!
//! What the shard sends stays in its outbox until it is encrypted, so a handshake that is under way
//! needs no queue here, and a message that many are to get is encrypted for each when it leaves.
//!
//! Invariants: a slot without a session is plain, and costs a look past the end of a list where no
//! listener speaks TLS; `out` does not move while the ring sends it; ciphertext goes out in the
//! order it is made. Called by `driver`.

use std::sync::Arc;

use crate::limits::TLS_STEPS_PER_TURN;
use crate::shard::counters::Counters;
use crate::tls::{Acceptor, Failure, Fault, Session};

/// Buffers kept for the next sends, and what one of them may hold to be kept.
const SPARES_MAX: usize = 1_024;
const SPARE_BYTES_MAX: usize = 4_096;

/// Plain bytes of one receive that the shared buffer keeps room for.
const PLAIN_BYTES_KEPT: usize = 65_536;

/// One connection.
struct Secured {
    session: Session,
    /// What the ring sends, or empty.
    out: Vec<u8>,
    /// The shard's send waits to be encrypted.
    owes: bool,
    /// `out` ends with the shard's send.
    carries: bool,
    closing: Closing,
    counted: bool,
}

/// How far the orderly end of a connection is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Closing {
    No,
    /// The shard has nothing more to say.
    Asked,
    /// `out` ends with the notice of that.
    Sending,
}

/// What the end of a send means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sent {
    /// The shard's send is over.
    Shards,
    /// Only something of TLS is.
    Own,
    /// Everything, and no more will be: the socket can be half-closed.
    Last,
}

/// All sessions of a shard.
pub struct Tls {
    acceptor: Option<Arc<Acceptor>>,
    counters: Arc<Counters>,
    sessions: Vec<Option<Box<Secured>>>,
    /// Connections that may have something to send.
    due: Vec<u32>,
    spares: Vec<Vec<u8>>,
    /// What the last receive carried.
    pub plain: Vec<u8>,
    /// Steps of handshakes in this turn.
    steps: u32,
    /// Something waits for the end of a send that is known with the next turn.
    pub to_follow: bool,
}

impl Tls {
    pub fn new(acceptor: Option<Arc<Acceptor>>, counters: Arc<Counters>) -> Tls {
        Tls {
            acceptor,
            counters,
            sessions: Vec::new(),
            due: Vec::new(),
            spares: Vec::new(),
            plain: Vec::new(),
            steps: 0,
            to_follow: false,
        }
    }

    /// A new connection speaks TLS.
    pub fn begin(&mut self, slot: u32) -> Result<(), Fault> {
        let missing = || Fault::new(Failure::Internal, "no certificate");
        let session = self.acceptor.as_ref().ok_or_else(missing)?.accept()?;
        let secured = Secured {
            session,
            out: Vec::new(),
            owes: false,
            carries: false,
            closing: Closing::No,
            counted: false,
        };
        let place = slot as usize;
        if self.sessions.len() <= place {
            self.sessions.resize_with(place + 1, || None);
        }
        self.sessions[place] = Some(Box::new(secured));
        Ok(())
    }

    #[inline]
    fn get(&mut self, slot: u32) -> Option<&mut Secured> {
        self.sessions.get_mut(slot as usize)?.as_deref_mut()
    }

    /// Decrypts what came into `plain`; `None` for a plain connection. True where the peer says
    /// that nothing more comes.
    #[inline]
    pub fn receive(&mut self, slot: u32, bytes: &mut [u8]) -> Option<Result<bool, Fault>> {
        let secured = self.sessions.get_mut(slot as usize)?.as_deref_mut()?;
        let Tls { counters, due, plain, steps, .. } = self;
        plain.clear();
        plain.shrink_to(PLAIN_BYTES_KEPT);
        let handshaking = secured.session.is_handshaking();
        *steps += u32::from(handshaking);
        let received = secured.session.receive(bytes, plain);
        if handshaking && !secured.session.is_handshaking() {
            counters.tls_handshakes.add(1);
            counters.tls_resumptions.add(u64::from(secured.session.is_resumed()));
        }
        let goes_on = handshaking && secured.owes;
        if received.is_ok() && (secured.session.has_output() || goes_on) {
            due.push(slot);
        }
        Some(received)
    }

    /// Whether the turn has had as many handshakes as it may.
    pub fn is_turn_full(&self) -> bool {
        self.steps >= TLS_STEPS_PER_TURN
    }

    pub fn begin_turn(&mut self) {
        self.steps = 0;
        self.to_follow = false;
    }

    /// The shard has something to send to this connection; false where that is a plain one.
    #[inline]
    pub fn owe(&mut self, slot: u32) -> bool {
        let Some(secured) = self.get(slot) else { return false };
        secured.owes = true;
        self.due.push(slot);
        true
    }

    /// Everything of the shard is sent: the notice of the end is next. False for a plain one.
    pub fn finish(&mut self, slot: u32) -> bool {
        let Some(secured) = self.get(slot) else { return false };
        secured.closing = Closing::Asked;
        self.due.push(slot);
        true
    }

    /// Connections that may have something to send, to be given back empty.
    pub fn take_due(&mut self) -> Vec<u32> {
        std::mem::take(&mut self.due)
    }

    pub fn give_back_due(&mut self, due: Vec<u32>) {
        self.due = due;
    }

    /// Makes the next send of a connection that has none in flight; `plain` is what the shard has
    /// in flight. `None` where there is nothing to send yet.
    pub fn fill(&mut self, slot: u32, plain: Option<&[u8]>) -> Result<Option<&[u8]>, Fault> {
        let mut out = self.spares.pop().unwrap_or_default();
        let Some(secured) = self.get(slot) else { return Ok(None) };
        secured.session.take_output(&mut out);
        if let (true, Some(plain)) = (secured.owes, plain) {
            secured.carries = secured.session.encrypt(plain, &mut out)?;
            secured.owes = !secured.carries;
        }
        if secured.closing == Closing::Asked && secured.session.close(&mut out)? {
            secured.closing = Closing::Sending;
        }
        secured.out = out;
        let goes_on = secured.closing == Closing::Sending;
        let empty = secured.out.is_empty();
        self.to_follow |= goes_on;
        if empty {
            self.recycle(slot);
            return Ok(None);
        }
        Ok(self.in_flight(slot))
    }

    /// What the ring sends for a connection; `None` for a plain one.
    #[inline]
    pub fn in_flight(&self, slot: u32) -> Option<&[u8]> {
        let secured = self.sessions.get(slot as usize)?.as_deref()?;
        Some(&secured.out)
    }

    /// A send is over.
    #[inline]
    pub fn sent(&mut self, slot: u32) -> Sent {
        if self.get(slot).is_none() {
            return Sent::Shards;
        }
        self.recycle(slot);
        let Some(secured) = self.get(slot) else { return Sent::Shards };
        let carried = std::mem::take(&mut secured.carries);
        let closed = secured.closing == Closing::Sending;
        if secured.owes || secured.session.has_output() {
            self.due.push(slot);
        }
        match (carried, closed) {
            (true, _) => Sent::Shards,
            (false, true) => Sent::Last,
            (false, false) => Sent::Own,
        }
    }

    fn recycle(&mut self, slot: u32) {
        let Some(secured) = self.get(slot) else { return };
        let mut out = std::mem::take(&mut secured.out);
        if out.capacity() <= SPARE_BYTES_MAX && self.spares.len() < SPARES_MAX {
            out.clear();
            self.spares.push(out);
        }
    }

    /// Counts why a connection failed, once; the last words to it, where there are any.
    pub fn fail(&mut self, slot: u32, fault: &Fault) -> Vec<u8> {
        let mut words = Vec::new();
        let Some(secured) = self.sessions.get_mut(slot as usize).and_then(Option::as_deref_mut)
        else {
            return words;
        };
        if !std::mem::replace(&mut secured.counted, true) {
            self.counters.tls_failed(fault.failure);
        }
        match fault.failure {
            Failure::PlainHttp => words.extend_from_slice(crate::tls::PLAIN_HTTP),
            _ => secured.session.take_output(&mut words),
        }
        words
    }

    /// The peer is gone; where it did not say so before, that is counted.
    pub fn hung_up(&mut self, slot: u32) -> Option<Fault> {
        let secured = self.get(slot)?;
        let expected = secured.session.is_over() || secured.closing != Closing::No;
        let fault = match secured.session.is_handshaking() {
            true => Fault::new(Failure::HungUp, "the peer hung up"),
            false => Fault::new(Failure::Truncated, "the peer ended without close_notify"),
        };
        (!expected && !secured.counted).then_some(fault)
    }

    /// Lets go of a connection; gives its session where it had one.
    pub fn take(&mut self, slot: u32) -> Option<Session> {
        let secured = self.sessions.get_mut(slot as usize)?.take()?;
        Some(secured.session)
    }
}
