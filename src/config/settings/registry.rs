//! THE table of options: path, type, default, when a change takes effect, doc, and where it goes.
//!
//! Invariants: the walk over the file, the environment overrides, the suggestions and the reference
//! page all come from this table; applying every default changes nothing (a test says so).

use std::ops::RangeInclusive;

use super::super::codes::Code;
use super::draft::{Draft, Material};
use super::value::{self, Problem};
use crate::limits::SHARDS_MAX;
use crate::settings::{
    AuthMode, ConnectionLimitMode, Cores, JwtAlgorithm, LogFormat, TokenSources,
};

/// When a changed value takes effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// At once, for open connections too.
    Live,
    /// For connections made after the change.
    New,
    /// At the next start.
    Restart,
}

/// One option.
pub struct Key {
    pub path: &'static str,
    pub kind: Kind,
    /// As it would be written; empty for none.
    pub default: &'static str,
    pub effect: Effect,
    pub doc: &'static str,
    /// The newer path of the same option, where this is an older spelling.
    pub newer: Option<&'static str>,
}

/// What an option takes, and where it goes.
pub enum Kind {
    Duration(fn(&mut Draft, u64)),
    Size(RangeInclusive<u64>, fn(&mut Draft, u64)),
    Count(RangeInclusive<u64>, fn(&mut Draft, u64)),
    /// A count, or the word `auto`.
    CountOrAuto(RangeInclusive<u64>, fn(&mut Draft, Option<u64>)),
    Switch(fn(&mut Draft, bool)),
    Text(fn(&mut Draft, String)),
    Secret(fn(&mut Draft, Material)),
    Choice(&'static [&'static str], fn(&mut Draft, usize)),
    /// One or a list of the names, told as their places.
    Choices(&'static [&'static str], fn(&mut Draft, Vec<usize>)),
    /// One or a list of anything; the text says of what.
    Texts(&'static str, fn(&mut Draft, &Given) -> Result<(), Problem>),
    /// `auth.keys`: read by `walk`.
    Keys,
    /// Read by the compiler; the text says what it is.
    Program(&'static str),
}

/// A value as written: one text, or a list of texts.
pub struct Given {
    pub texts: Vec<String>,
    pub list: bool,
}

/// The signature algorithms by name, in the order of `JwtAlgorithm`.
pub const ALGORITHMS: [(&str, JwtAlgorithm); 12] = [
    ("HS256", JwtAlgorithm::Hs256),
    ("HS384", JwtAlgorithm::Hs384),
    ("HS512", JwtAlgorithm::Hs512),
    ("RS256", JwtAlgorithm::Rs256),
    ("RS384", JwtAlgorithm::Rs384),
    ("RS512", JwtAlgorithm::Rs512),
    ("PS256", JwtAlgorithm::Ps256),
    ("PS384", JwtAlgorithm::Ps384),
    ("PS512", JwtAlgorithm::Ps512),
    ("ES256", JwtAlgorithm::Es256),
    ("ES384", JwtAlgorithm::Es384),
    ("EdDSA", JwtAlgorithm::EdDsa),
];

pub const ALGORITHM_NAMES: [&str; 12] = {
    let mut names = [""; 12];
    let mut at = 0;
    while at < names.len() {
        names[at] = ALGORITHMS[at].0;
        at += 1;
    }
    names
};

const U32_MAX: u64 = u32::MAX as u64;
const SOURCES: &[&str] = &["cookie", "bearer", "subprotocol", "query"];

const fn key(
    path: &'static str,
    default: &'static str,
    effect: Effect,
    kind: Kind,
    doc: &'static str,
) -> Key {
    Key { path, kind, default, effect, doc, newer: None }
}

const fn older(path: &'static str, newer: &'static str, kind: Kind, doc: &'static str) -> Key {
    Key { path, kind, default: "", effect: Effect::New, doc, newer: Some(newer) }
}

use Effect::{Live, New, Restart};

/// Every option.
#[rustfmt::skip]
pub static KEYS: &[Key] = &[
    key("version", "", Restart, Kind::Program("`1`"),
        "Version of the configuration language. Without it the file is read as the Go original would: option names in any case."),

    key("server.address", ":8080", Restart, Kind::Texts("`:port` or `ip:port`, or a list", set_addresses),
        "Where to listen. `:8080` is every interface, IPv4 and IPv6; port 0 lets the kernel choose."),
    key("server.path", "/ws", Restart, Kind::Texts("a path", set_path), "Path of the WebSocket endpoint."),
    key("server.cores", "auto", Restart, Kind::Texts("`auto`, a count, or a list of CPUs", set_cores),
        "Shards: one on each usable CPU, so many, or exactly these CPUs."),
    key("server.origins", "", Restart, Kind::Texts("origins", set_origins),
        "Web pages that may connect, as the browser's `Origin`: `https://app.example.com`, `https://*.example.com`, `*`. Empty: same origin only."),
    key("server.subprotocols", "", Restart, Kind::Texts("subprotocols", set_subprotocols),
        "Subprotocols offered, in the server's order of preference."),
    key("server.connectionLimit.maxPerUser", "0", New, Kind::Count(0..=U32_MAX, |d, n| d.settings.server.connection_limit.max_per_user = n as u32),
        "Connections one user may have, in the whole process; 0 is no limit."),
    key("server.connectionLimit.mode", "reject", New, Kind::Choice(&["reject", "cycle"], |d, n| {
            d.settings.server.connection_limit.mode = [ConnectionLimitMode::Reject, ConnectionLimitMode::Cycle][n];
        }), "At the limit: `reject` answers 429, `cycle` closes the user's oldest connection."),
    key("server.limits.connections", "auto", Restart, Kind::CountOrAuto(1..=U32_MAX, |d, n| d.settings.server.limits.connections_max = n.map(|n| n as usize)),
        "Connections in the process; `auto` follows the limit on open files."),
    key("server.limits.perIp", "0", Restart, Kind::Count(0..=U32_MAX, |d, n| d.settings.server.limits.per_ip_max = n as u32),
        "Connections from one IP address; 0 is no limit."),
    key("server.limits.acceptRate", "0", Restart, Kind::Count(0..=U32_MAX, |d, n| d.settings.server.limits.accept_rate_per_s = n as u32),
        "Connections accepted a second; 0 is no limit."),
    key("server.limits.handshakeTimeout", "10s", Restart, Kind::Duration(|d, ns| d.settings.server.limits.handshake_timeout_ns = ns),
        "From the TCP connection to the end of the request head; not 0."),
    key("server.limits.headerBytes", "16KiB", Restart, Kind::Size(1_024..=1 << 20, |d, n| d.settings.server.limits.header_bytes_max = n as usize),
        "Bytes of a request head."),
    key("server.limits.headers", "64", Restart, Kind::Count(8..=1_024, |d, n| d.settings.server.limits.headers_max = n as usize),
        "Header lines of a request."),
    key("server.spinBeforePark", "0s", Restart, Kind::Duration(|d, ns| d.settings.server.spin_before_park_ns = ns),
        "How long a quiet shard polls before it sleeps; trades CPU for latency. 0 is off."),

    key("transport.readTimeout", "1m", New, Kind::Duration(|d, ns| d.settings.transport.read_timeout_ns = ns),
        "Silence after which a connection is closed; 0 is off."),
    key("transport.pingInterval", "25s", New, Kind::Duration(|d, ns| d.settings.transport.ping_interval_ns = ns),
        "Quiet time after which the server pings; 0 is off."),
    key("transport.pongTimeout", "10s", New, Kind::Duration(|d, ns| d.settings.transport.pong_timeout_ns = ns),
        "How long the answer to a ping may take."),
    key("transport.writeTimeout", "10s", New, Kind::Duration(|d, ns| d.settings.transport.write_timeout_ns = ns),
        "How long a send may make no progress."),
    key("transport.closeTimeout", "5s", New, Kind::Duration(|d, ns| d.settings.transport.close_timeout_ns = ns),
        "How long the peer may take to answer a close frame."),
    key("transport.maxMessageSize", "64KiB", New, Kind::Size(1..=1 << 30, |d, n| d.settings.transport.message_bytes_max = n as usize),
        "Bytes of one message, after decompression."),
    key("transport.maxFragments", "1024", New, Kind::Count(1..=1 << 20, |d, n| d.settings.transport.fragments_max = n as u32),
        "Fragments of one message."),
    key("transport.outbox.bytes", "1MiB", New, Kind::Size(1_024..=1 << 32, |d, n| d.settings.transport.outbox_bytes_max = n as usize),
        "Bytes waiting for one connection before it is closed as a slow reader."),
    key("transport.outbox.frames", "1024", New, Kind::Count(1..=1 << 20, |d, n| d.settings.transport.outbox_frames_max = n as usize),
        "Messages waiting for one connection before it is closed as a slow reader."),
    key("transport.compression", "false", New, Kind::Switch(|d, on| d.settings.transport.compression.enabled = on),
        "permessage-deflate (RFC 7692), on or off; or a map with the options below."),
    key("transport.compression.enabled", "false", New, Kind::Switch(|d, on| d.settings.transport.compression.enabled = on),
        "Offer compression to clients that ask for it."),
    key("transport.compression.contextTakeover", "false", New, Kind::Switch(|d, on| d.settings.transport.compression.context_takeover = on),
        "Keep the compressor's window between messages: smaller messages, about 300 KB more a connection."),
    key("transport.compression.level", "1", New, Kind::Count(0..=9, |d, n| d.settings.transport.compression.level = n as u8),
        "0 (none) to 9 (slowest)."),
    key("transport.compression.minSize", "1KiB", New, Kind::Size(0..=1 << 30, |d, n| d.settings.transport.compression.bytes_min = n as usize),
        "Messages shorter than this are sent as they are."),
    key("transport.compression.windowBits", "15", New, Kind::Count(9..=15, |d, n| d.settings.transport.compression.window_bits = n as u8),
        "Window of the server's compressor, as a power of two."),

    key("auth.mode", "jwt", Restart, Kind::Choice(&["jwt", "none"], |d, n| d.settings.auth.mode = [AuthMode::Jwt, AuthMode::None][n]),
        "`jwt` demands a valid token before the upgrade; `none` lets everybody in, each connection its own user."),
    key("auth.algorithms", "HS256", Restart, Kind::Choices(&ALGORITHM_NAMES, |d, all| d.algorithms = all.into_iter().map(|n| ALGORITHMS[n].1).collect()),
        "Accepted signature algorithms; a token with another one is refused."),
    older("auth.algorithm", "auth.algorithms", Kind::Choice(&ALGORITHM_NAMES, |d, n| d.algorithms = vec![ALGORITHMS[n].1]),
        "The same, for a single algorithm."),
    key("auth.secret", "", Restart, Kind::Secret(|d, m| d.secret = Some(m)),
        "HMAC secret. Keep it out of the file: use the environment."),
    older("server.auth.jwtSecret", "auth.secret", Kind::Secret(|d, m| d.secret = Some(m)),
        "The Go original's name of `auth.secret`."),
    key("auth.publicKey", "", Restart, Kind::Secret(|d, m| d.public_key = Some(m)),
        "PEM public key for the RS, PS, ES and EdDSA algorithms."),
    key("auth.keys", "", Restart, Kind::Keys,
        "Several keys, for rotation: a list of `{kid, algorithm, secret | publicKey}`."),
    key("auth.cookie", "session-token", Restart, Kind::Text(|d, text| d.settings.auth.cookie = text),
        "Name of the cookie with the token."),
    key("auth.sources", "[cookie, bearer, subprotocol, query]", Restart, Kind::Choices(SOURCES, |d, all| {
            let has = |n: usize| all.contains(&n);
            d.settings.auth.sources = TokenSources { cookie: has(0), bearer: has(1), subprotocol: has(2), query: has(3) };
        }), "Where a token may come from."),
    older("auth.tokenFrom", "auth.sources", Kind::Choices(SOURCES, |d, all| {
            let has = |n: usize| all.contains(&n);
            d.settings.auth.sources = TokenSources { cookie: has(0), bearer: has(1), subprotocol: has(2), query: has(3) };
        }), "Another name of `auth.sources`."),
    key("auth.issuer", "", Restart, Kind::Text(|d, text| d.settings.auth.issuer = Some(text)), "Demanded `iss`."),
    key("auth.audience", "", Restart, Kind::Texts("one or several audiences", |d, given| {
            d.settings.auth.audience = given.texts.clone();
            Ok(())
        }), "Demanded `aud`: one of these."),
    key("auth.requireExpiry", "false", Restart, Kind::Switch(|d, on| d.settings.auth.require_expiry = on),
        "Refuse tokens without `exp`."),
    key("auth.leeway", "0s", Restart, Kind::Duration(|d, ns| d.settings.auth.leeway_s = ns / 1_000_000_000),
        "How far the clocks of issuer and server may differ."),

    key("protocol", "json", Restart, Kind::Choice(&["json", "raw"], |d, n| d.raw = n == 1),
        "`json`: envelopes with an event; `raw`: opaque messages for `lifecycle.message`. Or a map with the names below."),
    key("protocol.in.event", "event", Restart, Kind::Text(|d, text| d.incoming.event = text), "Field of a received message that names the event."),
    key("protocol.in.target", "target", Restart, Kind::Text(|d, text| d.incoming.target = text), "Field with the room or `user:ID`."),
    key("protocol.in.payload", "payload", Restart, Kind::Text(|d, text| d.incoming.payload = text), "Field with the payload; `.` is the message itself."),
    key("protocol.in.id", "id", Restart, Kind::Text(|d, text| d.incoming.id = text), "Field with the message's id, which comes back on its error."),
    key("protocol.out.event", "event", Restart, Kind::Text(|d, text| d.outgoing.event = text), "The same for messages sent."),
    key("protocol.out.target", "target", Restart, Kind::Text(|d, text| d.outgoing.target = text), "The same for messages sent."),
    key("protocol.out.payload", "payload", Restart, Kind::Text(|d, text| d.outgoing.payload = text), "The same for messages sent."),
    key("protocol.out.id", "id", Restart, Kind::Text(|d, text| d.outgoing.id = text), "The same for messages sent."),

    key("errors.reply", "sender", Restart, Kind::Choice(&["sender", "none"], |d, n| d.settings.errors.reply = n == 0),
        "Who is told when an event is refused."),
    key("errors.event", "error", Restart, Kind::Text(|d, text| d.settings.errors.event = text), "The event's name of that reply."),
    key("compat.notifyOrigin", "origin", Restart, Kind::Choice(&["origin", "user"], |d, n| d.settings.compat.notify_origin_user = n == 1),
        "Whom `_notify_origin` reaches: the connection, or every connection of its user as in the Go original."),
    key("compat.leaveGrace", "0s", Live, Kind::Duration(|d, ns| d.settings.compat.leave_grace_ns = ns),
        "How long a user stays in its rooms after its last connection."),
    key("drain.over", "5s", Live, Kind::Duration(|d, ns| d.settings.drain.over_ns = ns), "Time over which connections are closed at shutdown."),
    key("drain.deadline", "30s", Live, Kind::Duration(|d, ns| d.settings.drain.deadline_ns = ns), "Time after which the process ends in any case."),
    key("log.level", "info", Restart, Kind::Text(|d, text| d.settings.log.level = text), "A level, or a filter such as `info,shardwire=debug`."),
    key("log.format", "auto", Restart, Kind::Choice(&["auto", "pretty", "json"], |d, n| {
            d.settings.log.format = [LogFormat::Auto, LogFormat::Pretty, LogFormat::Json][n];
        }), "`auto` is pretty on a terminal and JSON elsewhere."),

    key("permissions", "", Restart, Kind::Program("a list of names"), "The permissions that the modifier `permission` may ask for."),
    key("events", "", Restart, Kind::Program("a map of events"), "What to do with each event; see the language reference."),
    key("lifecycle.message", "", Restart, Kind::Program("a list of steps"), "What to do with each message of the raw protocol."),

    older("server.ratelimit.maxConnsPerIP", "server.limits.perIp", Kind::Count(0..=U32_MAX, |d, n| d.settings.server.limits.per_ip_max = n as u32),
        "The Go original's name of `server.limits.perIp`."),
];

/// A key's place in the table: the option itself and whether options lie below its path.
#[derive(Clone, Copy)]
pub struct Match {
    /// The path in the table's own spelling.
    pub path: &'static str,
    pub key: Option<&'static Key>,
    pub section: bool,
}

/// Looks a key up below a section (`""` is the top); `folded` ignores case.
pub fn find(section: &str, name: &str, folded: bool) -> Option<Match> {
    let same = |other: &str| other == name || (folded && other.eq_ignore_ascii_case(name));
    let (segment, first) = below(section).find(|(segment, _)| same(segment))?;
    let end = first.path.len() - rest_of(first.path, section).len() + segment.len();
    let path = &first.path[..end];
    let key = KEYS.iter().find(|key| key.path == path);
    Some(Match { path, key, section: below(path).next().is_some() })
}

/// The names that are valid in a section.
pub fn names(section: &str) -> impl Iterator<Item = &'static str> {
    below(section).map(|(segment, _)| segment)
}

