//! Checks a payload against its schema while its slots are filled: one pass, no tree.
//!
//! Invariants: recursion follows the schema, never the input; a declared key that stands twice is
//! refused; numbers are read in place and nothing is allocated unless the payload does not fit.
//! Called by `shard::turn` for events with a schema.

use std::ops::RangeInclusive;

use super::cursor::Cursor;
use super::members::{Member, Members};
use super::misfit::Misfit;
use super::project::{is_key, walk};
use super::shape::{Fields, Kind, Shape, bit};
use super::slot::{Slot, SlotKind, Slots};
use super::text::{char_count, decoded_eq};
use crate::reject::Reject;

type Checked = Result<(), Reject>;

/// Fills `out` with the schema's slots of `value`, a span that a scan of `message` made; where the
/// value does not fit, `misfit` says why.
pub fn project_checked(
    message: &[u8],
    value: Slot,
    members: &Members,
    shape: &Shape,
    slots: u8,
    out: &mut Slots,
    misfit: &mut Misfit,
) -> Checked {
    out.slots.iter_mut().take(usize::from(slots)).for_each(|slot| *slot = Slot::default());
    let mut check = Check { message, out, misfit };
    match (&shape.kind, members.known()) {
        (Kind::Map(fields), Some(members)) if value.kind == SlotKind::Object => {
            check.fill(shape, value);
            check.noted(fields, shape, members)?;
            check.below(shape, value)
        }
        // A payload that is not there has no fields.
        (Kind::Map(fields), _) if matches!(value.kind, SlotKind::Missing | SlotKind::Null) => {
            check.complete(fields, shape, 0)
        }
        _ => check.value(shape, value),
    }
}

struct Check<'c> {
    message: &'c [u8],
    out: &'c mut Slots,
    misfit: &'c mut Misfit,
}

/// Which declared fields of an object were met.
#[derive(Default)]
struct Met(u64);

impl Met {
    fn once(&mut self, place: u32) -> Checked {
        if self.0 & bit(place) != 0 {
            return Err(Reject::BadMessage);
        }
        self.0 |= bit(place);
        Ok(())
    }
}

