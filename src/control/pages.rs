//! The pages: a plain line, a chat to try a configuration on, the dashboard, its login.
//!
//! Invariants: a page is one embedded file that loads nothing from elsewhere; only its own script
//! and style run, by a number that each answer has anew; it writes what other people typed with
//! `textContent` only. What a page is told by the server stands in it as JSON, escaped.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use serde_json::{Value, json};

use super::Plane;
use super::http::refusal;
use crate::settings::{AuthMode, MonitorAccess, Protocol, Settings, WireNames};

const CHAT: &str = include_str!("pages/chat.html");
const ADMIN: &str = include_str!("pages/admin.html");
const LOGIN: &str = include_str!("pages/login.html");

/// Where a page names the number of its script and style, and where it is told something.
const NONCE: &str = "{{nonce}}";
const TOLD: &str = "{{told}}";

/// `GET /` where nothing else is there.
pub(super) fn plain() -> Response {
    "This is a Shardwire WebSocket server.\n".into_response()
}

/// The chat, told how this server is talked to.
pub(super) fn chat(plane: &Plane) -> Response {
    let reloads = &plane.engine.reloads;
    let (settings, program) = (reloads.settings(), reloads.program());
    let named = program.events.iter().map(|event| &*event.name);
    let named = named.filter(|name| program.names.contains_key(name.as_bytes()));
    let events: Vec<&str> = named.collect();
    page(CHAT, &told(&settings, &events, plane.engine.dev.is_some()))
}

/// What the chat page has to know.
fn told(settings: &Settings, events: &[&str], dev: bool) -> Value {
    let names = |names: &WireNames| {
        let WireNames { event, target, payload, .. } = names;
        json!({ "event": event, "target": target, "payload": payload })
    };
    let (incoming, outgoing) = match &settings.protocol {
        Protocol::Json { incoming, outgoing } => (names(incoming), names(outgoing)),
        Protocol::Raw => (Value::Null, Value::Null),
    };
    json!({
        "path": settings.server.path,
        "events": events,
        // What clients send, and what they are sent.
        "send": incoming,
        "receive": outgoing,
        "token": dev && settings.auth.mode == AuthMode::Jwt,
        "dashboard": dev || settings.monitor.access == MonitorAccess::Public,
    })
}

/// The dashboard.
pub(super) fn admin(plane: &Plane) -> Response {
    let settings = plane.engine.reloads.settings();
    let asks = plane.engine.dev.is_none() && settings.monitor.access == MonitorAccess::Token;
    page(ADMIN, &json!({ "version": env!("CARGO_PKG_VERSION"), "logout": asks }))
}

/// What the dashboard's place shows to whoever has no credential.
pub(super) fn login() -> Response {
    page(LOGIN, &Value::Null)
}

fn page(page: &str, told: &Value) -> Response {
    numbered(page, told, nonce())
}

/// Without a number that nobody can guess there is no page.
fn numbered(page: &str, told: &Value, nonce: Option<String>) -> Response {
    let Some(nonce) = nonce else {
        let message = "this machine has no random numbers for a page";
        return refusal(StatusCode::SERVICE_UNAVAILABLE, "no_randomness", message);
    };
    // In HTML a script ends where `</script` stands, whatever it says.
    let told = told.to_string().replace('<', "\\u003c");
    let body = page.replace(NONCE, &nonce).replace(TOLD, &told);
    let mut answer = Html(body).into_response();
    if let Ok(policy) = HeaderValue::try_from(policy(&nonce)) {
        answer.headers_mut().insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    answer
}

/// Nothing but the page itself and the server it came from.
fn policy(nonce: &str) -> String {
    format!(
        "default-src 'none'; script-src 'nonce-{nonce}'; style-src 'nonce-{nonce}'; \
         img-src data:; connect-src 'self'; base-uri 'none'; form-action 'none'; \
         frame-ancestors 'none'"
    )
}

fn nonce() -> Option<String> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).ok()?;
    Some(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_has_a_number_of_its_own_or_is_none() {
        let policy = |answer: Response| {
            answer.headers().get(header::CONTENT_SECURITY_POLICY).unwrap().to_str().unwrap().into()
        };
        let of = || -> String { policy(login()) };
        assert_ne!(of(), of());
        assert!(of().contains("connect-src 'self';"), "{}", of());
        let answer = numbered(LOGIN, &Value::Null, None);
        assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
    }
}
