//! Values as text: in names and logs, inside a JSON string, at a JSON value's place.
//!
//! Invariants: what is written at a JSON value's place is one JSON value, so nothing can break out
//! of it; a number that JSON does not have is null. Before anything is written its size is
//! charged.

use super::{Reads, Values};
use crate::envelope::parts;
use crate::envelope::text::{decode_into, escape_into};
use crate::limits::RUN_WORK_MAX;
use crate::pipeline::number;
use crate::pipeline::op::Form;
use crate::pipeline::value::{Bytes, Value};
use crate::reject::Reject;

impl Values {
    /// Charges what writing this value costs; call before `write`.
    pub fn weigh(&mut self, value: Value) -> Result<(), Reject> {
        let weight = self.weight(value, RUN_WORK_MAX).ok_or(Reject::TooLarge)?;
        self.charge(weight)
    }

    /// Bytes and elements of a value; `None` where there are more than `most`.
    pub fn weight(&self, value: Value, most: usize) -> Option<usize> {
        let own = match value {
            Value::Text(bytes) | Value::Array(bytes) | Value::Object(bytes) => bytes.size(),
            Value::List(elements) => elements.count(),
            Value::Digits { bytes, .. } => usize::from(bytes),
            _ => 0,
        };
        let mut left = most.checked_sub(own)?;
        if let Value::List(elements) = value {
            for element in self.elements(elements) {
                left -= self.weight(*element, left)?;
            }
        }
        Some(most - left)
    }

    /// Appends the value in a form.
    pub fn write(&self, value: Value, form: Form, reads: &Reads<'_>, out: &mut Vec<u8>) {
        match (value, form) {
            (Value::Omit, _) | (Value::Null, Form::Text | Form::Inner) => {}
            (Value::Text(text), _) => self.write_text(text, form, reads, out),
            (Value::Array(bytes) | Value::Object(bytes), Form::Inner) => {
                escape_into(self.bytes(bytes, reads), out);
            }
            (Value::List(_), Form::Inner) => {
                let start = out.len();
                self.write_json(value, reads, out);
                escape_json(start, out);
            }
            (Value::Double(double), Form::Text | Form::Inner) => number::write_double(double, out),
            _ => self.write_json(value, reads, out),
        }
    }

    /// Appends the value as JSON.
    fn write_json(&self, value: Value, reads: &Reads<'_>, out: &mut Vec<u8>) {
        match value {
            Value::Null | Value::Omit => out.extend_from_slice(b"null"),
            Value::Bool(true) => out.extend_from_slice(b"true"),
            Value::Bool(false) => out.extend_from_slice(b"false"),
            Value::Int(int) => number::write_int(int, out),
            Value::Double(double) if double.is_finite() => number::write_double(double, out),
            Value::Double(_) => out.extend_from_slice(b"null"),
            Value::Digits { .. } => out.extend_from_slice(self.digits(value, reads)),
            Value::Text(text) => self.write_text(text, Form::Raw, reads, out),
            Value::Array(bytes) | Value::Object(bytes) => {
                out.extend_from_slice(self.bytes(bytes, reads));
            }
            Value::List(elements) => {
                out.push(b'[');
                for place in elements.start..elements.end {
                    if place > elements.start {
                        out.push(b',');
                    }
                    let element = self.elements.get(place as usize).copied();
                    self.write_json(element.unwrap_or(Value::Null), reads, out);
                }
                out.push(b']');
            }
        }
    }

    /// A number as it was written.
    pub(super) fn digits<'v>(&'v self, value: Value, reads: &Reads<'v>) -> &'v [u8] {
        let Value::Digits { place, bytes, start, .. } = value else { return &[] };
        let end = start.saturating_add(u32::from(bytes));
        self.bytes(Bytes { start, end, place, escaped: false }, reads)
    }

    fn write_text(&self, text: Bytes, form: Form, reads: &Reads<'_>, out: &mut Vec<u8>) {
        let bytes = self.bytes(text, reads);
        if form == Form::Raw {
            out.push(b'"');
        }
        match (form, text.escaped) {
            (Form::Text, true) => decode_into(bytes, out),
            (Form::Text, false) | (_, true) => out.extend_from_slice(bytes),
            (_, false) => escape_into(bytes, out),
        }
        if form == Form::Raw {
            out.push(b'"');
        }
    }

    /// Appends the members of an object without its braces, a comma before them where one is due.
    pub fn spread(&self, value: Value, reads: &Reads<'_>, out: &mut Vec<u8>) {
        let Value::Object(object) = value else { return };
        let text = self.whole(object.place, reads);
        let inside = parts::first(object.start) as usize..object.end.saturating_sub(1) as usize;
        let inside = text.get(inside).unwrap_or_default().trim_ascii();
        if !inside.is_empty() {
            comma(out);
            out.extend_from_slice(inside);
        }
    }
}

/// Escapes the JSON text from `start` on, where it stands: it has no control characters.
fn escape_json(start: usize, out: &mut Vec<u8>) {
    let is_special = |byte: u8| byte == b'"' || byte == b'\\';
    let mut from = out.len();
    let specials = out.iter().skip(start).filter(|byte| is_special(**byte)).count();
    out.resize(from + specials, 0);
    let mut to = out.len();
    // From the end, so that nothing is written over before it was moved.
    while to > from {
        (from, to) = (from - 1, to - 1);
        out[to] = out[from];
        if is_special(out[from]) {
            to -= 1;
            out[to] = b'\\';
        }
    }
}

/// Appends a comma unless an object or array has just been opened.
pub fn comma(out: &mut Vec<u8>) {
    if !matches!(out.last(), None | Some(b'{' | b'[')) {
        out.push(b',');
    }
}
