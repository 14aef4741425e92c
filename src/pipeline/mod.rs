//! The bytecode: one table of operations, the program, its verifier, interpreter and disassembler.
//!
//! Invariants: a program only reaches the interpreter through `verify`; no operation jumps back, so a
//! run is bounded by the program's length. Called by `config::compile` (build) and `shard` (run).

pub mod effect;
pub mod op;
pub mod program;
