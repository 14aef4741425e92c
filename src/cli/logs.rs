//! Where log lines go, and how they look.
//!
//! Invariants: one line an event on stderr; stdout belongs to the commands. JSON escapes what a
//! peer typed, and the terminal format does so for every field recorded with `?`.

use std::io::{self, IsTerminal};

use tracing_subscriber::EnvFilter;

use super::Failure;
use crate::settings::{Log, LogFormat};

/// Sets the process's subscriber up, once.
pub(super) fn start(log: &Log) -> Result<(), Failure> {
    let filter = EnvFilter::try_new(&log.level)
        .map_err(|error| Failure::usage(format!("log.level: {error}")))?;
    let terminal = io::stderr().is_terminal();
    let pretty = log.format == LogFormat::Pretty || (log.format == LogFormat::Auto && terminal);
    let lines = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        .with_ansi(terminal)
        .log_internal_errors(false);
    let started = match pretty {
        true => lines.with_target(false).try_init(),
        false => lines.json().flatten_event(true).try_init(),
    };
    started.map_err(Failure::machine)
}
