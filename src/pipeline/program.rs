//! A compiled configuration: events, code, constants, projections, limits, permissions.
//!
//! Invariants: immutable after `verify`; shared by every shard through one `Arc`.

use std::collections::HashMap;
use std::sync::Arc;

use super::lineage::Lineage;
use super::op::Op;
use super::pattern::Pattern;
use crate::backend::Method;
use crate::envelope::text::decode_short;
use crate::envelope::{Projection, Shape};
use crate::ids::{BackendId, EventId, LimitId, PermissionId};
use crate::limits::{LIST_ELEMENTS_MAX, NAME_BYTES_MAX, RUN_WORK_MAX};
use crate::settings::Handler;
use crate::state::limits::Rate;

/// A place in a configuration, for run-time errors and `explain`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Site {
    /// 1-based.
    pub line: u32,
    /// 1-based, in characters; `u16::MAX` for whatever lies farther to the right.
    pub column: u16,
    /// Which of `Program::files`.
    pub file: u16,
}

/// A rate limit of an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LimitSpec {
    pub event: EventId,
    /// What it is called in logs; may be empty.
    pub name: Box<str>,
    /// What its key is made of, as the file says it; empty where the scope says it all.
    pub key: Box<str>,
    pub rate: Rate,
    pub scope: Scope,
    pub on_exceed: OnExceed,
    pub site: Site,
}

/// Where a limit is counted, by what its key is made of. A limit that is asked with a text
/// (`LimitKey`) counts each text apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// With the user: exact over all of its connections. The text is the rest of the key.
    User,
    /// With the connection. The text is the rest of the key.
    Conn,
    /// At the room's home. The text begins with the room's name, which a `KEY_SEPARATOR` ends where
    /// more follows.
    Room,
    /// At the home of the whole text.
    Text,
}

/// What stands between the parts of a limit's key; no user, room or event name has it.
pub const KEY_SEPARATOR: u8 = 0;

/// What becomes of a message that a limit refused; its connection goes on unless it is closed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnExceed {
    /// The sender is told, and when to try again.
    #[default]
    Error,
    /// Nobody is told; it is counted.
    Drop,
    /// The connection is closed (`Disconnect::RateLimited`).
    Close,
}

impl LimitSpec {
    /// So many events a window from each user (go-dispatch's `rate_limit`).
    pub fn of_user(event: EventId, rate: Rate, site: Site) -> LimitSpec {
        let (name, on_exceed) = (Box::default(), OnExceed::Error);
        LimitSpec { event, name, key: Box::default(), rate, scope: Scope::User, on_exceed, site }
    }
}

/// One event's pipeline: `code[entry..end]`, whose last operation is `End`.
#[derive(Clone, Debug, Default, PartialEq)]
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
    /// What the payload must be; then the slots are filled by its check.
    pub shape: Option<Shape>,
    /// The claims are those that the connection came with.
    pub session_claims: bool,
}

/// A rule that a message must satisfy.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rule {
    pub name: Box<str>,
    /// The event that it is a rule of; set by the builder.
    pub event: EventId,
    pub site: Site,
    /// Evaluated, counted and logged, and never in the way.
    pub shadow: bool,
    /// What the sender is told in place of the usual sentence.
    pub error: Option<Box<str>>,
}

/// How a frame is sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct How {
    pub except: Option<Except>,
    /// Left out for connections that are behind with reading.
    pub volatile: bool,
    /// Of the frames with one key only the last of this many nanoseconds is sent; 0 is all.
    pub conflate_ns: u64,
}

/// Who does not get a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Except {
    /// The connection the message came from.
    Origin,
    /// Every connection of its user.
    User,
}

/// A variable of `state`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct VariableSpec {
    pub name: Box<str>,
    /// Its type, in the notation of schemas.
    pub kind: Box<str>,
    /// JSON text of its value before it is set.
    pub default: Box<[u8]>,
}

/// A request to a backend, as a step says it; what differs from run to run is in registers.
#[derive(Clone, Debug, PartialEq)]
pub struct CallSpec {
    pub backend: BackendId,
    pub method: Method,
    /// Names of its own headers, in lower case.
    pub headers: Vec<Box<str>>,
    pub has_body: bool,
    /// What the body of a good answer must be.
    pub returns: Option<Arc<Shape>>,
    /// Shorter than the backend's own.
    pub timeout_ns: Option<u64>,
    /// How long an answer may be used again.
    pub cache_ttl_ns: Option<u64>,
    pub is_idempotent: bool,
    /// Value registers that are kept while the run waits.
    pub keeps: u8,
    /// Where it fails the run goes on, and the register of the error says why.
    pub handles: bool,
}

