//! A cursor over one JSON text: the strict grammar of RFC 8259, one value at a time.
//!
//! Invariants: `at` never exceeds `bytes.len()`, and moves forward only; nesting is a count and one
//! bit a level, never a call; every function leaves the cursor right after what it accepted.
//! Used by `scan` (the envelope) and `project` (the paths of an event).

use super::plain::{STEP, plain_in, plain_len};
use super::slot::{Slot, SlotKind};
use crate::limits::JSON_DEPTH_MAX;
use crate::reject::Reject;

/// The text is not JSON. Without a size, so that a `Step<Slot>` is laid out and moved as a plain
/// slot: with `Reject` in its place the scan of a 92-byte message took 135 ns instead of 92.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotJson;

impl From<NotJson> for Reject {
    fn from(_: NotJson) -> Self {
        Reject::BadJson
    }
}

pub type Step<T> = Result<T, NotJson>;

/// See the module.
#[derive(Debug)]
pub struct Cursor<'m> {
    bytes: &'m [u8],
    at: usize,
    /// Brackets open now.
    depth: u32,
    /// The kind of each open bracket, innermost lowest: 1 is an object.
    objects: u64,
}

impl<'m> Cursor<'m> {
    /// At the beginning of a value inside `bytes`.
    pub fn new(bytes: &'m [u8], at: usize) -> Self {
        Cursor { bytes, at: at.min(bytes.len()), depth: 0, objects: 0 }
    }

