//! Backends of a simulated world: what each call is answered with, and when.
//!
//! Invariants: answers that are due arrive in any order, as from a network; without a script every
//! call fails as if nobody listened. Called by `world`; scripts come from tests.

use super::random::Random;
use crate::backend::{Answer, Call, Failure, Reply};

/// What becomes of a call.
pub struct Scripted {
    pub result: Result<Reply, Failure>,
    pub delay_ns: u64,
}

impl Scripted {
    /// A response that comes at once.
    pub fn status(status: u16, body: &str) -> Scripted {
        let reply = Reply { status, body: body.as_bytes().into() };
        Scripted { result: Ok(reply), delay_ns: 0 }
    }

    pub fn fails(failure: Failure) -> Scripted {
        Scripted { result: Err(failure), delay_ns: 0 }
    }

    /// The same, later.
    pub fn after_ns(self, delay_ns: u64) -> Scripted {
        Scripted { delay_ns, ..self }
    }
}

/// What answers calls; of `None` nothing is ever heard.
type Script = Box<dyn FnMut(&Call) -> Option<Scripted>>;

/// An answer on its way.
struct Coming {
    due_ns: u64,
    shard: usize,
    answer: Answer,
}

/// See the module.
pub struct Backends {
    script: Script,
    /// Every call that was made, in order.
    pub made: Vec<Call>,
    coming: Vec<Coming>,
}

impl Default for Backends {
    fn default() -> Backends {
        let script: Script = Box::new(|_| Some(Scripted::fails(Failure::Unreachable)));
        Backends { script, made: Vec::new(), coming: Vec::new() }
    }
}

impl Backends {
    pub fn script(&mut self, script: impl FnMut(&Call) -> Option<Scripted> + 'static) {
        self.script = Box::new(script);
    }

    pub(super) fn take(&mut self, now_ns: u64, shard: usize, call: Call) {
        if let Some(Scripted { result, delay_ns }) = (self.script)(&call) {
            let answer = Answer { ticket: call.ticket, result };
            self.coming.push(Coming { due_ns: now_ns.saturating_add(delay_ns), shard, answer });
        }
        self.made.push(call);
    }

    /// An answer that arrives now: the first that is due, or, with chance, any or none.
    pub(super) fn next_due(
        &mut self,
        now_ns: u64,
        random: Option<&mut Random>,
    ) -> Option<(usize, Answer)> {
        let due = self.coming.iter().enumerate().filter(|(_, one)| one.due_ns <= now_ns);
        let due: Vec<usize> = due.map(|(place, _)| place).collect();
        let last = due.len().checked_sub(1)?;
        let place = match random {
            None => 0,
            Some(random) => Some(random.index(last + 1)).filter(|_| !random.one_in(2))?,
        };
        let place = due.get(place)?;
        let Coming { shard, answer, .. } = self.coming.remove(*place);
        Some((shard, answer))
    }

    pub(super) fn is_due(&self, now_ns: u64) -> bool {
        self.coming.iter().any(|one| one.due_ns <= now_ns)
    }

    /// When the next answer after this moment comes.
    pub(super) fn next_ns(&self, now_ns: u64) -> Option<u64> {
        self.coming.iter().map(|one| one.due_ns).filter(|due_ns| *due_ns > now_ns).min()
    }
}
