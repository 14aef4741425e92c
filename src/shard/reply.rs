//! The error event a sender gets:
//! `{"event":"error","payload":{"code":..,"message":..,"event":..}}`, with the message's `id`,
//! and `"retryAfterMs":..` where a limit refused.
//!
//! Called by `refusing` for every reject that is not silenced.

use std::io::Write;

use super::subject::Subject;
use crate::envelope::text::escape_into;
use crate::pipeline::denial::{Denial, Refuser};
use crate::reject::Reject;
use crate::settings::WireNames;

/// What is told of a refusal; what does not apply is empty.
pub(super) struct ErrorParts<'p> {
    pub code: &'static str,
    pub message: &'p str,
    pub rule: &'p str,
    /// The field that does not fit; empty is the payload itself.
    pub field: Option<&'p str>,
    pub reason: &'p str,
    /// The room that somebody was taken out of.
    pub room: &'p str,
    pub place: &'p str,
    pub denial: &'p str,
    /// Of a limit: when the event would pass.
    pub retry_ns: Option<u64>,
}

/// The reply to a denial as clients get it in development, with words for what depends on the
/// message.
pub fn sample(names: &WireNames, reply_event: &str, denial: &Denial<'_>) -> String {
    let (id, event) = (denial.id(), denial.event);
    let is_misfit = denial.reject == Reject::InvalidPayload;
    let is_limit = denial.refuser == Refuser::Limit;
    let parts = ErrorParts {
        code: denial.reject.code(),
        message: denial.message,
        rule: denial.rule(),
        field: is_misfit.then_some("FIELD"),
        reason: "WHY",
        room: "",
        place: "",
        denial: id.as_str(),
        retry_ns: is_limit.then_some(NS_PER_MS),
    };
    let mut out = Vec::new();
    let subject = Subject { event: event.as_bytes(), ..Subject::NOTHING };
    write_error(&mut out, names, reply_event, &parts, subject);
    String::from_utf8_lossy(&out).into_owned()
}

const NS_PER_MS: u64 = 1_000_000;

/// Writes the reply; flat where `protocol.out.payload` is `.`.
pub(super) fn write_error(
    out: &mut Vec<u8>,
    names: &WireNames,
    reply_event: &str,
    parts: &ErrorParts<'_>,
    subject: Subject<'_>,
) {
    let flat = names.payload == ".";
    out.push(b'{');
    member(out, &names.event, reply_event);
    if !subject.id.is_empty() {
        out.extend_from_slice(b",\"");
        escape_into(names.id.as_bytes(), out);
        out.extend_from_slice(b"\":");
        out.extend_from_slice(subject.id);
    }
    out.extend_from_slice(b",");
    if !flat {
        out.push(b'"');
        escape_into(names.payload.as_bytes(), out);
        out.extend_from_slice(b"\":{");
    }
    body(out, parts, subject.event);
    out.extend_from_slice(if flat { b"}" } else { b"}}" });
}

fn body(out: &mut Vec<u8>, parts: &ErrorParts<'_>, event: &[u8]) {
    member(out, "code", parts.code);
    out.push(b',');
    member(out, "message", parts.message);
    // Beside a flat payload the event's name is the reply's own.
    out.extend_from_slice(b",\"event\":");
    match event {
        b"" => out.extend_from_slice(b"null"),
        event => {
            out.push(b'"');
            out.extend_from_slice(event);
            out.push(b'"');
        }
    }
    let details = [
        ("rule", Some(parts.rule).filter(|rule| !rule.is_empty())),
        ("field", parts.field),
        ("reason", parts.field.map(|_| parts.reason)),
        ("room", Some(parts.room).filter(|room| !room.is_empty())),
        ("at", Some(parts.place).filter(|place| !place.is_empty())),
        ("denial", Some(parts.denial).filter(|denial| !denial.is_empty())),
    ];
    for (name, text) in details {
        if let Some(text) = text {
            out.push(b',');
            member(out, name, text);
        }
    }
    if let Some(retry_ns) = parts.retry_ns {
        // Writing to memory does not fail.
        write!(out, ",\"retryAfterMs\":{}", retry_ns.div_ceil(NS_PER_MS)).unwrap_or_default();
    }
}

pub(super) fn member(out: &mut Vec<u8>, name: &str, text: &str) {
    out.push(b'"');
    escape_into(name.as_bytes(), out);
    out.extend_from_slice(b"\":\"");
    escape_into(text.as_bytes(), out);
    out.push(b'"');
}
