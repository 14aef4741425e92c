//! The last messages of one room, each with its place in the room's one order, at the room's home.
//!
//! A place is a number in an epoch. Numbers go up by one with every message that is kept, the epoch
//! begins with the history and is never used again, so a place says which messages came after it,
//! or is not known any more.
//!
//! Invariants: the kept messages have consecutive numbers, the newest is `last`; behind `cut` they
//! are not more, older or larger than the rule says. Called by `shard::history`.

use std::collections::VecDeque;
use std::fmt;
use std::io::Write;
use std::sync::Arc;

use super::frames::{Frame, FramePool, FrameRef, FrameType};
use crate::envelope::text::escape_into;
use crate::ids::ConnKey;
use crate::settings::HistoryRule;

/// A place in the order of a room's messages, as text `EPOCH-NUMBER`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    /// Of 48 bits; 0 is no history's.
    pub epoch: u64,
    pub number: u64,
}

/// Digits of an epoch.
const EPOCH_DIGITS: usize = 12;

impl Position {
    /// What no history knows.
    pub const UNKNOWN: Position = Position { epoch: 0, number: 0 };

    /// So many messages before it.
    pub fn before(self, messages: u64) -> Position {
        Position { number: self.number.saturating_sub(messages), ..self }
    }

    /// What a client says it saw last; anything that is no place is one that nobody knows.
    pub fn read(text: &str) -> Position {
        let parts = text.split_once('-').filter(|(epoch, _)| epoch.len() == EPOCH_DIGITS);
        let read = parts.and_then(|(epoch, number)| {
            let epoch = u64::from_str_radix(epoch, 16).ok()?;
            Some(Position { epoch, number: number.parse().ok()? })
        });
        // One place has one spelling.
        read.filter(|read| read.to_string() == text).unwrap_or(Position::UNKNOWN)
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:0EPOCH_DIGITS$x}-{}", self.epoch, self.number)
    }
}

/// Who does not get a message.
#[derive(Clone, Debug)]
pub enum Exempt {
    Nobody,
    Conn(ConnKey),
    User(Arc<str>),
}

impl Exempt {
    pub fn spares(&self, conn: ConnKey, user: &str) -> bool {
        match self {
            Exempt::Nobody => false,
            Exempt::Conn(one) => *one == conn,
            Exempt::User(one) => **one == *user,
        }
    }
}

/// One message.
#[derive(Clone, Debug)]
pub struct Kept {
    pub frame: FrameRef,
    pub exempt: Exempt,
    since_ns: u64,
}

impl Kept {
    fn bytes(&self) -> usize {
        self.frame.capacity() + size_of::<Kept>() + size_of::<Frame>()
    }
}

/// See the module.
#[derive(Debug)]
pub struct History {
    pub rule: HistoryRule,
    /// 0 until there was something to keep or to ask.
    epoch: u64,
    last: u64,
    kept: VecDeque<Kept>,
    bytes: usize,
    /// When the newest message came, or the last member left.
    pub used_ns: u64,
    /// Its entry in the shard's list of those to look at; 0 is none.
    pub due_ns: u64,
    /// Its number among the rooms that nobody is in.
    pub left: Option<u64>,
}

/// What a shorter history gives back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cut {
    pub bytes: usize,
    /// Messages that went because the rule allows no more bytes.
    pub over_bytes: u64,
}

impl History {
    pub fn of(rule: HistoryRule) -> Option<History> {
        rule.keeps().then(|| History {
            rule,
            epoch: 0,
            last: 0,
            kept: VecDeque::new(),
            bytes: 0,
            used_ns: 0,
            due_ns: 0,
            left: None,
        })
    }

    /// The same under another rule; `cut` comes next.
    pub fn ruled(self, rule: HistoryRule) -> History {
        History { rule, ..self }
    }

    /// Nobody has ever been told a place in it.
    pub fn is_fresh(&self) -> bool {
        self.epoch == 0
    }

