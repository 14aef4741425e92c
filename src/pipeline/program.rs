//! A compiled configuration: events, code, constants, projections, limits, permissions.
//!
//! Invariants: immutable after `verify`; shared by every shard through one `Arc`.

use std::collections::HashMap;

use super::op::Op;
use crate::envelope::Projection;
use crate::ids::EventId;

/// A place in a configuration file, for run-time errors and `explain`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Site {
    /// 1-based.
    pub line: u32,
    /// 1-based, in characters.
    pub column: u32,
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
    pub site: Site,
}

/// A compiled configuration.
#[derive(Clone, Debug, Default)]
pub struct Program {
    /// The file the sites speak of.
    pub file: Box<str>,
    pub events: Vec<Event>,
    /// Exact event names; `lookup` falls back to lower case.
    pub names: HashMap<Box<str>, EventId, foldhash::fast::RandomState>,
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
