//! GoGate as `examples/gogate.yaml`: its document line by line, through real sockets, against a
//! real HTTP backend; what it leaves to the operator; a backend that is down, slow or lies; load.

#![allow(clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]
#![allow(clippy::print_stdout, reason = "figures are for whoever asks for them")]

#[path = "../support/mod.rs"]
mod support;

#[path = "../tls/kit.rs"]
#[allow(dead_code, reason = "the tests of TLS use the rest")]
mod certificates;

mod breaker;
mod delivery;
mod document;
mod environment;
mod faults;
mod gate;
mod load;
mod operation;
mod protocol;
mod refusals;
