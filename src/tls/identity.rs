//! What the server shows of itself: certificates and keys, read from files and checked.
//!
//! Invariants: an identity that exists can be served: keys fit, chains are in order, everything is
//! within its time. Everything wrong is told at once. Called through `config` at `check`, at the
//! start and at every reload.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::crypto::CryptoProvider;
use rustls::crypto::aws_lc_rs::{self, Ticketer};
use rustls::pki_types::CertificateDer;
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{NoClientAuth, WebPkiClientVerifier};
use rustls::sign::CertifiedKey;
use rustls::version::{TLS12, TLS13};
use rustls::{Error, RootCertStore, ServerConfig};

use super::certificate::{Facts, date, facts};
use super::names::Certificates;
use super::pem;
use crate::settings::{Tls, TlsVersion};

/// Tickets a client gets to go on with its session later, in each TLS 1.3 handshake.
const TICKETS: usize = 1;

/// What all connections speak; HTTP/2 would need another way to open a WebSocket.
const PROTOCOL: &[u8] = b"http/1.1";

/// Certificates that can be served.
#[derive(Clone, Debug)]
pub struct Identity {
    pub(super) config: Arc<ServerConfig>,
    /// The certificate that expires first.
    pub expiry: Expiry,
    /// Of everything that the files hold and the options say.
    fingerprint: u64,
}

impl Identity {
    /// Whether the other shows and demands the same.
    pub fn is_same(&self, other: &Identity) -> bool {
        self.fingerprint == other.fingerprint
    }
}

/// When a certificate ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expiry {
    pub file: PathBuf,
    pub unix_s: u64,
}

/// The option that is at fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    Cert,
    Key,
    ClientCa,
}

/// What is wrong with a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wrong {
    Unreadable,
    NotPem,
    Encrypted,
    Mismatch,
    OutOfTime,
    Chain,
}

/// Something wrong, for whoever reads the configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    pub part: Part,
    pub wrong: Wrong,
    /// A sentence with the file's name.
    pub message: String,
    pub help: String,
}

impl Problem {
    pub(super) fn new(part: Part, path: &Path, wrong: Wrong, what: String) -> Problem {
        let message = format!("{} {what}", path.display());
        Problem { part, wrong, message, help: String::new() }
    }

    pub(super) fn help(self, text: &str) -> Problem {
        Problem { help: text.into(), ..self }
    }
}

/// Reads what the options name, relative to a folder, and checks it as of now.
pub fn read(tls: &Tls, folder: &Path, now_unix_s: u64) -> Result<Identity, Vec<Problem>> {
    let mut reading = Reading {
        provider: Arc::new(aws_lc_rs::default_provider()),
        now_unix_s,
        problems: Vec::new(),
        hasher: DefaultHasher::new(),
        expiry: None,
    };
    tls.min_version.hash(&mut reading.hasher);
    let pairs = tls.certs.iter().zip(&tls.keys);
    let pairs = pairs.map(|(cert, key)| (folder.join(cert), folder.join(key)));
    let certificates: Vec<_> =
        pairs.filter_map(|(cert, key)| reading.pair(&cert, &key).map(Arc::new)).collect();
    let verifier = match &tls.client_ca {
        Some(path) => reading.verifier(&folder.join(path)),
        None => Some(Arc::new(NoClientAuth) as Arc<dyn ClientCertVerifier>),
    };
    let (Some(verifier), Some(expiry), true) =
        (verifier, reading.expiry.take(), reading.problems.is_empty())
    else {
        return Err(reading.problems);
    };
    let fingerprint = reading.hasher.finish();
    let config = served(reading.provider, tls.min_version, verifier, Certificates(certificates));
    let config = config.map_err(|error| {
        let message = format!("TLS cannot be set up: {error}");
        vec![Problem { part: Part::Cert, wrong: Wrong::Unreadable, message, help: String::new() }]
    })?;
    Ok(Identity { config: Arc::new(config), expiry, fingerprint })
}

fn served(
    provider: Arc<CryptoProvider>,
    min_version: TlsVersion,
    verifier: Arc<dyn ClientCertVerifier>,
    certificates: Certificates,
) -> Result<ServerConfig, Error> {
    let versions: &[_] = match min_version {
        TlsVersion::V1_2 => &[&TLS13, &TLS12],
        TlsVersion::V1_3 => &[&TLS13],
    };
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(versions)?
        .with_client_cert_verifier(verifier)
        .with_cert_resolver(Arc::new(certificates));
    config.alpn_protocols = vec![PROTOCOL.to_vec()];
    // Sessions are kept by the clients, in tickets that every shard can open. They end with the
    // certificates: whoever is trusted no more cannot go on.
    config.ticketer = Ticketer::new()?;
    config.send_tls13_tickets = TICKETS;
    config.session_storage = Arc::new(rustls::server::NoServerSessionStorage {});
    Ok(config)
}

