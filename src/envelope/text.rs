//! JSON string bodies to text and text to JSON string bodies (RFC 8259 section 7).
//!
//! Invariants: total on any bytes; a body that the scanner accepted and that was UTF-8 decodes to
//! UTF-8. A lone surrogate (`\ud800`, which browsers do send) decodes to U+FFFD.

use std::borrow::Cow;

use super::plain::plain_len;
use super::slot::{Slot, SlotKind};

/// A part of a string body.
enum Part<'b> {
    Plain(&'b [u8]),
    Char(char),
}

/// Walks a string body part by part.
struct Parts<'b> {
    rest: &'b [u8],
}

impl<'b> Iterator for Parts<'b> {
    type Item = Part<'b>;

    fn next(&mut self) -> Option<Part<'b>> {
        match self.rest {
            [] => None,
            [b'\\', b'u', ..] => Some(Part::Char(self.code_point())),
            [b'\\', escaped, ..] => {
                self.rest = &self.rest[2..];
                Some(Part::Char(short_escape(*escaped)))
            }
            _ => Some(Part::Plain(self.plain())),
        }
    }
}

impl<'b> Parts<'b> {
    /// Up to the next backslash. A backslash that ends the body has no meaning and stands for
    /// itself.
    fn plain(&mut self) -> &'b [u8] {
        let after = self.rest.iter().skip(1).position(|byte| *byte == b'\\');
        let (plain, rest) = self.rest.split_at(after.map_or(self.rest.len(), |len| len + 1));
        self.rest = rest;
        plain
    }

    /// `\uXXXX`, or a surrogate pair of two.
    fn code_point(&mut self) -> char {
        let first = self.unit().unwrap_or(0xfffd);
        if !(0xd800..0xdc00).contains(&first) {
            return char::from_u32(first).unwrap_or(char::REPLACEMENT_CHARACTER);
        }
        let mut ahead = Parts { rest: self.rest };
        match ahead.unit() {
            Some(second) if (0xdc00..0xe000).contains(&second) => {
                self.rest = ahead.rest;
                let point = 0x1_0000 + ((first - 0xd800) << 10) + (second - 0xdc00);
                char::from_u32(point).unwrap_or(char::REPLACEMENT_CHARACTER)
            }
            _ => char::REPLACEMENT_CHARACTER,
        }
    }

    /// One UTF-16 unit of `\uXXXX`; what is not one is skipped, so that the walk goes on.
    fn unit(&mut self) -> Option<u32> {
        let (head, rest) = self.rest.split_at_checked(6).unwrap_or((self.rest, &[]));
        let digits = head.strip_prefix(b"\\u")?;
        self.rest = rest;
        let mut unit = 0;
        for digit in digits {
            unit = unit << 4 | (*digit as char).to_digit(16)?;
        }
        Some(unit)
    }
}

fn short_escape(escaped: u8) -> char {
    match escaped {
        b'b' => '\u{8}',
        b'f' => '\u{c}',
        b'n' => '\n',
        b'r' => '\r',
        b't' => '\t',
        other => char::from(other),
    }
}

