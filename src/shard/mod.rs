//! The engine of one core, sans-IO: no socket, no clock, no executor.
//!
//! Invariants: see `Shard`. Called by `runtime::driver` on a real ring and by `sim::world` under a
//! virtual clock, which are the only two that own one, but for tests.

pub mod arriving;
pub mod aside;
pub mod conflate;
pub mod counters;
pub mod handoff;
pub mod journal;
pub mod mesh;
pub mod peer;
mod places;
pub mod refusal;
pub mod reload;
pub mod trace;

mod absent;
mod address;
mod admit;
mod apply;
mod attending;
mod calling;
mod closing;
mod deadline;
mod delivery;
mod drain;
mod hear;
mod history;
mod hold;
mod home;
mod hooks;
mod host;
mod identity;
mod lease;
mod limit;
mod notice;
mod presence;
mod recheck;
mod refusing;
pub mod reply;
mod roles;
mod roster;
mod seating;
mod sending;
pub mod subject;
mod trim;
mod turn;
mod variables;

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, VecDeque};
use std::net::IpAddr;
use std::sync::Arc;

use slab::Slab;

use crate::auth::Verifier;
use crate::backend::Submit;
use crate::clock::Now;
use crate::envelope::{Envelope, Misfit, RoutedKeys, Scanner, Slots};
use crate::ids::{ConnKey, ShardId};
use crate::pipeline::By;
use crate::pipeline::effect::Effects;
use crate::pipeline::program::Program;
use crate::pipeline::vm::Vm;
use crate::settings::Settings;
use crate::state::classes::RoomVariable;
use crate::state::conns::{Conns, Phase};
use crate::state::gate::Gate;
use crate::state::homes::{Homes, home_of};
use crate::state::names::Names;
use crate::state::outbox::Outboxes;
use crate::state::permissions::PermissionSet;
use crate::state::presence::Presences;
use crate::state::pressure::Pressure;
use crate::state::rooms::Rooms;
use crate::state::sessions::Sessions;
use crate::state::spares::Spares;
use crate::state::timers::Wheel;
use crate::state::users::Users;
use crate::ws::deflate::SharedCompressors;
use crate::ws::{Rules, Shared};

use calling::Calling;
use conflate::Conflated;
use counters::{Counters, Named};
use drain::Draining;
use hold::Held;
use identity::Guests;
use journal::Journal;
use mesh::Mesh;
use peer::PeerFrame;
use recheck::Rechecked;
use reload::{Editions, Known};
use trace::Trace;
use trim::Trim;

/// What a shard is made of that it does not own.
#[derive(Clone)]
pub struct Engine {
    pub settings: Arc<Settings>,
    pub program: Arc<Program>,
    pub verifier: Arc<Verifier>,
    pub backends: Arc<dyn Submit>,
    pub gate: Arc<Gate>,
    pub pressure: Arc<Pressure>,
    pub shards: u16,
    /// Seeds the choice of homes; the same for every shard of a process.
    pub seed: u64,
    /// Where a reload lays out what comes after `settings`, `program` and `verifier`.
    pub editions: Arc<Editions>,
}

/// What the shard wants done to a socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Io {
    /// Everything is sent: half-close, go on reading until the peer closes too.
    Finish(u32),
    /// Cut it, then call `handle_closed`.
    Close(u32),
    /// Stop reading.
    Pause(u32),
    /// Read again.
    Resume(u32),
    /// Let go of it, then call `take_handoff` and pass it on.
    HandOff(u32),
}

