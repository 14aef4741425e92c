//! Bounds of one room, kept at its home, what is counted against them, and its history.
//!
//! Invariants: a room whose class has neither bounds nor a history keeps nothing of this, and its
//! messages look at nothing but that. Called by `shard::places`.

use std::collections::HashSet;
use std::sync::Arc;

use super::history::History;
use super::limits::{Meter, Rate, Verdict};
use crate::settings::RoomClass;

/// The bounds of one room, and what is counted against them.
#[derive(Debug, Default)]
pub struct Bounds {
    pub publish: Option<Rate>,
    meter: Meter,
    /// 0 is no bound.
    pub members_max: u32,
    pub members: HashSet<Arc<str>>,
    pub history: Option<History>,
}

impl Bounds {
    pub fn of(class: &RoomClass) -> Option<Box<Bounds>> {
        let RoomClass { publish, members_max, history, .. } = class;
        let history = History::of(*history);
        let bounded = publish.is_some() || *members_max > 0 || history.is_some();
        let publish = publish.map(|(events, window_ns)| Rate::fixed(events, window_ns));
        bounded.then(|| {
            Box::new(Bounds { publish, members_max: *members_max, history, ..Bounds::default() })
        })
    }

    /// Those of the class that the room has now, with what was counted for the same.
    pub fn again(old: Option<Box<Bounds>>, class: Option<&RoomClass>) -> Option<Box<Bounds>> {
        let mut next = class.and_then(Bounds::of)?;
        let Some(old) = old else { return Some(next) };
        if next.publish == old.publish {
            next.meter = old.meter;
        }
        if next.members_max > 0 {
            next.members = old.members;
        }
        if let (Some(rule), Some(history)) =
            (next.history.as_ref().map(|one| one.rule), old.history)
        {
            next.history = Some(history.ruled(rule));
        }
        Some(next)
    }

    /// Counts a message; false where it is one too many.
    pub fn take(&mut self, now_ns: u64) -> bool {
        self.publish.is_none_or(|rate| self.meter.take(&rate, now_ns) == Verdict::Pass)
    }
}