fn below(section: &str) -> impl Iterator<Item = (&'static str, &'static Key)> {
    let at_top = section.is_empty();
    KEYS.iter().filter_map(move |key| {
        let rest = rest_of(key.path, section);
        let inside = at_top || (rest.len() < key.path.len() && !rest.is_empty());
        inside.then(|| (rest.split('.').next().unwrap_or(rest), key))
    })
}

/// What follows `section.` in a path; the whole path where it is not in the section.
fn rest_of<'p>(path: &'p str, section: &str) -> &'p str {
    path.strip_prefix(section).and_then(|rest| rest.strip_prefix('.')).unwrap_or(path)
}

fn set_addresses(draft: &mut Draft, given: &Given) -> Result<(), Problem> {
    let mut all = Vec::new();
    for text in &given.texts {
        all.extend(value::address(text)?);
    }
    match all.is_empty() {
        true => Err(Problem::new(Code::BadAddress, "there is no address to listen on")),
        false => {
            draft.settings.server.addresses = all;
            Ok(())
        }
    }
}

fn set_path(draft: &mut Draft, given: &Given) -> Result<(), Problem> {
    let [path] = given.texts.as_slice() else {
        return Err(Problem::new(Code::BadValue, "there is exactly one path"));
    };
    let usable = |b: u8| b.is_ascii_graphic() && b != b'?' && b != b'#';
    match path.starts_with('/') && path.bytes().all(usable) {
        true => {
            draft.settings.server.path = path.clone();
            Ok(())
        }
        false => Err(Problem::new(Code::BadValue, format!("`{path}` is not a path"))
            .help("a path begins with `/` and has no `?`, `#` or blanks")),
    }
}

