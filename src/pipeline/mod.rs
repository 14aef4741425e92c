//! The bytecode: one table of operations, the program, its verifier, interpreter and disassembler.
//!
//! Invariants: a program only reaches the interpreter through `verify`; no operation jumps back, so
//! a run is bounded by the program's length. Called by `config::compile` (build) and `shard` (run).

pub mod builder;
pub mod disasm;
pub mod effect;
pub mod op;
mod output;
pub mod program;
pub mod verify;
pub mod vm;

pub use builder::Builder;
pub use effect::{Effect, Effects};
pub use program::{Event, LimitSpec, OnExceed, Program, Scope, Site};
pub use vm::{Host, Input, Outcome, Verdict, Vm};

#[cfg(test)]
mod tests;
