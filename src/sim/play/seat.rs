//! A client's place in a test: it connects, answers pings, and keeps what it is sent.
//!
//! Invariants: a frame is looked at once; a client that has gone sends nothing.

use std::net::{IpAddr, Ipv4Addr};

use super::super::matching::Body;
use super::super::wire::{self, ServerFrame};
use super::{Done, Play, Trouble};
use crate::auth::{TokenRequest, sign_with};
use crate::config::script::Client;
use crate::settings::{AuthMode, Protocol};

/// How long a token is good for unless its claims say otherwise.
const TOKEN_TTL_S: u64 = 365 * 24 * 3_600;

/// The close code of a connection that ended without one (RFC 6455 section 7.1.5).
const NO_CLOSE_FRAME: u16 = 1006;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Seat {
    /// Its connection in the world.
    pub socket: Option<usize>,
    /// What came and was not taken by a step.
    pub inbox: Vec<Body>,
    /// How the connection ended.
    pub closed: Option<(u16, String)>,
    /// The answer to an upgrade that was refused.
    pub refused: Option<String>,
}

impl Play<'_> {
    /// Connects a client; whether it was let in is asked by `welcome`.
    pub(super) fn connect(&mut self, client: usize) -> Done {
        let Some(who) = self.case.clients.get(client) else { return Ok(()) };
        if self.seats[client].socket.is_some() && self.seats[client].closed.is_none() {
            return Err(Trouble::new(format!("{} is connected already", who.name)));
        }
        let token = self.token(client);
        let request = self.request(who, token.as_deref());
        let ip = who.ip.unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST));
        let shards = self.world.shards.len() as u64;
        let shard = (client as u64).wrapping_add(self.stage.seed) % shards.max(1);
        let socket = self.world.dial_from(shard as usize, &who.user, ip);
        self.world.send(socket, &request);
        self.seats[client] = Seat { socket: Some(socket), ..Seat::default() };
        self.settle()?;
        if !self.world.take_upgrade(socket) {
            let answer = String::from_utf8_lossy(&self.world.clients[socket].received).into_owned();
            let answer = answer.lines().next().unwrap_or("no answer").to_owned();
            let seat = self.seat(client);
            *seat = Seat { refused: Some(answer), ..Seat::default() };
        }
        Ok(())
    }

    /// Fails where the client was refused.
    pub(super) fn welcome(&mut self, client: usize) -> Done {
        match &self.seats[client].refused {
            None => Ok(()),
            Some(answer) => {
                let name = self.name(client);
                Err(Trouble::new(format!("{name} could not connect: {answer}")))
            }
        }
    }

    /// The token that a client connects with; `None` where there are none.
    pub(super) fn token(&self, client: usize) -> Option<String> {
        let who = self.case.clients.get(client)?;
        if let Some(token) = &who.token {
            return Some(token.clone());
        }
        let request = TokenRequest {
            subject: who.user.clone(),
            permissions: who.permissions.clone(),
            ttl_s: TOKEN_TTL_S,
        };
        sign_with(&self.stage.settings.auth, &request, &who.claims, self.world.now).ok()
    }

    fn request(&self, who: &Client, token: Option<&str>) -> Vec<u8> {
        let settings = &self.stage.settings;
        let (auth, mut path) = (&settings.auth, settings.server.path.clone());
        let mut lines = String::new();
        let token = token.filter(|token| !token.is_empty() && auth.mode == AuthMode::Jwt);
        match token {
            None => {}
            Some(token) if auth.sources.bearer => {
                lines += &format!("Authorization: Bearer {token}\r\n");
            }
            Some(token) if auth.sources.cookie => {
                lines += &format!("Cookie: {}={token}\r\n", auth.cookie);
            }
            Some(token) if auth.sources.subprotocol => {
                lines += &format!("Sec-WebSocket-Protocol: token, {token}\r\n");
            }
            Some(token) => path += &format!("?token={token}"),
        }
        for (name, value) in &who.headers {
            lines += &format!("{name}: {value}\r\n");
        }
        wire::upgrade_with(&path, &lines)
    }

    /// Sends a frame.
    pub(super) fn say(&mut self, client: usize, frame: &[u8]) -> Done {
        let socket = self.open(client)?;
        self.world.send(socket, frame);
        self.settle()
    }

    pub(super) fn hang_up(&mut self, client: usize) -> Done {
        let socket = self.open(client)?;
        self.world.hang_up(socket);
        self.settle()?;
        self.seat(client).closed.get_or_insert((NO_CLOSE_FRAME, String::new()));
        Ok(())
    }

    pub(super) fn stall(&mut self, client: usize) -> Done {
        let socket = self.open(client)?;
        self.world.clients[socket].stuck = true;
        Ok(())
    }

    /// The connection, if it is open.
    fn open(&self, client: usize) -> Result<usize, Trouble> {
        let (seat, name) = (&self.seats[client], self.name(client));
        match (seat.socket, &seat.closed) {
            (Some(socket), None) => Ok(socket),
            (None, _) => Err(Trouble::new(format!("{name} is not connected"))),
            (Some(_), Some((code, reason))) => {
                let how = format!("{code} {reason}");
                Err(Trouble::new(format!("{name} is not connected any more: {}", how.trim_end())))
            }
        }
    }

    /// Takes in what came to every client, and answers what must be answered.
    pub(super) fn absorb(&mut self) -> Done {
        loop {
            let mut answered = false;
            for client in 0..self.seats.len() {
                let Some(socket) = self.seats[client].socket else { continue };
                for frame in self.world.frames(socket) {
                    answered |= self.take(client, socket, frame);
                }
                let seat = &mut self.seats[client];
                if self.world.clients[socket].finished && self.world.clients[socket].upgraded {
                    seat.closed.get_or_insert((NO_CLOSE_FRAME, String::new()));
                }
            }
            if !answered {
                return Ok(());
            }
            self.world.settle()?;
        }
    }

    /// Takes one frame; true where it was answered.
    fn take(&mut self, client: usize, socket: usize, frame: ServerFrame) -> bool {
        let payload = frame.payload;
        match frame.opcode {
            1 => {
                let body = self.body(payload);
                self.seats[client].inbox.push(body);
            }
            2 => self.seats[client].inbox.push(Body::Binary(payload)),
            8 => {
                let (code, reason) = match payload.as_slice() {
                    [high, low, reason @ ..] => (u16::from_be_bytes([*high, *low]), reason),
                    _ => (1005, &[][..]),
                };
                let reason = String::from_utf8_lossy(reason).into_owned();
                let seat = &mut self.seats[client];
                if seat.closed.is_none() {
                    seat.closed = Some((code, reason));
                    self.world.send(socket, &wire::frame(8, &payload));
                    return true;
                }
            }
            9 if !self.case.clients[client].mute && self.seats[client].closed.is_none() => {
                self.world.send(socket, &wire::frame(10, &payload));
                return true;
            }
            _ => {}
        }
        false
    }

    fn body(&self, payload: Vec<u8>) -> Body {
        let text = String::from_utf8_lossy(&payload).into_owned();
        match (&self.stage.settings.protocol, serde_json::from_str(&text)) {
            (Protocol::Json { .. }, Ok(value)) => Body::Json(value),
            _ => Body::Text(text),
        }
    }
}
