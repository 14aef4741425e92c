//! `server`: where it listens, whom it lets in, its bounds.
//!
//! A part of the table of options.

use super::super::registry::Effect::{Live, New, Restart};
use super::super::registry::{Key, Kind, key, older};
use super::super::special::{
    set_adapter, set_addresses, set_cores, set_origins, set_path, set_subprotocols,
};
use super::super::{history, proxies, tls};
use super::U32_MAX;
use crate::settings::ConnectionLimitMode;

pub(super) const KEYS: &[Key] = &[
    key(
        "server.address",
        ":8080",
        Restart,
        Kind::Texts("`:port` or `ip:port`, or a list", set_addresses),
        "Where to listen. `:8080` is every interface, IPv4 and IPv6; port \
         0 lets the kernel choose.",
    ),
    key(
        "server.path",
        "/ws",
        New,
        Kind::Texts("a path", set_path),
        "Path of the WebSocket endpoint.",
    ),
    key(
        "server.cores",
        "auto",
        Restart,
        Kind::Texts("`auto`, a count, or a list of CPUs", set_cores),
        "Shards: one on each usable CPU, so many, or exactly these CPUs.",
    ),
    key(
        "server.origins",
        "",
        New,
        Kind::Texts("origins", set_origins),
        "Web pages that may connect, as the browser's `Origin`: `https://app.example.com`, \
         `https://*.example.com`, `*`. Empty: same origin only.",
    ),
    key(
        "server.subprotocols",
        "",
        New,
        Kind::Texts("subprotocols", set_subprotocols),
        "Subprotocols offered, in the server's order of preference.",
    ),
    proxies::TRUSTED,
    key(
        "server.connectionLimit.maxPerUser",
        "0",
        New,
        Kind::Count(0..=U32_MAX, |d, n| d.settings.server.connection_limit.max_per_user = n as u32),
        "Connections one user may have, in the whole process; 0 is no limit.",
    ),
    key(
        "server.connectionLimit.mode",
        "reject",
        New,
        Kind::Choice(&["reject", "cycle"], |d, n| {
            d.settings.server.connection_limit.mode =
                [ConnectionLimitMode::Reject, ConnectionLimitMode::Cycle][n];
        }),
        "At the limit: `reject` answers 429, `cycle` closes the user's oldest connection.",
    ),
    key(
        "server.limits.connections",
        "auto",
        Restart,
        Kind::CountOrAuto(1..=U32_MAX, |d, n| {
            d.settings.server.limits.connections_max = n.map(|n| n as usize)
        }),
        "Connections in the process; `auto` follows the limit on open files.",
    ),
    key(
        "server.limits.perIp",
        "0",
        Restart,
        Kind::Count(0..=U32_MAX, |d, n| d.settings.server.limits.per_ip_max = n as u32),
        "Connections from one IP address; 0 is no limit.",
    ),
    key(
        "server.limits.acceptRate",
        "0",
        Restart,
        Kind::Count(0..=U32_MAX, |d, n| d.settings.server.limits.accept_rate_per_s = n as u32),
        "Connections accepted a second; 0 is no limit.",
    ),
    key(
        "server.limits.handshakeTimeout",
        "10s",
        New,
        Kind::Wait(|d, ns| d.settings.server.limits.handshake_timeout_ns = ns),
        "From the TCP connection to the end of the request head.",
    ),
    key(
        "server.limits.headerBytes",
        "16KiB",
        New,
        Kind::Size(1_024..=1 << 20, |d, n| d.settings.server.limits.header_bytes_max = n as usize),
        "Bytes of a request head.",
    ),
    key(
        "server.limits.headers",
        "64",
        New,
        Kind::Count(8..=1_024, |d, n| d.settings.server.limits.headers_max = n as usize),
        "Header lines of a request.",
    ),
    history::MEMORY,
    tls::CERT,
    tls::KEY,
    tls::ADDRESS,
    tls::MIN_VERSION,
    tls::CLIENT_CA,
    key(
        "server.spinBeforePark",
        "0s",
        Live,
        Kind::Duration(|d, ns| d.settings.server.spin_before_park_ns = ns),
        "How long a quiet shard polls before it sleeps; trades CPU for latency. 0 is off.",
    ),
    key(
        "server.adapter",
        "memory",
        Live,
        Kind::Texts("`memory`", set_adapter),
        "What carries messages between the members of rooms. There is one: the memory of this \
         process. Several servers that share their rooms (`redis`) are refused until they work.",
    ),
    older(
        "server.ratelimit.maxConnsPerIP",
        "server.limits.perIp",
        Restart,
        Kind::Count(0..=U32_MAX, |d, n| d.settings.server.limits.per_ip_max = n as u32),
        "The Go original's name of `server.limits.perIp`.",
    ),
];
