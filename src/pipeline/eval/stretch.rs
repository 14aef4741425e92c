//! The inner loop of expressions: operations on values in a row, between two of other kinds.
//!
//! Invariants: it reads top to bottom in one place; nothing here is copied that can be pointed at,
//! and what is rare is in functions of its own. A refusal leaves `ahead` right behind the operation
//! that refused. Made by `Run::value_ops` for each row.

use super::{Evaluated, Reads, Values};
use crate::envelope::{SlotKind, Slots};
use crate::ids::RuleId;
use crate::pipeline::op::{
    Binary, ConstId, Context, Expect, Kind, Op, Out, Owner, PatternId, Source, ValueReg, Word,
};
use crate::pipeline::program::{Event, Program};
use crate::pipeline::value::{Bytes, Place, Value};
use crate::pipeline::vm::{Ahead, Host, Input, Variable, slot_of};
use crate::reject::Reject;

/// See the module.
pub(super) struct Stretch<'s, H> {
    pub program: &'s Program,
    pub event: &'s Event,
    pub input: &'s Input<'s>,
    pub host: &'s mut H,
    pub claim_slots: &'s Slots,
    pub reads: Reads<'s>,
    pub values: &'s mut Values,
}

type Done = Result<(), Reject>;

/// Why a stretch ends at an operation.
enum End {
    Refused(Reject),
    Each,
    /// It is no operation on values.
    Other,
}

impl From<Reject> for End {
    fn from(reject: Reject) -> End {
        End::Refused(reject)
    }
}

