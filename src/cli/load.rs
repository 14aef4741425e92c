//! Loads a configuration for a command: findings are rendered here, once for all commands.
//!
//! Invariants: errors come back as a `Failure` with status 2, all of them at once.

use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use clap::{Args, ValueEnum};

use super::{Failure, output};
use crate::config::{
    self, Compiled, Diagnostic, Effective, Environment, Files, Options, SecretPolicy, Severity,
    Source, Style,
};
use crate::pipeline::program::Program;
use crate::settings::Settings;
use crate::tls::Identity;

/// How findings are shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// Excerpts for people.
    #[default]
    Human,
    /// The same for somebody at another terminal.
    #[value(skip)]
    Plain,
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

/// For whoever asked a server to reload.
pub(super) const FOR_OTHERS: View = View { format: Format::Plain, hints: false };

/// For commands whose business the findings are not.
pub(super) const BRIEF: View = View { format: Format::Human, hints: false };

/// Which configuration a command is about.
#[derive(Args)]
pub(super) struct Which {
    /// The configuration file
    #[arg(default_value = "config.yaml")]
    pub config: PathBuf,
    /// Lay the file of an environment over it: `production` means config.production.yaml
    #[arg(long = "env", value_name = "NAME")]
    pub environment: Option<String>,
}

/// The same, for commands that take something else before it.
#[derive(Args)]
pub(super) struct Beside {
    /// The configuration file
    #[arg(long, default_value = "config.yaml")]
    config: PathBuf,
    /// Lay the file of an environment over it: `production` means config.production.yaml
    #[arg(long = "env", value_name = "NAME")]
    environment: Option<String>,
}

impl Beside {
    pub(super) fn which(&self) -> Which {
        Which { config: self.config.clone(), environment: self.environment.clone() }
    }
}

/// A configuration without errors.
pub(super) struct Loaded {
    pub source: Source,
    pub settings: Settings,
    pub program: Program,
    pub effective: Effective,
    /// What is shown to TLS clients; read by `load_to_serve` only.
    pub identity: Option<Identity>,
    /// Rendered warnings and hints; empty where there are none.
    pub notes: String,
    pub warnings: usize,
}

/// Loads and compiles a configuration in the environment of this process.
pub(super) fn load(which: &Which, secret: SecretPolicy, view: View) -> Result<Loaded, Failure> {
    load_with(which, secret, view, |_| (None, Vec::new()))
}

/// The same with the files that a server needs beside it: its certificates.
pub(super) fn load_to_serve(
    which: &Which,
    secret: SecretPolicy,
    view: View,
) -> Result<Loaded, Failure> {
    let folder = which.config.parent().unwrap_or(Path::new(""));
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    load_with(which, secret, view, |Compiled { settings, tls, .. }| {
        config::certificates(&settings.server.tls, tls, folder, now.as_secs())
    })
}

fn load_with(
    which: &Which,
    secret: SecretPolicy,
    view: View,
    identify: impl FnOnce(&Compiled) -> (Option<Identity>, Vec<Diagnostic>),
) -> Result<Loaded, Failure> {
    let files = Files::of_path(&which.config, which.environment.as_deref());
    let environment = Environment::of_process();
    let compiled = config::compile_files(&files, &environment, &Options { secret });
    let source = files.source;
    let compiled = compiled.map_err(|findings| Failure::usage(shown(findings, &source, view)))?;
    let (identity, more) = identify(&compiled);
    let Compiled { settings, program, effective, mut findings, .. } = compiled;
    findings.extend(more);
    if findings.iter().any(Diagnostic::is_error) {
        return Err(Failure::usage(shown(findings, &source, view)));
    }
    let warnings = findings.iter().filter(|one| one.severity() == Severity::Warning).count();
    let notes = shown(findings, &source, view);
    Ok(Loaded { source, settings, program, effective, identity, notes, warnings })
}

/// What is wrong with a file, told in full.
pub(super) fn refused(findings: Vec<Diagnostic>, source: &Source) -> Failure {
    Failure::usage(shown(findings, source, BRIEF))
}

pub(super) fn shown(mut findings: Vec<Diagnostic>, source: &Source, view: View) -> String {
    // Where something is wrong, what could be better can wait.
    let hints = view.hints && !findings.iter().any(Diagnostic::is_error);
    findings.retain(|one| hints || one.severity() != Severity::Hint);
    config::render(&findings, source, style(view.format))
}

fn style(format: Format) -> Style {
    match format {
        Format::Human => Style::Human { color: output::has_colors(&std::io::stderr()) },
        Format::Plain => Style::Human { color: false },
        Format::Json => Style::Json,
        Format::Github => Style::Github,
    }
}
