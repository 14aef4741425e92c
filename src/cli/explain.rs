//! `shardwire explain`: what one event does, instruction by instruction.
//!
//! Invariants: shows the program that `serve` would run; needs no secret.

use std::path::PathBuf;

use clap::Args;

use super::load::{BRIEF, load};
use super::{Failure, output};
use crate::config::SecretPolicy;
use crate::pipeline::disasm;
use crate::pipeline::program::Program;

/// Show what an event does: its steps as compiled, with their places
#[derive(Args)]
#[command(after_help = "Examples:
  shardwire explain send_message
  shardwire explain join_room --config chat.yaml")]
pub(super) struct Arguments {
    /// The event's name
    event: String,
    /// The configuration file
    #[arg(long, default_value = "config.yaml")]
    config: PathBuf,
}

pub(super) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let loaded = load(&arguments.config, SecretPolicy::Ignore, BRIEF)?;
    let event = loaded
        .program
        .events
        .iter()
        .find(|event| *event.name == *arguments.event)
        .ok_or_else(|| Failure::usage(unknown(&arguments.event, &loaded.program)))?;
    output::say(&disasm::event(&loaded.program, event))
}

fn unknown(name: &str, program: &Program) -> String {
    let names: Vec<&str> = program.events.iter().map(|event| &*event.name).collect();
    format!("no event {name:?} in {}; there are: {}", program.file, names.join(", "))
}
