//! A client's side of the wire for the decoder's tests: a seeded generator, frames, streams, and a
//! run of the decoder over a stream in pieces.

#![allow(dead_code)]

use shardwire::ws::deflate::Compressor;
use shardwire::ws::{Decoder, Input, Item, MessageKind, Negotiated, ProtocolError, Rules, Shared};

pub const RULES: Rules = Rules { message_bytes_max: 2_000, fragments_max: 8 };

/// SplitMix64: small, seeded, the same everywhere.
pub struct Rng(pub u64);

impl Rng {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound.max(1) as u64) as usize
    }

    pub fn chance(&mut self, one_in: usize) -> bool {
        self.below(one_in) == 0
    }

    pub fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())]
    }

    pub fn bytes(&mut self, len: usize) -> Vec<u8> {
        (0..len).map(|_| self.next() as u8).collect()
    }

    /// Text with characters of every length.
    pub fn text(&mut self, chars: usize) -> Vec<u8> {
        let alphabet = ['a', 'e', ' ', '"', '\u{e9}', '\u{20ac}', '\u{1f600}'];
        (0..chars).map(|_| self.pick(&alphabet)).collect::<String>().into_bytes()
    }
}

/// An item with its own bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Seen {
    Text(Vec<u8>),
    Binary(Vec<u8>),
    Ping(Vec<u8>),
    Pong(Vec<u8>),
    Close(Option<u16>, String),
}

impl From<Item<'_>> for Seen {
    fn from(item: Item<'_>) -> Seen {
        match item {
            Item::Message { kind: MessageKind::Text, bytes } => Seen::Text(bytes.to_vec()),
            Item::Message { kind: MessageKind::Binary, bytes } => Seen::Binary(bytes.to_vec()),
            Item::Ping(bytes) => Seen::Ping(bytes.to_vec()),
            Item::Pong(bytes) => Seen::Pong(bytes.to_vec()),
            Item::Close { code, reason } => Seen::Close(code, reason.to_string()),
        }
    }
}

pub type Outcome = (Vec<Seen>, Option<ProtocolError>);

/// What the decoder makes of the pieces; afterwards every buffer must be back where it belongs.
pub fn decode<'p>(
    pieces: impl Iterator<Item = &'p [u8]>,
    agreed: Option<&Negotiated>,
    shared: &mut Shared,
) -> Outcome {
    let (mut decoder, mut seen) = (Decoder::new(agreed), Vec::new());
    let mut error = None;
    for piece in pieces {
        let mut bytes = piece.to_vec();
        let mut input = Input::new(&mut bytes);
        loop {
            match decoder.next(&mut input, &RULES, shared) {
                Ok(Some(item)) => seen.push(item.into()),
                Ok(None) => break,
                Err(first) => error = Some(first),
            }
        }
        assert!(input.is_empty());
    }
    assert!(decoder.is_midway() || !decoder.holds_buffers());
    decoder.release(shared);
    (seen, error)
}

/// Cuts a stream into pieces of 1 to `piece_max` bytes.
pub fn cut<'s>(rng: &mut Rng, stream: &'s [u8], piece_max: usize) -> Vec<&'s [u8]> {
    let (mut rest, mut pieces) = (stream, Vec::new());
    while !rest.is_empty() {
        let len = (1 + rng.below(piece_max)).min(rest.len());
        let (piece, after) = rest.split_at(len);
        pieces.push(piece);
        rest = after;
    }
    pieces
}

/// Appends a masked frame; `first` is FIN, RSV and opcode.
pub fn push_frame(out: &mut Vec<u8>, first: u8, key: [u8; 4], payload: &[u8]) {
    out.push(first);
    match payload.len() {
        len @ 0..126 => out.push(0x80 | len as u8),
        len @ 126..=0xffff => {
            out.push(0xfe);
            out.extend_from_slice(&(len as u16).to_be_bytes());
        }
        len => {
            out.push(0xff);
            out.extend_from_slice(&(len as u64).to_be_bytes());
        }
    }
    out.extend_from_slice(&key);
    out.extend(payload.iter().zip(key.iter().cycle()).map(|(byte, key)| byte ^ key));
}

