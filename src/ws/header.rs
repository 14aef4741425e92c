//! The frame header, decoded and encoded (RFC 6455 section 5.2).
//!
//! Invariants: a decoded header has kept every rule that can be seen in a header, and each rule is
//! checked as soon as its bytes are there: the first two bytes fail before the length arrives. What
//! is decoded is masked, what is encoded is not; a length is in its shortest form both ways.

use super::error::ProtocolError;
use crate::limits::CONTROL_PAYLOAD_BYTES_MAX;

/// Longest client-to-server header: two bytes, a 64-bit length, the masking key.
pub const CLIENT_HEADER_BYTES_MAX: usize = 14;

/// What a frame is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Opcode {
    Continuation = 0,
    Text = 1,
    Binary = 2,
    Close = 8,
    Ping = 9,
    Pong = 10,
}

impl Opcode {
    fn decode(nibble: u8) -> Result<Opcode, ProtocolError> {
        Ok(match nibble {
            0 => Opcode::Continuation,
            1 => Opcode::Text,
            2 => Opcode::Binary,
            8 => Opcode::Close,
            9 => Opcode::Ping,
            10 => Opcode::Pong,
            _ => return Err(ProtocolError::ReservedOpcode),
        })
    }

    pub fn is_control(self) -> bool {
        self as u8 >= 8
    }
}

/// A client's frame header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameHeader {
    pub opcode: Opcode,
    pub is_final: bool,
    /// RSV1 on the first frame of a message (RFC 7692 section 6).
    pub compressed: bool,
    pub key: [u8; 4],
    pub payload_len: u64,
}

/// What the connection's state lets a header be.
#[derive(Clone, Copy, Debug, Default)]
pub struct Expect {
    /// permessage-deflate was negotiated.
    pub deflate: bool,
    /// A message has begun and is not finished.
    pub continuation: bool,
}

const FIN: u8 = 0x80;
const RSV1: u8 = 0x40;
const RSV2_RSV3: u8 = 0x30;
const MASKED: u8 = 0x80;

/// The header at the start of `bytes` and its length; `None` while it is incomplete.
pub fn decode(bytes: &[u8], expect: Expect) -> Result<Option<(FrameHeader, usize)>, ProtocolError> {
    let &[first, second, ref rest @ ..] = bytes else { return Ok(None) };
    let opcode = check_first(first, expect)?;
    check_second(first, second, opcode)?;
    let Some((payload_len, rest)) = decode_len(second & !MASKED, rest)? else { return Ok(None) };
    let Some((&key, rest)) = rest.split_first_chunk::<4>() else { return Ok(None) };
    let (is_final, compressed) = (first & FIN != 0, first & RSV1 != 0);
    let header = FrameHeader { opcode, is_final, compressed, key, payload_len };
    Ok(Some((header, bytes.len() - rest.len())))
}

fn check_first(first: u8, expect: Expect) -> Result<Opcode, ProtocolError> {
    if first & RSV2_RSV3 != 0 || (first & RSV1 != 0 && !expect.deflate) {
        return Err(ProtocolError::ReservedBit);
    }
    let opcode = Opcode::decode(first & 0x0f)?;
    let starts_message = matches!(opcode, Opcode::Text | Opcode::Binary);
    if first & RSV1 != 0 && !starts_message {
        return Err(ProtocolError::MisplacedCompressedBit);
    }
    match expect.continuation {
        true if starts_message => Err(ProtocolError::ExpectedContinuation),
        false if opcode == Opcode::Continuation => Err(ProtocolError::UnexpectedContinuation),
        _ => Ok(opcode),
    }
}

fn check_second(first: u8, second: u8, opcode: Opcode) -> Result<(), ProtocolError> {
    if second & MASKED == 0 {
        return Err(ProtocolError::Unmasked);
    }
    if !opcode.is_control() {
        return Ok(());
    }
    if first & FIN == 0 {
        return Err(ProtocolError::ControlFragmented);
    }
    if usize::from(second & !MASKED) > CONTROL_PAYLOAD_BYTES_MAX {
        return Err(ProtocolError::ControlTooLong);
    }
    Ok(())
}

