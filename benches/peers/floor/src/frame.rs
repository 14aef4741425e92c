//! The header scan and the unmasking, written straight into the frame that goes out.

/// A client's frame at the start of `bytes`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    pub opcode: u8,
    pub mask: [u8; 4],
    /// Bytes of the header, then of the payload.
    pub len: usize,
    pub payload_len: usize,
}

pub const CLOSE: u8 = 8;
pub const PING: u8 = 9;
pub const PONG: u8 = 10;

const MASKED: u8 = 0x80;
const FINAL: u8 = 0x80;

/// None where the header or the payload is not all there.
pub fn header(bytes: &[u8]) -> Option<Header> {
    let (&first, &second) = (bytes.first()?, bytes.get(1)?);
    let (start, payload_len) = match second & !MASKED {
        126 => (4, usize::from(u16::from_be_bytes(*bytes.get(2..)?.first_chunk()?))),
        127 => (10, u64::from_be_bytes(*bytes.get(2..)?.first_chunk()?) as usize),
        short => (2, usize::from(short)),
    };
    let mask = *bytes.get(start..)?.first_chunk::<4>()?;
    let len = start + 4;
    let whole = len.checked_add(payload_len).is_some_and(|end| bytes.len() >= end);
    whole.then_some(Header { opcode: first & 15, mask, len, payload_len })
}

/// Appends the frame that carries this payload from the server.
pub fn append(out: &mut Vec<u8>, opcode: u8, payload: &[u8], mask: [u8; 4]) {
    out.push(FINAL | opcode);
    match payload.len() {
        short @ 0..=125 => out.push(short as u8),
        middle @ 126..=65_535 => {
            out.push(126);
            out.extend_from_slice(&(middle as u16).to_be_bytes());
        }
        long => {
            out.push(127);
            out.extend_from_slice(&(long as u64).to_be_bytes());
        }
    }
    let start = out.len();
    out.extend_from_slice(payload);
    unmask(&mut out[start..], mask);
}

/// Takes a client's mask off its payload.
pub fn unmask(bytes: &mut [u8], mask: [u8; 4]) {
    let word = u32::from_ne_bytes(mask);
    let long = u64::from(word) << 32 | u64::from(word);
    let mut words = bytes.chunks_exact_mut(8);
    for eight in &mut words {
        let value = u64::from_ne_bytes([
            eight[0], eight[1], eight[2], eight[3], eight[4], eight[5], eight[6], eight[7],
        ]);
        eight.copy_from_slice(&(value ^ long).to_ne_bytes());
    }
    for (place, byte) in words.into_remainder().iter_mut().enumerate() {
        *byte ^= mask[place % 4];
    }
}
