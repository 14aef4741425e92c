//! One io_uring: requests in, completions out. The only file that writes submission entries.
//!
//! Invariants: created, used and dropped on one thread (SINGLE_ISSUER); the bytes of a send stay
//! where they are until its completion, which `shard::Shard::poll_send` promises; buffers outlive
//! the ring (field order); the alarm in the kernel is never later than what was last waited for.
//!
//! A wait has no time-out of its own: to start and stop a timer would be most of what it costs
//! (docs/performance.md). One alarm stays in the kernel; it is set anew only for something earlier,
//! and where it rings too early the waiter looks once in vain.

#![allow(unsafe_code)]

use std::io;
use std::os::fd::RawFd;

use io_uring::types::{Fd, Timespec};
use io_uring::{IoUring, cqueue, opcode, squeue};
use socket2::SockAddr;

use super::buffers::{BUFFERS, Buffers, GROUP};
use super::clock::Clock;

/// Entries of the submission queue: a flush larger than this submits in parts.
const REQUESTS: u32 = 4_096;

/// Entries of the completion queue; what overflows it waits in the kernel.
const COMPLETIONS: u32 = 16_384;

const GETEVENTS: u32 = 1;

const NS_PER_S: u64 = 1_000_000_000;

/// What a completion is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Kind {
    Accept,
    Recv,
    /// A send that had to wait is over.
    Send,
    /// A send could not be carried out whole at once; no completion means that it was.
    SendNow,
    Cancel,
    Wake,
    Connect,
}

const KINDS: [Kind; 7] =
    [Kind::Accept, Kind::Recv, Kind::Send, Kind::SendNow, Kind::Cancel, Kind::Wake, Kind::Connect];

/// The alarm's completions are the ring's own.
const ALARM: u64 = u64::MAX;

/// One completion.
#[derive(Clone, Copy, Debug)]
pub struct Completion {
    pub kind: Kind,
    /// The connection's slot, or the listener's number.
    pub slot: u32,
    /// Bytes or a descriptor; negative is an errno.
    pub result: i32,
    /// The receive buffer that holds the bytes.
    pub buffer: Option<u16>,
    /// A multishot request goes on.
    pub more: bool,
}

/// Bytes that whoever submits a send keeps in place.
#[derive(Clone, Copy, Debug)]
pub struct Bytes {
    start: *const u8,
    len: u32,
}

impl From<&[u8]> for Bytes {
    fn from(bytes: &[u8]) -> Bytes {
        // A send of more would be cut short, and its rest sent like that of any other.
        Bytes { start: bytes.as_ptr(), len: u32::try_from(bytes.len()).unwrap_or(u32::MAX) }
    }
}

/// What ends a wait that nothing else ends.
struct Alarm {
    /// When it rings; `u64::MAX` where none is set.
    due_ns: u64,
    /// What the kernel copies when it takes the request.
    after: Box<Timespec>,
}

/// The ring and its buffers.
pub struct Ring {
    // Dropped before the buffers, which the kernel may write to as long as the ring lives.
    ring: IoUring,
    pub buffers: Buffers,
    alarm: Alarm,
}

impl Drop for Ring {
    fn drop(&mut self) {
        // The kernel tears a ring down after the descriptor is closed: from here on it must not
        // pick a buffer any more. Where it fails there is nothing left to protect.
        let _ = self.ring.submitter().unregister_buf_ring(GROUP);
    }
}

impl Ring {
    pub fn new() -> io::Result<Ring> {
        let ring = IoUring::builder()
            .setup_single_issuer()
            .setup_defer_taskrun()
            .setup_coop_taskrun()
            .setup_taskrun_flag()
            .setup_submit_all()
            .setup_cqsize(COMPLETIONS)
            .build(REQUESTS)?;
        let buffers = Buffers::new();
        // SAFETY: the address is that of `BUFFERS` page-aligned entries that outlive the ring.
        unsafe {
            ring.submitter().register_buf_ring_with_flags(buffers.address(), BUFFERS, GROUP, 0)?
        };
        let alarm = Alarm { due_ns: u64::MAX, after: Box::new(Timespec::new()) };
        Ok(Ring { ring, buffers, alarm })
    }

