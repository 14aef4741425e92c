//! The options of `server.tls`, and what only shows when they are looked at together.
//!
//! Invariants: where a certificate is named, its key is too; the files are read elsewhere
//! (`config::certificates`), where there is a clock. Called through `options` and `draft`.

use std::path::PathBuf;

use super::super::codes::Code;
use super::super::diagnostic::{Diagnostic, Findings};
use super::draft::Draft;
use super::registry::Effect::{New, Restart};
use super::registry::key;
use super::registry::{Given, Key, Kind};
use super::special::addresses;
use super::value::Problem;
use crate::settings::TlsVersion;

pub const CERT: Key = key(
    "server.tls.cert",
    "",
    New,
    Kind::Texts("a file, or a list of files", |draft, given| {
        draft.settings.server.tls.certs = paths(given)?;
        Ok(())
    }),
    "PEM file of the certificate with its chain, the server's own first; with it \
     `server.address` speaks TLS. Several files for several names: a client is shown the first \
     that is valid for the name it asks for, or else the first. Relative to the folder of this \
     file. A reload reads it again. See [tls.md](tls.md).",
);

pub const KEY: Key = key(
    "server.tls.key",
    "",
    New,
    Kind::Texts("a file, or a list of files", |draft, given| {
        draft.settings.server.tls.keys = paths(given)?;
        Ok(())
    }),
    "PEM file of the private key of `server.tls.cert`, not encrypted; as many, in the same order.",
);

pub const ADDRESS: Key = key(
    "server.tls.address",
    "",
    Restart,
    Kind::Texts("`:port` or `ip:port`, or a list", |draft, given| {
        draft.settings.server.tls.addresses = addresses(given)?;
        Ok(())
    }),
    "Where to speak TLS, where `server.address` is to stay plain. Empty: `server.address` itself \
     speaks TLS.",
);

pub const MIN_VERSION: Key = key(
    "server.tls.minVersion",
    "1.2",
    New,
    Kind::Choice(&["1.2", "1.3"], |draft, n| {
        draft.settings.server.tls.min_version = [TlsVersion::V1_2, TlsVersion::V1_3][n];
    }),
    "The oldest TLS version spoken; older ones than 1.2 are not spoken at all.",
);

pub const CLIENT_CA: Key = key(
    "server.tls.clientCa",
    "",
    New,
    Kind::Text(|draft, text| draft.settings.server.tls.client_ca = Some(text.into())),
    "PEM file of authorities. With it every client, of pages too, must show a certificate that \
     one of them signed.",
);

fn paths(given: &Given) -> Result<Vec<PathBuf>, Problem> {
    match given.texts.iter().any(String::is_empty) {
        true => Err(Problem::new(Code::BadValue, "a file's name is empty")),
        false => Ok(given.texts.iter().map(PathBuf::from).collect()),
    }
}

/// Every certificate has its key.
pub fn check(draft: &Draft, findings: &mut Findings) {
    let tls = &draft.settings.server.tls;
    let (certs, keys) = (tls.certs.len(), tls.keys.len());
    let given = draft.place_of(&[CERT.path, KEY.path, ADDRESS.path, CLIENT_CA.path]);
    let (Some(place), true) = (given, certs != keys || certs == 0) else { return };
    let (message, help) = match (certs, keys) {
        (0, 0) => ("there is no certificate".to_owned(), "set `cert` and `key` too"),
        (0, _) => ("a key without a certificate".to_owned(), "set `cert` too"),
        (_, 0) => ("a certificate without its key".to_owned(), "set `key` too"),
        _ => (
            format!("{certs} in `cert`, but {keys} in `key`"),
            "give as many keys as certificates, in the same order",
        ),
    };
    let finding = Diagnostic::new(Code::TlsIncomplete, format!("`server.tls`: {message}"));
    findings.push(finding.at(place, "").help(help));
}
