//! `protocol`, `errors`, `compat`: how messages look, and who is told what.
//!
//! A part of the table of options.

use super::super::draft::Draft;
use super::super::registry::Effect::Live;
use super::super::registry::{Key, Kind, key};

/// The name of an envelope's field.
const fn wire(
    path: &'static str,
    default: &'static str,
    put: fn(&mut Draft, String),
    doc: &'static str,
) -> Key {
    key(path, default, Live, Kind::Text(put), doc)
}

pub(super) const KEYS: &[Key] = &[
    key(
        "protocol",
        "json",
        Live,
        Kind::Choice(&["json", "raw"], |d, n| d.raw = n == 1),
        "`json`: envelopes with an event; `raw`: opaque messages for `lifecycle.message`. \
         Or a map with the names below.",
    ),
    wire(
        "protocol.in.event",
        "event",
        |d, text| d.incoming.event = text,
        "Field of a received message that names the event.",
    ),
    wire(
        "protocol.in.target",
        "target",
        |d, text| d.incoming.target = text,
        "Field with the room or `user:ID`.",
    ),
    wire(
        "protocol.in.payload",
        "payload",
        |d, text| d.incoming.payload = text,
        "Field with the payload; `.` is the message itself.",
    ),
    wire(
        "protocol.in.id",
        "id",
        |d, text| d.incoming.id = text,
        "Field with the message's id, which comes back on its error.",
    ),
    wire(
        "protocol.out.event",
        "event",
        |d, text| d.outgoing.event = text,
        "The same for messages sent.",
    ),
    wire(
        "protocol.out.target",
        "target",
        |d, text| d.outgoing.target = text,
        "The same for messages sent.",
    ),
    wire(
        "protocol.out.payload",
        "payload",
        |d, text| d.outgoing.payload = text,
        "The same for messages sent.",
    ),
    wire("protocol.out.id", "id", |d, text| d.outgoing.id = text, "The same for messages sent."),
    wire(
        "protocol.out.position",
        "position",
        |d, text| d.outgoing.position = text,
        "Field of a message sent to a room with a history: where it stands in the room's order.",
    ),
    key(
        "errors.reply",
        "sender",
        Live,
        Kind::Choice(&["sender", "none"], |d, n| d.settings.errors.reply = n == 0),
        "Who is told when an event is refused.",
    ),
    key(
        "errors.reply.event",
        "",
        Live,
        Kind::Text(|d, text| d.settings.errors.event = text),
        "Another name of `errors.event`.",
    ),
    key(
        "errors.reply.payload",
        "",
        Live,
        Kind::Program("data with `${error.message}` and the like"),
        "The payload of that reply; see the language reference.",
    ),
    key(
        "errors.event",
        "error",
        Live,
        Kind::Text(|d, text| d.settings.errors.event = text),
        "The event's name of that reply.",
    ),
    key(
        "errors.denials",
        "dev",
        Live,
        Kind::Choice(&["dev", "always"], |d, n| d.settings.errors.denials = n == 1),
        "When that reply says the denial's id, for `shardwire explain`: with `serve --dev`, or \
         always. The id is a checksum of names and a line; it shows neither.",
    ),
    key(
        "compat.notifyOrigin",
        "origin",
        Live,
        Kind::Choice(&["origin", "user"], |d, n| d.settings.compat.notify_origin_user = n == 1),
        "Whom `_notify_origin` reaches: the connection, or every connection \
         of its user as in the Go original.",
    ),
    key(
        "compat.leaveGrace",
        "0s",
        Live,
        Kind::Duration(|d, ns| d.settings.compat.leave_grace_ns = ns),
        "How long a user stays in its rooms after its last connection.",
    ),
];
