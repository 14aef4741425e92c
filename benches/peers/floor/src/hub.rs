//! Connections and rooms, without a socket: bytes in, batches out.
//!
//! A driver gives what it received to `received`, asks at the end of the turn through `flush` what
//! to send, and reports each finished send to `sent`. One send a connection is in flight; what a
//! turn made for a connection leaves in one send.

use std::collections::{HashMap, VecDeque};

use crate::batch::{BatchId, Batches};
use crate::frame::{self, CLOSE, PING, PONG};
use crate::request::{self, Purpose};
use crate::step::Limits;

/// Where a connection's messages go.
#[derive(Clone, Copy)]
enum Role {
    /// The upgrade request is not all there yet.
    Knocking,
    Echo,
    SteppedEcho,
    Member {
        room: u32,
        place: u32,
    },
    Publisher {
        room: u32,
    },
}

struct Connection {
    role: Role,
    is_open: bool,
    /// It asked for the end: nothing after the bytes that wait.
    is_closing: bool,
    in_flight: Option<BatchId>,
    /// The rest of what is in flight waits for the peer.
    is_waiting: bool,
    /// What this turn made for this connection alone.
    own: Option<BatchId>,
    waiting: VecDeque<BatchId>,
    /// The beginning of a frame whose rest has not come.
    partial: Vec<u8>,
}

impl Connection {
    fn new() -> Connection {
        Connection {
            role: Role::Knocking,
            is_open: true,
            is_closing: false,
            in_flight: None,
            is_waiting: false,
            own: None,
            waiting: VecDeque::new(),
            partial: Vec::new(),
        }
    }
}

#[derive(Default)]
struct Room {
    members: Vec<u32>,
    /// What this turn made for the room.
    batch: Option<BatchId>,
}

/// What became of a connection's sends.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// These bytes are to be sent.
    Send(*const u8, usize),
    Quiet,
    /// The last byte is out: shut it.
    Shut,
}

#[derive(Default)]
pub struct Hub {
    connections: Vec<Option<Connection>>,
    rooms: Vec<Room>,
    names: HashMap<String, u32>,
    batches: Batches,
    busy_rooms: Vec<u32>,
    /// Connections with a batch of their own.
    busy: Vec<u32>,
    limits: Limits,
    /// An event without its mask, and its answer.
    event: Vec<u8>,
    answer: Vec<u8>,
}

impl Hub {
    pub fn opened(&mut self, slot: u32) {
        let place = slot as usize;
        if self.connections.len() <= place {
            self.connections.resize_with(place + 1, || None);
        }
        self.connections[place] = Some(Connection::new());
    }

    /// False where the connection is to be shut.
    pub fn received(&mut self, slot: u32, bytes: &[u8]) -> bool {
        let Some(connection) = self.connections[slot as usize].as_mut() else { return false };
        if connection.partial.is_empty() {
            let Ok(used) = self.consume(slot, bytes) else { return false };
            if used < bytes.len() {
                self.keep(slot, bytes[used..].to_vec());
            }
            return true;
        }
        let mut all = std::mem::take(&mut connection.partial);
        all.extend_from_slice(bytes);
        let Ok(used) = self.consume(slot, &all) else { return false };
        all.drain(..used);
        self.keep(slot, all);
        true
    }

    fn keep(&mut self, slot: u32, rest: Vec<u8>) {
        if let Some(connection) = self.connections[slot as usize].as_mut() {
            connection.partial = rest;
        }
    }

    /// Takes whole requests and frames; says how many bytes they were.
    fn consume(&mut self, slot: u32, bytes: &[u8]) -> Result<usize, ()> {
        let mut used = 0;
        if let Some(Role::Knocking) = self.role(slot) {
            let Some(request) = request::parse(bytes)? else { return Ok(0) };
            used = request.len;
            self.admit(slot, request.purpose);
            self.own(slot).extend_from_slice(request.answer.as_bytes());
        }
        let Some(role) = self.role(slot) else { return Err(()) };
        while let Some(header) = frame::header(&bytes[used..]) {
            let payload = &bytes[used + header.len..][..header.payload_len];
            used += header.len + header.payload_len;
            match header.opcode {
                CLOSE => {
                    frame::append(self.own(slot), CLOSE, payload, header.mask);
                    if let Some(connection) = self.connections[slot as usize].as_mut() {
                        connection.is_closing = true;
                    }
                    return Ok(bytes.len());
                }
                PING => frame::append(self.own(slot), PONG, payload, header.mask),
                PONG => {}
                opcode if matches!(role, Role::SteppedEcho) => {
                    self.step(slot, opcode, payload, header.mask);
                }
                opcode => frame::append(self.target(slot, role), opcode, payload, header.mask),
            }
        }
        Ok(used)
    }

    /// Answers an event with what the step makes of it.
    fn step(&mut self, slot: u32, opcode: u8, payload: &[u8], mask: [u8; 4]) {
        let (mut event, mut answer) =
            (std::mem::take(&mut self.event), std::mem::take(&mut self.answer));
        event.clear();
        event.extend_from_slice(payload);
        frame::unmask(&mut event, mask);
        if self.limits.step(slot, &event, &mut answer).is_some() {
            frame::append(self.own(slot), opcode, &answer, [0; 4]);
        }
        (self.event, self.answer) = (event, answer);
    }

    fn role(&self, slot: u32) -> Option<Role> {
        self.connections[slot as usize].as_ref().map(|connection| connection.role)
    }

