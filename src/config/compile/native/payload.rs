//! A payload as YAML data with `${...}`: to literal JSON text and typed holes.
//!
//! Invariants: whatever the holes hold the result is one JSON value; a key whose value is `omit`
//! goes with its comma. Numbers, booleans and null are those of plain scalars; quoted ones are
//! text.

use super::super::super::codes::Code;
use super::super::super::expr::{Piece, Want};
use super::super::super::types::Type;
use super::super::super::yaml::{Entry, Node, NodeKind};
use super::super::ir::{Expression, Part, Template};
use super::super::template::escaped;
use super::Native;
use super::flow::Flow;
use super::values::typed_literal;
use crate::pipeline::op::Form;

/// The key that copies the fields of an object.
const SPREAD: &str = "$spread";

const WHAT: &str = "a value of a payload";

impl Native<'_> {
    /// The template of a payload.
    pub fn payload(&mut self, node: &Node, flow: &mut Flow) -> Template {
        let mut template = Template::default();
        self.tree(node, flow, &mut template);
        template
    }

    fn tree(&mut self, node: &Node, flow: &mut Flow, out: &mut Template) {
        match &node.kind {
            NodeKind::Scalar(_) => self.scalar(node, flow, out),
            NodeKind::List(items) => {
                out.literal("[");
                for (place, item) in items.iter().enumerate() {
                    out.literal(if place == 0 { "" } else { "," });
                    self.tree(item, flow, out);
                }
                out.literal("]");
            }
            NodeKind::Map(entries) => self.map(entries, flow, out),
        }
    }

    fn scalar(&mut self, node: &Node, flow: &mut Flow, out: &mut Template) {
        let want = Want::any(WHAT).optional();
        let (Some(param), Some(scalar)) = (self.param(node), node.as_scalar()) else { return };
        let Some(pieces) = self.pieces(&param, flow) else { return };
        match pieces.as_slice() {
            [Piece::Hole { expr, .. }] => {
                let value = self.checked(expr, &param, None, &want, flow);
                value.into_iter().for_each(|value| out.put(value, Form::Raw));
            }
            [] | [Piece::Text(_)] => {
                let text = match pieces.first() {
                    Some(Piece::Text(text)) => text.as_str(),
                    _ => "",
                };
                match typed_literal(text, scalar) {
                    Some(json) => out.literal(json),
                    None => out.literal(&format!("\"{}\"", escaped(text))),
                }
            }
            _ => {
                out.literal("\"");
                let inner = self.text(node, "a part of a text", Form::Inner, flow);
                inner.parts.into_iter().for_each(|part| out.push(part));
                out.literal("\"");
            }
        }
    }

    fn map(&mut self, entries: &[Entry], flow: &mut Flow, out: &mut Template) {
        let values: Vec<Option<Expression>> =
            entries.iter().map(|entry| self.omissible(entry, flow)).collect();
        // Behind a key that is always there a comma is certain.
        let mut certain = false;
        out.literal("{");
        for (place, (entry, value)) in entries.iter().zip(values).enumerate() {
            let comma = if certain { "," } else { "" };
            let key = format!("{comma}\"{}\":", escaped(&entry.key));
            match value {
                Some(value) if entry.key == SPREAD => out.push(Part::Spread(value)),
                None if entry.key == SPREAD => {}
                Some(value) if value.checked.may_omit() => {
                    out.push(Part::Member { key, value, comma: !certain });
                }
                value => {
                    if place > 0 && !certain {
                        out.push(Part::Comma);
                    }
                    certain = true;
                    out.literal(&key);
                    match value {
                        Some(value) => out.put(value, Form::Raw),
                        None => self.tree(&entry.value, flow, out),
                    }
                }
            }
        }
        out.literal("}");
    }

    /// The value of a key that is one `${...}`: it may be `omit`, or spread.
    fn omissible(&mut self, entry: &Entry, flow: &mut Flow) -> Option<Expression> {
        let param = self.param(&entry.value);
        let hole = match (&param, entry.key == SPREAD) {
            (Some(param), _) => match self.pieces(param, flow)?.as_slice() {
                [Piece::Hole { expr, .. }] => Some(expr.clone()),
                _ => None,
            },
            (None, _) => None,
        };
        match (param, hole) {
            (Some(param), Some(expr)) => {
                let want = Want::any(WHAT).optional();
                let want = if entry.key == SPREAD { want } else { want.omit() };
                let value = self.checked(&expr, &param, None, &want, flow);
                value.filter(|value| entry.key != SPREAD || self.spreads(entry, value))
            }
            _ if entry.key == SPREAD => {
                let message = "`$spread` takes one expression";
                self.push(Code::BadSpread, message, entry.value.span, "this is none");
                None
            }
            _ => None,
        }
    }

    fn spreads(&mut self, entry: &Entry, value: &Expression) -> bool {
        let fits = matches!(value.checked.typed.ty, Type::Map(_) | Type::Any | Type::Null);
        if !fits {
            let message = format!("a value of type `{}` has no fields", value.checked.typed.ty);
            self.push(Code::BadSpread, message, entry.value.span, "this is no object");
        }
        fits
    }
}