/// The payload's length and what follows it.
fn decode_len(short: u8, rest: &[u8]) -> Result<Option<(u64, &[u8])>, ProtocolError> {
    let (len, min, rest) = match short {
        126 => {
            let Some((wide, rest)) = rest.split_first_chunk() else { return Ok(None) };
            (u64::from(u16::from_be_bytes(*wide)), 126, rest)
        }
        127 => {
            let Some((wide, rest)) = rest.split_first_chunk() else { return Ok(None) };
            (u64::from_be_bytes(*wide), 1 << 16, rest)
        }
        _ => (u64::from(short), 0, rest),
    };
    if len >> 63 != 0 {
        return Err(ProtocolError::LengthTopBit);
    }
    if len < min {
        return Err(ProtocolError::LengthNotMinimal);
    }
    Ok(Some((len, rest)))
}

/// Appends the header of one unmasked, unfragmented server frame.
pub fn encode_server(out: &mut Vec<u8>, opcode: Opcode, compressed: bool, payload_len: usize) {
    let rsv1 = if compressed { RSV1 } else { 0 };
    out.push(FIN | rsv1 | opcode as u8);
    match payload_len {
        0..126 => out.push(payload_len as u8),
        126..=0xffff => {
            out.push(126);
            out.extend_from_slice(&(payload_len as u16).to_be_bytes());
        }
        _ => {
            out.push(127);
            out.extend_from_slice(&(payload_len as u64).to_be_bytes());
        }
    }
}

