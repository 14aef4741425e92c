//! The interpreter: runs one event's operations over one message.
//!
//! Invariants: synchronous and total; no operation jumps back, so a run takes at most as many steps
//! as the event has operations; in the steady state nothing is allocated. A run that waits has
//! asked for nothing yet (`verify` puts every limit before every effect), so it can be started
//! again. Effects asked for before a reject stand. Called by `shard::turn`.

use super::about::About;
use super::denial::By;
use super::effect::{Effect, Effects, Text};
use super::eval::{Reads, Values};
use super::number;
use super::op::{ConstId, Context, Form, FrameKind, Op, Owner, Reg, Source};
use super::output::{Output, write_slot, write_text};
use super::program::{Event, Program, Site};
use crate::envelope::{Members, Misfit, Slot, Slots, project, text::text_of, validate};
use crate::ids::{ConnKey, EventId, LimitId, PermissionId, RuleId};
use crate::limits::{REGISTERS_MAX, TOKEN_BYTES_MAX};
use crate::reject::Reject;
use crate::state::frames::{FramePool, FrameRef, FrameType};
pub use crate::state::limits::Verdict;

/// What the interpreter asks of the shard while it runs.
pub trait Host {
    /// Whether `visited` is called.
    const TRACED: bool = false;

    /// An operation is about to be run.
    fn visited(&mut self, at: u32) {
        let _ = at;
    }

    /// Counts the event; each key apart. An empty key is that of a limit without any.
    fn limit(&mut self, limit: LimitId, key: &[u8]) -> Verdict;

    fn permitted(&self, permission: PermissionId) -> bool;

    /// Whether the connection has said whose it is.
    fn identified(&self) -> bool {
        true
    }

    /// Whether anybody reads the log lines of runs.
    fn logs(&self) -> bool;

    /// Appends the claims as a JSON object where the token is good.
    fn verify_token(&mut self, token: &str, claims: &mut Vec<u8>) -> bool;

    /// Milliseconds since 1970.
    fn now_ms(&self) -> i64 {
        0
    }

    /// The client's address.
    fn ip(&self) -> &str {
        ""
    }

    /// A variable of the connection, the user or the room.
    fn variable(&self, of: Owner, variable: u8) -> Variable<'_> {
        let _ = (of, variable);
        Variable::Null
    }

    /// A step was refused and the run goes on.
    fn passed_over(&mut self, reject: Reject) {
        let _ = reject;
    }

    /// A backend's answer is not what the step says it returns.
    fn unfit(&mut self, misfit: &Misfit) {
        let _ = misfit;
    }

    /// A rule does not hold, whether it is enforced or in the shadow.
    fn denied(&mut self, rule: RuleId) {
        let _ = rule;
    }
}

/// What a variable holds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Variable<'h> {
    Null,
    Bool(bool),
    Int(i64),
    Double(f64),
    Text(&'h str),
    /// One JSON value.
    Json(&'h [u8]),
}

/// One message and its circumstances.
#[derive(Clone, Copy, Debug)]
pub struct Input<'m> {
    pub message: &'m [u8],
    /// What `project` found for the event.
    pub payload: &'m Slots,
    /// The envelope's root `token`.
    pub token: Slot,
    /// The envelope's `id`.
    pub id: Slot,
    /// The claims that the connection came with, as JSON; empty where it has none.
    pub claims: &'m [u8],
    pub about: &'m About<'m>,
    pub user: &'m str,
    pub conn: ConnKey,
    /// Decoded UTF-8; empty is none.
    pub target: &'m [u8],
    /// What the message came as.
    pub kind: FrameType,
    /// Bytes a built frame may have.
    pub frame_bytes_max: usize,
}

impl<'m> Input<'m> {
    /// The texts that values may stand in.
    #[inline(always)]
    pub(super) fn reads(&self, claims: &'m [u8], consts: &'m [Box<[u8]>]) -> Reads<'m> {
        let (user, target) = (self.user.as_bytes(), self.target);
        Reads { message: self.message, claims, consts, user, target }
    }
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    Done,
    Rejected(Reject, Site),
    /// A limit refused the event; it would pass in so many nanoseconds.
    Limited {
        limit: LimitId,
        retry_ns: u64,
    },
    /// A limit's home was asked: run the event again, from its start, once it has answered.
    Waiting,
}

/// Why a run stopped early.
pub(super) enum Stop {
    Reject(Reject),
    Limit {
        limit: LimitId,
        retry_ns: u64,
    },
    Wait,
    /// The last effect says what for.
    Pause,
}

