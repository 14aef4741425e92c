//! A thread's connections, without I/O: what scenarios act on.
//!
//! ```text
//! enlist -> poll_io: Dial -> connected -> upgrade -> opened -> join -> joined
//!   publish, echo -> outgoing -> poll_send (once a turn and connection)
//!   receive -> frames -> adapter -> Scenario::delivered, refused, ...
//! ```
//!
//! Invariants: what a scenario asks for is carried out after its call, at the end of the turn; the
//! bytes of a send stay where they are until `sent`; a slot is reused only after `closed`.
//! Called by `driver` from below and by scenarios from above.

mod conn;
mod hearing;
mod place;
mod roster;

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;

use slab::Slab;

use super::adapter::{Adapter, Answer, Body, Role};
use super::course::Stage;
use super::outgoing::Outgoing;
use super::stamp::Stamp;
use super::tally::Tally;
use super::tokens::Tokens;
use crate::clock::Now;
use crate::runtime::dial::Dial;
use crate::ws::close;
pub use conn::Ending;
use conn::{Conn, Phase};
use place::Place;
use roster::Roster;
pub use roster::{Enlisted, Ramp};

/// What the fleet wants of whoever has the sockets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Io {
    /// Connect this slot.
    Dial(u32),
    /// End both directions, then close.
    Close(u32, Farewell),
    Pause(u32),
    Resume(u32),
}

/// How a connection is closed by its client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Farewell {
    /// With the FIN of a client that is gone.
    Gone,
    /// With a reset, as when a network or a process breaks. No port is left waiting.
    Reset,
}

/// What a turn knows about time.
#[derive(Clone, Debug)]
pub struct Turn {
    /// When what is heard in this turn was there.
    pub heard: Now,
    pub stage: Stage,
    /// The time in which messages are sent.
    pub load: Range<u64>,
    /// The measured part of it.
    pub window: Range<u64>,
}

/// What a fleet is made of.
pub struct Equipment {
    pub adapter: Arc<dyn Adapter>,
    pub tokens: Tokens,
    /// The value of the header `Host`.
    pub host: String,
    /// Bytes of a delivery.
    pub delivered_bytes: usize,
    pub ramp: Ramp,
    pub tally: Tally,
    pub seed: u64,
}

/// One thread's connections.
pub struct Fleet {
    adapter: Arc<dyn Adapter>,
    tokens: Tokens,
    host: String,
    delivered_bytes: usize,
    separator: Option<u8>,
    conns: Slab<Conn>,
    roster: Roster,
    requests: VecDeque<Io>,
    /// Connections with something to send.
    dirty: Vec<u32>,
    /// What needed no answer: to be told to the scenario.
    done: Vec<(u32, Done)>,
    place: Option<Place>,
    turn: Turn,
    now_ns: u64,
    is_measured: bool,
    seed: u64,
    failure: Option<String>,
    pub tally: Tally,
}

/// What a server does without saying so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Done {
    Joined,
    Left,
}

impl Fleet {
    pub fn new(equipment: Equipment) -> Fleet {
        let mut roster = Roster::default();
        roster.set_ramp(equipment.ramp);
        Fleet {
            separator: equipment.adapter.separator(),
            adapter: equipment.adapter,
            tokens: equipment.tokens,
            host: equipment.host,
            delivered_bytes: equipment.delivered_bytes,
            conns: Slab::new(),
            roster,
            requests: VecDeque::new(),
            dirty: Vec::new(),
            done: Vec::new(),
            place: None,
            turn: Turn { heard: Now::default(), stage: Stage::Gathering, load: 0..0, window: 0..0 },
            now_ns: 0,
            is_measured: false,
            seed: equipment.seed,
            failure: None,
            tally: equipment.tally,
        }
    }

    // ---- for scenarios ----

    /// Connects one more, when the ramp lets it.
    pub fn enlist(&mut self, number: u32, role: Role) {
        self.enlist_with(Enlisted { number, role, dial: Dial::default() });
    }

    pub fn enlist_with(&mut self, enlisted: Enlisted) {
        self.roster.add(enlisted);
    }

    /// From now on connections are opened at this speed.
    pub fn set_ramp(&mut self, ramp: Ramp) {
        self.roster.set_ramp(ramp);
    }

    /// `Scenario::joined` follows.
    pub fn join(&mut self, slot: u32, room: u32) {
        let answer = self.say(slot, |adapter, conn| {
            let (seat, mut out) = conn.seat_and_outgoing();
            adapter.join(&seat, room, &mut out)
        });
        if answer == Some(Answer::None) {
            self.done.push((slot, Done::Joined));
        }
    }

    /// `Scenario::left` follows.
    pub fn leave(&mut self, slot: u32, room: u32) {
        let answer = self.say(slot, |adapter, conn| {
            let (seat, mut out) = conn.seat_and_outgoing();
            adapter.leave(&seat, room, &mut out)
        });
        if answer == Some(Answer::None) {
            self.done.push((slot, Done::Left));
        }
    }

