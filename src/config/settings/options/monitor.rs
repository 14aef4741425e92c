//! `monitor`: the dashboard and who may see it.
//!
//! A part of the table of options.

use super::super::monitor::{set_fields, set_username};
use super::super::registry::Effect::{Live, Restart};
use super::super::registry::{Key, Kind, key};
use crate::settings::MonitorAccess;

pub(super) const KEYS: &[Key] = &[
    key(
        "monitor.enabled",
        "false",
        Restart,
        Kind::Switch(|d, on| d.settings.monitor.enabled = on),
        "Keep what the status, the monitoring answer and the dashboard show; docs/monitor.md. \
         `serve --dev` does.",
    ),
    key(
        "monitor.access",
        "token",
        Live,
        Kind::Choice(&["public", "token", "loopback"], |d, n| {
            d.settings.monitor.access =
                [MonitorAccess::Public, MonitorAccess::Token, MonitorAccess::Loopback][n];
        }),
        "Who may see the monitor and its pages: everybody, whoever shows `monitor.token`, or \
         requests from this machine.",
    ),
    key(
        "monitor.token",
        "",
        Live,
        Kind::Secret(|d, m| d.monitor_token = Some(m)),
        "What `access: token` asks for, 16 bytes or more. Keep it out of the file: use the \
         environment.",
    ),
    key(
        "monitor.message",
        "message",
        Live,
        Kind::Text(|d, text| d.settings.monitor.message = text),
        "The event that counts as a message.",
    ),
    key(
        "monitor.username",
        "",
        Live,
        Kind::Texts("a variable of connections, such as `conn.name`", set_username),
        "What is shown as the name of a connection; without it the user's id.",
    ),
    key(
        "monitor.fields",
        "[username, text, price]",
        Live,
        Kind::Texts("names of fields", set_fields),
        "Fields of a message's payload that recent messages show.",
    ),
    key(
        "monitor.messages",
        "100",
        Live,
        Kind::Count(0..=10_000, |d, n| d.settings.monitor.messages_max = n as usize),
        "Messages that are remembered.",
    ),
    key(
        "monitor.events",
        "500",
        Live,
        Kind::Count(0..=10_000, |d, n| d.settings.monitor.events_max = n as usize),
        "Events that are remembered.",
    ),
    key(
        "monitor.connections",
        "10000",
        Live,
        Kind::Count(0..=1_000_000, |d, n| d.settings.monitor.connections_max = n as usize),
        "Connections that are listed one by one; all are counted.",
    ),
];
