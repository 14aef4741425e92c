//! Runs that wait for a backend: what is asked, what came, and how they go on.
//!
//! ```text
//! Effect::Await -> hold, poll_call -> runtime, control -> handle_answer -> the run goes on
//! ```
//!
//! Invariants: a shard has at most `CALLS_UNDER_WAY_MAX` calls under way; each is answered, or
//! given up when it is long due. An answer finds its run by connection and serial: one that comes
//! late, or for a connection that is gone, is counted and dropped. Called by `apply` and
//! `deadline`; `poll_call` by whoever owns the shard.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;

use super::Shard;
use super::apply::Step;
use super::hold::Hold;
use super::subject::Subject;
use super::turn::{Start, Tools};
use crate::backend::{Answer, Call, Failure, Submit, Ticket};
use crate::clock::Now;
use crate::envelope::Slot;
use crate::ids::ConnKey;
use crate::limits::{CALL_GRACE_NS, CALLS_UNDER_WAY_MAX};
use crate::pipeline::About;
use crate::pipeline::paused::{Came, Paused, Wants};
use crate::pipeline::vm::{self, Input, Outcome};
use crate::reject::Reject;
use crate::state::conns::Phase;

/// A call, and who makes it: the backends of the edition that its run began in.
pub type Asked = (Arc<dyn Submit>, Call);

/// The calls of one shard.
#[derive(Default)]
pub(super) struct Calling {
    serial: u32,
    /// Not taken by `poll_call` yet.
    queued: VecDeque<Asked>,
    /// What has come without having been waited for.
    at_once: VecDeque<(Ticket, Came)>,
    /// Of each serial under way, when it is given up.
    due: HashMap<u32, u64>,
    /// The same in the order of time.
    by_time: BTreeMap<(u64, u32), ConnKey>,
}

impl Calling {
    fn next_serial(&mut self) -> u32 {
        self.serial = self.serial.wrapping_add(1);
        self.serial
    }

    fn begin(&mut self, ticket: Ticket, due_ns: u64) {
        self.due.insert(ticket.serial, due_ns);
        self.by_time.insert((due_ns, ticket.serial), ticket.conn);
    }

    /// Whether it was under way.
    fn end(&mut self, serial: u32) -> bool {
        let due_ns = self.due.remove(&serial);
        due_ns.is_some_and(|due_ns| self.by_time.remove(&(due_ns, serial)).is_some())
    }

    pub fn next_ns(&self) -> Option<u64> {
        self.by_time.first_key_value().map(|((due_ns, _), _)| *due_ns)
    }

    pub fn has_work(&self) -> bool {
        !self.queued.is_empty() || !self.at_once.is_empty()
    }
}

impl Shard {
    /// The next call to a backend; whoever takes it calls `handle_answer` or `refuse_call`, later.
    pub fn poll_call(&mut self) -> Option<Asked> {
        self.calling.queued.pop_front()
    }

    /// The run waits: asks for what it wants, and holds the connection.
    #[cold]
    pub(super) fn await_what(
        &mut self,
        slot: u32,
        mut paused: Box<Paused>,
    ) -> Result<Step, Reject> {
        let (Some(conn), Phase::Open) = (self.conns.key(slot), self.phase(slot)) else {
            self.counters.calls_dropped.add(1);
            return Ok(Step::Parted);
        };
        let ticket = Ticket { conn, serial: self.calling.next_serial() };
        let call = match &mut paused.wants {
            Wants::Call(call) => {
                call.ticket = ticket;
                Some(call.clone())
            }
            Wants::Identity { .. } => None,
        };
        self.hold(slot, Hold::Run { serial: ticket.serial, paused });
        match call {
            Some(call) => self.ask_backend(call),
            None => self.ask_identity(slot, ticket),
        }
        Ok(Step::Parted)
    }

