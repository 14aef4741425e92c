//! `shardwire diff OLD NEW`: what differs, and when it would take effect.
//!
//! Invariants: both are compiled as `serve` would in this environment; status 0 is no difference,
//! 1 a difference, 2 a bad configuration.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::load::{BRIEF, Which, load};
use super::{Failure, output};
use crate::config::{self, SecretPolicy};

/// Compare two configurations: each difference, and whether it is live or needs a restart
#[derive(Args)]
#[command(after_help = "Examples:
  shardwire diff running.yaml config.yaml
  shardwire diff --env production --format json running.yaml config.yaml

Exit status: 0 no difference, 1 a difference, 2 a bad configuration")]
pub(super) struct Arguments {
    /// The configuration as it is
    old: PathBuf,
    /// The configuration as it will be
    new: PathBuf,
    /// Lay the file of an environment over each
    #[arg(long = "env", value_name = "NAME")]
    environment: Option<String>,
    /// How differences are shown
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

#[derive(Clone, Copy, Default, ValueEnum)]
enum Format {
    /// For people.
    #[default]
    Human,
    /// One JSON document.
    Json,
}

pub(super) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let effective = |config: &PathBuf| {
        let environment = arguments.environment.clone();
        let which = Which { config: config.clone(), environment };
        load(&which, SecretPolicy::Ignore, BRIEF).map(|loaded| loaded.effective)
    };
    let diff = config::diff::diff(&effective(&arguments.old)?, &effective(&arguments.new)?);
    output::say(&match arguments.format {
        Format::Human => diff.to_string(),
        Format::Json => diff.json(),
    })?;
    if diff.is_empty() { Ok(()) } else { Err(Failure::no()) }
}