impl CallSpec {
    /// Text registers that it reads, the first ones.
    pub fn texts(&self) -> usize {
        let further = [self.has_body, self.cache_ttl_ns.is_some(), self.is_idempotent];
        1 + self.headers.len() + further.into_iter().filter(|there| *there).count()
    }
}

/// What runs without a message that names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hook {
    /// `lifecycle.message` of the raw protocol.
    Message,
    Connect,
    Disconnect,
    Join,
    Leave,
    Resume,
    /// Writes the reply to a refused event.
    Error,
}

/// How many kinds of hooks there are.
pub const HOOKS: usize = 7;

impl Hook {
    /// Those that stand under `lifecycle`, as a connection meets them.
    pub const OF_LIFECYCLE: [Hook; 6] =
        [Hook::Connect, Hook::Resume, Hook::Message, Hook::Join, Hook::Leave, Hook::Disconnect];
}

/// What the program says of a class of rooms.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RoomRules {
    /// Runs before a user or connection is let in.
    pub join: Option<EventId>,
}

/// A step as the configuration has it, once however often it is put in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WrittenStep {
    /// May be empty.
    pub name: Box<str>,
    pub from: Site,
    /// Its last character, or behind it.
    pub to: Site,
    /// Where its operations begin, behind its condition, at each place where it was put in.
    pub begins: Vec<u32>,
}

/// An answer to an HTTP request; the control plane looks it up and gives it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    pub path: Box<str>,
    pub method: Method,
    pub answer: RouteAnswer,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RouteAnswer {
    Handler(Handler),
    Page(Page),
}

/// A page that a run writes: its frames are the body, and then the values of the headers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    pub run: EventId,
    pub status: u16,
    pub kind: PageKind,
    /// Their names, in lower case.
    pub headers: Vec<Box<str>>,
}

/// What the first frame of a page is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PageKind {
    Json,
    Text,
    /// Where to go instead; there is no body.
    Redirect,
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
    /// By `RuleId`.
    pub rules: Vec<Rule>,
    /// By `PatternId`.
    pub patterns: Vec<Pattern>,
    /// Declared permissions, by `PermissionId`.
    pub permissions: Vec<Box<str>>,
    /// `lifecycle.message` of the raw protocol.
    pub on_message: Option<EventId>,
    /// By `Hook as usize`; that of `Message` is `on_message`.
    pub hooks: [Option<EventId>; HOOKS],
    /// Operations whose refusal goes on behind them, outer ones last.
    pub lenient: Vec<std::ops::Range<u32>>,
    pub hows: Vec<How>,
    pub metrics: Vec<Box<str>>,
    pub calls: Vec<CallSpec>,
    pub conn_variables: Vec<VariableSpec>,
    pub user_variables: Vec<VariableSpec>,
    /// By `RoomClassId`; shorter where the classes at the end have no rules.
    pub rooms: Vec<RoomRules>,
    /// Roles and the permissions they stand for.
    pub roles: Vec<(Box<str>, Vec<PermissionId>)>,
    /// `http.routes`, in the file's order.
    pub routes: Vec<Route>,
    /// Something reads the claims that a connection came with.
    pub keeps_claims: bool,
    pub steps: Vec<WrittenStep>,
    /// What it has from the programs before it.
    pub lineage: Lineage,
}

impl Program {
    /// The event of this name, the inside of a JSON string: exactly, then lower-cased (ASCII), then
    /// both without escapes. No event has a backslash in its name, so nothing is taken for another.
    pub fn lookup(&self, name: &[u8]) -> Option<EventId> {
        if name.len() > NAME_BYTES_MAX {
            return self.lookup_otherwise(name);
        }
        let exact = self.names.get(name).copied();
        exact.or_else(|| self.lookup_otherwise(name))
    }

    /// Off the usual path, and still without an allocation.
    #[cold]
    fn lookup_otherwise(&self, name: &[u8]) -> Option<EventId> {
        if !name.contains(&b'\\') {
            return self.lookup_lower_case(name);
        }
        let mut room = [0; NAME_BYTES_MAX];
        let name = decode_short(name, &mut room)?;
        let exact = self.names.get(name).copied();
        exact.or_else(|| self.lookup_lower_case(name))
    }

    fn lookup_lower_case(&self, name: &[u8]) -> Option<EventId> {
        let mut buf = [0; NAME_BYTES_MAX];
        let lower = buf.get_mut(..name.len())?;
        lower.copy_from_slice(name);
        lower.make_ascii_lowercase();
        self.names.get(&*lower).copied()
    }

    pub fn hook(&self, hook: Hook) -> Option<EventId> {
        match hook {
            Hook::Message => self.on_message,
            _ => self.hooks.get(hook as usize).copied().flatten(),
        }
    }

