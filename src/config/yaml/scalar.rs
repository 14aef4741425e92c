//! A scalar's text and the way back from a byte of that text to a byte of the file.
//!
//! Invariants: a place never lies outside the scalar's span. Escapes, folding and block indentation
//! make text and file differ; `map` walks both side by side, once for each parameter.

use super::super::source::{Source, Span};

/// How a scalar is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ScalarStyle {
    Plain,
    Single,
    Double,
    /// `|` or `>`.
    Block,
}

/// A scalar.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scalar {
    pub text: String,
    pub style: ScalarStyle,
}

impl Scalar {
    pub fn is_null(&self) -> bool {
        self.style == ScalarStyle::Plain && matches!(self.text.as_str(), "" | "~" | "null")
    }

    /// The way back to the file, for a scalar that stands at `span`.
    pub fn places(&self, source: &Source, span: Span) -> Places {
        let mut starts = self.map(source.slice(span));
        starts.iter_mut().for_each(|at| *at += span.start);
        Places { starts, end: span.end }
    }

    /// For each byte of the text the byte of `raw` it comes from.
    fn map(&self, raw: &str) -> Vec<u32> {
        let mut cursor = Cursor { raw, at: self.first_byte() };
        let mut map = Vec::with_capacity(self.text.len());
        for c in self.text.chars() {
            let place = cursor.take(c, self.style).min(raw.len());
            map.extend(std::iter::repeat_n(place as u32, c.len_utf8()));
        }
        map
    }

    fn first_byte(&self) -> usize {
        match self.style {
            // The parser's span of a block begins at its first line, not at its `|`.
            ScalarStyle::Plain | ScalarStyle::Block => 0,
            ScalarStyle::Single | ScalarStyle::Double => 1,
        }
    }
}

/// For each byte of a scalar's text its byte in the file.
#[derive(Debug)]
pub struct Places {
    starts: Vec<u32>,
    end: u32,
}

impl Places {
    /// The places in the file of a byte range of the text, to the end of its last character.
    pub fn span(&self, source: &Source, range: std::ops::Range<usize>) -> Span {
        let place =
            |at: usize| self.starts.get(at).map_or(self.end, |at| (*at).min(self.end)) as usize;
        let start = place(range.start);
        let end = match range.end > range.start {
            true => behind(source.text(), place(range.end - 1)),
            false => start,
        };
        Span::new(start, end)
    }
}

/// The end of the character that begins here.
fn behind(text: &str, at: usize) -> usize {
    at + text.get(at..).and_then(|rest| rest.chars().next()).map_or(0, char::len_utf8)
}

struct Cursor<'r> {
    raw: &'r str,
    at: usize,
}

impl Cursor<'_> {
    fn rest(&self) -> &str {
        self.raw.get(self.at..).unwrap_or_default()
    }

    /// The place of the next character of the text; moves behind it.
    fn take(&mut self, wanted: char, style: ScalarStyle) -> usize {
        self.skip_layout(wanted, style);
        let place = self.at;
        self.at += match (style, self.rest().as_bytes()) {
            (ScalarStyle::Double, [b'\\', escape, ..]) => escape_len(*escape),
            (ScalarStyle::Single, [b'\'', b'\'', ..]) => 2,
            _ if wanted.is_whitespace() && !self.rest().starts_with(wanted) => self.blank_len(),
            _ => self.rest().chars().next().map_or(0, char::len_utf8),
        };
        place
    }

    /// Steps over what is layout and not text: folded line ends, indentation, escaped line ends.
    fn skip_layout(&mut self, wanted: char, style: ScalarStyle) {
        while style == ScalarStyle::Double && self.rest().starts_with("\\\n") {
            self.at += 2;
            self.at += self.blank_len();
        }
        if !wanted.is_whitespace() {
            self.at += self.blank_len();
        }
    }

    fn blank_len(&self) -> usize {
        self.rest().len() - self.rest().trim_start().len()
    }
}

/// Length of an escape of a double-quoted scalar (YAML 1.2 section 5.7).
fn escape_len(kind: u8) -> usize {
    match kind {
        b'x' => 4,
        b'u' => 6,
        b'U' => 10,
        _ => 2,
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::diagnostic::Findings;
    use super::super::super::source::FileId;
    use super::super::{Node, NodeKind, parse};
    use super::*;

    fn scalar_of(text: &str) -> (Source, Node) {
        let source = Source::new("x", text);
        let root = parse(&source, FileId(0), &mut Findings::default()).unwrap();
        let NodeKind::Map(mut entries) = root.kind else { panic!("{text}") };
        (source, entries.remove(0).value)
    }

    #[test]
    fn a_place_in_the_text_is_a_place_in_the_file() {
        for text in [
            "k: a ~b\n",
            "k: 'it''s ~b'\n",
            "k: \"a\\tb\\u00e9\\\"~b\"\n",
            "k: \"folded\n  twice\n\n  ~b\"\n",
            "k: \"joined \\\n   ~b\"\n",
            "k: plain\n  folded ~b\n",
            "k: |\n  {\n    é: ~b\n  }\n",
            "k: |2-\n   x\n\n\n  ~b\n",
            "k: >-\n  folded\n  text\n\n  ~b\n",
        ] {
            let (source, node) = scalar_of(text);
            let scalar = node.as_scalar().unwrap();
            let at = scalar.text.find('~').unwrap();
            let span = scalar.places(&source, node.span).span(&source, at..at + 2);
            assert_eq!(source.slice(span), "~b", "{text}");
        }
    }

    #[test]
    fn spans_of_values_are_exact() {
        for (text, value) in [
            ("k: plain # note\n", "plain"),
            ("k: 'single'  # note\n", "'single'"),
            ("k: \"double\"\n", "\"double\""),
            ("k: [1, 2]  # note\n", "[1, 2]"),
            ("k: { a: é }\n", "{ a: é }"),
            ("k:\n  a: 1\n  b: 2\n\n# note\nl: 1\n", "a: 1\n  b: 2"),
        ] {
            let (source, node) = scalar_of(text);
            assert_eq!(source.slice(node.span), value, "{text}");
        }
    }
}
