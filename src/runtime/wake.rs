//! Waking a parked shard: one eventfd a shard, written only when the shard is really asleep.
//!
//! The producer pushes, fences, and writes if it is the one that swaps `sleeping` to false; the
//! consumer sets `sleeping`, fences, looks again, and parks. So no wake is lost, and a busy shard
//! costs its producers no system call.

#![allow(unsafe_code)]

use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::sync::atomic::{AtomicBool, Ordering, fence};

/// One shard's bell, on cache lines of its own: its shard writes the flag at every park.
#[derive(Debug)]
#[repr(align(128))]
pub struct Wake {
    sleeping: AtomicBool,
    event: OwnedFd,
}

impl Wake {
    pub fn new() -> io::Result<Wake> {
        // SAFETY: eventfd takes no pointers; a negative result is an error, anything else a new
        // descriptor that nobody else owns.
        let event = unsafe {
            let fd = libc::eventfd(0, libc::EFD_CLOEXEC);
            if fd < 0 {
                return Err(io::Error::last_os_error());
            }
            OwnedFd::from_raw_fd(fd)
        };
        Ok(Wake { sleeping: AtomicBool::new(false), event })
    }

    pub fn raw_fd(&self) -> RawFd {
        self.event.as_raw_fd()
    }

    /// After a push: wakes the shard if it sleeps.
    pub fn ring(&self) {
        fence(Ordering::SeqCst);
        // Every peer rings: one that is awake is only looked at, so its line stays shared.
        if self.sleeping.load(Ordering::Relaxed) && self.sleeping.swap(false, Ordering::AcqRel) {
            self.write();
        }
    }

    /// Wakes the shard whatever it does.
    pub fn interrupt(&self) {
        self.sleeping.store(false, Ordering::Release);
        self.write();
    }

    /// Before parking; whatever was pushed before is seen by a look after this.
    pub fn fall_asleep(&self) {
        self.sleeping.store(true, Ordering::SeqCst);
        fence(Ordering::SeqCst);
    }

    pub fn wake_up(&self) {
        self.sleeping.store(false, Ordering::Release);
    }

    fn write(&self) {
        let one = 1u64.to_ne_bytes();
        // SAFETY: the buffer is 8 readable bytes, what an eventfd wants; the descriptor is ours.
        // The result says nothing useful: the counter only ever needs to be non-zero.
        unsafe { libc::write(self.raw_fd(), one.as_ptr().cast(), one.len()) };
    }
}
