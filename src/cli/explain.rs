//! `shardwire explain`: what one event does, instruction by instruction.
//!
//! Invariants: shows the program that `serve` would run; needs no secret.

use std::path::PathBuf;

use clap::Args;

use super::load::{BRIEF, load};
use super::{Failure, output};
use crate::config::{self, SecretPolicy};
use crate::pipeline::disasm;
use crate::pipeline::program::{Event, Program};

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
    let source = config::read(&arguments.config).map_err(|error| Failure::usage(error.message))?;
    let steps = steps(&loaded.program, event, source.text());
    output::say(&format!("{steps}\n{}", disasm::event(&loaded.program, event)))
}

/// The steps as they stand in the file, in the order they run.
fn steps(program: &Program, event: &Event, text: &str) -> String {
    let mut lines: Vec<u32> = (event.entry..event.end)
        .map(|at| program.site(at as usize).line)
        .filter(|line| *line != event.site.line)
        .collect();
    lines.dedup();
    let step = |line: &u32| {
        let written = text.lines().nth(*line as usize - 1).unwrap_or_default().trim();
        format!("  {line:>4}  {written}\n")
    };
    format!(
        "steps of {:?} in {}\n{}",
        event.name,
        program.file,
        lines.iter().map(step).collect::<String>()
    )
}

fn unknown(name: &str, program: &Program) -> String {
    let names: Vec<&str> = program.events.iter().map(|event| &*event.name).collect();
    format!("no event {name:?} in {}; there are: {}", program.file, names.join(", "))
}
