//! One pass over a whole message: strict JSON, and where the envelope's fields stand in it.
//!
//! Invariants: a message that is accepted is one RFC 8259 object and nothing after it, no deeper
//! than `JSON_DEPTH_MAX`; a routed key stands in it at most once (readers of the same bytes
//! disagree on which of two counts). The message is UTF-8 already: text frames are checked before.

use super::cursor::{Cursor, Step};
use super::members::Members;
use super::simd::{RootMembers, Simd};
use super::slot::{Slot, SlotKind};
use super::text::decoded_eq;
use crate::reject::Reject;
use crate::settings::WireNames;

/// The envelope's fields of one message.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Envelope {
    /// A string.
    pub event: Slot,
    /// A string, or missing (null is missing).
    pub target: Slot,
    /// Any value; the whole message where the payload is flat.
    pub payload: Slot,
    /// Any value, sent back as it came.
    pub id: Slot,
    /// Any value; only a string is ever used as a token.
    pub token: Slot,
}

/// The keys of the root that are looked at, compiled from `protocol.in`.
#[derive(Clone, Debug)]
pub struct RoutedKeys {
    /// In the order of `Field`; an empty key is not looked at.
    keys: [Box<[u8]>; FIELDS],
    /// The keys that a word holds; 0 stands for one that is longer, or not looked at.
    words: [u64; FIELDS],
    /// `payload: .`
    flat: bool,
}

const FIELDS: usize = 5;

/// Indented messages of so many bytes and more are checked by simd-json; all others by the scalar
/// scan. Measured (benches/envelope.rs, ns, scalar against simd-json with its copy and tape):
///
/// | bytes | chat | dense | escaped | indented |
/// |---|---|---|---|---|
/// | 158 | 103 / 206 | 227 / 398 | 166 / 280 | 188 / 216 |
/// | 937 | 163 / 385 | 1 251 / 2 312 | 724 / 1 060 | 794 / 723 |
/// | 8 192 | 755 / 1 803 | 10 746 / 21 340 | 5 938 / 6 978 | 5 655 / 5 668 |
///
/// A tape costs more than the spans need, so simd-json is ahead only where white space is much of
/// the message.
const SIMD_BYTES_MIN: usize = 1_024;

/// Indented text has a line break or two spaces after its first bracket.
fn is_indented(message: &[u8]) -> bool {
    matches!(message, [b'{', b'\n' | b'\r', ..] | [b'{', b' ', b' ', ..])
}

/// The root key of a token, for `secure`.
const TOKEN_KEY: &str = "token";

/// What `protocol.in.payload` says where the whole message is the payload.
const FLAT: &str = ".";

impl RoutedKeys {
    pub fn new(names: &WireNames) -> Self {
        let flat = names.payload == FLAT;
        let payload = if flat { "" } else { names.payload.as_str() };
        let keys = [names.event.as_str(), &names.target, payload, &names.id, TOKEN_KEY];
        let words = keys.map(|key| word_of(key.as_bytes()));
        RoutedKeys { keys: keys.map(|key| key.as_bytes().into()), words, flat }
    }

    /// Position of a key's field.
    #[inline]
    fn field(&self, key: &Slot, message: &[u8]) -> Option<usize> {
        let (start, len) = (key.start as usize, (key.end - key.start) as usize);
        let ahead = message.get(start..).and_then(|ahead| ahead.first_chunk());
        match ahead {
            Some(ahead) if key.kind == SlotKind::Plain && (1..=WORD).contains(&len) => {
                // A body of a word at most is no key that is longer.
                let word = u64::from_le_bytes(*ahead) << (8 * (WORD - len)) >> (8 * (WORD - len));
                self.words.iter().position(|one| *one == word)
            }
            _ => self.compare(key, message),
        }
    }

    /// The same of any key, byte by byte.
    #[inline(never)]
    fn compare(&self, key: &Slot, message: &[u8]) -> Option<usize> {
        let body = key.bytes(message);
        let is_it = |name: &[u8]| match key.kind {
            SlotKind::Plain => body == name,
            _ => decoded_eq(body, name),
        };
        self.keys.iter().position(|name| !name.is_empty() && is_it(name))
    }
}

const WORD: usize = size_of::<u64>();

/// A key as one number, where a word holds it: zeros stand behind its end, and no key that is read
/// as it stands has one in it.
fn word_of(key: &[u8]) -> u64 {
    let mut word = [0; WORD];
    match word.get_mut(..key.len()) {
        Some(place) if !key.contains(&0) => place.copy_from_slice(key),
        _ => {}
    }
    u64::from_le_bytes(word)
}

impl Default for RoutedKeys {
    fn default() -> Self {
        RoutedKeys::new(&WireNames::default())
    }
}

impl Envelope {
    /// In the order of `RoutedKeys::keys`.
    fn field_mut(&mut self, place: usize) -> &mut Slot {
        match place {
            0 => &mut self.event,
            1 => &mut self.target,
            2 => &mut self.payload,
            3 => &mut self.id,
            _ => &mut self.token,
        }
    }

