//! The only importer of glommio: pins one executor to a core and drives its shard over io_uring.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

use crate::auth::Verifier;
use crate::pipeline::program::Program;
use crate::settings::Settings;
use crate::shard::counters::Counters;
use crate::shard::handoff::Handoff;

/// Everything a running engine needs.
pub struct Launch {
    pub settings: Arc<Settings>,
    pub program: Arc<Program>,
    pub verifier: Arc<Verifier>,
    /// Takes requests that are not upgrades (called on a shard's thread; must not block).
    pub http: Arc<dyn Fn(Handoff) + Send + Sync>,
}

/// Why the engine could not start: one line with the remedy.
#[derive(Debug)]
pub struct StartError(pub String);

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A running engine.
pub struct Running {}

impl Running {
    /// Where it listens (port 0 in the settings is a port of the kernel's choice).
    pub fn addresses(&self) -> &[SocketAddr] {
        &[]
    }

    /// One block of counters per shard.
    pub fn counters(&self) -> &[Arc<Counters>] {
        &[]
    }

    /// Whether `drain` was called.
    pub fn draining(&self) -> bool {
        false
    }

    /// Begins the drain: no new connections, 1001 to every open one over `drain.over`.
    pub fn drain(&self) {}

    /// Waits until every shard has ended.
    pub fn wait(self) {}
}

/// Starts the shards; returns when every one listens.
pub fn launch(_launch: Launch) -> Result<Running, StartError> {
    Ok(Running {})
}
