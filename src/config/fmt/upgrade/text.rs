//! Templates to expressions, and JSON in a text to data.
//!
//! Invariants: a hole inside a JSON string stays a string whatever fills it (`string(...)`); a hole
//! at a value's place keeps its type.

use super::super::super::compile::holes;
use super::super::super::diagnostic::Findings;
use super::super::super::source::{FileId, Source, Span};
use super::super::super::yaml::layout::{self, Kind, Piece};
use super::super::super::yaml::{self, ScalarStyle};
use super::{Stays, plain, quoted};

/// Marks a hole at a value's place while the JSON is read; no JSON text holds it bare.
const MARK: char = '\u{1}';

/// A text with templates as a text with expressions.
pub fn words(text: &str) -> Result<String, Stays> {
    let mut out = String::new();
    let mut from = 0;
    for hole in holes(text) {
        out += literal(&text[from..hole.range.start])?;
        out += &format!("${{{}}}", expression(&text[hole.name])?);
        from = hole.range.end;
    }
    Ok(out + literal(&text[from..])?)
}

/// The fields of the payload that a text needs, as steps of their paths.
pub fn fields(text: &str) -> Result<Vec<Vec<String>>, Stays> {
    let mut found = Vec::new();
    for hole in holes(text) {
        let path = expression(&text[hole.name])?;
        if let Some(path) = path.strip_prefix("payload.") {
            found.push(path.split('.').map(str::to_owned).collect());
        }
    }
    Ok(found)
}

fn literal(text: &str) -> Result<&str, Stays> {
    match text.contains("${") {
        true => Err("a text has `${` in it, which would become an expression".into()),
        false => Ok(text),
    }
}

/// The expression of a template's name (`.payload.x`, `$user.id`).
fn expression(name: &str) -> Result<String, Stays> {
    if let Some(variable) = name.strip_prefix('$') {
        return match variable {
            "user.id" | "conn.id" => Ok(variable.into()),
            "target.id" => Ok("target".into()),
            _ => Err(format!("`{{{name}}}` has no native form yet")),
        };
    }
    let path = name.strip_prefix('.').unwrap_or(name);
    let path = match path.split('.').next() {
        Some("payload") => path.to_owned(),
        _ => format!("payload.{path}"),
    };
    match path.split('.').all(is_name) {
        true => Ok(path),
        false => Err(format!("an expression cannot name the path `{{{name}}}`")),
    }
}

/// Whether an expression can name it.
pub fn is_name(name: &str) -> bool {
    const WORDS: [&str; 4] = ["true", "false", "null", "in"];
    let usable = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
    let first = name.bytes().next().is_some_and(|b| !b.is_ascii_digit());
    first && name.bytes().all(usable) && !WORDS.contains(&name)
}

/// JSON with templates as data; all of it takes the place `span`.
pub fn payload(text: &str, span: Span) -> Result<Piece, Stays> {
    let marked = Source::new("payload", marked(text)?);
    let mut findings = Findings::default();
    yaml::parse(&marked, FileId::default(), &mut findings);
    let root = layout::read(&marked, FileId::default()).root;
    match root.filter(|_| !findings.any_error()) {
        Some(root) => placed(root, span),
        None => Err("a payload cannot be read as data".into()),
    }
}

/// The text with each hole at a value's place as a marked string, so that it is JSON.
fn marked(text: &str) -> Result<String, Stays> {
    let mut out = String::new();
    let mut from = 0;
    let mut inside = false;
    for hole in holes(text) {
        let between = &text[from..hole.range.start];
        inside ^= quotes(between) % 2 == 1;
        out += between;
        match inside {
            true => out += &text[hole.range.clone()],
            false => out += &format!("\"\\u0001{}\"", expression(&text[hole.name])?),
        }
        from = hole.range.end;
    }
    Ok((out + &text[from..]).replace(['\n', '\r', '\t'], " "))
}

/// Quotes of a part of a JSON text that are not escaped.
fn quotes(text: &str) -> usize {
    let mut escaped = false;
    let mut count = 0;
    for c in text.chars() {
        count += usize::from(c == '"' && !escaped);
        escaped = c == '\\' && !escaped;
    }
    count
}

/// A piece of the marked text as a piece of the file.
fn placed(piece: Piece, span: Span) -> Result<Piece, Stays> {
    let kind = match piece.kind {
        Kind::Scalar(written) if written.style == ScalarStyle::Plain => {
            return Ok(plain(&written.text, span));
        }
        Kind::Scalar(written) => return string(&written.text, span),
        Kind::Alias(_) => return Err("a payload has an alias in it".into()),
        Kind::List { items, .. } => {
            let items: Result<Vec<Piece>, Stays> =
                items.into_iter().map(|item| placed(item, span)).collect();
            Kind::List { flow: true, items: items? }
        }
        Kind::Map { entries, .. } => {
            let entries: Result<Vec<(Piece, Piece)>, Stays> =
                entries.into_iter().map(|(key, value)| entry(key, value, span)).collect();
            Kind::Map { flow: true, entries: entries? }
        }
    };
    Ok(Piece { span, anchor: None, kind })
}

fn entry(key: Piece, value: Piece, span: Span) -> Result<(Piece, Piece), Stays> {
    let Kind::Scalar(written) = &key.kind else { return Err("a key is not a text".into()) };
    let strange = written.text.starts_with('$') || written.text.starts_with(MARK);
    if strange || !holes(&written.text).is_empty() {
        return Err("a key of a payload has a template in it, or a `$`".into());
    }
    Ok((quoted(&written.text, span), placed(value, span)?))
}

/// A JSON string with its holes.
fn string(text: &str, span: Span) -> Result<Piece, Stays> {
    if let Some(expression) = text.strip_prefix(MARK) {
        return Ok(quoted(&format!("${{{expression}}}"), span));
    }
    let found = holes(text);
    let text = match found.as_slice() {
        [hole] if hole.range == (0..text.len()) && text.starts_with("{.") => {
            format!("${{string({})}}", expression(&text[hole.name.clone()])?)
        }
        _ => words(text)?,
    };
    Ok(quoted(&text, span))
}