/// One core's engine.
///
/// Its methods come in four families. `handle_*` is input: accepted, bytes, sent, hung up, closed,
/// a peer's frame, a timeout; time is an argument. `poll_*` is output: sends, peer frames, socket
/// requests, the next deadline; call each until it gives `None` after any input. Then mutators
/// (`drain`) and getters.
///
/// Invariants: a connection has at most one send in flight; between `poll_send` and `handle_sent`
/// the bytes given out do not move; a connection that is held (something is awaited from another
/// shard) keeps its order, because nothing behind the held message is looked at.
pub struct Shard {
    id: ShardId,
    engine: Engine,
    now: Now,
    counters: Arc<Counters>,
    conns: Conns,
    rooms: Rooms,
    users: Users,
    homes: Homes,
    outboxes: Outboxes,
    wheel: Wheel,
    mesh: Mesh,
    holds: Slab<Held>,
    /// The number of the edition in `engine`.
    generation: u32,
    /// Holds that go on in it.
    held: u32,
    /// Editions before it that something held still needs.
    former: Vec<Known>,
    /// How many of them stand in for a newer one just now.
    selected: u32,
    /// A room was bounded while one did.
    bound_again: bool,
    /// A reload has brought bounds on members of rooms that had some.
    counts_late: bool,
    /// Rooms whose rules a reload changed, with members to be asked.
    rechecks: Vec<Rechecked>,
    /// Counters that its program names.
    named: Arc<Named>,
    names: Names,
    spares: Spares,
    io: VecDeque<Io>,
    rules: Rules,
    decoding: Shared,
    compressors: SharedCompressors,
    keys: RoutedKeys,
    scanner: Scanner,
    envelope: Envelope,
    slots: Slots,
    /// Where a target with escapes is decoded to.
    target: Vec<u8>,
    vm: Vm,
    effects: Effects,
    /// Connections whose outbox ran over in this fan-out.
    overflowed: Vec<u32>,
    /// Connections whose unread bytes may be looked at, at the end of the turn.
    to_read: Vec<u32>,
    /// Something waits for the end of a send of the last turn.
    sends_to_follow: bool,
    /// Users of this home without connections, by when their record may go.
    fading: BinaryHeap<Reverse<(u64, Arc<str>)>>,
    fired: Vec<u32>,
    draining: Option<Draining>,
    refused_lingering: u32,
    /// The rooms that connections are on their way into, by slot (`arriving`).
    arriving: HashMap<u32, Arc<str>>,
    /// Connections that have a compressor of their own; some may be gone.
    own_compressors: Vec<ConnKey>,
    trim: Trim,
    /// Only in tests of a configuration.
    trace: Option<Arc<Trace>>,
    journal: Journal,
    /// What users hold who were granted nothing.
    no_permissions: Arc<PermissionSet>,
    sessions: Sessions,
    conflated: Conflated,
    /// Why the payload at hand does not fit.
    misfit: Misfit,
    /// Why the room's rules did not let somebody in.
    refused_by: By,
    /// Where the variables of the room at hand stand in its name.
    room_variables: Vec<RoomVariable>,
    /// Receivers of the send at hand, and those of them that are not left out.
    chosen: Vec<u32>,
    left: Vec<u32>,
    /// How many hooks are being carried out.
    hooks_running: u32,
    calling: Calling,
    guests: Guests,
    presences: Presences,
}

impl Shard {
    pub fn new(id: ShardId, engine: Engine, now: Now, counters: Arc<Counters>) -> Shard {
        let transport = &engine.settings.transport;
        let (bounds, delays) = (reload::bounds(transport), reload::delays(&engine.settings));
        let named = counters.rename(&engine.program);
        Shard {
            id,
            now,
            counters,
            conns: Conns::new(id),
            rooms: Rooms::new(&engine.settings.rooms),
            users: Users::default(),
            homes: Homes::default(),
            outboxes: Outboxes::new(bounds, delays),
            wheel: Wheel::new(now.mono_ns),
            mesh: Mesh::new(engine.shards, Arc::clone(&engine.pressure)),
            holds: Slab::new(),
            generation: 0,
            held: 0,
            former: Vec::new(),
            selected: 0,
            bound_again: false,
            counts_late: false,
            rechecks: Vec::new(),
            named,
            names: Names::default(),
            spares: Spares::default(),
            io: VecDeque::new(),
            rules: reload::rules(transport),
            decoding: Shared::default(),
            compressors: SharedCompressors::new(transport.compression.level),
            keys: reload::routed_keys(&engine.settings),
            scanner: Scanner::default(),
            envelope: Envelope::default(),
            slots: Slots::default(),
            target: Vec::new(),
            vm: Vm::default(),
            effects: Effects::default(),
            overflowed: Vec::new(),
            to_read: Vec::new(),
            sends_to_follow: false,
            fading: BinaryHeap::new(),
            fired: Vec::new(),
            draining: None,
            refused_lingering: 0,
            arriving: HashMap::new(),
            own_compressors: Vec::new(),
            trim: Trim::new(),
            trace: None,
            journal: Journal::default(),
            no_permissions: Arc::default(),
            sessions: Sessions::default(),
            conflated: Conflated::default(),
            misfit: Misfit::default(),
            refused_by: By::default(),
            room_variables: Vec::new(),
            chosen: Vec::new(),
            left: Vec::new(),
            hooks_running: 0,
            calling: Calling::default(),
            guests: Guests::default(),
            presences: Presences::default(),
            engine,
        }
    }

