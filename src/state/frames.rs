//! Encoded server frames and the pool that makes them without allocating in the steady state.
//!
//! Invariants: a sealed frame is immutable and shared by reference across connections and shards;
//! the shard that made a frame keeps it in its pool and writes into it again only when every other
//! reference is gone. The buffer that came back last is written into first: it is still in the
//! cache. A payload starts at `FRAME_HEADER_BYTES_MAX`, its header stands right before it.

use std::collections::VecDeque;

use triomphe::{Arc, UniqueArc};

use crate::limits::{
    BATCH_BYTES_MAX, FRAME_HEADER_BYTES_MAX, FRAME_POOL_BYTES_MAX, TRIM_FRAMES_MAX,
};
use crate::reserve::{Reserve, fit, is_roomy};

/// What a data frame carries (RFC 6455 section 5.6).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FrameType {
    #[default]
    Text,
    Binary,
}

/// One encoded, unmasked, unfragmented server frame, header and payload in one buffer; or a batch
/// of such frames, or an HTTP response: bytes to send as they are.
#[derive(Clone, Debug, Default)]
pub struct Frame {
    buf: Vec<u8>,
    start: u8,
    kind: FrameType,
}

/// A sealed frame, shared. (Not std's `Arc`: without weak references, that nobody else holds it is
/// known from one load, and a frame that comes back is written into without asking again.)
pub type FrameRef = Arc<Frame>;

impl Frame {
    /// The bytes to send.
    pub fn wire(&self) -> &[u8] {
        self.buf.get(usize::from(self.start)..).unwrap_or_default()
    }

    /// The payload alone.
    pub fn payload(&self) -> &[u8] {
        self.buf.get(FRAME_HEADER_BYTES_MAX..).unwrap_or_default()
    }

    pub fn kind(&self) -> FrameType {
        self.kind
    }

    /// Bytes of memory behind it.
    pub fn capacity(&self) -> usize {
        self.buf.capacity()
    }
}

/// A frame being written: append the payload to `bytes()`, then `FramePool::seal` it.
pub struct OpenFrame(UniqueArc<Frame>);

impl OpenFrame {
    /// The buffer to append the payload to; its first `FRAME_HEADER_BYTES_MAX` bytes are not yours.
    pub fn bytes(&mut self) -> &mut Vec<u8> {
        &mut self.0.buf
    }
}

/// A shard's frames.
#[derive(Default)]
pub struct FramePool {
    /// Given out, oldest first; some have come back.
    out: VecDeque<FrameRef>,
    /// Held by nobody else.
    free: Reserve<UniqueArc<Frame>>,
    /// Capacity of the buffers in both.
    bytes: usize,
}

/// How many of the oldest frames `open` looks at.
const TAKE_BACK_TRIES: usize = 4;

impl FramePool {
    /// An empty frame to write into.
    pub fn open(&mut self) -> OpenFrame {
        self.take_back();
        let mut frame = self.free.take().unwrap_or_else(|| UniqueArc::new(Frame::default()));
        self.bytes -= frame.buf.capacity();
        frame.buf.clear();
        frame.buf.extend_from_slice(&[0; FRAME_HEADER_BYTES_MAX]);
        OpenFrame(frame)
    }

    /// Writes the header and shares the frame.
    pub fn seal(&mut self, open: OpenFrame, kind: FrameType) -> FrameRef {
        self.seal_with(open, kind, first_byte(kind))
    }

    /// The same for a payload that was deflated (RFC 7692 section 6: RSV1 set).
    pub fn seal_deflated(&mut self, open: OpenFrame, kind: FrameType) -> FrameRef {
        self.seal_with(open, kind, first_byte(kind) | 0x40)
    }

    /// Shares bytes that already are frames, or are none (an HTTP response).
    pub fn seal_raw(&mut self, open: OpenFrame) -> FrameRef {
        self.share(open, FRAME_HEADER_BYTES_MAX as u8, FrameType::Text)
    }

    /// Writes the header and shares a frame that is kept for long: the pool does not wait for it.
    pub fn seal_kept(&mut self, OpenFrame(mut frame): OpenFrame, kind: FrameType) -> FrameRef {
        fit(&mut frame.buf);
        frame.start = write_header(&mut frame.buf, first_byte(kind));
        frame.kind = kind;
        frame.shareable()
    }

    /// A frame that was kept for long is not any more.
    pub fn reclaim(&mut self, frame: FrameRef) {
        let capacity = frame.buf.capacity();
        let fits = capacity <= 2 * BATCH_BYTES_MAX && self.bytes + capacity <= FRAME_POOL_BYTES_MAX;
        if fits && let Ok(frame) = Arc::try_unique(frame) {
            self.bytes += capacity;
            self.free.put(frame);
        }
    }

