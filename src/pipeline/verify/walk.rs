//! What is known before each operation of one event, on every way that leads to it.
//!
//! Invariants: jumps go forward, so when an operation is looked at, every jump to it was; where
//! ways meet, only what all of them know is known. A loop may run no time at all, so what its body
//! writes is not known behind it.

use super::Rule;
use crate::limits::{EACH_DEPTH_MAX, EFFECTS_MAX, REGISTERS_MAX, VALUES_MAX};
use crate::pipeline::op::{Class, Count, Op, Operand, Out, Source, ValueReg};
use crate::pipeline::program::{CallSpec, Event, Program, Scope};

#[derive(Clone, Copy, PartialEq, Eq)]
enum Open {
    Nothing,
    Text,
    Frame,
    Log,
}

/// What is known before an operation.
#[derive(Clone, Copy)]
struct State {
    /// No way leads here.
    dead: bool,
    open: Open,
    /// One bit per text register that was written.
    written: u32,
    /// One bit per value register that was written.
    values: u64,
    begun: bool,
    framed: bool,
    secured: bool,
    effects: usize,
}

const _: () = assert!(REGISTERS_MAX <= u32::BITS as usize);
const _: () = assert!(VALUES_MAX <= u64::BITS as usize);

const START: State = State {
    dead: false,
    open: Open::Nothing,
    written: 0,
    values: 0,
    begun: false,
    framed: false,
    secured: false,
    effects: 0,
};

impl State {
    /// What is known where two ways meet.
    fn meet(self, other: State) -> Result<State, Rule> {
        if self.dead || other.dead {
            return Ok(if self.dead { other } else { self });
        }
        hold(self.open == other.open, Rule::OutputsDiffer)?;
        Ok(State {
            dead: false,
            open: self.open,
            written: self.written & other.written,
            values: self.values & other.values,
            begun: self.begun && other.begun,
            framed: self.framed && other.framed,
            secured: self.secured && other.secured,
            effects: self.effects.max(other.effects),
        })
    }

    /// Forgets all but the first values.
    fn keep(&mut self, values: u8) {
        self.values &= 1u64.checked_shl(u32::from(values)).map_or(u64::MAX, |bit| bit - 1);
        (self.written, self.framed) = (0, false);
    }

    fn dead() -> State {
        State { dead: true, ..START }
    }
}

/// A jump that has not ended yet.
struct Landing {
    at: u32,
    /// Loops around it.
    loops: usize,
    state: State,
}

/// A loop whose body is being walked.
struct Loop {
    /// The first operation behind the body.
    end: u32,
    /// What is known behind the loop.
    behind: State,
}

/// See the module.
pub struct Walk<'p> {
    program: &'p Program,
    event: &'p Event,
    /// Operations of the event.
    len: u32,
    /// The operation that is looked at, from the event's first on.
    at: u32,
    state: State,
    landings: Vec<Landing>,
    loops: Vec<Loop>,
}

fn hold(holds: bool, rule: Rule) -> Result<(), Rule> {
    if holds { Ok(()) } else { Err(rule) }
}

impl<'p> Walk<'p> {
    pub fn new(program: &'p Program, event: &'p Event, len: u32) -> Self {
        let (landings, loops) = (Vec::new(), Vec::new());
        let state = State { secured: event.session_claims, ..START };
        Walk { program, event, len, at: 0, state, landings, loops }
    }

    pub fn step(&mut self, op: Op, last: bool) -> Result<(), Rule> {
        self.arrive()?;
        self.refusable()?;
        hold((op.class() == Class::Last) == last, Rule::EndMisplaced)?;
        self.operands(op)?;
        let inside = self.loops.is_empty() || matches!(op.class(), Class::Value | Class::Jump);
        hold(inside, Rule::BadLoop)?;
        match op.class() {
            Class::Piece => hold(self.state.open != Open::Nothing, Rule::OutputNotOpen)?,
            Class::Close => self.close(op)?,
            Class::Value => self.value(op)?,
            Class::Jump => self.jump(op)?,
            Class::Wait => self.wait(op)?,
            _ => self.plain(op)?,
        }
        op.operands(|operand| {
            if let (Operand::Out(Out(register)), false) = (operand, matches!(op, Op::Each { .. })) {
                self.state.values |= 1 << register;
            }
        });
        self.at += 1;
        Ok(())
    }

    /// Ends the loops that end here, and meets the jumps that do.
    fn arrive(&mut self) -> Result<(), Rule> {
        while self.loops.last().is_some_and(|one| one.end == self.at) {
            self.land()?;
            if let Some(ended) = self.loops.pop() {
                self.state = ended.behind;
            }
        }
        self.land()?;
        let missed = self.landings.iter().any(|landing| landing.at <= self.at);
        hold(!missed, Rule::BadJump)
    }