    /// Notes which operations are run.
    pub fn trace(&mut self, trace: Arc<Trace>) {
        self.trace = Some(trace);
    }

    // ---- input ----

    /// A socket was accepted; returns its slot.
    pub fn handle_accepted(&mut self, now: Now, ip: IpAddr) -> u32 {
        self.now = now;
        self.counters.connections.add(1);
        let slot = self.conns.insert(ip, now.mono_ns);
        self.outboxes.open_lane(slot);
        self.admit(slot, ip);
        slot
    }

    /// The send given out by `poll_send` is over; on failure the peer is gone.
    pub fn handle_sent(&mut self, now: Now, slot: u32, ok: bool) {
        self.now = now;
        let flushed = self.outboxes.sent(slot);
        match ok {
            true if flushed => self.finish_if_flushed(slot),
            true => {}
            false => self.cut(slot),
        }
    }

    /// The peer closed or reset its side.
    pub fn handle_hangup(&mut self, now: Now, slot: u32) {
        self.now = now;
        // What it is still owed (the answer to its close frame) goes out first.
        match self.phase(slot) == Phase::Lingering && !self.outboxes.is_idle(slot) {
            true => self.conns.get_mut(slot).into_iter().for_each(|conn| conn.peer_done = true),
            false => self.cut(slot),
        }
    }

    /// The socket asked to be closed is closed and no operation on it is pending.
    pub fn handle_closed(&mut self, now: Now, slot: u32) {
        self.now = now;
        self.forget(slot);
    }

    /// The socket asked to be handed off is free; returns what was read from it.
    pub fn take_handoff(&mut self, slot: u32) -> Option<(IpAddr, Vec<u8>)> {
        let conn = self.conns.get_mut(slot)?;
        let received = std::mem::take(&mut conn.unread);
        let ip = conn.ip;
        self.forget(slot);
        Some((ip, received))
    }

    /// A frame from another shard.
    pub fn handle_peer(&mut self, now: Now, frame: PeerFrame) {
        self.catch_up(now);
        self.now = now;
        self.hear(frame);
    }

    /// Time passed: fires what is due.
    pub fn handle_timeout(&mut self, now: Now) {
        self.now = now;
        self.expire();
    }

    // ---- output ----

    /// The next send: the slot and the bytes, which stay in place until `handle_sent`. Call it
    /// until it gives `None`, then `end_turn`.
    pub fn poll_send(&mut self) -> Option<(u32, &[u8])> {
        let (slot, bytes) = self.outboxes.next_send(self.now.mono_ns)?;
        self.counters.sends.add(1);
        self.counters.bytes_out.add(bytes.len() as u64);
        Some((slot, bytes))
    }

    /// The bytes of the send that `handle_sent` has not ended yet.
    pub fn in_flight(&self, slot: u32) -> Option<&[u8]> {
        self.outboxes.in_flight(slot)
    }

    /// The turn's sends were all taken.
    pub fn end_turn(&mut self) {
        self.outboxes.end_flush();
        self.sends_to_follow = self.outboxes.take_to_follow();
        self.recheck_some();
        self.watch_stalled();
        self.plan_trim();
    }

    /// How many peers something is due to; as many calls of `next_peer` meet each of them.
    pub fn peers_due(&self) -> usize {
        self.mesh.due()
    }

    /// The next peer that something is due to; one that does not take everything is due again, in
    /// the next turn.
    pub fn next_peer(&mut self) -> Option<ShardId> {
        self.mesh.next_due()
    }

    /// The next frame due to a peer.
    pub fn poll_peer(&mut self, to: ShardId) -> Option<PeerFrame> {
        self.mesh.pop(to)
    }

    /// A peer's channel is full: the frame goes back to the front of its lane.
    pub fn return_peer(&mut self, to: ShardId, frame: PeerFrame) {
        self.mesh.unpop(to, frame);
    }

