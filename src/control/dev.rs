//! What `serve --dev` adds: the try-it page and tokens for anybody on this machine.
//!
//! Invariants: answers only requests whose `Host` names this machine (a rebound DNS name does not)
//! and, where a browser sends them, whose `Origin` is the same; tokens only for JSON posts, which a
//! foreign page cannot send without a preflight that is never answered.

use std::sync::Arc;

use axum::extract::rejection::JsonRejection;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::json;

use super::http::refusal;
use super::{Plane, pages, report};
use crate::auth::{self, TokenRequest, origin};
use crate::clock::Now;
use crate::settings;

/// How long a token of the page is good for.
const TTL_S: u64 = 12 * 60 * 60;

/// What the development routes need. Holds the development secret, so it cannot be printed.
pub struct Dev {
    pub auth: settings::Auth,
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    sub: String,
    #[serde(default)]
    perms: Vec<String>,
}

/// Adds the development routes.
pub(super) fn routes(routes: Router<Arc<Plane>>) -> Router<Arc<Plane>> {
    let dev = Router::new()
        .route("/dev", get(|State(plane): State<Arc<Plane>>| async move { pages::chat(&plane) }))
        .route("/dev/about", get(about))
        .route("/dev/token", post(token))
        .layer(from_fn(from_this_machine));
    routes.merge(dev)
}

async fn from_this_machine(request: Request, next: Next) -> Response {
    match is_local(request.headers()) {
        true => next.run(request).await,
        false => foreign(),
    }
}

/// `GET /`, where the configuration has nothing there.
pub(super) fn landing(plane: &Plane, headers: &HeaderMap) -> Response {
    match is_local(headers) {
        true => pages::chat(plane),
        false => foreign(),
    }
}

pub(super) fn foreign() -> Response {
    refusal(StatusCode::FORBIDDEN, "this_machine_only", "only pages of this machine")
}

/// Whether a request is for this machine by name, and from no page of another origin.
pub(super) fn is_local(headers: &HeaderMap) -> bool {
    let value = |name| headers.get(name).map(axum::http::HeaderValue::as_bytes);
    let host = value(header::HOST);
    host.is_some_and(names_this_machine) && origin::allowed(&[], value(header::ORIGIN), host)
}

fn names_this_machine(host: &[u8]) -> bool {
    let Ok(host) = std::str::from_utf8(host) else { return false };
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) => name,
        _ => host,
    };
    name.eq_ignore_ascii_case("localhost") || matches!(name, "127.0.0.1" | "[::1]")
}

async fn about(State(plane): State<Arc<Plane>>) -> Response {
    if plane.engine.dev.is_none() {
        return StatusCode::NOT_FOUND.into_response();
    }
    let reloads = &plane.engine.reloads;
    let program = reloads.program();
    let named = program.events.iter();
    let named = named.filter(|event| program.names.contains_key(event.name.as_bytes()));
    let events: Vec<&str> = named.map(|event| &*event.name).collect();
    Json(json!({
        "path": reloads.settings().server.path,
        "events": events,
        "perShard": report::per_shard(&plane.engine.counters),
        "totals": report::totals(&plane.engine.counters),
    }))
    .into_response()
}

async fn token(
    State(plane): State<Arc<Plane>>,
    wanted: Result<Json<Wanted>, JsonRejection>,
) -> Response {
    let Some(dev) = &plane.engine.dev else { return StatusCode::NOT_FOUND.into_response() };
    match wanted {
        Ok(Json(wanted)) => answer(dev, wanted),
        Err(rejection) => refusal(rejection.status(), "bad_request", "this takes JSON: sub, perms"),
    }
}

fn answer(dev: &Dev, wanted: Wanted) -> Response {
    let request = TokenRequest { subject: wanted.sub, permissions: wanted.perms, ttl_s: TTL_S };
    let now = now();
    let made = auth::sign(&dev.auth, &request, now);
    let usable = |token: &String| {
        auth::Verifier::new(&dev.auth).is_ok_and(|verifier| verifier.verify(token, now).is_ok())
    };
    match made {
        Ok(token) if usable(&token) => Json(json!({ "token": token })).into_response(),
        Ok(_) => refusal(StatusCode::BAD_REQUEST, "bad_subject", "sub is no usable user id"),
        Err(_) => {
            refusal(StatusCode::SERVICE_UNAVAILABLE, "no_secret", "there is no secret to sign with")
        }
    }
}

/// The wall clock alone: nothing here is timed.
fn now() -> Now {
    Now { mono_ns: 0, unix_ms: super::unix_ms() }
}