    /// Where operations that may be refused begin, the way behind them begins too.
    fn refusable(&mut self) -> Result<(), Rule> {
        let place = self.event.entry + self.at;
        for range in self.program.lenient.iter().filter(|range| range.start == place) {
            let end = range.end.saturating_sub(self.event.entry);
            let fits = end > self.at && end < self.len && self.state.open == Open::Nothing;
            hold(fits && self.loops.is_empty(), Rule::BadJump)?;
            let mut state = self.state;
            // One that is refused when it has waited is gone past with what it kept.
            let code = self.program.code.get(place as usize..range.end as usize);
            let kept = code.unwrap_or_default().iter().filter_map(|op| self.kept(*op)).min();
            kept.into_iter().for_each(|kept| state.keep(kept));
            self.landings.push(Landing { at: end, loops: 0, state });
        }
        Ok(())
    }

    /// Meets the jumps to this place that were made in the same loop.
    fn land(&mut self) -> Result<(), Rule> {
        let (at, loops) = (self.at, self.loops.len());
        for landing in &self.landings {
            if landing.at == at && landing.loops == loops {
                self.state = self.state.meet(landing.state)?;
            }
        }
        self.landings.retain(|landing| landing.at != at || landing.loops != loops);
        Ok(())
    }

    /// Operations that need everything closed.
    fn plain(&mut self, op: Op) -> Result<(), Rule> {
        hold(self.state.open == Open::Nothing, Rule::OutputOpen)?;
        match op {
            Op::OpenText => self.state.open = Open::Text,
            Op::OpenFrame(_) => self.state.open = Open::Frame,
            Op::OpenLog => self.state.open = Open::Log,
            Op::Secure => self.state.secured = true,
            _ => {}
        }
        match op.class() {
            Class::Gate => self.gate(op),
            Class::Effect => self.effect(op),
            _ => Ok(()),
        }
    }

    fn gate(&self, op: Op) -> Result<(), Rule> {
        let keyless = match op {
            Op::Limit(limit) => self.program.limit(limit),
            _ => None,
        };
        let needs_key = keyless.is_some_and(|spec| matches!(spec.scope, Scope::Room | Scope::Text));
        hold(!needs_key, Rule::LimitWithoutKey)?;
        hold(self.landings.is_empty(), Rule::LimitConditional)?;
        hold(self.state.effects == 0, Rule::LimitAfterEffect)
    }

    fn close(&mut self, op: Op) -> Result<(), Rule> {
        let closes = match op {
            Op::CloseFrame => Open::Frame,
            Op::CloseLog => Open::Log,
            _ => Open::Text,
        };
        hold(self.state.open == closes, Rule::OutputNotOpen)?;
        self.state.open = Open::Nothing;
        match op {
            Op::CloseText(register) => self.state.written |= 1 << register.0,
            Op::CloseLog => return self.effect(op),
            _ => self.state.framed = true,
        }
        Ok(())
    }

    fn effect(&mut self, op: Op) -> Result<(), Rule> {
        self.state.effects += 1;
        hold(self.state.effects <= EFFECTS_MAX, Rule::TooManyEffects)?;
        use Op::{Send, SendNamed, SendOrigin, SendTarget, SendUser};
        let sends =
            matches!(op, SendOrigin | SendUser | SendTarget(_) | Send { .. } | SendNamed { .. });
        hold(self.state.framed || !sends, Rule::ReadBeforeWrite)?;
        // A send takes the frame with it.
        self.state.framed &= !sends;
        Ok(())
    }

    /// What comes back is a part of the values, and no text: a run that waited goes on with nothing
    /// else.
    fn wait(&mut self, op: Op) -> Result<(), Rule> {
        hold(self.state.open == Open::Nothing, Rule::OutputOpen)?;
        hold(self.state.begun, Rule::NotBegun)?;
        if let Op::Call { call, .. } = op {
            let texts = self.program.calls.get(usize::from(call.0)).map_or(0, CallSpec::texts);
            let read = (1u32 << texts) - 1;
            hold(self.state.written & read == read, Rule::ReadBeforeWrite)?;
        }
        self.state.keep(self.kept(op).unwrap_or(0));
        self.effect(op)
    }

    /// How many values are kept while this operation waits, if it does.
    fn kept(&self, op: Op) -> Option<u8> {
        match op {
            Op::Call { call, .. } => {
                Some(self.program.calls.get(usize::from(call.0)).map_or(0, |call| call.keeps))
            }
            Op::Identify { keeps, .. } => Some(keeps.0),
            _ => None,
        }
    }

