//! A tree to a typed tree: names, types, nulls, secrets, constants.

use std::ops::Range;

use super::super::types::{Type, Typed};
use super::ast::Expr;
use super::fault::Fault;
use super::scope::{Const, Facts, Read, Scope};
use crate::config::Code;

/// What the place that uses the value takes.
#[derive(Clone, Debug)]
pub struct Want {
    /// The type, where it must be one.
    pub ty: Option<Type>,
    /// It may be null.
    pub optional: bool,
    /// It may be a secret.
    pub secret: bool,
    /// `omit` is legal here.
    pub omit: bool,
    /// What the place is, for messages: `a condition`.
    pub what: &'static str,
}

impl Want {
    /// Any value that is not null and no secret.
    pub fn any(what: &'static str) -> Want {
        Want { ty: None, optional: false, secret: false, omit: false, what }
    }

    /// A value of this type that is not null and no secret.
    pub fn of(ty: Type, what: &'static str) -> Want {
        Want { ty: Some(ty), ..Want::any(what) }
    }

    pub fn optional(mut self) -> Want {
        self.optional = true;
        self
    }

    pub fn secret(mut self) -> Want {
        self.secret = true;
        self
    }

    pub fn omit(mut self) -> Want {
        self.omit = true;
        self
    }
}

/// An expression whose names and types are known.
#[derive(Clone, Debug)]
pub struct Checked {
    pub typed: Typed,
    pub range: Range<usize>,
}

impl Checked {
    /// The value, where it is known at load.
    pub fn constant(&self) -> Option<&Const> {
        None
    }

    /// What is read, where the expression is nothing but a read; the path is complete.
    pub fn read(&self) -> Option<&Read> {
        None
    }

    /// The condition for leaving the key out, where the value may be `omit`: see `lower::omitted`.
    pub fn may_omit(&self) -> bool {
        false
    }

    /// What is known not to be null where this is true.
    pub fn facts_if_true(&self) -> Facts {
        Facts::default()
    }

    /// What is known not to be null where this is false.
    pub fn facts_if_false(&self) -> Facts {
        Facts::default()
    }
}

/// Checks an expression against the names of a scope and the place that uses it; everything that
/// is wrong, not only the first.
pub fn check(expr: &Expr, scope: &Scope, want: &Want) -> Result<Checked, Vec<Fault>> {
    let _ = (scope, want);
    Err(vec![Fault::new(Code::ExprSyntax, expr.range.clone(), "not an expression")])
}
