//! One finding about a configuration: a stable code, a sentence, places, and what to do about it.
//!
//! Invariants: every finding of a run is kept (up to `DIAGNOSTICS_MAX`) and sorted by place; no
//! message ever holds the value of a secret. Made everywhere in `config`, shown by `render`.

use super::codes::{Code, Severity};
use super::source::Span;
use super::suggest;

/// Findings kept of one run; a hostile file cannot make more.
const DIAGNOSTICS_MAX: usize = 100;

/// Where a value came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// The configuration file.
    Span(Span),
    /// An environment variable, by name.
    Variable(String),
}

/// A place in the file with what it has to do with the finding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Label {
    pub span: Span,
    pub text: String,
}

/// One finding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    pub code: Code,
    pub message: String,
    /// The first is the place of the finding, the others explain it.
    pub labels: Vec<Label>,
    /// The environment variable at fault, where it is not the file.
    pub variable: Option<String>,
    pub help: Vec<String>,
}

impl Diagnostic {
    pub fn new(code: Code, message: impl Into<String>) -> Diagnostic {
        let message = message.into();
        Diagnostic { code, message, labels: Vec::new(), variable: None, help: Vec::new() }
    }

    /// Adds a place in the file.
    pub fn label(mut self, span: Span, text: impl Into<String>) -> Diagnostic {
        self.labels.push(Label { span, text: text.into() });
        self
    }

    /// Sets the place of the finding, in the file or in the environment.
    pub fn at(mut self, place: &Place, text: impl Into<String>) -> Diagnostic {
        match place {
            Place::Span(span) => return self.label(*span, text),
            Place::Variable(name) => self.variable = Some(name.clone()),
        }
        self
    }

    pub fn help(mut self, text: impl Into<String>) -> Diagnostic {
        self.help.push(text.into());
        self
    }

    /// Suggests the nearest of the valid names, or lists them.
    pub fn suggest<'n>(self, typed: &str, valid: impl IntoIterator<Item = &'n str>) -> Diagnostic {
        match suggest::advice(typed, valid) {
            Some(text) => self.help(text),
            None => self,
        }
    }

    pub fn severity(&self) -> Severity {
        self.code.severity()
    }

    pub fn is_error(&self) -> bool {
        self.severity() == Severity::Error
    }

    fn start(&self) -> u32 {
        self.labels.first().map_or(u32::MAX, |label| label.span.start)
    }
}

/// The findings of one run.
#[derive(Clone, Debug, Default)]
pub struct Findings {
    list: Vec<Diagnostic>,
}

impl Findings {
    /// Keeps the finding; an error always finds room by pushing out something milder.
    pub fn push(&mut self, finding: Diagnostic) {
        if self.list.len() < DIAGNOSTICS_MAX {
            return self.list.push(finding);
        }
        let milder = self.list.iter().position(|kept| !kept.is_error());
        if let (true, Some(place)) = (finding.is_error(), milder) {
            self.list[place] = finding;
        }
    }

    /// Keeps all of these, too.
    pub fn extend(&mut self, others: Findings) {
        others.list.into_iter().for_each(|finding| self.push(finding));
    }

    pub fn any_error(&self) -> bool {
        self.list.iter().any(Diagnostic::is_error)
    }

    /// All of them by place; what has no place in the file comes last.
    pub fn sorted(mut self) -> Vec<Diagnostic> {
        self.list.sort_by_key(|finding| (finding.start(), finding.severity()));
        self.list.dedup();
        self.list
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn findings_are_sorted_by_place_bounded_and_keep_errors() {
        let mut findings = Findings::default();
        for start in (0..2 * DIAGNOSTICS_MAX).rev() {
            let span = Span::new(start, start);
            findings.push(Diagnostic::new(Code::NoEvents, "w").label(span, ""));
        }
        findings.push(Diagnostic::new(Code::UnknownKey, "e").label(Span::new(7, 8), ""));
        assert!(findings.any_error());
        let list = findings.sorted();
        assert_eq!(list.len(), DIAGNOSTICS_MAX);
        assert!(list.is_sorted_by_key(Diagnostic::start));
        assert!(list.iter().any(Diagnostic::is_error));
    }
}
