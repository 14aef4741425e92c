//! `shardwire config --effective`: every value and where it came from.
//!
//! Invariants: secrets are not shown; needs no secret.

use clap::{Args, ValueEnum};

use super::load::{BRIEF, Which, load};
use super::{Failure, output};
use crate::config::SecretPolicy;

/// Show the values in effect, each with the file, the variable or the default it came from
#[derive(Args)]
#[command(after_help = "Examples:
  shardwire config --effective
  shardwire config --effective --env production --format json")]
pub(super) struct Arguments {
    #[command(flatten)]
    which: Which,
    /// Files, environment and defaults put together; there is no other view yet
    #[arg(long, required = true)]
    effective: bool,
    /// How the values are shown
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

#[derive(Clone, Copy, Default, ValueEnum)]
enum Format {
    /// A configuration that loads, with a comment on each line.
    #[default]
    Yaml,
    /// One JSON document.
    Json,
}

pub(super) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let loaded = load(&arguments.which, SecretPolicy::Ignore, BRIEF)?;
    output::complain(&loaded.notes);
    output::say(&match arguments.format {
        Format::Yaml => loaded.effective.yaml(),
        Format::Json => loaded.effective.json(),
    })
}