    fn rest(&self) -> &'m [u8] {
        self.bytes.get(self.at..).unwrap_or_default()
    }

    /// The byte under the cursor; 0, which no rule of the grammar accepts, at the end.
    #[inline(always)]
    fn peek(&self) -> u8 {
        self.bytes.get(self.at).copied().unwrap_or(0)
    }

    /// Skips white space, returns the byte after it.
    #[inline(always)]
    fn token(&mut self) -> u8 {
        while matches!(self.peek(), b' ' | b'\n' | b'\r' | b'\t') {
            self.at += 1;
        }
        self.peek()
    }

    #[inline(always)]
    fn expect(&mut self, byte: u8) -> Step<()> {
        if self.token() != byte {
            return Err(NotJson);
        }
        self.at += 1;
        Ok(())
    }

    /// Only white space is left.
    pub fn end(&mut self) -> Step<()> {
        self.token();
        if self.at == self.bytes.len() { Ok(()) } else { Err(NotJson) }
    }

    /// Begins a value: takes it whole where it has no parts, and the first bracket of an array or
    /// object, whose end is then not known yet.
    #[inline]
    pub fn start(&mut self) -> Step<Slot> {
        match self.token() {
            b'"' => self.string(),
            b'{' => self.open(SlotKind::Object),
            b'[' => self.open(SlotKind::Array),
            b't' => self.literal(b"true", SlotKind::Bool),
            b'f' => self.literal(b"false", SlotKind::Bool),
            b'n' => self.literal(b"null", SlotKind::Null),
            _ => self.number(),
        }
    }

    /// Takes a value.
    #[inline]
    pub fn value(&mut self) -> Step<Slot> {
        if self.token() == b'"' {
            return self.string();
        }
        let value = self.start()?;
        if value.has_parts() { self.finish(value) } else { Ok(value) }
    }

    /// Takes the rest of an array or object whose bracket was just taken.
    pub fn finish(&mut self, opened: Slot) -> Step<Slot> {
        let outside = self.depth.saturating_sub(1);
        let mut fresh = true;
        while self.depth > outside {
            fresh = match self.objects & 1 {
                1 => self.member_start(fresh)?,
                _ => self.element_start(fresh)?,
            };
        }
        Ok(self.close_slot(opened))
    }

    /// One step inside an object; whether its value opened a bracket.
    #[inline(always)]
    fn member_start(&mut self, fresh: bool) -> Step<bool> {
        match self.key(fresh)? {
            Some(_) => Ok(self.start()?.has_parts()),
            None => Ok(false),
        }
    }

    /// One step inside an array; whether its value opened a bracket.
    #[inline(always)]
    fn element_start(&mut self, fresh: bool) -> Step<bool> {
        match self.element(fresh)? {
            true => Ok(self.start()?.has_parts()),
            false => Ok(false),
        }
    }

    /// The next key of the innermost object, the cursor before its value; `None` at the object's
    /// end.
    #[inline]
    pub fn key(&mut self, first: bool) -> Step<Option<Slot>> {
        match self.token() {
            b'}' => {
                self.close();
                return Ok(None);
            }
            b',' if !first => {
                self.at += 1;
                self.token();
            }
            _ if first => {}
            _ => return Err(NotJson),
        }
        let key = self.string()?;
        self.expect(b':')?;
        Ok(Some(key))
    }

    /// Whether the innermost array has another element, the cursor before it; false at its end.
    #[inline]
    pub fn element(&mut self, first: bool) -> Step<bool> {
        match self.token() {
            b']' => {
                self.close();
                return Ok(false);
            }
            b',' if !first => self.at += 1,
            _ if first => {}
            _ => return Err(NotJson),
        }
        Ok(true)
    }

    #[inline]
    fn open(&mut self, kind: SlotKind) -> Step<Slot> {
        if self.depth as usize >= JSON_DEPTH_MAX {
            return Err(NotJson);
        }
        let start = self.at as u32;
        self.at += 1;
        self.depth += 1;
        self.objects = self.objects << 1 | u64::from(kind == SlotKind::Object);
        Ok(self.slot(start, kind))
    }

    #[inline(always)]
    fn close(&mut self) {
        self.at += 1;
        self.depth = self.depth.saturating_sub(1);
        self.objects >>= 1;
    }

    /// An array or object that ends at the cursor.
    pub fn close_slot(&self, opened: Slot) -> Slot {
        self.slot(opened.start, opened.kind)
    }

    /// The value from `start` to the cursor.
    fn slot(&self, start: u32, kind: SlotKind) -> Slot {
        Slot { start, end: self.at as u32, kind }
    }

    /// Takes a string; the slot is its body.
    #[inline]
    fn string(&mut self) -> Step<Slot> {
        if self.peek() != b'"' {
            return Err(NotJson);
        }
        self.at += 1;
        let start = self.at as u32;
        let plain = self.rest().first_chunk::<STEP>().map(|step| (step, plain_in(step)));
        match plain {
            Some((step, len)) if step.get(len) == Some(&b'"') => {
                self.at += len + 1;
                Ok(Slot { start, end: start + len as u32, kind: SlotKind::Plain })
            }
            _ => self.long_string(start),
        }
    }

    /// The same of a string whose body begins at the cursor and is long, has an escape, or stands at
    /// the message's end.
    #[inline(never)]
    fn long_string(&mut self, start: u32) -> Step<Slot> {
        let mut kind = SlotKind::Plain;
        loop {
            self.at += plain_len(self.bytes, self.at);
            match self.peek() {
                b'"' => break,
                b'\\' => self.escape()?,
                _ => return Err(NotJson),
            }
            kind = SlotKind::Escaped;
        }
        let slot = self.slot(start, kind);
        self.at += 1;
        Ok(slot)
    }

    /// Takes one escape. Surrogates need not be paired: the grammar does not ask for it and clients
    /// send lone ones; `text` says what they decode to.
    fn escape(&mut self) -> Step<()> {
        let len = match self.rest() {
            [_, b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't', ..] => 2,
            [_, b'u', digits @ ..] => {
                let digits = digits.first_chunk::<4>().ok_or(NotJson)?;
                if !digits.iter().all(u8::is_ascii_hexdigit) {
                    return Err(NotJson);
                }
                6
            }
            _ => return Err(NotJson),
        };
        self.at += len;
        Ok(())
    }

    fn literal(&mut self, word: &[u8], kind: SlotKind) -> Step<Slot> {
        if !self.rest().starts_with(word) {
            return Err(NotJson);
        }
        let start = self.at as u32;
        self.at += word.len();
        Ok(self.slot(start, kind))
    }

    /// `-? int frac? exp?`
    fn number(&mut self) -> Step<Slot> {
        let start = self.at as u32;
        self.at += usize::from(self.peek() == b'-');
        match self.peek() {
            b'0' => self.at += 1,
            _ => self.digits()?,
        }
        if self.peek() == b'.' {
            self.at += 1;
            self.digits()?;
        }
        if matches!(self.peek(), b'e' | b'E') {
            self.at += 1;
            self.at += usize::from(matches!(self.peek(), b'+' | b'-'));
            self.digits()?;
        }
        Ok(self.slot(start, SlotKind::Number))
    }

    /// One digit or more.
    fn digits(&mut self) -> Step<()> {
        let first = self.at;
        while self.peek().is_ascii_digit() {
            self.at += 1;
        }
        if self.at > first { Ok(()) } else { Err(NotJson) }
    }
}
