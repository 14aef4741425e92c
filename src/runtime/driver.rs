//! The I/O loop of one shard: a raw ring inside a glommio executor, driven by one task.
//!
//! ```text
//! submit, sleep where there is nothing to do -> completions -> inbox -> timers
//!      ^                                                                   |
//!      +-------------- socket requests, sends, peer frames <---------------+
//! ```
//!
//! The task is its executor's only one and sleeps in its own ring, not in glommio's: no wake can be
//! lost between two rings (docs/architecture.md tells the story). The system call that submits the
//! sends of a turn is the one that sleeps until the next, and a send that went out whole has no
//! completion: a lone message costs one system call.
//!
//! Invariants: one send in flight a connection; a turn's work is bounded by what the ring and the
//! inbox held at its start, and ends early where its outboxes have enough to send; the shard's time
//! stands still within a turn.

#![allow(unsafe_code)]

mod secured;

use std::collections::VecDeque;
use std::net::{Shutdown, TcpListener};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use socket2::SockRef;

use super::buffers::BUFFERS;
use super::clock::Clock;
use super::listen::Listening;
use super::mesh::{Newcomer, Ports};
use super::ring::{Bytes, Completion, Kind, Ring};
use super::sockets::{Fate, Sending, Socket};
use super::tls::{Sent, Tls};
use super::{Shared, StartError};
use crate::clock::Now;
use crate::limits::{ACCEPT_BACKOFF_MAX_NS, ACCEPT_BACKOFF_MIN_NS, MESH_FRAMES_PER_TURN};
use crate::shard::handoff::Handoff;
use crate::shard::{Io, Shard};

/// A listener and when to accept again after an error.
struct Listener {
    socket: TcpListener,
    secure: bool,
    accepting: bool,
    retry_ns: u64,
    backoff_ns: u64,
}

/// One shard on a ring.
pub struct Driver {
    shard: Shard,
    ring: Ring,
    clock: Clock,
    ports: Ports,
    shared: Arc<Shared>,
    http: Arc<dyn Fn(Handoff) + Send + Sync>,
    tls: Tls,
    listeners: Vec<Listener>,
    sockets: Vec<Option<Socket>>,
    completions: Vec<Completion>,
    /// Receives that wait their turn, in order, with the buffers they hold.
    received: VecDeque<Completion>,
    /// Sends asked for at once that the kernel has not taken yet.
    sending: Vec<u32>,
    /// The kernel did not take every request of the last turn.
    unsettled: bool,
    /// Connections accepted so far.
    accepts: usize,
    /// The ring watches the bell.
    watching: bool,
    /// Other threads may have left something here.
    rung: bool,
    /// Not read any more, because there was no buffer; whoever waits longest is first.
    starved: VecDeque<u32>,
    /// When the process gives up on a drain.
    deadline_ns: u64,
    /// Until then it looks again instead of sleeping.
    busy_until_ns: u64,
    /// When this turn began.
    now: Now,
    counted_as_drained: bool,
}

impl Driver {
    pub fn new(
        shard: Shard,
        clock: Clock,
        listeners: Vec<Listening>,
        tls: Tls,
        ports: Ports,
        shared: Arc<Shared>,
        http: Arc<dyn Fn(Handoff) + Send + Sync>,
    ) -> Result<Driver, StartError> {
        let failed = |what: &str, error: std::io::Error| {
            StartError(format!("{what}: {error}; run `shardwire doctor` to see what is missing"))
        };
        let ring = Ring::new().map_err(|e| failed("cannot set up io_uring", e))?;
        let listener = |Listening { socket, secure }| Listener {
            socket,
            secure,
            accepting: false,
            retry_ns: 0,
            backoff_ns: 0,
        };
        Ok(Driver {
            busy_until_ns: 0,
            now: clock.now(),
            shard,
            ring,
            clock,
            ports,
            shared,
            http,
            tls,
            listeners: listeners.into_iter().map(listener).collect(),
            sockets: Vec::new(),
            completions: Vec::with_capacity(4_096),
            received: VecDeque::with_capacity(4_096),
            sending: Vec::with_capacity(4_096),
            unsettled: false,
            accepts: 0,
            watching: false,
            rung: false,
            starved: VecDeque::new(),
            deadline_ns: u64::MAX,
            counted_as_drained: false,
        })
    }

