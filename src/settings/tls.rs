//! `server.tls`: where TLS is spoken, and the files that it takes; nothing here reads them.

use std::net::SocketAddr;
use std::path::PathBuf;

/// `server.tls:`
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tls {
    /// Where TLS is spoken beside the plain addresses; where empty, all addresses speak TLS.
    pub addresses: Vec<SocketAddr>,
    /// PEM files, each the certificate of some names with its chain; the first is the default.
    pub certs: Vec<PathBuf>,
    /// Their keys, in the same order.
    pub keys: Vec<PathBuf>,
    pub min_version: TlsVersion,
    /// A PEM file of authorities one of which must have signed a client's certificate.
    pub client_ca: Option<PathBuf>,
}

impl Tls {
    pub fn is_on(&self) -> bool {
        !self.certs.is_empty()
    }
}

/// `server.tls.minVersion:`
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum TlsVersion {
    #[default]
    V1_2,
    V1_3,
}
