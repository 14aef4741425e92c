//! The tree of an expression as it is written.

use std::ops::Range;

use super::scope::Const;

/// An expression and the bytes it stands at.
#[derive(Clone, Debug, PartialEq)]
pub struct Expr {
    pub range: Range<usize>,
    pub node: Node,
    /// Levels of the tree from here down.
    pub depth: usize,
}

/// What an expression is.
#[derive(Clone, Debug, PartialEq)]
pub enum Node {
    Const(Const),
    /// The first name of a path.
    Name(String),
    /// `of.name`, and where the name stands.
    Member {
        of: Box<Expr>,
        name: String,
        name_range: Range<usize>,
    },
    /// `of[index]`.
    Index {
        of: Box<Expr>,
        index: Box<Expr>,
    },
    List(Vec<Expr>),
    Unary {
        op: Unary,
        of: Box<Expr>,
    },
    Binary {
        op: Binary,
        left: Box<Expr>,
        right: Box<Expr>,
    },
    And(Box<Expr>, Box<Expr>),
    Or(Box<Expr>, Box<Expr>),
    Coalesce(Box<Expr>, Box<Expr>),
    Choice {
        cond: Box<Expr>,
        yes: Box<Expr>,
        no: Box<Expr>,
    },
    /// `name(arguments)`, or `receiver.name(arguments)`.
    Call {
        receiver: Option<Box<Expr>>,
        name: String,
        name_range: Range<usize>,
        arguments: Vec<Expr>,
    },
    /// `omit`: the key this stands at is left out.
    Omit,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unary {
    Not,
    Minus,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Binary {
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
    Equal,
    NotEqual,
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
    In,
}
