//! From received bytes to what a scenario is told.
//!
//! Invariants: a delivery that looks like the last one costs a comparison and no look-up of its
//! connection; a connection that is closing is not heard any more.

use super::super::adapter::{Answer, Heard};
use super::super::frames::Item;
use super::super::handshake::{self, Outcome};
use super::super::scenario::Scenario;
use super::super::stamp::Stamp;
use super::conn::{Conn, Phase};
use super::{Ending, Farewell, Fleet, Place, closing_words, write_control};
use crate::ws::header::Opcode;

impl Fleet {
    /// The socket is connected: asks for the upgrade.
    pub(in crate::bench) fn connected(&mut self, slot: u32) {
        let Some(conn) = self.conns.get_mut(slot as usize) else { return };
        if conn.phase != Phase::Connecting {
            return;
        }
        conn.phase = Phase::Upgrading;
        let user = conn.seat_and_outgoing().0.user();
        match self.tokens.of(&user, self.turn.heard) {
            Ok(token) => conn.token = token.into(),
            Err(reason) => return self.fail(format!("no token could be made: {reason}")),
        }
        let upgrade = self.adapter.upgrade(&conn.seat_and_outgoing().0);
        handshake::write_request(&mut conn.outgoing, &self.host, &upgrade);
        self.mark_dirty(slot);
    }

    /// The server is gone, or never was there.
    pub(in crate::bench) fn hung_up(&mut self, slot: u32, reason: &str) {
        let Some(conn) = self.conns.get_mut(slot as usize) else { return };
        let mut ending = conn.ending_of(reason.to_owned());
        if conn.phase == Phase::Upgrading
            && let Outcome::Refused(why) = handshake::read_answer(&conn.answer, true)
        {
            ending = Ending::Refused(why);
        }
        self.end(slot, ending, Farewell::Gone);
    }

    /// Bytes from the server.
    pub(in crate::bench) fn receive<S: Scenario + ?Sized>(
        &mut self,
        slot: u32,
        bytes: &[u8],
        scenario: &mut S,
    ) {
        let Some(conn) = self.conns.get_mut(slot as usize) else { return };
        match conn.phase {
            Phase::Greeting | Phase::Open => self.receive_frames(slot, bytes, scenario),
            Phase::Upgrading => self.receive_answer(slot, bytes, scenario),
            Phase::Connecting | Phase::Closing => {}
        }
    }

    fn receive_frames<S: Scenario + ?Sized>(&mut self, slot: u32, bytes: &[u8], scenario: &mut S) {
        let Some(conn) = self.conns.get_mut(slot as usize) else { return };
        let mut frames = std::mem::take(&mut conn.frames);
        let result = frames.feed(bytes, |item| self.hear(slot, item, scenario));
        if let Some(conn) = self.conns.get_mut(slot as usize) {
            conn.frames = frames;
        }
        if let Err(fault) = result {
            self.end(slot, Ending::Broken(fault.to_string()), Farewell::Gone);
        }
    }

    fn receive_answer<S: Scenario + ?Sized>(&mut self, slot: u32, bytes: &[u8], scenario: &mut S) {
        let Some(conn) = self.conns.get_mut(slot as usize) else { return };
        conn.answer.extend_from_slice(bytes);
        match handshake::read_answer(&conn.answer, false) {
            Outcome::Incomplete => {}
            Outcome::Refused(why) => self.end(slot, Ending::Refused(why), Farewell::Gone),
            Outcome::Switched(head_bytes) => {
                let answer = std::mem::take(&mut conn.answer);
                self.switched(slot, scenario);
                self.receive(slot, &answer[head_bytes..], scenario);
            }
        }
    }

    /// It is a WebSocket now: says hello.
    fn switched<S: Scenario + ?Sized>(&mut self, slot: u32, scenario: &mut S) {
        let Some(conn) = self.conns.get_mut(slot as usize) else { return };
        conn.phase = Phase::Greeting;
        let (seat, mut out) = conn.seat_and_outgoing();
        let answer = self.adapter.hello(&seat, &mut out);
        self.mark_dirty(slot);
        if answer == Answer::None {
            self.opened(slot, String::new(), scenario);
        }
    }

