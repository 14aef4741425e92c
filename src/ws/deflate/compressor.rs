//! Compressing one message's payload at a time.
//!
//! Invariants: what is appended is one message's payload as RFC 7692 section 7.2.1 wants it. A
//! compressor holds about 250 to 380 KB, so a shard shares one for each window size; only a
//! connection that keeps its context between messages owns one.

use flate2::{Compress, Compression, FlushCompress};

use super::{FLUSH_TAIL, WINDOW_BITS_MAX, WINDOW_BITS_MIN};

/// Room made for output before each call to zlib, at least.
const ROOM_BYTES_MIN: usize = 256;

/// A raw DEFLATE encoder.
#[derive(Debug)]
pub struct Compressor {
    zlib: Compress,
    context_takeover: bool,
}

impl Compressor {
    /// `level` is 0..=9; `window_bits` outside 9..=15 is brought into it.
    pub fn new(level: u8, window_bits: u8, context_takeover: bool) -> Self {
        let level = Compression::new(u32::from(level.min(9)));
        let bits = window_bits.clamp(WINDOW_BITS_MIN, WINDOW_BITS_MAX);
        Compressor { zlib: Compress::new_with_window_bits(level, false, bits), context_takeover }
    }

    /// Appends the compressed payload. An empty one is one empty stored block (RFC 7692 section
    /// 7.2.3.6): zlib would write nothing for a second flush in a row.
    pub fn compress(&mut self, payload: &[u8], out: &mut Vec<u8>) {
        if payload.is_empty() {
            out.push(0x00);
            return;
        }
        if !self.context_takeover {
            self.zlib.reset();
        }
        self.flush(payload, out);
        if out.ends_with(&FLUSH_TAIL) {
            out.truncate(out.len() - FLUSH_TAIL.len());
        }
    }

    /// Compresses up to a byte boundary. The flush is complete when zlib leaves room unused.
    fn flush(&mut self, mut payload: &[u8], out: &mut Vec<u8>) {
        loop {
            out.reserve(ROOM_BYTES_MIN + payload.len() / 4);
            let (taken, made) = (self.zlib.total_in(), out.len());
            let status = self.zlib.compress_vec(payload, out, FlushCompress::Sync);
            debug_assert!(status.is_ok());
            let used = (self.zlib.total_in() - taken) as usize;
            payload = payload.get(used..).unwrap_or_default();
            let complete = payload.is_empty() && out.len() < out.capacity();
            if complete || (used == 0 && out.len() == made) {
                break;
            }
        }
    }
}

/// A shard's compressors for messages that stand by themselves, one for each window size in use.
#[derive(Debug)]
pub struct SharedCompressors {
    level: u8,
    by_bits: [Option<Box<Compressor>>; WINDOWS],
    /// Which of them were used since the last `trim`.
    used: [bool; WINDOWS],
}

/// How many window sizes there are.
const WINDOWS: usize = (WINDOW_BITS_MAX - WINDOW_BITS_MIN + 1) as usize;

impl SharedCompressors {
    pub fn new(level: u8) -> Self {
        SharedCompressors { level, by_bits: Default::default(), used: [false; WINDOWS] }
    }

    /// Appends the compressed payload; any client whose `server_bits` is at least `window_bits`
    /// can read it.
    pub fn compress(&mut self, window_bits: u8, payload: &[u8], out: &mut Vec<u8>) {
        let bits = window_bits.clamp(WINDOW_BITS_MIN, WINDOW_BITS_MAX);
        let place = usize::from(bits - WINDOW_BITS_MIN);
        self.used[place] = true;
        self.by_bits[place]
            .get_or_insert_with(|| Box::new(Compressor::new(self.level, bits, false)))
            .compress(payload, out);
    }

    /// Drops those that nothing went through since the last call; true where some are left.
    pub fn trim(&mut self) -> bool {
        for (compressor, used) in self.by_bits.iter_mut().zip(&mut self.used) {
            if !std::mem::take(used) {
                *compressor = None;
            }
        }
        self.by_bits.iter().any(Option::is_some)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ws::deflate::Inflater;

    fn noise(bytes: usize) -> Vec<u8> {
        let mut state = 0x9e37_79b9_u32;
        let step = |state: &mut u32| {
            *state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (*state >> 24) as u8
        };
        (0..bytes).map(|_| step(&mut state)).collect()
    }

    fn inflated(inflater: &mut Inflater, payload: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        inflater.inflate(payload, &mut out, 1 << 20).unwrap();
        inflater.finish(&mut out, 1 << 20).unwrap();
        out
    }

    fn messages() -> Vec<Vec<u8>> {
        let text = br#"{"event":"chat","payload":{"text":"hello there"}}"#;
        let mut all: Vec<Vec<u8>> = [0, 1, 2, 100, 255, 256, 257, 16_383, 16_384, 70_000]
            .iter()
            .map(|&bytes| noise(bytes))
            .collect();
        all.extend([text.to_vec(), text.repeat(500), vec![], vec![0; 50_000]]);
        all
    }

    #[test]
    fn every_level_and_window_gives_back_each_message() {
        for level in [0, 1, 6, 9] {
            for bits in [8, 9, 15, 16] {
                for takeover in [false, true] {
                    let mut compressor = Compressor::new(level, bits, takeover);
                    let mut inflater = Inflater::default();
                    for message in messages() {
                        let mut payload = Vec::new();
                        compressor.compress(&message, &mut payload);
                        assert!(!payload.ends_with(&FLUSH_TAIL));
                        assert!(inflated(&mut inflater, &payload) == message, "{level} {bits}");
                        if !takeover {
                            inflater.reset();
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn a_message_without_context_is_the_same_each_time_and_appended() {
        let mut shared = SharedCompressors::new(6);
        let (mut first, mut second) = (Vec::new(), b"head".to_vec());
        shared.compress(15, b"the same, the same", &mut first);
        shared.compress(9, b"another", &mut Vec::new());
        shared.compress(15, b"the same, the same", &mut second);
        assert_eq!([b"head", &first[..]].concat(), second);
    }

    #[test]
    fn a_kept_context_makes_a_repetition_shorter() {
        let mut compressor = Compressor::new(6, 15, true);
        let (mut first, mut second) = (Vec::new(), Vec::new());
        compressor.compress(&noise(500), &mut first);
        compressor.compress(&noise(500), &mut second);
        assert!(second.len() * 10 < first.len());
    }
}
