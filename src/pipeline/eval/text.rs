//! Texts: joining, searching, changing, converting.
//!
//! Invariants: a position counts characters, not bytes.

use super::{Evaluated, Reads, Values};
use crate::clock;
use crate::pipeline::number;
use crate::pipeline::operand::{Binary, Unary};
use crate::pipeline::value::{Bytes, Place, Value};
use crate::reject::Reject;

/// The byte at which the character of this number begins; the end where there are fewer.
fn place_of(text: &[u8], character: i64) -> usize {
    let starts = text.iter().enumerate().filter(|(_, byte)| **byte & 0xc0 != 0x80);
    let mut starts = starts.map(|(place, _)| place);
    let number = usize::try_from(character.max(0)).unwrap_or(usize::MAX);
    starts.nth(number).unwrap_or(text.len())
}

impl Values {
    pub(super) fn joined(&mut self, left: Bytes, right: Bytes, reads: &Reads<'_>) -> Evaluated {
        self.charge(left.size() + right.size())?;
        let start = self.arena.len();
        self.append(left, reads);
        self.append(right, reads);
        Ok(Value::Text(self.made(start)?))
    }

    pub(super) fn finds(
        &mut self,
        op: Binary,
        text: Value,
        part: Value,
        reads: &Reads<'_>,
    ) -> Evaluated {
        let (Value::Text(text), Value::Text(part)) = (text, part) else {
            return Err(Reject::BadType);
        };
        let found = self.compared((text, part), reads, |text, part| match op {
            Binary::StartsWith => Ok(text.starts_with(part)),
            Binary::EndsWith => Ok(text.ends_with(part)),
            _ => holds_part(text, part),
        })?;
        found.map(Value::Bool)
    }

    /// Characters from one place up to another; both ends are moved into the text.
    pub fn slice(&mut self, of: Value, from: Value, to: Value, reads: &Reads<'_>) -> Evaluated {
        let (Value::Text(text), Value::Int(from), Value::Int(to)) = (of, from, to) else {
            return Err(Reject::BadType);
        };
        let text = self.plain(text, reads)?;
        let bytes = self.bytes(text, reads);
        let (start, end) = (place_of(bytes, from), place_of(bytes, to));
        self.part(text, start, end.max(start), reads)
    }

    /// A part of a text without escapes.
    fn part(&mut self, text: Bytes, start: usize, end: usize, reads: &Reads<'_>) -> Evaluated {
        if text.place == Place::Const {
            let part = Values::foreign(text, reads).get(start..end).unwrap_or_default();
            return self.keep(part);
        }
        let (start, end) = (text.start + start as u32, text.start + end as u32);
        Ok(Value::Text(Bytes { start, end, ..text }))
    }

    pub(super) fn changed(&mut self, op: Unary, of: Bytes, reads: &Reads<'_>) -> Evaluated {
        let of = self.plain(of, reads)?;
        let mut scratch = std::mem::take(&mut self.scratch);
        scratch.clear();
        let text = std::str::from_utf8(self.bytes(of, reads));
        let result = text.map_err(|_| Reject::BadValue).map(|text| match op {
            Unary::Trim => {
                let start = text.len() - text.trim_start().len();
                Some((start, start + text.trim().len()))
            }
            Unary::Lower => {
                text.chars().flat_map(char::to_lowercase).for_each(|c| push(c, &mut scratch));
                None
            }
            _ => {
                text.chars().flat_map(char::to_uppercase).for_each(|c| push(c, &mut scratch));
                None
            }
        });
        let made = match result {
            Ok(Some((start, end))) => self.part(of, start, end, reads),
            Ok(None) => self.keep(&scratch),
            Err(reject) => Err(reject),
        };
        self.scratch = scratch;
        made
    }

    pub(super) fn convert(&mut self, op: Unary, of: Value, reads: &Reads<'_>) -> Evaluated {
        match (op, of) {
            (Unary::ToBool, Value::Bool(_))
            | (Unary::ToInt, Value::Int(_))
            | (Unary::ToDouble, Value::Double(_))
            | (Unary::ToText, Value::Text(_)) => Ok(of),
            (Unary::ToInt, Value::Double(of)) => number::int_of_double(of).map(Value::Int),
            (Unary::ToDouble, Value::Int(of)) => Ok(Value::Double(of as f64)),
            (Unary::ToText, Value::Bool(of)) => self.keep(if of { b"true" } else { b"false" }),
            (Unary::ToText, Value::Int(of)) => self.written(|out| number::write_int(of, out)),
            (Unary::ToText, Value::Digits { .. }) => {
                let digits = self.digits(of, reads).to_vec();
                self.keep(&digits)
            }
            (Unary::ToText, Value::Double(of)) => self.written(|out| number::write_double(of, out)),
            (_, Value::Text(text)) => self.parsed(op, text, reads),
            _ => Err(Reject::BadType),
        }
    }

    /// A text as another kind of value.
    fn parsed(&mut self, op: Unary, text: Bytes, reads: &Reads<'_>) -> Evaluated {
        let mark = self.arena.len();
        let text = self.plain(text, reads)?;
        let bytes = self.bytes(text, reads);
        let value = match op {
            Unary::ToBool => number::bool_of_text(bytes).map(Value::Bool),
            Unary::ToInt => number::int_of_text(bytes).map(Value::Int),
            _ => number::double_of_text(bytes).map(Value::Double),
        };
        self.arena.truncate(mark);
        value
    }

    pub(super) fn time(&mut self, unix_ms: i64) -> Evaluated {
        let text = clock::rfc3339(unix_ms).ok_or(Reject::BadValue)?;
        self.keep(&text)
    }

    /// A text that is written to the arena.
    fn written(&mut self, write: impl FnOnce(&mut Vec<u8>)) -> Evaluated {
        let start = self.arena.len();
        write(&mut self.arena);
        Ok(Value::Text(self.made(start)?))
    }
}

fn push(char: char, out: &mut Vec<u8>) {
    out.extend_from_slice(char.encode_utf8(&mut [0; 4]).as_bytes());
}

/// In linear time, which needs text.
fn holds_part(text: &[u8], part: &[u8]) -> Result<bool, Reject> {
    match (std::str::from_utf8(text), std::str::from_utf8(part)) {
        (Ok(text), Ok(part)) => Ok(text.contains(part)),
        _ => Err(Reject::BadValue),
    }
}
