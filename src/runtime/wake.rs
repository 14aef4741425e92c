//! A shard's bell: one word that says whether anything came for it, and one eventfd, written only
//! when the shard is really asleep.
//!
//! ```text
//! awake -- ring --> rung -- answer --> awake          no system call while the shard is busy
//! awake -- fall_asleep --> asleep -- ring --> rung    only this one writes
//! ```
//!
//! The producer pushes, fences, and rings; the consumer answers, fences, and then looks. So what
//! was pushed before a ring that found the bell rung is seen by the look after the next answer, no
//! wake is lost, and a shard that nobody rang for looks at no channel.

#![allow(unsafe_code)]

use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::sync::atomic::{AtomicU8, Ordering, fence};

/// It looks for itself whether it was rung for.
const AWAKE: u8 = 0;
/// It waits for its eventfd.
const ASLEEP: u8 = 1;
/// Something came that it has not looked at.
const RUNG: u8 = 2;

/// One shard's bell, on cache lines of its own: its shard writes the word at every park.
#[derive(Debug)]
#[repr(align(128))]
pub struct Wake {
    state: AtomicU8,
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
        Ok(Wake { state: AtomicU8::new(AWAKE), event })
    }

    pub fn raw_fd(&self) -> RawFd {
        self.event.as_raw_fd()
    }

    /// After a push: tells the shard to look, and wakes it if it sleeps.
    pub fn ring(&self) {
        fence(Ordering::SeqCst);
        // Every peer rings: a bell that is rung is only looked at, so its line stays shared.
        let is_rung = self.state.load(Ordering::Relaxed) == RUNG;
        if !is_rung && self.state.swap(RUNG, Ordering::AcqRel) == ASLEEP {
            self.write();
        }
    }

    /// Wakes the shard whatever it does.
    pub fn interrupt(&self) {
        self.state.store(RUNG, Ordering::SeqCst);
        self.write();
    }

    /// Whether it was rung since the last answer; a look after this sees what was pushed before.
    pub fn answer(&self) -> bool {
        let is_rung = self.state.load(Ordering::Relaxed) == RUNG;
        if is_rung {
            self.state.swap(AWAKE, Ordering::AcqRel);
            fence(Ordering::SeqCst);
        }
        is_rung
    }

    /// Before parking; false where it was rung already.
    pub fn fall_asleep(&self) -> bool {
        self.exchange(AWAKE, ASLEEP)
    }

    /// After parking; whoever rang meanwhile is still to be answered.
    pub fn wake_up(&self) {
        self.exchange(ASLEEP, AWAKE);
    }

    fn exchange(&self, from: u8, to: u8) -> bool {
        self.state.compare_exchange(from, to, Ordering::AcqRel, Ordering::Relaxed).is_ok()
    }

    fn write(&self) {
        let one = 1u64.to_ne_bytes();
        // SAFETY: the buffer is 8 readable bytes, what an eventfd wants; the descriptor is ours.
        // The result says nothing useful: the counter only ever needs to be non-zero.
        unsafe { libc::write(self.raw_fd(), one.as_ptr().cast(), one.len()) };
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::io::Read;
    use std::sync::Arc;
    use std::thread;

    use crossbeam_channel::{Receiver, unbounded};

    use super::*;

    #[test]
    fn only_who_rings_for_a_sleeper_writes() {
        let wake = Wake::new().unwrap();
        wake.ring();
        wake.ring();
        assert!(!wake.fall_asleep(), "rung while awake");
        assert!(wake.answer());
        assert!(!wake.answer());
        assert!(wake.fall_asleep());
        wake.ring();
        wake.ring();
        assert_eq!(rings(&wake), 1);
        wake.wake_up();
        assert!(wake.answer());
    }

    #[test]
    fn a_ring_that_comes_after_the_sleep_is_still_answered() {
        let wake = Wake::new().unwrap();
        assert!(wake.fall_asleep());
        wake.wake_up();
        assert!(!wake.answer());
        wake.interrupt();
        assert_eq!(rings(&wake), 1);
        assert!(wake.answer());
    }

    /// A sleeper whose wake is lost would read its eventfd for ever.
    #[test]
    fn nothing_is_lost_between_threads() {
        const EACH: usize = 20_000;
        const PRODUCERS: usize = 3;
        let wake = Arc::new(Wake::new().unwrap());
        let (sender, receiver) = unbounded();
        let producers = (0..PRODUCERS).map(|_| {
            let (wake, sender) = (wake.clone(), sender.clone());
            thread::spawn(move || {
                for number in 0..EACH {
                    sender.send(number).unwrap();
                    wake.ring();
                    if number % 64 == 0 {
                        thread::yield_now();
                    }
                }
            })
        });
        let producers: Vec<_> = producers.collect();
        assert_eq!(consume(&wake, &receiver, EACH * PRODUCERS), EACH * PRODUCERS);
        producers.into_iter().for_each(|producer| producer.join().unwrap());
    }

    fn consume(wake: &Wake, receiver: &Receiver<usize>, wanted: usize) -> usize {
        let mut seen = 0;
        while seen < wanted {
            if wake.answer() {
                seen += receiver.try_iter().count();
            } else if wake.fall_asleep() {
                rings(wake);
                wake.wake_up();
            }
        }
        seen
    }

    /// How often the eventfd was written; waits until it was.
    fn rings(wake: &Wake) -> u64 {
        let mut count = [0; 8];
        File::from(wake.event.try_clone().unwrap()).read_exact(&mut count).unwrap();
        u64::from_ne_bytes(count)
    }
}
