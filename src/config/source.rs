//! The texts of a configuration, one or several files, and the places in them.
//!
//! All files lie one behind the other in one text, so a span, two offsets, says its file too.
//!
//! Invariants: a span is a byte range of `Source::text` on character boundaries and within one
//! file; lines and columns are 1-based and columns count characters; the first file is the one that
//! was asked for. Used by everything in `config`.

use crate::pipeline::program::Site;

/// A byte range of a source; it lies in one file.
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

/// A file of a source: its place in the order in which they were added.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct FileId(pub u16);

/// One or several named texts, without byte order marks.
#[derive(Clone, Debug, Default)]
pub struct Source {
    /// Every file, each followed by a line end that is not part of it.
    text: String,
    files: Vec<File>,
    /// Where each line begins, of all files.
    lines: Vec<u32>,
}

#[derive(Clone, Debug, Default)]
struct File {
    name: String,
    span: Span,
    ascii: bool,
    /// Number of its first line among all lines.
    first_line: usize,
}

impl Source {
    pub fn new(name: impl Into<String>, text: impl AsRef<str>) -> Source {
        let mut source = Source::default();
        source.add(name, text);
        source
    }

    /// Adds a file behind the others.
    pub fn add(&mut self, name: impl Into<String>, text: impl AsRef<str>) -> FileId {
        let text = text.as_ref();
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let start = self.text.len();
        let first_line = self.lines.len();
        let behind_breaks = text.bytes().zip(1..).filter(|(byte, _)| *byte == b'\n');
        let starts = std::iter::once(0).chain(behind_breaks.map(|(_, at)| at));
        self.lines.extend(starts.map(|at: usize| (start + at) as u32));
        self.text.push_str(text);
        let span = Span::new(start, self.text.len());
        self.text.push('\n');
        let file = File { name: name.into(), span, ascii: text.is_ascii(), first_line };
        self.files.push(file);
        FileId((self.files.len() - 1) as u16)
    }

    /// The name of the first file.
    pub fn name(&self) -> &str {
        self.name_of(FileId::default())
    }

    pub fn name_of(&self, file: FileId) -> &str {
        self.file(file).map_or("", |file| &file.name)
    }

    /// The text of all files. A place in it is a place of a span.
    pub fn text(&self) -> &str {
        &self.text
    }

    pub fn text_of(&self, file: FileId) -> &str {
        self.slice(self.span_of(file))
    }

    /// The whole of a file.
    pub fn span_of(&self, file: FileId) -> Span {
        self.file(file).map(|file| file.span).unwrap_or_default()
    }

    pub fn files(&self) -> impl Iterator<Item = FileId> + use<> {
        (0..self.files.len() as u16).map(FileId)
    }

    /// The file that holds this byte (its end included).
    pub fn file_at(&self, offset: u32) -> FileId {
        let behind = self.files.partition_point(|file| file.span.start <= offset);
        FileId(behind.saturating_sub(1) as u16)
    }

    pub fn slice(&self, span: Span) -> &str {
        self.text.get(span.range()).unwrap_or_default()
    }

    /// The whole lines from one byte's to another's, of the file of the first.
    pub fn lines(&self, from: u32, to: u32) -> Span {
        let file = self.span_of(self.file_at(from));
        let start = self.lines.get(self.line_of(from)).map_or(file.start, |start| *start);
        let end = self.lines.get(self.line_of(to) + 1).map_or(file.end, |end| *end);
        Span { start, end: end.min(file.end) }
    }

    /// The byte of a place.
    pub fn offset(&self, site: Site) -> usize {
        let Some(file) = self.file(FileId(site.file)) else { return 0 };
        let line = file.first_line + site.line.saturating_sub(1) as usize;
        let start = self.lines.get(line).map_or(file.span.end, |start| *start) as usize;
        let before = self.text.get(start..).unwrap_or_default().chars();
        let before = before.take(site.column.saturating_sub(1).into());
        start + before.map(char::len_utf8).sum::<usize>()
    }

    /// The file, line and column of a byte.
    pub fn site(&self, offset: u32) -> Site {
        let id = self.file_at(offset);
        let line = self.line_of(offset);
        let start = self.lines.get(line).map_or(0, |start| *start as usize);
        let before = Span::new(start, offset as usize);
        let file = self.file(id);
        let chars = match file.is_none_or(|file| file.ascii) {
            true => before.range().len(),
            false => self.slice(before).chars().count(),
        };
        let line = line - file.map_or(0, |file| file.first_line);
        let column = u16::try_from(chars + 1).unwrap_or(u16::MAX);
        Site { line: line as u32 + 1, column, file: id.0 }
    }

    /// 0-based number, among all lines, of the line that holds this byte.
    fn line_of(&self, offset: u32) -> usize {
        self.lines.partition_point(|start| *start <= offset).saturating_sub(1)
    }

    fn file(&self, file: FileId) -> Option<&File> {
        self.files.get(usize::from(file.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(line: u32, column: u16, file: u16) -> Site {
        Site { line, column, file }
    }

    #[test]
    fn columns_count_characters_and_a_byte_order_mark_is_nothing() {
        let source = Source::new("x", "\u{feff}a: é!\nb: 1\n");
        assert_eq!(source.site(0), at(1, 1, 0));
        assert_eq!(source.site(5), at(1, 5, 0));
        assert_eq!(source.site(7), at(2, 1, 0));
        assert_eq!(source.site(12), at(3, 1, 0));
        assert_eq!(Source::default().site(3), at(1, 4, 0));
    }

    #[test]
    fn every_byte_of_every_file_has_its_own_place() {
        let mut source = Source::default();
        let texts = ["a: é!\nb: 1\n", "", "\u{feff}c", "d: ü\n\ne"];
        for (place, text) in texts.iter().enumerate() {
            assert_eq!(source.add(format!("f{place}"), text), FileId(place as u16));
        }
        assert_eq!(source.text_of(FileId(2)), "c");
        for file in source.files() {
            let span = source.span_of(file);
            let ends =
                source.slice(span).char_indices().map(|(at, _)| at).chain([span.range().len()]);
            for offset in ends.map(|at| span.start + at as u32) {
                let site = source.site(offset);
                assert_eq!((site.file, source.offset(site)), (file.0, offset as usize));
            }
            let whole = source.lines(span.start, span.end);
            assert_eq!(source.slice(whole), source.text_of(file));
        }
        assert_eq!(source.site(source.span_of(FileId(3)).end), at(3, 2, 3));
        assert_eq!(source.offset(at(9, 9, 9)), 0);
    }

    #[test]
    fn a_column_too_far_to_the_right_is_the_last_one() {
        let source = Source::new("x", "y".repeat(70_000));
        assert_eq!(source.site(69_999), at(1, u16::MAX, 0));
    }
}