/// Appends a whole control frame; a payload over 125 bytes (no peer can cause one) is cut.
pub fn encode_control(out: &mut Vec<u8>, opcode: Opcode, payload: &[u8]) {
    debug_assert!(opcode.is_control());
    let payload = &payload[..payload.len().min(CONTROL_PAYLOAD_BYTES_MAX)];
    encode_server(out, opcode, false, payload.len());
    out.extend_from_slice(payload);
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANY: Expect = Expect { deflate: false, continuation: false };
    const DEFLATE: Expect = Expect { deflate: true, continuation: false };
    const OPEN: Expect = Expect { deflate: true, continuation: true };

    fn error(bytes: &[u8], expect: Expect) -> Option<ProtocolError> {
        decode(bytes, expect).err()
    }

    fn length(bytes: &[u8]) -> Result<u64, ProtocolError> {
        decode(bytes, ANY).map(|header| header.unwrap().0.payload_len)
    }

    fn with_len16(len: u16) -> Vec<u8> {
        [&[0x82, 0xfe][..], &len.to_be_bytes(), &[0; 4]].concat()
    }

    fn with_len64(len: u64) -> Vec<u8> {
        [&[0x82, 0xff][..], &len.to_be_bytes(), &[0; 4]].concat()
    }

    #[test]
    fn a_header_is_incomplete_until_its_last_byte() {
        for whole in [vec![0x81, 0x85, 1, 2, 3, 4], with_len16(126), with_len64(1 << 16)] {
            for cut in 0..whole.len() {
                assert_eq!(decode(&whole[..cut], ANY), Ok(None), "{cut}");
            }
            let (_, len) = decode(&whole, ANY).unwrap().unwrap();
            assert_eq!(len, whole.len());
        }
    }

    #[test]
    fn fields_are_where_section_5_2_puts_them() {
        let (header, _) = decode(&[0x41, 0x85, 1, 2, 3, 4], DEFLATE).unwrap().unwrap();
        let want = FrameHeader {
            opcode: Opcode::Text,
            is_final: false,
            compressed: true,
            key: [1, 2, 3, 4],
            payload_len: 5,
        };
        assert_eq!(header, want);
    }

    #[test]
    fn lengths_are_minimal_at_each_boundary() {
        assert_eq!(length(&[0x82, 0x80 | 125, 0, 0, 0, 0]), Ok(125));
        assert_eq!(length(&with_len16(125)), Err(ProtocolError::LengthNotMinimal));
        assert_eq!(length(&with_len16(126)), Ok(126));
        assert_eq!(length(&with_len16(65_535)), Ok(65_535));
        assert_eq!(length(&with_len64(65_535)), Err(ProtocolError::LengthNotMinimal));
        assert_eq!(length(&with_len64(65_536)), Ok(65_536));
        assert_eq!(length(&with_len64(u64::MAX >> 1)), Ok(u64::MAX >> 1));
        assert_eq!(length(&with_len64(1 << 63)), Err(ProtocolError::LengthTopBit));
        assert_eq!(length(&with_len64(u64::MAX)), Err(ProtocolError::LengthTopBit));
    }

    #[test]
    fn every_first_byte_is_judged_after_two_bytes() {
        for first in 0..=255u8 {
            let known = matches!(first & 0x0f, 0..=2 | 8..=10);
            let want = match first {
                _ if first & 0x70 != 0 => Some(ProtocolError::ReservedBit),
                _ if !known => Some(ProtocolError::ReservedOpcode),
                _ if first & 0x0f == 0 => Some(ProtocolError::UnexpectedContinuation),
                _ if first & 0x88 == 8 => Some(ProtocolError::ControlFragmented),
                _ => None,
            };
            assert_eq!(error(&[first, 0x80], ANY), want, "{first:x}");
            assert_eq!(decode(&[first], ANY), Ok(None));
        }
    }

    #[test]
    fn the_compressed_bit_belongs_to_a_first_frame_only() {
        assert_eq!(error(&[0xc1, 0x80], DEFLATE), None);
        assert_eq!(error(&[0x42, 0x80], DEFLATE), None);
        assert_eq!(error(&[0xa1, 0x80], DEFLATE), Some(ProtocolError::ReservedBit));
        for first in [0xc8, 0xc9, 0xca] {
            let want = Some(ProtocolError::MisplacedCompressedBit);
            assert_eq!(error(&[first, 0x80], DEFLATE), want);
        }
        assert_eq!(error(&[0xc0, 0x80], OPEN), Some(ProtocolError::MisplacedCompressedBit));
    }

    #[test]
    fn an_open_message_takes_continuations_and_controls_only() {
        assert_eq!(error(&[0x80, 0x80], OPEN), None);
        assert_eq!(error(&[0x89, 0x80], OPEN), None);
        assert_eq!(error(&[0x81, 0x80], OPEN), Some(ProtocolError::ExpectedContinuation));
        assert_eq!(error(&[0x02, 0x80], OPEN), Some(ProtocolError::ExpectedContinuation));
    }

    #[test]
    fn a_frame_is_masked_and_a_control_frame_short() {
        assert_eq!(error(&[0x81, 0x05], ANY), Some(ProtocolError::Unmasked));
        assert_eq!(error(&[0x89, 0x80 | 125], ANY), None);
        assert_eq!(error(&[0x89, 0x80 | 126], ANY), Some(ProtocolError::ControlTooLong));
        assert_eq!(error(&[0x88, 0x80 | 127], ANY), Some(ProtocolError::ControlTooLong));
    }

    #[test]
    fn server_headers_are_minimal_and_unmasked() {
        for (len, want) in [
            (0, vec![0x82, 0]),
            (125, vec![0x82, 125]),
            (126, vec![0x82, 126, 0, 126]),
            (65_535, vec![0x82, 126, 0xff, 0xff]),
            (65_536, vec![0x82, 127, 0, 0, 0, 0, 0, 1, 0, 0]),
        ] {
            let mut out = Vec::new();
            encode_server(&mut out, Opcode::Binary, false, len);
            assert_eq!(out, want);
        }
        let mut out = Vec::new();
        encode_server(&mut out, Opcode::Text, true, 1);
        encode_control(&mut out, Opcode::Pong, b"hi");
        assert_eq!(out, [0xc1, 1, 0x8a, 2, b'h', b'i']);
    }
}
