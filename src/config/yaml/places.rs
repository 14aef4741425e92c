//! From the parser's places to bytes of the source, and to the true ends of scalars.
//!
//! Invariants: a place lies in the file that is read. Used by `tree` and `layout`.

use saphyr_parser::{Marker, ScalarStyle as ParsedStyle};

use super::super::source::{Source, Span};
use super::ScalarStyle;

pub fn style_of(style: ParsedStyle) -> ScalarStyle {
    match style {
        ParsedStyle::Plain => ScalarStyle::Plain,
        ParsedStyle::SingleQuoted => ScalarStyle::Single,
        ParsedStyle::DoubleQuoted => ScalarStyle::Double,
        ParsedStyle::Literal | ParsedStyle::Folded => ScalarStyle::Block,
    }
}

/// The parser lets the spans of some scalars run on into the white space or comment behind them.
pub fn trimmed(source: &Source, span: Span, style: ScalarStyle) -> Span {
    let text = source.slice(span);
    let len = match style {
        ScalarStyle::Plain | ScalarStyle::Block => text.trim_end().len(),
        ScalarStyle::Single | ScalarStyle::Double => quoted_len(text.as_bytes()),
    };
    Span::new(span.start as usize, span.start as usize + len)
}

/// The parser lets the span of a value begin at its anchor: the anchor's name and the value's own
/// span.
pub fn behind_anchor(source: &Source, span: Span) -> (Option<&str>, Span) {
    let text = source.slice(span);
    let Some(anchored) = text.strip_prefix('&') else { return (None, span) };
    let ends = |c: char| c.is_whitespace() || ",[]{}".contains(c);
    let (name, mut rest) = anchored.split_at(anchored.find(ends).unwrap_or(anchored.len()));
    loop {
        rest = rest.trim_start();
        match rest.starts_with('#') {
            true => rest = rest.split_once('\n').map_or("", |(_, rest)| rest),
            false => break,
        }
    }
    (Some(name), Span::new(span.end as usize - rest.len(), span.end as usize))
}

/// Length of the quoted scalar that these bytes begin with.
pub fn quoted_len(bytes: &[u8]) -> usize {
    let quote = bytes.first().copied().unwrap_or_default();
    let mut at = 1;
    while let Some(byte) = bytes.get(at) {
        let next = bytes.get(at + 1);
        at += match (*byte, quote) {
            (b'\\', b'"') => 2,
            (b'\'', b'\'') if next == Some(&b'\'') => 2,
            (byte, quote) if byte == quote => return at + 1,
            _ => 1,
        };
    }
    bytes.len()
}

/// From the parser's places to bytes. They are taken as line and column, both in characters,
/// because the parser's running index drifts behind comments that are not ASCII.
pub struct Offsets {
    /// Where each character begins; empty where the text is ASCII.
    bytes: Vec<u32>,
    /// Number of the first character of each line.
    lines: Vec<u32>,
    len: usize,
    /// Where the file begins among all files.
    base: usize,
}

impl Offsets {
    pub fn of(text: &str, base: usize) -> Offsets {
        let bytes = match text.is_ascii() {
            true => Vec::new(),
            false => text.char_indices().map(|(at, _)| at as u32).collect(),
        };
        let behind = text.chars().skip(1).chain(['\0']);
        let breaks = |(c, next): (char, char)| c == '\n' || (c == '\r' && next != '\n');
        let ends = text.chars().zip(behind).map(breaks).zip(1u32..);
        let begins = ends.filter(|(ends, _)| *ends).map(|(_, at)| at);
        let lines = std::iter::once(0).chain(begins).collect();
        Offsets { bytes, lines, len: text.len(), base }
    }

    pub fn byte(&self, place: &Marker) -> usize {
        let line = self.lines.get(place.line().saturating_sub(1));
        let index = line.map_or(self.len, |first| *first as usize + place.col());
        let at = match self.bytes.is_empty() {
            true => index.min(self.len),
            false => self.bytes.get(index).map_or(self.len, |at| *at as usize),
        };
        self.base + at
    }

    pub fn span(&self, span: saphyr_parser::Span) -> Span {
        Span::new(self.byte(&span.start), self.byte(&span.end))
    }
}
