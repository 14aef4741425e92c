//! JWT verification (RFC 7519, RFC 8725): the algorithm belongs to the key, never to the token.
//!
//! Invariants: a header with `crit` or a key of its own is refused; a secret shorter than its hash
//! is no key. Signatures are checked by jsonwebtoken, claims by `claims` against the caller's
//! clock.

use std::fmt;

use jsonwebtoken::{Algorithm, DecodingKey, Header, Validation};
use serde_json::value::RawValue;

use super::claims::{self, Claims};
use crate::clock::Now;
use crate::limits::{SECRET_BYTES_MIN, TOKEN_BYTES_MAX};
use crate::settings::{self, AuthKey, AuthMode, JwtAlgorithm};

/// Verifies session tokens against pinned keys. Holds secrets, so it cannot be printed.
pub struct Verifier {
    keys: Vec<Key>,
    rules: settings::Auth,
}

struct Key {
    decoding: DecodingKey,
    /// Signature and algorithm only: the library's claim checks read its own clock.
    validation: Validation,
    algorithm: Algorithm,
    kid: Option<String>,
}

/// Why a token was refused; never with any of its text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuthError {
    /// Longer than `TOKEN_BYTES_MAX`.
    TooLong,
    /// Not three base64url parts with a JSON header.
    Malformed,
    /// The header demands an extension or brings its own key.
    Header,
    /// No key of ours has this algorithm and key id.
    NoKey,
    Signature,
    /// A claim is missing, twice there, or of the wrong type.
    Claims,
    /// `sub` is empty, too long or not printable.
    Subject,
    Expired,
    NotYetValid,
    /// `exp` is demanded and missing.
    NoExpiry,
    Issuer,
    Audience,
}

impl AuthError {
    /// A short stable label for logs and counters.
    pub fn label(self) -> &'static str {
        match self {
            AuthError::TooLong => "token_too_long",
            AuthError::Malformed => "malformed",
            AuthError::Header => "unsupported_header",
            AuthError::NoKey => "no_key_for_algorithm",
            AuthError::Signature => "bad_signature",
            AuthError::Claims => "bad_claims",
            AuthError::Subject => "bad_subject",
            AuthError::Expired => "expired",
            AuthError::NotYetValid => "not_yet_valid",
            AuthError::NoExpiry => "no_expiry",
            AuthError::Issuer => "wrong_issuer",
            AuthError::Audience => "wrong_audience",
        }
    }
}

impl fmt::Display for AuthError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.label())
    }
}

/// Why a configured key is no key; never with any of its text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyError {
    /// Tokens are demanded and there is no key.
    Missing,
    SecretTooShort {
        bytes: usize,
        bytes_min: usize,
    },
    /// A secret everybody knows or can guess.
    KnownSecret,
    BadPem {
        algorithm: JwtAlgorithm,
    },
}

impl fmt::Display for KeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const REMEDY: &str = "set SHARDWIRE_SERVER_AUTH_JWTSECRET=$(openssl rand -hex 32)";
        match self {
            KeyError::Missing => write!(f, "no JWT secret is configured; {REMEDY}"),
            KeyError::SecretTooShort { bytes, bytes_min } => write!(
                f,
                "the JWT secret has {bytes} bytes and needs at least {bytes_min}; {REMEDY}"
            ),
            KeyError::KnownSecret => write!(f, "the JWT secret is a well-known one; {REMEDY}"),
            KeyError::BadPem { algorithm } => {
                write!(f, "the {algorithm:?} key is not a PEM public key of that kind")
            }
        }
    }
}

impl Verifier {
    pub fn new(auth: &settings::Auth) -> Result<Verifier, KeyError> {
        if auth.mode == AuthMode::Jwt && auth.keys.is_empty() {
            return Err(KeyError::Missing);
        }
        let keys = auth.keys.iter().map(Key::new).collect::<Result<_, _>>()?;
        Ok(Verifier { keys, rules: auth.clone() })
    }

    /// Judges one token at the time `now`.
    pub fn verify(&self, token: &str, now: Now) -> Result<Claims, AuthError> {
        check_shape(token)?;
        let header = jsonwebtoken::decode_header(token).map_err(|_| AuthError::Malformed)?;
        check_header(&header)?;
        let json = self.signed_claims(token, &header)?;
        claims::read(json.get(), &self.rules, now)
    }

    /// The claims text, if a key that the header may mean has signed it.
    fn signed_claims(&self, token: &str, header: &Header) -> Result<Box<RawValue>, AuthError> {
        let mut refusal = AuthError::NoKey;
        for key in self.keys.iter().filter(|key| key.fits(header)) {
            match jsonwebtoken::decode::<Box<RawValue>>(token, &key.decoding, &key.validation) {
                Ok(data) => return Ok(data.claims),
                Err(error) => refusal = refusal_of(&error),
            }
        }
        Err(refusal)
    }
}

/// Three parts of base64url and nothing else, before any of it is decoded.
fn check_shape(token: &str) -> Result<(), AuthError> {
    if token.len() > TOKEN_BYTES_MAX {
        return Err(AuthError::TooLong);
    }
    let part = |part: &str| {
        !part.is_empty()
            && part.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
    };
    match token.split('.').count() == 3 && token.split('.').all(part) {
        true => Ok(()),
        false => Err(AuthError::Malformed),
    }
}

