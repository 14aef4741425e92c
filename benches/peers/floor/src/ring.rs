//! The hub on one io_uring: multishot accept and receive, a registered ring of receive buffers,
//! direct descriptors, all sends of a turn in one system call that waits for the next turn too.

use std::io;
use std::net::TcpListener;
use std::os::fd::AsRawFd;
use std::sync::atomic::{AtomicU16, Ordering};

use io_uring::types::{BufRingEntry, Fd, Fixed};
use io_uring::{CompletionQueue, IoUring, SubmissionQueue, Submitter, cqueue, opcode, squeue};

use crate::hub::{Hub, Next};

const REQUESTS: u32 = 4_096;
const COMPLETIONS: u32 = 16_384;
const BUFFERS: u16 = 1_024;
const BUFFER_BYTES: usize = 4_096;
const GROUP: u16 = 0;
const PAGE: usize = 4_096;

const ACCEPT: u64 = 0;
const RECEIVE: u64 = 1;
/// A send that completes only where it could not be carried out whole at once.
const SEND_NOW: u64 = 2;
/// A send that waits until the peer has read.
const SEND: u64 = 3;
const OTHER: u64 = 4;

pub fn run(listener: &TcpListener) -> io::Result<()> {
    let mut ring = IoUring::builder()
        .setup_single_issuer()
        .setup_defer_taskrun()
        .setup_coop_taskrun()
        .setup_submit_all()
        .setup_no_sqarray()
        .setup_cqsize(COMPLETIONS)
        .build(REQUESTS)?;
    ring.submitter().register_files_sparse(files_max()?)?;
    ring.submitter().register_ring_fd()?;
    let mut buffers = Buffers::new();
    // SAFETY: the entries are `BUFFERS` page-aligned entries that are never freed.
    unsafe { ring.submitter().register_buf_ring_with_flags(buffers.address(), BUFFERS, GROUP, 0)? };
    let (submitter, requests, mut completions) = ring.split();
    let wire = Wire { submitter, requests, sending: Vec::new() };
    let mut driver = Driver { hub: Hub::default(), wire };
    driver.wire.accept(listener)?;
    loop {
        driver.turn(listener, &mut completions, &mut buffers)?;
    }
}

/// Direct descriptors count against the limit on open files.
fn files_max() -> io::Result<u32> {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: the structure lives over the call.
    if unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &mut limit) } < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(limit.rlim_cur.clamp(64, 1 << 18) as u32)
}

struct Driver<'ring> {
    hub: Hub,
    wire: Wire<'ring>,
}

impl Driver<'_> {
    fn turn(
        &mut self,
        listener: &TcpListener,
        completions: &mut CompletionQueue<'_>,
        buffers: &mut Buffers,
    ) -> io::Result<()> {
        self.wire.wait()?;
        completions.sync();
        for entry in &mut *completions {
            let slot = entry.user_data() as u32;
            match entry.user_data() >> 32 {
                ACCEPT => self.accepted(listener, &entry)?,
                RECEIVE => self.received(slot, &entry, buffers)?,
                SEND_NOW => self.send_rest(slot, entry.result())?,
                SEND => self.sent(slot)?,
                _ => {}
            }
        }
        completions.sync();
        self.settle_sends()?;
        let wire = &mut self.wire;
        let mut result = Ok(());
        self.hub.flush(|slot, bytes, is_last| {
            if let Err(error) = wire.start(slot, bytes, is_last) {
                result = Err(error);
            }
        });
        result
    }

    fn accepted(&mut self, listener: &TcpListener, entry: &cqueue::Entry) -> io::Result<()> {
        if entry.result() >= 0 {
            let slot = entry.result() as u32;
            self.hub.opened(slot);
            self.wire.receive(slot)?;
        }
        match cqueue::more(entry.flags()) {
            true => Ok(()),
            false => self.wire.accept(listener),
        }
    }

    fn received(
        &mut self,
        slot: u32,
        entry: &cqueue::Entry,
        buffers: &mut Buffers,
    ) -> io::Result<()> {
        if let Some(id) = cqueue::buffer_select(entry.flags()) {
            let len = entry.result().max(0) as usize;
            let goes_on = self.hub.received(slot, buffers.bytes(id, len));
            buffers.give_back(id);
            if !goes_on {
                self.wire.shut(slot)?;
            }
        }
        if cqueue::more(entry.flags()) {
            return Ok(());
        }
        if entry.result() > 0 || entry.result() == -libc::ENOBUFS {
            return self.wire.receive(slot);
        }
        self.hub.left(slot);
        self.settle(slot)
    }

    /// A send that was submitted and did not complete went out whole.
    fn settle_sends(&mut self) -> io::Result<()> {
        if !self.wire.requests.is_empty() {
            return Ok(());
        }
        let mut sending = std::mem::take(&mut self.wire.sending);
        for slot in sending.drain(..) {
            if !self.hub.is_waiting(slot) {
                self.sent(slot)?;
            }
        }
        self.wire.sending = sending;
        Ok(())
    }

    /// The kernel took a part or nothing: the rest waits for the peer.
    fn send_rest(&mut self, slot: u32, result: i32) -> io::Result<()> {
        let went = match result {
            bytes @ 0.. => bytes as usize,
            error if error == -libc::EAGAIN || error == -libc::EINTR => 0,
            _ => return Ok(()),
        };
        let Some((start, len)) = self.hub.wait(slot, went) else { return Ok(()) };
        self.wire.send(slot, start, len)
    }

    fn sent(&mut self, slot: u32) -> io::Result<()> {
        match self.hub.sent(slot) {
            Next::Send(start, len) => return self.wire.send(slot, start, len),
            Next::Shut => self.wire.shut(slot)?,
            Next::Quiet => {}
        }
        self.settle(slot)
    }

    /// Closes what has nothing pending any more.
    fn settle(&mut self, slot: u32) -> io::Result<()> {
        if self.hub.is_open(slot) || self.hub.is_sending(slot) {
            return Ok(());
        }
        self.hub.closed(slot);
        self.wire.close(slot)
    }
}

