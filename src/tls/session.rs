//! One TLS connection as two streams of bytes: ciphertext of the socket, plaintext of the shard.
//!
//! Invariants: `incoming` holds less than one record (less than one flight, while the handshake
//! lasts) and `outgoing` what TLS itself has to say; both are given back when empty, so an idle
//! session is the library's state and nothing else. Ciphertext must reach the socket in the order
//! in which it is made: `outgoing` before what `encrypt` makes next.

use std::sync::Arc;

use rustls::ServerConfig;
use rustls::server::UnbufferedServerConnection;
use rustls::unbuffered::{
    ConnectionState, EncodeError, EncryptError, UnbufferedStatus, WriteTraffic,
};

use super::fault::{Failure, Fault};
use crate::limits::TLS_INCOMPLETE_BYTES_MAX;

/// What a record adds to what it carries, at most (RFC 5246 section 6.2.3, RFC 8446 section 5.2).
const RECORD_OVERHEAD_BYTES: usize = 64;

/// What one record carries at most.
const FRAGMENT_BYTES_MAX: usize = 16_384;

/// The answer to who speaks plain HTTP where TLS is spoken.
pub const PLAIN_HTTP: &[u8] = b"HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\n\
    Content-Length: 54\r\nConnection: close\r\n\r\n\
    This port speaks TLS only: use https:// or wss:// URLs";

/// One connection.
pub struct Session {
    connection: UnbufferedServerConnection,
    incoming: Vec<u8>,
    outgoing: Vec<u8>,
    /// Something was received.
    begun: bool,
    /// Nothing more is read: the peer has said that nothing comes, or we that nothing is wanted.
    ended: bool,
    /// Nothing can be read or written any more.
    broken: bool,
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session").field("handshaking", &self.is_handshaking()).finish()
    }
}

impl Session {
    pub(super) fn new(config: Arc<ServerConfig>) -> Result<Session, Fault> {
        let connection =
            UnbufferedServerConnection::new(config).map_err(|error| Fault::of(&error, true))?;
        let (incoming, outgoing) = (Vec::new(), Vec::new());
        Ok(Session { connection, incoming, outgoing, begun: false, ended: false, broken: false })
    }

    pub fn is_handshaking(&self) -> bool {
        self.connection.is_handshaking()
    }

    /// Whether nothing more is read: either end has closed, or it broke.
    pub fn is_over(&self) -> bool {
        self.ended || self.broken
    }

    /// Whether the handshake went on from an earlier connection's; known when it is over.
    pub fn is_resumed(&self) -> bool {
        self.connection.handshake_kind() == Some(rustls::HandshakeKind::Resumed)
    }

    /// Takes what the socket gave and appends what it carries to `plain`. True where the peer has
    /// said that nothing more comes. After a fault `outgoing` may hold an alert.
    pub fn receive(&mut self, bytes: &mut [u8], plain: &mut Vec<u8>) -> Result<bool, Fault> {
        if self.is_over() {
            return Ok(false);
        }
        let received = self.check_first(bytes).and_then(|()| self.decrypt(bytes, plain));
        match received {
            Ok(ended) => self.ended |= ended,
            Err(_) => self.give_up(),
        }
        received
    }

    /// A request head in plain text begins with a method's name, TLS with a handshake record.
    fn check_first(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        let first = bytes.first().filter(|_| !std::mem::replace(&mut self.begun, true));
        match first {
            Some(b'A'..=b'Z') => Err(Fault::new(Failure::PlainHttp, "a plain HTTP request")),
            _ => Ok(()),
        }
    }

    fn decrypt(&mut self, bytes: &mut [u8], plain: &mut Vec<u8>) -> Result<bool, Fault> {
        let mut records =
            Records { connection: &mut self.connection, outgoing: &mut self.outgoing, plain };
        if self.incoming.is_empty() {
            let (done, closed) = records.read(bytes)?;
            self.incoming.extend_from_slice(bytes.get(done..).unwrap_or_default());
            return self.check_size().map(|()| closed);
        }
        self.incoming.extend_from_slice(bytes);
        let (done, closed) = records.read(&mut self.incoming)?;
        self.incoming.drain(..done);
        if self.incoming.is_empty() {
            self.incoming = Vec::new();
        }
        self.check_size().map(|()| closed)
    }

    fn check_size(&self) -> Result<(), Fault> {
        match self.incoming.len() <= TLS_INCOMPLETE_BYTES_MAX {
            true => Ok(()),
            false => Err(Fault::new(Failure::TooLarge, "more bytes than a handshake may take")),
        }
    }

    /// Lets the library say why, if it does.
    fn give_up(&mut self) {
        self.broken = true;
        self.incoming = Vec::new();
        // Without an alert to fetch it would go on reading where it stopped, which is gone.
        if !self.connection.wants_write() {
            return;
        }
        let status = self.connection.process_tls_records(&mut []);
        if let Ok(ConnectionState::EncodeTlsData(mut alert)) = status.state {
            let _ = append(&mut self.outgoing, |room| alert.encode(room).map_err(encode_room));
        }
    }

