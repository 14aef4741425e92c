//! Shows findings: for people (an excerpt with labels), as JSON lines, as GitHub annotations.
//!
//! Invariants: excerpts are made from a redacted copy of the source, so a secret never shows; only
//! the lines a finding speaks of are given to the renderer, so a large file costs nothing; the
//! labels of each file stand in an excerpt of their own, that of the finding's place first.

use annotate_snippets::renderer::DecorStyle;
use annotate_snippets::{
    Annotation, AnnotationKind, Group, Level, Origin, Renderer, Snippet, Title,
    normalize_untrusted_str,
};

use super::codes::Severity;
use super::diagnostic::{Diagnostic, Label};
use super::redact::redacted;
use super::source::{FileId, Source, Span};
use crate::pipeline::program::Site;

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
    let shown = without_secrets(source);
    let renderer = if color { Renderer::styled() } else { Renderer::plain() };
    let renderer = renderer.decor_style(DecorStyle::Unicode);
    let one = |finding| renderer.render(&[group(finding, &shown)]) + "\n";
    findings.iter().map(one).collect::<Vec<String>>().join("\n")
}

/// Something about a configuration that is no finding.
pub struct Note<'n> {
    pub title: &'n str,
    /// What it is called by.
    pub id: &'n str,
    /// What it is about, where that is in the files.
    pub span: Option<Span>,
    pub label: &'n str,
    pub helps: &'n [String],
}

/// Shows a note as findings are shown.
pub fn note(note: &Note<'_>, source: &Source, color: bool) -> String {
    let shown = without_secrets(source);
    let label = |span| Label { span, text: note.label.to_owned() };
    let labels: Vec<Label> = note.span.map(label).into_iter().collect();
    let title = Level::NOTE.primary_title(normalize_untrusted_str(note.title)).id(note.id);
    let group = Group::with_title(title).elements(excerpts(&labels, &shown));
    let helps = note.helps.iter().map(|text| Level::HELP.message(normalize_untrusted_str(text)));
    let renderer = if color { Renderer::styled() } else { Renderer::plain() };
    renderer.decor_style(DecorStyle::Unicode).render(&[group.elements(helps)]) + "\n"
}

/// The same files, every byte at its place.
fn without_secrets(source: &Source) -> Source {
    let mut shown = Source::default();
    for file in source.files() {
        shown.add(source.name_of(file), redacted(source.text_of(file)));
    }
    shown
}

fn group<'s>(finding: &'s Diagnostic, source: &'s Source) -> Group<'s> {
    let group = Group::with_title(title(finding));
    let group = match (&finding.variable, finding.labels.is_empty()) {
        (Some(name), _) => group.element(Origin::path(format!("environment variable {name}"))),
        (None, true) => group.element(Origin::path(source.name())),
        (None, false) => group.elements(excerpts(&finding.labels, source)),
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

/// One excerpt for each file that the labels are in.
fn excerpts<'s>(
    labels: &'s [Label],
    source: &'s Source,
) -> impl Iterator<Item = Snippet<'s, Annotation<'s>>> {
    let mut files: Vec<FileId> = Vec::new();
    for file in labels.iter().map(|label| source.file_at(label.span.start)) {
        if !files.contains(&file) {
            files.push(file);
        }
    }
    files.into_iter().map(|file| excerpt(labels, source, file))
}

/// The lines of a file from its first label to its last.
fn excerpt<'s>(all: &'s [Label], source: &'s Source, file: FileId) -> Snippet<'s, Annotation<'s>> {
    let within = |label: &&Label| source.file_at(label.span.start) == file;
    let labels = || all.iter().filter(within);
    let first = labels().map(|label| label.span.start).min().unwrap_or_default();
    let last = labels().map(|label| label.span.end).max().unwrap_or_default();
    let window = source.lines(first, last);
    let primary = all.first().map(|label| label.span);
    Snippet::source(source.slice(window))
        .line_start(source.site(window.start).line as usize)
        .path(source.name_of(file))
        .annotations(labels().map(move |label| {
            annotation(label, Some(label.span) == primary, window.start as usize)
        }))
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
        "file": source.name_of(file_of(finding, source)),
        "variable": finding.variable,
        "labels": labels,
        "help": finding.help,
    });
    object.to_string() + "\n"
}

