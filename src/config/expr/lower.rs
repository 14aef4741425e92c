//! A typed tree to operations.
//!
//! Invariants: a value's register is the first that was free; what is computed on the way takes
//! those behind it and gives them back. Jumps go forward. An operation's place is that of the part
//! it computes, so that a run-time error names the part.

use std::ops::Range;

use super::super::types::Type;
use super::check::{Checked, Node, kind_of};
use super::fault::Fault;
use super::scope::{Const, Read};
use crate::config::Code;
use crate::envelope::text::escape_into;
use crate::ids::RuleId;
use crate::limits::{SLOTS_MAX, VALUES_MAX};
use crate::pipeline::op::{
    Binary, Body, Context, Count, Expect, Form, Kind, Op, Out, Owner, PatternId, Source, Truth,
    Unary, ValueReg, VariableId, Word,
};
use crate::pipeline::program::Site;
use crate::pipeline::{Builder, number};

/// Where an expression's operations go.
pub struct Lowering<'l> {
    pub builder: &'l mut Builder,
    /// The place in the file of a byte range of the expression's text.
    pub locate: &'l dyn Fn(Range<usize>) -> Site,
    /// The first value register that is free. `lower` takes the register of its result from here
    /// on; a caller that is done with a result sets it back.
    pub free: u8,
}

type Lowered<T> = Result<T, Fault>;

/// Appends operations that leave the value in a register: the one that was `free`, or, for a value
/// that is in one already, that one. No log line may be open. Where the value may be `omit`, the
/// register then holds that, which `Op::JumpOmit` asks for.
pub fn lower(checked: &Checked, to: &mut Lowering<'_>) -> Lowered<ValueReg> {
    Lower { to, items: Vec::new() }.value(checked)
}

/// Appends operations that end the run as the rule says unless the condition holds: one `require`
/// for each condition that must hold by itself.
pub fn require(checked: &Checked, rule: RuleId, site: Site, to: &mut Lowering<'_>) -> Lowered<()> {
    let (of, is) = match &checked.node {
        Node::And(left, right) => {
            require(left, rule, site, to)?;
            return require(right, rule, site, to);
        }
        Node::Unary { op: Unary::Not, of } => (&**of, Truth(false)),
        _ => (checked, Truth(true)),
    };
    let free = to.free;
    let cond = lower(of, to)?;
    to.builder.op(Op::Require { cond, is, rule }, site);
    to.free = free;
    Ok(())
}

/// Appends operations that write the value into the open output, in the shortest way: a constant
/// as literal bytes, a plain read as its slot, all else through a register. A plain read is not
/// asked for its type: a schema is.
pub fn put(checked: &Checked, form: Form, to: &mut Lowering<'_>) -> Lowered<()> {
    let site = (to.locate)(checked.range.clone());
    match &checked.node {
        Node::Const(value) => {
            to.builder.literal(&written(value, form), site);
            return Ok(());
        }
        Node::Read(Read::Context(value)) if *value != Context::Now => {
            context(*value, form, site, to.builder);
            return Ok(());
        }
        Node::Read(read @ (Read::Payload(_) | Read::Claims(_))) => {
            let (source, slot) = slot(read, checked, to)?;
            to.builder.op(Op::Slot { source, slot, form }, site);
            return Ok(());
        }
        _ => {}
    }
    let free = to.free;
    let value = lower(checked, to)?;
    to.builder.op(Op::Put { value, form }, site);
    to.free = free;
    Ok(())
}

/// What is always a text shares its quotes with the literals around it.
fn context(value: Context, form: Form, site: Site, builder: &mut Builder) {
    let is_text = form == Form::Raw && !value.is_optional();
    let form = if is_text { Form::Inner } else { form };
    let quote: &[u8] = if is_text { b"\"" } else { b"" };
    builder.literal(quote, site);
    builder.op(Op::Context { value, form }, site);
    builder.literal(quote, site);
}

/// Whether `put` writes the value without computing anything, so that it cannot fail.
pub fn is_plain(checked: &Checked) -> bool {
    match &checked.node {
        Node::Const(_) | Node::Read(Read::Payload(_) | Read::Claims(_)) => true,
        Node::Read(Read::Context(value)) => *value != Context::Now,
        _ => false,
    }
}

