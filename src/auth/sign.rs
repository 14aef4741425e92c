//! Makes tokens that the same settings accept: for `token make` and the development page.
//!
//! Invariants: signs with the first HMAC key only; a public key cannot sign.

use std::fmt;

use jsonwebtoken::{EncodingKey, Header};
use serde_json::{Map, Value, json};

use super::verifier::library_algorithm;
use crate::clock::Now;
use crate::settings::{self, JwtAlgorithm};

/// What a new token shall say.
#[derive(Clone, Debug)]
pub struct TokenRequest {
    pub subject: String,
    pub permissions: Vec<String>,
    pub ttl_s: u64,
}

/// Why no token was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignError {
    /// Only public keys are configured, or none.
    NoSecret,
    Failed,
}

impl fmt::Display for SignError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            SignError::NoSecret => "no HMAC secret is configured to sign with",
            SignError::Failed => "the token could not be signed",
        })
    }
}

/// A signed token, with the issuer and audience that `auth` demands.
pub fn sign(auth: &settings::Auth, request: &TokenRequest, now: Now) -> Result<String, SignError> {
    sign_with(auth, request, &Map::new(), now)
}

/// The same with more claims; they win over the usual ones.
pub fn sign_with(
    auth: &settings::Auth,
    request: &TokenRequest,
    more: &Map<String, Value>,
    now: Now,
) -> Result<String, SignError> {
    let key = auth.keys.iter().find(|key| is_hmac(key.algorithm)).ok_or(SignError::NoSecret)?;
    let mut header = Header::new(library_algorithm(key.algorithm));
    header.kid = key.kid.clone();
    let mut claims = claims(auth, request, now);
    for (name, value) in more {
        claims[name] = value.clone();
    }
    jsonwebtoken::encode(&header, &claims, &EncodingKey::from_secret(&key.material))
        .map_err(|_| SignError::Failed)
}

fn claims(auth: &settings::Auth, request: &TokenRequest, now: Now) -> Value {
    let mut claims = json!({
        "sub": request.subject,
        "iat": now.unix_s(),
        "exp": now.unix_s().saturating_add(request.ttl_s),
    });
    if !request.permissions.is_empty() {
        claims["perms"] = request.permissions.clone().into();
    }
    if let Some(issuer) = &auth.issuer {
        claims["iss"] = issuer.clone().into();
    }
    if let Some(audience) = auth.audience.first() {
        claims["aud"] = audience.clone().into();
    }
    claims
}

fn is_hmac(algorithm: JwtAlgorithm) -> bool {
    matches!(algorithm, JwtAlgorithm::Hs256 | JwtAlgorithm::Hs384 | JwtAlgorithm::Hs512)
}
