//! Shows findings: for people (an excerpt with labels), as JSON lines, as GitHub annotations.
//!
//! Invariants: excerpts are made from a redacted copy of the source, so a secret never shows; only
//! the lines a finding speaks of are given to the renderer, so a large file costs nothing.

use annotate_snippets::renderer::DecorStyle;
use annotate_snippets::{
    Annotation, AnnotationKind, Group, Level, Origin, Renderer, Snippet, Title,
    normalize_untrusted_str,
};

use super::codes::Severity;
use super::diagnostic::{Diagnostic, Label};
use super::redact::redacted;
use super::source::{Source, Span};

/// How findings are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// For a terminal.
    Human { color: bool },
    /// One JSON object a line.
    Json,
    /// Workflow commands that GitHub turns into annotations.
    Github,
}

/// Shows the findings of one source, in the order given.
pub fn render(findings: &[Diagnostic], source: &Source, style: Style) -> String {
    match style {
        Style::Human { color } => human(findings, source, color),
        Style::Json => findings.iter().map(|finding| json(finding, source)).collect(),
        Style::Github => findings.iter().map(|finding| github(finding, source)).collect(),
    }
}

fn human(findings: &[Diagnostic], source: &Source, color: bool) -> String {
    let shown = Source::new(source.name(), redacted(source.text()));
    let renderer = if color { Renderer::styled() } else { Renderer::plain() };
    let renderer = renderer.decor_style(DecorStyle::Unicode);
    let one = |finding| renderer.render(&[group(finding, &shown)]) + "\n";
    findings.iter().map(one).collect::<Vec<String>>().join("\n")
}

fn group<'s>(finding: &'s Diagnostic, source: &'s Source) -> Group<'s> {
    let group = Group::with_title(title(finding));
    let group = match (&finding.variable, finding.labels.is_empty()) {
        (Some(name), _) => group.element(Origin::path(format!("environment variable {name}"))),
        (None, true) => group.element(Origin::path(source.name())),
        (None, false) => group.element(excerpt(finding, source)),
    };
    let help = finding.help.iter().map(|text| Level::HELP.message(normalize_untrusted_str(text)));
    group.elements(help)
}

fn title(finding: &Diagnostic) -> Title<'_> {
    let level = match finding.severity() {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
        Severity::Hint => Level::INFO.with_name("hint"),
    };
    level.primary_title(normalize_untrusted_str(&finding.message)).id(finding.code.text())
}

/// The lines from the first label to the last.
fn excerpt<'s>(finding: &'s Diagnostic, source: &'s Source) -> Snippet<'s, Annotation<'s>> {
    let starts = finding.labels.iter().map(|label| source.line_of(label.span.start));
    let ends = finding.labels.iter().map(|label| source.line_of(label.span.end));
    let first_line = starts.min().unwrap_or(0);
    let window =
        Span::new(source.line_start(first_line), source.line_start(ends.max().unwrap_or(0) + 1));
    Snippet::source(source.slice(window))
        .line_start(first_line + 1)
        .path(source.name())
        .annotations(
            finding
                .labels
                .iter()
                .enumerate()
                .map(|(place, label)| annotation(label, place == 0, window.start as usize)),
        )
}

fn annotation(label: &Label, primary: bool, base: usize) -> Annotation<'_> {
    let kind = if primary { AnnotationKind::Primary } else { AnnotationKind::Context };
    let range = label.span.range();
    let annotation = kind.span(range.start - base..range.end - base);
    match label.text.is_empty() {
        true => annotation,
        false => annotation.label(normalize_untrusted_str(&label.text)),
    }
}

fn json(finding: &Diagnostic, source: &Source) -> String {
    let labels: Vec<serde_json::Value> =
        finding.labels.iter().map(|label| json_label(label, source)).collect();
    let object = serde_json::json!({
        "code": finding.code.text(),
        "severity": finding.severity().name(),
        "message": finding.message,
        "file": source.name(),
        "variable": finding.variable,
        "labels": labels,
        "help": finding.help,
    });
    object.to_string() + "\n"
}

fn json_label(label: &Label, source: &Source) -> serde_json::Value {
    let (start, end) = (source.site(label.span.start), source.site(label.span.end));
    serde_json::json!({
        "line": start.line, "column": start.column,
        "endLine": end.line, "endColumn": end.column,
        "text": label.text,
    })
}

fn github(finding: &Diagnostic, source: &Source) -> String {
    let command = match finding.severity() {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Hint => "notice",
    };
    let place = finding.labels.first().map_or_else(String::new, |label| {
        let site = source.site(label.span.start);
        format!(",line={},col={}", site.line, site.column)
    });
    let variable = finding.variable.iter().map(|name| format!("{name}: "));
    let body: String = variable.chain([finding.message.clone()]).collect();
    let body = finding.help.iter().fold(body, |body, help| body + "\n" + help);
    let (file, code) = (property(source.name()), finding.code.text());
    format!("::{command} file={file}{place},title={code}::{}\n", escaped(&body))
}

/// Escapes the message of a workflow command.
fn escaped(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// Escapes a property of a workflow command.
fn property(text: &str) -> String {
    escaped(text).replace(':', "%3A").replace(',', "%2C")
}
