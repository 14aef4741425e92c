//! Which certificate a client is shown: that of the name it asks for, or the first.
//!
//! Invariants: a name is matched as a client does (subject alternative names, wildcards of one
//! label, RFC 9525), so whoever asks for a name of one of the certificates accepts what it is
//! shown.

use std::sync::Arc;

use rustls::client::verify_server_name;
use rustls::pki_types::ServerName;
use rustls::server::{ClientHello, ParsedCertificate, ResolvesServerCert};
use rustls::sign::CertifiedKey;

/// Certificates with their keys; there is at least one.
#[derive(Debug)]
pub struct Certificates(pub Vec<Arc<CertifiedKey>>);

impl Certificates {
    fn named(&self, name: &str) -> Option<Arc<CertifiedKey>> {
        let name = ServerName::try_from(name).ok()?;
        let is_of = |one: &&Arc<CertifiedKey>| {
            let parsed = one.end_entity_cert().and_then(ParsedCertificate::try_from);
            parsed.is_ok_and(|parsed| verify_server_name(&parsed, &name).is_ok())
        };
        self.0.iter().find(is_of).cloned()
    }
}

impl ResolvesServerCert for Certificates {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let named = match (self.0.len(), hello.server_name()) {
            (2.., Some(name)) => self.named(name),
            _ => None,
        };
        named.or_else(|| self.0.first().cloned())
    }
}