    fn ask_backend(&mut self, call: Call) {
        let ticket = call.ticket;
        self.counters.calls.add(1);
        if self.calling.due.len() >= CALLS_UNDER_WAY_MAX {
            return self.refuse_call(ticket, Failure::Overloaded);
        }
        let backend = self.engine.settings.backends.get(usize::from(call.backend.0));
        let usual_ns = backend.map_or(0, |backend| backend.timeout_ns);
        let timeout_ns = call.timeout_ns.unwrap_or(usual_ns);
        let due_ns = self.now.mono_ns.saturating_add(timeout_ns + CALL_GRACE_NS);
        self.calling.begin(ticket, due_ns);
        self.calling.queued.push_back((Arc::clone(&self.engine.backends), call));
    }

    /// A call could not even be begun. Its run goes on with the next `poll_io`, never inside the
    /// run that asked.
    pub fn refuse_call(&mut self, ticket: Ticket, failure: Failure) {
        self.come_at_once(ticket, Came::Answer(Err(failure)));
    }

    pub(super) fn come_at_once(&mut self, ticket: Ticket, came: Came) {
        self.calling.at_once.push_back((ticket, came));
    }

    /// Goes on where nothing need be waited for.
    pub(super) fn go_on_at_once(&mut self) {
        while let Some((ticket, came)) = self.calling.at_once.pop_front() {
            self.calling.end(ticket.serial);
            self.go_on_with(ticket, came);
        }
    }

    /// A backend has answered, or will not.
    pub fn handle_answer(&mut self, now: Now, answer: Answer) {
        self.now = now;
        let Answer { ticket, result } = answer;
        match self.calling.end(ticket.serial) {
            true => self.go_on_with(ticket, Came::Answer(result)),
            false => self.counters.calls_dropped.add(1),
        }
    }

    /// Gives up calls whose answers are lost.
    pub(super) fn expire_calls(&mut self) {
        while let Some((&(due_ns, serial), &conn)) = self.calling.by_time.first_key_value() {
            if due_ns > self.now.mono_ns {
                return;
            }
            self.calling.end(serial);
            let ticket = Ticket { conn, serial };
            self.go_on_with(ticket, Came::Answer(Err(Failure::Timeout)));
        }
    }

    /// The run that waits with this ticket goes on, in its edition.
    pub(super) fn go_on_with(&mut self, ticket: Ticket, came: Came) {
        let slot = self.conns.resolve(ticket.conn);
        let waits =
            |hold: &Hold| matches!(hold, Hold::Run { serial, .. } if *serial == ticket.serial);
        let waiting =
            |shard: &mut Shard, slot| shard.hold_mut(slot).is_some_and(|hold| waits(hold));
        let Some(slot) = slot.filter(|slot| waiting(self, *slot)) else {
            return self.counters.calls_dropped.add(1);
        };
        self.resume(slot, waits, |shard, hold| {
            if let Hold::Run { paused, .. } = hold {
                shard.run_on(slot, &paused, came);
            }
        });
    }

    /// Runs what comes behind the wait, and carries it out.
    fn run_on(&mut self, slot: u32, paused: &Paused, came: Came) {
        let is_hook = self.engine.program.is_hook_at(paused.at);
        if !is_hook && self.route(paused.kind, &paused.message).is_err() {
            return;
        }
        let going = Going { paused, came };
        let (outcome, mut effects) = match is_hook {
            true => self.run_apart(slot, going, (&paused.message, Slot::MISSING), About::NOTHING),
            false => {
                let mut effects = std::mem::take(&mut self.effects);
                let (kind, message) = (paused.kind, &paused.message);
                let run =
                    self.run_event(slot, going, kind, message, 0, About::NOTHING, &mut effects);
                (run.0, effects)
            }
        };
        if let Outcome::Rejected(reject, _) = outcome {
            effects.refused = Some(reject);
        }
        let subject = match is_hook {
            true => Subject::NOTHING,
            false => self.subject(&paused.message),
        };
        self.apply(slot, effects, subject);
    }
}

/// A run that goes on.
struct Going<'p> {
    paused: &'p Paused,
    came: Came,
}

impl Start for Going<'_> {
    fn start<H: vm::Host>(self, input: &Input<'_>, tools: Tools<'_, H>) -> Outcome {
        let Tools { vm, program, host, pool, effects } = tools;
        vm.resume(program, self.paused, self.came, input, host, pool, effects)
    }
}