impl From<Reject> for Stop {
    fn from(reject: Reject) -> Self {
        Stop::Reject(reject)
    }
}

pub(super) type Step = Result<(), Stop>;

/// What the interpreter keeps between runs, so that it need not allocate in one.
#[derive(Debug, Default)]
pub struct Vm {
    /// Verified claims of the run, as JSON.
    pub(super) claims: Vec<u8>,
    pub(super) claim_slots: Slots,
    /// A token that had to be decoded.
    token: Vec<u8>,
    pub(super) values: Values,
}

impl Vm {
    /// Runs an event of a verified program; `effects` is cleared first.
    pub fn run(
        &mut self,
        program: &Program,
        event: EventId,
        input: &Input<'_>,
        host: &mut impl Host,
        pool: &mut FramePool,
        effects: &mut Effects,
    ) -> Outcome {
        effects.clear();
        let Some(event) = program.event(event) else { return Outcome::Done };
        let mut run = Run::new(program, event, input, host, pool, self, effects);
        let outcome = run.execute();
        let refused_at = run.refused_at;
        if let Outcome::Rejected(..) = outcome {
            effects.by = By::Op(refused_at);
        }
        outcome
    }
}

/// The operations behind the one being run.
pub(super) type Ahead<'p> = std::slice::Iter<'p, Op>;

/// One run.
pub(super) struct Run<'r, H> {
    pub(super) program: &'r Program,
    pub(super) event: &'r Event,
    pub(super) input: &'r Input<'r>,
    pub(super) host: &'r mut H,
    pool: &'r mut FramePool,
    pub(super) vm: &'r mut Vm,
    pub(super) output: Output<'r>,
    pub(super) effects: &'r mut Vec<Effect>,
    registers: [Text; REGISTERS_MAX],
    frame: Option<FrameRef>,
    /// The place in the code that ended the run.
    pub(super) refused_at: u32,
}

impl<'r, H: Host> Run<'r, H> {
    #[inline(always)]
    pub(super) fn new(
        program: &'r Program,
        event: &'r Event,
        input: &'r Input<'r>,
        host: &'r mut H,
        pool: &'r mut FramePool,
        vm: &'r mut Vm,
        effects: &'r mut Effects,
    ) -> Self {
        Run {
            program,
            event,
            input,
            host,
            pool,
            vm,
            output: Output::new(&mut effects.arena, input.frame_bytes_max),
            effects: &mut effects.list,
            registers: [const { 0..0 }; REGISTERS_MAX],
            frame: None,
            refused_at: 0,
        }
    }

    fn execute(&mut self) -> Outcome {
        let mut ahead = self.program.code_of(self.event).iter();
        if self.event.session_claims
            && let Err(stop) = self.open_session()
        {
            return self.stopped(stop, &ahead);
        }
        self.go_through(&mut ahead)
    }

    /// Runs what is ahead.
    #[inline(always)]
    pub(super) fn go_through(&mut self, ahead: &mut Ahead<'r>) -> Outcome {
        while let Some(op) = ahead.next() {
            self.visit(ahead);
            if let Err(stop) = self.step(*op, ahead) {
                self.output.abandon(self.pool);
                match self.go_on(&stop, ahead) {
                    Some(after) => *ahead = after,
                    None => return self.stopped(stop, ahead),
                }
            }
        }
        Outcome::Done
    }

    /// An operation is about to be run; these are behind it.
    #[inline(always)]
    pub(super) fn visit(&mut self, ahead: &Ahead<'_>) {
        if H::TRACED {
            self.host.visited(self.event.end.saturating_sub(ahead.len() as u32 + 1));
        }
    }