/// A constant as it is written in a form.
fn written(value: &Const, form: Form) -> Vec<u8> {
    let mut out = Vec::new();
    match (form, value) {
        (Form::Text | Form::Inner, Const::Null) => {}
        (Form::Text, Const::Text(text)) => out.extend_from_slice(text.as_bytes()),
        (Form::Inner, Const::Text(text)) => escape_into(text.as_bytes(), &mut out),
        (Form::Inner, Const::List(_)) => escape_into(&written(value, Form::Raw), &mut out),
        (Form::Text | Form::Inner, Const::Double(double)) => {
            number::write_double(*double, &mut out)
        }
        _ => write_json(value, &mut out),
    }
    out
}

/// As the interpreter writes the same value.
fn write_json(value: &Const, out: &mut Vec<u8>) {
    match value {
        Const::Null => out.extend_from_slice(b"null"),
        Const::Bool(value) => out.extend_from_slice(if *value { b"true" } else { b"false" }),
        Const::Int(int) => number::write_int(*int, out),
        Const::Double(double) if double.is_finite() => number::write_double(*double, out),
        Const::Double(_) => out.extend_from_slice(b"null"),
        Const::Text(text) => {
            out.push(b'"');
            escape_into(text.as_bytes(), out);
            out.push(b'"');
        }
        Const::List(items) => {
            out.push(b'[');
            for (place, item) in items.iter().enumerate() {
                out.extend_from_slice(if place == 0 { b"" } else { b"," });
                write_json(item, out);
            }
            out.push(b']');
        }
    }
}

/// The slot of a path.
fn slot(read: &Read, checked: &Checked, to: &mut Lowering<'_>) -> Lowered<(Source, u8)> {
    let (source, path): (Source, &[String]) = match read {
        Read::Payload(path) => (Source::Payload, path),
        Read::Claims(path) => (Source::Claims, path),
        _ => (Source::Payload, &[]),
    };
    let path: Vec<&str> = path.iter().map(String::as_str).collect();
    let slot = match source {
        Source::Payload => to.builder.payload_slot(&path),
        Source::Claims => to.builder.claims_slot(&path),
    };
    let slot = slot.ok_or_else(|| {
        let message = format!("this event reads more than {SLOTS_MAX} paths, or a path too deep");
        Fault::new(Code::TooManyPaths, checked.range.clone(), message).label("this one is too many")
    })?;
    Ok((source, slot))
}

struct Lower<'t, 'l> {
    to: &'t mut Lowering<'l>,
    /// Registers of the elements of the loops around.
    items: Vec<ValueReg>,
}

impl Lower<'_, '_> {
    fn op(&mut self, op: Op, checked: &Checked) {
        let site = (self.to.locate)(checked.range.clone());
        self.to.builder.op(op, site);
    }

    /// Takes the first free register.
    fn take(&mut self, checked: &Checked) -> Lowered<ValueReg> {
        let register = self.to.free;
        if usize::from(register) >= VALUES_MAX {
            let message = format!("an event holds at most {VALUES_MAX} values at one time");
            let fault = Fault::new(Code::ExprTooLarge, checked.range.clone(), message);
            return Err(fault.label("this is one more"));
        }
        self.to.free += 1;
        Ok(ValueReg(register))
    }

    /// The register that holds the value.
    fn value(&mut self, checked: &Checked) -> Lowered<ValueReg> {
        match &checked.node {
            Node::Read(Read::Local(register)) => Ok(*register),
            Node::Item(place) => Ok(self.items.get(*place).copied().unwrap_or(ValueReg(0))),
            _ => {
                let register = self.take(checked)?;
                self.into(checked, register)?;
                Ok(register)
            }
        }
    }

    /// Computes into a register; those behind it that are taken on the way are given back.
    fn into(&mut self, checked: &Checked, register: ValueReg) -> Lowered<()> {
        let free = self.to.free;
        self.node(checked, register)?;
        self.to.free = free;
        Ok(())
    }