    fn opened<S: Scenario + ?Sized>(&mut self, slot: u32, session: String, scenario: &mut S) {
        let Some(conn) = self.conns.get_mut(slot as usize) else { return };
        if conn.phase != Phase::Greeting {
            return;
        }
        conn.phase = Phase::Open;
        conn.session = session.into();
        conn.token = Box::default();
        self.tally.opened(conn.began_ns, self.turn.heard.mono_ns);
        self.roster.settled();
        scenario.opened(self, slot);
    }

    /// Whether the connection is still heard after this.
    fn hear<S: Scenario + ?Sized>(&mut self, slot: u32, item: Item<'_>, scenario: &mut S) -> bool {
        match item {
            Item::Message(message) => match self.separator {
                None => self.hear_message(slot, message, scenario),
                Some(byte) => self.hear_messages(slot, message, byte, scenario),
            },
            Item::Ping(payload) => self.control(slot, Opcode::Pong, payload),
            Item::Close(payload) => {
                self.control(slot, Opcode::Close, payload);
                self.note_ending(slot, closing_words(payload));
            }
        }
        self.conns.get(slot as usize).is_some_and(Conn::is_heard)
    }

    fn hear_messages<S: Scenario + ?Sized>(
        &mut self,
        slot: u32,
        frame: &[u8],
        separator: u8,
        scenario: &mut S,
    ) {
        let messages = frame.split(|byte| *byte == separator);
        for message in messages.filter(|message| !message.is_empty()) {
            self.hear_message(slot, message, scenario);
        }
    }

    fn hear_message<S: Scenario + ?Sized>(&mut self, slot: u32, message: &[u8], scenario: &mut S) {
        match self.place.and_then(|place| place.stamp(message)) {
            Some(stamp) => self.delivered(slot, stamp, scenario),
            None => self.read(slot, message, scenario),
        }
    }

    fn delivered<S: Scenario + ?Sized>(&mut self, slot: u32, stamp: Stamp, scenario: &mut S) {
        self.tally.deliveries.add(1, self.is_measured);
        scenario.delivered(self, slot, stamp);
    }

    /// Asks the adapter.
    fn read<S: Scenario + ?Sized>(&mut self, slot: u32, message: &[u8], scenario: &mut S) {
        let Some(conn) = self.conns.get_mut(slot as usize).filter(|conn| conn.is_heard()) else {
            return;
        };
        let waiting_bytes = conn.outgoing.len();
        let (seat, mut out) = conn.seat_and_outgoing();
        let heard = self.adapter.read(&seat, message, &mut out);
        if conn.outgoing.len() > waiting_bytes {
            self.mark_dirty(slot);
        }
        match heard {
            Heard::Delivered { stamp_at } => {
                let Some(stamp) = Stamp::read(message, stamp_at) else { return };
                self.place = Place::of(message, stamp_at);
                self.delivered(slot, stamp, scenario);
            }
            Heard::Opened { session } => self.opened(slot, session, scenario),
            Heard::Joined => scenario.joined(self, slot),
            Heard::Left => scenario.left(self, slot),
            Heard::Refused(reason) => self.refused(slot, &reason, scenario),
            Heard::Other => {}
        }
    }

    fn refused<S: Scenario + ?Sized>(&mut self, slot: u32, reason: &str, scenario: &mut S) {
        let is_open = self.conns.get(slot as usize).is_some_and(|conn| conn.phase == Phase::Open);
        if !is_open {
            return self.end(slot, Ending::Refused(reason.to_owned()), Farewell::Gone);
        }
        self.tally.refused += 1;
        self.tally.error(reason, 1);
        scenario.refused(self, slot, reason);
    }

    fn control(&mut self, slot: u32, opcode: Opcode, payload: &[u8]) {
        let Some(conn) = self.conns.get_mut(slot as usize) else { return };
        write_control(conn, opcode, payload);
        self.mark_dirty(slot);
    }

    /// The reason to tell once the server has closed.
    fn note_ending(&mut self, slot: u32, words: String) {
        let Some(conn) = self.conns.get_mut(slot as usize) else { return };
        let ending = conn.ending_of(words);
        conn.ending.get_or_insert(ending);
    }
}