    /// Submits what was written and lets the kernel run deferred work.
    pub fn enter(&mut self) -> io::Result<()> {
        self.ring.submission().sync();
        let wanted = self.ring.submission().len() as u32;
        // SAFETY: no argument is passed, so none is read.
        let result =
            unsafe { self.ring.submitter().enter::<libc::sigset_t>(wanted, 0, GETEVENTS, None) };
        match result {
            Ok(_) => Ok(()),
            // Interrupted, or the kernel is out of resources for now: the next turn tries again.
            Err(error) if is_passing(&error) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Moves the completions there are into `out`, those that overflowed the queue too.
    pub fn reap(&mut self, out: &mut Vec<Completion>) -> io::Result<()> {
        loop {
            for entry in self.ring.completion() {
                match entry.user_data() {
                    ALARM => self.alarm.due_ns = u64::MAX,
                    _ => out.push(completion(&entry)),
                }
            }
            if !self.ring.submission().cq_overflow() {
                return Ok(());
            }
            self.enter()?;
        }
    }

    /// Whether nothing is to be reaped or run.
    pub fn is_quiet(&mut self) -> bool {
        !self.ring.submission().taskrun() && self.ring.completion().is_empty()
    }

    /// Whether the kernel has taken every request.
    pub fn is_submitted(&mut self) -> bool {
        self.ring.submission().is_empty()
    }

    /// Submits, then sleeps until there is a completion or the clock shows the time.
    pub fn wait(&mut self, until_ns: Option<u64>, clock: &Clock) -> io::Result<()> {
        if let Some(until_ns) = until_ns.filter(|until_ns| *until_ns < self.alarm.due_ns) {
            self.set_alarm(until_ns, clock)?;
        }
        match self.ring.submit_and_wait(1) {
            Ok(_) => Ok(()),
            Err(error) if is_passing(&error) => Ok(()),
            Err(error) => Err(error),
        }
    }

    fn set_alarm(&mut self, due_ns: u64, clock: &Clock) -> io::Result<()> {
        let after_ns = due_ns.saturating_sub(clock.mono_ns()).max(1);
        *self.alarm.after =
            Timespec::new().sec(after_ns / NS_PER_S).nsec((after_ns % NS_PER_S) as u32);
        let is_set = std::mem::replace(&mut self.alarm.due_ns, due_ns) < u64::MAX;
        let after: *const Timespec = &*self.alarm.after;
        if !is_set {
            return self.push_tagged(opcode::Timeout::new(after).build().user_data(ALARM));
        }
        // Where this comes too late the alarm has rung, which ends the wait as well.
        let request = opcode::TimeoutUpdate::new(ALARM, after).build();
        self.push(request.flags(squeue::Flags::SKIP_SUCCESS), Kind::Cancel, 0)
    }

    /// A completion each time the event is written to.
    pub fn watch(&mut self, event: RawFd) -> io::Result<()> {
        let request = opcode::PollAdd::new(Fd(event), libc::POLLIN as u32).multi(true).build();
        self.push(request, Kind::Wake, 0)
    }

    pub fn accept(&mut self, listener: RawFd, number: u32) -> io::Result<()> {
        let request = opcode::AcceptMulti::new(Fd(listener)).flags(libc::SOCK_CLOEXEC).build();
        self.push(request, Kind::Accept, number)
    }

    /// The address must stay in place until the next submission, which copies it.
    pub fn connect(&mut self, socket: RawFd, slot: u32, to: &SockAddr) -> io::Result<()> {
        let request = opcode::Connect::new(Fd(socket), to.as_ptr().cast(), to.len()).build();
        self.push(request, Kind::Connect, slot)
    }

    pub fn recv(&mut self, socket: RawFd, slot: u32) -> io::Result<()> {
        self.push(opcode::RecvMulti::new(Fd(socket), GROUP).build(), Kind::Recv, slot)
    }

    /// Sends all of it, however long that takes. The bytes must stay in place until the completion.
    pub fn send(&mut self, socket: RawFd, slot: u32, bytes: Bytes) -> io::Result<()> {
        let request = opcode::Send::new(Fd(socket), bytes.start, bytes.len)
            .flags(libc::MSG_WAITALL | libc::MSG_NOSIGNAL)
            .build();
        self.push(request, Kind::Send, slot)
    }

    /// Sends what the socket takes at once, which is everything unless the peer reads slowly; only
    /// then there is a completion, in the same `enter` or `wait` that submits it. The bytes must
    /// stay in place until then. (DONTWAIT: the kernel never puts the request aside. WAITALL: less
    /// than all is a failure, so that its completion is not skipped.)
    pub fn send_now(&mut self, socket: RawFd, slot: u32, bytes: Bytes) -> io::Result<()> {
        let request = opcode::Send::new(Fd(socket), bytes.start, bytes.len)
            .flags(libc::MSG_DONTWAIT | libc::MSG_WAITALL | libc::MSG_NOSIGNAL)
            .build()
            .flags(squeue::Flags::SKIP_SUCCESS);
        self.push(request, Kind::SendNow, slot)
    }

    /// Ends a multishot request; its own last completion follows.
    pub fn cancel(&mut self, kind: Kind, slot: u32) -> io::Result<()> {
        let request = opcode::AsyncCancel::new(user_data(kind, slot)).build();
        self.push(request, Kind::Cancel, slot)
    }

    fn push(&mut self, request: squeue::Entry, kind: Kind, slot: u32) -> io::Result<()> {
        self.push_tagged(request.user_data(user_data(kind, slot)))
    }

    fn push_tagged(&mut self, request: squeue::Entry) -> io::Result<()> {
        loop {
            // SAFETY: descriptors and slots are open until their request is over (a completion, or
            // for a send that has none the `enter` that took it), and so long a send's bytes are
            // kept in place by the shard, an address by the fleet, the alarm's time by this ring.
            if unsafe { self.ring.submission().push(&request) }.is_ok() {
                return Ok(());
            }
            self.enter()?;
        }
    }
}

fn is_passing(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::EINTR | libc::EAGAIN | libc::EBUSY))
}

