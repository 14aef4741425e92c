//! The socket of a handed-over connection as a stream of plain bytes, encrypted where it began so.
//!
//! Invariants: a TLS session goes on exactly where the shard left it; at most one write's
//! ciphertext waits here. Called by `prefixed`.

use std::io;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use crate::tls::{Fault, Session};

/// Bytes read from a socket at a time.
const READ_BYTES: usize = 4_096;

/// Plain bytes that one write takes.
const WRITE_BYTES_MAX: usize = 16_384;

pub(super) enum Wire {
    Plain(TcpStream),
    Secure(Secure),
}

impl Wire {
    pub(super) fn new(stream: TcpStream, tls: Option<Box<Session>>) -> Wire {
        match tls {
            None => Wire::Plain(stream),
            Some(session) => Wire::Secure(Secure::new(stream, session)),
        }
    }
}

/// A connection that speaks TLS.
pub(super) struct Secure {
    stream: TcpStream,
    session: Box<Session>,
    /// Decrypted; `plain[..taken]` was read.
    plain: Vec<u8>,
    taken: usize,
    /// Encrypted; `out[..sent]` is with the kernel.
    out: Vec<u8>,
    sent: usize,
    ended: bool,
    closed: bool,
}

impl Secure {
    fn new(stream: TcpStream, session: Box<Session>) -> Secure {
        let (plain, out) = (Vec::new(), Vec::new());
        Secure { stream, session, plain, taken: 0, out, sent: 0, ended: false, closed: false }
    }

    fn poll_read(&mut self, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        while self.taken == self.plain.len() && !self.ended {
            ready!(self.poll_more(cx))?;
        }
        let left = self.plain.get(self.taken..).unwrap_or_default();
        let count = left.len().min(into.remaining());
        into.put_slice(&left[..count]);
        self.taken += count;
        Poll::Ready(Ok(()))
    }

    /// Takes what the socket has.
    fn poll_more(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut bytes = [0; READ_BYTES];
        let mut came = ReadBuf::new(&mut bytes);
        ready!(pin!(&mut self.stream).poll_read(cx, &mut came))?;
        self.plain.clear();
        self.taken = 0;
        self.ended = came.filled().is_empty();
        self.ended |= self.session.receive(came.filled_mut(), &mut self.plain).map_err(broken)?;
        // An answer of TLS itself goes out when it can; nobody waits for it here.
        match self.poll_out(cx) {
            Poll::Ready(result) => Poll::Ready(result),
            Poll::Pending => Poll::Ready(Ok(())),
        }
    }

    fn poll_write(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        ready!(self.poll_out(cx))?;
        let bytes = bytes.get(..WRITE_BYTES_MAX).unwrap_or(bytes);
        match self.session.encrypt(bytes, &mut self.out).map_err(broken)? {
            true => {}
            false => return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into())),
        }
        // Taken, whether or not the kernel has it yet: `poll_flush` sees to the rest.
        let _ = self.poll_out(cx)?;
        Poll::Ready(Ok(bytes.len()))
    }

    /// Sends what waits.
    fn poll_out(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.session.has_output() {
            self.session.take_output(&mut self.out);
        }
        while let Some(rest) = self.out.get(self.sent..).filter(|rest| !rest.is_empty()) {
            let count = ready!(pin!(&mut self.stream).poll_write(cx, rest))?;
            if count == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.sent += count;
        }
        self.out.clear();
        self.sent = 0;
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if !std::mem::replace(&mut self.closed, true) {
            self.session.close(&mut self.out).map_err(broken)?;
        }
        ready!(self.poll_out(cx))?;
        pin!(&mut self.stream).poll_shutdown(cx)
    }
}

fn broken(fault: Fault) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, fault.why)
}

impl AsyncRead for Wire {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Wire::Plain(stream) => pin!(stream).poll_read(cx, into),
            Wire::Secure(secure) => secure.poll_read(cx, into),
        }
    }
}

impl AsyncWrite for Wire {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Wire::Plain(stream) => pin!(stream).poll_write(cx, bytes),
            Wire::Secure(secure) => secure.poll_write(cx, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Wire::Plain(stream) => pin!(stream).poll_flush(cx),
            Wire::Secure(secure) => secure.poll_out(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Wire::Plain(stream) => pin!(stream).poll_shutdown(cx),
            Wire::Secure(secure) => secure.poll_shutdown(cx),
        }
    }
}
