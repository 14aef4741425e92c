//! The tests that a command line names, each file compiled with the configuration it is about.
//!
//! Invariants: a configuration is compiled once, whoever asks for it, so that coverage is that of
//! all its tests; everything that is wrong with the files is reported at once.

use std::ffi::OsStr;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use super::super::Failure;
use super::super::load::{BRIEF, shown};
use super::{Arguments, SEED};
use crate::config::script::{Case, TestFile, Vocabulary, cases_of};
use crate::config::{self, Diagnostic, Environment, Files, Options, SecretPolicy, Source};
use crate::sim::play::Stage;
use crate::sim::tally::vocabulary;

/// A file's tests.
pub(super) struct Suite {
    pub source: Arc<Source>,
    pub cases: Vec<Case>,
    pub stage: Stage,
}

/// A configuration that is tested.
pub(super) struct Subject {
    path: PathBuf,
    pub source: Arc<Source>,
    pub stage: Stage,
    words: Vocabulary,
    files: Files,
}

/// Everything that a command line names.
#[derive(Default)]
pub(super) struct Suites {
    pub list: Vec<Suite>,
    pub subjects: Vec<Subject>,
}

/// What is wrong with a file, as text.
type Wrong = String;

const CONFIG: &str = "config.yaml";

impl Suites {
    pub fn load(arguments: &Arguments, environment: &Environment) -> Result<Suites, Failure> {
        let mut suites = Suites::default();
        let mut wrong = Vec::new();
        for path in named(&arguments.files) {
            match suites.suite(&path, arguments, environment) {
                Ok(suite) => suites.list.push(suite),
                Err(text) if wrong.contains(&text) => {}
                Err(text) => wrong.push(text),
            }
        }
        match wrong.is_empty() {
            true => Ok(suites),
            false => Err(Failure::usage(wrong.join("\n"))),
        }
    }

    fn suite(
        &mut self,
        path: &Path,
        arguments: &Arguments,
        environment: &Environment,
    ) -> Result<Suite, Wrong> {
        if !is_test_file(path) {
            let subject = self.subject(path, arguments, environment)?;
            let cases = cases_of(&subject.files, &subject.words);
            let cases = cases.map_err(|findings| told(findings, &subject.source))?;
            let (source, stage) = (Arc::clone(&subject.source), subject.stage.clone());
            return Ok(Suite { source, cases, stage });
        }
        let nothing = || Source::new(path.display().to_string(), "");
        let source = config::read(path).map_err(|finding| told(vec![finding], &nothing()))?;
        let file = TestFile::open(source).map_err(|(source, findings)| told(findings, &source))?;
        let beside = path.parent().unwrap_or(Path::new(""));
        let config = plain(&beside.join(&file.config));
        let subject = self.subject(&config, arguments, environment)?;
        let cases = file.cases(&subject.words);
        let cases = cases.map_err(|findings| told(findings, &file.source))?;
        Ok(Suite { source: Arc::new(file.source), cases, stage: subject.stage.clone() })
    }

    fn subject(
        &mut self,
        path: &Path,
        arguments: &Arguments,
        environment: &Environment,
    ) -> Result<&Subject, Wrong> {
        let identity = path.canonicalize().unwrap_or_else(|_| path.to_owned());
        let known = self.subjects.iter().position(|subject| subject.path == identity);
        let at = match known {
            Some(at) => at,
            None => {
                let subject = compiled(path, identity, arguments, environment)?;
                self.subjects.push(subject);
                self.subjects.len() - 1
            }
        };
        Ok(&self.subjects[at])
    }
}

fn compiled(
    path: &Path,
    identity: PathBuf,
    arguments: &Arguments,
    environment: &Environment,
) -> Result<Subject, Wrong> {
    let files = Files::of_path(path, arguments.environment.as_deref());
    let options = Options { secret: SecretPolicy::Ignore };
    let compiled = config::compile_files(&files, environment, &options)
        .map_err(|findings| told(findings, &files.source))?;
    let words = vocabulary(&compiled.settings, &compiled.program);
    let seed = arguments.seed.unwrap_or(SEED);
    let mut stage = Stage::new(compiled.settings, compiled.program, arguments.cores, seed);
    stage.rough = arguments.seed.is_some();
    let source = Arc::new(files.source.clone());
    Ok(Subject { path: identity, source, stage, words, files })
}

fn told(findings: Vec<Diagnostic>, source: &Source) -> Wrong {
    let errors = findings.into_iter().filter(Diagnostic::is_error).collect();
    shown(errors, source, BRIEF)
}

/// The files to read, in the order of the arguments, folders in the order of their names.
pub(super) fn named(files: &[PathBuf]) -> Vec<PathBuf> {
    if files.is_empty() {
        let config = Some(PathBuf::from(CONFIG)).filter(|path| path.exists());
        return config.into_iter().chain(test_files(Path::new("."))).collect();
    }
    let one = |path: &PathBuf| match path.is_dir() {
        true => test_files(path),
        false => vec![path.clone()],
    };
    files.iter().flat_map(one).collect()
}

fn test_files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut found: Vec<PathBuf> =
        entries.map(|entry| entry.path()).filter(|path| is_test_file(path)).collect();
    found.sort();
    let here = |path: PathBuf| path.strip_prefix(".").map(Path::to_owned).unwrap_or(path);
    found.into_iter().map(here).collect()
}

/// Files of tests are told from configurations by their names.
fn is_test_file(path: &Path) -> bool {
    let name = path.file_name().and_then(OsStr::to_str).unwrap_or_default();
    name.ends_with(".test.yaml") || name.ends_with(".test.yml")
}

/// The path without `..`, where that is the same file.
fn plain(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in path.components() {
        let named = matches!(plain.components().next_back(), Some(Component::Normal(_)));
        match part {
            Component::ParentDir if named => drop(plain.pop()),
            part => plain.push(part),
        }
    }
    let same = path.canonicalize().ok().is_some_and(|real| plain.canonicalize().ok() == Some(real));
    if same { plain } else { path.to_owned() }
}
