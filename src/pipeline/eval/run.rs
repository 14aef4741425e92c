//! Operations on values, as a run does them.
//!
//! Invariants: what may end a run ends it at the operation's own place, also inside of `each`.

use super::list::Items;
use super::write::comma;
use super::{Evaluated, Reads, Values};
use crate::ids::RuleId;
use crate::limits::{LIST_ELEMENTS_MAX, RUN_LOG_BYTES_MAX};
use crate::pipeline::answer::percent_encode;
use crate::pipeline::op::{
    Body, ConstId, Context, Expect, Form, Op, Out, Owner, PatternId, Source, ValueReg, Word,
};
use crate::pipeline::value::{Bytes, Place, Value};
use crate::pipeline::vm::{Ahead, Host, Run, Step, Stop, Variable};
use crate::reject::Reject;

/// Stands in a log line for a value that is longer than all of them may be.
const TOO_LONG: &str = "\u{2026}";

impl<H: Host> Run<'_, H> {
    /// Operations on values and the jumps among them, this one and those that follow it as long
    /// as more than `rest` are ahead; apart from the path of messages that compute nothing.
    #[inline(never)]
    pub(in crate::pipeline) fn value_ops(
        &mut self,
        first: Op,
        ahead: &mut Ahead<'_>,
        rest: usize,
    ) -> Step {
        let mut op = first;
        loop {
            self.value_op(op, ahead)?;
            match ahead.as_slice().first() {
                Some(next) if ahead.len() > rest && next.is_of_values() => op = *next,
                _ => return Ok(()),
            }
            *ahead = ahead.as_slice().get(1..).unwrap_or_default().iter();
            self.visit(ahead);
            if rest > 0 {
                self.vm.values.spend()?;
            }
        }
    }

    #[inline(always)]
    fn value_op(&mut self, op: Op, ahead: &mut Ahead<'_>) -> Step {
        match op {
            Op::Begin => self.vm.values.begin(),
            Op::Load { into, source, slot, expect } => self.load(into, source, slot, expect)?,
            Op::LoadContext { into, value } => self.load_context(into, value)?,
            Op::LoadVariable { into, of, variable, expect } => {
                self.load_variable(into, of, variable.0, expect)?;
            }
            Op::LoadWord { into, word } => self.set(into, word_value(word)),
            Op::LoadInt { into, value } => self.set(into, Value::Int(i64::from(value))),
            Op::LoadLong { into, constant } => {
                self.set(into, Value::Int(i64::from_le_bytes(self.word(constant))));
            }
            Op::LoadDouble { into, constant } => {
                self.set(into, Value::Double(f64::from_le_bytes(self.word(constant))));
            }
            Op::LoadText { into, constant } => self.set(into, self.text_of(constant)),
            Op::Copy { into, from } => self.set(into, self.vm.values.get(from)),
            Op::Expect { value, expect } => {
                let found = Values::expect(self.vm.values.get(value), expect)?;
                self.vm.values.set(value.0, found);
            }
            Op::Unary { .. }
            | Op::Binary { .. }
            | Op::Slice { .. }
            | Op::Matches { .. }
            | Op::Member { .. }
            | Op::List { .. } => self.compute(op)?,
            Op::Each { into, list, item, body } => self.each(into, list, item, body, ahead)?,
            Op::Yield(value) => self.vm.values.push(self.vm.values.get(value))?,
            Op::Require { cond, rule } => self.require(cond, rule)?,
            Op::Fail(reject) => return Err(Stop::Reject(reject)),
            Op::Put { value, form } => self.put(value, form)?,
            Op::Spread(value) => self.spread(value)?,
            Op::Comma => self.output.append(comma)?,
            Op::Mark => self.output.mark()?,
            Op::Segment(value) => self.escape(value, true)?,
            Op::Query(value) => self.escape(value, false)?,
            _ => return self.jump(op, ahead),
        }
        Ok(())
    }

    #[inline]
    fn jump(&mut self, op: Op, ahead: &mut Ahead<'_>) -> Step {
        let (jumps, by) = match op {
            Op::Jump(by) => (true, by),
            Op::JumpIf { cond, by } => (self.truth(cond)?, by),
            Op::JumpUnless { cond, by } => (!self.truth(cond)?, by),
            Op::JumpSome { value, by } => (self.vm.values.get(value) != Value::Null, by),
            Op::JumpOmit { value, by } => (self.vm.values.get(value) == Value::Omit, by),
            _ => return Ok(()),
        };
        if jumps {
            *ahead = ahead.as_slice().get(by.0 as usize..).unwrap_or_default().iter();
        }
        Ok(())
    }

    #[inline]
    fn truth(&self, cond: ValueReg) -> Result<bool, Stop> {
        match self.vm.values.get(cond) {
            Value::Bool(cond) => Ok(cond),
            Value::Null => Err(Stop::Reject(Reject::MissingField)),
            _ => Err(Stop::Reject(Reject::BadType)),
        }
    }

    fn set(&mut self, into: Out, value: Value) {
        self.vm.values.set(into.0, value);
    }

    fn word(&self, constant: ConstId) -> [u8; 8] {
        let bytes = self.program.consts.get(constant.0 as usize);
        bytes.and_then(|bytes| bytes.first_chunk()).copied().unwrap_or_default()
    }

    fn text_of(&self, constant: ConstId) -> Value {
        let bytes = self.program.consts.get(constant.0 as usize);
        let end = bytes.map_or(0, |bytes| bytes.len() as u32);
        Value::Text(Bytes { start: constant.0, end, place: Place::Const, escaped: false })
    }

    #[inline]
    fn load(&mut self, into: Out, source: Source, slot: u8, expect: Expect) -> Step {
        let slot = self.value(source, slot);
        let place = match source {
            Source::Payload => Place::Message,
            Source::Claims => Place::Claims,
        };
        let (values, reads) = self.values();
        let value = values.of_slot(&slot, place, &reads)?;
        values.set(into.0, Values::expect(value, expect)?);
        Ok(())
    }

    fn load_context(&mut self, into: Out, context: Context) -> Step {
        let values = &mut self.vm.values;
        let value = match context {
            Context::UserId => values.keep(self.input.user.as_bytes())?,
            Context::ConnId => values.keep(&self.input.conn.to_id())?,
            Context::Target => values.keep(self.input.target)?,
            Context::EventName => values.keep(self.event.name.as_bytes())?,
            Context::Now => Value::Int(self.host.now_ms()),
            Context::Ip => values.keep(self.host.ip().as_bytes())?,
            about => match self.input.about.text(about) {
                "" if about.is_optional() => Value::Null,
                text => values.keep(text.as_bytes())?,
            },
        };
        self.set(into, value);
        Ok(())
    }

    fn load_variable(&mut self, into: Out, of: Owner, variable: u8, expect: Expect) -> Step {
        let values = &mut self.vm.values;
        let value = match self.host.variable(of, variable) {
            Variable::Null => Value::Null,
            Variable::Bool(held) => Value::Bool(held),
            Variable::Int(held) => Value::Int(held),
            Variable::Double(held) => Value::Double(held),
            Variable::Text(held) => values.keep(held.as_bytes())?,
            Variable::Json(held) => values.keep_json(held)?,
        };
        self.set(into, Values::expect(value, expect)?);
        Ok(())
    }

    /// What computing needs, borrowed apart.
    fn values(&mut self) -> (&mut Values, Reads<'_>) {
        let vm = &mut *self.vm;
        let reads =
            Reads { message: self.input.message, claims: &vm.claims, consts: &self.program.consts };
        (&mut vm.values, reads)
    }

    #[inline]
    fn compute(&mut self, op: Op) -> Step {
        let program = self.program;
        let (values, reads) = self.values();
        let (into, value) = match op {
            Op::Unary { into, op, of } => (into, values.unary(op, values.get(of), &reads)?),
            Op::Binary { into, op, left, right } => {
                let (left, right) = (values.get(left), values.get(right));
                (into, values.binary(op, left, right, &reads)?)
            }
            Op::Slice { into, of, from, to } => {
                let (of, from, to) = (values.get(of), values.get(from), values.get(to));
                (into, values.slice(of, from, to, &reads)?)
            }
            Op::Matches { into, of, pattern: PatternId(place) } => {
                let place = usize::from(place);
                let pattern = program.patterns.get(place).ok_or(Reject::BadType)?;
                (into, values.matches(values.get(of), pattern, place, &reads)?)
            }
            Op::Member { into, of, key } => {
                let end = program.consts.get(key.0 as usize).map_or(0, |key| key.len() as u32);
                let place = Place::Const;
                let key = Value::Text(Bytes { start: key.0, end, place, escaped: false });
                (into, values.member(values.get(of), key, &reads)?)
            }
            Op::List { into, first, count } => (into, values.list(first.0, count)?),
            _ => return Ok(()),
        };
        values.set(into.0, value);
        Ok(())
    }

    /// Runs the operations of the body once an element; `ahead` goes on behind them, or, where one
    /// of them ends the run, behind that one.
    fn each(
        &mut self,
        into: Out,
        list: ValueReg,
        item: Out,
        body: Body,
        ahead: &mut Ahead<'_>,
    ) -> Step {
        let whole = ahead.as_slice();
        let after = whole.len().saturating_sub(usize::from(body.0));
        let mark = self.vm.values.mark();
        let mut items = Items::of(self.vm.values.get(list))?;
        let mut count = 0;
        while let Some(element) = self.next(&mut items)? {
            count += 1;
            if count > LIST_ELEMENTS_MAX {
                return Err(Stop::Reject(Reject::TooLarge));
            }
            self.set(item, element);
            *ahead = whole.iter();
            while ahead.len() > after {
                let Some(op) = ahead.next() else { break };
                self.vm.values.spend()?;
                self.value_ops(*op, ahead, after)?;
            }
        }
        *ahead = whole.get(usize::from(body.0)..).unwrap_or_default().iter();
        let made = self.vm.values.finish(mark)?;
        self.set(into, made);
        Ok(())
    }

    fn next(&mut self, items: &mut Items) -> Result<Option<Value>, Reject> {
        let (values, reads) = self.values();
        values.next(items, &reads)
    }

    fn require(&mut self, cond: ValueReg, rule: RuleId) -> Step {
        if self.truth(cond)? {
            return Ok(());
        }
        self.host.denied(rule);
        let shadow = self.program.rules.get(usize::from(rule.0)).is_some_and(|rule| rule.shadow);
        if shadow { Ok(()) } else { Err(Stop::Reject(Reject::Denied)) }
    }

    pub(in crate::pipeline) fn put(&mut self, value: ValueReg, form: Form) -> Step {
        let value = self.vm.values.get(value);
        if !self.output.is_log() {
            self.vm.values.weigh(value)?;
        } else if self.vm.values.weight(value, RUN_LOG_BYTES_MAX).is_none() {
            // A log line refuses nothing, and counts for nothing else.
            return Ok(self.output.append(|out| out.extend_from_slice(TOO_LONG.as_bytes()))?);
        }
        let reads = Reads {
            message: self.input.message,
            claims: &self.vm.claims,
            consts: &self.program.consts,
        };
        let values = &self.vm.values;
        Ok(self.output.append(|out| values.write(value, form, &reads, out))?)
    }

    /// Appends a text as a part of a URL; as a segment of its path it may not be empty.
    #[cold]
    fn escape(&mut self, value: ValueReg, is_segment: bool) -> Step {
        let value = self.vm.values.get(value);
        if matches!(value, Value::List(_) | Value::Array(_) | Value::Object(_)) {
            return Err(Stop::Reject(Reject::BadType));
        }
        self.vm.values.weigh(value)?;
        let mut text = Vec::new();
        self.write(value, Form::Text, &mut text);
        if is_segment && text.is_empty() {
            return Err(Stop::Reject(Reject::BadValue));
        }
        Ok(self.output.append(|out| percent_encode(&text, out))?)
    }

    /// Appends a value in a form.
    pub(in crate::pipeline) fn write(&mut self, value: Value, form: Form, out: &mut Vec<u8>) {
        let (values, reads) = self.values();
        values.write(value, form, &reads, out);
    }

    fn spread(&mut self, value: ValueReg) -> Step {
        let value = self.vm.values.get(value);
        if !matches!(value, Value::Null | Value::Object(_)) {
            return Err(Stop::Reject(Reject::BadType));
        }
        self.vm.values.weigh(value)?;
        let reads = Reads {
            message: self.input.message,
            claims: &self.vm.claims,
            consts: &self.program.consts,
        };
        let values = &self.vm.values;
        Ok(self.output.append(|out| values.spread(value, &reads, out))?)
    }
}

impl Values {
    /// One operation that is run for an element.
    fn spend(&mut self) -> Result<(), Reject> {
        self.charge(1)
    }

    /// Keeps a JSON text of a variable; its value.
    pub(in crate::pipeline) fn keep_json(&mut self, json: &[u8]) -> Evaluated {
        let start = self.arena.len();
        self.arena.extend_from_slice(json);
        self.made(start)?;
        let slot = crate::envelope::parts::only(&self.arena, start as u32);
        self.of_slot(&slot.ok_or(Reject::BadType)?, Place::Arena, &Reads::default())
    }
}

fn word_value(word: Word) -> Value {
    match word {
        Word::Null => Value::Null,
        Word::True => Value::Bool(true),
        Word::False => Value::Bool(false),
        Word::Omit => Value::Omit,
    }
}
