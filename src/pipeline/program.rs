//! A compiled configuration: events, code, constants, projections, limits, permissions.
//!
//! Invariants: immutable after `verify`; shared by every shard through one `Arc`.

use std::collections::HashMap;

use super::op::Op;
use crate::envelope::Projection;
use crate::ids::EventId;
use crate::limits::NAME_BYTES_MAX;

/// A place in a configuration, for run-time errors and `explain`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Site {
    /// 1-based.
    pub line: u32,
    /// 1-based, in characters; `u16::MAX` for whatever lies farther to the right.
    pub column: u16,
    /// Which of `Program::files`.
    pub file: u16,
}

/// A fixed-window rate limit, per user and event (`10/m`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LimitSpec {
    pub event: EventId,
    /// Events that pass in one window.
    pub events_max: u32,
    /// The window, from the first event that passes.
    pub window_ns: u64,
    pub site: Site,
}

/// One event's pipeline: `code[entry..end]`, whose last operation is `End`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Event {
    pub name: Box<str>,
    pub entry: u32,
    pub end: u32,
    /// What the pipeline reads from the payload.
    pub payload: Projection,
    /// What the pipeline reads from verified claims.
    pub claims: Projection,
    /// The payload slot of `payload.token`, where the pipeline has `Secure`.
    pub token_slot: Option<u8>,
    pub site: Site,
}

/// A compiled configuration.
#[derive(Clone, Debug, Default)]
pub struct Program {
    /// The files the sites speak of; the first is the one that was asked for.
    pub files: Vec<Box<str>>,
    pub events: Vec<Event>,
    /// Exact event names; `lookup` falls back to lower case. Bytes, so that a name from a message
    /// is looked up as it stands there; the keys are the configuration's, so no seed is needed.
    pub names: HashMap<Box<[u8]>, EventId, foldhash::fast::FixedState>,
    pub code: Vec<Op>,
    /// One per operation of `code`: where it comes from.
    pub sites: Vec<Site>,
    pub consts: Vec<Box<[u8]>>,
    pub limits: Vec<LimitSpec>,
    /// Declared permissions, by `PermissionId`.
    pub permissions: Vec<Box<str>>,
    /// `lifecycle.message` of the raw protocol.
    pub on_message: Option<EventId>,
}

impl Program {
    /// The event of this name (decoded text): exactly, then lower-cased (ASCII).
    pub fn lookup(&self, name: &[u8]) -> Option<EventId> {
        if name.len() > NAME_BYTES_MAX {
            return None;
        }
        let exact = self.names.get(name).copied();
        exact.or_else(|| self.lookup_lower_case(name))
    }

    /// Off the usual path, and still without an allocation.
    #[cold]
    fn lookup_lower_case(&self, name: &[u8]) -> Option<EventId> {
        let mut buf = [0; NAME_BYTES_MAX];
        let lower = buf.get_mut(..name.len())?;
        lower.copy_from_slice(name);
        lower.make_ascii_lowercase();
        self.names.get(&*lower).copied()
    }

    pub fn event(&self, event: EventId) -> Option<&Event> {
        self.events.get(usize::from(event.0))
    }

    /// An event's operations, `End` included; empty where the range is not in the code.
    pub fn code_of(&self, event: &Event) -> &[Op] {
        self.code.get(event.entry as usize..event.end as usize).unwrap_or_default()
    }

    /// The name of a site's file.
    pub fn file(&self, site: Site) -> &str {
        self.files.get(usize::from(site.file)).map_or("", |name| name)
    }

    /// The place an operation comes from.
    pub fn site(&self, at: usize) -> Site {
        self.sites.get(at).copied().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(names: &[&str]) -> Program {
        let names = names.iter().enumerate();
        let names = names.map(|(id, name)| (name.as_bytes().into(), EventId(id as u16))).collect();
        Program { names, ..Program::default() }
    }

    #[test]
    fn a_name_is_matched_exactly_before_its_lower_case() {
        let program = named(&["join", "Join", "send_message"]);
        assert_eq!(program.lookup(b"Join"), Some(EventId(1)));
        assert_eq!(program.lookup(b"JOIN"), Some(EventId(0)));
        assert_eq!(program.lookup(b"Send_Message"), Some(EventId(2)));
        assert_eq!(program.lookup(b"other"), None);
    }

    #[test]
    fn hostile_names_find_nothing() {
        let program = named(&["", "join"]);
        assert_eq!(program.lookup(&[b'a'; NAME_BYTES_MAX + 1]), None);
        assert_eq!(program.lookup(&[b'A'; NAME_BYTES_MAX]), None);
        assert_eq!(program.lookup(b"\xffjoin"), None);
        assert_eq!(program.lookup(b""), Some(EventId(0)));
    }
}
