//! What every answer has in common: whether its connection goes on, and some headers.
//!
//! Invariants: a connection is kept only where the configuration wants it, nobody else needs its
//! place, and no proxy has passed the request on: a proxy may send a WebSocket's request on a
//! connection that it used before, and here nobody could upgrade it. A request whose host is in
//! doubt is not looked at.

use std::sync::Arc;
use std::time::Instant;

use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, Version, header};
use axum::middleware::Next;
use axum::response::Response;

use super::super::Plane;
use super::super::intake::Peer;
use super::refusal;
use crate::ws::handshake::UpgradeRefusal;
use crate::ws::handshake::tokens::is_host;

/// What proxies add.
const PROXIED: [&str; 6] =
    ["forwarded", "via", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-real-ip"];

/// Whether a proxy passed the request on, as far as it says so.
pub(in crate::control) fn is_proxied(headers: &HeaderMap) -> bool {
    PROXIED.iter().any(|name| headers.contains_key(*name))
}

pub(super) async fn around(
    State(plane): State<Arc<Plane>>,
    ConnectInfo(peer): ConnectInfo<Peer>,
    request: Request,
    next: Next,
) -> Response {
    peer.life.renew();
    let begun = Instant::now();
    let refusal = refuse(&request);
    let goes_on = refusal.is_none() && is_kept(&plane, &peer, request.headers());
    let mut response = match refusal {
        Some(refusal) => refusal,
        None => next.run(request).await,
    };
    plane.served.count(response.status(), begun.elapsed());
    let headers = response.headers_mut();
    if !goes_on {
        headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

fn is_kept(plane: &Plane, peer: &Peer, headers: &HeaderMap) -> bool {
    let wanted = plane.engine.reloads.settings().http.keep_alive;
    wanted && !plane.draining() && peer.may_stay() && !is_proxied(headers)
}

/// The answer to a request that nobody else has to look at.
fn refuse(request: &Request) -> Option<Response> {
    match (has_one_host(request), is_upgrade(request.headers())) {
        (false, _) => Some(bad_host()),
        (true, true) => Some(misdirected()),
        (true, false) => None,
    }
}

/// As the shards ask of a connection's first request (RFC 9112 section 3.2).
fn has_one_host(request: &Request) -> bool {
    let mut hosts = request.headers().get_all(header::HOST).iter();
    match (hosts.next(), hosts.next()) {
        (Some(host), None) => is_host(host.as_bytes()),
        (None, _) => request.version() < Version::HTTP_11,
        _ => false,
    }
}

fn bad_host() -> Response {
    let refused = UpgradeRefusal::Host;
    let status = StatusCode::from_u16(refused.status()).unwrap_or(StatusCode::BAD_REQUEST);
    refusal(status, refused.code(), refused.message())
}

fn is_upgrade(headers: &HeaderMap) -> bool {
    let upgrade = headers.get(header::UPGRADE).map(HeaderValue::as_bytes);
    upgrade.is_some_and(|protocol| protocol.eq_ignore_ascii_case(b"websocket"))
}

/// An upgrade comes first on its connection, or it comes to the wrong place.
fn misdirected() -> Response {
    let status = StatusCode::MISDIRECTED_REQUEST;
    refusal(status, "not_first", "an upgrade is the first request of its connection")
}
