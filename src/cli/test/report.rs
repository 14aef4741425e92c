//! What came of the tests: for people, as JSON, as annotations of a GitHub workflow.
//!
//! Invariants: the keys of the JSON are stable, and only `summary.wallMs` differs between two runs
//! with the same arguments.

use std::fmt::Write;
use std::time::Duration;

use serde_json::{Value, json};

use super::Format;
use super::suites::{Suite, Suites};
use crate::config::script::Case;
use crate::config::{FileId, Source, Span, workflow_command};
use crate::pipeline::program::Site;
use crate::sim::coverage::{Coverage, Item, covered};
use crate::sim::play::{Failure, Played};

/// The version of the JSON.
const VERSION: u32 = 1;

const NS_PER_MS: u64 = 1_000_000;

/// A place as reports give it.
struct Place {
    file: String,
    site: Site,
}

impl Place {
    fn of(source: &Source, span: Span) -> Place {
        let site = source.site(span.start);
        Place { file: source.name_of(FileId(site.file)).to_owned(), site }
    }

    fn text(&self) -> String {
        format!("{}:{}:{}", self.file, self.site.line, self.site.column)
    }
}

struct Row {
    name: String,
    place: Place,
    played: Played,
    failed_at: Option<Place>,
}

/// What was covered of one configuration.
struct Covered {
    config: String,
    coverage: Coverage,
    /// The files that the places speak of.
    files: Vec<String>,
}

/// The results of one run.
pub(super) struct Report {
    cores: u16,
    seed: u64,
    rows: Vec<Row>,
    covered: Vec<Covered>,
    wall: Duration,
}

impl Report {
    pub fn new(cores: u16, seed: u64) -> Report {
        Report { cores, seed, rows: Vec::new(), covered: Vec::new(), wall: Duration::ZERO }
    }

    pub fn add(&mut self, suite: &Suite, case: &Case, played: Played) {
        let failed_at = played.failure.as_ref().map(|why| Place::of(&suite.source, why.span));
        let place = Place::of(&suite.source, case.span);
        self.rows.push(Row { name: case.name.clone(), place, played, failed_at });
    }

    pub fn finish(&mut self, suites: &Suites, wall: Duration) {
        self.wall = wall;
        for subject in &suites.subjects {
            let source = &subject.source;
            self.covered.push(Covered {
                config: source.name().to_owned(),
                coverage: Coverage::of(subject.stage.program(), &subject.stage.trace),
                files: source.files().map(|file| source.name_of(file).to_owned()).collect(),
            });
        }
    }

    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    pub fn failed(&self) -> usize {
        self.rows.iter().filter(|row| row.played.failure.is_some()).count()
    }

    pub fn shown(&self, format: Format, missing: bool) -> String {
        match format {
            Format::Human => self.human(missing),
            Format::Json => format!("{:#}", self.json()),
            Format::Github => self.github(),
        }
    }

    fn human(&self, missing: bool) -> String {
        let mut text = String::new();
        let mut file = "";
        for row in &self.rows {
            if row.place.file != file {
                file = &row.place.file;
                line(&mut text, 0, file);
            }
            match (&row.played.failure, &row.failed_at) {
                (Some(failure), Some(place)) => {
                    line(&mut text, 2, &format!("FAIL  {}", row.name));
                    explain(&mut text, 8, failure, place);
                }
                _ => line(&mut text, 2, &format!("ok    {}", row.name)),
            }
        }
        text.push('\n');
        for covered in &self.covered {
            covered.human(&mut text, missing);
        }
        text + &self.summary()
    }

    fn summary(&self) -> String {
        let (all, failed) = (self.rows.len(), self.failed());
        let tests = if all == 1 { "test" } else { "tests" };
        let shards = if self.cores == 1 { "shard" } else { "shards" };
        format!(
            "{all} {tests}: {} passed, {failed} failed; {} ms, {} {shards}, seed {}\n",
            all - failed,
            self.wall.as_millis(),
            self.cores,
            self.seed,
        )
    }

    fn json(&self) -> Value {
        let (all, failed) = (self.rows.len(), self.failed());
        json!({
            "version": VERSION,
            "cores": self.cores,
            "seed": self.seed,
            "summary": {
                "tests": all,
                "passed": all - failed,
                "failed": failed,
                "wallMs": self.wall.as_millis() as u64,
            },
            "tests": self.rows.iter().map(Row::json).collect::<Vec<Value>>(),
            "coverage": self.covered.iter().map(Covered::json).collect::<Vec<Value>>(),
        })
    }

