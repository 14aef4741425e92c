//! What the interpreter may ask of its shard: limits, permissions, tokens.
//!
//! Invariants: answers come from shard-local state only; a limit that is counted on another shard
//! makes the run wait instead. Called by `pipeline::vm` through `turn`.

use std::cell::OnceCell;
use std::net::IpAddr;

use super::address::IpText;
use super::counters::{Counters, Named};
use super::limit::home_of_key;
use crate::auth::Verifier;
use crate::clock::Now;
use crate::envelope::Misfit;
use crate::ids::{LimitId, PermissionId, RuleId, ShardId};
use crate::pipeline::denial::{By, Denial};
use crate::pipeline::op::Owner;
use crate::pipeline::program::{LimitSpec, Program, Scope, VariableSpec};
use crate::pipeline::vm::{self, Variable, Verdict};
use crate::reject::Reject;
use crate::state::classes::RoomVariable;
use crate::state::homes::Homes;
use crate::state::meters::{Fingerprint, Key, Meters, Reading};
use crate::state::permissions::PermissionSet;
use crate::state::sessions::{Session, Values};

/// Where the limits of the message's user are counted.
pub(super) enum Counted<'s> {
    /// Here, in the user's record.
    Home,
    /// Here: all connections of the user are on this shard.
    Lent(&'s mut Meters),
    Elsewhere,
}

impl<'s> Counted<'s> {
    pub fn of(lent: &'s mut Option<Meters>, home_is_here: bool) -> Counted<'s> {
        match lent {
            Some(meters) => Counted::Lent(meters),
            None if home_is_here => Counted::Home,
            None => Counted::Elsewhere,
        }
    }
}

/// The limit that made a run wait.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asked {
    pub key: Key,
    /// How many limits the message had passed before it.
    pub passed: u16,
    /// Who counts it; `None` is the user's home.
    pub at: Option<ShardId>,
}

/// The shard, as a run sees it.
pub(super) struct Host<'s> {
    pub id: ShardId,
    pub shards: u16,
    pub seed: u64,
    pub program: &'s Program,
    pub verifier: &'s Verifier,
    pub counters: &'s Counters,
    pub named: &'s Named,
    pub now: Now,
    pub user: &'s str,
    pub permissions: &'s PermissionSet,
    pub homes: &'s mut Homes,
    pub counted: Counted<'s>,
    /// What is counted with the connection.
    pub own: &'s mut Option<Box<Meters>>,
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
    pub room: (&'s str, &'s [RoomVariable]),
    pub ip: IpAddr,
    pub identified: bool,
    /// The same as text, made when it is asked for.
    pub ip_text: OnceCell<IpText>,
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
        let Some(part) = parts.get(usize::from(place)) else { return Variable::Null };
        let text = name.get(part.start as usize..part.end as usize).unwrap_or_default();
        match part.is_int {
            false => Variable::Text(text),
            // More digits than a number has are none.
            true => text.parse().map_or(Variable::Null, Variable::Int),
        }
    }

    /// Counts the event where that is here.
    #[inline]
    fn count(&mut self, spec: &LimitSpec, key: Key, text: &[u8]) -> Reading {
        let now_ns = self.now.mono_ns;
        match spec.scope {
            Scope::User => self.count_user(spec, key),
            Scope::Conn => self.own.get_or_insert_default().take(key, &spec.rate, now_ns),
            Scope::Room | Scope::Text => match self.home_of(spec.scope, key, text) {
                None => self.homes.texts.take(key, &spec.rate, now_ns),
                Some(_) => Reading::of(Verdict::Wait),
            },
        }
    }

    fn count_user(&mut self, spec: &LimitSpec, key: Key) -> Reading {
        let now_ns = self.now.mono_ns;
        match &mut self.counted {
            Counted::Home => match self.homes.take(self.program, self.user, key, now_ns) {
                // They are never lent elsewhere while the user has a connection here; and asking
                // oneself would not end.
                Reading { verdict: Verdict::Wait, .. } => Reading::UNKNOWN,
                reading => reading,
            },
            Counted::Lent(meters) => meters.take(key, &spec.rate, now_ns),
            Counted::Elsewhere => Reading::of(Verdict::Wait),
        }
    }

    /// The other shard that counts a limit of a room or a text.
    fn home_of(&self, scope: Scope, key: Key, text: &[u8]) -> Option<ShardId> {
        let home = match scope {
            Scope::User | Scope::Conn => return None,
            _ => home_of_key(scope, text, key.text, self.seed, self.shards),
        };
        (home != self.id).then_some(home)
    }
}

impl vm::Host for Host<'_> {
    fn limit(&mut self, limit: LimitId, text: &[u8]) -> Verdict {
        let passed = self.met;
        self.met += 1;
        if passed < self.granted {
            return Verdict::Pass;
        }
        let Some(spec) = self.program.limit(limit) else { return Reading::UNKNOWN.verdict };
        let key = Key { text: Fingerprint::of(text, self.seed), limit };
        let Reading { verdict, forgot } = self.count(spec, key, text);
        if verdict == Verdict::Wait {
            let at = self.home_of(spec.scope, key, text);
            self.asked = Some(Asked { key, passed, at });
        }
        if forgot {
            self.counters.forgotten_limits.add(1);
        }
        verdict
    }

    fn identified(&self) -> bool {
        self.identified
    }

    fn ip(&self) -> &str {
        self.ip_text.get_or_init(|| IpText::of(self.ip)).as_str()
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

    fn unfit(&mut self, misfit: &Misfit) {
        let Misfit { path, reason, line } = misfit;
        tracing::warn!(
            target: "shardwire::backends", field = path, reason, line, "an answer does not fit"
        );
    }

    fn denied(&mut self, id: RuleId) {
        self.named.denied(id);
        let Some(rule) = self.program.rules.get(usize::from(id.0)) else { return };
        let denial = Denial::of(self.program, By::Rule(id), Reject::Denied);
        let (user, event, shadow) = (self.user, denial.event, rule.shadow);
        let (file, line) = (self.program.file(rule.site), rule.site.line);
        let (rule, id) = (denial.name, denial.id());
        let id = id.as_str();
        tracing::info!(
            target: "shardwire::denied", user, event, rule, id, shadow, "{file}:{line}"
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