    /// Sends a message with this stamp to everybody in the room.
    pub fn publish(&mut self, slot: u32, room: u32, stamp: Stamp) {
        self.publish_bytes(slot, room, stamp, self.delivered_bytes);
    }

    /// The same as short as it can be.
    pub fn publish_short(&mut self, slot: u32, room: u32, stamp: Stamp) {
        self.publish_bytes(slot, room, stamp, 0);
    }

    fn publish_bytes(&mut self, slot: u32, room: u32, stamp: Stamp, delivered_bytes: usize) {
        let body = Body { stamp, delivered_bytes };
        self.say(slot, |adapter, conn| {
            let (seat, mut out) = conn.seat_and_outgoing();
            adapter.publish(&seat, room, &body, &mut out);
        });
        self.tally.sent.add(1, self.is_measured);
    }

    /// Sends a message with this stamp that comes back.
    pub fn echo(&mut self, slot: u32, stamp: Stamp) {
        let body = Body { stamp, delivered_bytes: self.delivered_bytes };
        self.say(slot, |adapter, conn| {
            let (seat, mut out) = conn.seat_and_outgoing();
            adapter.echo(&seat, &body, &mut out);
        });
        self.tally.sent.add(1, self.is_measured);
    }

    /// Reads no more from a connection; the kernel's buffers fill up, then the server's.
    pub fn pause(&mut self, slot: u32) {
        self.requests.push_back(Io::Pause(slot));
    }

    pub fn resume(&mut self, slot: u32) {
        self.requests.push_back(Io::Resume(slot));
    }

    /// `Scenario::closed` follows.
    pub fn close(&mut self, slot: u32, farewell: Farewell) {
        self.end(slot, Ending::Asked, farewell);
    }

    /// Ends the whole run as failed.
    pub fn fail(&mut self, reason: String) {
        self.failure.get_or_insert(reason);
    }

    /// The number under which the connection was enlisted.
    pub fn number(&self, slot: u32) -> u32 {
        self.conns.get(slot as usize).map_or(0, |conn| conn.number)
    }

    /// The role under which the connection was enlisted.
    pub fn role(&self, slot: u32) -> Role {
        self.conns.get(slot as usize).map_or(Role::Idle, |conn| conn.role)
    }

    pub fn stage(&self) -> Stage {
        self.turn.stage
    }

    /// The time in which messages are sent.
    pub fn load(&self) -> &Range<u64> {
        &self.turn.load
    }

    /// The measured part of it.
    pub fn window(&self) -> &Range<u64> {
        &self.turn.window
    }

    /// By when a message of a schedule is due in this turn: nothing is due after the load's end.
    pub fn due_by_ns(&self) -> u64 {
        self.now_ns.min(self.turn.load.end.saturating_sub(1))
    }

    /// When the measured time began.
    pub fn window_start_ns(&self) -> u64 {
        self.turn.window.start
    }

    /// Whether a member gets what it publishes itself.
    pub fn senders_hear_themselves(&self) -> bool {
        self.adapter.senders_hear_themselves()
    }

    /// When what this turn tells of was there.
    pub fn heard_ns(&self) -> u64 {
        self.turn.heard.mono_ns
    }

    /// When what is sent in this turn goes out.
    pub fn now_ns(&self) -> u64 {
        self.now_ns
    }

    /// One message is with everybody who should have it.
    pub fn count_done(&mut self) {
        self.tally.done.add(1, self.is_measured);
    }

    /// So many deliveries, just heard, of a message that was due at this time.
    pub fn record(&mut self, due_ns: u64, times: u64) {
        if self.turn.window.contains(&due_ns) {
            self.tally.latency.record(self.heard_ns().saturating_sub(due_ns), times);
        }
    }

    /// The same for those who only watch what others do to the server.
    pub fn record_other(&mut self, due_ns: u64) {
        if self.turn.window.contains(&due_ns) {
            self.tally.others.record(self.heard_ns().saturating_sub(due_ns), 1);
        }
    }

    // ---- for the driver ----

    pub(super) fn begin_turn(&mut self, turn: Turn) {
        self.now_ns = turn.heard.mono_ns;
        self.is_measured = turn.stage == Stage::Measured;
        self.turn = turn;
    }

    /// Everything is heard: what follows is sent at this time.
    pub(super) fn begin_sending(&mut self, now_ns: u64) {
        self.now_ns = now_ns;
        while let Some(enlisted) = self.roster.take(now_ns) {
            self.dial(enlisted);
        }
    }

    pub(super) fn next_ns(&self) -> Option<u64> {
        self.roster.next_ns()
    }

    pub(super) fn failure(&self) -> Option<&str> {
        self.failure.as_deref()
    }

