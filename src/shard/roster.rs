//! What members hear of a room's presence, as JSON:
//! `{"event":"presence","payload":{"room":..,"members":[..],"count":..}}` for who comes, and
//! `"joined":[..],"left":[..]` in place of `members` for the others; `"more":..` says how many
//! names were left out.
//!
//! Called by `presence`.

use std::io::Write;
use std::sync::Arc;

use super::reply::{close_payload, member, open_payload};
use crate::envelope::text::escape_into;
use crate::limits::PRESENCE_NAMES_BYTES_MAX;
use crate::settings::WireNames;
use crate::state::attendance::{Attendance, named_bytes};

/// What is told of a room.
pub(super) struct Part<'p> {
    pub room: &'p str,
    pub presence: &'p Attendance,
    pub told: Told<'p>,
}

pub(super) enum Told<'p> {
    /// Who is in.
    Members,
    /// Who joined and who left.
    Changes(&'p [Arc<str>], &'p [Arc<str>]),
    /// That so many did.
    Unnamed(usize),
}

/// Writes the message; returns how many names it leaves out.
pub(super) fn write(out: &mut Vec<u8>, names: &WireNames, part: Part<'_>) -> usize {
    let Part { room, presence, told } = part;
    open_payload(out, names, &presence.options.event, &[]);
    member(out, "room", room);
    let more = match told {
        Told::Members => presence.count() - list(out, "members", presence.names()),
        Told::Changes(joined, left) => {
            list(out, "joined", joined.iter());
            list(out, "left", left.iter());
            0
        }
        Told::Unnamed(unnamed) => {
            list(out, "joined", [].iter());
            list(out, "left", [].iter());
            unnamed
        }
    };
    number(out, "count", presence.count());
    if more > 0 {
        number(out, "more", more);
    }
    close_payload(out, names);
    more
}

/// A list of as many names as fit; returns how many they are.
fn list<'n>(out: &mut Vec<u8>, key: &str, names: impl Iterator<Item = &'n Arc<str>>) -> usize {
    out.extend_from_slice(b",\"");
    out.extend_from_slice(key.as_bytes());
    out.extend_from_slice(b"\":[");
    let mut bytes = 0;
    let mut fitting = 0;
    for name in names {
        bytes += named_bytes(name);
        if bytes > PRESENCE_NAMES_BYTES_MAX {
            break;
        }
        out.extend_from_slice(if fitting == 0 { b"\"" } else { b",\"" });
        escape_into(name.as_bytes(), out);
        out.push(b'"');
        fitting += 1;
    }
    out.push(b']');
    fitting
}

fn number(out: &mut Vec<u8>, key: &str, number: usize) {
    // Writing to memory does not fail.
    write!(out, ",\"{key}\":{number}").unwrap_or_default();
}
