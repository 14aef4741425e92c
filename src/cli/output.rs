//! Writing to the terminal, or to whatever stands behind a pipe.
//!
//! Invariants: a reader that closed its end (`shardwire explain x | head -1`) is no failure.

use std::io::{self, ErrorKind, Write};

use super::Failure;

/// Writes a text to stdout, with a line end.
pub(super) fn say(text: &str) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    match writeln!(out, "{}", text.trim_end()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(Failure::machine(error)),
        _ => Ok(()),
    }
}

/// Writes a text to stderr, with a line end; there is nowhere to tell of a failure.
pub(super) fn complain(text: &str) {
    if !text.is_empty() {
        let _ = writeln!(io::stderr().lock(), "{}", text.trim_end());
    }
}
