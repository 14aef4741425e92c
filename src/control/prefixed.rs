//! A socket whose first bytes were already read by a shard, with a deadline that only a request or
//! a reader who keeps up puts off.
//!
//! Invariants: the prefix is read first, once; after the deadline every read and write fails. So
//! whoever is silent, or reads fewer than `BYTES_PER_MS_MIN`, holds a place for `LIFE` at most.

use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep};

use super::places::Place;
use super::wire::Wire;

const LIFE: Duration = Duration::from_secs(15);

/// What a reader must take on average: 16 KiB a second.
const BYTES_PER_MS_MIN: u64 = 16;

/// When a connection ends.
#[derive(Clone, Debug)]
pub(super) struct Life(Arc<Span>);

#[derive(Debug)]
struct Span {
    begun: Instant,
    /// Milliseconds behind `begun`.
    end_ms: AtomicU64,
}

impl Life {
    pub(super) fn begin() -> Life {
        let end_ms = AtomicU64::new(LIFE.as_millis() as u64);
        Life(Arc::new(Span { begun: Instant::now(), end_ms }))
    }

    /// A request came, or a feed's reader took something: there is time again.
    pub(super) fn renew(&self) {
        self.0.end_ms.store(self.latest_ms(), Ordering::Relaxed);
    }

    /// So many bytes were taken; they buy time, but never more than a new request would.
    fn earn(&self, bytes: usize) {
        let end_ms = self.0.end_ms.load(Ordering::Relaxed) + bytes as u64 / BYTES_PER_MS_MIN;
        self.0.end_ms.store(end_ms.min(self.latest_ms()), Ordering::Relaxed);
    }

    fn latest_ms(&self) -> u64 {
        (self.0.begun.elapsed() + LIFE).as_millis() as u64
    }

    fn end(&self) -> Instant {
        self.0.begun + Duration::from_millis(self.0.end_ms.load(Ordering::Relaxed))
    }
}

pub(super) struct Prefixed {
    prefix: Vec<u8>,
    /// `prefix[..taken]` was read.
    taken: usize,
    stream: Wire,
    life: Life,
    /// Looks whether `life` is over; that may have been put off since.
    alarm: Pin<Box<Sleep>>,
    _place: Place,
}

impl Prefixed {
    pub(super) fn new(prefix: Vec<u8>, stream: Wire, place: Place, life: Life) -> Self {
        let alarm = Box::pin(tokio::time::sleep_until(life.end()));
        Prefixed { prefix, taken: 0, stream, life, alarm, _place: place }
    }

    fn check_end(&mut self, cx: &mut Context<'_>) -> io::Result<()> {
        while self.alarm.as_mut().poll(cx).is_ready() {
            let end = self.life.end();
            if end <= Instant::now() {
                return Err(io::ErrorKind::TimedOut.into());
            }
            self.alarm.as_mut().reset(end);
        }
        Ok(())
    }
}

impl AsyncRead for Prefixed {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.check_end(cx)?;
        let left = self.prefix.get(self.taken..).unwrap_or_default();
        if left.is_empty() {
            return pin!(&mut self.stream).poll_read(cx, into);
        }
        let count = left.len().min(into.remaining());
        into.put_slice(&left[..count]);
        self.taken += count;
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Prefixed {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.check_end(cx)?;
        let written = pin!(&mut self.stream).poll_write(cx, bytes);
        if let Poll::Ready(Ok(count)) = written {
            self.life.earn(count);
        }
        written
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        pin!(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.check_end(cx)?;
        pin!(&mut self.stream).poll_shutdown(cx)
    }
}
