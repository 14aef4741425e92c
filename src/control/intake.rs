//! The way of a socket from a shard to the control plane's HTTP service.
//!
//! Pages and probes come in a lane each, so that no crowd of the one is in the way of the other.
//!
//! Invariants: `offer` never waits; of each lane at most `QUEUED_MAX` sockets wait for a place
//! (`places`), and as many to be looked at, so that a flood costs a bounded number of descriptors.
//! Where half of the places are taken, no connection is kept for a next request.

use std::collections::VecDeque;
use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::extract::connect_info::Connected;
use axum::serve::IncomingStream;
use tokio::net::TcpStream;
use tokio::sync::mpsc;

use super::places::{Place, Places, is_probe};
use super::prefixed::{Life, Prefixed};
use super::wire::Wire;
use crate::shard::handoff::Handoff;

const QUEUED_MAX: usize = 128;

/// The shards' end.
#[derive(Clone)]
pub struct Intake {
    pages: mpsc::Sender<Handoff>,
    probes: mpsc::Sender<Handoff>,
    dropped: Arc<AtomicU64>,
}

/// The control plane's end.
pub struct Waiting {
    pages: mpsc::Receiver<Handoff>,
    probes: mpsc::Receiver<Handoff>,
    dropped: Arc<AtomicU64>,
}

/// Both ends.
pub fn intake() -> (Intake, Waiting) {
    let (pages, waiting_pages) = mpsc::channel(QUEUED_MAX);
    let (probes, waiting_probes) = mpsc::channel(QUEUED_MAX);
    let dropped = Arc::<AtomicU64>::default();
    let waiting =
        Waiting { pages: waiting_pages, probes: waiting_probes, dropped: Arc::clone(&dropped) };
    (Intake { pages, probes, dropped }, waiting)
}

impl Intake {
    /// Passes a socket on, or drops and counts it where too many wait.
    pub fn offer(&self, handoff: Handoff) {
        let lane = if is_probe(&handoff.received) { &self.probes } else { &self.pages };
        if lane.try_send(handoff).is_err() {
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
        let Waiting { pages, probes, dropped } = self;
        let lane = |receiver| Lane { receiver, waiting: VecDeque::new() };
        Handoffs { pages: lane(pages), probes: lane(probes), dropped, places: Places::default() }
    }
}

/// The intake as something axum accepts connections from.
pub(super) struct Handoffs {
    pages: Lane,
    probes: Lane,
    dropped: Arc<AtomicU64>,
    places: Places,
}

struct Lane {
    receiver: mpsc::Receiver<Handoff>,
    /// Those that there was no place for when they came.
    waiting: VecDeque<Handoff>,
}

impl Lane {
    /// The first that there is a place for.
    fn admit(&mut self, place_for: impl Fn(IpAddr) -> Option<Place>) -> Option<(Handoff, Place)> {
        let found = self.waiting.iter().enumerate();
        let (at, place) = found.filter_map(|(at, one)| Some((at, place_for(one.peer)?))).next()?;
        Some((self.waiting.remove(at)?, place))
    }

    /// Whether there was room.
    fn line_up(&mut self, handoff: Handoff) -> bool {
        let has_room = self.waiting.len() < QUEUED_MAX;
        if has_room {
            self.waiting.push_back(handoff);
        }
        has_room
    }
}

/// Who is at the other end of a connection, for the requests on it.
#[derive(Clone, Debug)]
pub(super) struct Peer {
    pub ip: IpAddr,
    pub life: Life,
    /// It speaks TLS with this server.
    pub is_secure: bool,
    /// It has a place that is there for a probe and nothing else.
    is_probe: bool,
    places: Places,
}

impl Peer {
    /// Whether the connection may be kept for a next request, as far as others are concerned.
    pub(super) fn may_stay(&self) -> bool {
        !self.is_probe && !self.places.are_crowded()
    }
}

impl Connected<IncomingStream<'_, Handoffs>> for Peer {
    fn connect_info(stream: IncomingStream<'_, Handoffs>) -> Peer {
        stream.remote_addr().clone()
    }
}

impl Handoffs {
    async fn next(&mut self) -> Option<(Prefixed, Peer)> {
        loop {
            let (Handoff { socket, received, peer, tls }, place) = self.admit().await?;
            match adopt(socket) {
                Ok(stream) => {
                    let life = Life::begin();
                    let places = self.places.clone();
                    let is_probe = place.is_for_probe();
                    let is_secure = tls.is_some();
                    let peer = Peer { ip: peer, life: life.clone(), is_secure, is_probe, places };
                    let wire = Wire::new(stream, tls);
                    return Some((Prefixed::new(received, wire, place, life), peer));
                }
                Err(error) => tracing::debug!(%error, "a handed-over socket was not usable"),
            }
        }
    }

    /// The next connection that there is a place for.
    async fn admit(&mut self) -> Option<(Handoff, Place)> {
        loop {
            if let Some(admitted) = self.first_with_a_place() {
                return Some(admitted);
            }
            let lined_up = tokio::select! {
                probe = self.probes.receiver.recv() => self.probes.line_up(probe?),
                page = self.pages.receiver.recv() => self.pages.line_up(page?),
                () = self.places.freed() => true,
            };
            if !lined_up {
                self.dropped.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    fn first_with_a_place(&mut self) -> Option<(Handoff, Place)> {
        let places = &self.places;
        let probe = self.probes.admit(|peer| places.take_for_probe(peer));
        probe.or_else(|| self.pages.admit(|peer| places.take(peer)))
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
