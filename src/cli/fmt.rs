//! `shardwire fmt`: files in their canonical layout, comments kept.
//!
//! Invariants: a file is replaced as a whole or left alone; `--check` writes nothing and has
//! status 1 where a file would change.

use std::fs;
use std::path::{Path, PathBuf};

use clap::Args;

use super::load::refused;
use super::{Failure, output};
use crate::config::{self, Diagnostic, Environment, Options, SecretPolicy, Source, fmt};

/// Bring files into their canonical layout; comments are kept, the meaning never changes
#[derive(Args)]
#[command(after_help = "Examples:
  shardwire fmt
  shardwire fmt --check config.yaml events/*.yaml
  shardwire fmt --upgrade config.yaml

Exit status: 0 done, 1 a file would change (--check), 2 a file that cannot be read")]
pub(super) struct Arguments {
    /// The files
    #[arg(default_value = "config.yaml")]
    files: Vec<PathBuf>,
    /// Write nothing; name the files that would change
    #[arg(long)]
    check: bool,
    /// Rewrite modifiers and actions into `limit`, `require` and `steps`; what changes is told
    #[arg(long)]
    upgrade: bool,
}

pub(super) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let mut changed = Vec::new();
    for path in &arguments.files {
        if one(path, arguments)? {
            changed.push(path.display().to_string());
        }
    }
    match changed.is_empty() {
        true => Ok(()),
        false if arguments.check => {
            output::say(&changed.join("\n"))?;
            Err(Failure::no())
        }
        false => output::say(&format!("written: {}", changed.join(", "))),
    }
}

/// Formats a file; whether it changed.
fn one(path: &Path, arguments: &Arguments) -> Result<bool, Failure> {
    let source = config::read(path).map_err(|finding| Failure::usage(finding.message))?;
    let text = text_of(&source, arguments)?;
    let written = source.text_of(config::FileId::default());
    if text == written {
        return Ok(false);
    }
    if !arguments.check {
        replace(path, &text)
            .map_err(|error| Failure::machine(format!("{}: {error}", path.display())))?;
    }
    Ok(true)
}

/// The new text of a file; notes on an upgrade are told here.
fn text_of(source: &Source, arguments: &Arguments) -> Result<String, Failure> {
    let refuse = |findings| refused(findings, source);
    if !arguments.upgrade {
        return fmt::format(source).map_err(refuse);
    }
    let upgraded = fmt::upgrade(source).map_err(refuse)?;
    let notes = upgraded.notes.iter().map(|note| format!("{}: {note}\n", source.name()));
    output::complain(&notes.collect::<String>());
    let text = Source::new(source.name(), &upgraded.text);
    match (errors(source), errors(&text)) {
        (None, Some(findings)) => Err(refused(findings, &text)),
        _ => Ok(upgraded.text),
    }
}

/// What is wrong with a file that is looked at alone.
fn errors(source: &Source) -> Option<Vec<Diagnostic>> {
    let options = Options { secret: SecretPolicy::Ignore };
    config::compile(source, &Environment::of_process(), &options).err()
}

/// Puts a new file in the place of an old one, links followed, at once.
fn replace(path: &Path, text: &str) -> std::io::Result<()> {
    let path = fs::canonicalize(path)?;
    let mut beside = path.clone().into_os_string();
    beside.push(".new");
    fs::write(&beside, text)?;
    fs::set_permissions(&beside, fs::metadata(&path)?.permissions())?;
    fs::rename(&beside, &path)
}