impl Check<'_> {
    fn fill(&mut self, shape: &Shape, value: Slot) {
        let slot = shape.slot.and_then(|slot| self.out.slots.get_mut(usize::from(slot)));
        if let Some(slot) = slot {
            *slot = value;
        }
    }

    /// A value that was scanned already.
    fn value(&mut self, shape: &Shape, value: Slot) -> Checked {
        self.fill(shape, value);
        self.leaf(shape, value)?;
        if value.has_parts() && has_parts_to_check(shape) {
            let mut cursor = Cursor::new(self.message, value.start as usize);
            cursor.start()?;
            self.parts(shape, &mut cursor)?;
        }
        self.below(shape, value)
    }

    /// The value under the cursor.
    fn next(&mut self, shape: &Shape, cursor: &mut Cursor<'_>) -> Checked {
        let mut value = cursor.start()?;
        self.leaf(shape, value)?;
        if value.has_parts() && has_parts_to_check(shape) {
            self.parts(shape, cursor)?;
            value = cursor.close_slot(value);
        } else if value.has_parts() {
            value = cursor.finish(value)?;
        }
        self.fill(shape, value);
        self.below(shape, value)
    }

    /// Paths into what the schema does not look into.
    fn below(&mut self, shape: &Shape, value: Slot) -> Checked {
        match value.has_parts() && !shape.below.children.is_empty() {
            true => walk(self.message, value, &shape.below, self.out),
            false => Ok(()),
        }
    }

    fn parts(&mut self, shape: &Shape, cursor: &mut Cursor<'_>) -> Checked {
        match &shape.kind {
            Kind::Map(fields) => self.members(fields, shape, cursor),
            Kind::List(len, each) => self.elements(len, each, shape, cursor),
            _ => Ok(()),
        }
    }

    fn noted(&mut self, fields: &Fields, shape: &Shape, members: &[Member]) -> Checked {
        let mut met = Met::default();
        for Member { key, value } in members {
            let Some((place, field)) = self.field(fields, shape, key)? else { continue };
            met.once(place)?;
            let fits = self.value(field, *value);
            self.named(fits, fields, place)?;
        }
        self.complete(fields, shape, met.0)
    }

    fn members(&mut self, fields: &Fields, shape: &Shape, cursor: &mut Cursor<'_>) -> Checked {
        let mut met = Met::default();
        let mut first = true;
        while let Some(key) = cursor.key(first)? {
            first = false;
            let Some((place, field)) = self.field(fields, shape, &key)? else {
                cursor.value()?;
                continue;
            };
            met.once(place)?;
            let fits = self.next(field, cursor);
            self.named(fits, fields, place)?;
        }
        self.complete(fields, shape, met.0)
    }

    /// The field that a key leads to.
    fn field<'f>(
        &mut self,
        fields: &'f Fields,
        shape: &Shape,
        key: &Slot,
    ) -> Result<Option<(u32, &'f Shape)>, Reject> {
        let body = key.bytes(self.message);
        let found = fields.list.iter().zip(0..).find(|((name, _), _)| is_key(name, key, body));
        match found {
            Some(((_, field), place)) => Ok(Some((place, field))),
            None if fields.closed => {
                self.misfit.set(shape.line, format_args!("a field that is not known"));
                self.misfit.under(&String::from_utf8_lossy(body));
                Err(Reject::InvalidPayload)
            }
            None => Ok(None),
        }
    }

    fn named(&mut self, fits: Checked, fields: &Fields, place: u32) -> Checked {
        if let (Err(Reject::InvalidPayload), Some((name, _))) =
            (fits, fields.list.get(place as usize))
        {
            self.misfit.under(&name.key);
        }
        fits
    }

    /// Every field that must be there was met.
    fn complete(&mut self, fields: &Fields, shape: &Shape, met: u64) -> Checked {
        let missing = fields.required & !met;
        if missing == 0 {
            return Ok(());
        }
        let (name, line) = match fields.list.get(missing.trailing_zeros() as usize) {
            Some((name, field)) => (&*name.key, field.line),
            None => ("", shape.line),
        };
        self.misfit.set(line, format_args!("missing"));
        self.misfit.under(name);
        Err(Reject::InvalidPayload)
    }

    fn elements(
        &mut self,
        len: &RangeInclusive<u32>,
        each: &Shape,
        shape: &Shape,
        cursor: &mut Cursor<'_>,
    ) -> Checked {
        let mut place = 0u32;
        while cursor.element(place == 0)? {
            if place >= *len.end() {
                return self.refuse(shape, format_args!("more than {} elements", len.end()));
            }
            let fits = self.next(each, cursor);
            if fits == Err(Reject::InvalidPayload) {
                self.misfit.under(&place.to_string());
            }
            fits?;
            place += 1;
        }
        match place < *len.start() {
            true => self.refuse(shape, format_args!("fewer than {} elements", len.start())),
            false => Ok(()),
        }
    }

    #[cold]
    fn refuse(&mut self, shape: &Shape, reason: std::fmt::Arguments<'_>) -> Checked {
        self.misfit.set(shape.line, reason);
        Err(Reject::InvalidPayload)
    }

    /// The value itself, its parts apart.
    fn leaf(&mut self, shape: &Shape, value: Slot) -> Checked {
        use SlotKind::{Array, Bool, Missing, Null, Number, Object};
        if matches!(value.kind, Missing | Null) {
            return match shape.optional {
                true => Ok(()),
                false => self.refuse(shape, format_args!("missing")),
            };
        }
        match (&shape.kind, value.kind) {
            (Kind::Any, _) | (Kind::Bool, Bool) => Ok(()),
            (Kind::Map(_), Object) | (Kind::List(..), Array) => Ok(()),
            (Kind::String(len), _) if value.is_string() => self.string(shape, value, len),
            (Kind::Int(range), Number) => self.int(shape, value, range),
            (Kind::Number(range), Number) => self.number(shape, value, range),
            (Kind::Uuid, SlotKind::Plain) if is_uuid(value.bytes(self.message)) => Ok(()),
            (Kind::Enum(names), _) if value.is_string() => self.one_of(shape, value, names),
            (kind, _) => self.refuse(shape, format_args!("not {}", wanted(kind))),
        }
    }

    fn string(&mut self, shape: &Shape, value: Slot, len: &RangeInclusive<u32>) -> Checked {
        if has_surely(value, len) {
            return Ok(());
        }
        let chars = char_count(&value, self.message) as u64;
        if chars > u64::from(*len.end()) {
            return self.refuse(shape, format_args!("longer than {} characters", len.end()));
        }
        if chars < u64::from(*len.start()) {
            return self.refuse(shape, format_args!("shorter than {} characters", len.start()));
        }
        Ok(())
    }

    fn int(&mut self, shape: &Shape, value: Slot, range: &RangeInclusive<i64>) -> Checked {
        let text = std::str::from_utf8(value.bytes(self.message)).unwrap_or_default();
        let Ok(number) = text.parse::<i64>() else {
            return self.refuse(shape, format_args!("not {}", wanted(&shape.kind)));
        };
        self.in_range(shape, &number, range)
    }

    fn number(&mut self, shape: &Shape, value: Slot, range: &RangeInclusive<f64>) -> Checked {
        let text = std::str::from_utf8(value.bytes(self.message)).unwrap_or_default();
        match text.parse::<f64>() {
            Ok(number) if number.is_finite() => self.in_range(shape, &number, range),
            _ => self.refuse(shape, format_args!("not {}", wanted(&shape.kind))),
        }
    }

    fn in_range<T: PartialOrd + std::fmt::Display>(
        &mut self,
        shape: &Shape,
        number: &T,
        range: &RangeInclusive<T>,
    ) -> Checked {
        if number > range.end() {
            return self.refuse(shape, format_args!("greater than {}", range.end()));
        }
        if number < range.start() {
            return self.refuse(shape, format_args!("less than {}", range.start()));
        }
        Ok(())
    }

    fn one_of(&mut self, shape: &Shape, value: Slot, names: &[Box<str>]) -> Checked {
        let body = value.bytes(self.message);
        match names.iter().any(|name| decoded_eq(body, name.as_bytes())) {
            true => Ok(()),
            false => self.refuse(shape, format_args!("not one of {}", names.join(", "))),
        }
    }
}

