//! `leave` of users whose last connection is gone: their rooms end at the user's home, where no
//! connection is left to speak for them.
//!
//! Invariants: runs once for each room that a user was in when it left for good, behind its grace
//! period; variables of connections have their first values, whatever is meant for the origin is
//! counted as undelivered. Called by `home`.

use std::cell::OnceCell;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use super::Shard;
use super::host::{Counted, Host};
use super::sending::Sending;
use crate::envelope::Slot;
use crate::ids::{ConnKey, ShardId};
use crate::pipeline::About;
use crate::pipeline::effect::{Effect, Effects};
use crate::pipeline::op::To;
use crate::pipeline::program::Hook;
use crate::pipeline::vm::Input;
use crate::state::frames::FrameType;
use crate::state::sessions::Values;

/// Why: nobody asked to leave.
const REASON: &str = "gone";

/// A slot that no connection has.
const NOBODY: u32 = u32::MAX;

/// The key of no connection: what it asks for is answered to nobody.
pub(super) fn nobody(shard: ShardId) -> ConnKey {
    ConnKey { shard, index: NOBODY, generation: 0 }
}

impl Shard {
    /// The user has left these rooms with its last connection.
    pub(super) fn left_behind(&mut self, user: &Arc<str>, rooms: &[Arc<str>]) {
        rooms.iter().for_each(|room| self.give_up(room, user));
        if self.engine.program.hook(Hook::Leave).is_none() {
            return;
        }
        let account = self.sessions.accounts.get(user);
        let variables = account.map(|account| Arc::clone(&account.variables));
        for room in rooms {
            let effects = self.run_absent(user, room, variables.as_deref());
            self.apply_absent(user, effects);
        }
    }

    fn run_absent(&mut self, user: &str, room: &str, variables: Option<&Values>) -> Effects {
        let mut effects = Effects::default();
        let engine = Arc::clone(&self.engine.program);
        let Some(event) = engine.hook(Hook::Leave) else { return effects };
        let about = About { room, reason: REASON, ..About::default() };
        let mut host = Host {
            id: self.id,
            shards: self.engine.shards,
            seed: self.engine.seed,
            program: &engine,
            verifier: &self.engine.verifier,
            counters: &self.counters,
            named: &self.named,
            now: self.now,
            user,
            permissions: &self.no_permissions,
            homes: &mut self.homes,
            counted: Counted::Elsewhere,
            own: &mut None,
            granted: 0,
            met: 0,
            asked: None,
            session: None,
            variables,
            room: (room, &[]),
            identified: true,
            ip: IpAddr::V4(Ipv4Addr::UNSPECIFIED),
            ip_text: OnceCell::new(),
        };
        let input = Input {
            message: b"{}",
            payload: &self.slots,
            token: Slot::MISSING,
            id: Slot::MISSING,
            claims: &[],
            about: &about,
            user,
            conn: nobody(self.id),
            target: b"",
            kind: FrameType::Text,
            frame_bytes_max: self.engine.settings.transport.message_bytes_max,
        };
        let pool = &mut self.outboxes.pool;
        match &self.trace {
            None => self.vm.run(&engine, event, &input, &mut host, pool, &mut effects),
            Some(trace) => {
                self.vm.run(&engine, event, &input, &mut trace.on(&mut host), pool, &mut effects)
            }
        };
        effects
    }

    fn apply_absent(&mut self, user: &str, mut effects: Effects) {
        self.hooks_running += 1;
        for effect in std::mem::take(&mut effects.list) {
            match effect {
                Effect::Send { to: To::Origin, .. } => self.counters.undelivered.add(1),
                Effect::Send { to, how, name, frame, .. } => {
                    let (to, name) = match to {
                        To::OwnUser => (To::User, user),
                        to => (to, effects.text(&name)),
                    };
                    let sent = self.send(NOBODY, &Sending { to, how, name, key: None }, frame);
                    if let Err(reject) = sent {
                        self.counters.rejected(reject);
                    }
                }
                Effect::Metric { metric, add } => self.named.metric(metric, add),
                Effect::Log { text, at } => self.log(NOBODY, &effects, &text, at),
                _ => {}
            }
        }
        self.hooks_running -= 1;
        self.cut_overflowed();
    }
}
