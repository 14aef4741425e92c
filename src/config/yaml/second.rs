//! The second opinion on a file: a file means what two independent readers both accept; where they
//! differ it means nothing sure.

use serde::de::{Deserialize, IgnoredAny};

use super::super::codes::Code;
use super::super::diagnostic::{Diagnostic, Findings};
use super::super::source::{FileId, Source, Span};

/// Reports what the second reader does not accept.
pub fn ask(source: &Source, file: FileId, findings: &mut Findings) {
    let text = source.text_of(file);
    let reader = serde_yaml::Deserializer::from_str(text);
    let Err(error) = IgnoredAny::deserialize(reader) else { return };
    let at = error.location().map_or(0, |location| location.index());
    let at = if text.is_char_boundary(at) { at } else { 0 };
    let at = source.span_of(file).start as usize + at;
    let finding =
        Diagnostic::new(Code::SecondReader, format!("the second YAML reader says: {error}"));
    findings.push(finding.label(Span::new(at, at), "it stopped here"));
}
