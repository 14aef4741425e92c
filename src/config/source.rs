//! A configuration's text and the places in it.
//!
//! Invariants: a span is a byte range of `Source::text` on character boundaries; lines and columns
//! are 1-based and columns count characters. Used by everything in `config`.

use crate::pipeline::program::Site;

/// A byte range of a source.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span {
    pub start: u32,
    pub end: u32,
}

impl Span {
    pub fn new(start: usize, end: usize) -> Span {
        Span { start: start as u32, end: end.max(start) as u32 }
    }

    pub fn range(self) -> std::ops::Range<usize> {
        self.start as usize..self.end as usize
    }
}

/// A named text, without a byte order mark.
#[derive(Clone, Debug, Default)]
pub struct Source {
    name: String,
    text: String,
    ascii: bool,
    /// Where each line begins.
    lines: Vec<u32>,
}

impl Source {
    pub fn new(name: impl Into<String>, text: impl Into<String>) -> Source {
        let mut text = text.into();
        if text.starts_with('\u{feff}') {
            text.drain(..'\u{feff}'.len_utf8());
        }
        let lines = std::iter::once(0)
            .chain(text.bytes().zip(1u32..).filter(|(byte, _)| *byte == b'\n').map(|(_, at)| at))
            .collect();
        Source { name: name.into(), ascii: text.is_ascii(), text, lines }
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    pub fn text(&self) -> &str {
        &self.text
    }

    pub fn slice(&self, span: Span) -> &str {
        self.text.get(span.range()).unwrap_or_default()
    }

    /// 0-based number of the line that holds this byte.
    pub fn line_of(&self, offset: u32) -> usize {
        self.lines.partition_point(|start| *start <= offset).saturating_sub(1)
    }

    /// Where a line (0-based) begins; the end of the text for a line that does not exist.
    pub fn line_start(&self, line: usize) -> usize {
        self.lines.get(line).map_or(self.text.len(), |start| *start as usize)
    }

    /// The byte of a line and column.
    pub fn offset(&self, site: Site) -> usize {
        let start = self.line_start(site.line.saturating_sub(1) as usize);
        let before = self.text[start..].chars().take(site.column.saturating_sub(1) as usize);
        start + before.map(char::len_utf8).sum::<usize>()
    }

    /// The line and column of a byte.
    pub fn site(&self, offset: u32) -> Site {
        let line = self.line_of(offset);
        let before = Span::new(self.line_start(line), offset as usize);
        let chars = match self.ascii {
            true => before.range().len(),
            false => self.slice(before).chars().count(),
        };
        Site { line: line as u32 + 1, column: chars as u32 + 1 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_count_characters_and_a_byte_order_mark_is_nothing() {
        let source = Source::new("x", "\u{feff}a: é!\nb: 1\n");
        assert_eq!(source.site(0), Site { line: 1, column: 1 });
        assert_eq!(source.site(5), Site { line: 1, column: 5 });
        assert_eq!(source.site(7), Site { line: 2, column: 1 });
        assert_eq!(source.site(99), Site { line: 3, column: 1 });
    }
}