    pub fn begin(&mut self, epoch: u64) {
        self.epoch = epoch;
    }

    /// Bytes of memory of what is kept.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    pub fn is_empty(&self) -> bool {
        self.kept.is_empty()
    }

    /// Where the newest message stands.
    pub fn position(&self) -> Position {
        Position { epoch: self.epoch, number: self.last }
    }

    /// Gives a message the next place, written into it, and keeps it; returns the message as
    /// members get it. A message without fields has no place: it is not kept.
    pub fn keep(
        &mut self,
        frame: &Frame,
        exempt: Exempt,
        field: &str,
        now_ns: u64,
        pool: &mut FramePool,
    ) -> Option<FrameRef> {
        let next = Position { number: self.last + 1, ..self.position() };
        let frame = placed(frame, field, next, pool)?;
        self.last = next.number;
        self.used_ns = now_ns;
        let kept = Kept { frame: FrameRef::clone(&frame), exempt, since_ns: now_ns };
        self.bytes += kept.bytes();
        self.kept.push_back(kept);
        Some(frame)
    }

    /// Lets go of what the rule does not allow any more.
    pub fn cut(&mut self, now_ns: u64, pool: &mut FramePool) -> Cut {
        let mut cut = Cut::default();
        while let Some(oldest) = self.kept.front() {
            let is_over = self.bytes > self.rule.bytes_max;
            let is_old = oldest.since_ns + self.rule.ttl_ns <= now_ns;
            let is_beyond = self.kept.len() > self.rule.size as usize;
            if !is_over && !is_old && !is_beyond {
                break;
            }
            cut.over_bytes += u64::from(!is_old && !is_beyond);
            cut.bytes += self.let_go(pool);
        }
        cut
    }

    /// Lets go of the oldest message; returns its bytes.
    pub fn let_go(&mut self, pool: &mut FramePool) -> usize {
        let Some(kept) = self.kept.pop_front() else { return 0 };
        let bytes = kept.bytes();
        self.bytes -= bytes;
        pool.reclaim(kept.frame);
        if self.kept.is_empty() {
            self.kept = VecDeque::new();
        }
        bytes
    }

    /// When there is something to let go of, or, with nothing kept, when the history itself is
    /// over.
    pub fn next_ns(&self) -> u64 {
        let from_ns = self.kept.front().map_or(self.used_ns, |oldest| oldest.since_ns);
        from_ns.saturating_add(self.rule.ttl_ns)
    }

    /// What somebody gets who joins, and whether that is all it missed; `cut` comes before.
    pub fn missed(&self, since: Option<Position>) -> (Option<bool>, Vec<Kept>) {
        let behind = since.and_then(|since| self.behind(since));
        let count = behind.unwrap_or(self.kept.len().min(self.rule.replay as usize));
        let frames = self.kept.iter().skip(self.kept.len() - count).cloned().collect();
        (since.map(|_| behind.is_some()), frames)
    }

    /// How many messages came after a place, where all of them are here.
    fn behind(&self, since: Position) -> Option<usize> {
        if !self.rule.recover || since.epoch != self.epoch {
            return None;
        }
        let count = usize::try_from(self.last.checked_sub(since.number)?).ok()?;
        (count <= self.kept.len()).then_some(count)
    }
}

/// The message with its place as the last of its fields.
fn placed(frame: &Frame, field: &str, at: Position, pool: &mut FramePool) -> Option<FrameRef> {
    let (last, fields) = frame.payload().split_last()?;
    if *last != b'}' || frame.kind() != FrameType::Text {
        return None;
    }
    let mut open = pool.open();
    let out = open.bytes();
    out.extend_from_slice(fields);
    out.extend_from_slice(if fields == b"{" { b"\"" } else { b",\"" });
    escape_into(field.as_bytes(), out);
    // Writing to memory does not fail.
    write!(out, "\":\"{at}\"}}").unwrap_or_default();
    Some(pool.seal_kept(open, FrameType::Text))
}

#[cfg(test)]
mod tests;
