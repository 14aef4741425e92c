//! Unmasking in place (RFC 6455 section 5.3).
//!
//! Invariants: safe code for any alignment and length; `phase` is the payload offset of the first
//! byte, so a payload may be unmasked piece by piece. The eight-byte lanes compile to vector
//! instructions; alignment makes no difference that could be measured.

/// XORs `bytes` with the key, beginning at key byte `phase % 4`.
pub fn unmask(bytes: &mut [u8], key: [u8; 4], phase: usize) {
    let lane = lane_of(key, phase);
    let word = u64::from_ne_bytes(lane);
    let (chunks, rest) = bytes.as_chunks_mut::<8>();
    for chunk in chunks {
        *chunk = (u64::from_ne_bytes(*chunk) ^ word).to_ne_bytes();
    }
    for (byte, key) in rest.iter_mut().zip(lane) {
        *byte ^= key;
    }
}

/// The key twice, turned so that its first byte belongs to payload offset `phase`.
fn lane_of(key: [u8; 4], phase: usize) -> [u8; 8] {
    let turned = u32::from_le_bytes(key).rotate_right(8 * (phase % 4) as u32).to_le_bytes();
    let [a, b, c, d] = turned;
    [a, b, c, d, a, b, c, d]
}

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
        let source: Vec<u8> = (0..120).map(|n| (n * 7) as u8).collect();
        for start in 0..9 {
            for end in start..source.len() {
                for phase in 0..9 {
                    let (mut fast, mut slow) = (source.clone(), source.clone());
                    unmask(&mut fast[start..end], KEY, phase);
                    one_by_one(&mut slow[start..end], phase);
                    assert_eq!(fast, slow, "{start}..{end} phase {phase}");
                }
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
