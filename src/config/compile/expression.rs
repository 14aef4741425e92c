//! `${...}` in the steps of the raw protocol.
//!
//! Invariants: the set of names is closed. Called by `on_message`; the full expression language
//! will take this place.

use super::super::codes::Code;
use super::super::diagnostic::Diagnostic;
use super::calls::{Param, Scope};
use super::ir::{Template, Value};
use crate::pipeline::op::{Context, Form};

/// Where a text is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Use {
    /// An answer: may hold the message.
    Reply,
    /// A line of the log: the message may be binary, so it may not.
    Log,
}

/// Compiles a text with `${...}`.
pub fn text(param: &Param<'_>, used: Use, scope: &mut Scope<'_>) -> Template {
    let text = param.text();
    let mut template = Template::default();
    let mut from = 0;
    while let Some(open) = text[from..].find("${").map(|at| from + at) {
        template.literal(&text[from..open]);
        let close = text[open..].find('}').map(|at| open + at);
        let end = close.map_or(text.len(), |at| at + 1);
        let name = text[open + 2..close.unwrap_or(text.len())].trim();
        let span = param.place(scope.source, open..end);
        match value(name, used).filter(|_| close.is_some()) {
            Some(value) => template.hole(value, Form::Text, span),
            None => scope.findings.push(unknown(name, used).label(span, "no such value here")),
        }
        from = end;
    }
    template.literal(&text[from..]);
    template
}

fn value(name: &str, used: Use) -> Option<Value> {
    match name {
        "msg" if used == Use::Reply => Some(Value::Message),
        "user.id" => Some(Value::Context(Context::UserId)),
        "conn.id" => Some(Value::Context(Context::ConnId)),
        _ => None,
    }
}

fn unknown(name: &str, used: Use) -> Diagnostic {
    let valid: &[&str] = match used {
        Use::Reply => &["msg", "user.id", "conn.id"],
        Use::Log => &["user.id", "conn.id"],
    };
    Diagnostic::new(Code::UnknownExpression, format!("unknown expression `${{{name}}}`"))
        .suggest(name, valid.iter().copied())
}
