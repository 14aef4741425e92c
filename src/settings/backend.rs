//! `backends:`, as typed values.
//!
//! Invariants: those of `Settings`. Read by `control::backends`.

use std::path::PathBuf;

/// One entry of `backends:`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Backend {
    pub name: String,
    /// Scheme, host, port and base path; no query, no credentials, no `/` at its end.
    pub url: String,
    /// For a whole call, attempts included.
    pub timeout_ns: u64,
    pub connect_timeout_ns: u64,
    /// Calls being made at a time; never 0.
    pub in_flight_max: usize,
    /// Calls that wait for one of those places; further ones fail at once.
    pub waiting_max: usize,
    pub response_bytes_max: usize,
    /// Sent with every call, names in lower case.
    pub headers: Vec<(String, String)>,
    pub retry: Retry,
    pub breaker: Option<Breaker>,
    /// A PEM file of authorities that are trusted beside the well-known ones.
    pub ca_file: Option<PathBuf>,
}

/// `backends.*.retry:` what is tried again where that cannot do a thing twice.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Retry {
    /// Nobody answered at the address.
    pub connect: bool,
    /// Of GET, PUT, DELETE, and of calls with an idempotency key.
    pub statuses: Vec<u16>,
    /// Attempts after the first.
    pub retries_max: u8,
    /// Before the first retry, doubled for each, jittered.
    pub delay_ns: u64,
}

/// `backends.*.breaker:`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Breaker {
    /// So many failures (no response, or 5xx) within the window open it.
    pub failures: u32,
    pub window_ns: u64,
    /// Then one call is let through, to see.
    pub open_ns: u64,
}