    /// The fields have usable kinds.
    fn check(&mut self) -> Result<(), Reject> {
        if self.target.kind == SlotKind::Null {
            self.target = Slot::default();
        }
        let target_fits = self.target.is_missing() || self.target.is_string();
        if self.event.is_string() && target_fits { Ok(()) } else { Err(Reject::BadMessage) }
    }
}

/// The place of the payload in the order of `RoutedKeys::keys`.
const PAYLOAD: usize = 2;

/// Scans messages; one a shard.
#[derive(Debug, Default)]
pub struct Scanner {
    simd: Simd,
    /// Of the payload of the message scanned last, for its projection.
    pub members: Members,
}

impl Scanner {
    /// Checks a message and finds its envelope. `out` means nothing after an error.
    pub fn scan(
        &mut self,
        message: &[u8],
        keys: &RoutedKeys,
        out: &mut Envelope,
    ) -> Result<(), Reject> {
        match message.len() >= SIMD_BYTES_MIN && is_indented(message) {
            true => self.scan_simd(message, keys, out),
            false => scan_scalar(message, keys, out, &mut self.members),
        }
    }

    /// The way of large indented messages. Its answer is the scalar scan's for every message: what
    /// simd-json refuses is scanned again.
    pub fn scan_simd(
        &mut self,
        message: &[u8],
        keys: &RoutedKeys,
        out: &mut Envelope,
    ) -> Result<(), Reject> {
        let index = self.simd.check(message);
        let Some(members) = index.and_then(|index| RootMembers::new(message, index)) else {
            return scan_scalar(message, keys, out, &mut self.members);
        };
        self.members.forget();
        let mut fields = Fields::new(keys, out);
        members.for_each(|(key, value)| fields.put(keys.field(&key, message), value));
        let trimmed = message.trim_ascii_end().len() as u32;
        let start = (message.len() - message.trim_ascii_start().len()) as u32;
        fields.finish(Slot { start, end: trimmed, kind: SlotKind::Object })
    }
}

/// The way of all other messages; notes the payload's members too.
pub fn scan_scalar(
    message: &[u8],
    keys: &RoutedKeys,
    out: &mut Envelope,
    members: &mut Members,
) -> Result<(), Reject> {
    if u32::try_from(message.len()).is_err() {
        return Err(Reject::TooLarge);
    }
    let mut cursor = Cursor::new(message, 0);
    let root = cursor.start()?;
    if root.kind != SlotKind::Object {
        return Err(Reject::BadJson);
    }
    match keys.flat {
        true => members.begin(),
        false => members.forget(),
    }
    let mut fields = Fields::new(keys, out);
    let mut first = true;
    while let Some(key) = cursor.key(first)? {
        first = false;
        let field = keys.field(&key, message);
        let value = match field {
            Some(PAYLOAD) => payload(&mut cursor, members)?,
            _ => cursor.value()?,
        };
        fields.put(field, value);
        if keys.flat {
            members.note(key, value);
        }
    }
    let root = cursor.close_slot(root);
    cursor.end()?;
    fields.finish(root)
}

/// Takes the payload's value, noting its members.
fn payload(cursor: &mut Cursor<'_>, members: &mut Members) -> Step<Slot> {
    let value = cursor.start()?;
    match value.kind {
        SlotKind::Object => {}
        SlotKind::Array => return cursor.finish(value),
        _ => return Ok(value),
    }
    members.begin();
    let mut first = true;
    while let Some(key) = cursor.key(first)? {
        first = false;
        members.note(key, cursor.value()?);
    }
    Ok(cursor.close_slot(value))
}

/// The envelope in the making: both ways hand it the root's members.
struct Fields<'s> {
    keys: &'s RoutedKeys,
    out: &'s mut Envelope,
    /// A routed key stood twice.
    twice: bool,
}

impl<'s> Fields<'s> {
    fn new(keys: &'s RoutedKeys, out: &'s mut Envelope) -> Self {
        *out = Envelope::default();
        Fields { keys, out, twice: false }
    }

    /// The value of a root's member; `field` is what its key routes to.
    #[inline]
    fn put(&mut self, field: Option<usize>, value: Slot) {
        let Some(place) = field else { return };
        let slot = self.out.field_mut(place);
        self.twice |= !slot.is_missing();
        *slot = value;
    }

    fn finish(self, root: Slot) -> Result<(), Reject> {
        if self.keys.flat {
            self.out.payload = root;
        }
        if self.twice {
            return Err(Reject::BadMessage);
        }
        self.out.check()
    }
}

/// Checks a text that is one JSON value of any kind; returns the value.
pub fn validate(text: &[u8]) -> Result<Slot, Reject> {
    let mut cursor = Cursor::new(text, 0);
    let value = cursor.value()?;
    cursor.end()?;
    Ok(value)
}
