//! Calls to backends over real sockets: good replies, every way to misbehave, bounds, TLS, reloads.

#![allow(clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

#[path = "../support/mod.rs"]
mod support;

mod caller;
mod faults;
mod limits;
mod reload;
mod replies;
mod sharing;
mod tls;
