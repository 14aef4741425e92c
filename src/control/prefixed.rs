//! A socket whose first bytes were already read by a shard, with one deadline for its whole life.
//!
//! Invariants: the prefix is read first, once; after the deadline every read and write fails, so a
//! slow client holds its place for `LIFE` at most.

use std::io;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::Sleep;

use super::wire::Wire;

const LIFE: Duration = Duration::from_secs(15);

pub(super) struct Prefixed {
    prefix: Vec<u8>,
    /// `prefix[..taken]` was read.
    taken: usize,
    stream: Wire,
    end: Pin<Box<Sleep>>,
    _place: OwnedSemaphorePermit,
}

impl Prefixed {
    pub(super) fn new(prefix: Vec<u8>, stream: Wire, place: OwnedSemaphorePermit) -> Self {
        let end = Box::pin(tokio::time::sleep(LIFE));
        Prefixed { prefix, taken: 0, stream, end, _place: place }
    }

    fn check_end(&mut self, cx: &mut Context<'_>) -> io::Result<()> {
        match self.end.as_mut().poll(cx) {
            Poll::Ready(()) => Err(io::ErrorKind::TimedOut.into()),
            Poll::Pending => Ok(()),
        }
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
        pin!(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        pin!(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.check_end(cx)?;
        pin!(&mut self.stream).poll_shutdown(cx)
    }
}
