//! TLS without sockets: certificates from files, and one connection's records in and out.
//!
//! ```text
//! files -> Identity (checked, once a start or reload) -> Acceptor -> Session (one a connection)
//! ciphertext -> Session::receive -> plaintext -> shard
//! socket     <- Session::encrypt <- plaintext <-
//! ```
//!
//! Invariants: no clock, no socket; a session keeps no buffer while nothing is incomplete; what a
//! peer can make a session keep is bounded. Called by `config` (files), `runtime` (sockets of
//! shards) and `control` (sockets that were handed over).

mod certificate;
mod fault;
mod identity;
mod names;
mod pem;
mod session;

use std::sync::{Arc, Mutex, PoisonError};

use rustls::ServerConfig;

pub use certificate::date;
pub use fault::{Failure, Fault};
pub use identity::{Expiry, Identity, Part, Problem, Wrong, read};
pub use session::{PLAIN_HTTP, Session};

/// Makes the sessions of new connections, by the newest certificates.
#[derive(Debug)]
pub struct Acceptor {
    newest: Mutex<Arc<ServerConfig>>,
}

impl Acceptor {
    pub fn new(identity: &Identity) -> Acceptor {
        Acceptor { newest: Mutex::new(Arc::clone(&identity.config)) }
    }

    /// Connections from now on are made by this; those there are go on as they began.
    pub fn renew(&self, identity: &Identity) {
        *self.newest.lock().unwrap_or_else(PoisonError::into_inner) = Arc::clone(&identity.config);
    }

    /// A session for a connection that was just accepted.
    pub fn accept(&self) -> Result<Session, Fault> {
        let newest = self.newest.lock().unwrap_or_else(PoisonError::into_inner);
        let config = Arc::clone(&newest);
        drop(newest);
        Session::new(config)
    }
}