/// Appends the text of a string body.
pub fn decode_into(body: &[u8], out: &mut Vec<u8>) {
    for part in (Parts { rest: body }) {
        match part {
            Part::Plain(plain) => out.extend_from_slice(plain),
            Part::Char(char) => out.extend_from_slice(char.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
}

/// The text of a string body, where it is no longer than this room; without an allocation.
pub fn decode_short<'r>(body: &[u8], room: &'r mut [u8]) -> Option<&'r [u8]> {
    let mut len = 0;
    for part in (Parts { rest: body }) {
        let mut char_bytes = [0; 4];
        let bytes = match part {
            Part::Plain(plain) => plain,
            Part::Char(char) => char.encode_utf8(&mut char_bytes).as_bytes(),
        };
        room.get_mut(len..len + bytes.len())?.copy_from_slice(bytes);
        len += bytes.len();
    }
    room.get(..len)
}

/// Whether a string body is this text.
pub fn decoded_eq(body: &[u8], text: &[u8]) -> bool {
    let mut left = text;
    for part in (Parts { rest: body }) {
        let after = match part {
            Part::Plain(plain) => left.strip_prefix(plain),
            Part::Char(char) => left.strip_prefix(char.encode_utf8(&mut [0; 4]).as_bytes()),
        };
        match after {
            Some(after) => left = after,
            None => return false,
        }
    }
    left.is_empty()
}

/// The text of a slot's string, borrowed from the message where it has no escape and decoded into
/// `scratch` where it has one; empty for any other kind. UTF-8 where the message is.
pub fn text_of<'t>(slot: &Slot, message: &'t [u8], scratch: &'t mut Vec<u8>) -> &'t [u8] {
    match slot.kind {
        SlotKind::Plain => slot.bytes(message),
        SlotKind::Escaped => {
            scratch.clear();
            decode_into(slot.bytes(message), scratch);
            scratch
        }
        _ => &[],
    }
}

/// Characters of UTF-8: bytes that do not go on with one, eight at a time.
pub fn characters(text: &[u8]) -> usize {
    if text.is_ascii() {
        return text.len();
    }
    const ONES: u64 = 0x0101_0101_0101_0101;
    let (words, rest) = text.as_chunks::<8>();
    let goes_on = |word: &[u8; 8]| {
        let word = u64::from_le_bytes(*word);
        // A bit for each byte that is 0b10......
        let bits = (word >> 7) & !(word >> 6) & ONES;
        (bits.wrapping_mul(ONES) >> 56) as usize
    };
    let of_words: usize = words.iter().map(goes_on).sum();
    let of_rest = rest.iter().filter(|byte| **byte & 0xc0 == 0x80).count();
    text.len() - of_words - of_rest
}

/// How many characters a slot's string has.
pub fn char_count(slot: &Slot, message: &[u8]) -> usize {
    let body = slot.bytes(message);
    if slot.kind == SlotKind::Plain {
        return characters(body);
    }
    let len = |part| match part {
        Part::Plain(plain) => characters(plain),
        Part::Char(_) => 1,
    };
    Parts { rest: body }.map(len).sum()
}

/// Appends text as the body of a JSON string: quotes, backslashes and control characters escaped.
pub fn escape_into(text: &[u8], out: &mut Vec<u8>) {
    let mut at = 0;
    loop {
        let (plain, special) = text[at..].split_at(plain_len(text, at));
        out.extend_from_slice(plain);
        let Some(byte) = special.first() else { return };
        escape_byte(*byte, out);
        at += plain.len() + 1;
    }
}

fn escape_byte(byte: u8, out: &mut Vec<u8>) {
    let short = match byte {
        b'"' | b'\\' => byte,
        b'\n' => b'n',
        b'\r' => b'r',
        b'\t' => b't',
        0x8 => b'b',
        0xc => b'f',
        _ => {
            let digit = |nibble: u8| b"0123456789abcdef"[usize::from(nibble & 15)];
            out.extend_from_slice(&[b'\\', b'u', b'0', b'0', digit(byte >> 4), digit(byte)]);
            return;
        }
    };
    out.extend_from_slice(&[b'\\', short]);
}

/// The same JSON text, each lone surrogate as the replacement character that it decodes to, so that
/// readers stricter than browsers take it.
pub fn without_lone_surrogates(json: &[u8]) -> Cow<'_, [u8]> {
    match next_escape(json, 0) {
        None => Cow::Borrowed(json),
        Some(_) => {
            let mut json = json.to_vec();
            replace_lone_surrogates(&mut json);
            Cow::Owned(json)
        }
    }
}

fn replace_lone_surrogates(json: &mut [u8]) {
    let mut at = 0;
    while let Some(place) = next_escape(json, at) {
        let (unit, next) = (unit_at(json, place), unit_at(json, place + UNIT_BYTES));
        let is_pair = is_high(unit) && next.is_some_and(|unit| (0xdc00..0xe000).contains(&unit));
        let is_lone = !is_pair && unit.is_some_and(|unit| (0xd800..0xe000).contains(&unit));
        if is_lone {
            json[place..place + UNIT_BYTES].copy_from_slice(b"\\ufffd");
        }
        at = place
            + match (is_pair, unit) {
                (true, _) => 2 * UNIT_BYTES,
                (false, Some(_)) => UNIT_BYTES,
                (false, None) => 2,
            };
    }
}

/// Bytes of `\uXXXX`.
const UNIT_BYTES: usize = 6;

