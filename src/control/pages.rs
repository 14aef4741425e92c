//! The pages: a plain line in production, the try-it chat in development.
//!
//! Invariants: the page is one embedded file that loads nothing from elsewhere; it writes what
//! other people typed with `textContent` only.

use axum::http::header;
use axum::response::{Html, IntoResponse, Response};

const CHAT: &str = include_str!("pages/chat.html");

/// Nothing but the page itself and the server it came from.
const CHAT_POLICY: &str = "default-src 'none'; script-src 'unsafe-inline'; \
    style-src 'unsafe-inline'; img-src data:; connect-src 'self' ws: wss:; base-uri 'none'; \
    form-action 'none'; frame-ancestors 'none'";

/// `GET /` without `--dev`.
pub(super) fn plain() -> Response {
    "This is a Shardwire WebSocket server.\n".into_response()
}

/// `GET /` with `--dev`.
pub(super) fn chat() -> Response {
    ([(header::CONTENT_SECURITY_POLICY, CHAT_POLICY)], Html(CHAT)).into_response()
}
