//! `shardwire schema`: the JSON Schema of a configuration, for editors.

use clap::Args;

use super::{Failure, output};
use crate::config::editor;

/// Print the JSON Schema of a configuration, so that editors complete and check
#[derive(Args)]
#[command(after_help = "Examples:
  shardwire schema > shardwire.schema.json
  # yaml-language-server: $schema=./shardwire.schema.json
      as the first line of a file tells the YAML language server of it")]
pub(super) struct Arguments {}

pub(super) fn run(_: &Arguments) -> Result<(), Failure> {
    output::say(&format!("{:#}", editor::schema()))
}
