//! Scalars of a step: conditions, values with a type, and texts with `${...}`.
//!
//! Invariants: a value of literal text and holes becomes one expression that joins them, so that
//! whoever takes a value takes one kind of thing.

use std::rc::Rc;

use super::super::super::expr::{self, Expr, Fault, Piece, Read, Scope, Want};
use super::super::super::source::Span;
use super::super::super::types::Type;
use super::super::super::yaml::{Node, Places, Scalar, ScalarStyle};
use super::super::calls::Param;
use super::super::ir::{Expression, Template};
use super::super::template::escaped;
use super::flow::Flow;
use super::{Native, shape};
use crate::pipeline::op::Form;

/// Expression text that is made of the pieces of a scalar.
#[derive(Default)]
struct Writing {
    text: String,
    /// For each byte the byte of the scalar that it stands for.
    from: Vec<usize>,
}

impl Writing {
    fn put(&mut self, text: &str, from: impl Fn(usize) -> usize) {
        self.text.push_str(text);
        self.from.extend((0..text.len()).map(from));
    }
}

impl Native<'_> {
    /// A bare expression: the whole of a scalar.
    pub fn bare(&mut self, node: &Node, want: &Want, flow: &mut Flow) -> Option<Expression> {
        let Some(param) = self.param(node) else {
            self.findings.push(shape(&format!("{} is an expression", want.what), node));
            return None;
        };
        flow.bind_environment(param.text(), self.environment);
        let expr = self.faultless(&param, expr::parse(param.text()))?;
        self.checked(&expr, &param, None, want, flow)
    }

    /// An expression that the file only implies, such as the name of a variable.
    pub fn written(&mut self, text: &str, span: Span, flow: &mut Flow) -> Option<Expression> {
        let scalar = Scalar { text: text.to_owned(), style: ScalarStyle::Plain };
        let param =
            Param::new(&scalar, Span::new(span.start as usize, span.start as usize), self.source);
        let expr = self.faultless(&param, expr::parse(text))?;
        let want = Want::any("a value").optional().secret();
        self.checked(&expr, &param, None, &want, flow)
    }

    /// A value with the type that is wanted: one `${...}`, a literal, or text with `${...}` in it.
    pub fn value(&mut self, node: &Node, want: &Want, flow: &mut Flow) -> Option<Expression> {
        let (Some(param), Some(scalar)) = (self.param(node), node.as_scalar()) else {
            let finding = shape(&format!("{} is a plain value", want.what), node);
            self.findings.push(finding.help("write lists and maps as expressions: `${[1, 2]}`"));
            return None;
        };
        let pieces = self.pieces(&param, flow)?;
        if let [Piece::Hole { expr, .. }] = pieces.as_slice() {
            return self.checked(expr, &param, None, want, flow);
        }
        let writing = joined(&pieces, param.text(), scalar);
        let expr = self.faultless(&param, expr::parse(&writing.text))?;
        self.checked(&expr, &param, Some(writing.from.into()), want, flow)
    }

    /// A text with holes, in the form of the place it is written to.
    pub fn text(
        &mut self,
        node: &Node,
        what: &'static str,
        form: Form,
        flow: &mut Flow,
    ) -> Template {
        let mut template = Template::default();
        let Some(param) = self.param(node) else {
            self.findings.push(shape(&format!("{what} is a text"), node));
            return template;
        };
        let pieces = self.pieces(&param, flow).unwrap_or_default();
        let want = Want::any(what);
        for piece in pieces {
            match piece {
                Piece::Text(text) if form == Form::Inner => template.literal(&escaped(&text)),
                Piece::Text(text) => template.literal(&text),
                Piece::Hole { expr, .. } => {
                    let value = self.checked(&expr, &param, None, &want, flow);
                    value.into_iter().for_each(|value| template.put(value, form));
                }
            }
        }
        template
    }

    /// The pieces of a scalar.
    pub fn pieces(&mut self, param: &Param<'_>, flow: &mut Flow) -> Option<Vec<Piece>> {
        flow.bind_environment(param.text(), self.environment);
        self.faultless(param, expr::pieces(param.text()))
    }

    fn faultless<T>(&mut self, param: &Param<'_>, result: Result<T, Fault>) -> Option<T> {
        match result {
            Ok(value) => Some(value),
            Err(fault) => {
                self.findings.push(fault.diagnostic(|range| param.place(self.source, range)));
                None
            }
        }
    }

    /// Checks an expression at its place; what is wrong is a finding.
    pub fn checked(
        &mut self,
        expr: &Expr,
        param: &Param<'_>,
        from: Option<Rc<[usize]>>,
        want: &Want,
        flow: &Flow,
    ) -> Option<Expression> {
        let places: Rc<Places> = param.places();
        let mut whole = Scope::new();
        let scope = match &flow.whole_payload {
            Some(typed) if matches!(param.text().trim(), "payload" | "${payload}") => {
                whole.bind("payload", typed.clone(), Read::Payload(Vec::new()));
                &whole
            }
            _ => &flow.scope,
        };
        let secret = want.secret || flow.takes_secrets;
        match expr::check(expr, scope, &Want { secret, ..want.clone() }) {
            Ok(checked) => Some(Expression { checked, places, from }),
            Err(faults) => {
                for fault in faults {
                    let span = |range: std::ops::Range<usize>| match &from {
                        None => param.place(self.source, range),
                        Some(_) => param.span,
                    };
                    self.findings.push(fault.diagnostic(span));
                }
                None
            }
        }
    }
}

/// The want of a value of this type.
pub fn want_of(ty: &Type, optional: bool, secret: bool, what: &'static str) -> Want {
    let want = match ty {
        Type::Any => Want::any(what),
        Type::Broken => return Want::any(what).optional().secret(),
        ty => Want::of(ty.clone(), what),
    };
    let want = if optional { want.optional() } else { want };
    if secret { want.secret() } else { want }
}

/// The pieces as one expression.
fn joined(pieces: &[Piece], text: &str, scalar: &Scalar) -> Writing {
    let mut writing = Writing::default();
    match pieces {
        [] if scalar.is_null() => writing.put("null", |_| 0),
        [] => writing.put("\"\"", |_| 0),
        [Piece::Text(text)] => writing.put(&literal(text, scalar), |at| at),
        _ => {
            for (place, piece) in pieces.iter().enumerate() {
                let plus = if place == 0 { "" } else { " + " };
                match piece {
                    Piece::Text(text) => writing.put(&format!("{plus}{}", quoted(text)), |_| 0),
                    Piece::Hole { range, .. } => {
                        writing.put(&format!("{plus}string("), |_| range.start);
                        let inner = text.get(range.start + 2..range.end.max(1) - 1);
                        writing.put(inner.unwrap_or_default(), |at| range.start + 2 + at);
                        writing.put(")", |_| range.end.max(1) - 1);
                    }
                }
            }
        }
    }
    writing
}

/// A scalar without holes, with the type that YAML gives it.
fn literal(text: &str, scalar: &Scalar) -> String {
    match typed_literal(text, scalar) {
        Some(text) => text.to_owned(),
        None => quoted(text),
    }
}

/// The JSON text of a plain scalar that is null, true, false or a number.
pub fn typed_literal<'t>(text: &'t str, scalar: &Scalar) -> Option<&'t str> {
    if scalar.style != ScalarStyle::Plain {
        return None;
    }
    if scalar.is_null() {
        return Some("null");
    }
    let is_number = serde_json::from_str::<serde_json::Number>(text).is_ok();
    (is_number || matches!(text, "true" | "false")).then_some(text)
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
