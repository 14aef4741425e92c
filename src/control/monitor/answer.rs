//! Which request the monitor answers with what, once it may.
//!
//! Invariants: nothing is said before `access` has let the request in; a page without a credential
//! is the login page, anything else says 401. Called by `http`.

use std::sync::Arc;

use axum::extract::{ConnectInfo, Request};
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::access::{ATTEMPTS_TIME, COOKIE, Caller, Denied, LOGIN_TIME};
use super::{Monitor, status};
use crate::control::intake::Peer;
use crate::control::{Plane, dev, http, pages};
use crate::settings::Handler;

const LOGIN_BYTES_MAX: usize = 4_096;

/// What a login says.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Login {
    token: String,
}

/// The built-in pages and reports that are the monitor's.
pub(in crate::control) fn show(handler: Handler, plane: &Plane, request: &Request) -> Response {
    let Some(monitor) = &plane.monitor else { return http::not_found() };
    if let Err(refused) = admit(plane, monitor, request) {
        return refused.answer(matches!(handler, Handler::Chat | Handler::Admin));
    }
    match handler {
        Handler::Status => status::status(plane, monitor),
        Handler::Monitoring => status::monitoring(plane, monitor),
        Handler::Chat => pages::chat(plane),
        Handler::Admin => pages::admin(plane),
        Handler::Health | Handler::Metrics => http::not_found(),
    }
}

/// Answers what has its place by itself; gives the request back where that is not the monitor's.
pub(in crate::control) async fn own(
    plane: &Arc<Plane>,
    request: Request,
) -> Result<Response, Request> {
    let Some(monitor) = &plane.monitor else { return Err(request) };
    let reads = matches!(*request.method(), Method::GET | Method::HEAD);
    let posts = *request.method() == Method::POST;
    let here = match request.uri().path() {
        "/admin" => Own::Shown(Handler::Admin),
        "/api/status" => Own::Shown(Handler::Status),
        "/api/monitoring" => Own::Shown(Handler::Monitoring),
        "/api/monitor/feed" => Own::Feed,
        "/api/monitor/login" => Own::Login,
        "/api/monitor/logout" => Own::Logout,
        _ => return Err(request),
    };
    Ok(match here {
        Own::Shown(handler) if reads => show(handler, plane, &request),
        Own::Feed if reads => feed(plane, monitor, &request),
        Own::Login if posts => login(plane, monitor, request).await,
        Own::Logout if posts => logout(monitor, &request),
        _ => http::not_with_this_method(),
    })
}

enum Own {
    Shown(Handler),
    Feed,
    Login,
    Logout,
}

/// Why a request is not answered.
enum Refused {
    /// In development: a page of another machine or site.
    Foreign,
    Denied(Denied),
}

impl Refused {
    /// As a page, where a person asked for one.
    fn answer(self, page: bool) -> Response {
        let denied = match self {
            Refused::Foreign => return dev::foreign(),
            Refused::Denied(denied) => denied,
        };
        match denied {
            Denied::Hidden => http::not_found(),
            Denied::NoCredential if page => (denied.status(), pages::login()).into_response(),
            Denied::NoCredential => {
                let message = "the monitor's token is asked for";
                let mut answer = http::refusal(denied.status(), "no_credential", message);
                let bearer = HeaderValue::from_static("Bearer realm=\"monitor\"");
                answer.headers_mut().insert(header::WWW_AUTHENTICATE, bearer);
                answer
            }
            Denied::TooOften => {
                let message = "too many wrong tokens, wait a while";
                let mut answer = http::refusal(denied.status(), "too_many_attempts", message);
                let wait = HeaderValue::from(ATTEMPTS_TIME.as_secs());
                answer.headers_mut().insert(header::RETRY_AFTER, wait);
                answer
            }
        }
    }
}

fn peer(request: &Request) -> Option<&Peer> {
    request.extensions().get::<ConnectInfo<Peer>>().map(|ConnectInfo(peer)| peer)
}

fn admit(plane: &Plane, monitor: &Monitor, request: &Request) -> Result<(), Refused> {
    if plane.engine.dev.is_some() {
        return match dev::is_local(request.headers()) {
            true => Ok(()),
            false => Err(Refused::Foreign),
        };
    }
    let settings = plane.engine.reloads.settings();
    let peer = peer(request).ok_or(Refused::Denied(Denied::Hidden))?;
    let headers = request.headers();
    let local = dev::is_local(headers) && !http::is_proxied(headers);
    let caller = Caller { ip: peer.ip, headers, local };
    monitor.door.admits(&settings.monitor, &caller).map_err(Refused::Denied)
}

fn feed(plane: &Plane, monitor: &Monitor, request: &Request) -> Response {
    if let Err(refused) = admit(plane, monitor, request) {
        return refused.answer(false);
    }
    let Some(peer) = peer(request) else { return http::not_found() };
    let fed = monitor.seen(plane, |seen| monitor.feed.open(seen, peer.clone()));
    fed.unwrap_or_else(|| {
        let status = StatusCode::SERVICE_UNAVAILABLE;
        http::refusal(status, "too_many_pages", "too many dashboards are open")
    })
}

/// Takes JSON only, which a foreign page cannot send without a preflight.
async fn login(plane: &Plane, monitor: &Monitor, request: Request) -> Response {
    let settings = plane.engine.reloads.settings();
    let Some(ip) = peer(&request).map(|peer| peer.ip) else { return http::not_found() };
    let is_secure = is_secure(&request);
    let kind = request.headers().get(header::CONTENT_TYPE);
    let is_json = kind.is_some_and(|kind| kind.as_bytes().starts_with(b"application/json"));
    let body = axum::body::to_bytes(request.into_body(), LOGIN_BYTES_MAX).await;
    let asked = body.ok().filter(|_| is_json);
    let asked = asked.and_then(|body| serde_json::from_slice::<Login>(&body).ok());
    let Some(Login { token }) = asked else {
        return http::refusal(StatusCode::BAD_REQUEST, "bad_request", "this takes JSON: token");
    };
    match monitor.door.log_in(&settings.monitor, ip, &token) {
        Ok(key) => cookie(&key, LOGIN_TIME.as_secs(), is_secure),
        Err(denied) => Refused::Denied(denied).answer(false),
    }
}

fn logout(monitor: &Monitor, request: &Request) -> Response {
    monitor.door.log_out(request.headers());
    cookie("", 0, is_secure(request))
}

/// Whether the browser speaks TLS, with this server or with a proxy that says so. Whoever says so
/// without a proxy gets a cookie that is sent less often, and nothing else.
fn is_secure(request: &Request) -> bool {
    let said = request.headers().get_all("x-forwarded-proto").iter().next_back();
    let said = said.and_then(|line| line.as_bytes().rsplit(|byte| *byte == b',').next());
    let https = said.is_some_and(|scheme| scheme.trim_ascii().eq_ignore_ascii_case(b"https"));
    https || peer(request).is_some_and(|peer| peer.is_secure)
}

fn cookie(key: &str, lasts_s: u64, is_secure: bool) -> Response {
    let secure = if is_secure { "; Secure" } else { "" };
    let cookie =
        format!("{COOKIE}={key}; Path=/; Max-Age={lasts_s}; HttpOnly; SameSite=Strict{secure}");
    (StatusCode::NO_CONTENT, [(header::SET_COOKIE, cookie)]).into_response()
}
