//! What a configuration means, as plain typed values: no parsing, no defaults hidden elsewhere.
//!
//! Invariants: built once by `config::resolve`, then read-only. Durations are nanoseconds, sizes
//! are bytes, 0 means "off" where a field says so. Called by everything that runs.

mod backend;
mod history;
mod monitor;
mod network;
mod tls;

use std::net::SocketAddr;

pub use tls::{Tls, TlsVersion};

pub use backend::{Backend, Breaker, Retry};
pub use history::HistoryRule;
pub use monitor::{AccessToken, Monitor, MonitorAccess};
pub use network::Network;

/// The whole of a running server's settings.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    pub server: Server,
    pub transport: Transport,
    pub auth: Auth,
    pub protocol: Protocol,
    /// `rooms:`, in the file's order: a room belongs to the first that matches its name.
    pub rooms: Vec<RoomClass>,
    /// `backends:`, in the file's order.
    pub backends: Vec<Backend>,
    pub errors: Errors,
    pub compat: Compat,
    pub drain: Drain,
    pub log: Log,
    pub monitor: Monitor,
    pub http: Http,
    pub metrics: Metrics,
}

/// `server:`
#[derive(Clone, Debug)]
pub struct Server {
    /// Every address to listen on (`":8080"` is every IPv4 and IPv6 address).
    pub addresses: Vec<SocketAddr>,
    /// The path of the WebSocket endpoint.
    pub path: String,
    pub cores: Cores,
    /// Accepted `Origin`s; empty is same-origin only.
    pub origins: Vec<OriginRule>,
    /// Whose word on a client's address is taken.
    pub trusted_proxies: Vec<Network>,
    /// Subprotocols offered, in the server's order of preference.
    pub subprotocols: Vec<String>,
    pub limits: ServerLimits,
    pub connection_limit: ConnectionLimit,
    /// Nanoseconds a quiet shard polls before it parks; 0 is off.
    pub spin_before_park_ns: u64,
    pub tls: Tls,
}

impl Server {
    /// Every address to listen on, and whether TLS is spoken there.
    pub fn listens(&self) -> Vec<(SocketAddr, bool)> {
        let plain_secure = self.tls.is_on() && self.tls.addresses.is_empty();
        let plain = self.addresses.iter().map(|&address| (address, plain_secure));
        let secure = self.tls.addresses.iter().map(|&address| (address, true));
        plain.chain(secure.filter(|_| self.tls.is_on())).collect()
    }
}

/// `server.cores:`
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cores {
    /// One shard on each CPU this process may use.
    Auto,
    /// So many shards, on the first CPUs this process may use.
    Count(usize),
    /// One shard on each of these CPUs.
    Cpus(Vec<usize>),
}

/// One entry of `server.origins`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OriginRule {
    /// `*`: every origin.
    Any,
    /// `https://app.example.com[:port]`: exactly this one, lower-cased, default port left out.
    Exact(String),
    /// `https://*.example.com[:port]`: any host below; holds scheme and the suffix with its dot.
    Subdomains { scheme: String, suffix: String },
}

/// `server.limits:`, all 0 for off unless said.
#[derive(Clone, Debug)]
pub struct ServerLimits {
    /// Connections in the process; `None` is `auto`, from the file limit at start.
    pub connections_max: Option<usize>,
    pub per_ip_max: u32,
    /// Accepted connections a second in the process.
    pub accept_rate_per_s: u32,
    /// From accept to the end of the request head; never 0.
    pub handshake_timeout_ns: u64,
    /// Bytes of the request head; never 0.
    pub header_bytes_max: usize,
    /// Header lines of the request; never 0.
    pub headers_max: usize,
    /// Bytes of messages that one shard keeps for histories of rooms.
    pub history_bytes_max: usize,
}

/// `server.connectionLimit:`
#[derive(Clone, Copy, Debug, Default)]
pub struct ConnectionLimit {
    /// 0 is no limit.
    pub max_per_user: u32,
    pub mode: ConnectionLimitMode,
}

