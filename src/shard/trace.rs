//! Which operations of the program were run, for the coverage of `shardwire test`.
//!
//! Invariants: a server never has one, and a run without one does not ask at each operation.
//! Called by `turn`.

use std::sync::atomic::{AtomicU64, Ordering};

use super::host::Host;
use crate::envelope::Misfit;
use crate::ids::{LimitId, PermissionId, RuleId};
use crate::pipeline::op::Owner;
use crate::pipeline::program::Program;
use crate::pipeline::vm::{self, Variable, Verdict};
use crate::reject::Reject;

/// How often each operation was run, by its place in `Program::code`.
#[derive(Debug)]
pub struct Trace {
    visits: Box<[AtomicU64]>,
}

impl Trace {
    pub fn new(program: &Program) -> Trace {
        Trace { visits: program.code.iter().map(|_| AtomicU64::new(0)).collect() }
    }

    pub fn visits(&self, at: usize) -> u64 {
        self.visits.get(at).map_or(0, |visits| visits.load(Ordering::Relaxed))
    }

    /// The host, its runs noted here.
    pub(super) fn on<'t, 's>(&'t self, host: &'t mut Host<'s>) -> Traced<'t, 's> {
        Traced { host, trace: self }
    }

    fn visit(&self, at: u32) {
        if let Some(visits) = self.visits.get(at as usize) {
            visits.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// A host that notes what is run.
pub(super) struct Traced<'t, 's> {
    host: &'t mut Host<'s>,
    trace: &'t Trace,
}

impl vm::Host for Traced<'_, '_> {
    const TRACED: bool = true;

    fn visited(&mut self, at: u32) {
        self.trace.visit(at);
    }

    fn limit(&mut self, limit: LimitId, key: &[u8]) -> Verdict {
        self.host.limit(limit, key)
    }

    fn permitted(&self, permission: PermissionId) -> bool {
        self.host.permitted(permission)
    }

    fn identified(&self) -> bool {
        self.host.identified()
    }

    fn logs(&self) -> bool {
        self.host.logs()
    }

    fn verify_token(&mut self, token: &str, claims: &mut Vec<u8>) -> bool {
        self.host.verify_token(token, claims)
    }

    fn now_ms(&self) -> i64 {
        self.host.now_ms()
    }

    fn ip(&self) -> &str {
        self.host.ip()
    }

    fn variable(&self, of: Owner, variable: u8) -> Variable<'_> {
        self.host.variable(of, variable)
    }

    fn passed_over(&mut self, reject: Reject) {
        self.host.passed_over(reject);
    }

    fn unfit(&mut self, misfit: &Misfit) {
        self.host.unfit(misfit);
    }

    fn denied(&mut self, rule: RuleId) {
        self.host.denied(rule);
    }
}
