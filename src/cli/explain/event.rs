//! What one event does: its steps as they stand in the files, what can deny it, instruction by
//! instruction.

use std::fmt::Write;

use super::super::load::{BRIEF, Loaded, Which, load};
use super::super::{Failure, output};
use super::advice;
use crate::config::redact::without_secrets_of;
use crate::config::{FileId, SecretPolicy, Source};
use crate::ids::EventId;
use crate::pipeline::denial::{self, Denial};
use crate::pipeline::disasm;
use crate::pipeline::leaving::leaving;
use crate::pipeline::op::Op;
use crate::pipeline::program::{Event, Program, Site};
use crate::reject::Reject;

pub(super) fn run(name: &str, which: &Which) -> Result<(), Failure> {
    let loaded = load(which, SecretPolicy::Ignore, BRIEF)?;
    let program = &loaded.program;
    let place = program.events.iter().position(|event| *event.name == *name);
    let known = place.and_then(|place| Some((EventId(place as u16), program.events.get(place)?)));
    let (id, event) = known.ok_or_else(|| Failure::usage(unknown(name, program)))?;
    let steps = steps(program, event, &loaded.source);
    let denials = denials(&loaded, id, event);
    let away = away(&loaded, event);
    let page = format!("{steps}\n{denials}\n{away}\n{}", disasm::event(program, event));
    // What is read from the environment has become a constant like any other.
    output::say(&without_secrets_of(std::env::vars(), &page))
}

/// The steps that leave the core, and what for.
fn away(loaded: &Loaded, event: &Event) -> String {
    let program = &loaded.program;
    let backends: Vec<&str> = loaded.settings.backends.iter().map(|one| &*one.name).collect();
    let mut lines: Vec<String> = Vec::new();
    for (at, op) in (event.entry..).zip(program.code_of(event)) {
        if let Some(what) = leaving(program, &backends, *op) {
            let site = program.site(at as usize);
            let written = written(&loaded.source, site);
            lines.push(format!("  {:>4}  {written:<48}  {what}\n", site.line));
        }
    }
    lines.dedup();
    match lines.is_empty() {
        true => "no step leaves the core\n".to_owned(),
        false => format!("steps that leave the core\n{}", lines.concat()),
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
    let mut sites: Vec<Site> = (event.entry..event.end)
        .map(|at| program.site(at as usize))
        .filter(|site| line(*site) != line(event.site))
        .collect();
    sites.dedup_by_key(|site| line(*site));
    let step = |site: &Site| {
        let written = written(source, *site);
        let name = match program.step_name(*site) {
            "" => String::new(),
            name => format!("  # {name}"),
        };
        format!("  {:>4}  {written}{name}\n", site.line)
    };
    format!(
        "steps of {:?} in {}\n{}",
        event.name,
        program.file(event.site),
        sites.iter().map(step).collect::<String>()
    )
}

/// What can deny it, with the ids that logs and clients are told.
fn denials(loaded: &Loaded, id: EventId, event: &Event) -> String {
    let program = &loaded.program;
    let mut all = denial::of_event(program, id);
    if program.code_of(event).iter().any(|op| matches!(op, Op::Join { .. })) {
        let rules = program.rooms.iter().filter_map(|room| room.join);
        all.extend(rules.flat_map(|rules| denial::of_event(program, rules)));
    }
    let full = loaded.settings.rooms.iter().any(|class| class.members_max > 0);
    all.retain(|one| full || one.reject != Reject::RoomFull);
    let mut text = String::from("may be denied by\n");
    for one in &all {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "  {}", row(program, one));
    }
    match all.is_empty() {
        true => "nothing can deny it\n".to_owned(),
        false => text,
    }
}

fn row(program: &Program, one: &Denial<'_>) -> String {
    let site = one.site.unwrap_or_default();
    let place = format!("{}:{}", program.file(site), site.line);
    let what = advice::refuser(one);
    format!("{}  {place:<20} {:<16} {what}", one.id().as_str(), one.reject.code())
}

fn unknown(name: &str, program: &Program) -> String {
    let names: Vec<&str> = program.events.iter().map(|event| &*event.name).collect();
    format!(
        "no event {name:?} in {}; there are: {}",
        program.file(Site::default()),
        names.join(", ")
    )
}
