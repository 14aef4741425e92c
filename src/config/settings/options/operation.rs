//! `http`, `drain`, `log`: pages, the end, and what is written down.
//!
//! A part of the table of options.

use super::super::http;
use super::super::registry::Effect::{Live, Restart};
use super::super::registry::{Key, Kind, key};
use crate::settings::LogFormat;

pub(super) const KEYS: &[Key] = &[
    http::ROUTES,
    http::STATIC,
    http::KEEP_ALIVE,
    http::CORS_ORIGINS,
    http::CORS_METHODS,
    http::CORS_HEADERS,
    http::CORS_EXPOSE,
    http::CORS_CREDENTIALS,
    http::CORS_MAX_AGE,
    http::METRICS_ACCESS,
    http::METRICS_TOKEN,
    key(
        "drain.over",
        "5s",
        Live,
        Kind::Duration(|d, ns| d.settings.drain.over_ns = ns),
        "Time over which connections are closed at shutdown.",
    ),
    key(
        "drain.deadline",
        "30s",
        Live,
        Kind::Duration(|d, ns| d.settings.drain.deadline_ns = ns),
        "Time after which the process ends in any case.",
    ),
    key(
        "log.level",
        "info",
        Live,
        Kind::Text(|d, text| d.settings.log.level = text),
        "A level, or a filter such as `info,shardwire=debug`.",
    ),
    key(
        "log.format",
        "auto",
        Restart,
        Kind::Choice(&["auto", "pretty", "json"], |d, n| {
            d.settings.log.format = [LogFormat::Auto, LogFormat::Pretty, LogFormat::Json][n];
        }),
        "`auto` is pretty on a terminal and JSON elsewhere.",
    ),
];