    /// Whether TLS itself has something to send.
    pub fn has_output(&self) -> bool {
        !self.outgoing.is_empty()
    }

    /// What TLS itself has to send, appended to what is sent next.
    pub fn take_output(&mut self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.outgoing);
        self.outgoing = Vec::new();
    }

    /// Appends the ciphertext of `plain`, all or nothing; false where the handshake is not that
    /// far.
    pub fn encrypt(&mut self, plain: &[u8], out: &mut Vec<u8>) -> Result<bool, Fault> {
        self.write(out, |traffic, out| {
            let records = plain.len() / FRAGMENT_BYTES_MAX + 1;
            out.reserve(plain.len() + records * RECORD_OVERHEAD_BYTES);
            append(out, |room| traffic.encrypt(plain, room).map_err(encrypt_room))
        })
    }

    /// Appends the notice that nothing more will be sent; nothing is read from then on.
    pub fn close(&mut self, out: &mut Vec<u8>) -> Result<bool, Fault> {
        let closed = self.write(out, |traffic, out| {
            append(out, |room| traffic.queue_close_notify(room).map_err(encrypt_room))
        });
        self.ended |= *closed.as_ref().unwrap_or(&true);
        closed
    }

    fn write(
        &mut self,
        out: &mut Vec<u8>,
        write: impl FnOnce(&mut WriteTraffic<'_, Side>, &mut Vec<u8>) -> Result<(), Fault>,
    ) -> Result<bool, Fault> {
        if self.broken {
            return Ok(false);
        }
        let UnbufferedStatus { discard, state } =
            self.connection.process_tls_records(&mut self.incoming);
        let written = match state {
            Ok(ConnectionState::WriteTraffic(mut traffic)) => {
                write(&mut traffic, out).map(|()| true)
            }
            Ok(_) => Ok(false),
            Err(error) => Err(Fault::of(&error, false)),
        };
        self.incoming.drain(..discard);
        self.broken |= written.is_err();
        written
    }
}

type Side = rustls::server::ServerConnectionData;

/// What reading records works on.
struct Records<'s> {
    connection: &'s mut UnbufferedServerConnection,
    outgoing: &'s mut Vec<u8>,
    plain: &'s mut Vec<u8>,
}

impl Records<'_> {
    /// Reads as far as it goes: how many bytes are done with, and whether the peer has closed.
    fn read(&mut self, bytes: &mut [u8]) -> Result<(usize, bool), Fault> {
        let (mut done, mut closed) = (0, false);
        loop {
            let handshaking = self.connection.is_handshaking();
            let rest = bytes.get_mut(done..).unwrap_or_default();
            let UnbufferedStatus { mut discard, state } = self.connection.process_tls_records(rest);
            let more = match state.map_err(|error| Fault::of(&error, handshaking))? {
                ConnectionState::ReadTraffic(mut traffic) => {
                    while let Some(record) = traffic.next_record() {
                        let record = record.map_err(|error| Fault::of(&error, handshaking))?;
                        discard += record.discard;
                        self.plain.extend_from_slice(record.payload);
                    }
                    true
                }
                ConnectionState::EncodeTlsData(mut flight) => {
                    append(self.outgoing, |room| flight.encode(room).map_err(encode_room))?;
                    true
                }
                ConnectionState::TransmitTlsData(flight) => {
                    flight.done();
                    true
                }
                ConnectionState::PeerClosed => {
                    closed = true;
                    true
                }
                _ => false,
            };
            done += discard;
            if !more {
                return Ok((done, closed));
            }
        }
    }
}

/// Lets the library write behind what there is; it says how much room it needs.
fn append(
    out: &mut Vec<u8>,
    mut write: impl FnMut(&mut [u8]) -> Result<usize, Option<usize>>,
) -> Result<(), Fault> {
    let start = out.len();
    out.resize(out.capacity(), 0);
    loop {
        match write(&mut out[start..]) {
            Ok(written) => {
                out.truncate(start + written);
                return Ok(());
            }
            Err(Some(room)) => out.resize(start + room, 0),
            Err(None) => {
                out.truncate(start);
                return Err(Fault::new(Failure::Internal, "nothing more may be encrypted"));
            }
        }
    }
}

fn encode_room(error: EncodeError) -> Option<usize> {
    match error {
        EncodeError::InsufficientSize(size) => Some(size.required_size),
        EncodeError::AlreadyEncoded => None,
    }
}

fn encrypt_room(error: EncryptError) -> Option<usize> {
    match error {
        EncryptError::InsufficientSize(size) => Some(size.required_size),
        EncryptError::EncryptExhausted => None,
    }
}
