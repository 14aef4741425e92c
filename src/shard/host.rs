//! What the interpreter may ask of its shard: limits, permissions, tokens.
//!
//! Invariants: answers come from shard-local state only; a limit that is counted on another shard
//! makes the run wait instead. Called by `pipeline::vm` through `turn`.

use crate::auth::Verifier;
use crate::clock::Now;
use crate::ids::{LimitId, PermissionId};
use crate::pipeline::program::Program;
use crate::pipeline::vm::{self, Verdict};
use crate::state::homes::Homes;
use crate::state::limits::Meters;
use crate::state::permissions::PermissionSet;

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
}

impl Host<'_> {
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
