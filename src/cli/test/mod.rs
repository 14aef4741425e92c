//! `shardwire test`: plays the tests of a configuration on the real engine under virtual time.
//!
//! Invariants: status 0 is all passed, 1 a test failed, 2 the tests could not be run; opens no
//! socket, needs no secret; two runs with the same arguments say the same but for the wall time.

mod report;
mod suites;
mod watch;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use clap::{Args, ValueEnum};

use super::{Failure, output};
use crate::config::Environment;
use crate::config::script::Case;
use crate::sim::play::{Played, play};
use report::Report;
use suites::{Suite, Suites};

/// The seed where none is given.
const SEED: u64 = 1;

/// Play the tests of a configuration: simulated clients, the real engine, virtual time
#[derive(Args)]
#[command(after_help = "Examples:
  shardwire test                       config.yaml and every *.test.yaml beside it
  shardwire test chat.test.yaml --filter moderator
  shardwire test --cores 4 --seed 7    four shards, slow links, bytes in pieces
  shardwire test --watch               again whenever a file changes")]
pub(super) struct Arguments {
    /// Configurations with `tests`, files of tests (*.test.yaml), or folders of them
    files: Vec<PathBuf>,
    /// Only tests whose name has this text in it
    #[arg(long, value_name = "TEXT")]
    filter: Option<String>,
    /// Run again whenever one of the files changes
    #[arg(long)]
    watch: bool,
    /// How results are shown
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    /// Shards of the engine
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=64))]
    cores: u16,
    /// Play with slow links and bytes in random pieces, drawn from this seed
    #[arg(long)]
    seed: Option<u64>,
    /// Say what no test has run
    #[arg(long)]
    coverage: bool,
    /// Lay the file of an environment over the configuration
    #[arg(long = "env", value_name = "NAME")]
    environment: Option<String>,
}

/// How results are shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// For people.
    #[default]
    Human,
    /// One JSON object.
    Json,
    /// Annotations of a GitHub workflow, and a summary.
    Github,
}

pub(super) fn run(arguments: &Arguments) -> Result<(), Failure> {
    if !arguments.watch {
        return once(arguments);
    }
    loop {
        let before = watch::stamps(arguments);
        if let Err(failure) = once(arguments) {
            output::complain(&failure.text);
        }
        output::complain("waiting for a change of the files");
        watch::wait(arguments, &before);
    }
}

fn once(arguments: &Arguments) -> Result<(), Failure> {
    let started = Instant::now();
    let suites = Suites::load(arguments, &Environment::of_process())?;
    let mut report = Report::new(arguments.cores, arguments.seed.unwrap_or(SEED));
    for suite in &suites.list {
        for case in suite.cases.iter().filter(|case| wanted(arguments, case)) {
            let played = try_one(suite, case)?;
            report.add(suite, case, played);
        }
    }
    if report.is_empty() {
        return Err(Failure::usage(nothing(arguments, &suites)));
    }
    report.finish(&suites, elapsed(started));
    output::say(&report.shown(arguments.format, arguments.coverage))?;
    if report.failed() > 0 { Err(Failure::no()) } else { Ok(()) }
}

fn try_one(suite: &Suite, case: &Case) -> Result<Played, Failure> {
    play(&suite.stage, case).map_err(Failure::usage)
}

fn wanted(arguments: &Arguments, case: &Case) -> bool {
    arguments.filter.as_ref().is_none_or(|text| case.name.contains(text.as_str()))
}

fn elapsed(started: Instant) -> Duration {
    started.elapsed()
}

fn nothing(arguments: &Arguments, suites: &Suites) -> String {
    let files: Vec<&str> = suites.list.iter().map(|suite| suite.source.name()).collect();
    match (&arguments.filter, files.is_empty()) {
        (_, true) => "there is nothing to test: no config.yaml, no *.test.yaml here".into(),
        (Some(text), _) => format!("no test in {} has {text:?} in its name", files.join(", ")),
        (None, _) => format!("there are no tests in {}; see docs/testing.md", files.join(", ")),
    }
}
