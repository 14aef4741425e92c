//! `/metrics` in Prometheus' text format: who may read it, and what it says.
//!
//! Invariants: a scrape stops nobody (it reads counters that have one writer each); how many series
//! there are is bounded by the number of shards and by the names in the configuration, never by
//! what clients send. Called by `http`.

mod backends;
mod figures;
mod format;
mod names;
mod served;

use std::net::IpAddr;

use axum::extract::{ConnectInfo, Request};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::Plane;
use super::dev::is_local;
use super::http::{is_proxied, refusal};
use super::intake::Peer;
use super::monitor::same;
use crate::settings::{Metrics, MetricsAccess};
pub(super) use served::Served;

pub(super) const PATH: &str = "/metrics";

const KIND: &str = "text/plain; version=0.0.4; charset=utf-8";

pub(super) fn answer(plane: &Plane, request: &Request) -> Response {
    let settings = plane.engine.reloads.settings();
    let peer = request.extensions().get::<ConnectInfo<Peer>>();
    let ip = peer.map(|ConnectInfo(peer)| peer.ip);
    match judge(&settings.metrics, request.headers(), ip) {
        Ok(()) => ([(header::CONTENT_TYPE, KIND)], figures::page(plane)).into_response(),
        Err(denied) => denied.answer(),
    }
}

/// Why somebody may not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Denied {
    Absent,
    Elsewhere,
    NoToken,
}

impl Denied {
    fn answer(self) -> Response {
        use StatusCode as Status;
        match self {
            Denied::Absent => refusal(Status::NOT_FOUND, "not_found", "there is nothing here"),
            Denied::Elsewhere => {
                let message = "only requests of this machine";
                refusal(Status::FORBIDDEN, "this_machine_only", message)
            }
            Denied::NoToken => {
                let mut refused = refusal(Status::UNAUTHORIZED, "no_token", "a token is needed");
                let scheme = HeaderValue::from_static("Bearer");
                refused.headers_mut().insert(header::WWW_AUTHENTICATE, scheme);
                refused
            }
        }
    }
}

fn judge(metrics: &Metrics, headers: &HeaderMap, ip: Option<IpAddr>) -> Result<(), Denied> {
    let here = ip.is_some_and(|ip| ip.to_canonical().is_loopback());
    match metrics.access {
        MetricsAccess::Public => Ok(()),
        MetricsAccess::Loopback if here && !is_proxied(headers) && is_local(headers) => Ok(()),
        MetricsAccess::Token if carries(headers, metrics.token.as_deref()) => Ok(()),
        MetricsAccess::Off => Err(Denied::Absent),
        MetricsAccess::Loopback => Err(Denied::Elsewhere),
        MetricsAccess::Token => Err(Denied::NoToken),
    }
}

/// Whether the request carries the token; how much of it is right does not show in the time taken.
fn carries(headers: &HeaderMap, token: Option<&str>) -> bool {
    let given = headers.get(header::AUTHORIZATION).map(HeaderValue::as_bytes);
    let given = given.and_then(|given| given.split_at_checked(7));
    let Some((scheme, given)) = given else { return false };
    let right = token.is_some_and(|token| !token.is_empty() && same(token.as_bytes(), given));
    scheme.eq_ignore_ascii_case(b"bearer ") && right
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOKEN: &str = "0123456789abcdef";

    fn status(access: MetricsAccess, ip: &str, lines: &[(&'static str, &str)]) -> u16 {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.insert(*name, value.parse().unwrap());
        }
        let metrics = Metrics { access, token: Some(TOKEN.into()) };
        let judged = judge(&metrics, &headers, Some(ip.parse().unwrap()));
        judged.map_or_else(|denied| denied.answer().status().as_u16(), |()| 200)
    }

    #[test]
    fn this_machine_is_who_asks_itself_by_its_own_name() {
        let host = ("host", "localhost:8080");
        let status = |ip: &str, lines: &[_]| status(MetricsAccess::Loopback, ip, lines);
        for ip in ["127.0.0.1", "127.1.2.3", "::1", "::ffff:127.0.0.1"] {
            assert_eq!(status(ip, &[host]), 200, "{ip}");
        }
        for ip in ["10.0.0.1", "::ffff:10.0.0.1", "2001:db8::1", "0.0.0.0"] {
            assert_eq!(status(ip, &[host]), 403, "{ip}");
        }
        assert_eq!(status("127.0.0.1", &[]), 403);
        assert_eq!(status("127.0.0.1", &[("host", "evil.example")]), 403);
        for name in ["x-forwarded-for", "forwarded", "via", "x-real-ip"] {
            assert_eq!(status("127.0.0.1", &[host, (name, "127.0.0.1")]), 403, "{name}");
        }
    }

    #[test]
    fn a_token_is_right_or_it_is_not() {
        let status =
            |value: &str| status(MetricsAccess::Token, "10.0.0.1", &[("authorization", value)]);
        assert_eq!(status(&format!("Bearer {TOKEN}")), 200);
        assert_eq!(status(&format!("bearer {TOKEN}")), 200);
        for wrong in [
            format!("Bearer {}", &TOKEN[1..]),
            format!("Bearer {TOKEN}0"),
            format!("Bearer {}", TOKEN.to_uppercase()),
            format!("Basic {TOKEN}"),
            format!("Bearer{TOKEN}"),
            TOKEN.to_owned(),
            "Bearer ".to_owned(),
            String::new(),
        ] {
            assert_eq!(status(&wrong), 401, "{wrong}");
        }
        assert!(!carries(&HeaderMap::new(), Some("")));
    }
}
