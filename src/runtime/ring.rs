//! One io_uring: requests in, completions out. The only file that writes submission entries.
//!
//! Invariants: created, used and dropped on one thread (SINGLE_ISSUER); the bytes of a send stay
//! where they are until its completion, which `shard::Shard::poll_send` promises; buffers outlive
//! the ring (field order).

#![allow(unsafe_code)]

use std::io;
use std::os::fd::RawFd;

use io_uring::types::{Fd, SubmitArgs, Timespec};
use io_uring::{IoUring, cqueue, opcode, squeue};
use socket2::SockAddr;

use super::buffers::{BUFFERS, Buffers, GROUP};

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

/// The ring and its buffers.
pub struct Ring {
    // Dropped before the buffers, which the kernel may write to as long as the ring lives.
    ring: IoUring,
    pub buffers: Buffers,
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
        Ok(Ring { ring, buffers })
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
            out.extend(self.ring.completion().map(|entry| completion(&entry)));
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

    /// Submits, then sleeps until there is a completion or the time is over.
    pub fn wait(&mut self, at_most_ns: Option<u64>) -> io::Result<()> {
        let (seconds, rest) = match at_most_ns.unwrap_or(u64::MAX) {
            u64::MAX => (i64::MAX as u64, 0),
            ns => (ns / NS_PER_S, ns % NS_PER_S),
        };
        let time = Timespec::new().sec(seconds).nsec(rest as u32);
        let mut args = SubmitArgs::new();
        if at_most_ns.is_some() {
            args = args.timespec(&time);
        }
        match self.ring.submitter().submit_with_args(1, &args) {
            Ok(_) => Ok(()),
            Err(error) if error.raw_os_error() == Some(libc::ETIME) => Ok(()),
            Err(error) if is_passing(&error) => Ok(()),
            Err(error) => Err(error),
        }
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
        let request = request.user_data(user_data(kind, slot));
        loop {
            // SAFETY: descriptors and slots are open until their request is over (a completion, or
            // for a send that has none the `enter` that took it), and so long a send's bytes are
            // kept in place by the shard, an address by the fleet.
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
