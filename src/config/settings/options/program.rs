//! What the program is made of: rows that the compiler reads itself.
//!
//! A part of the table of options.

use super::super::registry::Effect::{Live, New};
use super::super::registry::{Key, Kind, hook, key};

pub(super) const KEYS: &[Key] = &[
    key(
        "rooms",
        "",
        Live,
        Kind::Rooms,
        "Options of rooms by their names; see [Rooms](#rooms-by-name).",
    ),
    key(
        "backends",
        "",
        Live,
        Kind::Backends,
        "HTTP services that steps may call; see [Backends](#backends-by-name).",
    ),
    key(
        "permissions",
        "",
        Live,
        Kind::Program("a list of names"),
        "The permissions that the modifier `permission` may ask for.",
    ),
    key(
        "events",
        "",
        Live,
        Kind::Program("a map of events"),
        "What to do with each event; see the language reference.",
    ),
    key(
        "tests",
        "",
        Live,
        Kind::Program("a list of tests"),
        "What `shardwire test` tries; a server does not read it. See docs/testing.md.",
    ),
    key(
        "lifecycle.message",
        "",
        Live,
        Kind::Program("a list of steps"),
        "What to do with each message of the raw protocol.",
    ),
    hook("lifecycle.connect", "What to do when a connection opens, before its first message."),
    hook(
        "lifecycle.disconnect",
        "What to do when a connection ends; its variables can still be read.",
    ),
    hook("lifecycle.join", "What to do when a connection has joined a room."),
    hook("lifecycle.leave", "What to do when a connection has left a room."),
    hook("lifecycle.resume", "What to do when a connection goes on with an earlier one's session."),
    key(
        "pipelines",
        "",
        Live,
        Kind::Program("a map of pipelines"),
        "Steps that several events use; see the language reference.",
    ),
    key(
        "state.conn",
        "",
        Live,
        Kind::Program("a map of variables"),
        "Variables of each connection, with their types.",
    ),
    key(
        "state.user",
        "",
        Live,
        Kind::Program("a map of variables"),
        "Variables of each user, the same on all its connections.",
    ),
    key(
        "roles",
        "",
        New,
        Kind::Program("a map from roles to lists of permissions"),
        "Permissions of users whose token has the claim `role` (a name) or `roles` (a list).",
    ),
];
