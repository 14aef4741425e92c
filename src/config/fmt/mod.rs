//! The canonical layout of a configuration: indentation, spacing, as few quotes as do.
//!
//! Invariants: what is written means what was read (it is read again and compared, else it is
//! refused); comments are kept; formatting twice changes nothing more. Called by `shardwire fmt`.

mod print;
mod upgrade;

use super::codes::Code;
use super::diagnostic::{Diagnostic, Findings};
use super::source::{FileId, Source, Span};
use super::yaml::{self, Entry, Node, NodeKind, ScalarStyle, layout, write};

/// Times a file is printed again at most.
const ROUNDS_MAX: usize = 4;

/// A file in the native spelling.
pub struct Upgraded {
    pub text: String,
    /// What was left as it is, and what has another effect now, by event.
    pub notes: Vec<String>,
}

/// Rewrites the compatible spelling into the native one.
pub fn upgrade(source: &Source) -> Result<Upgraded, Vec<Diagnostic>> {
    let mut findings = Findings::default();
    yaml::parse(source, FileId::default(), &mut findings);
    if findings.any_error() {
        return Err(findings.sorted());
    }
    let mut layout = layout::read(source, FileId::default());
    let notes = upgrade::upgrade(source, &mut layout);
    let text = print::print(source, &layout);
    let text = format(&Source::new(source.name(), &text))?;
    Ok(Upgraded { text, notes })
}

/// The text of a file in its canonical layout.
pub fn format(source: &Source) -> Result<String, Vec<Diagnostic>> {
    let mut findings = Findings::default();
    let main = FileId::default();
    let before = yaml::parse(source, main, &mut findings);
    if findings.any_error() {
        return Err(findings.sorted());
    }
    let text = settled(source);
    let again = Source::new(source.name(), &text);
    let after = yaml::parse(&again, main, &mut findings);
    match !findings.any_error() && same(before.as_ref(), after.as_ref()) {
        true => Ok(text),
        false => Err(vec![no_layout(source)]),
    }
}

/// Prints until nothing changes: a comment behind what was broken into lines may have to move once
/// more.
fn settled(source: &Source) -> String {
    let print = |source: &Source| print::print(source, &layout::read(source, FileId::default()));
    let mut text = print(source);
    for _ in 0..ROUNDS_MAX {
        let again = print(&Source::new(source.name(), &text));
        if again == text {
            break;
        }
        text = again;
    }
    text
}

fn no_layout(source: &Source) -> Diagnostic {
    let line = source.lines(0, 0);
    Diagnostic::new(Code::NoLayout, "this file cannot be laid out without a change of its meaning")
        .label(Span::new(line.start as usize, line.start as usize), "nothing was written")
        .help("an anchor on a key, or a rare kind of scalar, may be the reason")
}

/// Whether two trees mean the same.
fn same(one: Option<&Node>, other: Option<&Node>) -> bool {
    match (one, other) {
        (Some(one), Some(other)) => same_node(one, other),
        (one, other) => one.is_none() && other.is_none(),
    }
}

/// Trees are at most `DEPTH_MAX` deep, so recursion is bounded.
fn same_node(one: &Node, other: &Node) -> bool {
    match (&one.kind, &other.kind) {
        (NodeKind::Scalar(one), NodeKind::Scalar(other)) => {
            let typed = |style| style == ScalarStyle::Plain && write::is_typed(&one.text);
            one.text == other.text && typed(one.style) == typed(other.style)
        }
        (NodeKind::List(one), NodeKind::List(other)) => {
            let mut pairs = one.iter().zip(other);
            one.len() == other.len() && pairs.all(|(one, other)| same_node(one, other))
        }
        (NodeKind::Map(one), NodeKind::Map(other)) => {
            let mut pairs = one.iter().zip(other);
            let same = |(one, other): (&Entry, &Entry)| {
                one.key == other.key && same_node(&one.value, &other.value)
            };
            one.len() == other.len() && pairs.all(same)
        }
        _ => false,
    }
}
