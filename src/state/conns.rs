//! The slab of connections: one `Conn` per socket, found by slot, checked by generation.
//!
//! Invariants: a slot is reused only after its socket is closed; each reuse has a new generation,
//! so a `ConnKey` that outlived its connection resolves to nothing. An idle `Conn` owns no heap
//! beyond its seats. Called by `shard`.

use std::net::IpAddr;

use slab::Slab;

use super::meters::Meters;
use crate::ids::{ConnKey, ShardId, UserId};
use crate::reserve::is_roomy;
use crate::ws::Decoder;
use crate::ws::deflate::Compressor;

/// Where a connection is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Reading the request head.
    Head,
    /// The user's home is deciding; the 101 waits in `Hold::Binding`.
    Binding,
    /// A WebSocket.
    Open,
    /// Our close frame is queued or sent; the peer's is awaited.
    Closing,
    /// Everything is said: flush, half-close, wait for the peer to go.
    Lingering,
    /// The socket goes to the control plane once the ring lets go of it.
    HandingOff,
    /// The socket is being closed; nothing more is accepted from it.
    Gone,
}

/// A connection's place in a room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seat {
    /// The room's slot.
    pub room: u32,
    /// The position in the room's member list.
    pub place: u32,
}

/// How frames to this connection are compressed.
#[derive(Debug, Default)]
pub enum Deflate {
    #[default]
    Off,
    /// No context takeover: one deflated frame serves every connection with the same window.
    Shared { window_bits: u8 },
    /// Context takeover: this connection's own window, made when a message needs it and dropped
    /// when none did for a while.
    Own { window_bits: u8, compressor: Option<Box<Compressor>>, used: bool },
}

/// One connection.
#[derive(Debug)]
pub struct Conn {
    pub generation: u32,
    pub phase: Phase,
    /// Reading from the socket is paused: too much is unread.
    pub paused: bool,
    /// The peer has closed its side and is owed the rest of the outbox.
    pub peer_done: bool,
    /// A ping is out and unanswered.
    pub ping_out: bool,
    /// Holds a place in the gate.
    pub in_gate: bool,
    /// It has said whose it is (`auth.mode: message`).
    pub identified: bool,
    /// Its `disconnect` hook has run.
    pub ended: bool,
    /// Control frames answered in the tick `control_tick`.
    pub control_frames: u16,
    pub control_tick: u16,
    pub ip: IpAddr,
    pub user: Option<UserId>,
    /// The position in the user's connection list.
    pub user_place: u32,
    /// Slot in the shard's holds, where something is awaited from another shard.
    pub hold: Option<u32>,
    pub decoder: Decoder,
    pub deflate: Deflate,
    pub seats: Vec<Seat>,
    /// What is counted with this connection, once something is.
    pub meters: Option<Box<Meters>>,
    /// The request head so far, or bytes that arrived while the connection was held.
    pub unread: Vec<u8>,
    /// How much of the request head was already searched for its end.
    pub searched: u32,
    /// When the last byte came.
    pub heard_ns: u64,
    /// When this phase must be over (head, closing, lingering), or the pong is due.
    pub due_ns: u64,
}

/// All connections of one shard.
#[derive(Debug)]
pub struct Conns {
    shard: ShardId,
    slots: Slab<Conn>,
    generation: u32,
}

impl Conns {
    pub fn new(shard: ShardId) -> Conns {
        Conns { shard, slots: Slab::new(), generation: 0 }
    }

    /// A new connection in phase `Head`.
    pub fn insert(&mut self, ip: IpAddr, now_ns: u64) -> u32 {
        self.generation = self.generation.wrapping_add(1);
        self.slots.insert(Conn {
            generation: self.generation,
            phase: Phase::Head,
            paused: false,
            peer_done: false,
            ping_out: false,
            in_gate: false,
            identified: false,
            ended: false,
            control_frames: 0,
            control_tick: 0,
            ip,
            user: None,
            user_place: 0,
            hold: None,
            decoder: Decoder::default(),
            deflate: Deflate::Off,
            seats: Vec::new(),
            meters: None,
            unread: Vec::new(),
            heard_ns: now_ns,
            due_ns: 0,
            searched: 0,
        }) as u32
    }

    pub fn remove(&mut self, slot: u32) -> Option<Conn> {
        self.slots.try_remove(slot as usize)
    }

    pub fn get(&self, slot: u32) -> Option<&Conn> {
        self.slots.get(slot as usize)
    }

    pub fn get_mut(&mut self, slot: u32) -> Option<&mut Conn> {
        self.slots.get_mut(slot as usize)
    }

    /// The slot of a key that is still alive here.
    pub fn resolve(&self, key: ConnKey) -> Option<u32> {
        let conn = self.slots.get(key.index as usize)?;
        (key.shard == self.shard && conn.generation == key.generation).then_some(key.index)
    }

    /// The process-wide name of a slot.
    pub fn key(&self, slot: u32) -> Option<ConnKey> {
        let generation = self.slots.get(slot as usize)?.generation;
        Some(ConnKey { shard: self.shard, index: slot, generation })
    }

    /// Every slot in use.
    pub fn slots(&self) -> impl Iterator<Item = u32> + '_ {
        self.slots.iter().map(|(slot, _)| slot as u32)
    }

    pub fn len(&self) -> usize {
        self.slots.len()
    }

    pub fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    /// Gives back the room of slots at the end that few connections are left to need.
    pub fn trim(&mut self) {
        if is_roomy(self.slots.len(), self.slots.capacity()) {
            self.slots.shrink_to_fit();
        }
    }

    /// No connection has this slot or a higher one.
    pub fn slots_end(&self) -> u32 {
        self.slots.capacity() as u32
    }
}
