//! `shardwire explain`: what one event does, instruction by instruction.
//!
//! Invariants: shows the program that `serve` would run; needs no secret.

use clap::Args;

use super::load::{BRIEF, Beside, load};
use super::{Failure, output};
use crate::config::{FileId, SecretPolicy, Source};
use crate::pipeline::disasm;
use crate::pipeline::leaving::leaving;
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
    let backends: Vec<&str> = loaded.settings.backends.iter().map(|one| &*one.name).collect();
    let away = away(&loaded.program, event, &loaded.source, &backends);
    output::say(&format!("{steps}\n{away}{}", disasm::event(&loaded.program, event)))
}

/// The steps that leave the core, and what for.
fn away(program: &Program, event: &Event, source: &Source, backends: &[&str]) -> String {
    let mut lines: Vec<String> = Vec::new();
    for at in event.entry..event.end {
        let Some(op) = program.code.get(at as usize) else { continue };
        let Some(what) = leaving(program, backends, *op) else { continue };
        let site = program.site(at as usize);
        lines.push(format!("  {:>4}  {:<48}  {what}\n", site.line, written(source, site)));
    }
    lines.dedup();
    match lines.is_empty() {
        true => "no step leaves the core\n\n".to_owned(),
        false => format!("steps that leave the core\n{}\n", lines.concat()),
    }
}

/// The line of a place.
fn written(source: &Source, site: Site) -> &str {
    let text = source.text_of(FileId(site.file));
    text.lines().nth((site.line as usize).saturating_sub(1)).unwrap_or_default().trim()
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
        let written = written(source, Site { line: *line, file: *file, ..Site::default() });
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
