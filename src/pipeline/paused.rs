//! A run that waits: what it asks for, what is kept of it meanwhile, and what came.
//!
//! ```text
//! run -> Effect::Await(Paused), the last effect -> the shard asks, and holds the connection
//!     <- `Vm::resume` with what came            <- a backend's answer, or the user's home
//! ```
//!
//! Invariants: kept are the message and the first value registers with the bytes they point to;
//! texts, frames and effects are done with before the run waits. A run goes on with the program it
//! began in. Made by the interpreter, carried by `shard::calling`.

use super::denial::By;
use super::eval::{Kept, Values};
use super::vm::{Host, Input, Outcome, Run, Step, Stop, Vm};
use super::{Effects, Program};
use crate::backend::{Call, Failure, Reply};
use crate::envelope::{Members, parts, project};
use crate::pipeline::op::{Op, Out, Reg};
use crate::pipeline::vm::Ahead;
use crate::reject::Reject;
use crate::state::frames::{FramePool, FrameType};

/// What a run waits for.
#[derive(Clone, Debug)]
pub enum Wants {
    /// A backend's answer; the ticket's serial is the shard's to give.
    Call(Call),
    /// The connection becomes this user's.
    Identity {
        user: Box<str>,
        /// As JSON; empty is none.
        claims: Box<[u8]>,
    },
}

/// What came.
#[derive(Clone, Debug)]
pub enum Came {
    Answer(Result<Reply, Failure>),
    /// Whether the connection is the user's now.
    Identified(Result<(), Reject>),
}

/// See the module.
#[derive(Clone, Debug)]
pub struct Paused {
    pub wants: Wants,
    pub message: Box<[u8]>,
    pub kind: FrameType,
    /// The operation that waits, in the program's code.
    pub at: u32,
    /// The claims that values may stand in.
    claims: Box<[u8]>,
    kept: Kept,
}

impl Vm {
    /// Goes on with a run that waited; `effects` is cleared first.
    #[allow(clippy::too_many_arguments, reason = "the circumstances of one run, each once")]
    #[cold]
    pub fn resume(
        &mut self,
        program: &Program,
        paused: &Paused,
        came: Came,
        input: &Input<'_>,
        host: &mut impl Host,
        pool: &mut FramePool,
        effects: &mut Effects,
    ) -> Outcome {
        effects.clear();
        let Some(event) = program.event_at(paused.at) else { return Outcome::Done };
        self.values.restore(&paused.kept);
        let mut run = Run::new(program, event, input, host, pool, self, effects);
        let outcome = run.resume(paused, came);
        let refused_at = run.refused_at;
        if let Outcome::Rejected(..) = outcome {
            effects.by = By::Op(refused_at);
        }
        outcome
    }
}

impl<'r, H: Host> Run<'r, H> {
    fn resume(&mut self, paused: &Paused, came: Came) -> Outcome {
        let from = (paused.at + 1) as usize..self.event.end as usize;
        let mut ahead = self.program.code.get(from).unwrap_or_default().iter();
        let op = self.program.code.get(paused.at as usize).copied().unwrap_or(Op::End);
        let came = self.open_claims(&paused.claims).and_then(|()| self.came(op, came));
        if let Err(stop) = came {
            match self.go_on(&stop, &ahead) {
                Some(after) => ahead = after,
                None => return self.stopped(stop, &ahead),
            }
        }
        self.go_through(&mut ahead)
    }

    fn came(&mut self, op: Op, came: Came) -> Step {
        match (op, came) {
            (Op::Call { call, into, error }, Came::Answer(result)) => {
                self.answered(call, into, error, result)
            }
            (_, Came::Identified(Err(reject))) => Err(Stop::Reject(reject)),
            _ => Ok(()),
        }
    }

    /// The claims as they are now stand behind those that values of before may stand in.
    fn open_claims(&mut self, before: &[u8]) -> Step {
        let (vm, now) = (&mut *self.vm, self.input.claims);
        vm.claims.clear();
        vm.claims.extend_from_slice(before);
        if !self.event.session_claims {
            return Ok(());
        }
        vm.claims.extend_from_slice(if now.is_empty() { b"{}" } else { now });
        let root = parts::only(&vm.claims, before.len() as u32).ok_or(Reject::Unauthorized)?;
        let (text, slots) = (&vm.claims, &mut vm.claim_slots);
        project(text, root, &Members::NONE, &self.event.claims, slots)
            .map_err(|_| Stop::Reject(Reject::Unauthorized))
    }

    /// Ends the run until something has come.
    #[cold]
    pub(super) fn pause(&mut self, op: Op, ahead: &Ahead<'_>) -> Step {
        let (wants, keeps) = match op {
            Op::Call { call, .. } => {
                let Some(spec) = self.program.calls.get(usize::from(call.0)) else { return Ok(()) };
                (Wants::Call(self.call(spec)?), spec.keeps)
            }
            Op::Identify { user, claims, keeps } => (self.identity(user, claims)?, keeps.0),
            _ => return Ok(()),
        };
        let at = self.event.end.saturating_sub(ahead.len() as u32 + 1);
        let reads = self.input.reads(&self.vm.claims, &self.program.consts);
        self.effects.push(super::Effect::Await(Box::new(Paused {
            wants,
            message: self.input.message.into(),
            kind: self.input.kind,
            at,
            claims: self.vm.claims.as_slice().into(),
            kept: self.vm.values.keep_first(keeps, &reads),
        })));
        Err(Stop::Pause)
    }

    fn identity(&self, user: Reg, claims: Reg) -> Result<Wants, Reject> {
        let (user, claims) = (self.text_in(user)?.into(), self.text_in(claims)?);
        Ok(Wants::Identity { user, claims: claims.as_bytes().into() })
    }
}

impl Values {
    /// A register that a wait has written.
    pub(super) fn write_into(&mut self, into: Out, value: super::value::Value) {
        self.set(into, value);
    }
}
