//! The event that begins what a connection gets of a room's history:
//! `{"event":"history","payload":{"room":..,"messages":2,"recovered":true},"position":".."}`.
//!
//! Invariants: so many messages follow it, then whatever is new; `position` is the place before the
//! first of them, so whoever notes the position of whatever came last never notes one ahead of what
//! it has; `recovered` is there where a place was said. Called by `arriving`.

use std::io::Write;

use super::reply::member;
use crate::settings::WireNames;
use crate::state::history::Position;

/// The event's name.
const EVENT: &str = "history";

/// What is told.
pub(super) struct Notice<'n> {
    pub room: &'n str,
    pub position: Option<Position>,
    pub recovered: Option<bool>,
    pub messages: usize,
}

/// Writes the event; flat where `protocol.out.payload` is `.`.
pub(super) fn write_notice(out: &mut Vec<u8>, names: &WireNames, notice: &Notice<'_>) {
    let flat = names.payload == ".";
    out.push(b'{');
    member(out, &names.event, EVENT);
    out.push(b',');
    if !flat {
        out.push(b'"');
        crate::envelope::text::escape_into(names.payload.as_bytes(), out);
        out.extend_from_slice(b"\":{");
    }
    member(out, "room", notice.room);
    // Writing to memory does not fail.
    write!(out, ",\"messages\":{}", notice.messages).unwrap_or_default();
    if let Some(recovered) = notice.recovered {
        write!(out, ",\"recovered\":{recovered}").unwrap_or_default();
    }
    out.extend_from_slice(if flat { b"" } else { b"}" });
    if let Some(position) = notice.position {
        out.push(b',');
        member(out, &names.position, &position.to_string());
    }
    out.push(b'}');
}
