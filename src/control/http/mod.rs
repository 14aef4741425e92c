//! The control plane's HTTP service: which request is answered by what.
//!
//! ```text
//! request -> around (deadline, headers) -> cors -> /dev/ | route | /health | /metrics | folder | /
//! ```
//!
//! Invariants: what the configuration says of a path comes before what is built in; an answer is
//! the last on its connection unless `keepAlive` lets it stay; nothing is cached unless the answer
//! says so; a GET changes nothing. Called by `control::run`.

mod around;

use std::sync::Arc;

use axum::Json;
use axum::Router;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::{Plane, dev, pages, report};
use crate::pipeline::program::{Program, Route, RouteAnswer};
use crate::settings::Handler;

const BODY_BYTES_MAX: usize = 16 * 1024;

pub(super) fn router(plane: Arc<Plane>) -> Router {
    let routes = Router::new();
    let routes = match plane.engine.dev.is_some() {
        true => dev::routes(routes),
        false => routes,
    };
    routes
        .fallback(answer)
        .method_not_allowed_fallback(|| async { not_with_this_method() })
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .layer(axum::middleware::from_fn_with_state(Arc::clone(&plane), around::around))
        .with_state(plane)
}

/// A short JSON reason, of the same form as the shards' refusals.
pub(super) fn refusal(status: StatusCode, reason: &str, message: &str) -> Response {
    (status, Json(json!({ "error": reason, "message": message }))).into_response()
}

fn not_found() -> Response {
    refusal(StatusCode::NOT_FOUND, "not_found", "there is nothing here")
}

fn not_with_this_method() -> Response {
    refusal(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", "not with this method")
}

async fn answer(State(plane): State<Arc<Plane>>, request: Request) -> Response {
    let program = plane.engine.reloads.program();
    match route(&program, request.method(), request.uri().path()) {
        Looked::Found(RouteAnswer::Handler(handler)) => handle(*handler, &plane, request).await,
        Looked::Found(RouteAnswer::Page(_)) => not_found(),
        Looked::OtherMethod => not_with_this_method(),
        Looked::Nothing => built_in(&plane, request).await,
    }
}

/// What the routes say of a request.
enum Looked<'p> {
    Found(&'p RouteAnswer),
    /// The path is known, with another method.
    OtherMethod,
    Nothing,
}

fn route<'p>(program: &'p Program, method: &Method, path: &str) -> Looked<'p> {
    let mut here = program.routes.iter().filter(|route| *route.path == *path).peekable();
    if here.peek().is_none() {
        return Looked::Nothing;
    }
    match here.find(|route| takes(route, method)) {
        Some(route) => Looked::Found(&route.answer),
        None => Looked::OtherMethod,
    }
}

fn takes(route: &Route, method: &Method) -> bool {
    use crate::backend::Method::{Delete, Get, Patch, Post, Put};
    match route.method {
        Get => matches!(*method, Method::GET | Method::HEAD),
        Post => method == Method::POST,
        Put => method == Method::PUT,
        Patch => method == Method::PATCH,
        Delete => method == Method::DELETE,
    }
}

/// THE registry of built-in pages and reports.
async fn handle(handler: Handler, plane: &Arc<Plane>, request: Request) -> Response {
    let _ = request;
    match handler {
        Handler::Health => health(plane),
        Handler::Metrics
        | Handler::Status
        | Handler::Monitoring
        | Handler::Chat
        | Handler::Admin => not_found(),
    }
}

/// What a path means where the configuration says nothing of it.
async fn built_in(plane: &Arc<Plane>, request: Request) -> Response {
    let reads = matches!(*request.method(), Method::GET | Method::HEAD);
    match request.uri().path() {
        "/health" | "/" if !reads => not_with_this_method(),
        "/health" => handle(Handler::Health, plane, request).await,
        "/" => landing(plane, &request),
        _ => not_found(),
    }
}

fn landing(plane: &Plane, request: &Request) -> Response {
    match plane.engine.dev.is_some() {
        true => dev::landing(request.headers()),
        false => pages::plain(),
    }
}

fn health(plane: &Plane) -> Response {
    let (status, word) = match plane.draining() {
        true => (StatusCode::SERVICE_UNAVAILABLE, "draining"),
        false => (StatusCode::OK, "ok"),
    };
    let body: Value = json!({
        "status": word,
        "service": env!("CARGO_PKG_NAME"),
        "version": env!("CARGO_PKG_VERSION"),
        "shards": plane.engine.counters.len(),
        "connections": report::connections(&plane.engine.counters),
        "connectionsPerShard": report::connections_per_shard(&plane.engine.counters),
        "generation": report::generation(&plane.engine.counters),
        "uptimeMs": plane.uptime_ms(),
    });
    (status, Json(body)).into_response()
}
