//! In-band auth (`auth.mode: message`): connections that say later whose they are.
//!
//! ```text
//! open -> a user of its own (its id), until the deadline
//! identify -> off that user -> Bind to the named one's home -> Bound, its rooms -> the run goes on
//! ```
//!
//! Invariants: a connection becomes a user's once; a refused one is closed, since by then it is
//! nobody's. Membership of connections outlives the change, that of the first user does not.
//! Called by `calling`, `admit` and `deadline`.

use std::collections::VecDeque;
use std::sync::Arc;

use super::Shard;
use super::apply::checked_name;
use super::hold::Hold;
use super::peer::PeerFrame;
use super::roles;
use crate::backend::Ticket;
use crate::disconnect::Disconnect;
use crate::ids::{ConnKey, EventId};
use crate::pipeline::op::Op;
use crate::pipeline::paused::{Came, Wants};
use crate::reject::Reject;
use crate::reserve::push_sole;
use crate::settings::{AuthMode, Membership};
use crate::state::conns::Phase;

/// Connections that have not said yet whose they are, by when they must; some are gone, or have.
#[derive(Debug, Default)]
pub(super) struct Guests(VecDeque<(u64, ConnKey)>);

impl Guests {
    pub fn next_ns(&self) -> Option<u64> {
        self.0.front().map(|(due_ns, _)| *due_ns)
    }

    fn take_due(&mut self, now_ns: u64) -> Option<ConnKey> {
        self.next_ns().filter(|due_ns| *due_ns <= now_ns)?;
        self.0.pop_front().map(|(_, key)| key)
    }
}

impl Shard {
    /// A connection opened: from now on it has so long to say whose it is.
    pub(super) fn await_identity(&mut self, slot: u32) {
        let auth = &self.engine.settings.auth;
        if auth.mode != AuthMode::Message {
            return;
        }
        let due_ns = self.now.mono_ns.saturating_add(auth.deadline_ns);
        self.guests.0.extend(self.conns.key(slot).map(|key| (due_ns, key)));
    }

    /// Closes those who have not said it in time.
    pub(super) fn expire_guests(&mut self) {
        while let Some(key) = self.guests.take_due(self.now.mono_ns) {
            let Some(slot) = self.conns.resolve(key) else { continue };
            if self.conns.get(slot).is_some_and(|conn| !conn.identified) {
                self.disconnect(slot, Disconnect::Unidentified);
            }
        }
    }

    /// Whether an event is not for this connection yet, whatever else is wrong with its message.
    pub(super) fn must_identify(&self, slot: u32, event: EventId) -> bool {
        let program = &self.engine.program;
        let first = program.event(event).and_then(|event| program.code.get(event.entry as usize));
        let guarded = matches!(first, Some(Op::NeedIdentity));
        guarded && self.conns.get(slot).is_some_and(|conn| !conn.identified)
    }

    /// A run waits for its connection to become a user's.
    pub(super) fn ask_identity(&mut self, slot: u32, ticket: Ticket) {
        let Some(Hold::Run { paused, .. }) = self.hold_mut(slot) else { return };
        let Wants::Identity { user, claims } = &mut paused.wants else { return };
        let (user, claims) = (std::mem::take(user), std::mem::take(claims));
        let come = match checked_name(&user) {
            Err(reject) => Err(reject),
            Ok(_) if self.conns.get(slot).is_none_or(|conn| !conn.identified) => {
                return self.become_user(slot, user.into(), claims);
            }
            Ok(name) if self.user_of(slot).as_deref() == Some(name) => {
                self.keep_claims(slot, claims);
                Ok(())
            }
            Ok(_) => Err(Reject::OtherUser),
        };
        self.come_at_once(ticket, Came::Identified(come));
    }

    fn keep_claims(&mut self, slot: u32, claims: Box<[u8]>) {
        if self.engine.program.keeps_claims {
            self.sessions.of(slot).claims = claims;
        }
    }

    /// Off the user of its own, and on to the one it is.
    fn become_user(&mut self, slot: u32, user: Arc<str>, claims: Box<[u8]>) {
        let rights = (*self.no_permissions).clone();
        let permissions = Arc::new(roles::with_roles(rights, &self.engine.program, &claims));
        self.unseat_user(slot);
        self.leave_user(slot, true);
        self.keep_claims(slot, claims);
        let home = self.home_of(&user);
        let id = self.users.enter(&user, home, &permissions);
        let (Some(local), Some(conn)) = (self.users.get_mut(id), self.conns.get_mut(slot)) else {
            return;
        };
        conn.user = Some(id);
        conn.user_place = local.conns.len() as u32;
        push_sole(&mut local.conns, slot);
        self.counters.users.set(self.users.len() as u64);
        if let Some(hold) = self.hold_mut(slot)
            && let Hold::Run { serial, paused } = std::mem::replace(hold, Hold::Asked)
        {
            *hold = Hold::Identifying { serial, paused, watches: 1 };
        }
        let Some(conn) = self.conns.key(slot) else { return };
        self.tell(home, PeerFrame::Bind { conn, user, permissions });
    }

    /// Takes it out of the rooms that it was in through its user.
    fn unseat_user(&mut self, slot: u32) {
        let Some(conn) = self.conns.get_mut(slot) else { return };
        for seat in std::mem::take(&mut conn.seats) {
            let membership = self.rooms.get(seat.room).map(|room| room.class);
            match membership.map(|class| self.rooms.membership_of(class)) {
                Some(Membership::Connection) => {
                    let conn = self.conns.get_mut(slot);
                    conn.into_iter().for_each(|conn| conn.seats.push(seat));
                }
                _ => self.vacate(seat),
            }
        }
    }

    /// The connection is the user's, in all its rooms.
    pub(super) fn identified(&mut self, slot: u32) {
        let Some(hold) = self.hold_mut(slot) else { return };
        let serial = match std::mem::replace(hold, Hold::Asked) {
            Hold::Identifying { serial, paused, .. } => {
                *hold = Hold::Run { serial, paused };
                serial
            }
            other => {
                *hold = other;
                return;
            }
        };
        if let Some(conn) = self.conns.get_mut(slot) {
            conn.identified = true;
        }
        let Some(conn) = self.conns.key(slot) else { return };
        self.come_at_once(Ticket { conn, serial }, Came::Identified(Ok(())));
    }

    /// The user has as many connections as it may.
    pub(super) fn refuse_identity(&mut self, slot: u32) {
        if self.phase(slot) == Phase::Open {
            self.disconnect(slot, Disconnect::TooManyConnections);
        }
    }
}
