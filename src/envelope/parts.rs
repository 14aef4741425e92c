//! The elements of an array and the members of an object, one at a time, by their place in the
//! text.
//!
//! Invariants: the text was scanned, so the grammar holds; where it does not, there is no further
//! part. Nothing is kept between two calls. Used by the interpreter for values whose paths are not
//! known at load.

use super::cursor::Cursor;
use super::slot::{Slot, SlotKind};
use super::text::decoded_eq;
use crate::reject::Reject;

/// Where the parts of an array or object that begins at `start` begin.
pub fn first(start: u32) -> u32 {
    start.saturating_add(1)
}

/// Where the text goes on behind a part.
pub fn behind(part: &Slot) -> u32 {
    part.end + u32::from(part.is_string())
}

/// The next element from `at` on: behind the bracket (`fresh`) or behind an element.
pub fn element(text: &[u8], at: u32, fresh: bool) -> Option<Slot> {
    let mut cursor = Cursor::new(text, at as usize);
    match cursor.element(fresh) {
        Ok(true) => cursor.value().ok(),
        _ => None,
    }
}

/// The next member's key and value, likewise.
pub fn member(text: &[u8], at: u32, fresh: bool) -> Option<(Slot, Slot)> {
    let mut cursor = Cursor::new(text, at as usize);
    let key = cursor.key(fresh).ok()??;
    Some((key, cursor.value().ok()?))
}

/// The value that begins at `at` and ends the text.
pub fn only(text: &[u8], at: u32) -> Option<Slot> {
    let mut cursor = Cursor::new(text, at as usize);
    let value = cursor.value().ok()?;
    cursor.end().ok().map(|()| value)
}

/// The value of a key of the object at `start`; a key that stands twice is refused, since the next
/// reader of the same bytes might take the other one.
pub fn value_of(text: &[u8], start: u32, key: &[u8]) -> Result<Option<Slot>, Reject> {
    let (mut at, mut found) = (first(start), None);
    let mut fresh = true;
    while let Some((name, value)) = member(text, at, fresh) {
        (at, fresh) = (behind(&value), false);
        let is_it = match name.kind {
            SlotKind::Plain => name.bytes(text) == key,
            _ => decoded_eq(name.bytes(text), key),
        };
        if is_it && found.replace(value).is_some() {
            return Err(Reject::BadMessage);
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_come_in_order_and_end() {
        let text = br#"x[ 1 ,"a\"b", [2,3],{} ,null ]y"#;
        let (mut at, mut seen) = (2, Vec::new());
        while let Some(part) = element(text, at, at == 2) {
            at = behind(&part);
            seen.push(String::from_utf8_lossy(part.raw(text)).into_owned());
        }
        assert_eq!(seen, ["1", r#""a\"b""#, "[2,3]", "{}", "null"]);
        assert_eq!(element(b"[]", 1, true), None);
        assert_eq!(element(b"[1 2", 2, false), None);
        assert_eq!(element(b"", 9, true), None);
    }

    #[test]
    fn a_member_is_found_by_its_decoded_name_and_only_once() {
        let text = br#"{"a":1, "\u0062" : [2], "c":3,"c":4}"#;
        let found = |key: &str| {
            let value = value_of(text, 0, key.as_bytes())?;
            Ok(value.map(|value| String::from_utf8_lossy(value.raw(text)).into_owned()))
        };
        assert_eq!(found("a"), Ok(Some("1".to_owned())));
        assert_eq!(found("b"), Ok(Some("[2]".to_owned())));
        assert_eq!(found("d"), Ok(None));
        assert_eq!(found("c"), Err(Reject::BadMessage));
    }
}
