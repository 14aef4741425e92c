//! Prints a layout: pieces and the comments between them, in the order of the file.
//!
//! Invariants: every comment is printed once: before the piece it stands above, behind the piece on
//! its line, or at the end of the block it is indented like. Nesting is bounded by the reader.

use super::super::source::{Source, Span};
use super::super::yaml::ScalarStyle;
use super::super::yaml::layout::{Comment, Kind, Layout, Piece, Written};
use super::super::yaml::write;

const COLUMNS: usize = 100;
const INDENT: usize = 2;

/// The text of a layout.
pub fn print(source: &Source, layout: &Layout) -> String {
    let end = source.text().len();
    let mut printer = Printer { source, comments: &layout.comments, out: String::new() };
    if let Some(root) = &layout.root {
        match printer.goes_block(root, 0) {
            true => printer.block(root, 0, end),
            false => {
                printer.before(root.span.start as usize, 0);
                printer.inline(root, 0);
            }
        }
    }
    printer.before(end, 0);
    printer.out
}

struct Printer<'p> {
    source: &'p Source,
    /// Those that are not printed yet.
    comments: &'p [Comment],
    out: String,
}

impl<'p> Printer<'p> {
    /// Prints the comments that stand before this byte, each on a line of its own.
    fn before(&mut self, offset: usize, indent: usize) {
        while let Some((first, rest)) = self.comments.split_first() {
            if first.span.start as usize >= offset {
                break;
            }
            self.comments = rest;
            self.own_line(first, indent);
        }
    }

    fn own_line(&mut self, comment: &Comment, indent: usize) {
        self.blank_line(comment.span.start as usize);
        self.indent(indent);
        self.out.push_str(self.source.slice(comment.span));
        self.out.push('\n');
    }

    /// Keeps one empty line where there were some.
    fn blank_line(&mut self, offset: usize) {
        let before = self.source.text().get(..offset).unwrap_or_default();
        let mut lines = before.rsplit('\n').skip(1);
        let empty = lines.next().is_some_and(|line| line.trim().is_empty());
        if empty && !self.out.is_empty() && !self.out.ends_with("\n\n") {
            self.out.push('\n');
        }
    }

    fn indent(&mut self, indent: usize) {
        self.out.extend(std::iter::repeat_n(' ', indent));
    }

    /// Ends a line; the comment that stood on the line of this byte goes with it.
    fn end_line(&mut self, offset: usize) {
        if let Some((first, rest)) = self.comments.split_first() {
            let between = Span::new(offset, first.span.start as usize);
            let near = first.span.start as usize >= offset;
            if near && !first.alone && !self.source.slice(between).contains('\n') {
                self.comments = rest;
                self.out.push(' ');
                self.out.push_str(self.source.slice(first.span));
            }
        }
        self.out.push('\n');
    }

    /// A list or map, an item or entry a line; `limit` is where the next piece begins.
    fn block(&mut self, piece: &Piece, indent: usize, limit: usize) {
        let starts: Vec<usize> = starts(piece);
        match &piece.kind {
            Kind::Map { entries, .. } => {
                for (at, (key, value)) in entries.iter().enumerate() {
                    let next = starts.get(at + 1).copied().unwrap_or(limit);
                    self.item_begins(starts[at], indent, at == 0);
                    self.entry(key, value, indent, next);
                }
            }
            Kind::List { items, .. } => {
                for (at, item) in items.iter().enumerate() {
                    let next = starts.get(at + 1).copied().unwrap_or(limit);
                    self.item_begins(starts[at], indent, at == 0);
                    self.item(item, indent, next);
                }
            }
            Kind::Scalar(_) | Kind::Alias(_) => {}
        }
        let first = starts.first().copied().unwrap_or_default();
        let column = match &piece.kind {
            Kind::List { .. } => self.marker(first),
            _ => self.column(first),
        };
        // A comment that is indented like what comes next is about that.
        let next = self.column(limit) == column && limit < self.source.text().len();
        self.footer(column + usize::from(next), indent, limit);
    }