    fn node(&mut self, checked: &Checked, register: ValueReg) -> Lowered<()> {
        let into = register.into();
        let op = match &checked.node {
            Node::Const(value) => return self.constant(value, register, checked),
            Node::Read(read) => return self.read(read, register, checked),
            Node::Item(_) => Op::Copy { into, from: self.value(checked)? },
            Node::Omit => Op::LoadWord { into, word: Word::Omit },
            Node::Unary { op, of } => Op::Unary { into, op: *op, of: self.value(of)? },
            Node::Binary { op, left, right } => {
                let op = self.binary(into, *op, left, right)?;
                self.op(op, checked);
                return self.asked(checked, register);
            }
            Node::Slice { of, from, to } => {
                let (of, from) = (self.value(of)?, self.value(from)?);
                Op::Slice { into, of, from, to: self.value(to)? }
            }
            Node::Matches { of, pattern } => {
                let of = self.value(of)?;
                Op::Matches { into, of, pattern: self.pattern(pattern, checked)? }
            }
            Node::Member { of, key } => {
                let of = self.value(of)?;
                let key = self.to.builder.constant(key.as_bytes());
                self.op(Op::Member { into, of, key }, checked);
                return self.asked(checked, register);
            }
            Node::List(items) => return self.list(items, register, checked),
            Node::And(..) | Node::Or(..) | Node::Coalesce(..) | Node::Choice { .. } => {
                return self.branches(checked, register);
            }
            Node::Map { list, body } => return self.each(list, body, true, register, checked),
            Node::Filter { list, cond } => return self.each(list, cond, false, register, checked),
            Node::Expect { of, expect } => {
                self.into(of, register)?;
                Op::Expect { value: register, expect: *expect }
            }
        };
        self.op(op, checked);
        Ok(())
    }

    fn binary(&mut self, into: Out, op: Binary, left: &Checked, right: &Checked) -> Lowered<Op> {
        let left = self.value(left)?;
        Ok(match &right.node {
            Node::Const(Const::Int(int)) if let Ok(right) = i32::try_from(*int) => {
                Op::BinaryInt { into, op, left, right }
            }
            Node::Const(Const::Text(text)) => {
                let right = self.to.builder.constant(text.as_bytes());
                Op::BinaryText { into, op, left, right }
            }
            _ => Op::Binary { into, op, left, right: self.value(right)? },
        })
    }

    /// What comes out of JSON is asked whether it is of its type.
    fn asked(&mut self, checked: &Checked, value: ValueReg) -> Lowered<()> {
        let from_json = match &checked.node {
            Node::Member { .. } => true,
            Node::Binary { op, .. } => *op == Binary::Index,
            _ => false,
        };
        let expect = expect_of(checked);
        if from_json && expect != ANY {
            self.op(Op::Expect { value, expect }, checked);
        }
        Ok(())
    }

    fn pattern(&mut self, pattern: &str, checked: &Checked) -> Lowered<PatternId> {
        self.to.builder.pattern(pattern).map_err(|why| {
            let fault = Fault::new(Code::BadRegex, checked.range.clone(), "this is not a pattern");
            fault.label(why)
        })
    }

    fn constant(&mut self, value: &Const, register: ValueReg, checked: &Checked) -> Lowered<()> {
        let into = register.into();
        let op = match value {
            Const::Null => Op::LoadWord { into, word: Word::Null },
            Const::Bool(true) => Op::LoadWord { into, word: Word::True },
            Const::Bool(false) => Op::LoadWord { into, word: Word::False },
            Const::Int(int) => match i32::try_from(*int) {
                Ok(value) => Op::LoadInt { into, value },
                Err(_) => {
                    Op::LoadLong { into, constant: self.to.builder.constant(&int.to_le_bytes()) }
                }
            },
            Const::Double(double) => {
                let constant = self.to.builder.constant(&double.to_le_bytes());
                Op::LoadDouble { into, constant }
            }
            Const::Text(text) => {
                Op::LoadText { into, constant: self.to.builder.constant(text.as_bytes()) }
            }
            Const::List(items) => {
                let first = ValueReg(self.to.free);
                for item in items {
                    let register = self.take(checked)?;
                    self.constant(item, register, checked)?;
                    // What a list in the list took is free again.
                    self.to.free = register.0 + 1;
                }
                Op::List { into, first, count: Count(items.len() as u8) }
            }
        };
        self.op(op, checked);
        Ok(())
    }

