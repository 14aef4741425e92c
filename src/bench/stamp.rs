//! The time a message carries: 16 hexadecimal digits of nanoseconds, found again in a delivery.
//!
//! Invariants: a stamp is ASCII without a character that JSON escapes, so every server hands it on
//! as it is; it stands behind a mark, so that digits of something else are not taken for it.

/// Bytes of a stamp.
pub const STAMP_BYTES: usize = 16;

/// The mark before a stamp inside a JSON string.
pub const MARK: &[u8] = b"t:";

/// Quotes and what parts a name from its value, as often as servers escape them.
const MARK_REST: &[u8] = b"\\\": ";

/// Bytes between the mark's letter and the stamp at most: `\\\":\\\"`.
const MARK_REST_BYTES_MAX: usize = 9;

const DIGITS: &[u8; 16] = b"0123456789abcdef";

/// Nanoseconds as text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp([u8; STAMP_BYTES]);

impl Stamp {
    pub fn of_ns(ns: u64) -> Stamp {
        let mut text = [0; STAMP_BYTES];
        for (place, digit) in text.iter_mut().enumerate() {
            let shift = 4 * (STAMP_BYTES - 1 - place);
            *digit = DIGITS[(ns >> shift) as usize & 0xf];
        }
        Stamp(text)
    }

    /// What may be a stamp.
    pub fn of_text(text: [u8; STAMP_BYTES]) -> Stamp {
        Stamp(text)
    }

    pub fn text(&self) -> &[u8; STAMP_BYTES] {
        &self.0
    }

    /// The stamp that begins at this byte.
    pub fn read(message: &[u8], at: usize) -> Option<Stamp> {
        let text: &[u8; STAMP_BYTES] = message.get(at..)?.first_chunk()?;
        text.iter().all(is_digit).then_some(Stamp(*text))
    }

    pub fn ns(&self) -> u64 {
        self.0.iter().fold(0, |ns, &digit| ns << 4 | u64::from(value(digit)))
    }
}

/// Where the first stamp of a message begins.
pub fn find(message: &[u8]) -> Option<usize> {
    let marks = message.iter().enumerate().filter(|(_, byte)| **byte == b't');
    marks.map(|(place, _)| place).find_map(|place| behind_mark(message, place + 1))
}

/// The stamp's place where a mark's letter was the byte before `place`.
fn behind_mark(message: &[u8], place: usize) -> Option<usize> {
    let rest = message.get(place..)?;
    let bytes = rest.iter().take_while(|byte| MARK_REST.contains(byte)).count();
    let at = place + bytes;
    ((1..=MARK_REST_BYTES_MAX).contains(&bytes) && Stamp::read(message, at).is_some()).then_some(at)
}

fn is_digit(byte: &u8) -> bool {
    matches!(byte, b'0'..=b'9' | b'a'..=b'f')
}

fn value(digit: u8) -> u8 {
    match digit {
        b'0'..=b'9' => digit - b'0',
        _ => (digit | 0x20).wrapping_sub(b'a' - 10) & 0xf,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stamp_comes_back_from_its_text() {
        for ns in [0, 1, 0x0123_4567_89ab_cdef, u64::MAX] {
            let stamp = Stamp::of_ns(ns);
            assert_eq!(stamp.ns(), ns);
            assert_eq!(Stamp::read(stamp.text(), 0), Some(stamp));
        }
    }

    #[test]
    fn a_stamp_is_found_behind_its_mark_however_it_is_quoted() {
        let stamp = String::from_utf8(Stamp::of_ns(77).text().to_vec()).unwrap();
        let forms = [
            format!(r#"{{"t":"{stamp}","pad":"x"}}"#),
            format!(r#"42["new_message","{{\"t\":\"{stamp}\"}}"]"#),
            format!(r#"{{"data":"{{\"d\":\"{{\\\"t\\\":\\\"{stamp}\\\"}}\"}}"}}"#),
            format!(r#"{{"event":"e","target":"ttt","payload":{{"message":"t:{stamp}xx"}}}}"#),
        ];
        for form in forms {
            let at = find(form.as_bytes()).unwrap_or_else(|| panic!("{form}"));
            assert_eq!(Stamp::read(form.as_bytes(), at), Some(Stamp::of_ns(77)), "{form}");
        }
    }

    #[test]
    fn other_digits_are_no_stamp() {
        for text in ["", "t", "t:", "t:0000", "0000000000000001", "t:000000000000000G", "at1234"] {
            assert_eq!(find(text.as_bytes()), None, "{text}");
        }
    }
}