fn has_parts_to_check(shape: &Shape) -> bool {
    matches!(shape.kind, Kind::Map(_) | Kind::List(..))
}

/// Whether the bytes alone say that a string has as many characters as it must: each takes one of
/// them at least, and four at most, or twelve with escapes.
fn has_surely(value: Slot, len: &RangeInclusive<u32>) -> bool {
    let bytes = u64::from(value.end.saturating_sub(value.start));
    let bytes_of_one = if value.kind == SlotKind::Plain { 4 } else { 12 };
    bytes <= u64::from(*len.end()) && bytes >= u64::from(*len.start()) * bytes_of_one
}

fn wanted(kind: &Kind) -> &'static str {
    match kind {
        Kind::Any => "a value",
        Kind::Bool => "true or false",
        Kind::String(_) => "a string",
        Kind::Int(_) => "a whole number",
        Kind::Number(_) => "a number",
        Kind::Uuid => "a UUID",
        Kind::Enum(_) => "one of the strings allowed",
        Kind::List(..) => "a list",
        Kind::Map(_) => "an object",
    }
}

/// RFC 9562: 8-4-4-4-12 hexadecimal digits.
fn is_uuid(text: &[u8]) -> bool {
    const DASHES: [usize; 4] = [8, 13, 18, 23];
    let fits = |(place, byte): (usize, &u8)| match DASHES.contains(&place) {
        true => *byte == b'-',
        false => byte.is_ascii_hexdigit(),
    };
    text.len() == 36 && text.iter().enumerate().all(fits)
}
