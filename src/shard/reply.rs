//! The error event a sender gets:
//! `{"event":"error","payload":{"code":..,"message":..,"event":..}}`, and `"retryAfterMs":..` where
//! a limit refused.
//!
//! Called by `shard::closing` for every reject that is not silenced.

use std::io::Write;

use crate::envelope::text::escape_into;
use crate::reject::Reject;
use crate::settings::WireNames;

const NS_PER_MS: u64 = 1_000_000;

/// What a sender is told of its event.
pub(super) struct Refused<'e> {
    pub reject: Reject,
    /// The event's name as it stood in the message: the inside of a JSON string, escaped already;
    /// empty where there was none.
    pub event: &'e [u8],
    /// Of a limit: when the event would pass.
    pub retry_ns: Option<u64>,
}

/// Writes the reply.
pub(super) fn write_error(
    out: &mut Vec<u8>,
    names: &WireNames,
    reply_event: &str,
    refused: &Refused<'_>,
) {
    out.extend_from_slice(b"{\"");
    escape_into(names.event.as_bytes(), out);
    out.extend_from_slice(b"\":\"");
    escape_into(reply_event.as_bytes(), out);
    out.extend_from_slice(b"\",\"");
    escape_into(names.payload.as_bytes(), out);
    out.extend_from_slice(b"\":{\"code\":\"");
    out.extend_from_slice(refused.reject.code().as_bytes());
    out.extend_from_slice(b"\",\"message\":\"");
    out.extend_from_slice(refused.reject.message().as_bytes());
    out.extend_from_slice(b"\",\"event\":");
    match refused.event {
        b"" => out.extend_from_slice(b"null"),
        event => {
            out.push(b'"');
            out.extend_from_slice(event);
            out.push(b'"');
        }
    }
    if let Some(retry_ns) = refused.retry_ns {
        // Writing to memory does not fail.
        write!(out, ",\"retryAfterMs\":{}", retry_ns.div_ceil(NS_PER_MS)).unwrap_or_default();
    }
    out.extend_from_slice(b"}}");
}