fn set_cores(draft: &mut Draft, given: &Given) -> Result<(), Problem> {
    draft.settings.server.cores = match (given.list, given.texts.as_slice()) {
        (false, [one]) if one == "auto" => Cores::Auto,
        (false, [one]) => {
            Cores::Count(in_range(value::count(one)?, 1..=SHARDS_MAX as u64)? as usize)
        }
        (_, many) => cpus(many)?,
    };
    Ok(())
}

fn cpus(texts: &[String]) -> Result<Cores, Problem> {
    let mut all: Vec<usize> = Vec::new();
    for text in texts {
        let cpu = in_range(value::count(text)?, 0..=4_095)? as usize;
        if all.contains(&cpu) {
            return Err(Problem::new(
                Code::BadValue,
                format!("CPU {cpu} stands twice in the list"),
            ));
        }
        all.push(cpu);
    }
    in_range(all.len() as u64, 1..=SHARDS_MAX as u64)?;
    Ok(Cores::Cpus(all))
}

fn set_origins(draft: &mut Draft, given: &Given) -> Result<(), Problem> {
    let rules: Result<Vec<_>, Problem> =
        given.texts.iter().map(|text| value::origin(text)).collect();
    draft.settings.server.origins = rules?;
    Ok(())
}

fn set_subprotocols(draft: &mut Draft, given: &Given) -> Result<(), Problem> {
    let token = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
    for text in &given.texts {
        if text.is_empty() || !text.bytes().all(token) {
            return Err(Problem::new(
                Code::BadValue,
                format!("`{text}` is not a subprotocol's name"),
            )
            .help("letters, digits, and any of !#$%&'*+-.^_`|~"));
        }
    }
    draft.settings.server.subprotocols = given.texts.clone();
    Ok(())
}

