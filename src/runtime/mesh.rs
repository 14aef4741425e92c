//! The mesh's channels: one bounded inbox a shard, crossbeam underneath; and one for sockets that
//! another shard accepted.
//!
//! Invariants: frames from one shard to another keep their order; a full inbox gives the frame back
//! to its sender, never drops it; a batch wakes its receiver once.

use std::os::fd::OwnedFd;
use std::sync::Arc;

use crossbeam_channel::{Receiver, Sender, TrySendError, bounded, unbounded};

use super::StartError;
use super::wake::Wake;
use crate::backend::Answer;
use crate::ids::ShardId;
use crate::limits::{CALLS_UNDER_WAY_MAX, MESH_CHANNEL_FRAMES};
use crate::shard::Shard;
use crate::shard::peer::PeerFrame;

/// A socket that another shard accepted.
pub struct Newcomer {
    pub socket: OwnedFd,
    /// It speaks TLS.
    pub secure: bool,
}

/// One shard's ends of the mesh.
pub struct Ports {
    pub inbox: Receiver<PeerFrame>,
    /// Sockets that others accepted for this shard.
    pub newcomers: Receiver<Newcomer>,
    /// Answers of backends for this shard.
    pub answers: Receiver<Answer>,
    doors: Vec<Sender<Newcomer>>,
    /// To each shard, by its number.
    peers: Vec<Sender<PeerFrame>>,
    wakes: Vec<Arc<Wake>>,
    me: ShardId,
}

/// Where answers of backends go; may be used on any thread.
#[derive(Clone)]
pub struct Answers {
    shards: Vec<Sender<Answer>>,
    wakes: Vec<Arc<Wake>>,
}

impl Answers {
    /// Gives an answer to the shard that waits for it; never waits itself.
    pub fn tell(&self, answer: Answer) {
        let shard = answer.ticket.conn.shard.index();
        let Some(door) = self.shards.get(shard) else { return };
        // There is room for what a shard may ask for, twice: where that is gone, most of it was
        // given up already, and so will this one be.
        if door.try_send(answer).is_ok() {
            self.wakes[shard].ring();
        }
    }
}

/// What connects shards with each other, and with those who answer them.
pub struct Connected {
    pub ports: Vec<Ports>,
    pub wakes: Vec<Arc<Wake>>,
    pub answers: Answers,
}

/// The ports of every shard, and their bells.
pub fn connect(shards: u16) -> Result<Connected, StartError> {
    let wakes: Result<Vec<_>, _> = (0..shards).map(|_| Wake::new().map(Arc::new)).collect();
    let wakes = wakes.map_err(|error| StartError(format!("cannot make an eventfd: {error}")))?;
    let (peers, inboxes): (Vec<_>, Vec<_>) =
        (0..shards).map(|_| bounded(MESH_CHANNEL_FRAMES)).unzip();
    let (doors, newcomers): (Vec<_>, Vec<_>) = (0..shards).map(|_| unbounded()).unzip();
    let (told, answers): (Vec<_>, Vec<_>) =
        (0..shards).map(|_| bounded(2 * CALLS_UNDER_WAY_MAX)).unzip();
    let inboxes = inboxes.into_iter().zip(newcomers).zip(answers);
    let ports = inboxes.zip(0..).map(|(((inbox, newcomers), answers), me)| Ports {
        inbox,
        newcomers,
        answers,
        doors: doors.clone(),
        peers: peers.clone(),
        wakes: wakes.clone(),
        me: ShardId(me),
    });
    let answers = Answers { shards: told, wakes: wakes.clone() };
    Ok(Connected { ports: ports.collect(), wakes, answers })
}

impl Ports {
    pub fn wake(&self) -> &Wake {
        &self.wakes[self.me.index()]
    }

    /// Gives a socket to the shard that is to serve it. Where that has ended, the process is going
    /// down, and the socket is closed here.
    pub fn pass_on(&self, to: ShardId, newcomer: Newcomer) {
        if self.doors[to.index()].send(newcomer).is_ok() {
            self.wakes[to.index()].ring();
        }
    }

    /// Whether nothing came from other shards.
    pub fn is_quiet(&self) -> bool {
        self.inbox.is_empty() && self.newcomers.is_empty() && self.answers.is_empty()
    }

    /// Passes on what the shard has for its peers; looks only at those it has something for.
    pub fn flush(&self, shard: &mut Shard) {
        for _ in 0..shard.peers_due() {
            if let Some(peer) = shard.next_peer()
                && self.flush_to(shard, peer)
            {
                self.wakes[peer.index()].ring();
            }
        }
        shard.end_peers();
    }

    /// Whether anything was passed on.
    fn flush_to(&self, shard: &mut Shard, peer: ShardId) -> bool {
        let mut any = false;
        while let Some(frame) = shard.poll_peer(peer) {
            match self.peers[peer.index()].try_send(frame) {
                Ok(()) => any = true,
                Err(TrySendError::Full(frame)) => {
                    shard.counters().mesh_full.add(1);
                    shard.return_peer(peer, frame);
                    return true;
                }
                // The peer has ended: the process is going down.
                Err(TrySendError::Disconnected(_)) => {}
            }
        }
        any
    }
}