    /// A log line refuses nothing, so nothing that may refuse stands in one.
    fn value(&mut self, op: Op) -> Result<(), Rule> {
        hold(self.state.open != Open::Log, Rule::OutputOpen)?;
        if op == Op::Begin {
            hold(!self.state.begun && self.loops.is_empty(), Rule::NotBegun)?;
            self.state.begun = true;
        }
        hold(self.state.begun, Rule::NotBegun)?;
        match op {
            Op::List { first, count, .. } => self.row(first, count),
            Op::LoadLong { constant, .. } | Op::LoadDouble { constant, .. } => {
                let bytes = self.program.consts.get(constant.0 as usize);
                hold(bytes.is_some_and(|bytes| bytes.len() == 8), Rule::OperandOutOfRange)
            }
            Op::Yield(_) => hold(!self.loops.is_empty(), Rule::YieldOutside),
            Op::Each { into, item, body, .. } => self.each(into, item, u32::from(body.0)),
            Op::Fail(_) => {
                self.state = State { begun: true, ..State::dead() };
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn row(&self, first: ValueReg, count: Count) -> Result<(), Rule> {
        let end = usize::from(first.0) + usize::from(count.0);
        hold(end <= VALUES_MAX, Rule::OperandOutOfRange)?;
        let all = (usize::from(first.0)..end).all(|one| self.state.values & (1 << one) != 0);
        hold(all, Rule::ReadBeforeWrite)
    }

    fn each(&mut self, into: Out, item: Out, body: u32) -> Result<(), Rule> {
        let end = self.at + 1 + body;
        let around = self.loops.last().map_or(self.len - 1, |one| one.end);
        hold(body > 0 && end <= around && self.loops.len() < EACH_DEPTH_MAX, Rule::BadLoop)?;
        let behind = State { values: self.state.values | 1 << into.0, ..self.state };
        self.loops.push(Loop { end, behind });
        self.state.values |= 1 << item.0;
        Ok(())
    }

    fn jump(&mut self, op: Op) -> Result<(), Rule> {
        hold(self.state.open != Open::Log, Rule::OutputOpen)?;
        hold(self.state.begun, Rule::NotBegun)?;
        let mut by = 0;
        op.operands(|operand| {
            if let Operand::Ahead(ahead) = operand {
                by = ahead.0;
            }
        });
        let end = (self.at + 1).saturating_add(by);
        let bound = self.loops.last().map_or(self.len - 1, |one| one.end);
        hold(end <= bound, Rule::BadJump)?;
        self.landings.push(Landing { at: end, loops: self.loops.len(), state: self.state });
        if matches!(op, Op::Jump(_)) {
            self.state = State { begun: true, ..State::dead() };
        }
        Ok(())
    }

    fn operands(&self, op: Op) -> Result<(), Rule> {
        let mut result = Ok(());
        let mut slots = self.event.payload.slots;
        op.operands(|operand| {
            if operand == Operand::Source(Source::Claims) {
                slots = self.event.claims.slots;
            }
            result = result.and(self.operand(op, operand, slots));
        });
        result
    }

    fn operand(&self, op: Op, operand: Operand, slots: u8) -> Result<(), Rule> {
        let in_range = match operand {
            Operand::Limit(id) => usize::from(id.0) < self.program.limits.len(),
            Operand::Permission(id) => usize::from(id.0) < self.program.permissions.len(),
            Operand::Const(id) => (id.0 as usize) < self.program.consts.len(),
            Operand::Slot(slot) => slot < slots,
            Operand::Reg(register) => usize::from(register.0) < REGISTERS_MAX,
            Operand::Value(ValueReg(register)) | Operand::Out(Out(register)) => {
                usize::from(register) < VALUES_MAX
            }
            Operand::Pattern(id) => usize::from(id.0) < self.program.patterns.len(),
            Operand::How(id) => usize::from(id.0) < self.program.hows.len(),
            Operand::Metric(id) => usize::from(id.0) < self.program.metrics.len(),
            Operand::Rule(id) => usize::from(id.0) < self.program.rules.len(),
            Operand::Call(id) => usize::from(id.0) < self.program.calls.len(),
            _ => true,
        };
        hold(in_range, Rule::OperandOutOfRange)?;
        match operand {
            Operand::Source(Source::Claims) => hold(self.state.secured, Rule::ClaimsUnverified),
            Operand::Reg(register) if op.class() != Class::Close => {
                hold(self.state.written & (1 << register.0) != 0, Rule::ReadBeforeWrite)
            }
            // The first of a list's row may be one of none.
            Operand::Value(register) if !matches!(op, Op::List { .. }) => {
                hold(self.state.values & (1 << register.0) != 0, Rule::ReadBeforeWrite)
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Fault, Rule, verify};
    use crate::limits::{EFFECTS_MAX, VALUES_MAX};
    use crate::pipeline::Builder;
    use crate::pipeline::op::{
        Ahead, Body, Count, Form, FrameKind, Op, Out, Reg, Unary, ValueReg, Word,
    };
    use crate::pipeline::program::{LimitSpec, Program, Rule as Demand, Site};
    use crate::reject::Reject;
    use crate::state::limits::Rate;

    const V0: ValueReg = ValueReg(0);

    fn load(register: u8) -> Op {
        Op::LoadWord { into: Out(register), word: Word::True }
    }

    fn unless(by: u32) -> Op {
        Op::JumpUnless { cond: V0, by: Ahead(by) }
    }

    fn put(register: u8) -> Op {
        Op::Put { value: ValueReg(register), form: Form::Raw }
    }

    fn each(body: u16) -> Op {
        Op::Each { into: Out(9), list: V0, item: Out(1), body: Body(body) }
    }

    /// One event of these operations, behind a `begin` and a load of the first register.
    fn build(ops: &[Op]) -> Result<Program, Fault> {
        let mut builder = Builder::new("config.yaml");
        builder.event("event", Site::default()).unwrap();
        builder.constant(b"seven b");
        builder.rule(Demand::default());
        [load(0)].iter().chain(ops).for_each(|op| builder.op(*op, Site::default()));
        builder.finish()
    }

    fn refused(ops: &[Op]) -> Rule {
        build(ops).unwrap_err().rule
    }

    #[test]
    fn a_jump_ends_inside_its_event() {
        assert!(build(&[unless(0)]).is_ok());
        assert!(build(&[unless(1), Op::Close]).is_ok());
        assert_eq!(refused(&[unless(2), Op::Close]), Rule::BadJump);
        assert_eq!(refused(&[Op::Jump(Ahead(u32::MAX))]), Rule::BadJump);
        let value = V0;
        assert!(build(&[Op::JumpOmit { value, by: Ahead(0) }]).is_ok());
        assert_eq!(refused(&[Op::JumpSome { value, by: Ahead(1) }]), Rule::BadJump);
    }

    #[test]
    fn only_what_every_way_has_written_may_be_read() {
        let copy = Op::Copy { into: Out(5), from: ValueReg(1) };
        assert_eq!(refused(&[copy]), Rule::ReadBeforeWrite);
        assert_eq!(refused(&[unless(1), load(1), copy]), Rule::ReadBeforeWrite);
        let both = [unless(2), load(1), Op::Jump(Ahead(1)), load(1), copy];
        assert!(build(&both).is_ok());
        // A way that ends the run says nothing.
        let ended = [unless(2), Op::Fail(Reject::Denied), load(2), load(1), copy];
        assert!(build(&ended).is_ok());
        let text = [unless(2), Op::OpenText, Op::CloseText(Reg(0)), Op::SendTarget(Reg(0))];
        assert_eq!(refused(&text), Rule::ReadBeforeWrite);
    }

    #[test]
    fn the_same_output_is_open_where_ways_meet() {
        let frame = [Op::OpenFrame(FrameKind::Text), unless(1), put(0), Op::CloseFrame];
        assert!(build(&frame).is_ok());
        let open = Op::OpenText;
        assert_eq!(refused(&[unless(1), open, Op::CloseText(Reg(0))]), Rule::OutputsDiffer);
        let closed = [open, unless(1), Op::CloseText(Reg(0)), Op::Close];
        assert_eq!(refused(&closed), Rule::OutputsDiffer);
        let sent = [frame[0], Op::CloseFrame, unless(1), Op::SendOrigin, Op::SendOrigin];
        assert_eq!(refused(&sent), Rule::ReadBeforeWrite);
    }

    #[test]
    fn a_log_line_holds_nothing_that_may_refuse() {
        assert!(build(&[Op::OpenLog, put(0), Op::CloseLog]).is_ok());
        assert_eq!(refused(&[Op::OpenLog, load(1), Op::CloseLog]), Rule::OutputOpen);
        assert_eq!(refused(&[Op::OpenLog, unless(0), Op::CloseLog]), Rule::OutputOpen);
    }

    #[test]
    fn values_begin_once_and_before_all_else() {
        assert_eq!(refused(&[Op::Begin]), Rule::NotBegun);
        let mut program = build(&[Op::Close]).unwrap();
        program.code[0] = Op::NeedTarget;
        assert_eq!(verify(&program).unwrap_err().rule, Rule::NotBegun);
    }

    #[test]
    fn a_loop_only_computes_and_stays_in_its_bounds() {
        let (item, not) =
            (ValueReg(1), Op::Unary { into: Out(2), op: Unary::Not, of: ValueReg(1) });
        assert!(build(&[each(2), not, Op::Yield(item)]).is_ok());
        assert!(build(&[each(1), Op::Yield(item), put(9)]).is_err(), "nothing is open");
        assert_eq!(refused(&[each(0)]), Rule::BadLoop);
        assert_eq!(refused(&[each(2), not]), Rule::BadLoop);
        assert_eq!(refused(&[each(1), Op::Close]), Rule::BadLoop);
        assert_eq!(refused(&[each(2), each(2), not, not]), Rule::BadLoop);
        assert!(build(&[each(2), each(1), not]).is_ok());
        assert_eq!(refused(&[each(3), each(2), each(1), not]), Rule::BadLoop);
        assert_eq!(refused(&[Op::Yield(V0)]), Rule::YieldOutside);
    }

    #[test]
    fn what_a_loop_writes_is_not_known_behind_it() {
        let copy = |from| Op::Copy { into: Out(5), from: ValueReg(from) };
        assert!(build(&[each(1), load(2), copy(9)]).is_ok());
        assert_eq!(refused(&[each(1), load(2), copy(2)]), Rule::ReadBeforeWrite);
        assert_eq!(refused(&[each(1), load(2), copy(1)]), Rule::ReadBeforeWrite);
        assert_eq!(refused(&[each(1), copy(9)]), Rule::ReadBeforeWrite);
    }

    #[test]
    fn no_jump_leads_out_of_a_loop_or_into_one() {
        assert!(build(&[each(2), unless(1), load(2)]).is_ok());
        assert_eq!(refused(&[each(2), unless(2), load(2), load(2)]), Rule::BadJump);
        assert_eq!(refused(&[unless(2), each(2), load(2), load(2)]), Rule::BadJump);
        assert!(build(&[unless(3), each(2), load(2), load(2)]).is_ok());
    }

    #[test]
    fn every_run_asks_the_same_limits() {
        let mut builder = Builder::new("config.yaml");
        let event = builder.event("event", Site::default()).unwrap();
        let spec = LimitSpec::of_user(event, Rate::fixed(1, 1), Site::default());
        let limit = Op::Limit(builder.limit(spec));
        let ops = [load(0), unless(1), load(1), limit];
        ops.iter().for_each(|op| builder.op(*op, Site::default()));
        let program = builder.finish().unwrap();
        let mut conditional = program.clone();
        conditional.code.swap(3, 4);
        assert_eq!(verify(&conditional).unwrap_err().rule, Rule::LimitConditional);
    }

    #[test]
    fn operands_of_values_name_what_is_there() {
        let out = Rule::OperandOutOfRange;
        assert_eq!(refused(&[load(VALUES_MAX as u8)]), out);
        assert_eq!(refused(&[put(255)]), out);
        let (into, constant) = (Out(1), crate::pipeline::op::ConstId(0));
        assert_eq!(refused(&[Op::LoadLong { into, constant }]), out);
        assert_eq!(refused(&[Op::LoadDouble { into, constant }]), out);
        let pattern = crate::pipeline::op::PatternId(0);
        assert_eq!(refused(&[Op::Matches { into, of: V0, pattern }]), out);
        let demand = |rule| Op::Require {
            cond: V0,
            is: crate::pipeline::op::Truth(true),
            rule: crate::ids::RuleId(rule),
        };
        assert!(build(&[demand(0)]).is_ok());
        assert_eq!(refused(&[demand(1)]), out);
        let row = |first, count| Op::List { into, first: ValueReg(first), count: Count(count) };
        assert!(build(&[row(0, 1), row(0, 2), row(63, 0)]).is_ok());
        assert_eq!(refused(&[row(0, 2)]), Rule::ReadBeforeWrite);
        assert_eq!(refused(&[row(63, 2)]), out);
    }

    #[test]
    fn effects_are_counted_on_the_longest_way() {
        let many = vec![Op::Close; EFFECTS_MAX - 1];
        let way = [&[unless(1), Op::Close][..], &many].concat();
        assert!(build(&way).is_ok());
        let more = [&[unless(1), Op::Close][..], &many, &[Op::Close]].concat();
        assert_eq!(refused(&more), Rule::TooManyEffects);
    }
}