/// RFC 8725 section 3.10: a token may not choose where its key comes from; RFC 7515 section 4.1.11:
/// an extension that is not understood refuses the token.
fn check_header(header: &Header) -> Result<(), AuthError> {
    let brings_key = header.jku.is_some() || header.jwk.is_some() || header.x5u.is_some();
    let extended = header.crit.is_some() || header.enc.is_some() || header.zip.is_some();
    match brings_key || extended || header.x5c.is_some() {
        true => Err(AuthError::Header),
        false => Ok(()),
    }
}

fn refusal_of(error: &jsonwebtoken::errors::Error) -> AuthError {
    use jsonwebtoken::errors::ErrorKind;
    match error.kind() {
        ErrorKind::InvalidSignature => AuthError::Signature,
        ErrorKind::InvalidToken | ErrorKind::Base64(_) => AuthError::Malformed,
        ErrorKind::Json(_) | ErrorKind::Utf8(_) => AuthError::Claims,
        _ => AuthError::NoKey,
    }
}

impl Key {
    fn new(key: &AuthKey) -> Result<Key, KeyError> {
        let algorithm = library_algorithm(key.algorithm);
        Ok(Key {
            decoding: decoding_key(key)?,
            validation: signature_only(algorithm),
            algorithm,
            kid: key.kid.clone(),
        })
    }

    /// A key without an id serves tokens of any id; two different ids never fit.
    fn fits(&self, header: &Header) -> bool {
        let same_id = match (&self.kid, &header.kid) {
            (Some(own), Some(given)) => own == given,
            _ => true,
        };
        same_id && self.algorithm == header.alg
    }
}

fn signature_only(algorithm: Algorithm) -> Validation {
    let mut validation = Validation::new(algorithm);
    validation.required_spec_claims.clear();
    validation.validate_exp = false;
    validation.validate_nbf = false;
    validation.validate_aud = false;
    validation
}

fn decoding_key(key: &AuthKey) -> Result<DecodingKey, KeyError> {
    use JwtAlgorithm::*;
    let pem = match key.algorithm {
        Hs256 | Hs384 | Hs512 => {
            check_secret(key)?;
            return Ok(DecodingKey::from_secret(&key.material));
        }
        Rs256 | Rs384 | Rs512 | Ps256 | Ps384 | Ps512 => DecodingKey::from_rsa_pem(&key.material),
        Es256 | Es384 => DecodingKey::from_ec_pem(&key.material),
        EdDsa => DecodingKey::from_ed_pem(&key.material),
    };
    pem.map_err(|_| KeyError::BadPem { algorithm: key.algorithm })
}

/// Parts of the secrets that examples and tutorials ship, in lower case.
const KNOWN_PARTS: [&str; 8] = [
    "changeme",
    "change-me",
    "change_me",
    "change-this",
    "replace-me",
    "your-secret",
    "your-256-bit-secret",
    "a-string-secret-at-least-256-bits",
];

/// A secret must be as long as the hash (RFC 7518 section 3.2) and not one that is easily guessed.
fn check_secret(key: &AuthKey) -> Result<(), KeyError> {
    let secret = &key.material;
    let bytes_min = match key.algorithm {
        JwtAlgorithm::Hs384 => 48,
        JwtAlgorithm::Hs512 => 64,
        _ => SECRET_BYTES_MIN,
    };
    if secret.len() < bytes_min {
        return Err(KeyError::SecretTooShort { bytes: secret.len(), bytes_min });
    }
    match guessable(secret) {
        true => Err(KeyError::KnownSecret),
        false => Ok(()),
    }
}

fn guessable(secret: &[u8]) -> bool {
    let text = String::from_utf8_lossy(secret).to_ascii_lowercase();
    let known = KNOWN_PARTS.iter().any(|part| text.contains(part));
    let mut distinct = secret.to_vec();
    distinct.sort_unstable();
    distinct.dedup();
    known || distinct.len() < 8
}

pub(super) fn library_algorithm(algorithm: JwtAlgorithm) -> Algorithm {
    match algorithm {
        JwtAlgorithm::Hs256 => Algorithm::HS256,
        JwtAlgorithm::Hs384 => Algorithm::HS384,
        JwtAlgorithm::Hs512 => Algorithm::HS512,
        JwtAlgorithm::Rs256 => Algorithm::RS256,
        JwtAlgorithm::Rs384 => Algorithm::RS384,
        JwtAlgorithm::Rs512 => Algorithm::RS512,
        JwtAlgorithm::Ps256 => Algorithm::PS256,
        JwtAlgorithm::Ps384 => Algorithm::PS384,
        JwtAlgorithm::Ps512 => Algorithm::PS512,
        JwtAlgorithm::Es256 => Algorithm::ES256,
        JwtAlgorithm::Es384 => Algorithm::ES384,
        JwtAlgorithm::EdDsa => Algorithm::EdDSA,
    }
}
