//! The I/O loop of one generator thread: its fleet's sockets on a ring of its own.
//!
//! ```text
//! submit, sleep where nothing is due -> completions -> fleet -> scenario
//!      ^                                                          |
//!      +------------ dials, closes, one send a connection <-------+
//! ```
//!
//! With `--spin` it never sleeps: a server that sends it a message then never pays for waking it,
//! and what is measured is the server's own work.
//!
//! Invariants: one send in flight a connection; the time of what is heard is taken before it is
//! looked at, the time of what is sent after; everything pending is over before the buffers go.

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use socket2::SockAddr;

use super::course::{Course, Stage};
use super::fleet::{Done, Farewell, Fleet, Io, Turn};
use super::link::{Link, Sources, words};
use super::scenario::{LOST_AFTER_NS, Scenario};
use super::tally::Tally;
use crate::runtime::buffers::BUFFERS;
use crate::runtime::clock::Clock;
use crate::runtime::ring::{Bytes, Completion, Kind, Ring};
use crate::runtime::sockets::{Fate, Sending};

/// How long it sleeps at most: the course is looked at again.
const NAP_NS: u64 = 10_000_000;

/// How long the end of every connection may take.
const FINISH_NS_MAX: u64 = 2_000_000_000;

/// One thread's loop.
pub struct Driver<S> {
    // Dropped before the fleet, whose buffers the kernel may read as long as the ring lives.
    ring: Ring,
    fleet: Fleet,
    scenario: S,
    clock: Clock,
    course: Arc<Course>,
    spun: Option<Arc<AtomicU64>>,
    to: SocketAddr,
    address: SockAddr,
    sources: Sources,
    links: Vec<Option<Link>>,
    completions: Vec<Completion>,
    /// Sends asked for at once that the kernel has not taken yet.
    sending: Vec<u32>,
    /// Connections whose receive has ended while they live.
    starved: VecDeque<u32>,
    now_ns: u64,
    /// The turn took something from the kernel, or asked it for something.
    is_busy: bool,
    is_announced: bool,
    /// What this thread has told the course.
    told: (u64, u64),
}

impl<S: Scenario> Driver<S> {
    /// With `spun` it never sleeps, and counts there the nanoseconds in which it had nothing to do.
    pub fn new(
        fleet: Fleet,
        scenario: S,
        clock: Clock,
        course: Arc<Course>,
        spun: Option<Arc<AtomicU64>>,
        to: SocketAddr,
        sources: Sources,
    ) -> io::Result<Driver<S>> {
        Ok(Driver {
            ring: Ring::new()?,
            fleet,
            scenario,
            clock,
            course,
            spun,
            to,
            address: to.into(),
            sources,
            links: Vec::new(),
            completions: Vec::with_capacity(4_096),
            sending: Vec::with_capacity(4_096),
            starved: VecDeque::new(),
            now_ns: 0,
            is_busy: false,
            is_announced: false,
            told: (0, 0),
        })
    }

    /// Runs the course; gives what was counted.
    pub fn run(mut self) -> Result<Tally, String> {
        let ran = self.run_course();
        if let Some(reason) = self.fleet.failure() {
            self.course.fail(reason);
        }
        let finished = self.finish();
        self.scenario.finish(&mut self.fleet);
        ran.and(finished).map_err(|error| format!("the ring failed: {error}"))?;
        Ok(self.fleet.tally.clone())
    }

    fn run_course(&mut self) -> io::Result<()> {
        self.scenario.begin(&mut self.fleet);
        while !self.is_over() {
            self.turn()?;
            self.submit()?;
        }
        Ok(())
    }

    fn is_over(&self) -> bool {
        if self.course.is_failed() || self.fleet.failure().is_some() {
            return true;
        }
        let late_ns = self.course.window().end.saturating_add(LOST_AFTER_NS);
        self.fleet.stage() == Stage::Draining && (self.scenario.is_done() || self.now_ns >= late_ns)
    }

    /// Hands the turn's requests to the kernel, and sleeps where nothing is due.
    fn submit(&mut self) -> io::Result<()> {
        if let Some(spun) = &self.spun {
            self.ring.enter()?;
            if !self.is_busy {
                let passed_ns = self.clock.mono_ns().saturating_sub(self.now_ns);
                spun.fetch_add(passed_ns, Ordering::Relaxed);
            }
            return Ok(());
        }
        let due = [self.fleet.next_ns(), self.scenario.next_ns(self.fleet.stage())];
        let due_ns = due.into_iter().flatten().min().unwrap_or(u64::MAX);
        let now_ns = self.clock.mono_ns();
        let until_ns = due_ns.min(now_ns + NAP_NS);
        match until_ns > now_ns && self.starved.is_empty() && self.ring.is_quiet() {
            true => self.ring.wait(Some(until_ns), &self.clock),
            false => self.ring.enter(),
        }
    }

