//! The other end of an adapter under test: hears what a server says and keeps what is sent.

use super::super::outgoing::Outgoing;
use super::super::scenario::draw::Draw;
use super::super::stamp::Stamp;
use super::{Adapter, Answer, Body, Heard, Role, Seat};
use crate::ws::header::{Expect, decode};
use crate::ws::mask::unmask;

/// A connection without a socket.
pub struct Exchange {
    role: Role,
    token: String,
    session: String,
    bytes: Vec<u8>,
}

impl Exchange {
    pub fn new(role: Role, token: &str) -> Exchange {
        Exchange { role, token: token.into(), session: String::new(), bytes: Vec::new() }
    }

    pub fn member(token: &str) -> Exchange {
        Exchange::new(Role::Member { room: 1 }, token)
    }

    /// Has the adapter act on this seat.
    pub fn act<T>(&mut self, act: impl FnOnce(&Seat<'_>, &mut Outgoing<'_>) -> T) -> T {
        let Exchange { role, token, session, bytes } = self;
        let seat = Seat { number: 7, role: *role, token, session };
        act(&seat, &mut Outgoing::new(bytes, [1, 2, 3, 4]))
    }

    pub fn hear(&mut self, adapter: &dyn Adapter, message: &str) -> Heard {
        self.hear_bytes(adapter, message.as_bytes())
    }

    fn hear_bytes(&mut self, adapter: &dyn Adapter, message: &[u8]) -> Heard {
        let heard = self.act(|seat, out| adapter.read(seat, message, out));
        if let Heard::Opened { session } = &heard {
            self.session.clone_from(session);
        }
        heard
    }

    /// Bytes of all kinds, to see that none is a trap; a thousand messages.
    pub fn hear_hostile(&mut self, adapter: &dyn Adapter) {
        const ALPHABET: &[u8] = b"0123456789{}[]\":,\\ \n\0\xff\xc3tpush:event\x80datconesubri";
        let mut draw = Draw::new(1);
        for length in 0..1_000 {
            let letter = |draw: &mut Draw| ALPHABET[draw.below(ALPHABET.len())];
            let message: Vec<u8> = (0..length % 64).map(|_| letter(&mut draw)).collect();
            self.hear_bytes(adapter, &message);
        }
    }

    pub fn join(&mut self, adapter: &dyn Adapter, room: u32) -> Answer {
        self.act(|seat, out| adapter.join(seat, room, out))
    }

    pub fn leave(&mut self, adapter: &dyn Adapter, room: u32) -> Answer {
        self.act(|seat, out| adapter.leave(seat, room, out))
    }

    /// The messages sent since this was asked last.
    pub fn sent(&mut self) -> Vec<String> {
        let mut bytes = std::mem::take(&mut self.bytes);
        let mut messages = Vec::new();
        while let Some((header, start)) = decode(&bytes, Expect::default()).unwrap() {
            let rest = bytes.split_off(start + header.payload_len as usize);
            unmask(&mut bytes[start..], header.key, 0);
            messages.push(String::from_utf8(bytes.split_off(start)).unwrap());
            bytes = rest;
        }
        messages
    }
}

pub fn body(delivered_bytes: usize) -> Body {
    Body { stamp: Stamp::of_ns(5), delivered_bytes }
}
