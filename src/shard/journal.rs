//! What a shard tells the monitor: how each connection stands, and what happens.
//!
//! ```text
//! happening (a message ran, a room was joined) -> told at once, a bounded number a second
//! connection opened, renamed, active, closed   -> noted; told in rounds, the latest state only
//! ```
//!
//! Invariants: nothing here waits: what finds the channel full or its budget spent is counted
//! (`untold`), and a connection's state is told in a later round instead, so that records and
//! counts become right again after a flood. Without a monitor every call is one branch. A closed
//! connection's state stays until it was told or its slot is used again, which tells as much.
//! Called by `turn`, `hooks`, `seating`, `refusing`, `variables`; heard by `control::monitor`.

use std::borrow::Cow;
use std::sync::Arc;

use crossbeam_channel::Sender;

use super::Shard;
use crate::clock::Now;
use crate::ids::{ConnKey, EventId, ShardId};
use crate::pipeline::program::Program;
use crate::reject::Reject;
use crate::settings::Monitor;
use crate::state::rooms::Rooms;

/// Notes that wait for the monitor, of all shards together.
pub const NOTES_WAITING_MAX: usize = 8_192;

/// Happenings one shard tells a second.
pub const HAPPENINGS_PER_S: u32 = 1_000;

/// Connections one shard tells of in one round.
const CONNS_PER_ROUND: usize = 512;

/// Nanoseconds between two rounds, and between two looks for the largest rooms.
const ROUND_NS: u64 = 200_000_000;
const ROOMS_NS: u64 = 1_000_000_000;

/// Rooms that are told of, and rooms that are looked at for them.
pub const ROOMS_TOLD: usize = 64;
const ROOMS_LOOKED_AT: usize = 16_384;

/// Bytes of a payload and of a name that are told.
pub const PAYLOAD_BYTES_MAX: usize = 4_096;
const NAME_CHARS_MAX: usize = 64;

/// Something for the monitor.
#[derive(Clone, Debug)]
pub enum Note {
    Conn(Standing),
    Happened(Happening),
    /// The largest of the shard's rooms, and how many there are.
    Rooms {
        shard: ShardId,
        all: usize,
        largest: Vec<(Arc<str>, u32)>,
    },
}

/// How a connection stands.
#[derive(Clone, Debug)]
pub struct Standing {
    pub conn: ConnKey,
    pub open: bool,
    pub opened_ms: u64,
    pub active_ms: u64,
    /// What it sent of the event that counts as messages.
    pub messages: u32,
    pub name: Arc<str>,
}

#[derive(Clone, Debug)]
pub struct Happening {
    pub at_ms: u64,
    pub conn: ConnKey,
    pub name: Arc<str>,
    pub what: What,
}

#[derive(Clone, Debug)]
pub enum What {
    Opened,
    Closed {
        reason: Box<str>,
    },
    Joined {
        room: Arc<str>,
    },
    Left {
        room: Arc<str>,
    },
    /// A message ran this event; the payload of messages as it came, where it is not too long.
    Ran {
        event: EventId,
        payload: Option<Box<[u8]>>,
    },
    Refused {
        why: Reject,
    },
}

/// The shard's end; off unless there is a monitor.
#[derive(Debug, Default)]
pub struct Journal {
    line: Option<Box<Line>>,
}

#[derive(Debug)]
struct Line {
    sender: Sender<Note>,
    /// The event that counts as messages, and the variable that is a connection's name.
    message: Option<EventId>,
    name: Option<u8>,
    slots: Vec<Slot>,
    /// Slots whose state is to be told.
    changed: Vec<u32>,
    rooms_changed: bool,
    round_ns: u64,
    rooms_ns: u64,
    /// The second that `told` counts.
    second: u64,
    told: u32,
}

#[derive(Debug)]
struct Slot {
    standing: Standing,
    changed: bool,
}

impl Journal {
    pub fn new(sender: Sender<Note>) -> Journal {
        Journal {
            line: Some(Box::new(Line {
                sender,
                message: None,
                name: None,
                slots: Vec::new(),
                changed: Vec::new(),
                rooms_changed: false,
                round_ns: 0,
                rooms_ns: 0,
                second: 0,
                told: 0,
            })),
        }
    }