/// What happens to the connection over the limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ConnectionLimitMode {
    /// 429 before the upgrade.
    #[default]
    Reject,
    /// The user's oldest connection is closed.
    Cycle,
}

/// `transport:`
#[derive(Clone, Debug)]
pub struct Transport {
    /// Silence (no byte received) after which a connection is closed; 0 is off.
    pub read_timeout_ns: u64,
    /// Quiet time after which the server sends a ping; 0 is off.
    pub ping_interval_ns: u64,
    /// How long the answer to a ping may take.
    pub pong_timeout_ns: u64,
    /// How long one send may make no progress.
    pub write_timeout_ns: u64,
    /// How long the peer may take to answer a close frame.
    pub close_timeout_ns: u64,
    pub message_bytes_max: usize,
    /// Fragments of one message.
    pub fragments_max: u32,
    /// Bytes waiting for one connection before it is closed as a slow reader.
    pub outbox_bytes_max: usize,
    /// Frames waiting for one connection before it is closed as a slow reader.
    pub outbox_frames_max: usize,
    pub compression: Compression,
}

impl Transport {
    /// What timers of open connections are set by.
    pub fn times(&self) -> [u64; 5] {
        [
            self.read_timeout_ns,
            self.ping_interval_ns,
            self.pong_timeout_ns,
            self.write_timeout_ns,
            self.close_timeout_ns,
        ]
    }
}

/// `transport.compression:` (RFC 7692).
#[derive(Clone, Copy, Debug)]
pub struct Compression {
    pub enabled: bool,
    /// Keep the compressor's window between messages (about 300 KB a connection).
    pub context_takeover: bool,
    /// 0..=9.
    pub level: u8,
    /// Messages shorter than this are sent as they are.
    pub bytes_min: usize,
    /// LZ77 window of the server, 9..=15.
    pub window_bits: u8,
}

/// `auth:` and `server.auth:`
#[derive(Clone, Default)]
pub struct Auth {
    pub mode: AuthMode,
    pub keys: Vec<AuthKey>,
    pub sources: TokenSources,
    /// Name of the session cookie.
    pub cookie: String,
    /// Demanded `iss`, where set.
    pub issuer: Option<String>,
    /// Demanded `aud` (any of them), where not empty.
    pub audience: Vec<String>,
    pub require_expiry: bool,
    pub leeway_s: u64,
    pub event: String,
    pub deadline_ns: u64,
}

impl std::fmt::Debug for Auth {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Auth").field("mode", &self.mode).field("keys", &self.keys.len()).finish()
    }
}

/// `auth.mode:`
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AuthMode {
    /// A valid token is demanded before the upgrade.
    #[default]
    Jwt,
    /// Everybody may connect; each connection is its own user.
    None,
    /// As `None`; a message says later whose the connection is (`identify`).
    Message,
}

/// One verification key with its pinned algorithm. Never printed.
#[derive(Clone)]
pub struct AuthKey {
    pub algorithm: JwtAlgorithm,
    /// The HMAC secret, or a PEM public key.
    pub material: Vec<u8>,
    pub kid: Option<String>,
}

/// Signature algorithms a key may be pinned to (RFC 7518 section 3.1, RFC 8037).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JwtAlgorithm {
    Hs256,
    Hs384,
    Hs512,
    Rs256,
    Rs384,
    Rs512,
    Ps256,
    Ps384,
    Ps512,
    Es256,
    Es384,
    EdDsa,
}

/// Where a token may come from, each switchable.
#[derive(Clone, Copy, Debug)]
pub struct TokenSources {
    pub cookie: bool,
    pub bearer: bool,
    /// The pair `Sec-WebSocket-Protocol: token, <jwt>`; see `auth::token`.
    pub subprotocol: bool,
    pub query: bool,
}

/// `protocol:`
#[allow(clippy::large_enum_variant, reason = "a configuration has one")]
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// JSON envelopes with these field names.
    Json { incoming: WireNames, outgoing: WireNames },
    /// Messages are opaque; `lifecycle.message` sees `msg`.
    Raw,
}

/// Names of an envelope's fields on the wire.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WireNames {
    pub event: String,
    pub target: String,
    pub payload: String,
    pub id: String,
    /// Of messages sent: where one stands in its room's order.
    pub position: String,
}

