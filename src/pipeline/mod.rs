//! The bytecode: one table of operations, the program, its verifier, interpreter and disassembler.
//!
//! Invariants: a program only reaches the interpreter through `verify`; no operation jumps back, so
//! a run is bounded by the program's length. Called by `config::compile` (build) and `shard` (run).

pub mod about;
mod answer;
pub mod builder;
pub mod denial;
pub mod disasm;
pub mod effect;
pub mod eval;
pub mod leaving;
pub mod lineage;
mod native;
pub mod number;
pub mod op;
pub mod operand;
mod output;
pub mod pattern;
pub mod paused;
pub mod program;
pub mod sameness;
pub mod value;
pub mod verify;
pub mod vm;

pub use about::About;
pub use answer::percent_encode;
pub use builder::Builder;
pub use denial::{By, Denial};
pub use effect::{Effect, Effects};
pub use program::{Event, LimitSpec, OnExceed, Program, Rule, Scope, Site};
pub use vm::{Host, Input, Outcome, Variable, Verdict, Vm};

#[cfg(test)]
mod tests;
