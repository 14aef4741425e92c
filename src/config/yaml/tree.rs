//! Parser events to tree, with every limit checked on the way.
//!
//! Invariants: no recursion on input; an alias costs the size of what it expands to before it is
//! copied, so a bomb ends early; the first syntax error ends the file. Called by `config::compile`.

use std::collections::{BTreeMap, HashMap};

use saphyr_parser::{Event, Marker, Parser, ScalarStyle as ParsedStyle, ScanError};

use super::super::codes::Code;
use super::super::diagnostic::{Diagnostic, Findings};
use super::super::source::{Source, Span};
use super::{DEPTH_MAX, Entry, NODES_MAX, Node, NodeKind, Scalar, ScalarStyle};

/// Bytes of scalars that aliases may add.
const ALIAS_BYTES_MAX: usize = 4 << 20;

/// The tree of a source; `None` where it has none (an empty file, or an error that was reported).
pub fn parse(source: &Source, findings: &mut Findings) -> Option<Node> {
    let mut tree = Tree::new(source);
    if let Err(fatal) = tree.read() {
        tree.findings.push(fatal);
        tree.root = None;
    }
    let Tree { root, findings: found, .. } = tree;
    found.into_iter().for_each(|one| findings.push(one));
    root
}

/// A list or map whose end was not met yet.
struct Open {
    start: usize,
    /// Where its last part ends.
    end: usize,
    anchor: usize,
    items: Items,
}

enum Items {
    List(Vec<Node>),
    Map { entries: Vec<Entry>, key: Option<Key>, seen: HashMap<String, Span> },
}

/// A key whose value was not met yet.
struct Key {
    text: String,
    span: Span,
    /// The second of two: its value is read but not kept.
    duplicate: bool,
}

struct Tree<'s> {
    source: &'s Source,
    offsets: Offsets,
    open: Vec<Open>,
    root: Option<Node>,
    anchors: BTreeMap<usize, Node>,
    nodes: usize,
    alias_bytes: usize,
    documents: usize,
    findings: Vec<Diagnostic>,
}

impl<'s> Tree<'s> {
    fn new(source: &'s Source) -> Self {
        Tree {
            source,
            offsets: Offsets::of(source.text()),
            open: Vec::new(),
            root: None,
            anchors: BTreeMap::new(),
            nodes: 0,
            alias_bytes: 0,
            documents: 0,
            findings: Vec::new(),
        }
    }

    fn read(&mut self) -> Result<(), Diagnostic> {
        for item in Parser::new_from_str(self.source.text()) {
            let (event, span) = item.map_err(|error| self.syntax(&error))?;
            let span = self.offsets.span(span);
            self.event(event, span)?;
        }
        Ok(())
    }

    fn syntax(&self, error: &ScanError) -> Diagnostic {
        let start = self.offsets.byte(error.marker());
        Diagnostic::new(Code::YamlSyntax, format!("this is not YAML: {}", error.info()))
            .label(Span::new(start, start), "the reader stopped here")
    }

    fn event(&mut self, event: Event<'_>, span: Span) -> Result<(), Diagnostic> {
        match event {
            Event::DocumentStart(_) => self.document(span),
            Event::Alias(anchor) => self.alias(anchor, span),
            Event::Scalar(text, style, anchor, tag) => {
                self.refuse_tag(tag.is_some(), span)?;
                let scalar = Scalar { text: text.into_owned(), style: style_of(style) };
                let span = trimmed(self.source, span, scalar.style);
                self.value(Node { span, kind: NodeKind::Scalar(scalar) }, anchor)
            }
            Event::SequenceStart(anchor, tag) => {
                self.refuse_tag(tag.is_some(), span)?;
                self.begin(span, anchor, Items::List(Vec::new()))
            }
            Event::MappingStart(anchor, tag) => {
                self.refuse_tag(tag.is_some(), span)?;
                let map = Items::Map { entries: Vec::new(), key: None, seen: HashMap::new() };
                self.begin(span, anchor, map)
            }
            Event::SequenceEnd | Event::MappingEnd => self.end(span),
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => Ok(()),
        }
    }

