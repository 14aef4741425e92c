//! Inflating one message's payload piece by piece.
//!
//! Invariants: `out` never grows past `bytes_max + 1`, whatever the input claims; the error does
//! not depend on how the input was cut. A window of 15 bits reads what any smaller one wrote. About
//! 47 KB live as long as an inflater.
//!
//! A peer may end blocks with BFINAL (RFC 7692 section 7.2.3.4); the next block then starts with an
//! empty window, so a peer that also refers back across it is refused as invalid.

use flate2::{Decompress, FlushDecompress, Status};

use super::{FLUSH_TAIL, WINDOW_BITS_MAX};
use crate::ws::error::ProtocolError;

/// Room made for output before each call to zlib, at least and at most.
const ROOM_BYTES_MIN: usize = 512;
const ROOM_BYTES_MAX: usize = 16 * 1024;

/// A raw DEFLATE decoder.
#[derive(Debug)]
pub struct Inflater {
    zlib: Decompress,
    /// A BFINAL block has ended the DEFLATE stream; what follows is a new one.
    ended: bool,
}

impl Default for Inflater {
    fn default() -> Self {
        Inflater { zlib: Decompress::new_with_window_bits(false, WINDOW_BITS_MAX), ended: false }
    }
}

impl Inflater {
    /// Appends what the next bytes of a message's payload inflate to.
    pub fn inflate(
        &mut self,
        mut piece: &[u8],
        out: &mut Vec<u8>,
        bytes_max: usize,
    ) -> Result<(), ProtocolError> {
        while !(self.ended && piece.is_empty()) {
            self.restart_if_ended();
            let used = self.step(piece, out, bytes_max)?;
            piece = piece.get(used..).unwrap_or_default();
            let drained = self.ended || out.len() < out.capacity();
            if piece.is_empty() && drained {
                break;
            }
        }
        Ok(())
    }

    /// Ends a message that had a payload.
    pub fn finish(&mut self, out: &mut Vec<u8>, bytes_max: usize) -> Result<(), ProtocolError> {
        if self.ended {
            return Ok(());
        }
        self.inflate(&FLUSH_TAIL, out, bytes_max)
    }

    /// Forgets the window and whatever state an unfinished message left.
    pub fn reset(&mut self) {
        self.zlib.reset(false);
        self.ended = false;
    }

    fn restart_if_ended(&mut self) {
        if self.ended {
            self.reset();
        }
    }

    /// One call to zlib; how many bytes of `piece` it took. The size is judged before zlib's own
    /// verdict, as it is when the same bytes come one at a time.
    fn step(
        &mut self,
        piece: &[u8],
        out: &mut Vec<u8>,
        bytes_max: usize,
    ) -> Result<usize, ProtocolError> {
        let (taken, made) = (self.zlib.total_in(), out.len());
        out.reserve(room(piece.len(), bytes_max.saturating_sub(made)));
        let status = self.zlib.decompress_vec(piece, out, FlushDecompress::Sync);
        if out.len() > bytes_max {
            out.truncate(bytes_max + 1);
            return Err(ProtocolError::MessageTooLong);
        }
        let used = (self.zlib.total_in() - taken) as usize;
        let stuck = used == 0 && out.len() == made && !piece.is_empty();
        match status {
            Ok(Status::StreamEnd) => self.ended = true,
            Ok(_) if !stuck => {}
            _ => return Err(ProtocolError::InvalidDeflate),
        }
        Ok(used)
    }
}

