//! Takes a server's bytes apart into frames and messages (RFC 6455 section 5), client side.
//!
//! Invariants: a message that lies whole in one piece of input is handed out where it lies; what is
//! cut off waits in a buffer that is otherwise empty and owns nothing. It checks what a generator
//! must know to go on, not everything a client must check.

use std::fmt;

use super::adapter::MESSAGE_BYTES_MAX;

/// What came.
#[derive(Debug, PartialEq, Eq)]
pub enum Item<'a> {
    Message(&'a [u8]),
    Ping(&'a [u8]),
    /// A close frame's payload.
    Close(&'a [u8]),
}

/// Why a connection cannot be read any further.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Masked, compressed without being asked, or of an unknown kind.
    Header,
    /// Longer than anything a run asks for.
    TooLong,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Fault::Header => "the server sent a frame that is none",
            Fault::TooLong => "the server sent a message that is too long",
        })
    }
}

/// Bytes of a message at most: what may be asked for, and what a server wraps it in.
const BYTES_MAX: usize = 16 * MESSAGE_BYTES_MAX;

const FIN: u8 = 0x80;
const RESERVED: u8 = 0x70;
const MASKED: u8 = 0x80;

const CONTINUATION: u8 = 0;
const BINARY: u8 = 2;
const CLOSE: u8 = 8;
const PING: u8 = 9;
const PONG: u8 = 10;

/// One frame where it lies.
struct Frame<'a> {
    opcode: u8,
    is_final: bool,
    payload: &'a [u8],
    /// Header and payload.
    bytes: usize,
}

/// What one connection has received and not yet handed out.
#[derive(Debug, Default)]
pub struct Frames {
    /// The beginning of a frame.
    cut: Vec<u8>,
    /// The beginning of a message of several frames.
    pieces: Vec<u8>,
}

