//! The dashboard's live feed: server-sent events, made once a tick for every page.
//!
//! ```text
//! event: hello   everything a page begins with: history, recent events, and what a tick says
//! event: tick    what changed since
//! ```
//!
//! Invariants: a tick is rendered once, and not at all while nobody looks; a page that has not
//! taken its last ticks is cut off (it comes back by itself and is told everything again); the
//! number of pages is bounded. Called by `monitor`.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::{Mutex, MutexGuard};
use std::task::{Context, Poll};

use axum::body::{Body, Bytes};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use http_body::Frame;
use serde::Serialize;
use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::record::{Entry, Record};
use super::sample::{Load, Point, Rate, Samples};
use crate::control::intake::Peer;
use crate::shard::journal::Standing;

/// Pages that are fed at a time.
const PAGES_MAX: usize = 16;

/// Ticks that wait for a page.
const WAITING_MAX: usize = 8;

/// How much of each list a page is told.
const ROOMS_SHOWN: usize = 20;
const CONNS_SHOWN: usize = 50;
const EVENTS_SHOWN: usize = 40;
const ENTRIES_A_TICK: usize = 60;
const ENTRIES_AT_FIRST: usize = 100;

/// A page that lost its feed waits so long before it asks again.
const RETRY_MS: u32 = 1_000;

/// The pages that are fed.
#[derive(Default)]
pub(super) struct Feed {
    pages: Mutex<Vec<mpsc::Sender<Bytes>>>,
}

/// What a page is told at every tick.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Tick<'t> {
    pub at: u64,
    pub uptime: u64,
    pub messages: u64,
    pub happenings: u64,
    pub point: Option<&'t Point>,
    pub shards: &'t [Load],
    pub events: Vec<&'t Rate>,
    pub drops: &'t [Rate],
    pub rooms: Vec<(String, u32)>,
    pub room_count: Option<usize>,
    pub connections: Vec<Connection>,
    pub entries: Vec<Value>,
}

/// A connection on the dashboard.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Connection {
    id: String,
    name: String,
    opened: u64,
    active: u64,
    messages: u32,
}

/// What a tick is made of.
pub(super) struct Seen<'s> {
    pub at_ms: u64,
    pub uptime_ms: u64,
    pub messages: u64,
    pub happenings: u64,
    pub record: &'s Record,
    pub samples: &'s Samples,
}

impl Seen<'_> {
    fn tick(&self, entries: Vec<Value>) -> Tick<'_> {
        let (rooms, room_count) = self.record.rooms(ROOMS_SHOWN);
        let mut events: Vec<&Rate> = self.samples.events.iter().collect();
        events.sort_by_key(|one| std::cmp::Reverse(one.total));
        events.truncate(EVENTS_SHOWN);
        Tick {
            at: self.at_ms,
            uptime: self.uptime_ms,
            messages: self.messages,
            happenings: self.happenings,
            point: self.samples.history.back(),
            shards: &self.samples.loads,
            events,
            drops: &self.samples.drops,
            rooms: rooms.into_iter().map(|(name, members)| (name.to_string(), members)).collect(),
            room_count,
            connections: newest(self.record),
            entries,
        }
    }

    fn hello(&self) -> Bytes {
        let entries = self.record.events_since(0, ENTRIES_AT_FIRST).map(entry).collect();
        let hello = json!({
            "history": self.samples.history,
            "tick": self.tick(entries),
        });
        Bytes::from(format!("retry: {RETRY_MS}\nevent: hello\ndata: {hello}\n\n"))
    }
}

/// The connections that were active last.
fn newest(record: &Record) -> Vec<Connection> {
    let mut all = record.conns();
    all.sort_by_key(|one| std::cmp::Reverse(one.active_ms));
    all.truncate(CONNS_SHOWN);
    all.into_iter().map(shown).collect()
}

fn shown(one: &Standing) -> Connection {
    Connection {
        id: one.conn.to_string(),
        name: one.name.to_string(),
        opened: one.opened_ms,
        active: one.active_ms,
        messages: one.messages,
    }
}

fn entry(one: &Entry) -> Value {
    let mut entry = one.json();
    entry["at"] = one.at_ms.into();
    entry
}

impl Feed {
    /// Tells every page what happened since the event of this number.
    pub fn publish(&self, seen: &Seen<'_>, since: u64) {
        let mut pages = self.pages();
        pages.retain(|page| !page.is_closed());
        if pages.is_empty() {
            return;
        }
        let entries = seen.record.events_since(since, ENTRIES_A_TICK).map(entry).collect();
        let Ok(tick) = serde_json::to_string(&seen.tick(entries)) else { return };
        let tick = Bytes::from(format!("event: tick\ndata: {tick}\n\n"));
        pages.retain(|page| page.try_send(tick.clone()).is_ok());
    }

    /// Feeds one more page; `None` where there are too many.
    pub fn open(&self, seen: &Seen<'_>, peer: Peer) -> Option<Response> {
        let mut pages = self.pages();
        pages.retain(|page| !page.is_closed());
        if pages.len() >= PAGES_MAX {
            return None;
        }
        let (sender, receiver) = mpsc::channel(WAITING_MAX);
        let _ = sender.try_send(seen.hello());
        pages.push(sender);
        let body = Body::new(Ticks { receiver, peer });
        let kind = (header::CONTENT_TYPE, "text/event-stream");
        // A proxy that collects answers would hold every tick back.
        Some(
            ([kind, (header::HeaderName::from_static("x-accel-buffering"), "no")], body)
                .into_response(),
        )
    }

    fn pages(&self) -> MutexGuard<'_, Vec<mpsc::Sender<Bytes>>> {
        self.pages.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

/// The body of one page's feed; its connection lives as long as it takes what comes.
struct Ticks {
    receiver: mpsc::Receiver<Bytes>,
    peer: Peer,
}

impl http_body::Body for Ticks {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let next = self.receiver.poll_recv(cx);
        if next.is_ready() {
            self.peer.life.renew();
        }
        next.map(|piece| piece.map(|piece| Ok(Frame::data(piece))))
    }
}