/// Bytes to reserve: some multiple of the input, never much past what the message may still have.
fn room(piece_bytes: usize, left_bytes: usize) -> usize {
    (4 * piece_bytes).clamp(ROOM_BYTES_MIN, ROOM_BYTES_MAX).min(left_bytes + 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ws::deflate::Compressor;

    fn inflate_all(payload: &[u8], bytes_max: usize) -> Result<Vec<u8>, ProtocolError> {
        let (mut inflater, mut out) = (Inflater::default(), Vec::new());
        inflater.inflate(payload, &mut out, bytes_max)?;
        inflater.finish(&mut out, bytes_max)?;
        Ok(out)
    }

    /// The same, one byte at a time; returns what was made before an error, too.
    fn inflate_bytewise(payload: &[u8], bytes_max: usize) -> (Vec<u8>, Option<ProtocolError>) {
        let (mut inflater, mut out) = (Inflater::default(), Vec::new());
        for byte in payload.chunks(1) {
            if let Err(error) = inflater.inflate(byte, &mut out, bytes_max) {
                return (out, Some(error));
            }
        }
        let end = inflater.finish(&mut out, bytes_max).err();
        (out, end)
    }

    fn deflated(payload: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        Compressor::new(9, 15, false).compress(payload, &mut out);
        out
    }

    #[test]
    fn the_examples_of_rfc_7692_section_7_2_3() {
        let one_block = [0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00];
        let stored = [0x00, 0x05, 0x00, 0xfa, 0xff, 0x48, 0x65, 0x6c, 0x6c, 0x6f, 0x00];
        let final_block = [0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00, 0x00];
        let two_blocks =
            [0xf2, 0x48, 0x05, 0x00, 0x00, 0x00, 0xff, 0xff, 0xca, 0xc9, 0xc9, 0x07, 0x00];
        for payload in [&one_block[..], &stored, &final_block, &two_blocks] {
            assert_eq!(inflate_all(payload, 5).unwrap(), b"Hello", "{payload:x?}");
            assert_eq!(inflate_bytewise(payload, 5), (b"Hello".to_vec(), None));
        }
        assert_eq!(inflate_all(&[0x00], 0).unwrap(), b"");
    }

    #[test]
    fn a_window_is_kept_between_messages_and_lost_by_reset() {
        let (mut inflater, mut out) = (Inflater::default(), Vec::new());
        inflater.inflate(&[0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00], &mut out, 99).unwrap();
        inflater.finish(&mut out, 99).unwrap();
        out.clear();
        let back_reference = [0xf2, 0x00, 0x11, 0x00, 0x00];
        inflater.inflate(&back_reference, &mut out, 99).unwrap();
        inflater.finish(&mut out, 99).unwrap();
        assert_eq!(out, b"Hello");
        inflater.reset();
        let refused = inflater.inflate(&back_reference, &mut out, 99);
        assert_eq!(refused, Err(ProtocolError::InvalidDeflate));
    }

    #[test]
    fn all_that_a_piece_holds_is_made_at_once() {
        for len in (1..20_000).step_by(61) {
            let payload = deflated(&vec![0; len]);
            let (mut inflater, mut out) = (Inflater::default(), Vec::new());
            inflater.inflate(&payload, &mut out, len).unwrap();
            assert_eq!(out.len(), len);
        }
    }

    #[test]
    fn the_limit_holds_at_its_boundary_while_inflating() {
        let bomb = deflated(&vec![0; 10 << 20]);
        assert!(bomb.len() < 16 * 1024);
        let (mut inflater, mut out) = (Inflater::default(), Vec::new());
        let refused = inflater.inflate(&bomb, &mut out, 1_000);
        assert_eq!(refused, Err(ProtocolError::MessageTooLong));
        assert!(out.len() == 1_001 && out.capacity() <= 2_048);
        let exact = deflated(&[7; 1_000]);
        assert_eq!(inflate_all(&exact, 1_000).unwrap().len(), 1_000);
        assert_eq!(inflate_all(&exact, 999), Err(ProtocolError::MessageTooLong));
    }

    #[test]
    fn the_verdict_and_the_output_do_not_depend_on_the_pieces() {
        let mut payload = deflated("one two three one two three four".repeat(9).as_bytes());
        for place in 0..payload.len() {
            for flip in [0x01, 0x10, 0x80] {
                payload[place] ^= flip;
                let (mut inflater, mut out) = (Inflater::default(), Vec::new());
                let whole = inflater.inflate(&payload, &mut out, 200);
                let end = whole.and_then(|()| inflater.finish(&mut out, 200)).err();
                assert_eq!(inflate_bytewise(&payload, 200), (out, end), "{place} {flip}");
                payload[place] ^= flip;
            }
        }
    }
}
