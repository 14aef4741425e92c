//! UTF-8 that fails at the first byte that cannot belong to it (RFC 6455 section 8.1).
//!
//! Invariants: `Checked` is a position in a growing buffer; all before it is whole characters, and
//! at most three bytes after it are the valid beginning of one more. So nothing is checked twice,
//! and no carry needs to be stored.

use simdutf8::compat::from_utf8;

/// The bytes hold something that no continuation can make UTF-8.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Invalid;

/// How far a growing text has been found valid.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Checked(usize);

impl Checked {
    /// Checks what was appended to `text` since the last call.
    pub fn extend(&mut self, text: &[u8]) -> Result<(), Invalid> {
        let fresh = text.get(self.0..).unwrap_or_default();
        match from_utf8(fresh) {
            Ok(_) => self.0 = text.len(),
            Err(error) if error.error_len().is_none() => self.0 += error.valid_up_to(),
            Err(_) => return Err(Invalid),
        }
        Ok(())
    }

    /// Whether `text` ends between two characters.
    pub fn is_whole(self, text: &[u8]) -> bool {
        self.0 == text.len()
    }
}

/// A text that is there at once.
pub fn text(bytes: &[u8]) -> Option<&str> {
    from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Feeds one byte at a time; the place of the byte that failed.
    fn fails_at(text: &[u8]) -> Option<usize> {
        let mut checked = Checked::default();
        (0..text.len()).find(|&end| checked.extend(&text[..=end]).is_err())
    }

    #[test]
    fn an_invalid_byte_fails_when_it_arrives_and_not_later() {
        for (text, place) in [
            (&b"ab\xff"[..], 2),
            (b"\x80", 0),
            (b"\xc0\x80", 0),
            (b"\xc3\x28", 1),
            (b"\xe0\x9f", 1),
            (b"\xed\xa0\x80", 1),
            (b"\xf0\x8f", 1),
            (b"\xf4\x90\x80\x80", 1),
            (b"\xf5", 0),
            (b"\xe2\x82\x20", 2),
            (b"\xf0\x9f\x98\x41", 3),
        ] {
            assert_eq!(fails_at(text), Some(place), "{text:x?}");
        }
    }

    #[test]
    fn an_unfinished_character_is_neither_invalid_nor_whole() {
        for text in [&b"a\xc3"[..], b"\xe2\x82", b"\xf0\x9f\x98"] {
            let mut checked = Checked::default();
            assert_eq!(checked.extend(text), Ok(()));
            assert!(!checked.is_whole(text));
            assert_eq!(super::text(text), None);
        }
    }

    #[test]
    fn every_split_of_a_valid_text_is_valid() {
        let text = "aé€😀\u{10ffff}\u{0}\u{d7ff}\u{e000}".repeat(20);
        let bytes = text.as_bytes();
        assert_eq!(fails_at(bytes), None);
        for cut in 0..bytes.len() {
            let mut checked = Checked::default();
            assert_eq!(checked.extend(&bytes[..cut]), Ok(()));
            assert_eq!(checked.extend(bytes), Ok(()));
            assert!(checked.is_whole(bytes));
        }
    }

    #[test]
    fn all_pairs_and_triples_agree_with_the_standard_library() {
        let leads = [0x00, 0x7f, 0x80, 0xbf, 0xc1, 0xc2, 0xdf, 0xe0, 0xe1, 0xed, 0xef, 0xf0, 0xf4];
        for first in leads {
            for second in 0..=255u8 {
                for third in [0x41, 0x80, 0xbf, 0xc0] {
                    let bytes = [first, second, third];
                    assert_eq!(text(&bytes), std::str::from_utf8(&bytes).ok());
                }
            }
        }
    }
}
