//! Runs of plain bytes in strings, sixteen bytes at a step.
//!
//! Written as compares of all bytes of a step whose outcome is one wide integer: the compiler makes
//! vector instructions of that form (of others with the same meaning it does not, which
//! `scripts/instructions` would show).
//!
//! Invariants: exact, not approximate: the answer is the offset of the first byte that matters.

/// Bytes of a step: most keys and names end within one.
pub const STEP: usize = size_of::<u128>();

/// A quote, a backslash or a control character: what a string may not hold as it is.
fn is_special(byte: u8) -> bool {
    byte < 0x20 || byte == b'"' || byte == b'\\'
}

/// How many bytes of a step come before its first special one; all where there is none.
#[inline(always)]
pub fn plain_in(step: &[u8; STEP]) -> usize {
    let mut flags = [0; STEP];
    for (flag, byte) in flags.iter_mut().zip(step) {
        *flag = if is_special(*byte) { 0xff } else { 0 };
    }
    u128::from_le_bytes(flags).trailing_zeros() as usize / 8
}

/// Bytes of a block: two vectors of the baseline target.
const BLOCK: usize = 2 * STEP;

/// How many bytes from `at` on come before the first quote, backslash or control character; all
/// where there is none.
pub fn plain_len(bytes: &[u8], at: usize) -> usize {
    let rest = bytes.get(at..).unwrap_or_default();
    let mut len = plain_blocks(rest);
    while let Some(step) = rest[len..].first_chunk() {
        match plain_in(step) {
            STEP => len += STEP,
            plain => return len + plain,
        }
    }
    let end = &rest[len..];
    let mut step = [0; STEP];
    step[..end.len()].copy_from_slice(end);
    len + plain_in(&step).min(end.len())
}

/// Bytes in the whole blocks before the first that has a special byte.
fn plain_blocks(bytes: &[u8]) -> usize {
    let (blocks, _) = bytes.as_chunks::<BLOCK>();
    let is_plain = |block: &[u8; BLOCK]| !block.iter().fold(false, |any, b| any | is_special(*b));
    blocks.iter().take_while(|block| is_plain(block)).count() * BLOCK
}

#[cfg(test)]
mod tests {
    use super::*;

    /// From every offset the answer is the plain definition's.
    fn check(bytes: &[u8]) {
        for at in 0..=bytes.len() {
            let slow = bytes[at..].iter().take_while(|byte| !is_special(**byte)).count();
            assert_eq!(plain_len(bytes, at), slow, "{bytes:x?} from {at}");
        }
        assert_eq!(plain_len(bytes, bytes.len() + 1), 0);
    }

    #[test]
    fn every_byte_at_every_place_agrees_with_the_plain_definition() {
        for byte in 0..=255u8 {
            for place in 0..100 {
                for filler in [b'a', 0x1f, 0x80, b'!', b'#', b']'] {
                    let mut bytes = [b'x'; 100];
                    bytes[place] = byte;
                    bytes[(place + 1) % 100] = filler;
                    let slow = bytes.iter().position(|b| is_special(*b)).unwrap_or(100);
                    assert_eq!(plain_len(&bytes, 0), slow, "{byte} at {place} before {filler}");
                }
            }
        }
    }

    #[test]
    fn lengths_and_offsets_around_steps_and_blocks_are_exact() {
        for len in 0..70 {
            check(&vec![0xc3; len]);
            for special in 0..len {
                let mut bytes = vec![b'x'; len];
                bytes[special] = b'"';
                check(&bytes);
            }
        }
    }
}