/// A client that writes random, legal streams.
pub struct Client {
    pub rng: Rng,
    compressor: Option<Compressor>,
    out: Vec<u8>,
}

impl Client {
    pub fn new(seed: u64, agreed: Option<&Negotiated>) -> Client {
        let compressor =
            agreed.map(|agreed| Compressor::new(6, 15, !agreed.client_no_context_takeover));
        Client { rng: Rng(seed), compressor, out: Vec::new() }
    }

    /// Some messages and controls, sometimes ended by a close frame.
    pub fn stream(mut self) -> Vec<u8> {
        for _ in 0..1 + self.rng.below(5) {
            if self.rng.chance(3) {
                self.push_control();
            }
            self.push_message();
        }
        if self.rng.chance(3) {
            self.push_close();
        }
        self.out
    }

    fn key(&mut self) -> [u8; 4] {
        (self.rng.next() as u32).to_le_bytes()
    }

    fn push(&mut self, first: u8, payload: &[u8]) {
        let key = self.key();
        push_frame(&mut self.out, first, key, payload);
    }

    fn push_control(&mut self) {
        let len = self.rng.pick(&[0, 1, 4, 125]);
        let payload = self.rng.bytes(len);
        let first = self.rng.pick(&[0x89, 0x8a]);
        self.push(first, &payload);
    }

    fn push_close(&mut self) {
        let code = self.rng.pick(&[1000u16, 1001, 1007, 3000, 4999]);
        let payload = [&code.to_be_bytes()[..], "adi\u{f3}s".as_bytes()].concat();
        let payload = if self.rng.chance(3) { &[][..] } else { &payload[..] };
        self.push(0x88, payload);
    }

    fn push_message(&mut self) {
        let len = self.rng.pick(&[0, 1, 3, 7, 8, 9, 60, 124, 125, 126, 127, 300, 400]);
        let is_text = self.rng.chance(2);
        let message = if is_text { self.rng.text(len) } else { self.rng.bytes(len) };
        let first = if is_text { 0x01 } else { 0x02 };
        match self.compressor.as_mut().filter(|_| self.rng.0 & 64 == 0) {
            Some(compressor) => {
                let mut payload = Vec::new();
                compressor.compress(&message, &mut payload);
                self.push_fragments(first | 0x40, &payload);
            }
            None => self.push_fragments(first, &message),
        }
    }

    fn push_fragments(&mut self, first: u8, payload: &[u8]) {
        let frames = if self.rng.chance(2) { 1 } else { 1 + self.rng.below(5) };
        let mut rest = payload;
        for place in 0..frames {
            let is_last = place + 1 == frames;
            let len = if is_last { rest.len() } else { self.rng.below(rest.len() + 1) };
            let opcode = if place == 0 { first } else { 0x00 };
            let (piece, after) = rest.split_at(len);
            self.push(if is_last { opcode | 0x80 } else { opcode }, piece);
            rest = after;
            if !is_last && self.rng.chance(4) {
                self.push_control();
            }
        }
    }
}

/// Damages a stream at a few places: a flipped bit, a changed, missing or added byte, an end.
pub fn mutate(rng: &mut Rng, stream: &mut Vec<u8>) {
    for _ in 0..1 + rng.below(3) {
        let place = rng.below(stream.len());
        match rng.below(6) {
            0 | 1 => stream[place] ^= 1 << rng.below(8),
            2 => stream[place] = rng.next() as u8,
            3 => drop(stream.remove(place)),
            4 => stream.insert(place, rng.next() as u8),
            _ => stream.truncate(place.max(1)),
        }
        if stream.is_empty() {
            stream.push(0x81);
        }
    }
}

const FRESH: Negotiated = Negotiated {
    server_no_context_takeover: true,
    client_no_context_takeover: true,
    server_bits: 15,
    client_bits: 15,
    server_bits_offered: false,
};

/// Without compression, with it, and with a window that is kept.
pub const AGREEMENTS: [Option<Negotiated>; 3] =
    [None, Some(FRESH), Some(Negotiated { client_no_context_takeover: false, ..FRESH })];
