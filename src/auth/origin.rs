//! Which web pages may open a connection (cross-site WebSocket hijacking, CWE-1385).
//!
//! Invariants: a request without `Origin` comes from no browser and is not judged here; an origin
//! that is not `scheme://host[:port]` to the letter is refused, `null` included.

use crate::settings::OriginRule;

/// Judges the `Origin` header; without rules a page may only reach the host it came from.
pub fn allowed(rules: &[OriginRule], origin: Option<&[u8]>, host: Option<&[u8]>) -> bool {
    let Some(origin) = origin else { return true };
    if rules.contains(&OriginRule::Any) {
        return true;
    }
    match Origin::parse(origin) {
        None => false,
        Some(origin) if rules.is_empty() => host.is_some_and(|host| origin.is_at(host)),
        Some(origin) => rules.iter().any(|rule| origin.matches(rule)),
    }
}

/// A lower-cased origin without its default port.
struct Origin {
    scheme: String,
    authority: String,
}

impl Origin {
    fn parse(bytes: &[u8]) -> Option<Origin> {
        let text = std::str::from_utf8(bytes).ok()?.to_ascii_lowercase();
        let (scheme, authority) = text.split_once("://")?;
        let known = scheme.bytes().all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(&b));
        if !known || scheme.is_empty() || !is_authority(authority) {
            return None;
        }
        let authority = without_default_port(scheme, authority).to_owned();
        Some(Origin { scheme: scheme.to_owned(), authority })
    }

    fn is_at(&self, host: &[u8]) -> bool {
        let Ok(host) = std::str::from_utf8(host) else { return false };
        let host = host.trim().to_ascii_lowercase();
        without_default_port(&self.scheme, &host) == self.authority
    }

    fn matches(&self, rule: &OriginRule) -> bool {
        match rule {
            OriginRule::Any => true,
            OriginRule::Exact(exact) => {
                exact.split_once("://") == Some((&self.scheme, &self.authority))
            }
            OriginRule::Subdomains { scheme, suffix } => {
                *scheme == self.scheme && is_below(&self.authority, suffix)
            }
        }
    }
}

/// Whether something stands before the suffix, which begins with its dot.
fn is_below(authority: &str, suffix: &str) -> bool {
    authority
        .strip_suffix(suffix)
        .is_some_and(|label| !label.is_empty() && suffix.starts_with('.') && !label.contains(':'))
}

/// `host` or `host:port`, the host a name or a bracketed IPv6 address: no user, path or blank.
fn is_authority(text: &str) -> bool {
    let (host, port) = split_port(text);
    let name = |b: u8| b.is_ascii_alphanumeric() || b"-._".contains(&b);
    let host_fits = match host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        Some(address) => address.parse::<std::net::Ipv6Addr>().is_ok(),
        None => !host.is_empty() && !host.starts_with('.') && host.bytes().all(name),
    };
    host_fits
        && port.is_none_or(|port| port.bytes().all(|b| b.is_ascii_digit()) && !port.is_empty())
}

/// The colon of a port stands behind the last bracket of an IPv6 address.
fn split_port(text: &str) -> (&str, Option<&str>) {
    let host_end = text.rfind(']').map_or(0, |bracket| bracket + 1);
    match text.get(host_end..).and_then(|rest| rest.find(':')) {
        Some(colon) => (&text[..host_end + colon], Some(&text[host_end + colon + 1..])),
        None => (text, None),
    }
}

/// An authority as it is compared: the port that the scheme has anyway is left out.
pub fn without_default_port<'a>(scheme: &str, authority: &'a str) -> &'a str {
    let default = match scheme {
        "http" => ":80",
        "https" => ":443",
        _ => return authority,
    };
    authority.strip_suffix(default).unwrap_or(authority)
}
