//! TLS through the whole binary: real sockets, real certificates made here, other people's clients.

#![allow(clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

#[path = "../support/mod.rs"]
mod support;

mod files;
mod hostile;
mod kit;
mod pages;
mod records;
mod reload;
mod wire;
