//! The commands, one file each; this one parses the arguments and turns results into exit statuses.
//!
//! Invariants: status 0 is success, 1 a failure of this machine or the answer no (a token refused,
//! a test failed, files that differ, a layout that is not canonical), 2 a bad configuration or bad
//! arguments. Output goes to stdout through one locked writer; whatever is wrong goes to stderr.

mod bench;
mod check;
mod config;
mod diff;
mod doctor;
mod explain;
mod fmt;
mod init;
mod load;
mod logs;
mod output;
mod reload;
mod schema;
mod serve;
mod test;
mod token;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(name = "shardwire", version, about, propagate_version = true)]
#[command(after_help = "Examples:
  shardwire serve --dev            try config.yaml on this machine, with a chat page
  shardwire check config.yaml      every error at once, with its place
  shardwire test                   the tests of the configuration, in virtual time
  shardwire doctor                 whether this machine can run it well")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Serve(serve::Arguments),
    Test(test::Arguments),
    Check(check::Arguments),
    Config(config::Arguments),
    Diff(diff::Arguments),
    Explain(explain::Arguments),
    Fmt(fmt::Arguments),
    Init(init::Arguments),
    Reload(reload::Arguments),
    Schema(schema::Arguments),
    #[command(subcommand)]
    Token(token::Command),
    Doctor(doctor::Arguments),
    Bench(Box<bench::Arguments>),
}

/// A command that did not succeed: what to tell, and the exit status.
struct Failure {
    status: u8,
    text: String,
}

impl Failure {
    /// This machine, or what it was given at run time, is at fault.
    fn machine(text: impl ToString) -> Failure {
        Failure { status: 1, text: text.to_string() }
    }

    /// The answer is no, and it is given already.
    fn no() -> Failure {
        Failure { status: 1, text: String::new() }
    }

    /// The configuration or the arguments are at fault.
    fn usage(text: impl ToString) -> Failure {
        Failure { status: 2, text: text.to_string() }
    }
}

/// Runs the command that the arguments name.
pub fn run(args: impl Iterator<Item = OsString>) -> ExitCode {
    let arguments = match Arguments::try_parse_from(args) {
        Ok(arguments) => arguments,
        Err(error) => return usage(&error),
    };
    let done = match arguments.command {
        Command::Serve(arguments) => serve::run(arguments),
        Command::Test(arguments) => test::run(&arguments),
        Command::Check(arguments) => check::run(&arguments),
        Command::Config(arguments) => config::run(&arguments),
        Command::Diff(arguments) => diff::run(&arguments),
        Command::Explain(arguments) => explain::run(&arguments),
        Command::Fmt(arguments) => fmt::run(&arguments),
        Command::Init(arguments) => init::run(&arguments),
        Command::Reload(arguments) => reload::run(&arguments),
        Command::Schema(arguments) => schema::run(&arguments),
        Command::Token(command) => token::run(&command),
        Command::Doctor(arguments) => doctor::run(&arguments),
        Command::Bench(arguments) => bench::run(&arguments),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            output::complain(&failure.text);
            ExitCode::from(failure.status)
        }
    }
}

/// Help and version are asked for (status 0, stdout); anything else is misuse (2, stderr).
fn usage(error: &clap::Error) -> ExitCode {
    // A closed pipe is the reader's choice.
    let _ = error.print();
    ExitCode::from(if error.use_stderr() { 2 } else { 0 })
}
