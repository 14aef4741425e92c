//! `auth`: who it is that connects.
//!
//! A part of the table of options.

use super::super::registry::Effect::{Live, New};
use super::super::registry::{Key, Kind, key, older};
use super::super::special::{ALGORITHM_NAMES, ALGORITHMS, SOURCES, set_sources};
use crate::settings::AuthMode;

pub(super) const KEYS: &[Key] = &[
    key(
        "auth.mode",
        "jwt",
        New,
        Kind::Choice(&["jwt", "none", "message"], |d, n| {
            d.settings.auth.mode = [AuthMode::Jwt, AuthMode::None, AuthMode::Message][n]
        }),
        "`jwt` demands a valid token before the upgrade; `none` lets everybody \
         in, each connection its own user; `message` does so too, and the event `auth.event` says \
         later whose the connection is, with the step `identify`.",
    ),
    key(
        "auth.event",
        "auth",
        Live,
        Kind::Text(|d, text| d.settings.auth.event = text),
        "With `mode: message`: the event that leads to `identify`. Before, no other is accepted \
         but `ping`.",
    ),
    key(
        "auth.deadline",
        "10s",
        New,
        Kind::Wait(|d, ns| d.settings.auth.deadline_ns = ns),
        "With `mode: message`: how long a connection may take to say whose it is before it is \
         closed (4504).",
    ),
    key(
        "auth.algorithms",
        "HS256",
        New,
        Kind::Choices(&ALGORITHM_NAMES, |d, all| {
            d.algorithms = all.into_iter().map(|n| ALGORITHMS[n].1).collect()
        }),
        "Accepted signature algorithms; a token with another one is refused.",
    ),
    older(
        "auth.algorithm",
        "auth.algorithms",
        New,
        Kind::Choice(&ALGORITHM_NAMES, |d, n| d.algorithms = vec![ALGORITHMS[n].1]),
        "The same, for a single algorithm.",
    ),
    key(
        "auth.secret",
        "",
        New,
        Kind::Secret(|d, m| d.secret = Some(m)),
        "HMAC secret. Keep it out of the file: use the environment.",
    ),
    older(
        "server.auth.jwtSecret",
        "auth.secret",
        New,
        Kind::Secret(|d, m| d.secret = Some(m)),
        "The Go original's name of `auth.secret`.",
    ),
    key(
        "auth.publicKey",
        "",
        New,
        Kind::Secret(|d, m| d.public_key = Some(m)),
        "PEM public key for the RS, PS, ES and EdDSA algorithms.",
    ),
    key(
        "auth.keys",
        "",
        New,
        Kind::Keys,
        "Several keys, for rotation: a list of `{kid, algorithm, secret | publicKey}`.",
    ),
    key(
        "auth.cookie",
        "session-token",
        New,
        Kind::Text(|d, text| d.settings.auth.cookie = text),
        "Name of the cookie with the token.",
    ),
    key(
        "auth.sources",
        "[cookie, bearer, subprotocol, query]",
        New,
        Kind::Choices(SOURCES, set_sources),
        "Where a token may come from.",
    ),
    older(
        "auth.tokenFrom",
        "auth.sources",
        New,
        Kind::Choices(SOURCES, set_sources),
        "Another name of `auth.sources`.",
    ),
    key(
        "auth.issuer",
        "",
        New,
        Kind::Text(|d, text| d.settings.auth.issuer = Some(text)),
        "Demanded `iss`.",
    ),
    key(
        "auth.audience",
        "",
        New,
        Kind::Texts("one or several audiences", |d, given| {
            d.settings.auth.audience = given.texts.clone();
            Ok(())
        }),
        "Demanded `aud`: one of these.",
    ),
    key(
        "auth.requireExpiry",
        "false",
        New,
        Kind::Switch(|d, on| d.settings.auth.require_expiry = on),
        "Refuse tokens without `exp`.",
    ),
    key(
        "auth.leeway",
        "0s",
        New,
        Kind::Duration(|d, ns| d.settings.auth.leeway_s = ns / 1_000_000_000),
        "How far the clocks of issuer and server may differ.",
    ),
];
