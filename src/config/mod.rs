//! The compiler of configurations: file -> tree -> settings and program, or findings.
//!
//! ```text
//! files -> yaml (one tree with places) -> settings (options, one registry) -> Settings
//!                                   -> compile (events to steps to bytecode) -> Program
//! ```
//!
//! Invariants: `serve`, `check`, reload and tests all use `compile`; everything wrong is reported
//! at once; nothing here reads the process environment or a clock. Called by `cli` and `control`.

mod certificates;
pub mod codes;
mod compile;
pub mod diagnostic;
pub mod diff;
pub mod docs;
pub mod editor;
pub mod effective;
pub mod environment;
pub mod expr;
pub mod files;
pub mod fmt;
pub mod redact;
pub mod render;
pub mod schema;
pub mod script;
mod settings;
mod severity;
mod source;
mod suggest;
pub mod types;
mod yaml;

use std::path::Path;

pub use certificates::{TlsPlaces, certificates, expiry_warning};
pub use codes::{Code, Severity};
pub use diagnostic::Diagnostic;
pub use effective::Effective;
pub use environment::Environment;
pub use files::Files;
pub use render::{Style, render, workflow_command};
pub use settings::{SecretPolicy, keep_what_needs_a_restart};
pub use source::{FileId, Source, Span};
pub use suggest::advice;

use crate::limits::CONFIG_BYTES_MAX;
use crate::pipeline::program::Program;
use crate::settings::Settings;

/// What a caller may ask of a compilation.
#[derive(Clone, Default)]
pub struct Options {
    pub secret: SecretPolicy,
}

/// A configuration that may run.
pub struct Compiled {
    pub settings: Settings,
    pub program: Program,
    /// Every value, and where it came from.
    pub effective: Effective,
    /// Where the files of `server.tls` are named.
    pub tls: TlsPlaces,
    /// Warnings and hints, by place.
    pub findings: Vec<Diagnostic>,
}

/// A configuration that may run, or everything that is wrong with it (warnings and hints included).
pub type Outcome = Result<Compiled, Vec<Diagnostic>>;

/// Reads and compiles a file as `serve` does: the secret is demanded.
pub fn load(path: &Path, environment: &Environment) -> Outcome {
    compile_files(&Files::of_path(path, None), environment, &Options::default())
}

/// Reads one file, if it is text and not too large.
pub fn read(path: &Path) -> Result<Source, Diagnostic> {
    use files::Folder;
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let (_, text) = files::Disk::beside(path).read(&name, CONFIG_BYTES_MAX)?;
    Ok(Source::new(path.display().to_string(), text))
}

fn unreadable(name: &str, why: &str) -> Diagnostic {
    Diagnostic::new(Code::Unreadable, format!("cannot read {name}: {why}"))
}

fn too_large() -> Diagnostic {
    let message = format!("the files of a configuration have at most {CONFIG_BYTES_MAX} bytes");
    Diagnostic::new(Code::FileTooLarge, message)
}

/// Compiles a text that has no other files beside it.
pub fn compile(source: &Source, environment: &Environment, options: &Options) -> Outcome {
    if source.text().len() > CONFIG_BYTES_MAX + 1 {
        return Err(vec![too_large()]);
    }
    compile_files(&Files::of_text(source.clone()), environment, options)
}

/// Compiles a configuration.
pub fn compile_files(files: &Files, environment: &Environment, options: &Options) -> Outcome {
    let Files { source, root, findings } = files;
    let mut findings = findings.clone();
    if root.is_none() && findings.any_error() {
        return Err(findings.sorted());
    }
    let resolved = settings::resolve(root.as_ref(), environment, &options.secret, &mut findings);
    let settings = resolved.settings;
    let given = effective::Given { source, root: root.as_ref(), chosen: &resolved.chosen };
    let effective = effective::collect(&given);
    let program =
        compile::compile(source, &resolved.sections, &settings, environment, &mut findings);
    if let Some(program) = &program {
        settings::check_monitor(&settings, program, &resolved.chosen, &mut findings);
    }
    match program.filter(|_| !findings.any_error()) {
        Some(program) => {
            let tls = TlsPlaces::of(&resolved.chosen);
            Ok(Compiled { settings, program, effective, tls, findings: findings.sorted() })
        }
        None => Err(findings.sorted()),
    }
}
