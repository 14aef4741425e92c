//! Certificates and keys from PEM files (RFC 7468), with what is wrong in a person's words.

use std::io::ErrorKind;
use std::path::Path;

use rustls::pki_types::pem::{Error, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::identity::{Part, Problem, Wrong};

/// Bytes of a file that may hold certificates; bundles of all authorities are smaller.
const FILE_BYTES_MAX: u64 = 4 << 20;

/// The bytes of a file.
pub fn read(part: Part, path: &Path) -> Result<Vec<u8>, Problem> {
    let unreadable = |why: String, help: &str| {
        let problem = Problem::new(part, path, Wrong::Unreadable, format!("cannot be read: {why}"));
        problem.help(help)
    };
    let about = std::fs::metadata(path).and_then(|about| match about.is_file() {
        true => Ok(about),
        false => Err(std::io::Error::other("it is not a file")),
    });
    let bytes = about.and_then(|about| match about.len() <= FILE_BYTES_MAX {
        true => std::fs::read(path),
        false => Err(std::io::Error::other("it is larger than 4 MiB")),
    });
    bytes.map_err(|error| match error.kind() {
        ErrorKind::NotFound => unreadable(
            "there is no such file".into(),
            "a path is relative to the folder of the configuration file",
        ),
        ErrorKind::PermissionDenied => unreadable(
            "permission denied".into(),
            "let the server's user read it (`chgrp`, `chmod 640`), and enter its folders",
        ),
        _ => unreadable(error.to_string(), "check the path"),
    })
}

/// The certificates of a file, in its order; there is at least one.
pub fn certificates(
    part: Part,
    path: &Path,
    text: &[u8],
) -> Result<Vec<CertificateDer<'static>>, Problem> {
    let not_pem = |message: String| Problem::new(part, path, Wrong::NotPem, message);
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(text).collect();
    let found = found.map_err(|error| {
        let message = format!("is not valid PEM: {}", fault(&error));
        not_pem(message).help("copy the whole of it, the lines that begin with `-----` included")
    })?;
    match found.is_empty() {
        false => Ok(found),
        true => Err(not_pem(format!("holds no certificate{}", but(text))).help(
            "a certificate begins with `-----BEGIN CERTIFICATE-----`; `openssl x509 -inform der \
             -in FILE` makes PEM of DER",
        )),
    }
}

/// The private key of a file.
pub fn key(path: &Path, text: &[u8]) -> Result<PrivateKeyDer<'static>, Problem> {
    if holds(text, "ENCRYPTED") {
        let problem = Problem::new(Part::Key, path, Wrong::Encrypted, "is encrypted".into());
        return Err(problem.help(
            "nobody types its password when a server starts: `openssl pkey -in FILE -out PLAIN` \
             decrypts it; keep the result readable to the server only",
        ));
    }
    PrivateKeyDer::from_pem_slice(text).map_err(|_| {
        let message = format!("holds no private key{}", but(text));
        Problem::new(Part::Key, path, Wrong::NotPem, message)
            .help("a key begins with `-----BEGIN PRIVATE KEY-----` (or RSA, or EC)")
    })
}

fn fault(error: &Error) -> String {
    match error {
        Error::MissingSectionEnd { .. } => "a section without its `-----END` line".into(),
        Error::IllegalSectionStart { .. } => "a `-----BEGIN` line that is not one".into(),
        other => other.to_string(),
    }
}

/// What there is instead.
fn but(text: &[u8]) -> &'static str {
    match text {
        _ if text.is_empty() => ": it is empty",
        _ if holds(text, "PRIVATE KEY-----") => ", but a private key",
        _ if holds(text, "-----BEGIN CERTIFICATE-----") => ", but a certificate",
        _ if holds(text, "-----BEGIN ") => "",
        [0x30, 0x80..=0x84, ..] => ": it looks like DER",
        _ => ": it is no PEM",
    }
}

fn holds(text: &[u8], what: &str) -> bool {
    text.windows(what.len()).any(|window| window == what.as_bytes())
}
