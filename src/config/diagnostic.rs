//! One finding about a configuration: a stable code, a sentence, places, and what to do about it.
//!
//! Invariants: every finding of a run is kept (up to `DIAGNOSTICS_MAX`) and sorted by place; what
//! is about one subject is one finding with several places; no message ever holds the value of a
//! secret. Made everywhere in `config`, shown by `render`.

use super::codes::{Code, Severity};
use super::source::Span;
use super::suggest;

/// Findings kept of one run; a hostile file cannot make more.
const DIAGNOSTICS_MAX: usize = 100;

/// Further places of one finding that are shown; of more only the number is told.
const PLACES_SHOWN_MAX: usize = 3;

/// Further places of one finding that are counted.
const PLACES_COUNTED_MAX: usize = 100;

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
    pub(super) about: Option<Box<About>>,
}

/// What a finding is about, where several may be about the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct About {
    subject: String,
    /// Other places where the same was found.
    further: Vec<Label>,
}

impl Diagnostic {
    pub fn new(code: Code, message: impl Into<String>) -> Diagnostic {
        let message = message.into();
        let (labels, help) = Default::default();
        Diagnostic { code, message, labels, variable: None, help, about: None }
    }

    /// Says what the finding is about, such as a name that nothing declares: all findings about one
    /// subject become one, at the first of their places, and the other places are told with it.
    pub fn about(mut self, subject: impl Into<String>) -> Diagnostic {
        self.about = Some(Box::new(About { subject: subject.into(), further: Vec::new() }));
        self
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

    fn is_about_the_same(&self, other: &Diagnostic) -> bool {
        let (Some(about), Some(others)) = (&self.about, &other.about) else { return false };
        about.subject == others.subject && self.is_error() == other.is_error()
    }

    /// Takes the places of a finding about the same; the first place in the file leads.
    fn absorb(&mut self, mut other: Diagnostic) {
        if other.start() < self.start() {
            std::mem::swap(self, &mut other);
        }
        let main = self.labels.first().map(|label| label.span);
        let Some(about) = &mut self.about else { return };
        let further = other.about.into_iter().flat_map(|about| about.further);
        let more = other.labels.into_iter().take(1).chain(further);
        for label in more.filter(|label| Some(label.span) != main) {
            let is_known = about.further.iter().any(|known| known.span == label.span);
            if !is_known && about.further.len() < PLACES_COUNTED_MAX {
                about.further.push(label);
            }
        }
    }

    /// The same, with its further places among its labels.
    fn told(mut self) -> Diagnostic {
        let Some(mut about) = self.about.take() else { return self };
        about.further.sort_by_key(|label| label.span.start);
        let counted = about.further.len();
        let left = counted.saturating_sub(PLACES_SHOWN_MAX);
        let said = self.labels.first().map(|label| label.text.clone());
        for label in about.further.into_iter().take(PLACES_SHOWN_MAX) {
            let is_said = said.as_ref() == Some(&label.text);
            let text = if is_said { "here, too".to_owned() } else { label.text };
            self.labels.push(Label { text, ..label });
        }
        match left {
            0 => self,
            1 => self.help("the same at 1 more place"),
            left if counted < PLACES_COUNTED_MAX => {
                self.help(format!("the same at {left} more places"))
            }
            left => self.help(format!("the same at more than {left} other places")),
        }
    }
}

/// The findings of one run.
#[derive(Clone, Debug, Default)]
pub struct Findings {
    list: Vec<Diagnostic>,
}

impl Findings {
    /// Keeps the finding, with the one about the same subject if there is one; an error always
    /// finds room by pushing out something milder.
    pub fn push(&mut self, finding: Diagnostic) {
        if let Some(kept) = self.list.iter_mut().find(|kept| kept.is_about_the_same(&finding)) {
            return kept.absorb(finding);
        }
        if self.list.contains(&finding) {
            return;
        }
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
        self.list.into_iter().map(Diagnostic::told).collect()
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

    #[test]
    fn findings_about_one_subject_are_one_with_its_places() {
        let mut findings = Findings::default();
        let about = |start: usize, subject: &str| {
            let finding = Diagnostic::new(Code::UnknownField, "unknown").about(subject);
            finding.label(Span::new(start, start + 1), "no such field")
        };
        for start in [50, 10, 40, 20, 30, 20, 60] {
            findings.push(about(start, "conn.name"));
            findings.push(about(start + 2, &format!("other {start}")));
        }
        let list = findings.sorted();
        assert_eq!(list.len(), 1 + 6);
        let places: Vec<(u32, &str)> =
            list[0].labels.iter().map(|one| (one.span.start, one.text.as_str())).collect();
        let further = [(20, "here, too"), (30, "here, too"), (40, "here, too")];
        assert_eq!(places, [&[(10, "no such field")][..], &further].concat());
        assert_eq!(list[0].help, ["the same at 2 more places"]);
    }

    #[test]
    fn places_are_counted_up_to_a_bound() {
        let mut findings = Findings::default();
        for start in 0..2 * PLACES_COUNTED_MAX {
            let finding = Diagnostic::new(Code::UnknownField, "unknown").about("x");
            findings.push(finding.label(Span::new(start, start), ""));
        }
        let list = findings.sorted();
        assert_eq!(list.len(), 1);
        assert_eq!(list[0].labels.len(), 1 + PLACES_SHOWN_MAX);
        assert_eq!(list[0].help, ["the same at more than 97 other places"]);
    }
}
