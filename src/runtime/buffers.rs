//! Receive buffers shared with the kernel: a registered ring of buffers it picks from.
//!
//! Invariants: the kernel owns a buffer from `publish` until a completion names it; we own it from
//! then until it is given back. The memory lives as long as the ring that knows it (`Drop` order in
//! `ring::Ring`: the ring goes first).

#![allow(unsafe_code)]

use std::alloc::{Layout, alloc_zeroed, dealloc, handle_alloc_error};
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU16, Ordering};

use io_uring::types::BufRingEntry;

/// Buffers in the ring; a power of two.
pub const BUFFERS: u16 = 512;

/// Bytes of one buffer.
pub const BUFFER_BYTES: usize = 4_096;

/// The group's name in requests.
pub const GROUP: u16 = 0;

const PAGE: usize = 4_096;

/// The ring of buffers.
pub struct Buffers {
    entries: NonNull<BufRingEntry>,
    memory: NonNull<u8>,
    tail: u16,
}

impl Buffers {
    /// All buffers, published, and faulted in: the kernel uses each in turn, so they are all needed
    /// soon, and a fault at the first receive would be paid on the message path.
    pub fn new() -> Buffers {
        let mut buffers = Buffers {
            entries: allocate(Self::entries_layout()).cast(),
            memory: allocate(Self::memory_layout()),
            tail: 0,
        };
        for id in 0..BUFFERS {
            buffers.bytes(id, BUFFER_BYTES).fill(1);
            buffers.give_back(id);
        }
        buffers
    }

    fn entries_layout() -> Layout {
        layout(usize::from(BUFFERS) * size_of::<BufRingEntry>())
    }

    fn memory_layout() -> Layout {
        layout(usize::from(BUFFERS) * BUFFER_BYTES)
    }

    /// Where the kernel finds the entries.
    pub fn address(&self) -> u64 {
        self.entries.as_ptr() as u64
    }

    /// The received bytes of a buffer that a completion named.
    pub fn bytes(&mut self, id: u16, len: usize) -> &mut [u8] {
        let id = usize::from(id % BUFFERS);
        // SAFETY: the offset is inside `memory`, whose bytes are initialised (zeroed, then written
        // by the kernel); the kernel does not touch a buffer between its completion and
        // `give_back`, and `&mut self` keeps us from handing it out twice.
        unsafe {
            let start = self.memory.as_ptr().add(id * BUFFER_BYTES);
            std::slice::from_raw_parts_mut(start, len.min(BUFFER_BYTES))
        }
    }

    /// Gives a buffer to the kernel.
    pub fn give_back(&mut self, id: u16) {
        let id = id % BUFFERS;
        let place = usize::from(self.tail % BUFFERS);
        // SAFETY: `place` is inside the entries and `id` inside the memory; the kernel reads an
        // entry only below the tail, which is published (released) after the entry is written. The
        // tail's field lies in the first entry's reserved bytes, aligned for u16, and the kernel
        // only reads it.
        unsafe {
            let entry = &mut *self.entries.as_ptr().add(place);
            entry.set_addr(self.memory.as_ptr().add(usize::from(id) * BUFFER_BYTES) as u64);
            entry.set_len(BUFFER_BYTES as u32);
            entry.set_bid(id);
            self.tail = self.tail.wrapping_add(1);
            let tail = BufRingEntry::tail(self.entries.as_ptr()).cast_mut();
            AtomicU16::from_ptr(tail).store(self.tail, Ordering::Release);
        }
    }
}

impl Drop for Buffers {
    fn drop(&mut self) {
        // SAFETY: both were allocated with these layouts and are freed once.
        unsafe {
            dealloc(self.entries.as_ptr().cast(), Self::entries_layout());
            dealloc(self.memory.as_ptr(), Self::memory_layout());
        }
    }
}

fn layout(bytes: usize) -> Layout {
    // A constant size and a power of two: this cannot be refused.
    Layout::from_size_align(bytes, PAGE).unwrap_or(Layout::new::<u8>())
}

fn allocate(layout: Layout) -> NonNull<u8> {
    // SAFETY: the layout's size is not zero.
    NonNull::new(unsafe { alloc_zeroed(layout) }).unwrap_or_else(|| handle_alloc_error(layout))
}
