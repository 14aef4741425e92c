//! What the generator has to know about a server's protocol: functions over bytes, no I/O.
//!
//! ```text
//! upgrade (path, headers) -> 101 -> hello -> read: Opened -> join -> read: Joined
//!     -> publish | echo -> read: Delivered, Refused, answers to pings
//! ```
//!
//! Invariants: an adapter holds nothing of a connection; what a server calls a connection is kept
//! by the fleet and comes back as `Seat::session`. Called by `fleet`, on every generator thread.

mod centrifugo;
mod hub;
mod pusher;
mod shardwire;
mod socket_io;
mod template;
#[cfg(test)]
mod testing;

use std::borrow::Cow;
use std::fmt;

pub use centrifugo::Centrifugo;
pub use hub::Hub;
pub use pusher::Pusher;
pub use shardwire::{Shardwire, Words};
pub use socket_io::SocketIo;

use super::outgoing::Outgoing;
use super::stamp::Stamp;

/// What a connection is there for. Some servers are told so by the path of the upgrade.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Sends messages that come back to it.
    Echo,
    /// Is in a room and receives what is published there; may publish, too.
    Member { room: u32 },
    /// Publishes to a room that it is not in.
    Publisher { room: u32 },
    /// Is connected, and that is all.
    Idle,
}

impl Role {
    /// The room that the role is about.
    pub fn room(self) -> Option<u32> {
        match self {
            Role::Member { room } | Role::Publisher { room } => Some(room),
            Role::Echo | Role::Idle => None,
        }
    }
}

/// One connection, as an adapter sees it.
#[derive(Clone, Copy, Debug)]
pub struct Seat<'a> {
    /// Unique in the run, from 0.
    pub number: u32,
    pub role: Role,
    /// The connection's token until it is opened; empty where none is used.
    pub token: &'a str,
    /// What `Heard::Opened` brought.
    pub session: &'a str,
}

/// Bytes of every user's name, so that messages of all users have one length.
pub const USER_BYTES: usize = 8;

impl Seat<'_> {
    /// The user of this connection: `u` and seven digits.
    pub fn user(&self) -> [u8; USER_BYTES] {
        let mut name = *b"u0000000";
        write_digits(&mut name[1..], self.number);
        name
    }
}

/// What is sent and comes back: a stamp, and as much padding as makes the delivery so long.
#[derive(Clone, Copy, Debug)]
pub struct Body {
    pub stamp: Stamp,
    /// Bytes of the message that members receive, all of it.
    pub delivered_bytes: usize,
}

/// The upgrade request beyond what every WebSocket client sends.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Upgrade {
    /// Path and query.
    pub target: String,
    /// Further header lines.
    pub headers: Vec<(&'static str, String)>,
    pub subprotocol: Option<String>,
}

/// Whether the server tells when it has done what it was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// `read` will say so.
    Awaited,
    /// It is taken for done once it is sent, or needs no message at all.
    None,
}

/// What a message from the server means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Heard {
    /// Carries the stamp that begins at this byte of the message.
    Delivered {
        stamp_at: usize,
    },
    /// The connection may be used now; the server calls it so (empty where that is of no use).
    Opened {
        session: String,
    },
    /// The room asked for is joined.
    Joined,
    Left,
    /// The server did not do what it was asked; the reason is counted, so it must not vary.
    Refused(Cow<'static, str>),
    /// Of no matter. Whatever had to be answered was written.
    Other,
}

/// One server's protocol.
pub trait Adapter: Send + Sync {
    /// As `--adapter` names it.
    fn name(&self) -> &'static str;

    /// What to ask for.
    fn upgrade(&self, seat: &Seat<'_>) -> Upgrade;

    /// What is sent right after the 101.
    fn hello(&self, _seat: &Seat<'_>, _out: &mut Outgoing<'_>) -> Answer {
        Answer::None
    }

    fn join(&self, seat: &Seat<'_>, room: u32, out: &mut Outgoing<'_>) -> Answer;

    fn leave(&self, seat: &Seat<'_>, room: u32, out: &mut Outgoing<'_>) -> Answer;

    /// Sends the body to every member of the room.
    fn publish(&self, seat: &Seat<'_>, room: u32, body: &Body, out: &mut Outgoing<'_>);

    /// Sends the body so that it comes back to the sender alone.
    fn echo(&self, seat: &Seat<'_>, body: &Body, out: &mut Outgoing<'_>);

    /// Whether there is an echo at all.
    fn has_echo(&self) -> bool {
        true
    }

    /// Whether a member gets what it publishes itself.
    fn senders_hear_themselves(&self) -> bool {
        true
    }

    /// What one message means. An answer that the server must have is written.
    fn read(&self, seat: &Seat<'_>, message: &[u8], out: &mut Outgoing<'_>) -> Heard;

    /// The byte that parts messages which share a frame.
    fn separator(&self) -> Option<u8> {
        None
    }

    /// The shortest delivery that can carry a stamp.
    fn delivered_bytes_min(&self) -> usize;
}

/// A room's name: `bench` and five digits, so that all messages have one length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RoomName([u8; ROOM_BYTES]);

/// Bytes of every room's name.
pub const ROOM_BYTES: usize = 10;

impl RoomName {
    pub fn of(room: u32) -> RoomName {
        let mut name = *b"bench00000";
        write_digits(&mut name[5..], room);
        RoomName(name)
    }

    pub fn bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Display for RoomName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(std::str::from_utf8(&self.0).unwrap_or_default())
    }
}

fn write_digits(places: &mut [u8], mut number: u32) {
    for digit in places.iter_mut().rev() {
        *digit = b'0' + (number % 10) as u8;
        number /= 10;
    }
}

/// Rooms one run may have: what five digits name.
pub const ROOMS_MAX: u32 = 100_000;

/// Seats one run may have: what seven digits name.
pub const SEATS_MAX: u32 = 10_000_000;

/// So many bytes of nothing in particular, at most `MESSAGE_BYTES_MAX`.
pub fn padding(bytes: usize) -> &'static [u8] {
    &PADDING[..bytes.min(PADDING.len())]
}

/// Bytes of one message at most.
pub const MESSAGE_BYTES_MAX: usize = 64 * 1024;

static PADDING: [u8; MESSAGE_BYTES_MAX] = [b'x'; MESSAGE_BYTES_MAX];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_and_rooms_have_names_of_one_length() {
        let user = |number| Seat { number, role: Role::Idle, token: "", session: "" }.user();
        assert_eq!(&user(0), b"u0000000");
        assert_eq!(&user(SEATS_MAX - 1), b"u9999999");
        assert_eq!(&user(1_234), b"u0001234");
        assert_eq!(RoomName::of(ROOMS_MAX - 1).to_string(), "bench99999");
        assert_eq!(RoomName::of(7).to_string(), "bench00007");
    }
}