    /// Whether messages can name the event.
    pub fn is_named(&self, id: EventId) -> bool {
        self.event(id).is_some_and(|event| self.names.get(event.name.as_bytes()) == Some(&id))
    }

    /// Events that no message can name.
    pub fn unnamed(&self) -> usize {
        let hooks = self.hooks.iter().flatten().count() + usize::from(self.on_message.is_some());
        let joins = self.rooms.iter().filter(|rules| rules.join.is_some()).count();
        hooks + joins + self.pages().count()
    }

    /// The routes that a run answers.
    pub fn pages(&self) -> impl Iterator<Item = &Page> {
        self.routes.iter().filter_map(|route| match &route.answer {
            RouteAnswer::Page(page) => Some(page),
            RouteAnswer::Handler(_) => None,
        })
    }

    pub fn limit(&self, limit: LimitId) -> Option<&LimitSpec> {
        self.limits.get(usize::from(limit.0))
    }

    /// The limits of the file that have names, by their ids.
    pub fn named_limits(&self) -> impl Iterator<Item = (LimitId, &LimitSpec)> {
        let limits = self.limits.iter().enumerate();
        let named = limits
            .filter(|(place, spec)| !spec.name.is_empty() && !self.lineage.is_retired(*place));
        named.map(|(place, spec)| (LimitId(place as u16), spec))
    }

    /// Whether anything is counted with users.
    pub fn limits_users(&self) -> bool {
        let users = self.limits.iter().enumerate().filter(|(_, limit)| limit.scope == Scope::User);
        users.map(|(place, _)| place).any(|place| !self.lineage.is_retired(place))
    }

    /// Whether an operation belongs to an event that no message can name.
    pub fn is_hook_at(&self, at: u32) -> bool {
        let events = self.hooks.iter().flatten().filter_map(|hook| self.event(*hook));
        events.into_iter().any(|event| (event.entry..event.end).contains(&at))
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

    /// Operations that one run of the event may take: there are no back edges, and what a loop
    /// holds is run for each of at most so many elements, as long as the run has work left: each
    /// operation of a loop takes some.
    pub fn steps_max(&self, event: &Event) -> u64 {
        let code = self.code_of(event);
        let mut ends: Vec<usize> = Vec::new();
        let (mut plain, mut looped) = (0u64, 0u64);
        for (at, op) in code.iter().enumerate() {
            ends.retain(|end| *end > at);
            match ends.len() {
                0 => plain += 1,
                depth => {
                    let times = (LIST_ELEMENTS_MAX as u64).saturating_pow(depth as u32);
                    looped = looped.saturating_add(times);
                }
            }
            if let Op::Each { body, .. } = op {
                ends.push(at + 1 + usize::from(body.0));
            }
        }
        plain + looped.min(RUN_WORK_MAX as u64)
    }

    /// The event that the operation at this place belongs to.
    pub fn event_at(&self, at: u32) -> Option<&Event> {
        self.event_id_at(at).and_then(|event| self.event(event))
    }

    pub fn event_id_at(&self, at: u32) -> Option<EventId> {
        let place = self.events.partition_point(|event| event.end <= at);
        let event = self.events.get(place).filter(|event| event.entry <= at);
        event.map(|_| EventId(place as u16))
    }

    /// The name of the innermost step around a place; empty where none has one.
    pub fn step_name(&self, site: Site) -> &str {
        let at = |site: Site| (site.line, site.column);
        let around = |step: &&WrittenStep| {
            let here = (at(step.from)..=at(step.to)).contains(&at(site));
            here && step.from.file == site.file && !step.name.is_empty()
        };
        let inner = self.steps.iter().filter(around).max_by_key(|step| at(step.from));
        inner.map_or("", |step| &step.name)
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
    fn escapes_in_a_name_mean_what_they_mean_in_json() {
        let program = named(&["chat/join", "caf\u{e9}", "say \"hi\"", "Ping", "an"]);
        for (name, found) in [
            (r"chat\/join", Some(0)),
            (r"caf\u00e9", Some(1)),
            (r#"say \"hi\""#, Some(2)),
            (r"\u0050ing", Some(3)),
            (r"PIN\u0047", None),
            (r"\u0041N", Some(4)),
            (r"a\n", None),
            (r"\", None),
        ] {
            assert_eq!(program.lookup(name.as_bytes()), found.map(EventId), "{name}");
        }
        let long = r"\u0061".repeat(NAME_BYTES_MAX);
        assert_eq!(named(&[&"a".repeat(NAME_BYTES_MAX)]).lookup(long.as_bytes()), Some(EventId(0)));
        assert_eq!(program.lookup((long + "a").as_bytes()), None);
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