    fn admit(&mut self, slot: u32, purpose: Purpose) {
        let role = match purpose {
            Purpose::Echo => Role::Echo,
            Purpose::SteppedEcho => Role::SteppedEcho,
            Purpose::Publisher(name) => Role::Publisher { room: self.room(name) },
            Purpose::Member(name) => {
                let room = self.room(name);
                let members = &mut self.rooms[room as usize].members;
                members.push(slot);
                Role::Member { room, place: (members.len() - 1) as u32 }
            }
        };
        if let Some(connection) = self.connections[slot as usize].as_mut() {
            connection.role = role;
        }
    }

    fn room(&mut self, name: String) -> u32 {
        let rooms = &mut self.rooms;
        *self.names.entry(name).or_insert_with(|| {
            rooms.push(Room::default());
            (rooms.len() - 1) as u32
        })
    }

    /// Where a message of this role is written to.
    fn target(&mut self, slot: u32, role: Role) -> &mut Vec<u8> {
        let (Role::Member { room, .. } | Role::Publisher { room }) = role else {
            return self.own(slot);
        };
        let id = match self.rooms[room as usize].batch {
            Some(id) => id,
            None => {
                let id = self.batches.take();
                self.rooms[room as usize].batch = Some(id);
                self.busy_rooms.push(room);
                id
            }
        };
        self.batches.buffer(id)
    }

    fn own(&mut self, slot: u32) -> &mut Vec<u8> {
        let connection = self.connections[slot as usize].get_or_insert_with(Connection::new);
        let id = match connection.own {
            Some(id) => id,
            None => {
                let id = self.batches.take();
                connection.own = Some(id);
                self.busy.push(slot);
                id
            }
        };
        self.batches.buffer(id)
    }

    /// Ends the turn: `send` is told of every send that can start now, and whether it is the last.
    pub fn flush(&mut self, mut send: impl FnMut(u32, &[u8], bool)) {
        while let Some(slot) = self.busy.pop() {
            let Some(connection) = self.connections[slot as usize].as_mut() else { continue };
            let Some(id) = connection.own.take() else { continue };
            self.batches.share(id, 1);
            start(connection, slot, id, self.batches.bytes(id), &mut send);
        }
        while let Some(room) = self.busy_rooms.pop() {
            let room = &mut self.rooms[room as usize];
            let Some(id) = room.batch.take() else { continue };
            self.batches.share(id, room.members.len() as u32);
            for &slot in &room.members {
                let Some(connection) = self.connections[slot as usize].as_mut() else { continue };
                start(connection, slot, id, self.batches.bytes(id), &mut send);
            }
        }
    }

    /// A send ended, well or not.
    pub fn sent(&mut self, slot: u32) -> Next {
        let Some(connection) = self.connections[slot as usize].as_mut() else {
            return Next::Quiet;
        };
        connection.is_waiting = false;
        if let Some(id) = connection.in_flight.take() {
            self.batches.release(id);
        }
        connection.in_flight = connection.waiting.pop_front();
        match connection.in_flight {
            Some(id) => {
                let bytes = self.batches.bytes(id);
                Next::Send(bytes.as_ptr(), bytes.len())
            }
            None if connection.is_closing && connection.own.is_none() => Next::Shut,
            None => Next::Quiet,
        }
    }

    /// The bytes in flight behind the first `went`, which are to be waited for.
    pub fn wait(&mut self, slot: u32, went: usize) -> Option<(*const u8, usize)> {
        let connection = self.connections[slot as usize].as_mut()?;
        let rest = self.batches.bytes(connection.in_flight?).get(went..)?;
        connection.is_waiting = true;
        Some((rest.as_ptr(), rest.len()))
    }

    pub fn is_waiting(&self, slot: u32) -> bool {
        self.connections[slot as usize].as_ref().is_some_and(|c| c.is_waiting)
    }

    /// Nothing comes from it any more: it leaves its room.
    pub fn left(&mut self, slot: u32) {
        let Some(connection) = self.connections[slot as usize].as_mut() else { return };
        connection.is_open = false;
        self.limits.forget(slot);
        let Role::Member { room, place } = connection.role else { return };
        connection.role = Role::Publisher { room };
        let members = &mut self.rooms[room as usize].members;
        members.swap_remove(place as usize);
        if let Some(&moved) = members.get(place as usize)
            && let Some(other) = self.connections[moved as usize].as_mut()
        {
            other.role = Role::Member { room, place };
        }
    }

    pub fn is_sending(&self, slot: u32) -> bool {
        self.connections[slot as usize].as_ref().is_some_and(|c| c.in_flight.is_some())
    }

    pub fn is_open(&self, slot: u32) -> bool {
        self.connections[slot as usize].as_ref().is_some_and(|c| c.is_open)
    }

    /// Nothing is pending on it any more: the slot may be used again.
    pub fn closed(&mut self, slot: u32) {
        let Some(connection) = self.connections[slot as usize].take() else { return };
        let pending = connection.in_flight.into_iter().chain(connection.waiting);
        pending.for_each(|id| self.batches.release(id));
        if let Some(id) = connection.own {
            self.batches.share(id, 0);
        }
    }
}

fn start(
    connection: &mut Connection,
    slot: u32,
    id: BatchId,
    bytes: &[u8],
    send: &mut impl FnMut(u32, &[u8], bool),
) {
    match connection.in_flight {
        Some(_) => connection.waiting.push_back(id),
        None => {
            connection.in_flight = Some(id);
            send(slot, bytes, connection.is_closing);
        }
    }
}
