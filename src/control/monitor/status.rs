//! `/api/status` and `/api/monitoring`: what is known at this moment, as JSON.
//!
//! Invariants: totals come from the shards' counters, so they are exact; lists come from what is
//! remembered. Called by `http` through `monitor`.

use axum::Json;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::Value;

use super::record::{Entry, time};
use super::{Monitor, sample};
use crate::control::Plane;
use crate::shard::journal::Standing;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Status {
    status: &'static str,
    uptime: u64,
    start_time: Value,
    current_time: Value,
    active_connections: u64,
    total_messages: u64,
    total_events: u64,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Monitoring {
    uptime: u64,
    connections: Vec<Connection>,
    total_connections: u64,
    total_messages: u64,
    total_events: u64,
    recent_messages: Vec<Value>,
    recent_events: Vec<Value>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Connection {
    id: String,
    connected_at: Value,
    username: String,
    messages_sent: u32,
    last_activity: Value,
}

impl Connection {
    fn of(one: &Standing) -> Connection {
        Connection {
            id: one.conn.to_string(),
            connected_at: time(one.opened_ms),
            username: one.name.to_string(),
            messages_sent: one.messages,
            last_activity: time(one.active_ms),
        }
    }
}

/// `handler: status`
pub(in crate::control) fn status(plane: &Plane, monitor: &Monitor) -> Response {
    let now_ms = super::super::unix_ms();
    let status = Status {
        status: if plane.draining() { "draining" } else { "running" },
        uptime: plane.uptime_ms(),
        start_time: time(now_ms - plane.uptime_ms().min(now_ms)),
        current_time: time(now_ms),
        active_connections: sample::open(&plane.engine.counters),
        total_messages: monitor.messages(plane),
        total_events: sample::sum(&plane.engine.counters, |one| &one.happenings),
    };
    Json(status).into_response()
}

/// `handler: monitoring`
pub(in crate::control) fn monitoring(plane: &Plane, monitor: &Monitor) -> Response {
    let record = monitor.record();
    let monitoring = Monitoring {
        uptime: plane.uptime_ms(),
        connections: record.conns().into_iter().map(Connection::of).collect(),
        total_connections: sample::open(&plane.engine.counters),
        total_messages: monitor.messages(plane),
        total_events: sample::sum(&plane.engine.counters, |one| &one.happenings),
        recent_messages: record.messages().cloned().collect(),
        recent_events: record.events().map(Entry::json).collect(),
    };
    Json(monitoring).into_response()
}
