//! A connection to a backend: plain or TLS, one type for the pool.
//!
//! Invariants: a request on a kept HTTP/1.1 connection is written only while the kernel has nothing
//! to be read there, neither a close nor parting words; else not a byte is written and `Life` says
//! so. Called by `connect` and `client`.

use std::io;
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::{Context, Poll};

use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::client::legacy::connect::{Connected, Connection};
use hyper_util::rt::TokioIo;
use socket2::SockRef;
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

pub(super) struct Stream {
    io: Io,
    life: Life,
}

enum Io {
    Plain(TokioIo<TcpStream>),
    Tls(Box<TokioIo<TlsStream<TcpStream>>>),
}

/// How far a connection has come; shared with the pool's errors.
#[derive(Clone, Default)]
pub(super) struct Life(Arc<AtomicU8>);

/// Has brought no response yet.
const FRESH: u8 = 0;
/// Has brought one, whole, and nothing was sent since.
const KEPT: u8 = 1;
/// A response has begun, or a request is on its way behind one.
const AGAIN: u8 = 2;
/// Was ended by the backend while it was kept.
const GONE: u8 = 3;

impl Life {
    /// The head of a response has come.
    pub(super) fn answering(&self) {
        self.set(AGAIN);
    }

    /// The whole of it.
    pub(super) fn answered(&self) {
        self.set(KEPT);
    }

    /// It may be closed by the backend at the very moment in which it is used again.
    pub(super) fn was_used(&self) -> bool {
        self.get() != FRESH
    }

    /// The request that found it so was not sent.
    pub(super) fn is_gone(&self) -> bool {
        self.get() == GONE
    }

    fn get(&self) -> u8 {
        self.0.load(Ordering::Relaxed)
    }

    fn set(&self, state: u8) {
        self.0.store(state, Ordering::Relaxed);
    }
}

impl Stream {
    pub(super) fn plain(io: TokioIo<TcpStream>) -> Stream {
        Stream { io: Io::Plain(io), life: Life::default() }
    }

    pub(super) fn tls(io: TlsStream<TcpStream>) -> Stream {
        Stream { io: Io::Tls(Box::new(TokioIo::new(io))), life: Life::default() }
    }

    fn tcp(&self) -> &TcpStream {
        match &self.io {
            Io::Plain(io) => io.inner(),
            Io::Tls(io) => io.inner().get_ref().0,
        }
    }

    /// Asked of the kernel: the runtime may not have seen the close yet. A backend that ends a
    /// connection may say so first (TLS's `close_notify`, a status 408); whatever it is, it is no
    /// answer to a request that was not sent.
    fn is_silent(&self) -> bool {
        let peeked = SockRef::from(self.tcp()).peek(&mut [MaybeUninit::uninit()]);
        peeked.is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock)
    }

    /// Before a request's first byte on a kept connection.
    fn reuse(&self) -> io::Result<()> {
        if !self.is_silent() {
            self.life.set(GONE);
            return Err(io::Error::new(io::ErrorKind::NotConnected, "ended while it was kept"));
        }
        self.life.set(AGAIN);
        Ok(())
    }

    fn speaks_h2(&self) -> bool {
        match &self.io {
            Io::Plain(_) => false,
            Io::Tls(io) => io.inner().get_ref().1.alpn_protocol() == Some(b"h2"),
        }
    }
}

impl Connection for Stream {
    fn connected(&self) -> Connected {
        let connected = Connected::new().extra(self.life.clone());
        if self.speaks_h2() { connected.negotiated_h2() } else { connected }
    }
}

impl Read for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        match &mut self.io {
            Io::Plain(io) => Pin::new(io).poll_read(context, buffer),
            Io::Tls(io) => Pin::new(io).poll_read(context, buffer),
        }
    }
}

impl Write for Stream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.life.get() == KEPT && !self.speaks_h2() {
            self.reuse()?;
        }
        match &mut self.io {
            Io::Plain(io) => Pin::new(io).poll_write(context, bytes),
            Io::Tls(io) => Pin::new(io).poll_write(context, bytes),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.io {
            Io::Plain(io) => Pin::new(io).poll_flush(context),
            Io::Tls(io) => Pin::new(io).poll_flush(context),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.io {
            Io::Plain(io) => Pin::new(io).poll_shutdown(context),
            Io::Tls(io) => Pin::new(io).poll_shutdown(context),
        }
    }
}
