//! The control plane's HTTP service: which request is answered by what.
//!
//! ```text
//! request -> around (deadline, headers) -> cors
//!         -> /dev/ | route | monitor | /health | /metrics | folder | /
//! ```
//!
//! Invariants: what the configuration says of a path comes before what is built in; an answer is
//! the last on its connection unless `keepAlive` lets it stay; nothing is cached unless the answer
//! says so; a GET changes nothing. Called by `control::run`.

mod around;
mod cors;
mod file;
mod folder;
mod page;
mod range;

pub(super) use around::is_proxied;
pub(super) use folder::complain;

use std::io;
use std::sync::Arc;

use axum::Json;
use axum::Router;
use axum::extract::connect_info::IntoMakeServiceWithConnectInfo;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse, Redirect, Response};
use serde_json::{Value, json};

use super::intake::Peer;
use super::reload::Current;
use super::{Plane, dev, metrics, monitor, pages, report};
use crate::pipeline::program::{Program, Route, RouteAnswer};
use crate::settings::{Handler, MetricsAccess, Settings};

const BODY_BYTES_MAX: usize = 16 * 1024;

pub(super) fn service(plane: Arc<Plane>) -> IntoMakeServiceWithConnectInfo<Router, Peer> {
    router(plane).into_make_service_with_connect_info::<Peer>()
}

fn router(plane: Arc<Plane>) -> Router {
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

pub(super) fn not_found() -> Response {
    refusal(StatusCode::NOT_FOUND, "not_found", "there is nothing here")
}

pub(super) fn not_with_this_method() -> Response {
    refusal(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", "not with this method")
}

async fn answer(State(plane): State<Arc<Plane>>, request: Request) -> Response {
    let Current { settings, program } = plane.engine.reloads.current();
    let cors = &settings.http.cors;
    let asked = request.headers().clone();
    let mut response = match cors::preflight(cors, request.method(), &asked) {
        Some(response) => response,
        None => routed(&plane, &settings, &program, request).await,
    };
    cors::mark(cors, &asked, response.headers_mut());
    response
}

async fn routed(
    plane: &Arc<Plane>,
    settings: &Settings,
    program: &Program,
    request: Request,
) -> Response {
    match route(program, request.method(), request.uri().path()) {
        Looked::Found(RouteAnswer::Handler(handler)) => handle(*handler, plane, request).await,
        Looked::Found(RouteAnswer::Page(page)) => page::answer(page, program, plane, &request),
        Looked::OtherMethod => not_with_this_method(),
        Looked::Nothing => built_in(plane, settings, request).await,
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
    match handler {
        Handler::Health => health(plane),
        Handler::Metrics => metrics::answer(plane, &request),
        Handler::Status | Handler::Monitoring | Handler::Chat | Handler::Admin => {
            monitor::show(handler, plane, &request)
        }
    }
}

/// What a path means where the configuration says nothing of it.
async fn built_in(plane: &Arc<Plane>, settings: &Settings, request: Request) -> Response {
    let request = match monitor::own(plane, request).await {
        Ok(answer) => return answer,
        Err(request) => request,
    };
    let reads = matches!(*request.method(), Method::GET | Method::HEAD);
    match request.uri().path() {
        "/health" if reads => handle(Handler::Health, plane, request).await,
        metrics::PATH if reads && settings.metrics.access != MetricsAccess::Off => {
            handle(Handler::Metrics, plane, request).await
        }
        path => {
            let wanted = folder::wanted(&settings.http.folders, &plane.engine.folder, path);
            let looked = match wanted {
                Some(wanted) => folder::look(wanted).await,
                None => Ok(folder::Looked::Nothing),
            };
            found(looked, plane, &request, reads)
        }
    }
}

/// The answer to a path that is no route.
fn found(
    looked: io::Result<folder::Looked>,
    plane: &Plane,
    request: &Request,
    reads: bool,
) -> Response {
    let path = request.uri().path();
    match looked {
        Ok(folder::Looked::Nothing) if path == "/" && reads => landing(plane, request),
        Ok(folder::Looked::Nothing) if !matches!(path, "/" | "/health") => not_found(),
        Ok(_) if !reads => not_with_this_method(),
        Ok(folder::Looked::File(opened)) => file::answer(opened, request.headers()),
        Ok(folder::Looked::Folder) => Redirect::permanent(&format!("{path}/")).into_response(),
        Ok(folder::Looked::Nothing) => not_found(),
        Err(error) => {
            tracing::warn!(%error, path, "a file could not be looked at");
            refusal(StatusCode::SERVICE_UNAVAILABLE, "unreadable", "try again later")
        }
    }
}

fn landing(plane: &Plane, request: &Request) -> Response {
    match plane.engine.dev.is_some() {
        true => dev::landing(plane, request.headers()),
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