    /// Runs until the drain is over.
    pub fn run(mut self) {
        loop {
            if let Err(error) = self.submit().and_then(|()| self.turn()) {
                return tracing::error!(%error, "the ring failed; this shard ends");
            }
            if self.is_over() {
                return;
            }
        }
    }

    /// Hands the last turn's requests to the kernel, and sleeps where nothing else is to be done.
    fn submit(&mut self) -> std::io::Result<()> {
        match self.is_idle() {
            true => self.park(),
            false => self.ring.enter(),
        }
    }

    /// Whether only the kernel, a peer or time can bring work.
    fn is_idle(&mut self) -> bool {
        self.received.is_empty()
            && !self.unsettled
            && !self.rung
            && self.starved.is_empty()
            && !self.shard.has_work()
            && !self.tls.to_follow
            && self.now.mono_ns >= self.busy_until_ns
            && self.ring.is_quiet()
    }

    /// One pass over everything that came.
    fn turn(&mut self) -> std::io::Result<()> {
        let now = self.clock.now();
        self.now = now;
        self.tls.begin_turn();
        self.shard.catch_up(now);
        if !std::mem::replace(&mut self.watching, true) {
            self.ring.watch(self.ports.wake().raw_fd())?;
        }
        self.rung |= self.ports.wake().answer();
        self.accept_again(now)?;
        let mut worked = self.reap(now)?;
        worked |= self.rung && self.serve_newcomers(now)?;
        worked |= self.hear_sockets(now);
        self.receive_again()?;
        if self.rung {
            worked |= self.hear(now);
            worked |= self.hear_backends(now);
            self.check_drain(now);
            // A full turn leaves something for the next.
            self.rung = !self.ports.is_quiet();
        }
        if self.shard.poll_deadline().is_some_and(|due_ns| due_ns <= now.mono_ns) {
            self.shard.handle_timeout(now);
        }
        if worked {
            self.shard.counters().turns.add(1);
            self.busy_until_ns =
                now.mono_ns.saturating_add(self.shard.settings().server.spin_before_park_ns);
        }
        self.flush()?;
        if worked && self.shard.is_watched() {
            let spent_ns = self.clock.mono_ns().saturating_sub(now.mono_ns);
            self.shard.counters().turn_times.add(spent_ns);
        }
        Ok(())
    }

    /// Takes what the kernel has done; false where that is nothing.
    fn reap(&mut self, now: Now) -> std::io::Result<bool> {
        let mut completions = std::mem::take(&mut self.completions);
        self.ring.reap(&mut completions)?;
        // Asked before a completion makes new requests.
        self.unsettled = !self.ring.is_submitted();
        let any = !completions.is_empty();
        for completion in completions.drain(..) {
            self.complete(now, completion)?;
        }
        self.completions = completions;
        self.settle_sends(now);
        Ok(any)
    }

    /// A send whose request was taken and that has not completed went out whole.
    fn settle_sends(&mut self, now: Now) {
        if self.unsettled {
            return;
        }
        let mut sending = std::mem::take(&mut self.sending);
        for slot in sending.drain(..) {
            if self.socket(slot).is_some_and(|socket| socket.sending == Sending::Now) {
                self.sent(now, slot, true);
            }
        }
        self.sending = sending;
    }

    fn complete(&mut self, now: Now, done: Completion) -> std::io::Result<()> {
        match done.kind {
            Kind::Recv => self.received.push_back(done),
            Kind::Send => self.sent(now, done.slot, done.result >= 0),
            Kind::SendNow => return self.send_rest(now, done),
            Kind::Accept => return self.accepted(now, done),
            Kind::Wake => self.watching = done.more,
            Kind::Cancel | Kind::Connect => {}
        }
        Ok(())
    }

    /// What came from sockets, until the turn is full: the rest comes first in the next one, after
    /// the sends of this one.
    fn hear_sockets(&mut self, now: Now) -> bool {
        let mut any = false;
        while !self.shard.is_turn_full()
            && !self.tls.is_turn_full()
            && let Some(done) = self.received.pop_front()
        {
            self.take_received(now, done);
            any = true;
        }
        any
    }