    fn turn(&mut self) -> io::Result<()> {
        let heard = self.clock.now();
        self.now_ns = heard.mono_ns;
        let stage = self.course.stage(heard.mono_ns);
        let (load, window) = (self.course.load(), self.course.window());
        self.fleet.begin_turn(Turn { heard, stage, load, window });
        self.reap()?;
        self.receive_again()?;
        self.fleet.begin_sending(self.clock.mono_ns());
        while let Some((slot, done)) = self.fleet.take_done() {
            match done {
                Done::Joined => self.scenario.joined(&mut self.fleet, slot),
                Done::Left => self.scenario.left(&mut self.fleet, slot),
            }
        }
        self.scenario.turn(&mut self.fleet);
        self.flush()?;
        self.tell();
        Ok(())
    }

    /// Takes what the kernel has done.
    fn reap(&mut self) -> io::Result<()> {
        let mut completions = std::mem::take(&mut self.completions);
        self.ring.reap(&mut completions)?;
        // Asked before a completion makes new requests: a connection that opens makes one, and as
        // long as any does nobody's next message would go out.
        let is_submitted = self.ring.is_submitted();
        self.is_busy = !completions.is_empty();
        for completion in completions.drain(..) {
            self.complete(completion)?;
        }
        self.completions = completions;
        if is_submitted {
            self.settle_sends();
        }
        Ok(())
    }

    fn complete(&mut self, done: Completion) -> io::Result<()> {
        match done.kind {
            Kind::Recv => self.received(done),
            Kind::Send => self.sent(done.slot, done.result),
            Kind::SendNow => return self.send_rest(done),
            Kind::Connect => return self.connected(done),
            Kind::Accept | Kind::Wake | Kind::Cancel => {}
        }
        Ok(())
    }

    fn received(&mut self, done: Completion) {
        if let Some(id) = done.buffer {
            let bytes = self.ring.buffers.bytes(id, done.result.max(0) as usize);
            self.fleet.receive(done.slot, bytes, &mut self.scenario);
            self.ring.buffers.give_back(id);
        }
        if done.more {
            return;
        }
        let Some(link) = self.link(done.slot) else { return };
        link.socket.receiving = false;
        match done.result {
            1.. => self.starved.push_back(done.slot),
            // Out of buffers, or told to stop: the peer is still there.
            _ if -done.result == libc::ENOBUFS || -done.result == libc::ECANCELED => {
                self.starved.push_back(done.slot);
            }
            0 => self.fleet.hung_up(done.slot, "closed by the server"),
            error => self.fleet.hung_up(done.slot, &words(-error, self.to)),
        }
        self.settle(done.slot);
    }

    fn connected(&mut self, done: Completion) -> io::Result<()> {
        let Some(link) = self.link(done.slot) else { return Ok(()) };
        link.connecting = false;
        match done.result {
            0 => {
                self.fleet.connected(done.slot);
                self.receive(done.slot)?;
            }
            error => self.fleet.hung_up(done.slot, &words(-error, self.to)),
        }
        self.settle(done.slot);
        Ok(())
    }

    /// The kernel took a part, or nothing: what is left waits for the peer.
    fn send_rest(&mut self, done: Completion) -> io::Result<()> {
        let went = match done.result {
            bytes @ 0.. => bytes as usize,
            error if -error == libc::EAGAIN || -error == libc::EINTR => 0,
            error => {
                self.sent(done.slot, error);
                return Ok(());
            }
        };
        let Some(link) = self.links.get_mut(done.slot as usize).and_then(Option::as_mut) else {
            return Ok(());
        };
        link.socket.sending = Sending::Waiting;
        let bytes = self.fleet.in_flight(done.slot).unwrap_or_default();
        let rest = Bytes::from(bytes.get(went..).unwrap_or_default());
        self.ring.send(link.socket.raw_fd(), done.slot, rest)
    }

    /// A send whose request was taken and that has not completed went out whole.
    fn settle_sends(&mut self) {
        let mut sending = std::mem::take(&mut self.sending);
        for slot in sending.drain(..) {
            if self.link(slot).is_some_and(|link| link.socket.sending == Sending::Now) {
                self.sent(slot, 0);
            }
        }
        self.sending = sending;
    }

    fn sent(&mut self, slot: u32, result: i32) {
        let Some(link) = self.link(slot) else { return };
        link.socket.sending = Sending::No;
        self.fleet.sent(slot);
        if result < 0 {
            self.fleet.hung_up(slot, &words(-result, self.to));
        }
        self.settle(slot);
    }

    fn receive(&mut self, slot: u32) -> io::Result<()> {
        let Some(link) = self.links.get_mut(slot as usize).and_then(Option::as_mut) else {
            return Ok(());
        };
        if link.connecting || !link.socket.wants_recv() {
            return Ok(());
        }
        link.socket.receiving = true;
        self.ring.recv(link.socket.raw_fd(), slot)
    }

