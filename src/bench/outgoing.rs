//! Writes masked client frames (RFC 6455 section 5.2) into a connection's send buffer.
//!
//! Invariants: a frame is whole when its call returns; nothing is allocated but the buffer's
//! growth. The masking key is random once a connection, not once a frame: a server must not care,
//! and the generator has better uses for its time.

use crate::ws::header::Opcode;
use crate::ws::mask::unmask;

const FIN: u8 = 0x80;
const MASKED: u8 = 0x80;

/// Where one connection's frames go.
pub struct Outgoing<'a> {
    bytes: &'a mut Vec<u8>,
    key: [u8; 4],
}

impl<'a> Outgoing<'a> {
    pub fn new(bytes: &'a mut Vec<u8>, key: [u8; 4]) -> Outgoing<'a> {
        Outgoing { bytes, key }
    }

    /// One text message made of these parts.
    pub fn text(&mut self, parts: &[&[u8]]) {
        self.frame(Opcode::Text, parts);
    }

    /// One binary message made of these parts.
    pub fn binary(&mut self, parts: &[&[u8]]) {
        self.frame(Opcode::Binary, parts);
    }

    pub fn frame(&mut self, opcode: Opcode, parts: &[&[u8]]) {
        self.header(opcode, parts.iter().map(|part| part.len()).sum());
        let start = self.bytes.len();
        parts.iter().for_each(|part| self.bytes.extend_from_slice(part));
        // Masking and unmasking are one operation.
        unmask(&mut self.bytes[start..], self.key, 0);
    }

    fn header(&mut self, opcode: Opcode, payload_bytes: usize) {
        self.bytes.push(FIN | opcode as u8);
        match payload_bytes {
            0..126 => self.bytes.push(MASKED | payload_bytes as u8),
            126..=0xffff => {
                self.bytes.push(MASKED | 126);
                self.bytes.extend_from_slice(&(payload_bytes as u16).to_be_bytes());
            }
            _ => {
                self.bytes.push(MASKED | 127);
                self.bytes.extend_from_slice(&(payload_bytes as u64).to_be_bytes());
            }
        }
        self.bytes.extend_from_slice(&self.key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ws::header::{Expect, decode};

    #[test]
    fn the_servers_own_decoder_reads_what_is_written() {
        for len in [0, 1, 125, 126, 65_535, 65_536] {
            let payload: Vec<u8> = (0..len).map(|n| n as u8).collect();
            let (front, back) = payload.split_at(len / 3);
            let mut bytes = Vec::new();
            Outgoing::new(&mut bytes, [9, 8, 7, 6]).binary(&[front, back]);
            let (header, start) = decode(&bytes, Expect::default()).unwrap().unwrap();
            assert_eq!((header.opcode, header.payload_len), (Opcode::Binary, len as u64));
            unmask(&mut bytes[start..], header.key, 0);
            assert_eq!(bytes[start..], payload);
        }
    }
}
