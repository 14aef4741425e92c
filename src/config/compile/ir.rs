//! Typed steps with their places, between the file's spelling and the bytecode.
//!
//! Invariants: no step refers to a modifier, permission or path that does not exist.

use std::ops::Range;
use std::rc::Rc;

use super::super::expr::Checked;
use super::super::schema::Schema;
use super::super::source::{Source, Span};
use super::super::yaml::Places;
use crate::backend::Method;
use crate::ids::PermissionId;
use crate::pipeline::op::{CloseCode, Context, Form, Owner, To, ValueReg, VariableId};
use crate::pipeline::program::{
    CallSpec, Hook, How, OnExceed, PageKind, Rule, Scope, Site, VariableSpec,
};
use crate::settings::Handler;
use crate::state::limits::Rate;

/// A whole configuration's program.
#[derive(Debug, Default)]
pub struct Unit {
    pub permissions: Vec<String>,
    pub events: Vec<Pipeline>,
    pub on_message: Option<Pipeline>,
    pub hooks: Vec<(Hook, Pipeline)>,
    /// The class of rooms, and what runs before anybody is let in.
    pub room_joins: Vec<(usize, Pipeline)>,
    pub conn_variables: Vec<VariableSpec>,
    pub user_variables: Vec<VariableSpec>,
    pub roles: Vec<(String, Vec<PermissionId>)>,
    pub routes: Vec<Route>,
}

/// One of `http.routes`.
#[derive(Debug)]
pub struct Route {
    pub path: String,
    pub method: Method,
    pub answer: Answer,
}

/// What a route answers.
#[derive(Debug)]
pub enum Answer {
    Handler(Handler),
    /// The pipeline answers the body, then the value of each header.
    Page {
        pipeline: Pipeline,
        status: u16,
        kind: PageKind,
        headers: Vec<String>,
    },
}

/// One event's steps, modifiers first.
#[derive(Debug, Default)]
pub struct Pipeline {
    pub name: String,
    pub span: Span,
    pub steps: Vec<Step>,
    /// What the payload must be.
    pub schema: Option<Schema>,
    /// The native spelling: claims are those that the connection came with.
    pub native: bool,
    /// Value registers that the steps keep; temporary ones come behind.
    pub locals: u8,
}

/// One thing to do.
#[derive(Debug)]
pub struct Step {
    pub span: Span,
    /// It is done only where this is true.
    pub cond: Option<Expression>,
    /// Where it is refused, the steps behind it go on.
    pub lenient: bool,
    pub action: Action,
    /// What a step of the file is called, which may be nothing; `None` where it was made of
    /// something else that the file says.
    pub written: Option<String>,
}

impl Step {
    /// A step that is always done.
    pub fn made(span: Span, action: Action) -> Step {
        Step { span, cond: None, lenient: false, action, written: None }
    }

    /// The same as one of the file.
    pub fn written(self, name: &str) -> Step {
        Step { written: Some(name.to_owned()), ..self }
    }
}

/// An expression and the way from its text to the file.
#[derive(Clone, Debug)]
pub struct Expression {
    pub checked: Checked,
    pub places: Rc<Places>,
    /// For each byte of the expression's text the byte of the scalar, where they are not the same.
    pub from: Option<Rc<[usize]>>,
}

impl Expression {
    /// The place of a byte range of the expression.
    pub fn span_of(&self, source: &Source, range: Range<usize>) -> Span {
        let range = match &self.from {
            None => range,
            Some(from) => {
                let at = |at: usize| from.get(at).or(from.last()).copied().unwrap_or_default();
                at(range.start)..at(range.end.max(1) - 1) + 1
            }
        };
        self.places.span(source, range)
    }

    pub fn site(&self, source: &Source, range: Range<usize>) -> Site {
        source.site(self.span_of(source, range).start)
    }
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
        /// The last place that the client saw.
        since: Option<Template>,
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
    /// Asks a limit with any key.
    Count(Box<Counting>),
    /// An envelope to any receivers.
    Deliver(Box<Delivery>),
    /// Steps of a pipeline that was put in, or under one condition.
    Block(Vec<Step>),
    /// Keeps a value for the steps behind.
    Let {
        local: ValueReg,
        value: Expression,
    },
    /// Sets a variable, and the register that stands for it in this pipeline.
    Set {
        of: Owner,
        variable: VariableId,
        local: ValueReg,
        value: Expression,
    },
    Require {
        rule: Rule,
        when: Expression,
    },
    Metric {
        name: String,
        add: Expression,
    },
    Grant {
        user: Template,
        permission: PermissionId,
        held: bool,
    },
    CloseWith {
        code: CloseCode,
        reason: Template,
    },
    Call(Box<Calling>),
    /// The connection becomes a user's.
    Identify {
        user: Template,
        /// JSON; empty is none.
        claims: Template,
    },
    /// Ends the run.
    Stop,
}

