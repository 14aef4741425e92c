//! What is known at load is computed at load, by the evaluator that would compute it later.
//!
//! Invariants: a fault is reported only where the part would always be evaluated; any other is left
//! to the run, which may never come to it.

use super::super::fault::Fault;
use super::super::scope::Const;
use super::{Checked, Checker, Node};
use crate::config::Code;
use crate::pipeline::eval::{Evaluated, Reads, Values};
use crate::pipeline::pattern::Pattern;
use crate::pipeline::value::Value;
use crate::reject::Reject;

impl Checker<'_> {
    /// The same, as a constant where its parts are.
    pub(super) fn folded(&mut self, checked: Checked) -> Option<Checked> {
        if self.scope.unfolded {
            return Some(checked);
        }
        let mut values = Values::default();
        match evaluated(&checked.node, &mut values) {
            None => Some(checked),
            Some(Ok(value)) => {
                let node = constant(value, &values).map(Node::Const);
                Some(match node {
                    Some(node) => Checked { node, ..checked },
                    None => checked,
                })
            }
            Some(Err(_)) if self.conditional > 0 => Some(checked),
            Some(Err(reject)) => {
                let fault = Fault::new(Code::AlwaysFails, checked.range, "this always fails");
                self.fault(fault.label(why(reject)))
            }
        }
    }
}

fn why(reject: Reject) -> &'static str {
    match reject {
        Reject::NoElement => "the list is shorter",
        Reject::BadType => "a value of another type is needed",
        Reject::TooLarge => "the result is too large",
        _ => "it has no result in the range of its type",
    }
}

/// The value of a node whose parts are all constants.
fn evaluated(node: &Node, values: &mut Values) -> Option<Evaluated> {
    let reads = Reads::default();
    Some(match node {
        Node::Unary { op, of } => {
            let of = operand(of, values)?;
            of.and_then(|of| values.unary(*op, of, &reads))
        }
        Node::Binary { op, left, right } => {
            let (left, right) = (operand(left, values)?, operand(right, values)?);
            left.and_then(|left| values.binary(*op, left, right?, &reads))
        }
        Node::Slice { of, from, to } => {
            let (of, from) = (operand(of, values)?, operand(from, values)?);
            let to = operand(to, values)?;
            of.and_then(|of| values.slice(of, from?, to?, &reads))
        }
        Node::Matches { of, pattern } => {
            let of = operand(of, values)?;
            let pattern = Pattern::new(pattern).ok()?;
            of.and_then(|of| values.matches(of, &pattern, 0, &reads))
        }
        Node::Expect { of, expect } => {
            let of = operand(of, values)?;
            of.and_then(|of| Values::expect(of, *expect))
        }
        Node::List(items) => {
            let all: Option<Vec<Const>> =
                items.iter().map(|item| item.constant().cloned()).collect();
            import(&Const::List(all?), values)
        }
        _ => return None,
    })
}

fn operand(checked: &Checked, values: &mut Values) -> Option<Evaluated> {
    checked.constant().map(|value| import(value, values))
}

/// A constant as a value of the evaluator.
fn import(value: &Const, values: &mut Values) -> Evaluated {
    match value {
        Const::Null => Ok(Value::Null),
        Const::Bool(value) => Ok(Value::Bool(*value)),
        Const::Int(value) => Ok(Value::Int(*value)),
        Const::Double(value) => Ok(Value::Double(*value)),
        Const::Text(value) => values.keep(value.as_bytes()),
        Const::List(items) => {
            let items: Result<Vec<Value>, Reject> =
                items.iter().map(|item| import(item, values)).collect();
            let mark = values.mark();
            for item in items? {
                values.push(item)?;
            }
            values.finish(mark)
        }
    }
}

/// A value of the evaluator as a constant; JSON has no place at load.
fn constant(value: Value, values: &Values) -> Option<Const> {
    Some(match value {
        Value::Null => Const::Null,
        Value::Bool(value) => Const::Bool(value),
        Value::Int(value) => Const::Int(value),
        Value::Double(value) | Value::Digits { double: value, .. } => Const::Double(value),
        Value::Text(text) => {
            let bytes = values.bytes(text, &Reads::default());
            Const::Text(std::str::from_utf8(bytes).ok()?.to_owned())
        }
        Value::List(list) => {
            let items = values.elements(list).iter();
            Const::List(items.map(|item| constant(*item, values)).collect::<Option<_>>()?)
        }
        Value::Omit | Value::Array(_) | Value::Object(_) => return None,
    })
}