impl Frames {
    /// Hands out what is whole, as long as `hear` wants more.
    pub fn feed(
        &mut self,
        bytes: &[u8],
        mut hear: impl FnMut(Item<'_>) -> bool,
    ) -> Result<(), Fault> {
        if self.cut.is_empty() {
            let used = self.take_all(bytes, &mut hear)?;
            self.cut.extend_from_slice(&bytes[used..]);
            return Ok(());
        }
        let mut whole = std::mem::take(&mut self.cut);
        whole.extend_from_slice(bytes);
        let used = self.take_all(&whole, &mut hear)?;
        whole.drain(..used);
        // An idle connection owns no buffer.
        self.cut = if whole.is_empty() { Vec::new() } else { whole };
        Ok(())
    }

    /// Bytes of whole frames; everything where `hear` wants no more.
    fn take_all(
        &mut self,
        bytes: &[u8],
        hear: &mut impl FnMut(Item<'_>) -> bool,
    ) -> Result<usize, Fault> {
        let mut used = 0;
        while let Some(frame) = frame(&bytes[used..])? {
            used += frame.bytes;
            if !self.take(&frame, hear)? {
                return Ok(bytes.len());
            }
        }
        Ok(used)
    }

    fn take(
        &mut self,
        frame: &Frame<'_>,
        hear: &mut impl FnMut(Item<'_>) -> bool,
    ) -> Result<bool, Fault> {
        match frame.opcode {
            CONTINUATION..=BINARY if frame.is_final && self.pieces.is_empty() => {
                Ok(hear(Item::Message(frame.payload)))
            }
            CONTINUATION..=BINARY => self.join(frame, hear),
            CLOSE => Ok(hear(Item::Close(frame.payload))),
            PING => Ok(hear(Item::Ping(frame.payload))),
            PONG => Ok(true),
            _ => Err(Fault::Header),
        }
    }

    fn join(
        &mut self,
        frame: &Frame<'_>,
        hear: &mut impl FnMut(Item<'_>) -> bool,
    ) -> Result<bool, Fault> {
        if self.pieces.len() + frame.payload.len() > BYTES_MAX {
            return Err(Fault::TooLong);
        }
        self.pieces.extend_from_slice(frame.payload);
        if !frame.is_final {
            return Ok(true);
        }
        let whole = std::mem::take(&mut self.pieces);
        Ok(hear(Item::Message(&whole)))
    }
}

/// The frame at the start; `None` while it is incomplete.
fn frame(bytes: &[u8]) -> Result<Option<Frame<'_>>, Fault> {
    let &[first, second, ref rest @ ..] = bytes else { return Ok(None) };
    if first & RESERVED != 0 || second & MASKED != 0 {
        return Err(Fault::Header);
    }
    let Some((payload_bytes, rest)) = length(second, rest) else { return Ok(None) };
    if payload_bytes > BYTES_MAX as u64 {
        return Err(Fault::TooLong);
    }
    let Some(payload) = rest.get(..payload_bytes as usize) else { return Ok(None) };
    let bytes = bytes.len() - rest.len() + payload.len();
    Ok(Some(Frame { opcode: first & 0x0f, is_final: first & FIN != 0, payload, bytes }))
}

fn length(short: u8, rest: &[u8]) -> Option<(u64, &[u8])> {
    match short {
        126 => {
            rest.split_first_chunk().map(|(wide, rest)| (u16::from_be_bytes(*wide).into(), rest))
        }
        127 => rest.split_first_chunk().map(|(wide, rest)| (u64::from_be_bytes(*wide), rest)),
        _ => Some((short.into(), rest)),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::ws::header::{Opcode, encode_control, encode_server};

    fn owned(item: &Item<'_>) -> (u8, Vec<u8>) {
        match item {
            Item::Message(bytes) => (b'm', bytes.to_vec()),
            Item::Ping(bytes) => (b'p', bytes.to_vec()),
            Item::Close(bytes) => (b'c', bytes.to_vec()),
        }
    }

    fn heard(pieces: &[&[u8]]) -> Vec<(u8, Vec<u8>)> {
        let mut frames = Frames::default();
        let mut heard = Vec::new();
        for piece in pieces {
            let hear = |item: Item<'_>| {
                heard.push(owned(&item));
                true
            };
            frames.feed(piece, hear).unwrap();
        }
        assert!(frames.cut.is_empty() && frames.pieces.is_empty());
        heard
    }

    fn stream(messages: &[Vec<u8>]) -> Vec<u8> {
        let mut bytes = Vec::new();
        for message in messages {
            let (front, back) = message.split_at(message.len() / 2);
            encode_server(&mut bytes, Opcode::Text, false, message.len());
            bytes.extend_from_slice(message);
            bytes.extend_from_slice(&[0x01, 0]);
            encode_control(&mut bytes, Opcode::Ping, &back[..back.len().min(20)]);
            encode_control(&mut bytes, Opcode::Pong, b"");
            encode_server(&mut bytes, Opcode::Continuation, false, front.len());
            bytes.extend_from_slice(front);
        }
        encode_control(&mut bytes, Opcode::Close, &[3, 232]);
        bytes
    }

    proptest! {
        #[test]
        fn however_bytes_are_cut_the_same_is_heard(
            lens in prop::collection::vec(
                prop_oneof![0_usize..300, 65_500_usize..65_600], 1..6),
            cuts in prop::collection::vec(1_usize..5_000, 1..50),
        ) {
            let messages: Vec<Vec<u8>> =
                lens.iter().map(|len| (0..*len).map(|n| n as u8).collect()).collect();
            let bytes = stream(&messages);
            let mut pieces = Vec::new();
            let mut rest = &bytes[..];
            for cut in cuts {
                let (piece, after) = rest.split_at(cut.min(rest.len()));
                pieces.push(piece);
                rest = after;
            }
            pieces.push(rest);
            prop_assert_eq!(heard(&pieces), heard(&[&bytes]));
        }
    }

    #[test]
    fn byte_by_byte_is_the_same_as_whole() {
        let bytes = stream(&[b"".to_vec(), vec![7; 125], vec![8; 126], vec![9; 70_000]]);
        let pieces: Vec<&[u8]> = bytes.chunks(1).collect();
        let whole = heard(&[&bytes]);
        assert_eq!(heard(&pieces), whole);
        assert_eq!(whole[0], (b'm', Vec::new()));
        assert_eq!(whole.last(), Some(&(b'c', vec![3, 232])));
        assert_eq!(whole.iter().filter(|(kind, _)| *kind == b'm').count(), 8);
    }

    #[test]
    fn what_no_server_may_send_is_a_fault() {
        let fault = |bytes: &[u8]| Frames::default().feed(bytes, |_| true).err();
        assert_eq!(fault(&[0x81, 0x80]), Some(Fault::Header));
        assert_eq!(fault(&[0xc1, 0]), Some(Fault::Header));
        assert_eq!(fault(&[0x83, 0]), Some(Fault::Header));
        let huge = [&[0x82, 127][..], &u64::MAX.to_be_bytes()].concat();
        assert_eq!(fault(&huge), Some(Fault::TooLong));
    }

    #[test]
    fn a_listener_that_wants_no_more_hears_no_more() {
        let bytes = [0x81, 0, 0x81, 0, 0x81];
        let mut frames = Frames::default();
        let mut count = 0;
        let hear = |_: Item<'_>| {
            count += 1;
            false
        };
        frames.feed(&bytes, hear).unwrap();
        assert_eq!(count, 1);
        assert!(frames.cut.is_empty());
    }
}