    fn take_received(&mut self, now: Now, done: Completion) {
        if let (Some(id), 1..) = (done.buffer, done.result) {
            let bytes = self.ring.buffers.bytes(id, done.result as usize);
            match self.tls.receive(done.slot, bytes) {
                None => self.shard.handle_bytes(now, done.slot, bytes),
                Some(received) => self.hear_secured(now, done.slot, received),
            }
        }
        if let Some(id) = done.buffer {
            self.ring.buffers.give_back(id);
        }
        if done.more {
            return;
        }
        let Some(socket) = self.socket(done.slot) else { return };
        socket.receiving = false;
        match done.result {
            // Out of buffers, or told to stop: the peer is still there.
            _ if -done.result == libc::ENOBUFS || -done.result == libc::ECANCELED => {
                self.starved.push_back(done.slot);
            }
            1.. => self.starved.push_back(done.slot),
            _ => self.hung_up(now, done.slot),
        }
        self.settle(now, done.slot);
    }

    /// The kernel took a part, or nothing: what is left waits for the peer.
    fn send_rest(&mut self, now: Now, done: Completion) -> std::io::Result<()> {
        let went = match done.result {
            bytes @ 0.. => bytes as usize,
            error if -error == libc::EAGAIN || -error == libc::EINTR => 0,
            _ => {
                self.sent(now, done.slot, false);
                return Ok(());
            }
        };
        let Some(socket) = self.sockets.get_mut(done.slot as usize).and_then(Option::as_mut) else {
            return Ok(());
        };
        socket.sending = Sending::Waiting;
        let sealed = self.tls.in_flight(done.slot);
        let bytes = sealed.or_else(|| self.shard.in_flight(done.slot)).unwrap_or_default();
        let rest = Bytes::from(bytes.get(went..).unwrap_or_default());
        self.ring.send(socket.raw_fd(), done.slot, rest)
    }

    fn sent(&mut self, now: Now, slot: u32, ok: bool) {
        let Some(socket) = self.socket(slot) else { return };
        socket.sending = Sending::No;
        let is_live = socket.fate == Fate::Live;
        match self.tls.sent(slot) {
            Sent::Shards => self.shard.handle_sent(now, slot, ok),
            _ if !ok => self.shard.handle_hangup(now, slot),
            Sent::Own => {}
            Sent::Last => self.half_close(now, slot),
        }
        if !is_live {
            self.settle(now, slot);
        }
    }

    fn accepted(&mut self, now: Now, done: Completion) -> std::io::Result<()> {
        let Some(listener) = self.listeners.get_mut(done.slot as usize) else { return Ok(()) };
        let secure = listener.secure;
        listener.accepting = done.more;
        if done.result < 0 {
            // Out of files or memory: wait, longer each time, and never spin.
            let backoff_ns =
                (listener.backoff_ns * 2).clamp(ACCEPT_BACKOFF_MIN_NS, ACCEPT_BACKOFF_MAX_NS);
            listener.backoff_ns = backoff_ns;
            listener.retry_ns = now.mono_ns + backoff_ns;
            self.shard.counters().accept_errors.add(1);
            return Ok(());
        }
        listener.backoff_ns = 0;
        // SAFETY: the kernel just made this descriptor for us.
        let socket = unsafe { OwnedFd::from_raw_fd(done.result) };
        self.accepts = self.accepts.wrapping_add(1);
        match self.shared.balance.deal(self.shard.id(), self.accepts) {
            me if me == self.shard.id() => self.serve(now, Newcomer { socket, secure }),
            other => {
                self.ports.pass_on(other, Newcomer { socket, secure });
                Ok(())
            }
        }
    }

    /// Takes a new connection into this shard.
    fn serve(&mut self, now: Now, newcomer: Newcomer) -> std::io::Result<()> {
        let socket = Socket::new(newcomer.socket);
        let slot = self.shard.handle_accepted(now, socket.peer());
        let place = slot as usize;
        if self.sockets.len() <= place {
            self.sockets.resize_with(place + 1, || None);
        }
        self.sockets[place] = Some(socket);
        if newcomer.secure {
            self.begin_secured(now, slot);
        }
        self.receive(slot)
    }

