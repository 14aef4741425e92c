//! What the interpreter may ask of its shard: limits, permissions, tokens.
//!
//! Invariants: answers come from shard-local state only; a limit whose home is another shard makes
//! the run wait instead. Called by `pipeline::vm` through `turn`.

use crate::auth::Verifier;
use crate::clock::Now;
use crate::ids::{LimitId, PermissionId};
use crate::pipeline::program::Program;
use crate::pipeline::vm::{self, Verdict};
use crate::state::homes::Homes;
use crate::state::users::User;

/// The shard, as a run sees it.
pub(super) struct Host<'s> {
    pub program: &'s Program,
    pub verifier: &'s Verifier,
    pub now: Now,
    pub user: &'s User,
    pub homes: &'s mut Homes,
    /// This shard is the user's home.
    pub is_home: bool,
    /// How many more limits have already passed for this message: a run that starts again meets
    /// them in the same order.
    pub granted: u16,
    /// The limit that made the run wait.
    pub asked: Option<LimitId>,
}

impl vm::Host for Host<'_> {
    fn limit(&mut self, id: LimitId) -> Verdict {
        if self.granted > 0 {
            self.granted -= 1;
            return Verdict::Pass;
        }
        if !self.is_home {
            self.asked = Some(id);
            return Verdict::Wait;
        }
        match self.homes.take(self.program, &self.user.name, id, self.now.mono_ns) {
            true => Verdict::Pass,
            false => Verdict::Refuse,
        }
    }

    fn permitted(&self, permission: PermissionId) -> bool {
        self.user.permissions.contains(permission)
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