/// One entry of `rooms:`: what holds for the rooms whose whole names match a pattern.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RoomClass {
    pub pattern: Vec<PatternPart>,
    /// Nanoseconds a message may wait for others to the same connection; 0 is to the end of the
    /// turn.
    pub batch_delay_ns: u64,
    pub membership: Membership,
    /// Messages to one room: so many in so many nanoseconds.
    pub publish: Option<(u32, u64)>,
    /// Members of one room; 0 is no limit.
    pub members_max: u32,
    /// What becomes of members when a reload changes the rules.
    pub recheck: Recheck,
    pub presence: Presence,
    pub history: HistoryRule,
}

/// What members of a room hear of each other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Presence {
    pub enabled: bool,
    /// How long who is gone without having left may take to come back.
    pub leave_grace_ns: u64,
    /// The event that tells of it.
    pub event: String,
}

impl Presence {
    /// What its messages call what they say.
    pub const FIELDS: [&str; 6] = ["room", "members", "joined", "left", "count", "more"];
}

impl Default for Presence {
    fn default() -> Presence {
        Presence { enabled: false, leave_grace_ns: 15_000_000_000, event: "presence".into() }
    }
}

/// What becomes of the members of a room whose rules change.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Recheck {
    /// They stay.
    #[default]
    None,
    /// It is counted and logged who would not get in now.
    Shadow,
    /// Those go.
    Enforce,
}

/// Who becomes a member of a room by a join.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Membership {
    /// The user, with all its connections.
    #[default]
    User,
    /// The connection that joins.
    Connection,
}

/// A part of a room pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PatternPart {
    /// This text.
    Literal(String),
    /// `{name}`: one or more characters, none of them a `:`.
    Text,
    /// `{name:int}`: one or more decimal digits.
    Int,
    /// `{name:rest}`: one or more characters, to the end of the name.
    Rest,
}

/// `errors:`
#[derive(Clone, Debug)]
pub struct Errors {
    /// Whether the sender is told of a reject.
    pub reply: bool,
    /// The event's name of that reply.
    pub event: String,
    /// It says where in the file the refusal comes from: in development.
    pub places: bool,
    /// It says the denial's id outside development, too.
    pub denials: bool,
}

impl Errors {
    /// Whether the reply says the denial's id.
    pub fn tells_denials(&self) -> bool {
        self.places || self.denials
    }
}

/// `compat:`
#[derive(Clone, Copy, Debug, Default)]
pub struct Compat {
    /// `notifyOrigin: user`: `_notify_origin` reaches every connection of the user, as the Go
    /// original did.
    pub notify_origin_user: bool,
    /// How long a user stays a member of its rooms after its last connection.
    pub leave_grace_ns: u64,
}

/// `drain:`
#[derive(Clone, Copy, Debug)]
pub struct Drain {
    /// Close frames are spread over this time.
    pub over_ns: u64,
    /// The process ends after this time at the latest.
    pub deadline_ns: u64,
}

/// `log:`
#[derive(Clone, Debug)]
pub struct Log {
    /// A `tracing` filter, such as `info`.
    pub level: String,
    pub format: LogFormat,
}

/// `log.format:`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// Pretty on a terminal, JSON elsewhere.
    Auto,
    Pretty,
    Json,
}

/// `http:`; its routes are part of the program.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Http {
    /// The longest path that fits is looked at first.
    pub folders: Vec<Folder>,
    /// Without origins, other sites' pages read nothing.
    pub cors: Cors,
    /// A connection may carry several requests.
    pub keep_alive: bool,
}

/// One entry of `http.static`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Folder {
    /// Begins and ends with `/`.
    pub path: String,
    /// Relative to the configuration file, where it is.
    pub folder: std::path::PathBuf,
}

/// `http.cors:`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cors {
    pub origins: Vec<OriginRule>,
    pub methods: Vec<String>,
    /// Of requests; `*` is any.
    pub headers: Vec<String>,
    pub expose_headers: Vec<String>,
    pub credentials: bool,
    /// How long a browser may keep the answer to a preflight.
    pub max_age_s: u64,
}

