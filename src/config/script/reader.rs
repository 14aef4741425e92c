//! Reading of test scripts: maps with known keys, texts, numbers, durations; what is wrong is kept.
//!
//! Invariants: `None` means that a finding was made.

use super::super::codes::Code;
use super::super::diagnostic::{Diagnostic, Findings};
use super::super::settings::value;
use super::super::source::Span;
use super::super::yaml::{Entry, Node, NodeKind};
use super::{Vocabulary, finding};

/// A script being read.
pub(super) struct Reader<'r> {
    pub findings: &'r mut Findings,
    pub words: &'r Vocabulary,
    /// Names that expectations before this place have captured, of the test being read.
    pub bound: Vec<String>,
    /// Names of its clients.
    pub clients: Vec<String>,
}

impl<'r> Reader<'r> {
    pub fn new(findings: &'r mut Findings, words: &'r Vocabulary) -> Self {
        Reader { findings, words, bound: Vec::new(), clients: Vec::new() }
    }

    pub fn push(&mut self, finding: Diagnostic) {
        self.findings.push(finding);
    }

    pub fn no_configuration(&mut self, span: Span) {
        let message = "a file of tests names the configuration that they are about";
        let label = "there is no `config` in this file";
        let help = "add `config: config.yaml`, a path from this file's folder";
        self.push(finding(Code::NoConfiguration, message, span, label).help(help));
    }

    fn shape(&mut self, node: &Node, what: &str, wanted: &str) {
        let message = format!("{what} takes {wanted}");
        let label = format!("this is {}", node.kind_name());
        self.push(finding(Code::WrongShape, message, node.span, &label));
    }

    pub fn map<'n>(&mut self, node: &'n Node, what: &str) -> Option<&'n [Entry]> {
        let entries = node.as_map();
        if entries.is_none() {
            self.shape(node, what, "a map");
        }
        entries
    }

    pub fn list<'n>(&mut self, node: &'n Node, what: &str) -> Option<&'n [Node]> {
        match &node.kind {
            NodeKind::List(nodes) => Some(nodes),
            _ => {
                self.shape(node, what, "a list");
                None
            }
        }
    }

    pub fn text(&mut self, node: &Node, what: &str) -> Option<String> {
        match node.as_scalar() {
            Some(scalar) if !scalar.is_null() => Some(scalar.text.clone()),
            _ => {
                self.shape(node, what, "a text");
                None
            }
        }
    }

    /// Reports the keys that mean nothing.
    pub fn known(&mut self, entries: &[Entry], what: &str, keys: &[&str], free: bool) {
        let noted = |key: &str| free && key.starts_with("x-");
        let unknown = |entry: &&Entry| !(keys.contains(&&*entry.key) || noted(&entry.key));
        for entry in entries.iter().filter(unknown) {
            let message = format!("unknown key `{}` in {what}", entry.key);
            let finding = finding(Code::UnknownKey, message, entry.key_span, "not known here");
            self.push(finding.suggest(&entry.key, keys.iter().copied()));
        }
    }

    /// A name that must be one of some.
    pub fn one_of(
        &mut self,
        node: &Node,
        what: &str,
        code: Code,
        names: &[String],
    ) -> Option<String> {
        let text = self.text(node, what)?;
        if names.contains(&text) {
            return Some(text);
        }
        let message = format!("`{text}` is not {what}");
        let finding = finding(code, message, node.span, "unknown");
        self.push(finding.suggest(&text, names.iter().map(String::as_str)));
        None
    }

    fn value<T>(
        &mut self,
        node: &Node,
        what: &str,
        of: impl FnOnce(&str) -> Result<T, value::Problem>,
    ) -> Option<T> {
        let text = self.text(node, what)?;
        match of(&text) {
            Ok(value) => Some(value),
            Err(problem) => {
                self.push(problem.of(what).finding().label(node.span, "not understood"));
                None
            }
        }
    }

    /// Nanoseconds.
    pub fn duration(&mut self, node: &Node, what: &str) -> Option<u64> {
        self.value(node, what, |text| value::duration_from(0, text))
    }

    pub fn switch(&mut self, node: &Node, what: &str) -> Option<bool> {
        self.value(node, what, value::switch)
    }

    pub fn count(&mut self, node: &Node, what: &str) -> Option<u64> {
        self.value(node, what, value::count)
    }

    pub fn bad_value(&mut self, message: String, span: Span) {
        self.push(finding(Code::BadValue, message, span, "not understood"));
    }
}
