//! Writing to the terminal, or to whatever stands behind a pipe.
//!
//! Invariants: a reader that closed its end (`shardwire explain x | head -1`) is no failure.

use std::ffi::OsStr;
use std::io::{self, ErrorKind, IsTerminal, Write};

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

/// Whether a stream gets colours: a terminal that can show them, unless `NO_COLOR` says no.
pub(super) fn has_colors(stream: &impl IsTerminal) -> bool {
    let variable = |name| std::env::var_os(name);
    stream.is_terminal()
        && wants_colors(variable("NO_COLOR").as_deref(), variable("TERM").as_deref())
}

fn wants_colors(no_color: Option<&OsStr>, term: Option<&OsStr>) -> bool {
    no_color.is_none_or(OsStr::is_empty) && term.is_none_or(|term| term != "dumb")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colors_can_be_refused() {
        let wants = |no_color: Option<&str>, term: Option<&str>| {
            wants_colors(no_color.map(OsStr::new), term.map(OsStr::new))
        };
        assert!(wants(None, Some("xterm")) && wants(Some(""), None));
        assert!(!wants(Some("1"), Some("xterm")) && !wants(None, Some("dumb")));
    }
}