    /// Connections that other shards accepted for this one.
    fn serve_newcomers(&mut self, now: Now) -> std::io::Result<bool> {
        let mut any = false;
        while let Ok(newcomer) = self.ports.newcomers.try_recv() {
            self.serve(now, newcomer)?;
            any = true;
        }
        Ok(any)
    }

    /// Accepts on every listener that is not accepting, unless it is backing off or draining.
    fn accept_again(&mut self, now: Now) -> std::io::Result<()> {
        for (number, listener) in self.listeners.iter_mut().enumerate() {
            if !listener.accepting && listener.retry_ns <= now.mono_ns {
                self.ring.accept(listener.socket.as_raw_fd(), number as u32)?;
                listener.accepting = true;
            }
        }
        Ok(())
    }

    fn receive(&mut self, slot: u32) -> std::io::Result<()> {
        let Some(socket) = self.sockets.get_mut(slot as usize).and_then(Option::as_mut) else {
            return Ok(());
        };
        if !socket.wants_recv() {
            return Ok(());
        }
        socket.receiving = true;
        self.ring.recv(socket.raw_fd(), slot)
    }

    /// Reads on where there were no buffers, from no more sockets than there are buffers now: every
    /// other would only find out that they are gone.
    fn receive_again(&mut self) -> std::io::Result<()> {
        let free = usize::from(BUFFERS).saturating_sub(self.received.len());
        for _ in 0..free.min(self.starved.len()) {
            let Some(slot) = self.starved.pop_front() else { break };
            self.receive(slot)?;
        }
        Ok(())
    }

    /// Frames from other shards, a bounded number a turn.
    fn hear(&mut self, now: Now) -> bool {
        let mut frames = 0;
        while frames < MESH_FRAMES_PER_TURN
            && !self.shard.is_turn_full()
            && let Ok(frame) = self.ports.inbox.try_recv()
        {
            self.shard.handle_peer(now, frame);
            frames += 1;
        }
        frames > 0
    }

    /// Answers of backends; there are no more than the shard has asked for.
    fn hear_backends(&mut self, now: Now) -> bool {
        let mut any = false;
        while !self.shard.is_turn_full()
            && let Ok(answer) = self.ports.answers.try_recv()
        {
            self.shard.handle_answer(now, answer);
            any = true;
        }
        any
    }

    /// Passes on the calls of programs.
    fn call_backends(&mut self) {
        while let Some((backends, call)) = self.shard.poll_call() {
            let ticket = call.ticket;
            if let Err(failure) = backends.submit(call) {
                self.shard.refuse_call(ticket, failure);
            }
        }
    }

    /// Carries out everything the shard wants.
    fn flush(&mut self) -> std::io::Result<()> {
        while let Some(request) = self.shard.poll_io() {
            self.carry_out(self.now, request)?;
        }
        self.call_backends();
        while let Some((slot, bytes)) = self.shard.poll_send() {
            if self.tls.owe(slot) {
                continue;
            }
            let bytes = Bytes::from(bytes);
            let socket = self.sockets.get_mut(slot as usize).and_then(Option::as_mut);
            if let Some(socket) = socket {
                socket.sending = Sending::Now;
                self.sending.push(slot);
                self.ring.send_now(socket.raw_fd(), slot, bytes)?;
            }
        }
        self.send_secured()?;
        self.shard.end_turn();
        self.ports.flush(&mut self.shard);
        Ok(())
    }

    fn carry_out(&mut self, now: Now, request: Io) -> std::io::Result<()> {
        match request {
            Io::Finish(slot) if self.tls.finish(slot) => {}
            Io::Finish(slot) => self.half_close(now, slot),
            Io::Close(slot) => {
                if let Some(socket) = self.socket(slot) {
                    socket.fate = Fate::Close;
                    socket.shut();
                }
                self.settle(now, slot);
            }
            Io::HandOff(slot) => {
                if let Some(socket) = self.socket(slot) {
                    socket.fate = Fate::HandOff;
                }
                self.stop_receiving(slot)?;
                self.settle(now, slot);
            }
            Io::Pause(slot) => {
                if let Some(socket) = self.socket(slot) {
                    socket.paused = true;
                }
                self.stop_receiving(slot)?;
            }
            Io::Resume(slot) => {
                if let Some(socket) = self.socket(slot) {
                    socket.paused = false;
                }
                self.receive(slot)?;
            }
        }
        Ok(())
    }

