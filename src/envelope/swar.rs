//! Runs of plain bytes in strings: short ones eight bytes at a step in an ordinary register, long
//! ones in blocks that the compiler turns into vector compares.
//!
//! Invariants: exact, not approximate: the answer is the offset of the first byte that matters.

const ONES: u64 = 0x0101_0101_0101_0101;
const HIGHS: u64 = 0x8080_8080_8080_8080;
const STEP: usize = size_of::<u64>();

/// A quote, a backslash or a control character: what a string may not hold as it is.
fn is_special(byte: u8) -> bool {
    byte < 0x20 || byte == b'"' || byte == b'\\'
}

/// The high bit of each byte that is special. A borrow can flag a byte wrongly only above one that
/// is flagged rightly, so the lowest flag is exact.
fn special_flags(word: u64) -> u64 {
    let control = word.wrapping_sub(ONES * 0x20);
    let quote = (word ^ (ONES * u64::from(b'"'))).wrapping_sub(ONES);
    let backslash = (word ^ (ONES * u64::from(b'\\'))).wrapping_sub(ONES);
    (control | quote | backslash) & !word & HIGHS
}

/// Bytes of a block: two vectors of the baseline target.
const BLOCK: usize = 32;

/// Bytes looked at word by word before blocks are tried: most keys and names end within them.
const WORDS_FIRST: usize = 2 * STEP;

/// Bytes before the first quote, backslash or control character; all where there is none.
#[inline]
pub fn plain_len(bytes: &[u8]) -> usize {
    let head = bytes.get(..WORDS_FIRST).unwrap_or(bytes);
    let plain = plain_words(head);
    if plain < WORDS_FIRST {
        return plain;
    }
    let rest = &bytes[WORDS_FIRST..];
    let blocks = plain_blocks(rest);
    WORDS_FIRST + blocks + plain_words(&rest[blocks..])
}

/// Bytes in the whole blocks before the first that has a special byte.
fn plain_blocks(bytes: &[u8]) -> usize {
    let (blocks, _) = bytes.as_chunks::<BLOCK>();
    let is_plain = |block: &[u8; BLOCK]| !block.iter().fold(false, |any, b| any | is_special(*b));
    blocks.iter().take_while(|block| is_plain(block)).count() * BLOCK
}

#[inline]
fn plain_words(bytes: &[u8]) -> usize {
    let (words, rest) = bytes.as_chunks::<STEP>();
    for (place, word) in words.iter().enumerate() {
        let flags = special_flags(u64::from_le_bytes(*word));
        if flags != 0 {
            return place * STEP + flags.trailing_zeros() as usize / 8;
        }
    }
    let tail = rest.iter().position(|byte| is_special(*byte));
    words.len() * STEP + tail.unwrap_or(rest.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_at_every_place_agrees_with_the_plain_definition() {
        for byte in 0..=255u8 {
            for place in 0..100 {
                for filler in [b'a', 0x1f, 0x80, b'!', b'#', b']'] {
                    let mut bytes = [b'x'; 100];
                    bytes[place] = byte;
                    bytes[(place + 1) % 100] = filler;
                    let slow = bytes.iter().position(|b| is_special(*b)).unwrap_or(100);
                    assert_eq!(plain_len(&bytes), slow, "{byte} at {place} before {filler}");
                }
            }
        }
    }

    #[test]
    fn lengths_around_steps_and_blocks_are_exact() {
        for len in 0..150 {
            assert_eq!(plain_len(&vec![0xc3; len]), len);
        }
    }
}