    #[inline]
    pub fn is_on(&self) -> bool {
        self.line.is_some()
    }

    /// Looks the names up that the options say.
    pub fn follow(&mut self, monitor: &Monitor, program: &Program) {
        let Some(line) = &mut self.line else { return };
        line.message = program.lookup(monitor.message.as_bytes());
        let place = |name: &String| {
            program.conn_variables.iter().position(|variable| *variable.name == **name)
        };
        line.name = monitor.username.as_ref().and_then(place).map(|place| place as u8);
    }

    /// When `tell_round` wants to be called.
    pub fn next_ns(&self) -> Option<u64> {
        let line = self.line.as_ref()?;
        let round = (!line.changed.is_empty()).then_some(line.round_ns);
        let rooms = line.rooms_changed.then_some(line.rooms_ns);
        [round, rooms].into_iter().flatten().min()
    }

    /// Whether a variable is what connections are called by.
    #[inline]
    fn names_by(&self, variable: u8) -> bool {
        self.line.as_ref().is_some_and(|line| line.name == Some(variable))
    }

    pub fn rooms_changed(&mut self) {
        if let Some(line) = &mut self.line {
            line.rooms_changed = true;
        }
    }

    /// Tells of connections that have changed, and of the largest rooms, where that is due.
    pub fn tell_round(&mut self, shard: ShardId, now: Now, rooms: &Rooms) {
        let Some(line) = &mut self.line else { return };
        if !line.changed.is_empty() && line.round_ns <= now.mono_ns {
            line.tell_conns();
            line.round_ns = now.mono_ns + ROUND_NS;
        }
        if line.rooms_changed && line.rooms_ns <= now.mono_ns {
            let largest = largest(rooms);
            let note = Note::Rooms { shard, all: rooms.len(), largest };
            line.rooms_changed = line.sender.try_send(note).is_err();
            line.rooms_ns = now.mono_ns + ROOMS_NS;
        }
    }
}

impl Line {
    /// The slot of a connection that is open; it is told in the next round.
    fn touch(&mut self, slot: u32) -> Option<&mut Standing> {
        let one = self.slots.get_mut(slot as usize).filter(|one| one.standing.open)?;
        if !std::mem::replace(&mut one.changed, true) {
            self.changed.push(slot);
        }
        Some(&mut one.standing)
    }

    fn open(&mut self, conn: ConnKey, now: Now, name: Arc<str>) {
        let (opened_ms, active_ms) = (now.unix_ms, now.unix_ms);
        let standing = Standing { conn, open: true, opened_ms, active_ms, messages: 0, name };
        let place = conn.index as usize;
        while self.slots.len() <= place {
            let nobody = Standing { open: false, ..standing.clone() };
            self.slots.push(Slot { standing: nobody, changed: false });
        }
        self.slots[place].standing = standing;
        self.touch(conn.index);
    }

    /// Tells of the connections that changed, as far as a round goes.
    fn tell_conns(&mut self) {
        for _ in 0..CONNS_PER_ROUND {
            let Some(slot) = self.changed.pop() else { return };
            let Some(one) = self.slots.get_mut(slot as usize) else { continue };
            if self.sender.try_send(Note::Conn(one.standing.clone())).is_err() {
                return self.changed.push(slot);
            }
            one.changed = false;
        }
    }

    /// Whether one more happening may be told this second.
    fn may_tell(&mut self, now: Now) -> bool {
        let second = now.mono_ns / 1_000_000_000;
        if self.second != second {
            (self.second, self.told) = (second, 0);
        }
        self.told += 1;
        self.told <= HAPPENINGS_PER_S
    }

    fn name(&self, slot: u32) -> Option<(ConnKey, Arc<str>)> {
        let standing = &self.slots.get(slot as usize)?.standing;
        Some((standing.conn, Arc::clone(&standing.name)))
    }

    /// Tells of a happening; false where that was too much.
    fn tell(&mut self, slot: u32, now: Now, what: impl FnOnce() -> What) -> bool {
        if !self.may_tell(now) {
            return false;
        }
        let Some((conn, name)) = self.name(slot) else { return true };
        let happening = Happening { at_ms: now.unix_ms, conn, name, what: what() };
        self.sender.try_send(Note::Happened(happening)).is_ok()
    }
}

