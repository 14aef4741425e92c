//! What a run asks the shard to do, in order.
//!
//! Invariants: texts are ranges of one arena that is cleared, not freed, between runs; frames are
//! encoded once and shared. Filled by the interpreter, drained by `shard::apply`.

use std::ops::Range;

use super::denial::By;
use super::op::{CloseCode, HowId, MetricId, Owner, To, VariableId};
use super::paused::Paused;
use crate::ids::PermissionId;
use crate::reject::Reject;
use crate::state::frames::FrameRef;

/// A text built by a run: a range of `Effects::arena`.
pub type Text = Range<u32>;

/// One effect. Where it may be refused, `at` is the place in the code that asked for it.
#[derive(Clone, Debug)]
pub enum Effect {
    Join {
        user: Text,
        room: Text,
        at: u32,
    },
    Leave {
        user: Text,
        room: Text,
        at: u32,
    },
    SendOrigin {
        frame: FrameRef,
    },
    SendUser {
        frame: FrameRef,
    },
    SendTarget {
        target: Text,
        frame: FrameRef,
        at: u32,
    },
    Log {
        text: Text,
        at: u32,
    },
    Close,
    /// To receivers of this kind; an empty name where the kind needs none.
    Send {
        to: To,
        how: HowId,
        name: Text,
        frame: FrameRef,
        at: u32,
    },
    /// What the next frame conflates with, or the place that the next join goes on from.
    Key {
        text: Text,
    },
    /// The value as JSON.
    Set {
        of: Owner,
        variable: VariableId,
        value: Text,
    },
    Metric {
        metric: MetricId,
        add: u32,
    },
    Grant {
        user: Text,
        permission: PermissionId,
        held: bool,
        at: u32,
    },
    CloseWith {
        code: CloseCode,
        reason: Text,
    },
    /// There is a place in the room; put in by the shard.
    Enter {
        user: Text,
        room: Text,
    },
    /// The connection joins a room that has a history, or names a place; put in by the shard.
    Arrive {
        room: Text,
        since: Option<Text>,
    },
    /// A join or leave of the connection is done; put in by the shard.
    Moved {
        room: Text,
        joined: bool,
    },
    /// Where the next effect is refused, the others go on.
    Lenient,
    /// The run waits for something; always the last of a run.
    Await(Box<Paused>),
}

impl Effect {
    /// Whether it is there for the effect before it.
    fn is_put_in(&self) -> bool {
        matches!(self, Effect::Enter { .. } | Effect::Arrive { .. } | Effect::Moved { .. })
    }
}

/// The effects of one run.
#[derive(Debug, Default)]
pub struct Effects {
    pub list: Vec<Effect>,
    /// UTF-8 text of every register closed in the run.
    pub arena: Vec<u8>,
    /// See `Effect::Key`.
    pub key: Option<Text>,
    /// Where the effect at hand is refused, the others go on.
    pub lenient: bool,
    /// What asked for the effect at hand, where it may be refused.
    pub at: u32,
    /// What ended the run.
    pub by: By,
    /// The message's id as JSON, as `event`.
    pub id: Text,
    /// What ended the run: told to the sender behind everything in `list`.
    pub refused: Option<Reject>,
    /// The event's name as the message spelled it; kept where the effects outlive their message.
    pub event: Text,
}

impl Effects {
    pub fn clear(&mut self) {
        self.list.clear();
        self.arena.clear();
        self.refused = None;
        self.event = 0..0;
        self.id = 0..0;
        (self.at, self.by) = (0, By::Nobody);
        (self.key, self.lenient) = (None, false);
    }

    /// The effect at hand was refused and the others go on: what the shard had put in for it goes.
    pub fn pass_over(&mut self) {
        while self.list.last().is_some_and(|last| last.is_put_in()) {
            self.list.pop();
        }
        (self.key, self.lenient) = (None, false);
    }

    /// The effect at hand is done; one that it put in belongs to it.
    pub fn done(&mut self, effect_is_mark: bool) {
        let belongs = |last: &Effect| matches!(last, Effect::Enter { .. } | Effect::Arrive { .. });
        let goes_on = effect_is_mark || self.list.last().is_some_and(belongs);
        self.lenient &= goes_on;
    }

    /// Copies the event's name (escaped, as in the message) and the id before the message goes.
    pub fn keep_subject(&mut self, event: &[u8], id: &[u8]) {
        self.event = self.keep(event);
        self.id = self.keep(id);
    }

    fn keep(&mut self, bytes: &[u8]) -> Text {
        let start = self.arena.len() as u32;
        self.arena.extend_from_slice(bytes);
        start..self.arena.len() as u32
    }

    /// The text of a range made by this run.
    pub fn text(&self, range: &Text) -> &str {
        let bytes = self.arena.get(range.start as usize..range.end as usize).unwrap_or_default();
        std::str::from_utf8(bytes).unwrap_or_default()
    }
}
