//! Runs of plain bytes in strings, sixteen bytes at a step.
//!
//! Written as compares of all bytes of a block whose outcome is one wide integer: the compiler
//! makes vector instructions of it on every target that has them.
//!
//! Invariants: exact, not approximate: the answer is the offset of the first byte that matters.

const STEP: usize = size_of::<u128>();

/// A quote, a backslash or a control character: what a string may not hold as it is.
fn is_special(byte: u8) -> bool {
    byte < 0x20 || byte == b'"' || byte == b'\\'
}

/// All bits of each byte that is special, the first byte lowest.
#[inline(always)]
fn special(block: &[u8; STEP]) -> u128 {
    let mut flags = [0; STEP];
    for (flag, byte) in flags.iter_mut().zip(block) {
        *flag = if is_special(*byte) { 0xff } else { 0 };
    }
    u128::from_le_bytes(flags)
}

/// Bytes of a block: two vectors of the baseline target.
const BLOCK: usize = 2 * STEP;

/// How many bytes from `at` on come before the first quote, backslash or control character; all
/// where there is none.
#[inline]
pub fn plain_len(bytes: &[u8], at: usize) -> usize {
    let rest = bytes.get(at..).unwrap_or_default();
    let Some(step) = rest.first_chunk() else { return plain_end(bytes, rest.len()) };
    match special(step) {
        0 => long_plain_len(bytes, rest),
        special => first_of(special),
    }
}

fn first_of(special: u128) -> usize {
    special.trailing_zeros() as usize / 8
}

/// The same where the first step has no special byte.
#[inline(never)]
fn long_plain_len(bytes: &[u8], rest: &[u8]) -> usize {
    let mut len = STEP + plain_blocks(&rest[STEP..]);
    while let Some(step) = rest[len..].first_chunk() {
        match special(step) {
            0 => len += STEP,
            special => return len + first_of(special),
        }
    }
    len + plain_end(bytes, rest.len() - len)
}

/// Bytes in the whole blocks before the first that has a special byte.
fn plain_blocks(bytes: &[u8]) -> usize {
    let (blocks, _) = bytes.as_chunks::<BLOCK>();
    let is_plain = |block: &[u8; BLOCK]| !block.iter().fold(false, |any, b| any | is_special(*b));
    blocks.iter().take_while(|block| is_plain(block)).count() * BLOCK
}

/// The plain bytes at the front of the last `len` bytes, fewer than a step, seen through the step
/// that ends with them.
#[inline(never)]
fn plain_end(bytes: &[u8], len: usize) -> usize {
    match bytes.last_chunk() {
        Some(step) if len > 0 => first_of(special(step) >> (8 * (STEP - len))).min(len),
        Some(_) => 0,
        None => bytes[bytes.len() - len..].iter().take_while(|byte| !is_special(**byte)).count(),
    }
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
