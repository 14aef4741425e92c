//! `shardwire explain`: what one event does, instruction by instruction.
//!
//! Invariants: shows the program that `serve` would run; needs no secret.

use clap::Args;

use super::load::{BRIEF, Beside, load};
use super::{Failure, output};
use crate::config::{FileId, SecretPolicy, Source};
use crate::pipeline::disasm;
use crate::pipeline::program::{Event, Program, Site};

/// Show what an event does: its steps as compiled, with their places
#[derive(Args)]
#[command(after_help = "Examples:
  shardwire explain send_message
  shardwire explain join_room --config chat.yaml")]
pub(super) struct Arguments {
    /// The event's name
    event: String,
    #[command(flatten)]
    beside: Beside,
}

pub(super) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let loaded = load(&arguments.beside.which(), SecretPolicy::Ignore, BRIEF)?;
    let event = loaded
        .program
        .events
        .iter()
        .find(|event| *event.name == *arguments.event)
        .ok_or_else(|| Failure::usage(unknown(&arguments.event, &loaded.program)))?;
    let steps = steps(&loaded.program, event, &loaded.source);
    output::say(&format!("{steps}\n{}", disasm::event(&loaded.program, event)))
}

/// The steps as they stand in their files, in the order they run.
fn steps(program: &Program, event: &Event, source: &Source) -> String {
    let line = |site: Site| (site.file, site.line);
    let mut lines: Vec<(u16, u32)> = (event.entry..event.end)
        .map(|at| line(program.site(at as usize)))
        .filter(|one| *one != line(event.site))
        .collect();
    lines.dedup();
    let step = |(file, line): &(u16, u32)| {
        let text = source.text_of(FileId(*file));
        let written = text.lines().nth(*line as usize - 1).unwrap_or_default().trim();
        format!("  {line:>4}  {written}\n")
    };
    format!(
        "steps of {:?} in {}\n{}",
        event.name,
        program.file(event.site),
        lines.iter().map(step).collect::<String>()
    )
}

fn unknown(name: &str, program: &Program) -> String {
    let names: Vec<&str> = program.events.iter().map(|event| &*event.name).collect();
    format!(
        "no event {name:?} in {}; there are: {}",
        program.file(Site::default()),
        names.join(", ")
    )
}
