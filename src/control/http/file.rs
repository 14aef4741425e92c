//! The answer that a file is: conditions, a range, and the bytes.
//!
//! Invariants: at most `CHUNK_BYTES` of a file are in memory for one request; a file that became
//! shorter meanwhile ends the connection, because its length was told already.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, SystemTime};

use axum::body::{Body, Bytes};
use axum::http::header::{
    ACCEPT_RANGES, CACHE_CONTROL, CONTENT_RANGE, CONTENT_TYPE, ETAG, IF_MODIFIED_SINCE,
    IF_NONE_MATCH, IF_RANGE, LAST_MODIFIED, RANGE,
};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use http_body::{Frame, SizeHint};

use super::folder::{Opened, place};
use super::range::{Part, part};

const CHUNK_BYTES: usize = 64 * 1024;

/// By the ends of names, in lower case.
const KINDS: [(&str, &str); 30] = [
    ("html", "text/html; charset=utf-8"),
    ("htm", "text/html; charset=utf-8"),
    ("css", "text/css; charset=utf-8"),
    ("js", "text/javascript; charset=utf-8"),
    ("mjs", "text/javascript; charset=utf-8"),
    ("json", "application/json"),
    ("map", "application/json"),
    ("webmanifest", "application/manifest+json"),
    ("txt", "text/plain; charset=utf-8"),
    ("md", "text/markdown; charset=utf-8"),
    ("csv", "text/csv; charset=utf-8"),
    ("xml", "application/xml"),
    ("svg", "image/svg+xml"),
    ("png", "image/png"),
    ("jpg", "image/jpeg"),
    ("jpeg", "image/jpeg"),
    ("gif", "image/gif"),
    ("webp", "image/webp"),
    ("avif", "image/avif"),
    ("ico", "image/x-icon"),
    ("woff", "font/woff"),
    ("woff2", "font/woff2"),
    ("ttf", "font/ttf"),
    ("mp3", "audio/mpeg"),
    ("ogg", "audio/ogg"),
    ("mp4", "video/mp4"),
    ("webm", "video/webm"),
    ("pdf", "application/pdf"),
    ("wasm", "application/wasm"),
    ("zip", "application/zip"),
];

pub(super) fn answer(opened: Opened, asked: &HeaderMap) -> Response {
    let Some(mut told) = told(&opened) else {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    if is_known(&opened, asked) {
        return (StatusCode::NOT_MODIFIED, told).into_response();
    }
    told.insert(CONTENT_TYPE, HeaderValue::from_static(kind(&opened.name)));
    let range = asked.get(RANGE).filter(|_| is_same(&opened, asked));
    let part = part(range.map(HeaderValue::as_bytes), opened.bytes);
    let (status, from, bytes) = match part {
        Part::Whole => (StatusCode::OK, 0, opened.bytes),
        Part::Some { from, bytes } => (StatusCode::PARTIAL_CONTENT, from, bytes),
        Part::Outside => (StatusCode::RANGE_NOT_SATISFIABLE, 0, 0),
    };
    let all = opened.bytes;
    let range = match part {
        Part::Whole => None,
        Part::Some { .. } => Some(format!("bytes {from}-{}/{all}", from + bytes - 1)),
        Part::Outside => Some(format!("bytes */{all}")),
    };
    let range = range.and_then(|range| HeaderValue::from_str(&range).ok());
    range.into_iter().for_each(|range| drop(told.insert(CONTENT_RANGE, range)));
    let reader = Reader { file: Arc::new(opened.file), from, left: bytes, reading: None };
    (status, told, Body::new(reader)).into_response()
}

/// What is said of a file, whether it is sent or not.
fn told(opened: &Opened) -> Option<HeaderMap> {
    let mut told = HeaderMap::new();
    told.insert(ETAG, HeaderValue::from_str(&opened.tag).ok()?);
    if opened.modified >= SystemTime::UNIX_EPOCH {
        let date = httpdate::fmt_http_date(opened.modified);
        told.insert(LAST_MODIFIED, HeaderValue::from_str(&date).ok()?);
    }
    told.insert(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    // Kept, and asked for again each time.
    told.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    Some(told)
}

fn kind(name: &Path) -> &'static str {
    let end = name.extension().and_then(|end| end.to_str()).unwrap_or_default();
    let known = KINDS.iter().find(|(known, _)| end.eq_ignore_ascii_case(known));
    known.map_or("application/octet-stream", |(_, kind)| kind)
}

/// Whether whoever asks has the file as it is (RFC 9110 section 13.2.2).
fn is_known(opened: &Opened, asked: &HeaderMap) -> bool {
    if asked.contains_key(IF_NONE_MATCH) {
        let mut tags = asked.get_all(IF_NONE_MATCH).iter().filter_map(|tags| tags.to_str().ok());
        let same = |tag: &str| tag == "*" || tag.trim_start_matches("W/") == opened.tag;
        return tags.any(|tags| tags.split(',').any(|tag| same(tag.trim())));
    }
    date(asked, IF_MODIFIED_SINCE).is_some_and(|since| seconds(opened.modified) <= seconds(since))
}

/// Whether a range is asked of the file as it is; `If-Range` says of which.
fn is_same(opened: &Opened, asked: &HeaderMap) -> bool {
    match asked.get(IF_RANGE) {
        None => true,
        Some(tag) if tag.as_bytes().starts_with(b"\"") => tag.as_bytes() == opened.tag.as_bytes(),
        Some(_) => date(asked, IF_RANGE).is_some_and(|at| seconds(at) == seconds(opened.modified)),
    }
}

fn date(asked: &HeaderMap, name: HeaderName) -> Option<SystemTime> {
    httpdate::parse_http_date(asked.get(name)?.to_str().ok()?).ok()
}

fn seconds(at: SystemTime) -> Option<u64> {
    at.duration_since(SystemTime::UNIX_EPOCH).ok().as_ref().map(Duration::as_secs)
}

type Reading = Pin<Box<dyn Future<Output = io::Result<Bytes>> + Send>>;

/// A part of a file, read as its reader takes it.
struct Reader {
    file: Arc<File>,
    from: u64,
    left: u64,
    reading: Option<Reading>,
}

impl Reader {
    /// Reads the next piece, on another thread.
    fn begin(&self) -> Reading {
        let (file, from) = (Arc::clone(&self.file), self.from);
        let bytes = usize::try_from(self.left).unwrap_or(CHUNK_BYTES).min(CHUNK_BYTES);
        Box::pin(async move {
            let place = place().await?;
            let read = tokio::task::spawn_blocking(move || {
                let mut piece = vec![0; bytes];
                let read = file.read_exact_at(&mut piece, from);
                drop(place);
                read.map(|()| Bytes::from(piece))
            });
            read.await.map_err(io::Error::other)?
        })
    }
}

impl http_body::Body for Reader {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        if self.left == 0 {
            return Poll::Ready(None);
        }
        let mut reading = self.reading.take().unwrap_or_else(|| self.begin());
        let Poll::Ready(read) = reading.as_mut().poll(cx) else {
            self.reading = Some(reading);
            return Poll::Pending;
        };
        let bytes = read.as_ref().map_or(0, |piece| piece.len() as u64);
        (self.from, self.left) = (self.from + bytes, self.left - bytes);
        Poll::Ready(Some(read.map(Frame::data)))
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}
