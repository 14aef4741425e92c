//! A file as it is laid out: pieces with their anchors and styles, and the comments between them.
//!
//! Invariants: read only from texts that `parse` accepts, so nesting and size are bounded; aliases
//! are not expanded; a comment lies in no piece. Used by `fmt`.

use saphyr_parser::{Event, Parser};

use super::super::source::{FileId, Source, Span};
use super::ScalarStyle;
use super::places::{Offsets, behind_anchor, style_of, trimmed};

/// A value as it is written.
#[derive(Clone, Debug)]
pub struct Piece {
    /// Where it stands; for what `fmt` made itself, where what it was made of stands.
    pub span: Span,
    /// Its name for aliases.
    pub anchor: Option<String>,
    pub kind: Kind,
}

#[derive(Clone, Debug)]
pub enum Kind {
    Scalar(Written),
    /// The name after `*`.
    Alias(String),
    List {
        flow: bool,
        items: Vec<Piece>,
    },
    Map {
        flow: bool,
        entries: Vec<(Piece, Piece)>,
    },
}

/// A scalar as it is written.
#[derive(Clone, Debug)]
pub struct Written {
    pub text: String,
    pub style: ScalarStyle,
    /// The lines of a folded block, without their indentation.
    pub folded: Option<String>,
}

/// A comment with its `#`.
#[derive(Clone, Debug)]
pub struct Comment {
    pub span: Span,
    /// Nothing else stands on its line.
    pub alone: bool,
}

/// A file as it is laid out.
#[derive(Debug, Default)]
pub struct Layout {
    pub root: Option<Piece>,
    pub comments: Vec<Comment>,
}

/// Reads the layout of a file that `parse` accepted.
pub fn read(source: &Source, file: FileId) -> Layout {
    let base = source.span_of(file).start as usize;
    let text = source.text_of(file);
    let offsets = Offsets::of(text, base);
    let mut reader =
        Reader { source, at: base, layout: Layout::default(), open: Vec::new(), gap: 0..0 };
    for (event, span) in Parser::new_from_str(text).map_while(Result::ok) {
        reader.event(event, offsets.span(span));
    }
    reader.gap_until(base + text.len());
    reader.layout
}

struct Open {
    start: usize,
    anchor: Option<String>,
    map: bool,
    flow: bool,
    pieces: Vec<Piece>,
}

struct Reader<'s> {
    source: &'s Source,
    /// The end of the last token.
    at: usize,
    layout: Layout,
    open: Vec<Open>,
    /// What lies between the last token and this one.
    gap: std::ops::Range<usize>,
}

