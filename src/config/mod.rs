//! The compiler of configurations: file -> tree -> settings and program, or findings.
//!
//! ```text
//! source -> yaml (tree with places) -> settings (options, one registry) -> Settings
//!                                   -> compile (events to steps to bytecode) -> Program
//! ```
//!
//! Invariants: `serve`, `check`, reload and tests all use `compile`; everything wrong is reported
//! at once; nothing here reads the process environment or a clock. Called by `cli` and `control`.

pub mod codes;
mod compile;
pub mod diagnostic;
pub mod docs;
pub mod environment;
pub mod expr;
mod redact;
mod render;
pub mod schema;
mod settings;
mod source;
mod suggest;
pub mod types;
mod yaml;

use std::io::Read;
use std::path::Path;

pub use codes::{Code, Severity};
pub use diagnostic::Diagnostic;
pub use environment::Environment;
pub use render::{Style, render};
pub use settings::SecretPolicy;
pub use source::{Source, Span};

use crate::limits::CONFIG_BYTES_MAX;
use crate::pipeline::program::Program;
use crate::settings::Settings;
use diagnostic::Findings;

/// What a caller may ask of a compilation.
#[derive(Clone, Default)]
pub struct Options {
    pub secret: SecretPolicy,
}

/// A configuration that may run.
pub struct Compiled {
    pub settings: Settings,
    pub program: Program,
    /// Warnings and hints, by place.
    pub findings: Vec<Diagnostic>,
}

/// A configuration that may run, or everything that is wrong with it (warnings and hints included).
pub type Outcome = Result<Compiled, Vec<Diagnostic>>;

/// Reads and compiles a file as `serve` does: the secret is demanded.
pub fn load(path: &Path, environment: &Environment) -> Outcome {
    let source = read(path).map_err(|finding| vec![finding])?;
    compile(&source, environment, &Options::default())
}

/// Reads a file, if it is text and not too large.
pub fn read(path: &Path) -> Result<Source, Diagnostic> {
    let name = path.display().to_string();
    let unreadable =
        |why: String| Diagnostic::new(Code::Unreadable, format!("cannot read {name}: {why}"));
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path).map_err(|error| unreadable(error.to_string()))?;
    file.take(CONFIG_BYTES_MAX as u64 + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| unreadable(error.to_string()))?;
    if bytes.len() > CONFIG_BYTES_MAX {
        return Err(too_large());
    }
    let text =
        String::from_utf8(bytes).map_err(|error| unreadable(error.utf8_error().to_string()))?;
    Ok(Source::new(name, text))
}

fn too_large() -> Diagnostic {
    let message = format!("a configuration is at most {CONFIG_BYTES_MAX} bytes");
    Diagnostic::new(Code::FileTooLarge, message)
}

/// Compiles a configuration.
pub fn compile(source: &Source, environment: &Environment, options: &Options) -> Outcome {
    if source.text().len() > CONFIG_BYTES_MAX {
        return Err(vec![too_large()]);
    }
    let mut findings = Findings::default();
    let root = yaml::parse(source, &mut findings);
    if !findings.any_error() {
        second_reader(source, &mut findings);
    }
    if root.is_none() && findings.any_error() {
        return Err(findings.sorted());
    }
    let resolved =
        settings::resolve(root.as_ref(), source, environment, &options.secret, &mut findings);
    let settings = resolved.settings;
    let program = compile::compile(source, &resolved.sections, &settings, environment, &mut findings);
    match program.filter(|_| !findings.any_error()) {
        Some(program) => Ok(Compiled { settings, program, findings: findings.sorted() }),
        None => Err(findings.sorted()),
    }
}

/// A file means what two independent readers both accept; where they differ it means nothing sure.
fn second_reader(source: &Source, findings: &mut Findings) {
    use serde::de::{Deserialize, IgnoredAny};
    let reader = serde_yaml::Deserializer::from_str(source.text());
    let Err(error) = IgnoredAny::deserialize(reader) else { return };
    let at = error.location().map_or(0, |location| location.index());
    let at = if source.text().is_char_boundary(at) { at } else { 0 };
    let finding =
        Diagnostic::new(Code::SecondReader, format!("the second YAML reader says: {error}"));
    findings.push(finding.label(Span::new(at, at), "it stopped here"));
}