/// The rooms with the most members here, the largest first.
fn largest(rooms: &Rooms) -> Vec<(Arc<str>, u32)> {
    let mut all: Vec<(&Arc<str>, u32)> = rooms
        .iter()
        .take(ROOMS_LOOKED_AT)
        .map(|(_, room)| (&room.name, room.members.len() as u32))
        .collect();
    let by_members = |one: &(&Arc<str>, u32)| std::cmp::Reverse(one.1);
    if all.len() > ROOMS_TOLD {
        all.select_nth_unstable_by_key(ROOMS_TOLD, by_members);
        all.truncate(ROOMS_TOLD);
    }
    all.sort_unstable_by_key(by_members);
    all.into_iter().map(|(name, members)| (Arc::clone(name), members)).collect()
}

/// A variable's value as a name: the text of a string, anything else as it is written.
fn name_of(value: &[u8]) -> Arc<str> {
    let text = serde_json::from_slice::<Cow<'_, str>>(value);
    let text = text.unwrap_or_else(|_| String::from_utf8_lossy(value));
    let end = text.char_indices().nth(NAME_CHARS_MAX).map_or(text.len(), |(place, _)| place);
    text[..end].into()
}

impl Shard {
    /// Tells a monitor from now on.
    pub fn keep_journal(&mut self, sender: Sender<Note>) {
        self.journal = Journal::new(sender);
        self.journal.follow(&self.engine.settings.monitor, &self.engine.program);
    }

    /// Whether somebody wants to know how long turns take.
    pub fn is_watched(&self) -> bool {
        self.journal.is_on()
    }

    fn happened(&mut self, slot: u32, what: impl FnOnce() -> What) {
        let now = self.now;
        let Some(line) = &mut self.journal.line else { return };
        self.counters.happenings.add(1);
        if !line.tell(slot, now, what) {
            self.counters.untold.add(1);
        }
    }

    /// A connection is open.
    pub(super) fn note_opened(&mut self, slot: u32) {
        if !self.journal.is_on() {
            return;
        }
        let (Some(key), Some(user)) = (self.conns.key(slot), self.user_of(slot)) else { return };
        let now = self.now;
        if let Some(line) = &mut self.journal.line {
            let name = match line.name {
                Some(place) => default_name(&self.engine.program, place),
                None => user,
            };
            line.open(key, now, name);
        }
        self.happened(slot, || What::Opened);
    }

    /// A connection ends; told once.
    pub(super) fn note_closed(&mut self, slot: u32, reason: &str) {
        let Some(line) = &mut self.journal.line else { return };
        let Some(standing) = line.touch(slot) else { return };
        standing.open = false;
        self.counters.ended.add(1);
        self.happened(slot, || What::Closed { reason: reason.into() });
    }

    /// A message ran its event.
    #[inline]
    pub(super) fn note_ran(&mut self, slot: u32, event: EventId, payload: &[u8]) {
        if self.journal.is_on() {
            self.note_ran_on(slot, event, payload);
        }
    }

    fn note_ran_on(&mut self, slot: u32, event: EventId, payload: &[u8]) {
        let now_ms = self.now.unix_ms;
        let Some(line) = &mut self.journal.line else { return };
        let counts = line.message == Some(event);
        if let Some(standing) = line.touch(slot) {
            standing.active_ms = now_ms;
            standing.messages += u32::from(counts);
        }
        let kept = counts && payload.len() <= PAYLOAD_BYTES_MAX;
        self.happened(slot, || What::Ran { event, payload: kept.then(|| payload.into()) });
    }

    /// A message, or a part of what it asked for, was refused.
    #[inline]
    pub(super) fn note_refused(&mut self, slot: u32, why: Reject) {
        if self.journal.is_on() {
            self.happened(slot, || What::Refused { why });
        }
    }

    /// A connection has entered or left a room.
    pub(super) fn note_moved(&mut self, slot: u32, room: u32, joined: bool) {
        if !self.journal.is_on() {
            return;
        }
        self.journal.rooms_changed();
        let Some(room) = self.rooms.get(room).map(|room| Arc::clone(&room.name)) else { return };
        self.happened(slot, || match joined {
            true => What::Joined { room },
            false => What::Left { room },
        });
    }