fn user_data(kind: Kind, slot: u32) -> u64 {
    (kind as u64) << 32 | u64::from(slot)
}

fn completion(entry: &cqueue::Entry) -> Completion {
    let tag = entry.user_data();
    Completion {
        kind: KINDS.get((tag >> 32) as usize).copied().unwrap_or(Kind::Cancel),
        slot: tag as u32,
        result: entry.result(),
        buffer: cqueue::buffer_select(entry.flags()),
        more: cqueue::more(entry.flags()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime::wake::Wake;

    const SHORT_NS: u64 = 2_000_000;
    const LONG_NS: u64 = 60 * NS_PER_S;

    /// A ring with an alarm far away, after a wait that something else has ended.
    fn long_set(clock: &Clock, event: &Wake, out: &mut Vec<Completion>) -> Ring {
        let mut ring = Ring::new().unwrap();
        ring.watch(event.raw_fd()).unwrap();
        event.interrupt();
        ring.wait(Some(clock.mono_ns() + LONG_NS), clock).unwrap();
        ring.reap(out).unwrap();
        ring
    }

    #[test]
    fn an_earlier_time_ends_the_wait_though_a_later_one_was_set() {
        let (clock, event, mut out) = (Clock::start(), Wake::new().unwrap(), Vec::new());
        let mut ring = long_set(&clock, &event, &mut out);
        assert_eq!(out.drain(..).map(|done| done.kind).collect::<Vec<_>>(), [Kind::Wake]);
        let until_ns = clock.mono_ns() + SHORT_NS;
        ring.wait(Some(until_ns), &clock).unwrap();
        ring.reap(&mut out).unwrap();
        assert!((until_ns..until_ns + LONG_NS / 2).contains(&clock.mono_ns()));
        assert!(out.is_empty(), "the alarm is nobody's business: {out:?}");
    }

    #[test]
    fn an_alarm_that_rang_is_set_again() {
        let (clock, mut out) = (Clock::start(), Vec::new());
        let mut ring = Ring::new().unwrap();
        for _ in 0..3 {
            let until_ns = clock.mono_ns() + SHORT_NS;
            ring.wait(Some(until_ns), &clock).unwrap();
            ring.reap(&mut out).unwrap();
            assert!(clock.mono_ns() >= until_ns);
        }
    }

    #[test]
    fn one_that_rings_too_early_is_set_for_the_later_time() {
        let (clock, event, mut out) = (Clock::start(), Wake::new().unwrap(), Vec::new());
        let mut ring = Ring::new().unwrap();
        ring.watch(event.raw_fd()).unwrap();
        event.interrupt();
        ring.wait(Some(clock.mono_ns() + SHORT_NS), &clock).unwrap();
        ring.reap(&mut out).unwrap();
        let until_ns = clock.mono_ns() + 4 * SHORT_NS;
        let mut waits = 0;
        while clock.mono_ns() < until_ns {
            ring.wait(Some(until_ns), &clock).unwrap();
            ring.reap(&mut out).unwrap();
            waits += 1;
        }
        assert!(waits <= 2, "it looked {waits} times");
    }
}