    fn document(&mut self, span: Span) -> Result<(), Diagnostic> {
        self.documents += 1;
        match self.documents {
            1 => Ok(()),
            _ => Err(Diagnostic::new(Code::SeveralDocuments, "a configuration is one document")
                .label(span, "a second document begins here")),
        }
    }

    fn refuse_tag(&self, tagged: bool, span: Span) -> Result<(), Diagnostic> {
        match tagged {
            false => Ok(()),
            true => Err(Diagnostic::new(Code::Tag, "tags (`!name`) mean nothing here")
                .label(span, "remove the tag of this value")),
        }
    }

    fn begin(&mut self, span: Span, anchor: usize, items: Items) -> Result<(), Diagnostic> {
        if self.open.len() >= DEPTH_MAX {
            return Err(Diagnostic::new(
                Code::TooDeep,
                format!("this is nested more than {DEPTH_MAX} deep"),
            )
            .label(span, "too deep"));
        }
        self.refuse_key(span)?;
        let start = span.start as usize;
        self.open.push(Open { start, end: start, anchor, items });
        Ok(())
    }

    /// Refuses a list or map where a key is expected.
    fn refuse_key(&self, span: Span) -> Result<(), Diagnostic> {
        match self.open.last().map(|open| &open.items) {
            Some(Items::Map { key: None, .. }) => {
                Err(Diagnostic::new(Code::KeyNotText, "a key must be plain text")
                    .label(span, "this key is a list or a map"))
            }
            _ => Ok(()),
        }
    }

    fn end(&mut self, span: Span) -> Result<(), Diagnostic> {
        let Some(open) = self.open.pop() else { return Ok(()) };
        let kind = match open.items {
            Items::List(nodes) => NodeKind::List(nodes),
            Items::Map { entries, .. } => NodeKind::Map(entries),
        };
        let flow =
            matches!(self.source.text().as_bytes().get(span.start as usize), Some(b']' | b'}'));
        let flow =
            flow && matches!(self.source.text().as_bytes().get(open.start), Some(b'[' | b'{'));
        let end = if flow { span.start as usize + 1 } else { open.end };
        let span = Span::new(open.start, end);
        self.value(Node { span, kind }, open.anchor)
    }

    fn alias(&mut self, anchor: usize, span: Span) -> Result<(), Diagnostic> {
        let Some(node) = self.anchors.get(&anchor) else {
            return Err(Diagnostic::new(Code::AnchorCycle, "an alias inside its own anchor")
                .label(span, "this never ends"));
        };
        let (nodes, bytes) = size(node);
        self.nodes += nodes;
        self.alias_bytes += bytes;
        self.check_size(span)?;
        let node = node.clone();
        self.place(node, span)
    }

    fn check_size(&self, span: Span) -> Result<(), Diagnostic> {
        if self.nodes <= NODES_MAX && self.alias_bytes <= ALIAS_BYTES_MAX {
            return Ok(());
        }
        Err(Diagnostic::new(
            Code::TooLarge,
            format!("this file expands to more than {NODES_MAX} values"),
        )
        .label(span, "the limit is reached here"))
    }

    fn value(&mut self, node: Node, anchor: usize) -> Result<(), Diagnostic> {
        self.nodes += 1;
        self.check_size(node.span)?;
        if anchor != 0 {
            self.anchors.insert(anchor, node.clone());
        }
        let span = node.span;
        self.place(node, span)
    }

    /// Puts a finished value where it belongs; `span` is where it is used (an alias's own place).
    fn place(&mut self, node: Node, span: Span) -> Result<(), Diagnostic> {
        if let Some(open) = self.open.last_mut() {
            open.end = open.end.max(span.end as usize);
        }
        match self.open.last_mut().map(|open| &mut open.items) {
            None => self.root = Some(node),
            Some(Items::List(nodes)) => nodes.push(node),
            Some(Items::Map { entries, key, seen }) => match key.take() {
                Some(key) if key.duplicate => {}
                Some(key) => {
                    entries.push(Entry { key: key.text, key_span: key.span, value: node });
                }
                None => {
                    let text = key_text(node, span)?;
                    let first = seen.insert(text.clone(), span);
                    self.findings.extend(first.map(|first| duplicate(&text, span, first)));
                    *key = Some(Key { text, span, duplicate: first.is_some() });
                }
            },
        }
        Ok(())
    }
}