    fn read(&mut self, read: &Read, register: ValueReg, checked: &Checked) -> Lowered<()> {
        let (into, expect) = (register.into(), expect_of(checked));
        let variable = |of, place| {
            let variable = VariableId(place);
            Op::LoadVariable { into, of, variable, expect }
        };
        let op = match read {
            Read::Payload(_) | Read::Claims(_) => {
                let (source, slot) = slot(read, checked, self.to)?;
                Op::Load { into, source, slot, expect }
            }
            Read::Context(value) => Op::LoadContext { into, value: *value },
            Read::ConnVar(place) => variable(Owner::Conn, *place),
            Read::UserVar(place) => variable(Owner::User, *place),
            Read::RoomVar(place) => variable(Owner::Room, *place),
            Read::Permission(place) => variable(Owner::Rights, *place),
            Read::Local(from) => Op::Copy { into, from: *from },
            Read::Const(value) => return self.constant(value, register, checked),
        };
        self.op(op, checked);
        Ok(())
    }

    /// The items in registers in a row.
    fn list(&mut self, items: &[Checked], register: ValueReg, checked: &Checked) -> Lowered<()> {
        let first = ValueReg(self.to.free);
        for item in items {
            let register = self.take(item)?;
            self.into(item, register)?;
        }
        let count = Count(items.len() as u8);
        self.op(Op::List { into: register.into(), first, count }, checked);
        Ok(())
    }

    /// What is evaluated only under a condition.
    fn branches(&mut self, checked: &Checked, register: ValueReg) -> Lowered<()> {
        let site = (self.to.locate)(checked.range.clone());
        let (left, right) = match &checked.node {
            Node::And(left, right) | Node::Or(left, right) | Node::Coalesce(left, right) => {
                (left, right)
            }
            Node::Choice { cond, yes, no } => return self.choice(cond, yes, no, register),
            _ => return Ok(()),
        };
        self.into(left, register)?;
        let (cond, value) = (register, register);
        let jump = match &checked.node {
            Node::And(..) => self.to.builder.jump(|by| Op::JumpUnless { cond, by }, site),
            Node::Or(..) => self.to.builder.jump(|by| Op::JumpIf { cond, by }, site),
            _ => self.to.builder.jump(|by| Op::JumpSome { value, by }, site),
        };
        self.into(right, register)?;
        self.to.builder.land(jump);
        Ok(())
    }

    fn choice(
        &mut self,
        cond: &Checked,
        yes: &Checked,
        no: &Checked,
        register: ValueReg,
    ) -> Lowered<()> {
        let site = (self.to.locate)(cond.range.clone());
        let cond = self.value(cond)?;
        let to_no = self.to.builder.jump(|by| Op::JumpUnless { cond, by }, site);
        self.into(yes, register)?;
        let to_end = self.to.builder.jump(Op::Jump, site);
        self.to.builder.land(to_no);
        self.into(no, register)?;
        self.to.builder.land(to_end);
        Ok(())
    }

    /// `map`, where the body is the new element, or `filter`, where it is the condition.
    fn each(
        &mut self,
        list: &Checked,
        body: &Checked,
        maps: bool,
        register: ValueReg,
        checked: &Checked,
    ) -> Lowered<()> {
        let of = self.value(list)?;
        let item = self.take(checked)?;
        let each = Op::Each { into: register.into(), list: of, item: item.into(), body: Body(0) };
        self.op(each, checked);
        let start = self.to.builder.here() - 1;
        self.element(list, item, checked);
        self.items.push(item);
        let value = self.value(body)?;
        self.items.pop();
        if maps {
            self.op(Op::Yield(value), checked);
        } else {
            let site = (self.to.locate)(body.range.clone());
            let past = self.to.builder.jump(|by| Op::JumpUnless { cond: value, by }, site);
            self.op(Op::Yield(item), checked);
            self.to.builder.land(past);
        }
        self.to.builder.land(start);
        Ok(())
    }

    /// Asks an element whether it is of its type.
    fn element(&mut self, list: &Checked, value: ValueReg, checked: &Checked) {
        let Type::List(element) = &list.typed.ty else { return };
        let expect = Expect { kind: kind_of(&element.ty), optional: element.may_be_null() };
        if expect.kind != ANY.kind {
            self.op(Op::Expect { value, expect }, checked);
        }
    }
}

const ANY: Expect = Expect { kind: Kind::Any, optional: true };

/// The kind a value of this type has when the program runs.
fn expect_of(checked: &Checked) -> Expect {
    Expect { kind: kind_of(&checked.typed.ty), optional: checked.typed.may_be_null() }
}