    /// What comes behind a step that may be refused without ending the run.
    #[cold]
    pub(super) fn go_on(&mut self, stop: &Stop, ahead: &Ahead<'_>) -> Option<Ahead<'r>> {
        let Stop::Reject(reject) = stop else { return None };
        let at = self.event.end.checked_sub(ahead.len() as u32 + 1)?;
        let range = self.program.lenient.iter().find(|range| range.contains(&at))?;
        if matches!(self.effects.last(), Some(Effect::Lenient)) {
            self.effects.pop();
        }
        self.host.passed_over(*reject);
        let code = self.program.code.get(range.end as usize..self.event.end as usize);
        Some(code.unwrap_or_default().iter())
    }

    pub(super) fn stopped(&mut self, stop: Stop, ahead: &Ahead<'_>) -> Outcome {
        match stop {
            Stop::Wait => Outcome::Waiting,
            Stop::Pause => Outcome::Done,
            Stop::Limit { limit, retry_ns } => Outcome::Limited { limit, retry_ns },
            Stop::Reject(reject) => {
                self.refused_at = self.at(ahead);
                Outcome::Rejected(reject, self.program.site(self.refused_at as usize))
            }
        }
    }

    /// The place in the code of the operation being run, or of the first.
    pub(super) fn at(&self, ahead: &Ahead<'_>) -> u32 {
        self.event.end.saturating_sub(ahead.len() as u32 + 1).max(self.event.entry)
    }

    /// The one dispatch; a line an operation, in the order of the table.
    #[inline(always)]
    fn step(&mut self, op: Op, ahead: &mut Ahead<'r>) -> Step {
        match op {
            Op::Limit(limit) => return self.limit(limit, 0..0),
            Op::LimitKey { limit, key } => return self.limit(limit, self.text(key)),
            Op::Secure => return self.secure(),
            Op::Permit(permission) => return self.permit(permission),
            Op::NeedTarget => return need(!self.input.target.is_empty(), Reject::MissingTarget),
            Op::NeedSlot { source, slot } => return self.need_slot(source, slot),
            Op::OpenText => self.output.open_text(),
            Op::CloseText(register) => self.close_text(register),
            Op::OpenFrame(kind) => self.open_frame(kind),
            Op::CloseFrame => self.frame = self.output.close_frame(self.pool),
            Op::Const(constant) => return self.constant(constant),
            Op::Slot { source, slot, form } => return self.slot(source, slot, form),
            Op::Context { value, form } => return self.context(value, form),
            Op::Message => return self.message(),
            Op::Join { user, room } => self.join(user, room, ahead),
            Op::Leave { user, room } => self.leave(user, room, ahead),
            Op::SendOrigin => self.send(|frame| Effect::SendOrigin { frame }),
            Op::SendUser => self.send(|frame| Effect::SendUser { frame }),
            Op::SendTarget(target) => self.send_target(target, ahead),
            Op::OpenLog => self.open_log(ahead),
            Op::CloseLog => self.close_log(ahead),
            Op::Close => self.effects.push(Effect::Close),
            Op::End => {}
            Op::Send { .. } | Op::SendNamed { .. } | Op::Key(_) | Op::Id(_) | Op::Lenient => {
                return self.native_op(op, ahead);
            }
            Op::Grant { .. } | Op::Revoke { .. } | Op::CloseWith { .. } => {
                return self.native_op(op, ahead);
            }
            Op::SetVariable { .. } | Op::Metric { .. } => return self.native_op(op, ahead),
            Op::Call { .. } | Op::Identify { .. } => return self.pause(op, ahead),
            Op::NeedIdentity => return need(self.host.identified(), Reject::Unidentified),
            Op::Put { .. } | Op::Spread(_) | Op::Comma => return self.piece(op),
            Op::Segment(_) | Op::Query(_) | Op::Mark => return self.piece(op),
            _ => return self.value_ops(op, ahead, 0),
        }
        Ok(())
    }

    fn limit(&mut self, limit: LimitId, key: Text) -> Step {
        match self.host.limit(limit, self.output.text(&key)) {
            Verdict::Pass => Ok(()),
            Verdict::Refuse { retry_ns } => Err(Stop::Limit { limit, retry_ns }),
            Verdict::Wait => Err(Stop::Wait),
        }
    }

    fn permit(&mut self, permission: PermissionId) -> Step {
        need(self.host.permitted(permission), Reject::Forbidden)
    }

    /// The token is the root's, or else the payload's; nothing else is looked at.
    fn secure(&mut self) -> Step {
        let Vm { claims, claim_slots, token, .. } = &mut *self.vm;
        claims.clear();
        let in_payload = self.event.token_slot.map(|slot| slot_of(self.input.payload, slot));
        let found = [Some(self.input.token), in_payload].into_iter().flatten();
        let slot = found.into_iter().find(Slot::is_string).ok_or(Reject::Unauthorized)?;
        let token = text_of(&slot, self.input.message, token);
        // A token of other characters is none.
        let good = !token.is_empty()
            && token.len() <= TOKEN_BYTES_MAX
            && std::str::from_utf8(token).is_ok_and(|token| self.host.verify_token(token, claims));
        need(good, Reject::Unauthorized)?;
        if self.event.claims.slots == 0 {
            return Ok(());
        }
        validate(claims)
            .and_then(|root| project(claims, root, &Members::NONE, &self.event.claims, claim_slots))
            .map_err(|_| Stop::Reject(Reject::Unauthorized))
    }

    fn value(&self, source: Source, slot: u8) -> Slot {
        match source {
            Source::Payload => slot_of(self.input.payload, slot),
            Source::Claims => slot_of(&self.vm.claim_slots, slot),
        }
    }

    fn need_slot(&mut self, source: Source, slot: u8) -> Step {
        need(!self.value(source, slot).is_missing(), Reject::MissingField)
    }

    fn close_text(&mut self, register: Reg) {
        if let Some(text) = self.registers.get_mut(usize::from(register.0)) {
            *text = self.output.close_text();
        }
    }

    fn open_frame(&mut self, kind: FrameKind) {
        let kind = match kind {
            FrameKind::Text => FrameType::Text,
            FrameKind::Binary => FrameType::Binary,
            FrameKind::AsReceived => self.input.kind,
        };
        self.output.open_frame(self.pool.open(), kind);
    }

    pub(super) fn constant(&mut self, constant: ConstId) -> Step {
        let bytes: &[u8] = match self.program.consts.get(constant.0 as usize) {
            Some(bytes) => bytes,
            None => &[],
        };
        Ok(self.output.append(|out| out.extend_from_slice(bytes))?)
    }

    fn slot(&mut self, source: Source, slot: u8, form: Form) -> Step {
        let value = self.value(source, slot);
        let message = match source {
            Source::Payload => self.input.message,
            Source::Claims => &self.vm.claims,
        };
        Ok(self.output.append(|out| write_slot(&value, message, form, out))?)
    }

    fn context(&mut self, value: Context, form: Form) -> Step {
        let conn_id;
        let text = match value {
            Context::UserId => self.input.user.as_bytes(),
            Context::ConnId => {
                conn_id = self.input.conn.to_id();
                &conn_id[..]
            }
            Context::Target => self.input.target,
            Context::EventName => self.event.name.as_bytes(),
            Context::Now | Context::Ip => return self.context_value(value, form),
            about => self.input.about.text(about).as_bytes(),
        };
        Ok(self.output.append(|out| write_text(text, form, out))?)
    }

    /// Of the rarer ones.
    #[cold]
    fn context_value(&mut self, value: Context, form: Form) -> Step {
        let now = self.host.now_ms();
        let ip = self.host.ip();
        Ok(self.output.append(|out| match value {
            Context::Now => number::write_int(now, out),
            _ => write_text(ip.as_bytes(), form, out),
        })?)
    }

    fn message(&mut self) -> Step {
        Ok(self.output.append(|out| out.extend_from_slice(self.input.message))?)
    }

    pub(super) fn text(&self, register: Reg) -> Text {
        self.registers.get(usize::from(register.0)).cloned().unwrap_or_default()
    }

    fn join(&mut self, user: Reg, room: Reg, ahead: &Ahead<'_>) {
        let (user, room, at) = (self.text(user), self.text(room), self.at(ahead));
        self.effects.push(Effect::Join { user, room, at });
    }

    fn leave(&mut self, user: Reg, room: Reg, ahead: &Ahead<'_>) {
        let (user, room, at) = (self.text(user), self.text(room), self.at(ahead));
        self.effects.push(Effect::Leave { user, room, at });
    }

    pub(super) fn send(&mut self, effect: impl FnOnce(FrameRef) -> Effect) {
        if let Some(frame) = self.frame.take() {
            self.effects.push(effect(frame));
        }
    }

    fn send_target(&mut self, target: Reg, ahead: &Ahead<'_>) {
        let (target, at) = (self.text(target), self.at(ahead));
        self.send(|frame| Effect::SendTarget { target, frame, at });
    }

    /// Most runs log and few logs are read: a line that nobody reads is gone past.
    fn open_log(&mut self, ahead: &mut Ahead<'_>) {
        match self.host.logs() {
            true => self.output.open_log(),
            false => drop(ahead.find(|op| matches!(op, Op::CloseLog))),
        }
    }

    fn close_log(&mut self, ahead: &Ahead<'_>) {
        let text = self.output.close_log();
        self.effects.push(Effect::Log { text, at: self.at(ahead) });
    }
}

fn need(holds: bool, reject: Reject) -> Step {
    if holds { Ok(()) } else { Err(Stop::Reject(reject)) }
}

#[inline(always)]
pub(super) fn slot_of(slots: &Slots, slot: u8) -> Slot {
    slots.slots.get(usize::from(slot)).copied().unwrap_or_default()
}
