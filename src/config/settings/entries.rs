//! Sections whose keys are names of the file's own, each with options: `rooms`, `backends`.
//!
//! Invariants: a section, its suggestions and its part of the reference page come from one table;
//! what is wrong is a finding, and the option keeps its default. Called by `rooms` and `backends`.

use std::collections::BTreeMap;

use super::super::codes::Code;
use super::super::diagnostic::{Diagnostic, Findings};
use super::super::environment::Environment;
use super::super::source::Span;
use super::super::yaml::{Entry, Node};
use super::value::Problem;
use super::walk::{given, shape};

/// An option of an entry.
pub struct EntryOption<T: 'static> {
    /// Below the entry's name.
    pub path: &'static str,
    pub takes: &'static str,
    pub default: &'static str,
    pub doc: &'static str,
    pub put: Put<T>,
}

/// What an option takes, and where it goes.
pub enum Put<T> {
    One(fn(&mut T, &str) -> Result<(), Problem>),
    /// One or a list.
    Many(fn(&mut T, &[String]) -> Result<(), Problem>),
    /// Names of the file's own, each with a text.
    Named(fn(&mut T, &str, &str) -> Result<(), Problem>),
    /// Something else reads it.
    Elsewhere,
}

/// What a section is read with.
pub struct Reader<'r, T: 'static> {
    pub name: &'static str,
    /// What stands for an entry's name in messages.
    pub place: &'static str,
    pub takes: &'static str,
    pub options: &'static [EntryOption<T>],
    pub environment: &'r Environment,
    /// Option names in any case.
    pub folded: bool,
    pub findings: &'r mut Findings,
}

impl<T> Reader<'_, T> {
    /// The entries of the section.
    pub fn entries<'e>(&mut self, section: &'e Entry, count_max: usize, what: &str) -> &'e [Entry] {
        if section.value.is_null() {
            return &[];
        }
        let Some(entries) = section.value.as_map() else {
            self.findings.push(shape(self.name, self.takes, section));
            return &[];
        };
        if let Some(first_over) = entries.get(count_max) {
            let message = format!("`{}` has at most {count_max} {what}", self.name);
            let finding = Diagnostic::new(Code::OutOfRange, message);
            self.findings.push(finding.label(first_over.key_span, "one too many"));
        }
        entries
    }

    /// Reads the options of one entry.
    pub fn read(&mut self, entry: &Entry, into: &mut T) {
        match entry.value.as_map() {
            Some(entries) => self.section("", entries, into, &mut BTreeMap::new()),
            None if entry.value.is_null() => {}
            None => {
                let path = format!("{}.{}", self.name, entry.key);
                self.findings.push(shape(&path, "a map of options", entry));
            }
        }
    }

    fn section(
        &mut self,
        section: &str,
        entries: &[Entry],
        into: &mut T,
        seen: &mut BTreeMap<String, Span>,
    ) {
        for entry in entries {
            let Some(name) = self.find(section, &entry.key) else {
                self.unknown(section, entry);
                continue;
            };
            let path = below(section, name);
            if let Some(first) = seen.insert(path.clone(), entry.key_span) {
                let finding = Diagnostic::new(Code::SetTwice, format!("`{path}` is set twice"));
                let finding = finding.label(entry.key_span, "a second time here");
                self.findings.push(finding.label(first, "first here"));
                continue;
            }
            let option = self.options.iter().find(|option| option.path == path);
            match (option, entry.value.as_map()) {
                (Some(option), _) => self.put(option, entry, into),
                (None, Some(entries)) => self.section(&path, entries, into, seen),
                (None, None) if entry.value.is_null() => {}
                (None, None) => self.findings.push(shape(&path, "a map of options", entry)),
            }
        }
    }

    fn find(&self, section: &str, key: &str) -> Option<&'static str> {
        let same = |name: &&str| *name == key || self.folded && name.eq_ignore_ascii_case(key);
        names(self.options, section).find(same)
    }

    fn unknown(&mut self, section: &str, entry: &Entry) {
        let place = below(&format!("{}.{}", self.name, self.place), section);
        let message = format!("unknown key `{}` in `{}`", entry.key, place.trim_end_matches('.'));
        let finding = Diagnostic::new(Code::UnknownKey, message);
        let finding = finding.label(entry.key_span, "no such option");
        self.findings.push(finding.suggest(&entry.key, names(self.options, section)));
    }

    fn put(&mut self, option: &EntryOption<T>, entry: &Entry, into: &mut T) {
        let wrong = match &option.put {
            Put::Elsewhere => Ok(true),
            Put::Named(put) => {
                return self.named(option, entry, |name, text| put(into, name, text));
            }
            Put::One(put) => match self.texts(&entry.value) {
                Ok(Some((texts, false))) => put(into, &texts.concat()).map(|()| true),
                other => other.map(|_| false),
            },
            Put::Many(put) => match self.texts(&entry.value) {
                Ok(Some((texts, _))) => put(into, &texts).map(|()| true),
                other => other.map(|_| false),
            },
        };
        match wrong {
            Ok(true) => {}
            Ok(false) => self.findings.push(shape(option.path, option.takes, entry)),
            Err(problem) => self.option_problem(option.path, problem, entry.value.span),
        }
    }

    fn named(
        &mut self,
        option: &EntryOption<T>,
        entry: &Entry,
        mut put: impl FnMut(&str, &str) -> Result<(), Problem>,
    ) {
        let Some(entries) = entry.value.as_map() else {
            return self.findings.push(shape(option.path, option.takes, entry));
        };
        for one in entries {
            match self.texts(&one.value) {
                Ok(Some((texts, false))) => {
                    if let Err(problem) = put(&one.key, &texts.concat()) {
                        self.option_problem(option.path, problem, one.key_span);
                    }
                }
                Ok(_) => self.findings.push(shape(option.path, "a text", one)),
                Err(problem) => self.option_problem(option.path, problem, one.value.span),
            }
        }
    }

    /// The text or texts of a value; whether it is a list.
    fn texts(&self, node: &Node) -> Result<Option<(Vec<String>, bool)>, Problem> {
        Ok(given(node, self.environment)?.map(|given| (given.texts, given.list)))
    }

    fn option_problem(&mut self, path: &str, problem: Problem, span: Span) {
        self.problem(problem.of(path), span, "");
    }

    pub fn problem(&mut self, problem: Problem, span: Span, label: &str) {
        self.findings.push(problem.finding().label(span, label));
    }
}

/// The names that are valid in a section of an entry (`""` is the entry itself).
fn names<'s, T>(
    options: &'static [EntryOption<T>],
    section: &'s str,
) -> impl Iterator<Item = &'static str> + use<'s, T> {
    options.iter().filter_map(move |option| {
        let rest = match section {
            "" => option.path,
            _ => option.path.strip_prefix(section)?.strip_prefix('.')?,
        };
        rest.split('.').next()
    })
}

fn below(section: &str, name: &str) -> String {
    match section {
        "" => name.to_owned(),
        _ => format!("{section}.{name}"),
    }
}