    /// The run is over.
    pub(super) fn close_all(&mut self) {
        self.roster = Roster::default();
        for (slot, conn) in self.conns.iter_mut().filter(|(_, conn)| conn.phase != Phase::Closing) {
            conn.ending.get_or_insert(Ending::Asked);
            conn.phase = Phase::Closing;
            self.requests.push_back(Io::Close(slot as u32, Farewell::Gone));
        }
    }

    pub(super) fn take_done(&mut self) -> Option<(u32, Done)> {
        self.done.pop()
    }

    pub(super) fn poll_io(&mut self) -> Option<Io> {
        self.requests.pop_front()
    }

    /// From where and how a slot is to be connected.
    pub(super) fn dial_of(&self, slot: u32) -> Dial {
        self.conns.get(slot as usize).map_or_else(Dial::default, |conn| conn.dial)
    }

    /// The next connection with something to send, and what. `sent` is due for each.
    pub(super) fn poll_send(&mut self) -> Option<(u32, &[u8])> {
        loop {
            let slot = self.dirty.pop()?;
            let Some(conn) = self.conns.get_mut(slot as usize) else { continue };
            conn.is_dirty = false;
            if conn.is_sending || conn.outgoing.is_empty() || conn.phase == Phase::Closing {
                continue;
            }
            conn.is_sending = true;
            std::mem::swap(&mut conn.outgoing, &mut conn.in_flight);
            // Looked up again: a borrow may not leave a loop that goes on.
            return self.in_flight(slot).map(|bytes| (slot, bytes));
        }
    }

    /// What was given by `poll_send` and is not yet `sent`.
    pub(super) fn in_flight(&self, slot: u32) -> Option<&[u8]> {
        self.conns.get(slot as usize).map(|conn| &conn.in_flight[..])
    }

    pub(super) fn sent(&mut self, slot: u32) {
        let Some(conn) = self.conns.get_mut(slot as usize) else { return };
        conn.in_flight.clear();
        conn.is_sending = false;
        if !conn.outgoing.is_empty() {
            self.mark_dirty(slot);
        }
    }

    /// The driver has closed the socket.
    pub(super) fn gone(&mut self, slot: u32) -> Option<Ending> {
        let conn = self.conns.try_remove(slot as usize)?;
        let ending = conn.ending.unwrap_or(Ending::Asked);
        if ending != Ending::Asked {
            self.tally.error(&ending.to_string(), 1);
        }
        Some(ending)
    }

    fn dial(&mut self, enlisted: Enlisted) {
        let Enlisted { number, role, dial } = enlisted;
        let conn = Conn {
            number,
            role,
            phase: Phase::Connecting,
            dial,
            key: self.next_key(),
            outgoing: Vec::new(),
            in_flight: Vec::new(),
            is_sending: false,
            is_dirty: false,
            frames: Default::default(),
            answer: Vec::new(),
            token: Box::default(),
            session: Box::default(),
            began_ns: self.now_ns,
            ending: None,
        };
        self.tally.first_ns = self.tally.first_ns.min(self.now_ns);
        let slot = self.conns.insert(conn) as u32;
        self.requests.push_back(Io::Dial(slot));
    }

    /// A masking key: splitmix64 over a random seed.
    fn next_key(&mut self) -> [u8; 4] {
        self.seed = self.seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.seed ^ (self.seed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let [a, b, c, d, ..] = (mixed ^ (mixed >> 31)).to_be_bytes();
        [a, b, c, d]
    }

    /// Lets the adapter write to an open connection.
    fn say<T>(&mut self, slot: u32, write: impl FnOnce(&dyn Adapter, &mut Conn) -> T) -> Option<T> {
        let conn = self.conns.get_mut(slot as usize).filter(|conn| conn.is_heard())?;
        let result = write(&*self.adapter, conn);
        self.mark_dirty(slot);
        Some(result)
    }

    fn mark_dirty(&mut self, slot: u32) {
        let Some(conn) = self.conns.get_mut(slot as usize) else { return };
        if !std::mem::replace(&mut conn.is_dirty, true) {
            self.dirty.push(slot);
        }
    }

    fn end(&mut self, slot: u32, ending: Ending, farewell: Farewell) {
        let Some(conn) = self.conns.get_mut(slot as usize) else { return };
        if conn.phase == Phase::Closing {
            return;
        }
        if conn.phase != Phase::Open {
            self.roster.settled();
        }
        conn.ending.get_or_insert(ending);
        conn.phase = Phase::Closing;
        self.requests.push_back(Io::Close(slot, farewell));
    }
}

/// A pong, or the answer to a close frame.
fn write_control(conn: &mut Conn, opcode: crate::ws::header::Opcode, payload: &[u8]) {
    Outgoing::new(&mut conn.outgoing, conn.key).frame(opcode, &[payload]);
}

/// What a close frame says, for a person.
fn closing_words(payload: &[u8]) -> String {
    match close::decode(payload) {
        Ok((Some(code), "")) => format!("closed by the server with {code}"),
        Ok((Some(code), reason)) => format!("closed by the server with {code} {reason}"),
        _ => "closed by the server without a code".into(),
    }
}
