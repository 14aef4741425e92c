//! Typed steps with their places, between the file's spelling and the bytecode.
//!
//! Invariants: no step refers to a modifier, permission or path that does not exist.

use super::super::source::Span;
use crate::ids::PermissionId;
use crate::pipeline::op::{Context, Form};

/// A whole configuration's program.
#[derive(Debug, Default)]
pub struct Unit {
    pub permissions: Vec<String>,
    pub events: Vec<Pipeline>,
    pub on_message: Option<Pipeline>,
}

/// One event's steps, modifiers first.
#[derive(Debug)]
pub struct Pipeline {
    pub name: String,
    pub span: Span,
    pub steps: Vec<Step>,
}

/// One thing to do.
#[derive(Debug)]
pub struct Step {
    pub span: Span,
    pub action: Action,
}

/// What a step does.
#[derive(Debug)]
pub enum Action {
    Limit {
        events_max: u32,
        window_ns: u64,
    },
    Secure,
    Permit(Vec<PermissionId>),
    Join {
        user: Template,
        room: Template,
    },
    Leave {
        user: Template,
        room: Template,
    },
    /// An envelope; both templates are JSON text, the event without its quotes.
    Send {
        to: Recipient,
        event: Template,
        payload: Template,
    },
    /// The raw protocol's answer, of the kind that was received.
    Reply(Template),
    Log(Template),
    Close,
}

/// Who gets an envelope.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recipient {
    Origin,
    /// The message's target: a room, or `user:ID`.
    Target,
}

/// Literal text with holes.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Template {
    pub parts: Vec<Part>,
}

/// A piece of a template.
#[derive(Debug, PartialEq, Eq)]
pub enum Part {
    Literal(String),
    Hole { value: Value, form: Form, span: Span },
}

/// What a hole reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    Context(Context),
    Payload(Vec<String>),
    Claims(Vec<String>),
    /// The message as received.
    Message,
}

impl Template {
    /// Appends literal text to the last part, or a new one.
    pub fn literal(&mut self, text: &str) {
        if text.is_empty() {
            return;
        }
        match self.parts.last_mut() {
            Some(Part::Literal(last)) => last.push_str(text),
            _ => self.parts.push(Part::Literal(text.into())),
        }
    }

    pub fn hole(&mut self, value: Value, form: Form, span: Span) {
        self.parts.push(Part::Hole { value, form, span });
    }

    /// The text, where there are no holes.
    pub fn as_literal(&self) -> Option<&str> {
        match self.parts.as_slice() {
            [] => Some(""),
            [Part::Literal(text)] => Some(text),
            _ => None,
        }
    }

    /// What the holes read, in order.
    pub fn values(&self) -> impl Iterator<Item = (&Value, Span)> {
        self.parts.iter().filter_map(|part| match part {
            Part::Hole { value, span, .. } => Some((value, *span)),
            Part::Literal(_) => None,
        })
    }
}

impl Action {
    /// The templates of a step, in the order they are written.
    pub fn templates(&self) -> Vec<&Template> {
        match self {
            Action::Join { user, room } | Action::Leave { user, room } => vec![user, room],
            Action::Send { event, payload, .. } => vec![event, payload],
            Action::Reply(text) | Action::Log(text) => vec![text],
            Action::Limit { .. } | Action::Secure | Action::Permit(_) | Action::Close => Vec::new(),
        }
    }

    /// Whether the step reads the message's target.
    pub fn needs_target(&self) -> bool {
        matches!(self, Action::Send { to: Recipient::Target, .. })
            || self
                .templates()
                .iter()
                .any(|one| one.values().any(|(value, _)| *value == Value::Context(Context::Target)))
    }
}
