//! The way of a socket from a shard to the control plane's HTTP service.
//!
//! Invariants: `offer` never waits; at most `QUEUED_MAX` sockets wait and `SERVED_MAX` are served
//! at a time, so that a flood of page requests costs a bounded number of descriptors. Where half of
//! those places are taken, no connection is kept for a next request.

use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::extract::connect_info::Connected;
use axum::serve::IncomingStream;
use tokio::net::TcpStream;
use tokio::sync::{Semaphore, mpsc};

use super::prefixed::{Life, Prefixed};
use super::wire::Wire;
use crate::shard::handoff::Handoff;

const QUEUED_MAX: usize = 128;
const SERVED_MAX: usize = 128;

/// The shards' end.
#[derive(Clone)]
pub struct Intake {
    sender: mpsc::Sender<Handoff>,
    dropped: Arc<AtomicU64>,
}

/// The control plane's end.
pub struct Waiting {
    receiver: mpsc::Receiver<Handoff>,
}

/// Both ends.
pub fn intake() -> (Intake, Waiting) {
    let (sender, receiver) = mpsc::channel(QUEUED_MAX);
    (Intake { sender, dropped: Arc::default() }, Waiting { receiver })
}

impl Intake {
    /// Passes a socket on, or drops and counts it where too many wait.
    pub fn offer(&self, handoff: Handoff) {
        if self.sender.try_send(handoff).is_err() {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Sockets dropped since the start.
    pub fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }
}

impl Waiting {
    pub(super) fn into_listener(self) -> Handoffs {
        Handoffs { receiver: self.receiver, places: Arc::new(Semaphore::new(SERVED_MAX)) }
    }
}

/// The intake as something axum accepts connections from.
pub(super) struct Handoffs {
    receiver: mpsc::Receiver<Handoff>,
    places: Arc<Semaphore>,
}

/// Who is at the other end of a connection, for the requests on it.
#[derive(Clone, Debug)]
pub(super) struct Peer {
    pub ip: IpAddr,
    pub life: Life,
    places: Arc<Semaphore>,
}

impl Peer {
    /// Whether many others are served or wait.
    pub(super) fn is_crowded(&self) -> bool {
        self.places.available_permits() < SERVED_MAX / 2
    }
}

impl Connected<IncomingStream<'_, Handoffs>> for Peer {
    fn connect_info(stream: IncomingStream<'_, Handoffs>) -> Peer {
        stream.remote_addr().clone()
    }
}

impl Handoffs {
    async fn next(&mut self) -> Option<(Prefixed, Peer)> {
        let place = Arc::clone(&self.places).acquire_owned().await.ok()?;
        loop {
            let Handoff { socket, received, peer, tls } = self.receiver.recv().await?;
            match adopt(socket) {
                Ok(stream) => {
                    let life = Life::begin();
                    let places = Arc::clone(&self.places);
                    let peer = Peer { ip: peer, life: life.clone(), places };
                    let wire = Wire::new(stream, tls);
                    return Some((Prefixed::new(received, wire, place, life), peer));
                }
                Err(error) => tracing::debug!(%error, "a handed-over socket was not usable"),
            }
        }
    }
}

fn adopt(socket: std::os::fd::OwnedFd) -> io::Result<TcpStream> {
    let stream = std::net::TcpStream::from(socket);
    stream.set_nonblocking(true)?;
    TcpStream::from_std(stream)
}

impl axum::serve::Listener for Handoffs {
    type Io = Prefixed;
    type Addr = Peer;

    async fn accept(&mut self) -> (Prefixed, Peer) {
        match self.next().await {
            Some(accepted) => accepted,
            // Every shard is gone; the process is about to end.
            None => std::future::pending().await,
        }
    }

    fn local_addr(&self) -> io::Result<Peer> {
        Err(io::ErrorKind::Unsupported.into())
    }
}
