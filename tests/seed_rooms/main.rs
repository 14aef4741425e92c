//! examples/rooms.yaml through the whole binary and real sockets: the plan of a rooms package that
//! it stands for, line by line, with one core and with two.

#![allow(clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

#[path = "../support/mod.rs"]
mod support;

mod document;
mod doors;
mod place;
mod variables;
