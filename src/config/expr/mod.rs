//! Expressions: text to a tree, a tree to a typed one, a typed one to bytecode.
//!
//! ```text
//! text --parse--> Expr --check (names and types of a Scope)--> Checked --lower--> operations
//! scalar --pieces--> literal text and Exprs
//! ```
//!
//! Invariants: CEL's grammar and meaning for what CEL has, left to right; what can be known at load
//! is a fault at load; depth, length and registers are bounded, so a hostile text cannot exhaust
//! the stack. Nothing here knows the file: places are byte ranges of the text that was given.
//! Called by `config::compile`.

mod ast;
mod check;
mod fault;
pub mod functions;
mod lexer;
mod literal;
mod lower;
mod parser;
mod pieces;
mod scope;
mod section;

pub use ast::Expr;
pub use check::{Checked, Want, check};
pub use fault::Fault;
pub use lower::{Lowering, is_plain, lower, put, require};
pub use parser::parse;
pub use pieces::{Piece, pieces};
pub use scope::{Binding, Const, Facts, ROOTS, Read, Scope};
pub use section::{Declared, Section};