fn duplicate(key: &str, span: Span, first: Span) -> Diagnostic {
    Diagnostic::new(Code::DuplicateKey, format!("the key `{key}` stands twice in this map"))
        .label(span, "a second time here")
        .label(first, "first here")
        .help("remove one of the two, or merge their contents")
}

fn key_text(node: Node, span: Span) -> Result<String, Diagnostic> {
    match node.kind {
        NodeKind::Scalar(scalar) if scalar.text == "<<" && scalar.style == ScalarStyle::Plain => {
            Err(Diagnostic::new(Code::MergeKey, "merge keys (`<<`) are not supported")
                .label(span, "this would merge another map in here")
                .help("write the keys out; a whole value may be reused with an alias (`*name`)"))
        }
        NodeKind::Scalar(scalar) => Ok(scalar.text),
        _ => Err(Diagnostic::new(Code::KeyNotText, "a key must be plain text")
            .label(span, "this key is a list or a map")),
    }
}

/// Nodes and bytes of scalars in a tree (at most `DEPTH_MAX` deep, so recursion is bounded).
fn size(node: &Node) -> (usize, usize) {
    let add = |sum: (usize, usize), (nodes, bytes)| (sum.0 + nodes, sum.1 + bytes);
    match &node.kind {
        NodeKind::Scalar(scalar) => (1, scalar.text.len()),
        NodeKind::List(nodes) => nodes.iter().map(size).fold((1, 0), add),
        NodeKind::Map(entries) => entries
            .iter()
            .map(|entry| add(size(&entry.value), (0, entry.key.len())))
            .fold((1, 0), add),
    }
}

fn style_of(style: ParsedStyle) -> ScalarStyle {
    match style {
        ParsedStyle::Plain => ScalarStyle::Plain,
        ParsedStyle::SingleQuoted => ScalarStyle::Single,
        ParsedStyle::DoubleQuoted => ScalarStyle::Double,
        ParsedStyle::Literal | ParsedStyle::Folded => ScalarStyle::Block,
    }
}

/// The parser lets the spans of some scalars run on into the white space or comment behind them.
fn trimmed(source: &Source, span: Span, style: ScalarStyle) -> Span {
    let text = source.slice(span);
    let len = match style {
        ScalarStyle::Plain | ScalarStyle::Block => text.trim_end().len(),
        ScalarStyle::Single | ScalarStyle::Double => quoted_len(text.as_bytes()),
    };
    Span::new(span.start as usize, span.start as usize + len)
}

/// Length of the quoted scalar that these bytes begin with.
fn quoted_len(bytes: &[u8]) -> usize {
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
struct Offsets {
    /// Where each character begins; empty where the text is ASCII.
    bytes: Vec<u32>,
    /// Number of the first character of each line.
    lines: Vec<u32>,
    len: usize,
}

impl Offsets {
    fn of(text: &str) -> Offsets {
        let bytes = match text.is_ascii() {
            true => Vec::new(),
            false => text.char_indices().map(|(at, _)| at as u32).collect(),
        };
        let behind = text.chars().skip(1).chain(['\0']);
        let breaks = |(c, next): (char, char)| c == '\n' || (c == '\r' && next != '\n');
        let ends = text.chars().zip(behind).map(breaks).zip(1u32..);
        let begins = ends.filter(|(ends, _)| *ends).map(|(_, at)| at);
        Offsets { bytes, lines: std::iter::once(0).chain(begins).collect(), len: text.len() }
    }

    fn byte(&self, place: &Marker) -> usize {
        let line = self.lines.get(place.line().saturating_sub(1));
        let index = line.map_or(self.len, |first| *first as usize + place.col());
        match self.bytes.is_empty() {
            true => index.min(self.len),
            false => self.bytes.get(index).map_or(self.len, |at| *at as usize),
        }
    }

    fn span(&self, span: saphyr_parser::Span) -> Span {
        Span::new(self.byte(&span.start), self.byte(&span.end))
    }
}