impl<H: Host> Stretch<'_, H> {
    /// From this operation on, as long as they are of this kind and more than `rest` are ahead; an
    /// `each` that comes next is left to the caller.
    #[inline(always)]
    pub fn go(
        mut self,
        first: Op,
        ahead: &mut Ahead<'_>,
        rest: usize,
    ) -> Result<Option<Op>, Reject> {
        let whole = ahead.as_slice();
        let code = whole.get(..whole.len().saturating_sub(rest)).unwrap_or_default();
        let (mut op, mut at) = (first, 0);
        let left = loop {
            match self.step(op) {
                Ok(past) => at += past as usize,
                Err(End::Refused(reject)) => break Err(reject),
                Err(End::Each) => break Ok(Some(op)),
                Err(End::Other) => {
                    at -= 1;
                    break Ok(None);
                }
            }
            let Some(next) = code.get(at) else { break Ok(None) };
            (op, at) = (*next, at + 1);
            if rest > 0
                && op.is_of_values()
                && let Err(reject) = self.values.charge(1)
            {
                break Err(reject);
            }
            self.visit(op, whole.len(), at);
        };
        *ahead = whole.get(at..).unwrap_or_default().iter();
        left
    }

    #[inline(always)]
    fn visit(&mut self, op: Op, ahead: usize, at: usize) {
        if H::TRACED && op.is_of_values() {
            self.host.visited((self.event.end as usize).saturating_sub(ahead + 1 - at) as u32);
        }
    }

    /// One operation; how many behind it are gone past.
    #[inline(always)]
    fn step(&mut self, op: Op) -> Result<u32, End> {
        match op {
            Op::Begin => self.values.begin(),
            Op::Load { into, source, slot, expect } => self.load(into, source, slot, expect)?,
            Op::LoadContext { into, value: Context::UserId } => {
                let end = self.reads.user.len() as u32;
                self.values.set(into, text_at(Place::User, 0, end));
            }
            Op::LoadVariable { into, of, variable, expect } => {
                self.load_variable(into, of, variable.0, expect)?;
            }
            Op::LoadWord { into, word } => self.values.set(into, word_value(word)),
            Op::LoadInt { into, value } => self.values.set(into, Value::Int(i64::from(value))),
            Op::LoadText { into, constant } => self.values.set(into, self.constant(constant)),
            Op::Copy { into, from } => self.values.set(into, self.values.get(from)),
            Op::Unary { into, op, of } => self.values.unary_into(into, op, of, &self.reads)?,
            Op::Binary { into, op, left, right } => {
                let right = self.values.get(right);
                self.values.binary_into(into, op, left, right, &self.reads)?;
            }
            Op::BinaryInt { into, op, left, right } => {
                let right = Value::Int(i64::from(right));
                self.values.binary_into(into, op, left, right, &self.reads)?;
            }
            Op::BinaryText { into, op, left, right } => self.binary_text(into, op, left, right)?,
            Op::Require { cond, is, rule } => {
                if self.truth(cond)? != is.0 {
                    self.deny(rule)?;
                }
            }
            Op::Jump(by) => return Ok(by.0),
            Op::JumpIf { cond, by } => return Ok(if self.truth(cond)? { by.0 } else { 0 }),
            Op::JumpUnless { cond, by } => return Ok(if self.truth(cond)? { 0 } else { by.0 }),
            Op::JumpSome { value, by } => {
                return Ok(if matches!(self.values.at(value), Value::Null) { 0 } else { by.0 });
            }
            Op::JumpOmit { value, by } => {
                return Ok(if matches!(self.values.at(value), Value::Omit) { by.0 } else { 0 });
            }
            Op::Each { .. } => return Err(End::Each),
            _ => self.rare(op)?,
        }
        Ok(0)
    }

    #[inline(always)]
    fn truth(&self, cond: ValueReg) -> Result<bool, Reject> {
        match self.values.at(cond) {
            Value::Bool(cond) => Ok(*cond),
            Value::Null => Err(Reject::MissingField),
            _ => Err(Reject::BadType),
        }
    }

    #[inline(always)]
    fn load(&mut self, into: Out, source: Source, slot: u8, expect: Expect) -> Done {
        let (slot, place) = match source {
            Source::Payload => (slot_of(self.input.payload, slot), Place::Message),
            Source::Claims => (slot_of(self.claim_slots, slot), Place::Claims),
        };
        let value = match (slot.kind, expect.kind) {
            (SlotKind::Plain | SlotKind::Escaped, Kind::Text) => Value::Text(Bytes {
                start: slot.start,
                end: slot.end,
                place,
                escaped: slot.kind == SlotKind::Escaped,
            }),
            _ => Values::expect(self.values.of_slot(&slot, place, &self.reads)?, expect)?,
        };
        self.values.set(into, value);
        Ok(())
    }

    #[inline(always)]
    fn binary_text(&mut self, into: Out, op: Binary, left: ValueReg, right: ConstId) -> Done {
        let text = self.program.consts.get(right.0 as usize).map_or(&[][..], |text| text);
        match self.values.quick_text(op, left, text, &self.reads) {
            Some(holds) => self.values.set(into, Value::Bool(holds)),
            None => {
                let right = self.constant(right);
                let made = self.values.binary(op, self.values.get(left), right, &self.reads)?;
                self.values.set(into, made);
            }
        }
        Ok(())
    }

    #[inline(always)]
    fn load_variable(&mut self, into: Out, of: Owner, variable: u8, expect: Expect) -> Done {
        let value = match self.host.variable(of, variable) {
            Variable::Null => Value::Null,
            Variable::Bool(held) => Value::Bool(held),
            Variable::Json(b"true") => Value::Bool(true),
            Variable::Json(b"false") => Value::Bool(false),
            Variable::Int(held) => Value::Int(held),
            Variable::Double(held) => Value::Double(held),
            Variable::Text(held) => self.values.keep(held.as_bytes())?,
            Variable::Json(held) => self.values.keep_json(held)?,
        };
        self.values.set(into, Values::expect(value, expect)?);
        Ok(())
    }

    #[inline(always)]
    fn constant(&self, constant: ConstId) -> Value {
        let bytes = self.program.consts.get(constant.0 as usize);
        text_at(Place::Const, constant.0, bytes.map_or(0, |bytes| bytes.len() as u32))
    }

    /// What rules seldom do, or what takes long anyway.
    #[inline(never)]
    fn rare(&mut self, op: Op) -> Result<(), End> {
        let (values, reads) = (&mut *self.values, &self.reads);
        let (into, value) = match op {
            Op::LoadContext { into, value } => (into, self.context(value)?),
            Op::LoadLong { into, constant } => {
                (into, Value::Int(i64::from_le_bytes(self.word(constant))))
            }
            Op::LoadDouble { into, constant } => {
                (into, Value::Double(f64::from_le_bytes(self.word(constant))))
            }
            Op::Expect { value, expect } => {
                (value.into(), Values::expect(values.get(value), expect)?)
            }
            Op::Slice { into, of, from, to } => {
                let (of, from, to) = (values.get(of), values.get(from), values.get(to));
                (into, values.slice(of, from, to, reads)?)
            }
            Op::Matches { into, of, pattern: PatternId(place) } => {
                let place = usize::from(place);
                let pattern = self.program.patterns.get(place).ok_or(Reject::BadType)?;
                (into, values.matches(values.get(of), pattern, place, reads)?)
            }
            Op::Member { into, of, key } => {
                let key = self.constant(key);
                let values = &mut *self.values;
                (into, values.member(values.get(of), key, reads)?)
            }
            Op::List { into, first, count } => (into, values.list(first.0, count)?),
            Op::Yield(value) => return Ok(values.push(values.get(value))?),
            Op::Fail(reject) => return Err(End::Refused(reject)),
            _ => return Err(End::Other),
        };
        self.values.set(into, value);
        Ok(())
    }

    fn context(&mut self, context: Context) -> Evaluated {
        let values = &mut *self.values;
        match context {
            Context::UserId => Ok(text_at(Place::User, 0, self.reads.user.len() as u32)),
            Context::Target => Ok(text_at(Place::Target, 0, self.reads.target.len() as u32)),
            Context::ConnId => values.keep(&self.input.conn.to_id()),
            Context::EventName => values.keep(self.event.name.as_bytes()),
            Context::Now => Ok(Value::Int(self.host.now_ms())),
            Context::Ip => values.keep(self.host.ip().as_bytes()),
            about => match self.input.about.text(about) {
                "" if about.is_optional() => Ok(Value::Null),
                text => values.keep(text.as_bytes()),
            },
        }
    }

    fn word(&self, constant: ConstId) -> [u8; 8] {
        let bytes = self.program.consts.get(constant.0 as usize);
        bytes.and_then(|bytes| bytes.first_chunk()).copied().unwrap_or_default()
    }

    /// A rule in the shadow only tells.
    #[cold]
    fn deny(&mut self, rule: RuleId) -> Done {
        self.host.denied(rule);
        let shadow = self.program.rules.get(usize::from(rule.0)).is_some_and(|rule| rule.shadow);
        if shadow { Ok(()) } else { Err(Reject::Denied) }
    }
}

#[inline(always)]
fn text_at(place: Place, start: u32, end: u32) -> Value {
    Value::Text(Bytes { start, end, place, escaped: false })
}

fn word_value(word: Word) -> Value {
    match word {
        Word::Null => Value::Null,
        Word::True => Value::Bool(true),
        Word::False => Value::Bool(false),
        Word::Omit => Value::Omit,
    }
}

impl Values {
    /// Keeps a JSON text of a variable; its value.
    pub(in crate::pipeline) fn keep_json(&mut self, json: &[u8]) -> Evaluated {
        let start = self.arena.len();
        self.arena.extend_from_slice(json);
        self.made(start)?;
        let slot = crate::envelope::parts::only(&self.arena, start as u32);
        self.of_slot(&slot.ok_or(Reject::BadType)?, Place::Arena, &Reads::default())
    }
}