/// The file of a finding's place.
fn file_of(finding: &Diagnostic, source: &Source) -> FileId {
    finding.labels.first().map(|label| source.file_at(label.span.start)).unwrap_or_default()
}

fn json_label(label: &Label, source: &Source) -> serde_json::Value {
    let (start, end) = (source.site(label.span.start), source.site(label.span.end));
    serde_json::json!({
        "file": source.name_of(FileId(start.file)),
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
    let site = finding.labels.first().map(|label| source.site(label.span.start));
    let main = file_of(finding, source);
    let variable = finding.variable.iter().map(|name| format!("{name}: "));
    let body: String = variable.chain([finding.message.clone()]).collect();
    let elsewhere = finding.labels.iter().filter_map(|label| place_outside(label, main, source));
    let lines = elsewhere.chain(finding.help.iter().cloned());
    let body = lines.fold(body, |body, line| body + "\n" + &line);
    workflow_command(command, (source.name_of(main), site), finding.code.text(), &body)
}

/// A command of a GitHub workflow that becomes an annotation of a file.
pub fn workflow_command(
    command: &str,
    (file, site): (&str, Option<Site>),
    title: &str,
    body: &str,
) -> String {
    let place =
        site.map_or_else(String::new, |site| format!(",line={},col={}", site.line, site.column));
    let (file, title) = (property(file), property(title));
    format!("::{command} file={file}{place},title={title}::{}\n", escaped(body))
}

/// A label of another file than the annotation's, as a line of text.
fn place_outside(label: &Label, main: FileId, source: &Source) -> Option<String> {
    let site = source.site(label.span.start);
    let name = source.name_of(FileId(site.file));
    (site.file != main.0).then(|| format!("{name}:{}:{}: {}", site.line, site.column, label.text))
}

/// Escapes the message of a workflow command.
fn escaped(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// Escapes a property of a workflow command.
fn property(text: &str) -> String {
    escaped(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use super::super::codes::Code;
    use super::super::source::Span;
    use super::*;

    /// Two files, and a finding that speaks of both.
    fn two_files() -> (Source, Diagnostic) {
        let mut source = Source::new("config.yaml", "a: 1\nsecret: hunter2\n");
        let base = source.add("base.yaml", "é: 0\nx: 2\nsecret: hunter3");
        let start = source.span_of(base).start as usize;
        let second = Span::new(start + 6, start + 7);
        let finding = Diagnostic::new(Code::SetTwice, "set twice");
        (source, finding.label(second, "here").label(Span::new(0, 1), "and here"))
    }

    #[test]
    fn labels_of_two_files_are_both_shown() {
        let (source, finding) = two_files();
        let human = render(std::slice::from_ref(&finding), &source, Style::Human { color: false });
        let (base, main) =
            (human.find("base.yaml:2:1").unwrap(), human.find("config.yaml").unwrap());
        assert!(base < main, "{human}");
        assert!(human.contains("2 │ x: 2") && human.contains("1 │ a: 1"), "{human}");
        assert!(!human.contains("hunter"));
        let json = render(std::slice::from_ref(&finding), &source, Style::Json);
        let json: serde_json::Value = serde_json::from_str(&json).unwrap();
        assert_eq!(
            (&json["file"], &json["labels"][1]["file"]),
            (&"base.yaml".into(), &"config.yaml".into())
        );
        assert_eq!(json["labels"][0]["line"], 2);
        let github = render(&[finding], &source, Style::Github);
        assert_eq!(
            github,
            "::error file=base.yaml,line=2,col=1,title=E203::set twice%0A\
             config.yaml:1:1: and here\n"
        );
    }
}
