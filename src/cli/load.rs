//! Loads a configuration for a command: findings are rendered here, once for all commands.
//!
//! Invariants: errors come back as a `Failure` with status 2, all of them at once.

use std::io::IsTerminal;
use std::path::Path;

use clap::ValueEnum;

use super::Failure;
use crate::config::{
    self, Compiled, Diagnostic, Environment, Options, SecretPolicy, Severity, Source, Style,
};
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

/// What is shown of the findings.
#[derive(Clone, Copy)]
pub(super) struct View {
    pub format: Format,
    /// Hints too; otherwise errors and warnings only.
    pub hints: bool,
}

/// For commands whose business the findings are not.
pub(super) const BRIEF: View = View { format: Format::Human, hints: false };

/// A configuration without errors.
pub(super) struct Loaded {
    pub settings: Settings,
    pub program: Program,
    /// Rendered warnings and hints; empty where there are none.
    pub notes: String,
    pub warnings: usize,
}

/// Loads and compiles a file in the environment of this process.
pub(super) fn load(path: &Path, secret: SecretPolicy, view: View) -> Result<Loaded, Failure> {
    let source = config::read(path).map_err(|finding| {
        let nothing = Source::new(path.display().to_string(), "");
        Failure::usage(shown(vec![finding], &nothing, view))
    })?;
    let environment = Environment::of_process();
    let Compiled { settings, program, findings } =
        config::compile(&source, &environment, &Options { secret })
            .map_err(|findings| Failure::usage(shown(findings, &source, view)))?;
    let warnings = findings.iter().filter(|one| one.severity() == Severity::Warning).count();
    Ok(Loaded { settings, program, notes: shown(findings, &source, view), warnings })
}

fn shown(mut findings: Vec<Diagnostic>, source: &Source, view: View) -> String {
    findings.retain(|one| view.hints || one.severity() != Severity::Hint);
    config::render(&findings, source, style(view.format))
}

fn style(format: Format) -> Style {
    match format {
        Format::Human => Style::Human { color: std::io::stderr().is_terminal() },
        Format::Json => Style::Json,
        Format::Github => Style::Github,
    }
}