    fn half_close(&mut self, now: Now, slot: u32) {
        let closed = self.socket(slot).map(|socket| socket.half_close());
        if let Some(Err(_)) = closed {
            self.shard.handle_hangup(now, slot);
        }
    }

    fn stop_receiving(&mut self, slot: u32) -> std::io::Result<()> {
        match self.socket(slot).is_some_and(|socket| socket.receiving) {
            true => self.ring.cancel(Kind::Recv, slot),
            false => Ok(()),
        }
    }

    /// Closes or hands off a socket whose time has come, once nothing is pending on it.
    fn settle(&mut self, now: Now, slot: u32) {
        let Some(place) = self.sockets.get_mut(slot as usize) else { return };
        let done = place.as_ref().is_some_and(|s| s.fate != Fate::Live && !s.is_pending());
        let Some(socket) = place.take_if(|_| done) else { return };
        self.shared.balance.leave(self.shard.id());
        let tls = self.tls.take(slot).map(Box::new);
        match socket.fate {
            Fate::HandOff => {
                if let Some((peer, received)) = self.shard.take_handoff(slot) {
                    (self.http)(Handoff { socket: socket.into_fd(), received, peer, tls });
                }
            }
            _ => {
                drop(socket);
                self.shard.handle_closed(now, slot);
            }
        }
    }

    fn socket(&mut self, slot: u32) -> Option<&mut Socket> {
        self.sockets.get_mut(slot as usize)?.as_mut()
    }

    /// Starts the drain when it was asked for: no listener, no new connection.
    fn check_drain(&mut self, now: Now) {
        if self.shard.is_draining() || !self.shared.draining.load(Ordering::Acquire) {
            return;
        }
        for (number, listener) in self.listeners.drain(..).enumerate() {
            // Connections the kernel already took for us are reset with the listener. The ring
            // keeps the socket for a while after us, so it is told to listen no more: whoever is
            // next must find the port free.
            let _ = SockRef::from(&listener.socket).shutdown(Shutdown::Both);
            let _ = self.ring.cancel(Kind::Accept, number as u32);
            drop(listener);
        }
        self.deadline_ns = now.mono_ns + self.shard.settings().drain.deadline_ns;
        self.shard.drain(now);
    }

    /// Over when every shard is drained, or the deadline has passed: until then this one may still
    /// be home to what others are finishing.
    fn is_over(&mut self) -> bool {
        if self.shard.is_drained() && !self.counted_as_drained {
            self.counted_as_drained = true;
            self.shared.drained.fetch_add(1, Ordering::AcqRel);
            self.shared.wakes.iter().for_each(|wake| wake.interrupt());
        }
        let is_last = || self.shared.drained.load(Ordering::Acquire) >= self.shared.wakes.len();
        self.counted_as_drained && is_last() || self.now.mono_ns >= self.deadline_ns
    }

    /// Submits, and sleeps until a completion, a peer or the next deadline.
    fn park(&mut self) -> std::io::Result<()> {
        let until_ns = self.next_ns();
        let slept = match self.ports.wake().fall_asleep() {
            true => self.ring.wait(until_ns, &self.clock),
            false => self.ring.enter(),
        };
        self.ports.wake().wake_up();
        slept
    }

    /// When there is something to do whatever happens.
    fn next_ns(&self) -> Option<u64> {
        let retry = self.listeners.iter().filter(|l| !l.accepting).map(|l| l.retry_ns).min();
        let draining = (self.deadline_ns < u64::MAX).then_some(self.deadline_ns);
        let due = [self.shard.poll_deadline(), retry, draining].into_iter().flatten().min();
        due.filter(|due_ns| *due_ns < u64::MAX)
    }
}