impl Reader<'_> {
    fn event(&mut self, event: Event<'_>, span: Span) {
        match event {
            Event::Scalar(text, style, _, _) => {
                let style = style_of(style);
                let (anchor, span) = behind_anchor(self.source, span);
                let anchor = anchor.map(str::to_owned);
                let span = trimmed(self.source, span, style);
                self.gap_until(span.start as usize);
                let folded = (style == ScalarStyle::Block && self.header() == Some('>'))
                    .then(|| self.lines_of(span));
                let kind = Kind::Scalar(Written { text: text.into_owned(), style, folded });
                self.at = self.at.max(span.end as usize);
                self.place(Piece { span, anchor, kind });
            }
            Event::Alias(_) => {
                self.gap_until(span.start as usize);
                let name = self.source.slice(span).trim().trim_start_matches('*').to_owned();
                self.at = self.at.max(span.start as usize + name.len() + 1);
                let span = Span::new(span.start as usize, self.at);
                self.place(Piece { span, anchor: None, kind: Kind::Alias(name) });
            }
            Event::SequenceStart(..) => self.begin(span, false),
            Event::MappingStart(..) => self.begin(span, true),
            Event::SequenceEnd | Event::MappingEnd => self.end(span),
            _ => {}
        }
    }

    fn begin(&mut self, span: Span, map: bool) {
        // The span of a start may be that of its first token only.
        let to_end = Span::new(span.start as usize, self.source.text().len());
        let (anchor, span) = match !map && self.is_behind_its_mark(span.start as usize) {
            true => (None, to_end),
            false => behind_anchor(self.source, to_end),
        };
        let anchor = anchor.map(str::to_owned);
        let start = span.start as usize;
        self.gap_until(start);
        let flow = matches!(self.source.text().as_bytes().get(start), Some(b'[' | b'{'))
            || self.open.last().is_some_and(|open| open.flow);
        self.open.push(Open { start, anchor, map, flow, pieces: Vec::new() });
    }

    fn end(&mut self, span: Span) {
        let Some(open) = self.open.pop() else { return };
        if open.flow {
            self.gap_until(span.start as usize);
            self.at = self.at.max(span.start as usize + 1);
        }
        let mut pieces = open.pieces.into_iter();
        let kind = match open.map {
            false => Kind::List { flow: open.flow, items: pieces.collect() },
            true => {
                let pair = || Some((pieces.next()?, pieces.next()?));
                Kind::Map { flow: open.flow, entries: std::iter::from_fn(pair).collect() }
            }
        };
        let span = Span::new(open.start, self.at);
        self.place(Piece { span, anchor: open.anchor, kind });
    }

    fn place(&mut self, piece: Piece) {
        match self.open.last_mut() {
            Some(open) => open.pieces.push(piece),
            None => self.layout.root = Some(piece),
        }
    }

    /// Looks for comments from the last token to here.
    fn gap_until(&mut self, to: usize) {
        let from = self.at.min(to);
        self.gap = from..to;
        let source = self.source;
        let mut line_start = from;
        for line in source.slice(Span::new(from, to)).split_inclusive('\n') {
            if let Some(at) = comment_in(line, self.begins_line(line_start)) {
                let start = line_start + at;
                let len = line[at..].trim_end().len();
                let alone = self.begins_line(start);
                self.layout.comments.push(Comment { span: Span::new(start, start + len), alone });
            }
            line_start += line.len();
        }
        self.at = self.at.max(to);
    }

    /// Whether a list that begins here begins at its first item: so it does to the parser where it
    /// is indented like the key it belongs to.
    fn is_behind_its_mark(&self, at: usize) -> bool {
        self.open.last().is_some_and(|open| open.map)
            && self.line_before(at).trim_end().ends_with('-')
    }

    /// Whether only blanks stand before this byte on its line.
    fn begins_line(&self, at: usize) -> bool {
        self.line_before(at).trim().is_empty()
    }

    fn line_before(&self, at: usize) -> &str {
        let before = self.source.text().get(..at).unwrap_or_default();
        before.rsplit('\n').next().unwrap_or_default()
    }

    /// `|` or `>` of a block scalar, which stands in the gap before it.
    fn header(&self) -> Option<char> {
        let gap = self.source.text().get(self.gap.clone())?;
        let line = gap
            .lines()
            .find(|line| line.split(" #").next().is_some_and(|code| code.contains(['|', '>'])))?;
        line.chars().find(|c| matches!(c, '|' | '>'))
    }

    /// The lines of a block scalar without their indentation.
    fn lines_of(&self, span: Span) -> String {
        let text = self.source.text();
        let start = text[..span.start as usize].rfind('\n').map_or(0, |at| at + 1);
        let lines = &text[start..span.end as usize];
        let blanks = |line: &str| line.len() - line.trim_start_matches(' ').len();
        let used = lines.lines().filter(|line| !line.trim().is_empty());
        let indent = used.map(blanks).min().unwrap_or_default();
        let cut = |line: &str| line.get(indent..).unwrap_or_default().to_owned();
        lines.lines().map(cut).collect::<Vec<_>>().join("\n")
    }
}

/// Where a comment begins in a line without scalars.
fn comment_in(line: &str, begins: bool) -> Option<usize> {
    let mut blank = begins;
    for (at, c) in line.char_indices() {
        if c == '#' && (blank || at == 0) {
            return Some(at);
        }
        blank = c.is_whitespace();
    }
    None
}