    fn github(&self) -> String {
        let mut text = String::new();
        for row in &self.rows {
            let (Some(failure), Some(place)) = (&row.played.failure, &row.failed_at) else {
                continue;
            };
            let mut body = String::new();
            explain(&mut body, 0, failure, place);
            let at = (place.file.as_str(), Some(place.site));
            text += &workflow_command("error", at, &row.name, body.trim());
        }
        text + &self.summary()
    }
}

impl Row {
    fn json(&self) -> Value {
        let failure = self.played.failure.as_ref().zip(self.failed_at.as_ref());
        json!({
            "name": self.name,
            "file": self.place.file,
            "line": self.place.site.line,
            "column": self.place.site.column,
            "status": if failure.is_some() { "failed" } else { "passed" },
            "steps": self.played.steps,
            "virtualMs": self.played.virtual_ns / NS_PER_MS,
            "failure": failure.map(|(failure, place)| failed(failure, place)),
        })
    }
}

fn failed(failure: &Failure, place: &Place) -> Value {
    let differences = failure.nearest.iter().flat_map(|(_, differences)| differences);
    let differences = differences
        .map(|one| json!({ "path": one.path, "expected": one.expected, "received": one.received }));
    json!({
        "message": failure.message,
        "file": place.file,
        "line": place.site.line,
        "column": place.site.column,
        "step": failure.step,
        "atMs": failure.at_ns / NS_PER_MS,
        "expected": failure.expected,
        "received": failure.nearest.as_ref().map(|(message, _)| message),
        "differences": differences.collect::<Vec<Value>>(),
        "alsoArrived": failure.arrived,
    })
}

fn line(text: &mut String, indent: usize, words: &str) {
    // Writing to a string does not fail.
    let _ = writeln!(text, "{:indent$}{words}", "");
}

/// Why a test failed, under its name.
fn explain(text: &mut String, indent: usize, failure: &Failure, place: &Place) {
    let when = virtual_time(failure.at_ns);
    let step = match failure.step {
        0 => "before the first step".to_owned(),
        step => format!("step {step}"),
    };
    line(text, indent, &format!("{}, {step}, {when} into the test", place.text()));
    line(text, indent, &failure.message);
    if let Some(expected) = &failure.expected {
        line(text, indent, &format!("- {expected}"));
    }
    if let Some((nearest, differences)) = &failure.nearest {
        line(text, indent, &format!("+ {nearest}"));
        for one in differences {
            let path = if one.path.is_empty() { "the message" } else { &one.path };
            let (expected, received) = (&one.expected, &one.received);
            line(text, indent + 2, &format!("{path}: expected {expected}, received {received}"));
        }
    }
    match (failure.arrived.is_empty(), &failure.nearest, &failure.expected) {
        (true, None, Some(_)) => line(text, indent, "nothing arrived"),
        (false, nearest, _) => {
            let also = if nearest.is_some() { "also arrived:" } else { "arrived:" };
            line(text, indent, also);
            failure.arrived.iter().for_each(|message| line(text, indent + 2, message));
        }
        _ => {}
    }
}

fn virtual_time(ns: u64) -> String {
    let ms = ns / NS_PER_MS;
    match ms % 1_000 {
        0 => format!("{}s", ms / 1_000),
        _ => format!("{ms}ms"),
    }
}

impl Covered {
    fn groups(&self) -> [(&'static str, &[Item]); 4] {
        let Coverage { events, hooks, rules, steps } = &self.coverage;
        [("events", events), ("hooks", hooks), ("rules", rules), ("steps", steps)]
    }

    fn place(&self, item: &Item) -> String {
        let file = self.files.get(usize::from(item.site.file)).map_or("", String::as_str);
        format!("{file}:{}:{}", item.site.line, item.site.column)
    }

    fn human(&self, text: &mut String, missing: bool) {
        let some = self.groups().into_iter().filter(|(_, items)| !items.is_empty());
        let counts: Vec<String> = some
            .map(|(name, items)| format!("{name} {}/{}", covered(items), items.len()))
            .collect();
        line(text, 0, &format!("coverage of {}: {}", self.config, counts.join(", ")));
        for (name, items) in self.groups().into_iter().filter(|_| missing) {
            for item in items.iter().filter(|item| !item.covered) {
                let one = name.trim_end_matches('s');
                line(text, 2, &format!("{}: {one} not run, {}", self.place(item), item.name));
            }
        }
    }

    fn json(&self) -> Value {
        let mut json = json!({ "config": self.config });
        for (name, items) in self.groups() {
            let missing = items.iter().filter(|item| !item.covered);
            let missing: Vec<Value> = missing
                .map(|item| json!({ "name": item.name, "place": self.place(item) }))
                .collect();
            json[name] =
                json!({ "covered": covered(items), "all": items.len(), "missing": missing });
        }
        json
    }
}