/// A limit with any key.
#[derive(Debug)]
pub struct Counting {
    pub name: String,
    pub rate: Rate,
    pub scope: Scope,
    pub on_exceed: OnExceed,
    /// What is counted apart, beyond where it is counted.
    pub key: Option<Template>,
    /// The same as the file says it.
    pub per: String,
}

/// An envelope, who gets it, and how.
#[derive(Debug)]
pub struct Delivery {
    pub to: To,
    /// The name or names, where `to` has some.
    pub name: Option<Name>,
    pub how: How,
    /// What it conflates with.
    pub key: Option<Template>,
    /// JSON text, the event without its quotes.
    pub event: Template,
    pub payload: Template,
    /// The message's id goes along.
    pub echo: bool,
}

/// A request to a backend.
#[derive(Debug)]
pub struct Calling {
    pub spec: CallSpec,
    /// Target, headers, body, cache key, idempotency key, as far as there are any.
    pub texts: Vec<Template>,
    pub into: ValueReg,
    pub error: ValueReg,
    /// Done where it failed; then the run ends.
    pub failed: Option<Vec<Step>>,
}

/// Who is named.
#[derive(Debug)]
pub enum Name {
    Text(Template),
    /// A list of names.
    List(Expression),
}

/// Who gets an envelope.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recipient {
    Origin,
    /// The message's target: a room, or `user:ID`.
    Target,
}

/// Literal text with holes.
#[derive(Debug, Default)]
pub struct Template {
    pub parts: Vec<Part>,
}

/// A piece of a template.
#[derive(Debug)]
pub enum Part {
    Literal(String),
    Hole {
        value: Value,
        form: Form,
        span: Span,
    },
    /// `${...}`
    Put {
        value: Expression,
        form: Form,
    },
    /// A part of a URL.
    Escaped {
        value: Expression,
        is_segment: bool,
    },
    /// A comma, unless an object or list has just been opened.
    Comma,
    /// What begins a part of a URL's query.
    Mark,
    /// A name of a query (with `=`) and its value; both are left out where that is `omit`.
    Pair {
        name: String,
        value: Expression,
    },
    /// A key (JSON text) with its value; both are left out where that is `omit`.
    Member {
        key: String,
        value: Expression,
        /// Whether a comma comes before it is decided in a run.
        comma: bool,
    },
    /// The fields of an object.
    Spread(Expression),
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

    /// Appends a part of another template.
    pub fn push(&mut self, part: Part) {
        match part {
            Part::Literal(text) => self.literal(&text),
            part => self.parts.push(part),
        }
    }

    pub fn put(&mut self, value: Expression, form: Form) {
        self.parts.push(Part::Put { value, form });
    }

    /// What the holes read, in order.
    pub fn values(&self) -> impl Iterator<Item = (&Value, Span)> {
        self.parts.iter().filter_map(|part| match part {
            Part::Hole { value, span, .. } => Some((value, *span)),
            _ => None,
        })
    }
}

impl Action {
    /// The templates of a step, in the order they are written.
    pub fn templates(&self) -> Vec<&Template> {
        match self {
            Action::Join { user, room, .. } | Action::Leave { user, room } => vec![user, room],
            Action::Send { event, payload, .. } => vec![event, payload],
            Action::Reply(text) | Action::Log(text) => vec![text],
            _ => Vec::new(),
        }
    }

    /// Whether the step reads the message's target.
    pub fn needs_target(&self) -> bool {
        let to_target = match self {
            Action::Send { to, .. } => *to == Recipient::Target,
            Action::Deliver(delivery) => delivery.to == To::Target,
            _ => false,
        };
        to_target
            || self
                .templates()
                .iter()
                .any(|one| one.values().any(|(value, _)| *value == Value::Context(Context::Target)))
    }
}
