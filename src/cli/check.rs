//! `shardwire check`: compiles a configuration and shows everything that is wrong with it.
//!
//! Invariants: needs no secret and opens no socket; the compiler is the one that `serve` uses, and
//! certificates are read as it reads them.

use clap::Args;

use super::load::{Format, Loaded, View, Which, load_to_serve, shown};
use super::{Failure, output};
use crate::config::script::cases_of;
use crate::config::{Files, SecretPolicy};
use crate::sim::tally::vocabulary;

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
    let loaded = load_to_serve(&arguments.which, SecretPolicy::Ignore, view)?;
    check_tests(arguments, &loaded, view)?;
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
    let events = loaded.program.events.len() - loaded.program.unnamed();
    output::say(&format!(
        "{}: ok ({}, {})",
        arguments.which.config.display(),
        counted(events, "event"),
        counted(loaded.program.permissions.len(), "permission")
    ))
}

fn counted(many: usize, what: &str) -> String {
    format!("{many} {what}{}", if many == 1 { "" } else { "s" })
}

/// What only `shardwire test` reads must be right too.
fn check_tests(arguments: &Arguments, loaded: &Loaded, view: View) -> Result<(), Failure> {
    let Which { config, environment } = &arguments.which;
    let files = Files::of_path(config, environment.as_deref());
    let words = vocabulary(&loaded.settings, &loaded.program);
    let wrong = cases_of(&files, &words).err().unwrap_or_default();
    match wrong.is_empty() {
        true => Ok(()),
        false => Err(Failure::usage(shown(wrong, &files.source, view))),
    }
}
