//! Unmasking in place (RFC 6455 section 5.3).
//!
//! Invariants: safe code for any alignment and length; `phase` is the payload offset of the first
//! byte, so a payload may be unmasked piece by piece. The loop over words compiles to vector
//! instructions; alignment makes no difference that could be measured.

/// XORs `bytes` with the key, beginning at key byte `phase % 4`; whether all of them are ASCII
/// then, which costs next to nothing to know here.
pub fn unmask(bytes: &mut [u8], key: [u8; 4], phase: usize) -> bool {
    let key = u32::from_le_bytes(key).rotate_right(8 * (phase % 4) as u32);
    let wide = u64::from(key) << 32 | u64::from(key);
    let (words, rest) = bytes.as_chunks_mut::<8>();
    let mut seen = 0;
    for word in words {
        let plain = u64::from_le_bytes(*word) ^ wide;
        *word = plain.to_le_bytes();
        seen |= plain;
    }
    let (halves, tail) = rest.as_chunks_mut::<4>();
    for half in halves {
        let plain = u32::from_le_bytes(*half) ^ key;
        *half = plain.to_le_bytes();
        seen |= u64::from(plain);
    }
    for (byte, key) in tail.iter_mut().zip(key.to_le_bytes()) {
        *byte ^= key;
        seen |= u64::from(*byte);
    }
    seen & HIGHS == 0
}

/// The high bit of each byte.
const HIGHS: u64 = 0x8080_8080_8080_8080;

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

    fn one_by_one(bytes: &mut [u8], phase: usize) {
        for (place, byte) in bytes.iter_mut().enumerate() {
            *byte ^= KEY[(phase + place) % 4];
        }
    }

    #[test]
    fn the_example_of_section_5_7() {
        let mut bytes = [0x7f, 0x9f, 0x4d, 0x51, 0x58];
        unmask(&mut bytes, KEY, 0);
        assert_eq!(&bytes, b"Hello");
    }

    #[test]
    fn every_length_alignment_and_phase_agrees_with_the_definition() {
        let source: Vec<u8> = (0..150).map(|n| (n * 7) as u8).collect();
        for start in 0..9 {
            for end in start..source.len() {
                for phase in 0..9 {
                    let (mut fast, mut slow) = (source.clone(), source.clone());
                    let ascii = unmask(&mut fast[start..end], KEY, phase);
                    one_by_one(&mut slow[start..end], phase);
                    assert_eq!(fast, slow, "{start}..{end} phase {phase}");
                    assert_eq!(ascii, slow[start..end].is_ascii(), "{start}..{end} phase {phase}");
                }
            }
        }
    }

    #[test]
    fn one_byte_that_is_not_ascii_is_seen_wherever_it_stands() {
        for len in 0..150 {
            let mut ascii = vec![b'x'; len];
            one_by_one(&mut ascii, 0);
            assert!(unmask(&mut ascii.clone(), KEY, 0));
            for place in 0..len {
                let mut other = ascii.clone();
                other[place] ^= 0x80;
                assert!(!unmask(&mut other, KEY, 0), "{place} of {len}");
            }
        }
    }

    #[test]
    fn pieces_give_what_the_whole_gives() {
        let mut whole: Vec<u8> = (0..100).collect();
        let mut pieces = whole.clone();
        unmask(&mut whole, KEY, 0);
        for (phase, byte) in pieces.iter_mut().enumerate() {
            unmask(std::slice::from_mut(byte), KEY, phase);
        }
        assert_eq!(whole, pieces);
    }
}
