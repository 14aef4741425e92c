//! What is wrong with an expression, before its place in the file is known.

use std::ops::Range;

use super::super::codes::Code;
use super::super::diagnostic::Diagnostic;
use super::super::source::Span;
use super::super::suggest;

/// One finding, at a byte range of the expression's text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    pub code: Code,
    pub range: Range<usize>,
    pub message: String,
    /// What is said at the range.
    pub label: String,
    pub help: Vec<String>,
    /// A second place, in the file, that this one disagrees with.
    pub also: Option<Box<(Span, String)>>,
    /// What it is about: see `Diagnostic::about`.
    pub subject: Option<Box<str>>,
}

impl Fault {
    pub fn new(code: Code, range: Range<usize>, message: impl Into<String>) -> Fault {
        let (message, label) = (message.into(), String::new());
        Fault { code, range, message, label, help: Vec::new(), also: None, subject: None }
    }

    pub fn about(mut self, subject: impl Into<Box<str>>) -> Fault {
        self.subject = Some(subject.into());
        self
    }

    pub fn label(mut self, text: impl Into<String>) -> Fault {
        self.label = text.into();
        self
    }

    pub fn help(mut self, text: impl Into<String>) -> Fault {
        self.help.push(text.into());
        self
    }

    pub fn also(mut self, place: Option<Span>, text: &str) -> Fault {
        self.also = place.map(|span| Box::new((span, text.to_owned())));
        self
    }

    /// Suggests the nearest of the valid names, or lists them.
    pub fn suggest<'n>(self, typed: &str, valid: impl IntoIterator<Item = &'n str>) -> Fault {
        match suggest::advice(typed, valid) {
            Some(text) => self.help(text),
            None => self,
        }
    }

    /// The finding, where the caller says which place of the file the range is.
    pub fn diagnostic(&self, place: impl FnOnce(Range<usize>) -> Span) -> Diagnostic {
        let span = place(self.range.clone());
        let mut finding = Diagnostic::new(self.code, &self.message).label(span, &self.label);
        if let Some((span, text)) = self.also.as_deref() {
            finding = finding.label(*span, text);
        }
        let finding = Diagnostic { help: self.help.clone(), ..finding };
        match &self.subject {
            Some(subject) => finding.about(&**subject),
            None => finding,
        }
    }
}