/// A built-in page or report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Handler {
    Health,
    Metrics,
    Status,
    Monitoring,
    Chat,
    Admin,
}

impl Handler {
    /// By the names that `handler:` takes.
    pub const ALL: [(&'static str, Handler); 6] = [
        ("health", Handler::Health),
        ("metrics", Handler::Metrics),
        ("status", Handler::Status),
        ("monitoring", Handler::Monitoring),
        ("chat", Handler::Chat),
        ("admin", Handler::Admin),
    ];
}

/// `metrics:`
#[derive(Clone, Default)]
pub struct Metrics {
    pub access: MetricsAccess,
    /// What `Authorization: Bearer` must carry.
    pub token: Option<String>,
}

impl std::fmt::Debug for Metrics {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Metrics").field("access", &self.access).finish()
    }
}

/// `metrics.access:`
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MetricsAccess {
    #[default]
    Off,
    /// Requests from this machine that no proxy passed on.
    Loopback,
    Token,
    Public,
}

const SECOND_NS: u64 = 1_000_000_000;

impl Default for Server {
    fn default() -> Self {
        Server {
            addresses: vec![SocketAddr::from(([0u16; 8], 8080))],
            path: "/ws".into(),
            cores: Cores::Auto,
            origins: Vec::new(),
            trusted_proxies: Vec::new(),
            subprotocols: Vec::new(),
            limits: ServerLimits::default(),
            connection_limit: ConnectionLimit::default(),
            spin_before_park_ns: 0,
            tls: Tls::default(),
        }
    }
}

impl Default for ServerLimits {
    fn default() -> Self {
        ServerLimits {
            connections_max: None,
            per_ip_max: 0,
            accept_rate_per_s: 0,
            handshake_timeout_ns: 10 * SECOND_NS,
            header_bytes_max: 16 * 1024,
            headers_max: 64,
            history_bytes_max: 64 << 20,
        }
    }
}

impl Default for Transport {
    fn default() -> Self {
        Transport {
            read_timeout_ns: 60 * SECOND_NS,
            ping_interval_ns: 25 * SECOND_NS,
            pong_timeout_ns: 10 * SECOND_NS,
            write_timeout_ns: 10 * SECOND_NS,
            close_timeout_ns: 5 * SECOND_NS,
            message_bytes_max: 64 * 1024,
            fragments_max: 1_024,
            outbox_bytes_max: 1 << 20,
            outbox_frames_max: 8_192,
            compression: Compression::default(),
        }
    }
}

impl Default for Compression {
    fn default() -> Self {
        Compression {
            enabled: false,
            context_takeover: false,
            level: 1,
            bytes_min: 1_024,
            window_bits: 15,
        }
    }
}

impl Default for TokenSources {
    fn default() -> Self {
        TokenSources { cookie: true, bearer: true, subprotocol: true, query: true }
    }
}

impl Default for Protocol {
    fn default() -> Self {
        Protocol::Json { incoming: WireNames::default(), outgoing: WireNames::default() }
    }
}

impl Default for WireNames {
    fn default() -> Self {
        WireNames {
            event: "event".into(),
            target: "target".into(),
            payload: "payload".into(),
            id: "id".into(),
            position: "position".into(),
        }
    }
}

impl Default for Errors {
    fn default() -> Self {
        Errors { reply: true, event: "error".into(), places: false, denials: false }
    }
}

impl Default for Cors {
    fn default() -> Self {
        Cors {
            origins: Vec::new(),
            methods: ["GET", "HEAD", "POST"].map(str::to_owned).to_vec(),
            headers: Vec::new(),
            expose_headers: Vec::new(),
            credentials: false,
            max_age_s: 0,
        }
    }
}

impl Default for Drain {
    fn default() -> Self {
        Drain { over_ns: 5 * SECOND_NS, deadline_ns: 30 * SECOND_NS }
    }
}

impl Default for Log {
    fn default() -> Self {
        Log { level: "info".into(), format: LogFormat::Auto }
    }
}