    fn item_begins(&mut self, start: usize, indent: usize, first: bool) {
        if !self.out.is_empty() && !self.out.ends_with('\n') {
            return;
        }
        let printed = self.out.len();
        self.before(start, indent);
        if !first || self.out.len() > printed {
            self.blank_line(start);
        }
        self.indent(indent);
    }

    /// The comments behind the last item that are indented like the items.
    fn footer(&mut self, column: usize, indent: usize, limit: usize) {
        while let Some((first, rest)) = self.comments.split_first() {
            let start = first.span.start as usize;
            if start >= limit || !first.alone || self.column(start) < column.max(1) {
                break;
            }
            self.comments = rest;
            self.own_line(first, indent);
        }
    }

    /// What stands before this byte on its line.
    fn line_before(&self, offset: usize) -> &'p str {
        let before = self.source.text().get(..offset).unwrap_or_default();
        before.rsplit('\n').next().unwrap_or_default()
    }

    fn column(&self, offset: usize) -> usize {
        self.line_before(offset).len()
    }

    /// The column of the `-` of an item that begins here.
    fn marker(&self, offset: usize) -> usize {
        let line = self.line_before(offset);
        line.rfind("- ").unwrap_or(line.len())
    }

    fn item(&mut self, item: &Piece, indent: usize, limit: usize) {
        self.out.push('-');
        let nested =
            is_map(item) && item.anchor.is_none() && self.goes_block(item, indent + INDENT);
        if !nested {
            return self.value(item, None, indent, limit);
        }
        self.out.push(' ');
        self.block(item, indent + INDENT, limit);
    }

    fn entry(&mut self, key: &Piece, value: &Piece, indent: usize, limit: usize) {
        self.out.push_str(&flow_text(key, false));
        self.out.push(':');
        self.value(value, Some(key.span.end as usize), indent, limit);
    }

    /// What follows `key:` or `-`.
    fn value(&mut self, value: &Piece, head: Option<usize>, indent: usize, limit: usize) {
        if let Some(anchor) = &value.anchor {
            self.out.push_str(&format!(" &{anchor}"));
        }
        let used = self.out.len() - self.out.rfind('\n').map_or(0, |at| at + 1);
        if self.goes_block(value, used + 1) {
            self.end_head(head, value);
            return self.block(value, indent + INDENT, limit);
        }
        match &value.kind {
            Kind::Scalar(written) if written.style == ScalarStyle::Block => {
                self.block_scalar(value, written, head, indent + INDENT);
            }
            _ => self.inline(value, 1),
        }
    }

    /// Ends the line of a key, with the comment that stands there.
    fn end_head(&mut self, key_end: Option<usize>, value: &Piece) {
        let next = self.comments.first().map(|comment| comment.span.start);
        match key_end.filter(|_| next.is_some_and(|next| next < value.span.start)) {
            Some(end) => self.end_line(end),
            None => self.out.push('\n'),
        }
    }

    /// A value on the rest of the line.
    fn inline(&mut self, value: &Piece, blanks: usize) {
        let text = flow_text(value, false);
        if !text.is_empty() {
            self.indent(blanks);
            self.out.push_str(&text);
        }
        self.end_line(value.span.end as usize);
    }

    fn block_scalar(
        &mut self,
        value: &Piece,
        written: &Written,
        head: Option<usize>,
        indent: usize,
    ) {
        let Some(lines) = block_lines(written) else {
            self.out.push(' ');
            self.out.push_str(&write::scalar(&written.text, true, false));
            return self.end_line(value.span.end as usize);
        };
        self.out.push_str(&format!(" {}", block_header(written)));
        self.end_head(head, value);
        for line in lines.lines() {
            if !line.trim().is_empty() {
                self.indent(indent);
                self.out.push_str(line);
            }
            self.out.push('\n');
        }
        let kept = written.text.len() - written.text.trim_end_matches('\n').len();
        (1..kept).for_each(|_| self.out.push('\n'));
    }

    /// Whether a value goes on lines of its own below its key.
    fn goes_block(&self, value: &Piece, used: usize) -> bool {
        if is_block(value) {
            return true;
        }
        let long = used + flow_text(value, false).chars().count() > COLUMNS;
        is_collection(value)
            && !is_empty(value)
            && (long || self.has_comment(value) || has_block(value))
    }

    fn has_comment(&self, value: &Piece) -> bool {
        let inside =
            |comment: &Comment| value.span.range().contains(&(comment.span.start as usize));
        self.comments.iter().any(inside)
    }
}

