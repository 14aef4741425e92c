//! Why something was denied: what an id stands for, what it means and how to change it.
//!
//! Invariants: an id is found by making those of every denial of the program; nothing is kept by a
//! server for it.

use std::fmt::Write;

use super::super::load::{BRIEF, Loaded, Which, load};
use super::super::{Failure, output};
use super::advice;
use crate::config::render::{Note, note};
use crate::config::{SecretPolicy, Source, Span};
use crate::pipeline::denial::{self, Denial, DenialId, Refuser};
use crate::pipeline::program::{Hook, LimitSpec, OnExceed, Program, Site};
use crate::settings::Protocol;
use crate::shard::reply;

pub(super) fn run(id: DenialId, which: &Which) -> Result<(), Failure> {
    let loaded = load(which, SecretPolicy::Ignore, BRIEF)?;
    let all = denial::all(&loaded.program);
    let mut found = all.iter().filter(|one| one.id() == id).peekable();
    if found.peek().is_none() {
        return Err(Failure::usage(unknown(id, which)));
    }
    let pages: Vec<String> = found.map(|one| page(&loaded, one)).collect();
    output::say(&pages.join("\n"))
}

fn page(loaded: &Loaded, denial: &Denial<'_>) -> String {
    let (id, what) = (denial.id(), advice::refuser(denial));
    let title = match denial.event {
        "" => format!("a message was refused: {what}"),
        event => format!("`{event}` was refused by {what}"),
    };
    let helps = [advice::remedy(denial)];
    let span = denial.site.map(|site| line_at(&loaded.source, site));
    let color = output::has_colors(&std::io::stdout());
    let (id, label) = (id.as_str(), denial.reject.code());
    let note_of = Note { title: &title, id, span, label, helps: &helps };
    let mut text = note(&note_of, &loaded.source, color);
    // Writing to a String cannot fail.
    let _ = write!(text, "\n{}\n", advice::meaning(denial.reject));
    let _ = write!(text, "\nThe sender got: {}\n", told(loaded, denial));
    text
}

/// From a place to the end of what is written on its line.
fn line_at(source: &Source, site: Site) -> Span {
    let start = source.offset(site);
    let line = source.slice(source.lines(start as u32, start as u32));
    let before = usize::from(site.column.saturating_sub(1));
    let rest: String = line.chars().skip(before).collect();
    Span::new(start, start + rest.trim_end().len())
}

/// What the client is told of it.
fn told(loaded: &Loaded, denial: &Denial<'_>) -> String {
    let on_exceed = limit(&loaded.program, denial).map(|limit| limit.on_exceed);
    let errors = &loaded.settings.errors;
    match (on_exceed, &loaded.settings.protocol) {
        (Some(OnExceed::Drop), _) => "nothing (`onExceed: drop`)".to_owned(),
        (Some(OnExceed::Close), _) => "the end of the connection (`onExceed: close`)".to_owned(),
        _ if !errors.reply => "nothing (`errors.reply: none`)".to_owned(),
        (_, Protocol::Raw) => "nothing (`protocol: raw` has no errors)".to_owned(),
        _ if loaded.program.hook(Hook::Error).is_some() => {
            format!("`{}` with the payload that `errors.reply.payload` says", errors.event)
        }
        (_, Protocol::Json { outgoing, .. }) => {
            format!("\n  {}", reply::sample(outgoing, &errors.event, denial))
        }
    }
}

fn limit<'p>(program: &'p Program, denial: &Denial<'_>) -> Option<&'p LimitSpec> {
    let same = |limit: &&LimitSpec| Some(limit.site) == denial.site && *limit.name == *denial.name;
    program.limits.iter().find(same).filter(|_| denial.refuser == Refuser::Limit)
}

fn unknown(id: DenialId, which: &Which) -> String {
    let (id, config) = (id.as_str(), which.config.display());
    format!(
        "nothing in {config} has the id {id}\n\
         An id belongs to a rule and its line: the configuration may have changed since, or it was \
         another one. `--config` names another file, `--env` the environment that the server ran \
         with."
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_shown_to_the_end_of_its_line() {
        let source = Source::new("c.yaml", "a:\n  - é: [1, 2]  \n  - b\n");
        let site = Site { line: 2, column: 5, file: 0 };
        assert_eq!(source.slice(line_at(&source, site)), "é: [1, 2]");
        let last = Site { line: 3, column: 3, file: 0 };
        assert_eq!(source.slice(line_at(&source, last)), "- b");
    }
}