/// The number, if the option allows it.
pub fn in_range(number: u64, range: RangeInclusive<u64>) -> Result<u64, Problem> {
    match range.contains(&number) {
        true => Ok(number),
        false => Err(Problem::new(Code::OutOfRange, format!("{number} is out of range"))
            .help(format!("allowed: {} to {}", range.start(), range.end()))),
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::diagnostic::{Findings, Place};
    use super::super::walk;
    use super::*;

    fn given(text: &str) -> Given {
        let list = text.strip_prefix('[').and_then(|text| text.strip_suffix(']'));
        let texts = list.unwrap_or(text).split(", ").map(str::to_owned).collect();
        Given { texts, list: list.is_some() }
    }

    #[test]
    fn the_defaults_in_the_table_are_the_defaults() {
        let mut draft = Draft::default();
        let mut findings = Findings::default();
        let place = Place::Variable("default".into());
        for key in KEYS.iter().filter(|key| !key.default.is_empty()) {
            walk::set(key, given(key.default), place.clone(), &mut draft, &mut findings);
        }
        assert!(findings.sorted().is_empty());
        let shown = |draft: Draft| format!("{:?}", draft.into_settings());
        assert_eq!(shown(draft), shown(Draft::default()));
    }

    #[test]
    fn paths_are_unique_and_found_in_any_case() {
        for (place, key) in KEYS.iter().enumerate() {
            assert!(KEYS[place + 1..].iter().all(|other| other.path != key.path), "{}", key.path);
            assert!(key.newer.is_none_or(|newer| KEYS.iter().any(|other| other.path == newer)));
            let (section, name) = key.path.rsplit_once('.').unwrap_or(("", key.path));
            let found = find(section, &name.to_uppercase(), true).unwrap();
            assert_eq!(found.path, key.path);
            assert_eq!(find(section, &name.to_uppercase(), false).map(|found| found.path), None);
        }
        assert!(find("", "server", false).unwrap().section);
        assert!(find("server", "serve", false).is_none());
        assert!(find("serv", "er", false).is_none());
    }
}