    /// A connection's variable has another value.
    #[inline]
    pub(super) fn note_variable(&mut self, slot: u32, variable: u8, value: &str) {
        if self.journal.names_by(variable)
            && let Some(standing) = self.journal.line.as_mut().and_then(|line| line.touch(slot))
        {
            standing.name = name_of(value.as_bytes());
        }
    }
}

/// What connections are called before their variable is set.
fn default_name(program: &Program, place: u8) -> Arc<str> {
    let variable = program.conn_variables.get(usize::from(place));
    match variable.map(|variable| &*variable.default) {
        None | Some(b"null") => "".into(),
        Some(default) => name_of(default),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crossbeam_channel::{Receiver, bounded};

    const NOW: Now = Now { mono_ns: 5_000_000_000, unix_ms: 1_704_110_400_000 };

    fn journal(capacity: usize) -> (Journal, Receiver<Note>) {
        let (sender, receiver) = bounded(capacity);
        (Journal::new(sender), receiver)
    }

    fn conn(index: u32, generation: u32) -> ConnKey {
        ConnKey { shard: ShardId(0), index, generation }
    }

    fn round(journal: &mut Journal, at: u64) {
        let now = NOW.plus_ns(at * ROUND_NS);
        journal.tell_round(ShardId(0), now, &Rooms::default());
    }

    fn told(receiver: &Receiver<Note>) -> Vec<(u32, bool)> {
        let conns = receiver.try_iter().filter_map(|note| match note {
            Note::Conn(standing) => Some((standing.conn.generation, standing.open)),
            _ => None,
        });
        conns.collect()
    }

    #[test]
    fn a_second_tells_so_many_happenings_and_the_next_tells_again() {
        let (mut journal, receiver) = journal(NOTES_WAITING_MAX);
        let line = journal.line.as_mut().unwrap();
        line.open(conn(0, 1), NOW, "ada".into());
        let mut tell = |now| (0..1_500).filter(|_| line.tell(0, now, || What::Opened)).count();
        assert_eq!(tell(NOW), HAPPENINGS_PER_S as usize);
        assert_eq!(tell(NOW.plus_ns(1_000_000_000)), HAPPENINGS_PER_S as usize);
        assert_eq!(receiver.len(), 2 * HAPPENINGS_PER_S as usize);
    }

    #[test]
    fn the_latest_state_of_a_connection_is_told_once_a_round() {
        let (mut journal, receiver) = journal(64);
        assert_eq!(journal.next_ns(), None);
        let line = journal.line.as_mut().unwrap();
        line.open(conn(3, 1), NOW, "ada".into());
        line.touch(3).unwrap().messages += 1;
        line.touch(3).unwrap().open = false;
        assert!(line.touch(3).is_none() && line.touch(2).is_none() && line.touch(9).is_none());
        // Its slot is used again before anybody was told.
        line.open(conn(3, 2), NOW, "bob".into());
        assert!(journal.next_ns().is_some());
        round(&mut journal, 1);
        assert_eq!((told(&receiver), journal.next_ns()), (vec![(2, true)], None));
        journal.line.as_mut().unwrap().touch(3).unwrap().open = false;
        round(&mut journal, 1);
        assert_eq!(told(&receiver), []);
        round(&mut journal, 2);
        assert_eq!(told(&receiver), [(2, false)]);
    }

    #[test]
    fn what_finds_the_channel_full_is_told_in_a_later_round() {
        let (mut journal, receiver) = journal(2);
        let line = journal.line.as_mut().unwrap();
        (0..5).for_each(|index| line.open(conn(index, index), NOW, "ada".into()));
        let mut all = Vec::new();
        for at in 1..=3 {
            round(&mut journal, at);
            all.extend(told(&receiver).into_iter().map(|(generation, _)| generation));
        }
        all.sort_unstable();
        assert_eq!((all, journal.next_ns()), (vec![0, 1, 2, 3, 4], None));
    }

    #[test]
    fn names_are_the_text_of_a_string_cut_at_a_character() {
        assert_eq!(&*name_of(br#""a\"b\u00e9""#), "a\"b\u{e9}");
        assert_eq!(&*name_of(b"17"), "17");
        let long = format!("\"{}\"", "\u{e9}".repeat(100));
        assert_eq!(name_of(long.as_bytes()).chars().count(), NAME_CHARS_MAX);
    }
}
