//! One HTTP exchange with a backend over its pool of connections: HTTP/2 where the backend offers
//! it over TLS, HTTP/1.1 elsewhere.
//!
//! Invariants: no redirect is followed, no proxy asked, no cookie kept, nothing decompressed; a
//! response's head and body are bounded while they are read; an exchange that is given up takes its
//! connection (HTTP/1.1) or stream (HTTP/2) with it. Called by `live`.

use std::error::Error;
use std::time::Duration;

use bytes::Bytes;
use http::{Extensions, Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::{Body, Incoming};
use hyper_util::client::legacy::{self, connect::Connected};
use hyper_util::rt::{TokioExecutor, TokioTimer};

use super::connect::Connector;
use super::stream::Life;
use crate::backend::{Failure, Reply};

/// Shorter than what servers allow (5 s is common), so that a connection is seldom closed by its
/// backend just as a call takes it.
const IDLE_TIMEOUT: Duration = Duration::from_secs(4);

const HEAD_BYTES_MAX: usize = 64 * 1024;
const HEADERS_MAX: usize = 100;

/// What a backend may send ahead of being read.
const STREAM_WINDOW_BYTES: u32 = 256 * 1024;
const CONNECTION_WINDOW_BYTES: u32 = 1024 * 1024;

/// One HTTP/2 connection carries every call: a silent one must be found out and replaced.
const H2_PING_INTERVAL: Duration = Duration::from_secs(5);
const H2_PONG_TIMEOUT: Duration = Duration::from_secs(5);

pub(super) struct Client {
    pool: legacy::Client<Connector, Full<Bytes>>,
    response_bytes_max: usize,
}

/// An exchange without a response.
#[derive(Debug)]
pub(super) struct Lost {
    pub(super) failure: Failure,
    /// On a connection that had been good before, and before anything of a response: it may have
    /// been closed while the request was on its way.
    pub(super) stale: bool,
    /// No byte of the request was sent.
    pub(super) unsent: bool,
    /// For the log.
    pub(super) reason: String,
}

impl Lost {
    fn reading(failure: Failure, reason: String) -> Lost {
        Lost { failure, stale: false, unsent: false, reason }
    }
}

impl Client {
    pub(super) fn new(connector: Connector, idle_max: usize, response_bytes_max: usize) -> Client {
        let mut builder = legacy::Client::builder(TokioExecutor::new());
        builder
            .timer(TokioTimer::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE_TIMEOUT)
            .pool_max_idle_per_host(idle_max)
            .http1_max_buf_size(HEAD_BYTES_MAX)
            .http1_max_headers(HEADERS_MAX)
            .http2_max_header_list_size(HEAD_BYTES_MAX as u32)
            .http2_initial_stream_window_size(STREAM_WINDOW_BYTES)
            .http2_initial_connection_window_size(CONNECTION_WINDOW_BYTES)
            .http2_keep_alive_interval(H2_PING_INTERVAL)
            .http2_keep_alive_timeout(H2_PONG_TIMEOUT)
            // Calls given up before a ping is due would otherwise hide that nobody answers.
            .http2_keep_alive_while_idle(true);
        Client { pool: builder.build(connector), response_bytes_max }
    }

    pub(super) async fn exchange(&self, request: Request<Full<Bytes>>) -> Result<Reply, Lost> {
        let response = self.pool.request(request).await.map_err(without_head)?;
        let life = response.extensions().get::<Life>().cloned();
        life.iter().for_each(Life::answering);
        let reply = self.read(response).await?;
        life.iter().for_each(Life::answered);
        Ok(reply)
    }

    async fn read(&self, response: Response<Incoming>) -> Result<Reply, Lost> {
        let status = response.status().as_u16();
        let mut incoming = response.into_body();
        let mut body = Vec::new();
        self.admit(incoming.size_hint().lower())?;
        while let Some(frame) = incoming.frame().await {
            let frame = frame.map_err(|error| Lost::reading(Failure::Broken, chain(&error)))?;
            if let Some(bytes) = frame.data_ref() {
                self.admit((body.len() + bytes.len()) as u64)?;
                body.extend_from_slice(bytes);
            }
        }
        Ok(Reply { status, body: body.into() })
    }

    fn admit(&self, bytes: u64) -> Result<(), Lost> {
        match bytes <= self.response_bytes_max as u64 {
            true => Ok(()),
            false => Err(Lost::reading(
                Failure::TooLarge,
                format!("the response has more than {} bytes", self.response_bytes_max),
            )),
        }
    }
}

fn without_head(error: legacy::Error) -> Lost {
    let failure = match error.is_connect() {
        true => Failure::Unreachable,
        false => Failure::Broken,
    };
    let life = error.connect_info().filter(|_| failure == Failure::Broken).and_then(life_of);
    let stale = life.as_ref().is_some_and(Life::was_used);
    let unsent = life.as_ref().is_some_and(Life::is_gone);
    Lost { failure, stale, unsent, reason: chain(&error) }
}

fn life_of(connected: &Connected) -> Option<Life> {
    let mut extras = Extensions::new();
    connected.get_extras(&mut extras);
    extras.remove()
}

/// An error with its causes.
fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text += &format!(": {error}");
        cause = error.source();
    }
    text
}