fn next_escape(json: &[u8], at: usize) -> Option<usize> {
    let rest = json.get(at..)?;
    rest.iter().position(|byte| *byte == b'\\').map(|place| at + place)
}

fn is_high(unit: Option<u32>) -> bool {
    unit.is_some_and(|unit| (0xd800..0xdc00).contains(&unit))
}

fn unit_at(json: &[u8], at: usize) -> Option<u32> {
    let rest = json.get(at..at + UNIT_BYTES)?;
    Parts { rest }.unit()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoded(body: &str) -> String {
        let mut out = Vec::new();
        decode_into(body.as_bytes(), &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn every_escape_decodes() {
        assert_eq!(decoded(r#"a\"\\\/\b\f\n\r\t\u00e9z"#), "a\"\\/\u{8}\u{c}\n\r\t\u{e9}z");
        assert_eq!(decoded(r"\u0000\uFFFF\uffff"), "\0\u{ffff}\u{ffff}");
        assert_eq!(decoded(r"\ud83d\ude00!"), "\u{1f600}!");
    }

    #[test]
    fn a_lone_surrogate_is_a_replacement_character_and_loses_nothing_else() {
        for (body, text) in [
            (r"\ud800", "\u{fffd}"),
            (r"\udc00x", "\u{fffd}x"),
            (r"\ud800\ud83d\ude00", "\u{fffd}\u{1f600}"),
            (r"\ud800\n", "\u{fffd}\n"),
            (r"\ud800\u0041", "\u{fffd}A"),
            (r"\ud800x", "\u{fffd}x"),
        ] {
            assert_eq!(decoded(body), text, "{body}");
        }
    }

    #[test]
    fn only_lone_surrogates_are_replaced() {
        let replaced = |text: &str| {
            String::from_utf8(without_lone_surrogates(text.as_bytes()).into_owned()).unwrap()
        };
        for (text, wanted) in [
            (r#"["\ud800","\udC00x"]"#, r#"["\ufffd","\ufffdx"]"#),
            (r#""\ud800\ud83d\ude00\udc00""#, r#""\ufffd\ud83d\ude00\ufffd""#),
            (r#""\uD83D\uDE00\u00e9\n\\ud800""#, r#""\uD83D\uDE00\u00e9\n\\ud800""#),
            (r#""\\\ud800\\""#, r#""\\\ufffd\\""#),
            (r#""\ud800\u0041""#, r#""\ufffd\u0041""#),
            (r"\ud80", r"\ud80"),
            (r"\", r"\"),
        ] {
            assert_eq!(replaced(text), wanted);
            let of = |body: &str| decoded(body.trim_matches(['"', '[', ']']));
            assert_eq!(of(text), of(wanted), "{text}");
        }
    }

    #[test]
    fn bodies_the_scanner_refuses_still_end() {
        for body in [r"\", r"\u", r"\u12", r"\uzzzz", r"a\", r"\ud800\", r"\ud800\u", r"\q"] {
            decoded(body);
            decoded_eq(body.as_bytes(), b"text");
        }
    }

    #[test]
    fn comparing_is_the_same_as_decoding() {
        for body in ["", "plain", r"\u0070lain", r"pl\u0061in", r"plain\n", r"\ud800"] {
            let text = decoded(body);
            assert!(decoded_eq(body.as_bytes(), text.as_bytes()), "{body}");
            assert!(!decoded_eq(body.as_bytes(), format!("{text}x").as_bytes()), "{body}");
            let cut = &text.as_bytes()[..text.len().saturating_sub(1)];
            assert_eq!(decoded_eq(body.as_bytes(), cut), text.is_empty(), "{body}");
        }
    }

    #[test]
    fn escaping_matches_a_known_encoder_and_comes_back() {
        let text: String =
            (0..0x250u32).filter_map(char::from_u32).chain("\u{1f600}".chars()).collect();
        let mut body = Vec::new();
        escape_into(text.as_bytes(), &mut body);
        let quoted = format!("\"{}\"", std::str::from_utf8(&body).unwrap());
        assert_eq!(quoted, serde_json::to_string(&text).unwrap());
        assert_eq!(decoded(std::str::from_utf8(&body).unwrap()), text);
    }
}
