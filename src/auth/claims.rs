//! The claims of a token whose signature was already checked: strict types, times, issuer,
//! audience.
//!
//! Invariants: a claim of the wrong type refuses the token, it is never taken for an absent one; a
//! claim that is given twice refuses it too. Called by `verifier` alone.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, Visitor};

use super::verifier::AuthError;
use crate::clock::Now;
use crate::limits::NAME_BYTES_MAX;
use crate::settings;

/// What a valid token says. Not printable: claims are the user's business, not the log's.
#[derive(Clone, PartialEq, Eq)]
pub struct Claims {
    /// `sub`: non-empty, at most `NAME_BYTES_MAX` bytes, printable.
    pub user: Box<str>,
    /// `perms`, as given; the caller refuses names that the program does not declare.
    pub permissions: Vec<Box<str>>,
    /// The claims object as it stood in the token.
    pub json: Vec<u8>,
    /// `exp`, without the leeway.
    pub expires_unix_s: Option<u64>,
}

/// The claims this engine reads, as they stand in the token.
#[derive(serde::Deserialize)]
struct RawClaims<'t> {
    #[serde(borrow)]
    sub: Cow<'t, str>,
    // Go marshals an empty list as null, and the original's issuers are written in Go.
    #[serde(default)]
    perms: Option<Vec<Box<str>>>,
    #[serde(default, deserialize_with = "present")]
    exp: Option<NumericDate>,
    #[serde(default, deserialize_with = "present")]
    nbf: Option<NumericDate>,
    #[serde(default, deserialize_with = "present")]
    iss: Option<Box<str>>,
    #[serde(default, deserialize_with = "present")]
    aud: Option<Audience>,
}

/// Seconds since the epoch, possibly with a fraction (RFC 7519 section 2).
struct NumericDate(u64);

/// One audience or several (RFC 7519 section 4.1.3).
#[derive(serde::Deserialize)]
#[serde(untagged)]
enum Audience {
    One(Box<str>),
    Several(Vec<Box<str>>),
}

/// Reads and judges the claims object of a token.
pub(super) fn read(json: &str, rules: &settings::Auth, now: Now) -> Result<Claims, AuthError> {
    let raw = parse(json)?;
    check_subject(&raw.sub)?;
    check_times(&raw, rules, now.unix_s())?;
    check_issuer(&raw, rules)?;
    check_audience(&raw, rules)?;
    Ok(Claims {
        user: raw.sub.into(),
        permissions: raw.perms.unwrap_or_default(),
        json: json.as_bytes().to_vec(),
        expires_unix_s: raw.exp.map(|date| date.0),
    })
}

/// A derived struct also accepts a JSON array of its fields; claims must be an object.
fn parse(json: &str) -> Result<RawClaims<'_>, AuthError> {
    match json.starts_with('{') {
        true => serde_json::from_str(json).map_err(|_| AuthError::Claims),
        false => Err(AuthError::Claims),
    }
}

fn check_subject(sub: &str) -> Result<(), AuthError> {
    let usable = !sub.is_empty() && sub.len() <= NAME_BYTES_MAX && sub.chars().all(printable);
    usable.then_some(()).ok_or(AuthError::Subject)
}

/// No control characters, and none that only change how the text around them looks.
fn printable(c: char) -> bool {
    !c.is_control()
        && !matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}')
        && c != '\u{feff}'
}

fn check_times(raw: &RawClaims, rules: &settings::Auth, now_s: u64) -> Result<(), AuthError> {
    match &raw.exp {
        None if rules.require_expiry => return Err(AuthError::NoExpiry),
        Some(exp) if now_s >= exp.0.saturating_add(rules.leeway_s) => {
            return Err(AuthError::Expired);
        }
        _ => {}
    }
    match &raw.nbf {
        Some(nbf) if now_s.saturating_add(rules.leeway_s) < nbf.0 => Err(AuthError::NotYetValid),
        _ => Ok(()),
    }
}

fn check_issuer(raw: &RawClaims, rules: &settings::Auth) -> Result<(), AuthError> {
    match (&rules.issuer, &raw.iss) {
        (Some(demanded), given) if given.as_deref() != Some(demanded) => Err(AuthError::Issuer),
        _ => Ok(()),
    }
}

/// Without a configured audience a token may name any: the original's issuer always sends one.
fn check_audience(raw: &RawClaims, rules: &settings::Auth) -> Result<(), AuthError> {
    let ours = |name: &str| rules.audience.iter().any(|own| own == name);
    let met = match &raw.aud {
        _ if rules.audience.is_empty() => true,
        Some(Audience::One(name)) => ours(name),
        Some(Audience::Several(names)) => names.iter().any(|name| ours(name)),
        None => false,
    };
    met.then_some(()).ok_or(AuthError::Audience)
}

/// A field that may be absent but, where given, must have its type; null has none.
fn present<'de, D: Deserializer<'de>, T: Deserialize<'de>>(from: D) -> Result<Option<T>, D::Error> {
    T::deserialize(from).map(Some)
}

impl<'de> Deserialize<'de> for NumericDate {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(NumericDateVisitor)
    }
}

struct NumericDateVisitor;

impl Visitor<'_> for NumericDateVisitor {
    type Value = NumericDate;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("seconds since 1970")
    }

    fn visit_u64<E>(self, seconds: u64) -> Result<NumericDate, E> {
        Ok(NumericDate(seconds))
    }

    fn visit_f64<E: serde::de::Error>(self, seconds: f64) -> Result<NumericDate, E> {
        match seconds.is_finite() && seconds >= 0.0 && seconds < u64::MAX as f64 {
            true => Ok(NumericDate(seconds as u64)),
            false => Err(E::custom("a time out of range")),
        }
    }

    fn visit_i64<E: serde::de::Error>(self, _: i64) -> Result<NumericDate, E> {
        Err(E::custom("a time before 1970"))
    }
}
