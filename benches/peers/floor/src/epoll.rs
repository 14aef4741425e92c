//! The same hub on epoll: one `recv` a readable connection, one `send` a batch, at the end of the
//! turn.

use std::io;
use std::net::TcpListener;
use std::os::fd::AsRawFd;

use crate::hub::{Hub, Next};

const EVENTS: usize = 1_024;
const BUFFER_BYTES: usize = 512 * 1_024;
const LISTENER: u64 = u64::MAX;

pub fn run(listener: &TcpListener) -> io::Result<()> {
    listener.set_nonblocking(true)?;
    // SAFETY: no pointer is passed.
    let poll = checked(unsafe { libc::epoll_create1(libc::EPOLL_CLOEXEC) })?;
    let mut driver = Driver {
        poll,
        hub: Hub::default(),
        unsent: Vec::new(),
        buffer: vec![0; BUFFER_BYTES],
        starting: Vec::new(),
    };
    driver.watch(libc::EPOLL_CTL_ADD, listener.as_raw_fd(), libc::EPOLLIN, LISTENER)?;
    let mut events = vec![libc::epoll_event { events: 0, u64: 0 }; EVENTS];
    loop {
        driver.turn(listener, &mut events)?;
    }
}

/// What a connection could not send yet.
type Unsent = Option<(*const u8, usize)>;

struct Driver {
    poll: i32,
    hub: Hub,
    /// By descriptor, which is the slot.
    unsent: Vec<Unsent>,
    buffer: Vec<u8>,
    starting: Vec<(u32, *const u8, usize)>,
}

impl Driver {
    fn turn(&mut self, listener: &TcpListener, events: &mut [libc::epoll_event]) -> io::Result<()> {
        // SAFETY: the events are `len` writable ones.
        let count = checked(unsafe {
            libc::epoll_wait(self.poll, events.as_mut_ptr(), events.len() as i32, -1)
        });
        let count = match count {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return Ok(()),
            other => other?,
        };
        for event in &events[..count as usize] {
            match event.u64 {
                LISTENER => self.accept(listener)?,
                slot => self.ready(slot as u32, event.events as i32)?,
            }
        }
        let mut starting = std::mem::take(&mut self.starting);
        self.hub.flush(|slot, bytes, _| starting.push((slot, bytes.as_ptr(), bytes.len())));
        for (slot, start, len) in starting.drain(..) {
            self.send(slot, start, len)?;
        }
        self.starting = starting;
        Ok(())
    }

    fn accept(&mut self, listener: &TcpListener) -> io::Result<()> {
        loop {
            let (fd, null) = (listener.as_raw_fd(), std::ptr::null_mut());
            let flags = libc::SOCK_NONBLOCK | libc::SOCK_CLOEXEC;
            // SAFETY: no address is asked for.
            let socket = unsafe { libc::accept4(fd, null, std::ptr::null_mut(), flags) };
            if socket < 0 {
                return Ok(());
            }
            if self.unsent.len() <= socket as usize {
                self.unsent.resize(socket as usize + 1, None);
            }
            self.hub.opened(socket as u32);
            self.watch(libc::EPOLL_CTL_ADD, socket, libc::EPOLLIN, socket as u64)?;
        }
    }

    fn ready(&mut self, slot: u32, events: i32) -> io::Result<()> {
        if events & libc::EPOLLOUT != 0
            && let Some((start, len)) = self.unsent[slot as usize].take()
        {
            self.watch(libc::EPOLL_CTL_MOD, slot as i32, libc::EPOLLIN, u64::from(slot))?;
            self.send(slot, start, len)?;
        }
        match events & !libc::EPOLLOUT {
            0 => Ok(()),
            _ => self.receive(slot),
        }
    }

    fn receive(&mut self, slot: u32) -> io::Result<()> {
        let (start, len) = (self.buffer.as_mut_ptr().cast(), self.buffer.len());
        // SAFETY: the buffer has `len` writable bytes.
        let got = unsafe { libc::recv(slot as i32, start, len, 0) };
        if got > 0 && self.hub.received(slot, &self.buffer[..got as usize]) {
            return Ok(());
        }
        if got < 0 && io::Error::last_os_error().kind() == io::ErrorKind::WouldBlock {
            return Ok(());
        }
        self.close(slot);
        Ok(())
    }

    /// Sends all of it, and what waits behind it, or remembers where it stopped.
    fn send(&mut self, slot: u32, mut start: *const u8, mut len: usize) -> io::Result<()> {
        loop {
            // SAFETY: the hub keeps the batch in place until it is told that it was sent.
            let sent = unsafe { libc::send(slot as i32, start.cast(), len, libc::MSG_NOSIGNAL) };
            if sent < 0 && io::Error::last_os_error().kind() == io::ErrorKind::WouldBlock {
                self.unsent[slot as usize] = Some((start, len));
                let events = libc::EPOLLIN | libc::EPOLLOUT;
                return self.watch(libc::EPOLL_CTL_MOD, slot as i32, events, u64::from(slot));
            }
            if sent >= 0 && (sent as usize) < len {
                // SAFETY: so many bytes of the batch were sent.
                start = unsafe { start.add(sent as usize) };
                len -= sent as usize;
                continue;
            }
            match self.hub.sent(slot) {
                Next::Send(next, next_len) => (start, len) = (next, next_len),
                Next::Quiet => return Ok(()),
                Next::Shut => {
                    // SAFETY: no pointer is passed.
                    unsafe { libc::shutdown(slot as i32, libc::SHUT_RDWR) };
                    return Ok(());
                }
            }
        }
    }

    fn close(&mut self, slot: u32) {
        self.unsent[slot as usize] = None;
        self.hub.left(slot);
        self.hub.closed(slot);
        // SAFETY: the descriptor is ours and nobody uses it after this.
        unsafe { libc::close(slot as i32) };
    }

    fn watch(&self, action: i32, fd: i32, events: i32, key: u64) -> io::Result<()> {
        let mut event = libc::epoll_event { events: events as u32, u64: key };
        // SAFETY: the event lives over the call.
        checked(unsafe { libc::epoll_ctl(self.poll, action, fd, &mut event) }).map(drop)
    }
}

fn checked(result: i32) -> io::Result<i32> {
    match result {
        0.. => Ok(result),
        _ => Err(io::Error::last_os_error()),
    }
}