/// Where the items of a block begin.
fn starts(piece: &Piece) -> Vec<usize> {
    let start = |piece: &Piece| piece.span.start as usize;
    match &piece.kind {
        Kind::Map { entries, .. } => entries.iter().map(|(key, _)| start(key)).collect(),
        Kind::List { items, .. } => items.iter().map(start).collect(),
        Kind::Scalar(_) | Kind::Alias(_) => Vec::new(),
    }
}

fn is_collection(piece: &Piece) -> bool {
    matches!(piece.kind, Kind::List { .. } | Kind::Map { .. })
}

fn is_map(piece: &Piece) -> bool {
    matches!(piece.kind, Kind::Map { .. })
}

fn is_empty(piece: &Piece) -> bool {
    starts(piece).is_empty()
}

/// Whether it was written as a block.
fn is_block(piece: &Piece) -> bool {
    let block =
        matches!(piece.kind, Kind::List { flow: false, .. } | Kind::Map { flow: false, .. });
    block && !is_empty(piece)
}

/// Whether something in it cannot stand in a flow.
fn has_block(piece: &Piece) -> bool {
    match &piece.kind {
        Kind::Scalar(written) => written.style == ScalarStyle::Block,
        Kind::Alias(_) => false,
        Kind::List { items, .. } => items.iter().any(|item| is_block(item) || has_block(item)),
        Kind::Map { entries, .. } => {
            entries.iter().any(|(_, value)| is_block(value) || has_block(value))
        }
    }
}

/// A piece on one line.
fn flow_text(piece: &Piece, in_flow: bool) -> String {
    let anchor = match (&piece.anchor, in_flow) {
        (Some(anchor), true) => format!("&{anchor} "),
        _ => String::new(),
    };
    anchor
        + &match &piece.kind {
            Kind::Scalar(written) => scalar_text(written, in_flow),
            Kind::Alias(name) => format!("*{name}"),
            Kind::List { items, .. } => {
                let items: Vec<String> = items.iter().map(|item| flow_text(item, true)).collect();
                format!("[{}]", items.join(", "))
            }
            Kind::Map { entries, .. } if entries.is_empty() => "{}".into(),
            Kind::Map { entries, .. } => {
                let entry = |(key, value): &(Piece, Piece)| {
                    let colon = if matches!(key.kind, Kind::Alias(_)) { " :" } else { ":" };
                    let (key, value) = (flow_text(key, true), flow_text(value, true));
                    format!("{key}{colon} {value}")
                };
                let entries: Vec<String> = entries.iter().map(entry).collect();
                // Without a value a blank stays: not everybody reads a comma behind a colon.
                format!("{{ {} }}", entries.join(", ").trim_end())
            }
        }
}

fn scalar_text(written: &Written, in_flow: bool) -> String {
    match written.style {
        ScalarStyle::Plain => write::plain(&written.text, in_flow),
        _ => write::scalar(&written.text, true, in_flow),
    }
}

/// The lines of a block scalar, if its text can stand in one.
fn block_lines(written: &Written) -> Option<String> {
    let text = &written.text;
    let strange = |c: char| (c.is_control() && c != '\n') || matches!(c, '\u{2028}' | '\u{2029}');
    let blank = text.trim().is_empty() || text.starts_with([' ', '\n']) || text.contains(strange);
    match (&written.folded, blank) {
        (_, true) => None,
        (Some(folded), _) => Some(folded.clone()),
        (None, _) => Some(text.trim_end_matches('\n').to_owned()),
    }
}

fn block_header(written: &Written) -> String {
    let kind = if written.folded.is_some() { '>' } else { '|' };
    let chomp = match written.text.len() - written.text.trim_end_matches('\n').len() {
        0 => "-",
        1 => "",
        _ => "+",
    };
    format!("{kind}{chomp}")
}
