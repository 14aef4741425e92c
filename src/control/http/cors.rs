//! What pages of other origins may read (the Fetch standard's CORS protocol).
//!
//! Invariants: an origin is told back only where a rule lets it in; with credentials `*` is never
//! said, because browsers would take it for nothing; whatever depends on the origin says so to
//! caches.

use axum::http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE,
    ACCESS_CONTROL_REQUEST_HEADERS, ACCESS_CONTROL_REQUEST_METHOD, ORIGIN, VARY,
};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use axum::response::{IntoResponse, Response};

use super::refusal;
use crate::auth::origin;
use crate::settings::{Cors, OriginRule};

const ANY: &str = "*";

/// The answer to a preflight; `None` where the request is none.
pub(super) fn preflight(cors: &Cors, method: &Method, headers: &HeaderMap) -> Option<Response> {
    let asks = headers.contains_key(ORIGIN) && headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD);
    if cors.origins.is_empty() || method != Method::OPTIONS || !asks {
        return None;
    }
    if !lets_in(cors, headers) {
        let message = "not for pages of this origin";
        return Some(refusal(StatusCode::FORBIDDEN, "forbidden_origin", message));
    }
    let mut told = HeaderMap::new();
    let methods = list(&cors.methods, headers.get(ACCESS_CONTROL_REQUEST_METHOD));
    put(&mut told, ACCESS_CONTROL_ALLOW_METHODS, methods);
    let names = list(&cors.headers, headers.get(ACCESS_CONTROL_REQUEST_HEADERS));
    put(&mut told, ACCESS_CONTROL_ALLOW_HEADERS, names);
    if cors.max_age_s > 0 {
        told.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from(cors.max_age_s));
    }
    told.append(VARY, HeaderValue::from_static("access-control-request-method"));
    told.append(VARY, HeaderValue::from_static("access-control-request-headers"));
    Some((StatusCode::NO_CONTENT, told).into_response())
}

/// Says on an answer who may read it.
pub(super) fn mark(cors: &Cors, asked: &HeaderMap, answer: &mut HeaderMap) {
    if cors.origins.is_empty() {
        return;
    }
    let open = cors.origins.contains(&OriginRule::Any) && !cors.credentials;
    if !open {
        answer.append(VARY, HeaderValue::from_static("origin"));
    }
    let Some(origin) = asked.get(ORIGIN).filter(|_| lets_in(cors, asked)) else { return };
    let origin = if open { HeaderValue::from_static(ANY) } else { origin.clone() };
    answer.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    if cors.credentials {
        answer.insert(ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
    }
    put(answer, ACCESS_CONTROL_EXPOSE_HEADERS, list(&cors.expose_headers, None));
}

fn lets_in(cors: &Cors, headers: &HeaderMap) -> bool {
    let origin = headers.get(ORIGIN).map(HeaderValue::as_bytes);
    origin::allowed(&cors.origins, origin, None)
}

/// The names, or what was asked for where any may be.
fn list(names: &[String], asked: Option<&HeaderValue>) -> Option<HeaderValue> {
    match names.iter().any(|name| name == ANY) {
        true if asked.is_some() => asked.cloned(),
        _ if names.is_empty() => None,
        _ => HeaderValue::from_str(&names.join(", ")).ok(),
    }
}

fn put(headers: &mut HeaderMap, name: HeaderName, value: Option<HeaderValue>) {
    if let Some(value) = value {
        headers.insert(name, value);
    }
}
