//! A scalar with `${...}` in it, as literal text and expressions.
//!
//! Invariants: the pieces cover the scalar in order; neighbouring text is one piece.

use std::ops::Range;

use super::ast::Expr;
use super::fault::Fault;
use super::parser::parse_hole;

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
    let mut pieces = Vec::new();
    let mut literal = String::new();
    let mut at = 0;
    while let Some(found) = text[at..].find("${").map(|place| at + place) {
        if text[at..found].ends_with('$') {
            literal.push_str(&text[at..found - 1]);
            literal.push_str("${");
            at = found + 2;
            continue;
        }
        literal.push_str(&text[at..found]);
        let (expr, end) = parse_hole(text, found..found + 2)?;
        flush(&mut literal, &mut pieces);
        pieces.push(Piece::Hole { expr, range: found..end });
        at = end;
    }
    literal.push_str(&text[at..]);
    flush(&mut literal, &mut pieces);
    Ok(pieces)
}

fn flush(literal: &mut String, pieces: &mut Vec<Piece>) {
    if !literal.is_empty() {
        pieces.push(Piece::Text(std::mem::take(literal)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> Vec<String> {
        let shown = |piece| match piece {
            Piece::Text(text) => text,
            Piece::Hole { range, .. } => format!("<{}>", &text[range]),
        };
        pieces(text).unwrap().into_iter().map(shown).collect()
    }

    #[test]
    fn text_and_holes_alternate() {
        assert_eq!(shown(""), Vec::<String>::new());
        assert_eq!(shown("plain $ {x}"), ["plain $ {x}"]);
        assert_eq!(shown("${user.id}"), ["<${user.id}>"]);
        assert_eq!(shown("a${ b }c${d}${e}"), ["a", "<${ b }>", "c", "<${d}>", "<${e}>"]);
        assert_eq!(shown("${'}' + \"${\"}é"), ["<${'}' + \"${\"}>", "é"]);
        assert_eq!(shown("cost: $${price} $${${x}"), ["cost: ${price} ${", "<${x}>"]);
        assert_eq!(shown("$$${x}"), ["$${x}"]);
    }

    #[test]
    fn ranges_are_those_of_the_scalar() {
        let all = pieces("hello ${ user.id }").unwrap();
        let Piece::Hole { expr, range } = &all[1] else { panic!("a hole") };
        assert_eq!((expr.range.clone(), range.clone()), (9..16, 6..18));
    }

    #[test]
    fn a_hole_must_end() {
        for (text, place) in [("a ${b", 2..4), ("${", 0..2), ("${a b}", 4..5), ("${}", 2..3)] {
            assert_eq!(pieces(text).unwrap_err().range, place, "{text}");
        }
    }
}
