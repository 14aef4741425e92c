//! Bounds of one room, kept at its home, and what is counted against them.
//!
//! Invariants: a room whose class has none keeps nothing of this. Called by `shard::places`.

use std::collections::HashSet;
use std::sync::Arc;

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
}

impl Bounds {
    pub fn of(class: &RoomClass) -> Option<Box<Bounds>> {
        let RoomClass { publish, members_max, .. } = class;
        let bounded = publish.is_some() || *members_max > 0;
        let publish = publish.map(|(events, window_ns)| Rate::fixed(events, window_ns));
        bounded
            .then(|| Box::new(Bounds { publish, members_max: *members_max, ..Bounds::default() }))
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
        Some(next)
    }

    /// Counts a message; false where it is one too many.
    pub fn take(&mut self, now_ns: u64) -> bool {
        self.publish.is_none_or(|rate| self.meter.take(&rate, now_ns) == Verdict::Pass)
    }
}