    /// Every peer that was due was offered its frames: what is left is a backlog, and with too much
    /// of it no shard reads from its connections.
    pub fn end_peers(&mut self) {
        self.mesh.end_flush();
    }

    /// The next request about a socket.
    pub fn poll_io(&mut self) -> Option<Io> {
        self.read_waiting();
        self.io.pop_front()
    }

    /// When `handle_timeout` wants to be called, in monotonic ns.
    pub fn poll_deadline(&self) -> Option<u64> {
        let fading = self.fading.peek().map(|Reverse((due, _))| *due);
        let draining = self.draining.as_ref().map(|draining| draining.next_ns);
        let delayed = self.outboxes.next_due_ns();
        let trim = Some(self.trim.due_ns).filter(|due_ns| *due_ns < u64::MAX);
        let sweep = Some(self.homes.texts.sweep_due_ns).filter(|due_ns| *due_ns < u64::MAX);
        let conflated = self.conflated.next_ns();
        let round = self.journal.next_ns();
        let (calls, guests) = (self.calling.next_ns(), self.guests.next_ns());
        let presence = self.presences.next_ns();
        let delays = [delayed, trim, sweep, conflated, round, calls, guests, presence];
        [self.wheel.next_ns(), fading, draining].into_iter().chain(delays).flatten().min()
    }

    // ---- mutators and getters ----

    /// Begins the drain: 1001 to every connection, spread over `drain.over`.
    pub fn drain(&mut self, now: Now) {
        self.now = now;
        self.begin_drain();
    }

    /// Whether a drain was begun and every connection is gone.
    pub fn is_drained(&self) -> bool {
        self.draining.is_some() && self.conns.is_empty()
    }

    pub fn is_draining(&self) -> bool {
        self.draining.is_some()
    }

    pub fn settings(&self) -> &Settings {
        &self.engine.settings
    }

    pub fn id(&self) -> ShardId {
        self.id
    }

    pub fn counters(&self) -> &Arc<Counters> {
        &self.counters
    }

    /// Whether input should wait for the next turn. One connection's burst would otherwise overflow
    /// the outbox of every member of its room before the first byte could be sent to them.
    pub fn is_turn_full(&self) -> bool {
        self.outboxes.is_turn_full()
    }

    /// Whether the next turn has something to do whatever comes in.
    pub fn has_work(&self) -> bool {
        let waiting = !self.to_read.is_empty() || self.calling.has_work();
        !self.mesh.is_empty() || waiting || self.sends_to_follow || !self.rechecks.is_empty()
    }

    /// Frames that wait for a peer to take them.
    pub fn peer_backlog(&self) -> usize {
        self.mesh.backlog()
    }

    /// What is alive, for leak checks: connections, rooms, users, home rooms, home users, frames.
    pub fn live(&self) -> Live {
        Live {
            conns: self.conns.len(),
            rooms: self.rooms.len(),
            users: self.users.len(),
            home_rooms: self.homes.rooms.len(),
            home_users: self.homes.users.len(),
            jobs: self.homes.jobs.len(),
            holds: self.holds.len(),
            texts: self.homes.texts.len(),
            histories: self.homes.histories.rooms,
            frames: self.outboxes.frames_live(),
            sessions: self.sessions.len(),
            presences: self.presences.len(),
        }
    }

    fn home_of(&self, name: &str) -> ShardId {
        home_of(name, self.engine.seed, self.engine.shards)
    }

    /// Says something to a shard; to itself at once.
    fn tell(&mut self, to: ShardId, frame: PeerFrame) {
        if to == self.id {
            self.hear(frame);
        } else {
            self.mesh.push(to, frame);
        }
    }

    fn phase(&self, slot: u32) -> Phase {
        self.conns.get(slot).map_or(Phase::Gone, |conn| conn.phase)
    }
}

/// Counts of what a shard holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Live {
    pub conns: usize,
    pub rooms: usize,
    pub users: usize,
    pub home_rooms: usize,
    pub home_users: usize,
    pub jobs: usize,
    pub holds: usize,
    /// Texts whose limits are counted here.
    pub texts: usize,
    /// Rooms whose history is kept here.
    pub histories: usize,
    pub frames: usize,
    /// What is kept of connections and users: variables, claims, grants.
    pub sessions: usize,
    /// Rooms with presence whose home is here.
    pub presences: usize,
}