/// Reading in progress.
struct Reading {
    provider: Arc<CryptoProvider>,
    now_unix_s: u64,
    problems: Vec<Problem>,
    hasher: DefaultHasher,
    expiry: Option<Expiry>,
}

impl Reading {
    fn note<T>(&mut self, result: Result<T, Problem>) -> Option<T> {
        result.map_err(|problem| self.problems.push(problem)).ok()
    }

    fn file(&mut self, part: Part, path: &Path) -> Option<Vec<u8>> {
        let text = pem::read(part, path);
        let text = self.note(text)?;
        text.hash(&mut self.hasher);
        Some(text)
    }

    /// A certificate with its chain, and its key.
    fn pair(&mut self, cert: &Path, key: &Path) -> Option<CertifiedKey> {
        let chain = self.file(Part::Cert, cert);
        let key_text = self.file(Part::Key, key);
        let chain = chain.map(|text| pem::certificates(Part::Cert, cert, &text));
        let chain = chain.and_then(|chain| self.note(chain));
        let key_der = key_text.map(|text| pem::key(key, &text));
        let key_der = key_der.and_then(|der| self.note(der));
        let chain = chain.filter(|chain| self.check_chain(cert, chain).is_some());
        let (chain, key_der) = (chain?, key_der?);
        let fitted = CertifiedKey::from_der(chain, key_der, &self.provider);
        self.note(fitted.map_err(|error| unfit(cert, key, &error)))
    }

    /// Each certificate is signed by the next, and all are within their time.
    fn check_chain(&mut self, path: &Path, chain: &[CertificateDer<'_>]) -> Option<()> {
        let known: Option<Vec<Facts<'_>>> = chain.iter().map(|der| facts(der)).collect();
        let known = known.ok_or_else(|| {
            let message = "holds a certificate that cannot be understood".to_owned();
            Problem::new(Part::Cert, path, Wrong::NotPem, message)
        });
        let known = self.note(known)?;
        let ordered = check_order(path, &known);
        self.note(ordered)?;
        for (place, facts) in known.iter().enumerate() {
            let in_time = self.check_time(path, place, facts);
            self.note(in_time)?;
            let expiry = Expiry { file: path.to_owned(), unix_s: facts.to_unix_s };
            if self.expiry.as_ref().is_none_or(|first| expiry.unix_s < first.unix_s) {
                self.expiry = Some(expiry);
            }
        }
        Some(())
    }

    fn check_time(&self, path: &Path, place: usize, facts: &Facts<'_>) -> Result<(), Problem> {
        let which = if place == 0 { "" } else { " (an authority's, in the chain)" };
        let wrong = |what: String| Problem::new(Part::Cert, path, Wrong::OutOfTime, what);
        if self.now_unix_s > facts.to_unix_s {
            let message = format!("expired on {}{which}", date(facts.to_unix_s));
            return Err(wrong(message).help("renew the certificate; clients refuse this one"));
        }
        if self.now_unix_s < facts.from_unix_s {
            let message = format!("is not valid before {}{which}", date(facts.from_unix_s));
            return Err(wrong(message).help("check this machine's clock, or wait until then"));
        }
        Ok(())
    }

    /// Who may connect, by the authorities of a file.
    fn verifier(&mut self, path: &Path) -> Option<Arc<dyn ClientCertVerifier>> {
        let text = self.file(Part::ClientCa, path)?;
        let found = pem::certificates(Part::ClientCa, path, &text);
        let mut roots = RootCertStore::empty();
        let unusable = |error: &dyn std::fmt::Display| {
            let message = format!("holds an authority that cannot be used: {error}");
            Problem::new(Part::ClientCa, path, Wrong::NotPem, message)
        };
        for certificate in self.note(found)? {
            let added = roots.add(certificate).map_err(|error| unusable(&error));
            self.note(added)?;
        }
        let provider = Arc::clone(&self.provider);
        let built = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build();
        let built = built.map_err(|error| unusable(&error));
        self.note(built).map(|verifier| verifier as Arc<dyn ClientCertVerifier>)
    }
}

fn unfit(cert: &Path, key: &Path, error: &Error) -> Problem {
    let message = match error {
        Error::InconsistentKeys(_) => format!("is not the key of {}", cert.display()),
        other => format!("cannot be used as a private key: {other}"),
    };
    Problem::new(Part::Key, key, Wrong::Mismatch, message).help(
        "`openssl x509 -noout -pubkey -in CERT` and `openssl pkey -pubout -in KEY` must print \
         the same",
    )
}

fn check_order(path: &Path, known: &[Facts<'_>]) -> Result<(), Problem> {
    let broken = known.windows(2).position(|pair| pair[0].issuer != pair[1].subject);
    let Some(place) = broken else { return Ok(()) };
    let (this, next) = (place + 1, place + 2);
    let message =
        format!("certificate {next} did not sign certificate {this}: the chain is broken");
    Err(Problem::new(Part::Cert, path, Wrong::Chain, message).help(
        "the server's own certificate comes first, then the one that signed it, and so on; the \
         root may be left out",
    ))
}
