//! THE table of options: path, default, when a change takes effect, what it takes, where
//! it goes, and its documentation.
//!
//! Invariants: paths are unique; an older spelling goes to the same place as the newer one.

use super::draft::Draft;
use super::monitor::{set_fields, set_username};
use super::registry::{Effect, Key, Kind, hook, key, older};
use super::special::{
    ALGORITHM_NAMES, ALGORITHMS, SOURCES, set_adapter, set_addresses, set_cores, set_origins,
    set_path, set_sources, set_subprotocols,
};
use super::{compression, history, http, tls};
use crate::settings::{AuthMode, ConnectionLimitMode, LogFormat, MonitorAccess};

const U32_MAX: u64 = u32::MAX as u64;

/// The name of an envelope's field.
const fn wire(
    path: &'static str,
    default: &'static str,
    put: fn(&mut Draft, String),
    doc: &'static str,
) -> Key {
    key(path, default, Live, Kind::Text(put), doc)
}

use Effect::{Live, New, Restart};

/// Every option.
pub static KEYS: &[Key] = &[
    key(
        "version",
        "",
        Live,
        Kind::Program("`1`"),
        "Version of the configuration language. Without it the file is \
         read as the Go original would: option names in any case.",
    ),
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
    key(
        "transport.readTimeout",
        "1m",
        Live,
        Kind::Duration(|d, ns| d.settings.transport.read_timeout_ns = ns),
        "Silence after which a connection is closed; 0 is off.",
    ),
    key(
        "transport.pingInterval",
        "25s",
        Live,
        Kind::Duration(|d, ns| d.settings.transport.ping_interval_ns = ns),
        "Quiet time after which the server pings; 0 is off.",
    ),
    key(
        "transport.pongTimeout",
        "10s",
        Live,
        Kind::Wait(|d, ns| d.settings.transport.pong_timeout_ns = ns),
        "How long the answer to a ping may take.",
    ),
    key(
        "transport.writeTimeout",
        "10s",
        Live,
        Kind::Wait(|d, ns| d.settings.transport.write_timeout_ns = ns),
        "How long a send may make no progress.",
    ),
    key(
        "transport.closeTimeout",
        "5s",
        Live,
        Kind::Wait(|d, ns| d.settings.transport.close_timeout_ns = ns),
        "How long the peer may take to answer a close frame.",
    ),
    key(
        "transport.maxMessageSize",
        "64KiB",
        Live,
        Kind::Size(1..=1 << 30, |d, n| d.settings.transport.message_bytes_max = n as usize),
        "Bytes of one message, after decompression.",
    ),
    key(
        "transport.maxFragments",
        "1024",
        Live,
        Kind::Count(1..=1 << 20, |d, n| d.settings.transport.fragments_max = n as u32),
        "Fragments of one message.",
    ),
    key(
        "transport.outbox.bytes",
        "1MiB",
        Live,
        Kind::Size(1_024..=1 << 32, |d, n| d.settings.transport.outbox_bytes_max = n as usize),
        "Bytes waiting for one connection before it is closed as a slow reader.",
    ),
    key(
        "transport.outbox.frames",
        "8192",
        Live,
        Kind::Count(1..=1 << 20, |d, n| d.settings.transport.outbox_frames_max = n as usize),
        "Messages waiting for one connection before it is closed as a slow reader.",
    ),
    compression::SWITCH,
    compression::ENABLED,
    compression::CONTEXT_TAKEOVER,
    compression::LEVEL,
    compression::MIN_SIZE,
    compression::WINDOW_BITS,
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
    older(
        "server.ratelimit.maxConnsPerIP",
        "server.limits.perIp",
        Restart,
        Kind::Count(0..=U32_MAX, |d, n| d.settings.server.limits.per_ip_max = n as u32),
        "The Go original's name of `server.limits.perIp`.",
    ),
];
