//! The error event a sender gets:
//! `{"event":"error","payload":{"code":..,"message":..,"event":..}}`.
//!
//! Called by `shard::closing` for every reject that is not silenced.

use crate::envelope::text::escape_into;
use crate::reject::Reject;
use crate::settings::WireNames;

/// Writes the reply. `event` is the refused event's name as it stood in the message: the inside of
/// a JSON string, escaped already; empty where there was none.
pub(super) fn write_error(
    out: &mut Vec<u8>,
    names: &WireNames,
    reply_event: &str,
    reject: Reject,
    event: &[u8],
) {
    out.extend_from_slice(b"{\"");
    escape_into(names.event.as_bytes(), out);
    out.extend_from_slice(b"\":\"");
    escape_into(reply_event.as_bytes(), out);
    out.extend_from_slice(b"\",\"");
    escape_into(names.payload.as_bytes(), out);
    out.extend_from_slice(b"\":{\"code\":\"");
    out.extend_from_slice(reject.code().as_bytes());
    out.extend_from_slice(b"\",\"message\":\"");
    out.extend_from_slice(reject.message().as_bytes());
    out.extend_from_slice(b"\",\"event\":");
    match event {
        b"" => out.extend_from_slice(b"null"),
        event => {
            out.push(b'"');
            out.extend_from_slice(event);
            out.push(b'"');
        }
    }
    out.extend_from_slice(b"}}");
}
