//! `shardwire check`: compiles a configuration and shows everything that is wrong with it.
//!
//! Invariants: needs no secret and opens no socket; the compiler is the one that `serve` uses.

use clap::Args;

use super::load::{Format, View, Which, load};
use super::{Failure, output};
use crate::config::SecretPolicy;

/// Check a configuration: every error at once, with its place and a suggestion
#[derive(Args)]
#[command(after_help = "Examples:
  shardwire check
  shardwire check --env production
  shardwire check --strict --format github config.yaml")]
pub(super) struct Arguments {
    #[command(flatten)]
    which: Which,
    /// How findings are shown
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    /// Warnings fail too
    #[arg(long)]
    strict: bool,
}

pub(super) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let view = View { format: arguments.format, hints: true };
    let loaded = load(&arguments.which, SecretPolicy::Ignore, view)?;
    if arguments.strict && loaded.warnings > 0 {
        return Err(Failure::usage(loaded.notes));
    }
    if arguments.format != Format::Human {
        return match loaded.notes.is_empty() {
            true => Ok(()),
            false => output::say(&loaded.notes),
        };
    }
    output::complain(&loaded.notes);
    output::say(&format!(
        "{}: ok ({} events, {} permissions)",
        arguments.which.config.display(),
        loaded.program.events.len(),
        loaded.program.permissions.len()
    ))
}