    fn receive_again(&mut self) -> io::Result<()> {
        // No more than there are buffers: every other would only find out that they are gone.
        for _ in 0..self.starved.len().min(usize::from(BUFFERS)) {
            let Some(slot) = self.starved.pop_front() else { break };
            self.receive(slot)?;
        }
        Ok(())
    }

    /// Carries out everything the fleet wants.
    fn flush(&mut self) -> io::Result<()> {
        while let Some(request) = self.fleet.poll_io() {
            self.carry_out(request)?;
        }
        while let Some((slot, bytes)) = self.fleet.poll_send() {
            let bytes = Bytes::from(bytes);
            let Some(link) = self.links.get_mut(slot as usize).and_then(Option::as_mut) else {
                continue;
            };
            self.is_busy = true;
            link.socket.sending = Sending::Now;
            self.sending.push(slot);
            self.ring.send_now(link.socket.raw_fd(), slot, bytes)?;
        }
        Ok(())
    }

    fn carry_out(&mut self, request: Io) -> io::Result<()> {
        match request {
            Io::Dial(slot) => self.dial(slot),
            Io::Close(slot, farewell) => self.close(slot, farewell),
            Io::Pause(slot) => self.pause(slot),
            Io::Resume(slot) => {
                if let Some(link) = self.link(slot) {
                    link.socket.paused = false;
                }
                self.receive(slot)
            }
        }
    }

    fn dial(&mut self, slot: u32) -> io::Result<()> {
        let place = slot as usize;
        if self.links.len() <= place {
            self.links.resize_with(place + 1, || None);
        }
        let (number, dial) = (self.fleet.number(slot), self.fleet.dial_of(slot));
        match self.sources.open(number, self.to, dial) {
            Ok(link) => {
                let socket = link.socket.raw_fd();
                self.links[place] = Some(link);
                self.ring.connect(socket, slot, &self.address)
            }
            Err(error) => {
                let errno = error.raw_os_error().unwrap_or_default();
                self.fleet.hung_up(slot, &words(errno, self.to));
                Ok(())
            }
        }
    }

    fn close(&mut self, slot: u32, farewell: Farewell) -> io::Result<()> {
        if let Some(link) = self.link(slot) {
            link.socket.fate = Fate::Close;
            match farewell {
                Farewell::Gone => link.socket.shut(),
                Farewell::Reset => {
                    link.socket.reset_on_close();
                    self.stop_receiving(slot)?;
                }
            }
        }
        self.settle(slot);
        Ok(())
    }

    fn pause(&mut self, slot: u32) -> io::Result<()> {
        let Some(link) = self.link(slot) else { return Ok(()) };
        link.socket.paused = true;
        self.stop_receiving(slot)
    }

    fn stop_receiving(&mut self, slot: u32) -> io::Result<()> {
        match self.link(slot).is_some_and(|link| link.socket.receiving) {
            true => self.ring.cancel(Kind::Recv, slot),
            false => Ok(()),
        }
    }

    /// Closes a socket whose time has come, once nothing is pending on it.
    fn settle(&mut self, slot: u32) {
        let Some(place) = self.links.get_mut(slot as usize) else { return };
        if place.as_ref().is_some_and(|link| link.socket.fate == Fate::Live || link.is_pending()) {
            return;
        }
        drop(place.take());
        let number = self.fleet.number(slot);
        if let Some(ending) = self.fleet.gone(slot) {
            self.scenario.closed(&mut self.fleet, number, slot, &ending);
        }
    }

    fn link(&mut self, slot: u32) -> Option<&mut Link> {
        self.links.get_mut(slot as usize)?.as_mut()
    }

    /// Tells the course what others want to know.
    fn tell(&mut self) {
        if !self.is_announced && self.scenario.is_ready() {
            self.is_announced = true;
            self.links.iter().flatten().for_each(|link| link.socket.acknowledge_when_read());
            self.course.announce();
        }
        let now = (self.fleet.tally.opened, self.fleet.tally.deliveries.all);
        self.course.opened.fetch_add(now.0.saturating_sub(self.told.0), Ordering::Relaxed);
        self.course.deliveries.fetch_add(now.1 - self.told.1, Ordering::Relaxed);
        self.told = now;
    }

    /// Ends every connection, and waits until the kernel is done with them.
    fn finish(&mut self) -> io::Result<()> {
        let until_ns = self.clock.mono_ns() + FINISH_NS_MAX;
        self.fleet.close_all();
        self.flush()?;
        while self.links.iter().flatten().any(Link::is_pending) && self.clock.mono_ns() < until_ns {
            self.ring.wait(Some(self.clock.mono_ns() + NAP_NS), &self.clock)?;
            self.reap()?;
        }
        Ok(())
    }
}
