//! An answer that the configuration writes: the program's own interpreter runs it.
//!
//! A page's "message" is what its expressions may name: `{"server":{...},"request":{...}}`. Its
//! run asks for nothing but frames: the body first, then the value of each header.
//!
//! Invariants: a header's value with a control character is not sent, and the answer is an error;
//! so a request cannot break out of a header that repeats a part of it.

use std::collections::BTreeMap;

use axum::body::Body;
use axum::extract::{Query, Request};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::super::{Plane, report, unix_ms};
use super::refusal;
use crate::envelope::{Members, Slot, Slots, project, validate};
use crate::ids::{ConnKey, LimitId, PermissionId, ShardId};
use crate::pipeline::About;
use crate::pipeline::effect::{Effect, Effects};
use crate::pipeline::program::{Page, PageKind, Program};
use crate::pipeline::vm::{Host, Input, Outcome, Verdict, Vm};
use crate::reject::Reject;
use crate::state::frames::{FramePool, FrameType};

const PAGE_BYTES_MAX: usize = 1 << 20;

/// Whose answer it is: nobody's in particular.
const NOBODY: ConnKey = ConnKey { shard: ShardId(0), index: 0, generation: 0 };

pub(super) fn answer(page: &Page, program: &Program, plane: &Plane, request: &Request) -> Response {
    let now_ms = i64::try_from(unix_ms()).unwrap_or(i64::MAX);
    let told = told(plane, request, now_ms).to_string();
    match written(page, program, &told, now_ms) {
        Ok(frames) => response(page, frames).unwrap_or_else(|| unusable("a header's value")),
        Err(reject) => unusable(reject.message()),
    }
}

fn unusable(why: &str) -> Response {
    tracing::warn!(why, "a route of the configuration has no answer");
    let status = StatusCode::INTERNAL_SERVER_ERROR;
    refusal(status, "no_answer", "the answer to this request could not be made")
}

/// What expressions may name.
fn told(plane: &Plane, request: &Request, now_ms: i64) -> Value {
    let query = Query::<BTreeMap<String, String>>::try_from_uri(request.uri());
    let query = query.map(|Query(query)| query).unwrap_or_default();
    json!({
        "server": server(plane, now_ms),
        "request": {
            "method": request.method().as_str(),
            "path": request.uri().path(),
            "query": query,
        },
    })
}

fn server(plane: &Plane, now_ms: i64) -> Value {
    let uptime_ms = plane.uptime_ms();
    let mut told = json!({
        "shards": plane.engine.counters.len(),
        "uptime_ms": uptime_ms,
        "started_at": now_ms - i64::try_from(uptime_ms).unwrap_or_default(),
    });
    for (name, figure) in report::figures(&plane.engine.counters) {
        told[name] = figure.into();
    }
    told
}

/// Runs the page; the payloads of its frames in order.
fn written(
    page: &Page,
    program: &Program,
    told: &str,
    now_ms: i64,
) -> Result<Vec<Vec<u8>>, Reject> {
    let mut payload = Slots::default();
    let root = validate(told.as_bytes())?;
    if let Some(event) = program.event(page.run) {
        project(told.as_bytes(), root, &Members::NONE, &event.payload, &mut payload)?;
    }
    let input = Input {
        message: told.as_bytes(),
        payload: &payload,
        token: Slot::default(),
        id: Slot::default(),
        claims: b"",
        about: About::NOTHING,
        user: "",
        conn: NOBODY,
        target: b"",
        kind: FrameType::Text,
        frame_bytes_max: PAGE_BYTES_MAX,
    };
    let (mut pool, mut effects) = (FramePool::default(), Effects::default());
    let host = &mut Clock { now_ms };
    match Vm::default().run(program, page.run, &input, host, &mut pool, &mut effects) {
        Outcome::Rejected(reject, _) => Err(reject),
        Outcome::Done | Outcome::Limited { .. } | Outcome::Waiting => Ok(payloads(&effects)),
    }
}

fn payloads(effects: &Effects) -> Vec<Vec<u8>> {
    let frames = effects.list.iter().filter_map(|effect| match effect {
        Effect::SendOrigin { frame } => Some(frame.payload().to_vec()),
        _ => None,
    });
    frames.collect()
}

/// The response, unless a header's value is none.
fn response(page: &Page, frames: Vec<Vec<u8>>) -> Option<Response> {
    let mut frames = frames.into_iter();
    let body = frames.next()?;
    let mut headers = HeaderMap::new();
    let kind = match page.kind {
        PageKind::Json => "application/json",
        PageKind::Text | PageKind::Redirect => "text/plain; charset=utf-8",
    };
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    for (name, value) in page.headers.iter().zip(frames) {
        let name = HeaderName::from_bytes(name.as_bytes()).ok()?;
        headers.insert(name, HeaderValue::from_bytes(&value).ok()?);
    }
    let status = StatusCode::from_u16(page.status).ok()?;
    let body = match page.kind {
        PageKind::Redirect => {
            headers.insert(header::LOCATION, HeaderValue::from_bytes(&body).ok()?);
            Body::empty()
        }
        PageKind::Json | PageKind::Text => Body::from(body),
    };
    Some((status, headers, body).into_response())
}

/// What a page's run may ask: the time.
struct Clock {
    now_ms: i64,
}

impl Host for Clock {
    fn limit(&mut self, _: LimitId, _: &[u8]) -> Verdict {
        Verdict::Pass
    }

    fn permitted(&self, _: PermissionId) -> bool {
        false
    }

    fn logs(&self) -> bool {
        false
    }

    fn verify_token(&mut self, _: &str, _: &mut Vec<u8>) -> bool {
        false
    }

    fn now_ms(&self) -> i64 {
        self.now_ms
    }
}
