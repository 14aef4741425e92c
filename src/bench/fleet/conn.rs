//! One connection of a fleet, and why it ends.

use std::fmt;

use crate::bench::adapter::{Role, Seat};
use crate::bench::frames::Frames;
use crate::bench::outgoing::Outgoing;
use crate::runtime::dial::Dial;

/// How far a connection is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    Connecting,
    /// The upgrade is asked for.
    Upgrading,
    /// The server has yet to say that it is open.
    Greeting,
    Open,
    Closing,
}

/// Why a connection is over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ending {
    /// The scenario closed it.
    Asked,
    /// It was never opened.
    Refused(String),
    /// It was open, and the server ended it.
    Broken(String),
}

impl fmt::Display for Ending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Ending::Asked => f.write_str("closed"),
            Ending::Refused(reason) | Ending::Broken(reason) => f.write_str(reason),
        }
    }
}

/// One connection.
pub(super) struct Conn {
    pub(super) number: u32,
    pub(super) role: Role,
    pub(super) phase: Phase,
    pub(super) dial: Dial,
    /// Masks every frame.
    pub(super) key: [u8; 4],
    /// Written and not yet sent.
    pub(super) outgoing: Vec<u8>,
    /// In the kernel's hands while `is_sending`.
    pub(super) in_flight: Vec<u8>,
    pub(super) is_sending: bool,
    /// On the list of those with something to send.
    pub(super) is_dirty: bool,
    pub(super) frames: Frames,
    /// The answer to the upgrade as far as it is there; given up with it.
    pub(super) answer: Vec<u8>,
    pub(super) token: Box<str>,
    pub(super) session: Box<str>,
    pub(super) began_ns: u64,
    pub(super) ending: Option<Ending>,
}

impl Conn {
    /// The connection as its adapter sees it, and where it may write.
    pub(super) fn seat_and_outgoing(&mut self) -> (Seat<'_>, Outgoing<'_>) {
        let seat = Seat {
            number: self.number,
            role: self.role,
            token: &self.token,
            session: &self.session,
        };
        (seat, Outgoing::new(&mut self.outgoing, self.key))
    }

    pub(super) fn is_heard(&self) -> bool {
        matches!(self.phase, Phase::Greeting | Phase::Open)
    }

    /// The reason is that of an open connection, or of one that never was.
    pub(super) fn ending_of(&self, reason: String) -> Ending {
        match self.phase {
            Phase::Open | Phase::Closing => Ending::Broken(reason),
            _ => Ending::Refused(reason),
        }
    }
}
