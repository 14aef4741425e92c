//! `rooms.PATTERN.presence`: what members of a room hear of each other.
//!
//! Invariants: as `rooms`, whose options these are.

use super::super::codes::Code;
use super::entries::Put;
use super::rooms::RoomOption;
use super::value::{self, Problem};
use crate::limits::NAME_BYTES_MAX;

pub const ENABLED: RoomOption = RoomOption {
    path: "presence.enabled",
    takes: "`true` or `false`",
    default: "false",
    doc: "Members hear who is in, who joins and who leaves: whoever comes gets the list once, the \
          others what changed, gathered over a short window. See \
          [language.md](language.md#presence).",
    put: Put::One(|class, text| {
        class.presence.enabled = value::switch(text)?;
        Ok(())
    }),
};

pub const LEAVE_GRACE: RoomOption = RoomOption {
    path: "presence.leaveGrace",
    takes: "a duration",
    default: "15s",
    doc: "How long a user whose last connection in the room ended may take to come back before it \
          is told as left; coming back in time is told to nobody. `compat.leaveGrace` counts where \
          it is longer. A leave that a step asks for is told without it, and so is the end of a \
          member that cannot come back: a connection, or a user without a name of its own \
          (`auth.mode: none`). 0 is no grace.",
    put: Put::One(|class, text| {
        class.presence.leave_grace_ns = value::duration(text)?;
        Ok(())
    }),
};

pub const EVENT: RoomOption = RoomOption {
    path: "presence.event",
    takes: "a name",
    default: "presence",
    doc: "The event that tells of it. The configuration sends no other event of this name.",
    put: Put::One(|class, text| {
        if text.is_empty() || text.len() > NAME_BYTES_MAX || text.chars().any(char::is_control) {
            let problem = Problem::new(Code::BadValue, format!("`{text}` is no name of an event"));
            return Err(problem.help("1 to 255 bytes, without control characters"));
        }
        class.presence.event = text.to_owned();
        Ok(())
    }),
};