/// The side of the ring that takes requests.
struct Wire<'ring> {
    submitter: Submitter<'ring>,
    requests: SubmissionQueue<'ring>,
    /// Slots whose send was asked for and is not settled.
    sending: Vec<u32>,
}

impl Wire<'_> {
    fn wait(&mut self) -> io::Result<()> {
        self.requests.sync();
        let result = self.submitter.submit_and_wait(1);
        self.requests.sync();
        match result {
            Err(error) if is_passing(&error) => Ok(()),
            other => other.map(drop),
        }
    }

    fn accept(&mut self, listener: &TcpListener) -> io::Result<()> {
        let request = opcode::AcceptMulti::new(Fd(listener.as_raw_fd())).allocate_file_index(true);
        self.push(request.build(), ACCEPT, 0)
    }

    fn receive(&mut self, slot: u32) -> io::Result<()> {
        self.push(opcode::RecvMulti::new(Fixed(slot), GROUP).build(), RECEIVE, slot)
    }

    /// The end of the last send has to be noticed at once; that of others, with what comes next.
    fn start(&mut self, slot: u32, bytes: &[u8], is_last: bool) -> io::Result<()> {
        match is_last {
            true => self.send(slot, bytes.as_ptr(), bytes.len()),
            false => self.send_now(slot, bytes.as_ptr(), bytes.len()),
        }
    }

    fn send_now(&mut self, slot: u32, start: *const u8, len: usize) -> io::Result<()> {
        let request = opcode::Send::new(Fixed(slot), start, len as u32)
            .flags(libc::MSG_WAITALL | libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL)
            .build()
            .flags(squeue::Flags::SKIP_SUCCESS);
        self.sending.push(slot);
        self.push(request, SEND_NOW, slot)
    }

    fn send(&mut self, slot: u32, start: *const u8, len: usize) -> io::Result<()> {
        let request = opcode::Send::new(Fixed(slot), start, len as u32)
            .flags(libc::MSG_WAITALL | libc::MSG_NOSIGNAL);
        self.push(request.build(), SEND, slot)
    }

    fn shut(&mut self, slot: u32) -> io::Result<()> {
        let request = opcode::Shutdown::new(Fixed(slot), libc::SHUT_RDWR);
        self.push(request.build(), OTHER, slot)
    }

    fn close(&mut self, slot: u32) -> io::Result<()> {
        self.push(opcode::Close::new(Fixed(slot)).build(), OTHER, slot)
    }

    fn push(&mut self, request: squeue::Entry, kind: u64, slot: u32) -> io::Result<()> {
        let request = request.user_data(kind << 32 | u64::from(slot));
        loop {
            // SAFETY: descriptors are open and batches stay in place until the completion.
            if unsafe { self.requests.push(&request) }.is_ok() {
                return Ok(());
            }
            self.requests.sync();
            match self.submitter.submit() {
                Err(error) if !is_passing(&error) => return Err(error),
                _ => self.requests.sync(),
            }
        }
    }
}

fn is_passing(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::EINTR | libc::EAGAIN | libc::EBUSY))
}

/// Receive buffers shared with the kernel, which owns each one until a completion names it.
struct Buffers {
    entries: *mut BufRingEntry,
    memory: *mut u8,
    tail: u16,
}

impl Buffers {
    fn new() -> Buffers {
        let entries = pages(usize::from(BUFFERS) * size_of::<BufRingEntry>());
        let memory = pages(usize::from(BUFFERS) * BUFFER_BYTES);
        let mut buffers = Buffers { entries: entries.cast(), memory, tail: 0 };
        (0..BUFFERS).for_each(|id| buffers.give_back(id));
        buffers
    }

    fn address(&self) -> u64 {
        self.entries as u64
    }

    fn bytes(&self, id: u16, len: usize) -> &[u8] {
        // SAFETY: the kernel named this buffer and wrote `len` bytes of it.
        unsafe {
            let start = self.memory.add(usize::from(id % BUFFERS) * BUFFER_BYTES);
            std::slice::from_raw_parts(start, len.min(BUFFER_BYTES))
        }
    }

    fn give_back(&mut self, id: u16) {
        // SAFETY: both places are inside their memory; the kernel reads below the tail only, which
        // is published after the entry is written.
        unsafe {
            let entry = &mut *self.entries.add(usize::from(self.tail % BUFFERS));
            entry.set_addr(self.memory.add(usize::from(id) * BUFFER_BYTES) as u64);
            entry.set_len(BUFFER_BYTES as u32);
            entry.set_bid(id);
            self.tail = self.tail.wrapping_add(1);
            let tail = BufRingEntry::tail(self.entries).cast_mut();
            AtomicU16::from_ptr(tail).store(self.tail, Ordering::Release);
        }
    }
}

/// Zeroed pages that live as long as the process.
fn pages(bytes: usize) -> *mut u8 {
    let pages = bytes.div_ceil(PAGE) + 1;
    let memory = Box::leak(vec![0_u8; pages * PAGE].into_boxed_slice());
    let offset = memory.as_ptr().align_offset(PAGE);
    memory[offset..].as_mut_ptr()
}
