//! What the interpreter may ask of its shard: limits, permissions, tokens.
//!
//! Invariants: answers come from shard-local state only; a limit that is counted on another shard
//! makes the run wait instead. Called by `pipeline::vm` through `turn`.

use std::cell::OnceCell;
use std::fmt::Write;
use std::net::IpAddr;

use super::counters::Counters;
use crate::auth::Verifier;
use crate::clock::Now;
use crate::ids::{LimitId, PermissionId, RuleId};
use crate::pipeline::op::Owner;
use crate::pipeline::program::{Program, VariableSpec};
use crate::pipeline::vm::{self, Variable, Verdict};
use crate::reject::Reject;
use crate::state::conns::Conns;
use crate::state::homes::Homes;
use crate::state::limits::Meters;
use crate::state::permissions::PermissionSet;
use crate::state::sessions::{Session, Values};

/// Where the limits of the message's user are counted.
pub(super) enum Counted<'s> {
    /// Here, in the record of the user of this name.
    Home(&'s mut Homes, &'s str),
    /// Here: all connections of the user are on this shard.
    Lent(&'s mut Meters),
    Elsewhere,
}

/// The limit that made a run wait.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asked {
    pub limit: LimitId,
    /// How many limits the message had passed before it.
    pub passed: u16,
}

/// Bytes of the longest address as text.
const IP_TEXT_BYTES_MAX: usize = 45;

/// An address as text, without an allocation.
#[derive(Clone, Copy, Debug)]
pub(super) struct IpText {
    bytes: [u8; IP_TEXT_BYTES_MAX],
    len: usize,
}

impl Default for IpText {
    fn default() -> IpText {
        IpText { bytes: [0; IP_TEXT_BYTES_MAX], len: 0 }
    }
}

impl IpText {
    fn of(ip: IpAddr) -> IpText {
        let mut text = IpText::default();
        // Every address fits.
        let _ = write!(text, "{ip}");
        text
    }

    fn as_str(&self) -> &str {
        std::str::from_utf8(&self.bytes[..self.len]).unwrap_or_default()
    }
}

impl Write for IpText {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        let end = self.len + text.len();
        let place = self.bytes.get_mut(self.len..end).ok_or(std::fmt::Error)?;
        place.copy_from_slice(text.as_bytes());
        self.len = end;
        Ok(())
    }
}

/// The shard, as a run sees it.
pub(super) struct Host<'s> {
    pub program: &'s Program,
    pub verifier: &'s Verifier,
    pub now: Now,
    pub permissions: &'s PermissionSet,
    pub counted: Counted<'s>,
    /// How many limits have passed for this message already: a run that starts again meets them in
    /// the same order, and none is counted twice.
    pub granted: u16,
    /// How many this run has met.
    pub met: u16,
    pub asked: Option<Asked>,
    /// What is kept of the connection, where anything is.
    pub session: Option<&'s Session>,
    /// Its user's variables, where any were set.
    pub variables: Option<&'s Values>,
    /// The room at hand, and where the variables of its pattern stand in it.
    pub room: (&'s str, &'s [(u32, u32)]),
    pub conns: &'s Conns,
    pub slot: u32,
    /// The client's address as text, made when it is asked for.
    pub ip: OnceCell<IpText>,
    pub counters: &'s Counters,
    pub user: &'s str,
    /// The rule that ended the run.
    pub denied: Option<RuleId>,
}

impl Host<'_> {
    /// A variable's value, or the one it has before it is set.
    fn stored<'h>(set: Option<&'h [u8]>, specs: &'h [VariableSpec], place: u8) -> Variable<'h> {
        let default = || specs.get(usize::from(place)).map(|spec| &*spec.default);
        match set.or_else(default) {
            None | Some(b"null") => Variable::Null,
            Some(json) => Variable::Json(json),
        }
    }

    /// A part of the room's name.
    fn of_room(&self, place: u8) -> Variable<'_> {
        let (name, parts) = self.room;
        let part = parts.get(usize::from(place));
        match part.and_then(|(start, end)| name.get(*start as usize..*end as usize)) {
            Some(text) => Variable::Text(text),
            None => Variable::Null,
        }
    }

    fn count(&mut self, id: LimitId) -> Verdict {
        let now_ns = self.now.mono_ns;
        match &mut self.counted {
            Counted::Home(homes, user) => match homes.take(self.program, user, id, now_ns) {
                // A connection here keeps the meters here; and asking oneself would not end.
                Verdict::Wait => Verdict::Refuse { retry_ns: 0 },
                verdict => verdict,
            },
            Counted::Lent(meters) => match self.program.limits.get(usize::from(id.0)) {
                Some(spec) => meters.take(id, &spec.rate(), now_ns),
                None => Verdict::Refuse { retry_ns: 0 },
            },
            Counted::Elsewhere => Verdict::Wait,
        }
    }
}

impl vm::Host for Host<'_> {
    fn limit(&mut self, limit: LimitId) -> Verdict {
        let passed = self.met;
        self.met += 1;
        if passed < self.granted {
            return Verdict::Pass;
        }
        let verdict = self.count(limit);
        if verdict == Verdict::Wait {
            self.asked = Some(Asked { limit, passed });
        }
        verdict
    }

    fn ip(&self) -> &str {
        let conn = self.conns.get(self.slot);
        self.ip.get_or_init(|| conn.map(|conn| IpText::of(conn.ip)).unwrap_or_default()).as_str()
    }

    fn now_ms(&self) -> i64 {
        self.now.unix_ms as i64
    }

    fn variable(&self, of: Owner, variable: u8) -> Variable<'_> {
        match of {
            Owner::Conn => {
                let set = self.session.and_then(|session| session.variables.get(variable));
                Self::stored(set, &self.program.conn_variables, variable)
            }
            Owner::User => {
                let set = self.variables.and_then(|values| values.get(variable));
                Self::stored(set, &self.program.user_variables, variable)
            }
            Owner::Room => self.of_room(variable),
            Owner::Rights => {
                Variable::Bool(self.permissions.contains(PermissionId(u16::from(variable))))
            }
        }
    }

    fn passed_over(&mut self, _: Reject) {
        self.counters.passed_over.add(1);
    }

    fn denied(&mut self, id: RuleId) {
        self.counters.denied(id);
        let Some(rule) = self.program.rules.get(usize::from(id.0)) else { return };
        if !rule.shadow {
            self.denied = Some(id);
        }
        let (name, line, user) = (&*rule.name, rule.site.line, self.user);
        let file = self.program.file(rule.site);
        tracing::info!(
            target: "shardwire::denied", user, rule = name, shadow = rule.shadow, "{file}:{line}"
        );
    }

    fn permitted(&self, permission: PermissionId) -> bool {
        self.permissions.contains(permission)
    }

    fn logs(&self) -> bool {
        tracing::enabled!(target: "shardwire::pipeline", tracing::Level::INFO)
    }

    fn verify_token(&mut self, token: &str, claims: &mut Vec<u8>) -> bool {
        match self.verifier.verify(token, self.now) {
            Ok(verified) => {
                claims.extend_from_slice(&verified.json);
                true
            }
            Err(_) => false,
        }
    }
}
