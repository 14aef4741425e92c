//! The options of a history of rooms, and what only shows beside others: it has to fit an outbox.
//!
//! Invariants: behind `settle` each class's rule is whole (`settings::HistoryRule`), or a finding
//! refuses the file. Called through `rooms::OPTIONS`, `options::KEYS` and `resolve`.

use super::super::codes::Code;
use super::super::diagnostic::{Diagnostic, Findings};
use super::super::yaml::Entry;
use super::draft::Draft;
use super::entries::Put;
use super::pattern;
use super::registry::Effect::Live;
use super::registry::{Key, Kind, in_range, key};
use super::rooms::RoomOption;
use super::value::{self, Problem};
use crate::settings::{HistoryRule, RoomClass};

/// Messages one room may keep; an outbox bounds it further.
const SIZE_MAX: u64 = 1 << 19;

const DAY_NS: u64 = 86_400_000_000_000;

pub const MEMORY: Key = key(
    "server.limits.history",
    "64MiB",
    Live,
    Kind::Size(1 << 16..=1 << 40, |d, n| d.settings.server.limits.history_bytes_max = n as usize),
    "Bytes that one shard keeps for histories of rooms. Beyond it rooms that nobody is in lose \
     theirs first, the longest left one first; then the room with the newest message its oldest \
     ones.",
);

pub const SIZE: RoomOption = RoomOption {
    path: "history.size",
    takes: "a number",
    default: "0",
    doc: "How many messages such a room keeps for those who join; 0 keeps none. See \
          [language.md](language.md#history).",
    put: Put::One(|class, text| {
        class.history.size = in_range(value::count(text)?, 0..=SIZE_MAX)? as u32;
        Ok(())
    }),
};

pub const TTL: RoomOption = RoomOption {
    path: "history.ttl",
    takes: "a duration, 1s to 24h",
    default: "10m",
    doc: "How long each is kept, and how long a room's history outlives its last member.",
    put: Put::One(|class, text| {
        let ttl_ns = value::duration(text)?;
        if !(1_000_000_000..=DAY_NS).contains(&ttl_ns) {
            let problem = Problem::new(Code::OutOfRange, format!("`{text}` is out of range"));
            return Err(problem.help("1s to 24h: it is kept in memory"));
        }
        class.history.ttl_ns = ttl_ns;
        Ok(())
    }),
};

pub const BYTES: RoomOption = RoomOption {
    path: "history.maxBytes",
    takes: "a size",
    default: "",
    doc: "How many bytes they take at most; the oldest go first (`historyCutBytes`). Without it \
          half of `transport.outbox.bytes`, which is also the most: somebody who joins gets them \
          at once.",
    put: Put::One(|class, text| {
        class.history.bytes_max = in_range(value::size(text)?, 1_024..=1 << 32)? as usize;
        Ok(())
    }),
};

pub const RECOVER: RoomOption = RoomOption {
    path: "history.recover",
    takes: "`true` or `false`",
    default: "true",
    doc: "Whether who joins may say the last place it saw (`join: { room, since }`) and gets what \
          it missed.",
    put: Put::One(|class, text| {
        class.history.recover = value::switch(text)?;
        Ok(())
    }),
};

pub const REPLAY: RoomOption = RoomOption {
    path: "history.replay",
    takes: "a number",
    default: "0",
    doc: "How many of the last messages somebody gets who joins without a place, or whose place is \
          not known any more.",
    put: Put::One(|class, text| {
        class.history.replay = in_range(value::count(text)?, 0..=SIZE_MAX)? as u32;
        Ok(())
    }),
};

/// Completes the rules of the classes, and says what does not fit.
pub fn settle(draft: &mut Draft, section: Option<&Entry>, findings: &mut Findings) {
    let transport = &draft.settings.transport;
    let (bytes, frames) = (transport.outbox_bytes_max / 2, transport.outbox_frames_max / 2);
    let raw = draft.raw;
    for class in draft.settings.rooms.iter_mut().filter(|class| class.history.keeps()) {
        if class.history.bytes_max == 0 {
            class.history.bytes_max = bytes;
        }
        let Some((code, message, help)) = misfit(&class.history, raw, bytes, frames) else {
            continue;
        };
        let entry = section.and_then(|section| entry_of(section, class));
        let finding = Diagnostic::new(code, message).help(help);
        let finding = entry
            .into_iter()
            .fold(finding, |one, entry| one.label(entry.key_span, "the history of these rooms"));
        findings.push(finding);
    }
}

/// What is wrong with a rule, and the way out.
fn misfit(
    rule: &HistoryRule,
    raw: bool,
    bytes_max: usize,
    frames_max: usize,
) -> Option<(Code, String, &'static str)> {
    let over = |what: String| {
        let message = format!("a history of {what}");
        let help = "whoever joins gets it at once: keep less, or raise `transport.outbox`";
        Some((Code::HistoryTooLarge, message, help))
    };
    match rule {
        _ if raw => {
            let help = "a message says its place in a field: `protocol: json`";
            Some((Code::HistoryOfRaw, "a history of opaque messages".into(), help))
        }
        // The notice of the join goes along.
        rule if rule.size as usize >= frames_max => {
            over(format!("{} messages, where half of an outbox is {frames_max}", rule.size))
        }
        rule if rule.bytes_max > bytes_max => {
            over(format!("{} bytes, where half of an outbox is {bytes_max}", rule.bytes_max))
        }
        rule if rule.replay > rule.size => {
            let message = format!("{} messages of a history of {}", rule.replay, rule.size);
            Some((Code::OutOfRange, message, "`replay` is at most `size`"))
        }
        _ => None,
    }
}

fn entry_of<'e>(section: &'e Entry, class: &RoomClass) -> Option<&'e Entry> {
    let entries = section.value.as_map()?;
    entries.iter().find(|entry| pattern::parts(&entry.key).is_ok_and(|it| it == class.pattern))
}
