//! Calls to backends: what a shard asks of the control plane, and what comes back.
//!
//! Invariants: a call is made by a program, so its URL is the backend's own base and a path that
//! the compiler escaped; nothing in it can change the host. Every call is answered exactly once,
//! in the time its backend allows. Made by `pipeline`, carried by `shard` and `runtime`, answered
//! by `control`.

use std::fmt::Debug;
use std::sync::Arc;

use crate::ids::{BackendId, ConnKey};

/// One request.
#[derive(Clone, Debug)]
pub struct Call {
    /// Who waits.
    pub ticket: Ticket,
    pub backend: BackendId,
    pub method: Method,
    /// Path and query behind the backend's base, escaped; begins with `/`.
    pub target: Box<str>,
    /// Beside those of the backend: names in lower case, values without control characters.
    pub headers: Vec<(Box<str>, Box<str>)>,
    /// JSON.
    pub body: Option<Box<[u8]>>,
    /// Shorter than the backend's own, where the step says one.
    pub timeout_ns: Option<u64>,
    pub cache: Option<Caching>,
    /// The same for every attempt: sent as `Idempotency-Key`, and a POST with it may be retried.
    pub idempotency: Option<Box<str>>,
}

/// The run that waits; a connection has at most one, and a later one has another number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Ticket {
    pub conn: ConnKey,
    pub serial: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Method {
    Get,
    Post,
    Put,
    Patch,
    Delete,
}

impl Method {
    pub const ALL: [Method; 5] =
        [Method::Get, Method::Post, Method::Put, Method::Patch, Method::Delete];

    /// As HTTP writes it.
    pub fn name(self) -> &'static str {
        match self {
            Method::Get => "GET",
            Method::Post => "POST",
            Method::Put => "PUT",
            Method::Patch => "PATCH",
            Method::Delete => "DELETE",
        }
    }
}

/// Answers of the same backend and key are the same for a while; calls made meanwhile share one
/// request.
#[derive(Clone, Debug)]
pub struct Caching {
    /// Includes what tells one `call` step from another.
    pub key: Box<[u8]>,
    pub ttl_ns: u64,
    /// What a body must be to be used again; none is asked for anything.
    pub returns: Option<Arc<dyn Returns>>,
}

/// What a step says of the answers it can use.
pub trait Returns: Debug + Send + Sync {
    fn takes(&self, body: &[u8]) -> bool;
}

/// What came of a call.
#[derive(Clone, Debug)]
pub struct Answer {
    pub ticket: Ticket,
    pub result: Result<Reply, Failure>,
}

/// A response, whatever its status.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    pub status: u16,
    /// Whole, and within the backend's bound; not looked at yet.
    pub body: Arc<[u8]>,
}

/// Makes calls, from any thread and without waiting. A `BackendId` means what it means in the
/// configuration that this was made for.
pub trait Submit: Send + Sync {
    /// Asks for a call; its answer comes later, unless it is refused here.
    fn submit(&self, call: Call) -> Result<(), Failure>;
}

/// Where there are no backends.
#[derive(Clone, Copy, Debug)]
pub struct Nobody;

impl Submit for Nobody {
    fn submit(&self, _: Call) -> Result<(), Failure> {
        Err(Failure::Refused)
    }
}

/// Why there is no response.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Failure {
    /// None in time, attempts and waiting for a place included.
    Timeout,
    /// Nothing answers at the backend's address, or its certificate is not good.
    Unreachable,
    /// It closed or reset the connection, or did not speak HTTP.
    Broken,
    /// The body is over `responseBytesMax`.
    TooLarge,
    /// The breaker is open: it was not asked.
    BreakerOpen,
    /// As many calls as may are made or wait already.
    Overloaded,
    /// It was not asked: the target leaves the backend's base, or a header is none.
    Refused,
}