    /// Gives an unfinished frame back.
    pub fn discard(&mut self, OpenFrame(frame): OpenFrame) {
        self.bytes += frame.buf.capacity();
        self.free.put(frame);
    }

    /// Gives back half of the buffers that were not needed since the last call, then looks which of
    /// those that are out have come back; true where there may be more to give.
    pub fn trim(&mut self) -> bool {
        let bytes = &mut self.bytes;
        self.free.trim(|frame| *bytes -= frame.buf.capacity());
        for _ in 0..self.out.len().min(TRIM_FRAMES_MAX) {
            let Some(frame) = self.out.pop_front() else { break };
            match Arc::try_unique(frame) {
                Ok(frame) => self.free.put(frame),
                Err(frame) => self.out.push_back(frame),
            }
        }
        if is_roomy(self.out.len(), self.out.capacity()) {
            self.out.shrink_to(2 * self.out.len());
        }
        self.free.settle();
        !self.free.is_empty()
    }

    fn seal_with(&mut self, mut open: OpenFrame, kind: FrameType, first: u8) -> FrameRef {
        let start = write_header(open.bytes(), first);
        self.share(open, start, kind)
    }

    fn share(&mut self, OpenFrame(mut frame): OpenFrame, start: u8, kind: FrameType) -> FrameRef {
        (frame.start, frame.kind) = (start, kind);
        let capacity = frame.buf.capacity();
        let frame = frame.shareable();
        if capacity <= 2 * BATCH_BYTES_MAX && self.bytes + capacity <= FRAME_POOL_BYTES_MAX {
            self.bytes += capacity;
            self.out.push_back(Arc::clone(&frame));
        }
        frame
    }

    /// Looks for frames that nobody else holds any more. They come back roughly in the order they
    /// were given out; one that is held for long goes to the back, so that it never blocks others.
    fn take_back(&mut self) {
        for _ in 0..self.out.len().min(TAKE_BACK_TRIES) {
            let Some(frame) = self.out.pop_front() else { return };
            match Arc::try_unique(frame) {
                Ok(frame) => self.free.put(frame),
                Err(frame) => {
                    self.out.push_back(frame);
                    if !self.free.is_empty() {
                        return;
                    }
                }
            }
        }
    }
}

fn first_byte(kind: FrameType) -> u8 {
    match kind {
        FrameType::Text => 0x81,
        FrameType::Binary => 0x82,
    }
}

/// Writes the header right before the payload; returns where it begins (RFC 6455 section 5.2).
fn write_header(buf: &mut [u8], first: u8) -> u8 {
    let payload_len = buf.len() - FRAME_HEADER_BYTES_MAX;
    let mut header = [0; FRAME_HEADER_BYTES_MAX];
    header[2..].copy_from_slice(&(payload_len as u64).to_be_bytes());
    let start = match payload_len {
        0..126 => FRAME_HEADER_BYTES_MAX - 2,
        126..=0xffff => FRAME_HEADER_BYTES_MAX - 4,
        _ => 0,
    };
    let head = &mut buf[..FRAME_HEADER_BYTES_MAX];
    head[start..].copy_from_slice(&header[start..]);
    head[start] = first;
    head[start + 1] = match payload_len {
        0..126 => payload_len as u8,
        126..=0xffff => 126,
        _ => 127,
    };
    start as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sealed(pool: &mut FramePool, payload: &[u8]) -> FrameRef {
        let mut open = pool.open();
        open.bytes().extend_from_slice(payload);
        pool.seal(open, FrameType::Text)
    }

    #[test]
    fn headers_are_minimal_at_every_boundary() {
        let mut pool = FramePool::default();
        for (len, header) in [
            (0, vec![0x81, 0]),
            (125, vec![0x81, 125]),
            (126, vec![0x81, 126, 0, 126]),
            (65_535, vec![0x81, 126, 0xff, 0xff]),
            (65_536, vec![0x81, 127, 0, 0, 0, 0, 0, 1, 0, 0]),
        ] {
            let frame = sealed(&mut pool, &vec![b'x'; len]);
            assert_eq!(frame.wire()[..frame.wire().len() - len], header, "{len}");
            assert_eq!(frame.payload().len(), len);
        }
    }

    #[test]
    fn a_frame_is_reused_only_when_nobody_else_holds_it() {
        let mut pool = FramePool::default();
        let first = sealed(&mut pool, b"one");
        let second = sealed(&mut pool, b"two");
        assert_eq!((first.payload(), second.payload()), (&b"one"[..], &b"two"[..]));
        let place = first.wire().as_ptr();
        drop(first);
        let third = sealed(&mut pool, b"six");
        assert_eq!(third.wire().as_ptr(), place);
        assert_eq!(second.payload(), b"two");
    }
}
