//! A scalar's text and the way back from a byte of that text to a byte of the file.
//!
//! Invariants: `places` never points outside the scalar's span. Escapes, folding and block
//! indentation make text and file differ; `place_in_file` walks both side by side.

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

    /// The places in the file of a byte range of the text.
    pub fn span_in_file(&self, source: &Source, span: Span, range: std::ops::Range<usize>) -> Span {
        let raw = source.slice(span);
        let map = self.map(raw);
        let place = |at: usize| map.get(at).copied().unwrap_or(raw.len()) + span.start as usize;
        let start = place(range.start);
        let end = match range.end > range.start {
            true => place(range.end - 1) + char_len(source.text(), place(range.end - 1)),
            false => start,
        };
        Span::new(start.min(span.end as usize), end.clamp(start, (span.end as usize).max(start)))
    }

    /// For each byte of the text the byte of `raw` it comes from.
    fn map(&self, raw: &str) -> Vec<usize> {
        let mut cursor = Cursor { raw, at: self.first_byte(raw) };
        let mut map = Vec::with_capacity(self.text.len());
        for c in self.text.chars() {
            let place = cursor.take(c, self.style).min(raw.len());
            map.extend(std::iter::repeat_n(place, c.len_utf8()));
        }
        map
    }

    fn first_byte(&self, raw: &str) -> usize {
        match self.style {
            ScalarStyle::Plain => 0,
            ScalarStyle::Single | ScalarStyle::Double => 1,
            ScalarStyle::Block => raw.find('\n').map_or(raw.len(), |at| at + 1),
        }
    }
}

fn char_len(text: &str, at: usize) -> usize {
    text.get(at..).and_then(|rest| rest.chars().next()).map_or(0, char::len_utf8)
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
    use super::super::{Node, NodeKind, parse};
    use super::*;

    fn scalar_of(text: &str) -> (Source, Node) {
        let source = Source::new("x", text);
        let root = parse(&source, &mut Findings::default()).unwrap();
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
            let span = scalar.span_in_file(&source, node.span, at..at + 2);
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
