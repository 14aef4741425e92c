//! The control plane's HTTP routes.
//!
//! Invariants: every answer is the last on its connection (a shard already closed its books on the
//! socket), nothing is cached, a GET changes nothing; without `--dev` only `/health` says anything.

use std::sync::Arc;

use axum::Json;
use axum::Router;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde_json::{Value, json};

use super::{Plane, dev, pages, report};

const BODY_BYTES_MAX: usize = 16 * 1024;

pub(super) fn router(plane: Arc<Plane>) -> Router {
    let routes = Router::new().route("/health", get(health));
    let routes = match plane.engine.dev.is_some() {
        true => dev::routes(routes),
        false => routes.route("/", get(pages::plain)),
    };
    routes
        .fallback(|| async { refusal(StatusCode::NOT_FOUND, "not_found", "there is nothing here") })
        .method_not_allowed_fallback(|| async {
            refusal(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", "not with this method")
        })
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .layer(axum::middleware::map_response(last_and_uncached))
        .with_state(plane)
}

/// A short JSON reason, of the same form as the shards' refusals.
pub(super) fn refusal(status: StatusCode, reason: &str, message: &str) -> Response {
    (status, Json(json!({ "error": reason, "message": message }))).into_response()
}

async fn last_and_uncached(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

async fn health(State(plane): State<Arc<Plane>>) -> (StatusCode, Json<Value>) {
    let (status, word) = match plane.draining() {
        true => (StatusCode::SERVICE_UNAVAILABLE, "draining"),
        false => (StatusCode::OK, "ok"),
    };
    let body = json!({
        "status": word,
        "service": env!("CARGO_PKG_NAME"),
        "version": env!("CARGO_PKG_VERSION"),
        "shards": plane.engine.counters.len(),
        "connections": report::connections(&plane.engine.counters),
        "connectionsPerShard": report::connections_per_shard(&plane.engine.counters),
        "generation": report::generation(&plane.engine.counters),
        "uptimeMs": u64::try_from(plane.started.elapsed().as_millis()).unwrap_or(u64::MAX),
    });
    (status, Json(body))
}
