//! The life of connections under a virtual clock: how they are let in, kept alive, and ended.
//!
//! A failing seed of the random tests is printed.

#![allow(clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

#[path = "../simulator/mod.rs"]
mod simulator;

mod backlog;
mod batching;
mod chorus;
mod deflate;
mod drain;
mod endings;
mod frames;
mod gate;
mod keepalive;
