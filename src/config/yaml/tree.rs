//! Parser events to tree, with every limit checked on the way.
//!
//! Invariants: no recursion on input; an alias costs the size of what it expands to before it is
//! copied, so a bomb ends early; the first syntax error ends the file. Called by `config::compile`.

use std::collections::{BTreeMap, HashMap};

use saphyr_parser::{Event, Parser, ScanError};

use super::super::codes::Code;
use super::super::diagnostic::{Diagnostic, Findings};
use super::super::source::{FileId, Source, Span};
use super::cause::{Cause, cause};
use super::places::{Offsets, behind_anchor, style_of, trimmed};
use super::{DEPTH_MAX, Entry, NODES_MAX, Node, NodeKind, Scalar, ScalarStyle};

/// Bytes of scalars that aliases may add.
const ALIAS_BYTES_MAX: usize = 4 << 20;

/// The tree of a file; `None` where it has none (an empty file, or an error that was reported).
pub fn parse(source: &Source, file: FileId, findings: &mut Findings) -> Option<Node> {
    let mut tree = Tree::new(source, file);
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
    file: FileId,
    text: &'s str,
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
    fn new(source: &'s Source, file: FileId) -> Self {
        let text = source.text_of(file);
        Tree {
            source,
            file,
            text,
            offsets: Offsets::of(text, source.span_of(file).start as usize),
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
        for item in Parser::new_from_str(self.text) {
            let (event, span) = item.map_err(|error| self.syntax(&error))?;
            let span = self.offsets.span(span);
            self.event(event, span)?;
        }
        Ok(())
    }

    fn syntax(&self, error: &ScanError) -> Diagnostic {
        let stopped = self.offsets.byte(error.marker());
        let base = self.source.span_of(self.file).start as usize;
        let finding =
            Diagnostic::new(Code::YamlSyntax, format!("this is not YAML: {}", error.info()));
        let cause = cause(self.text, stopped.saturating_sub(base));
        let place = cause.as_ref().map(|cause| base + cause.range.start);
        let finding = cause.into_iter().fold(finding, |finding, Cause { range, label }| {
            finding.label(Span::new(base + range.start, base + range.end), label)
        });
        let before = self.text.get(..stopped.saturating_sub(base)).unwrap_or_default();
        let finding = match before.ends_with('$') {
            true => finding.help("inside braces and brackets `${...}` needs quotes: \"${...}\""),
            false => finding,
        };
        match place.is_none_or(|place| place != stopped) {
            true => finding.label(Span::new(stopped, stopped), "the reader stopped here"),
            false => finding,
        }
    }

    fn event(&mut self, event: Event<'_>, span: Span) -> Result<(), Diagnostic> {
        match event {
            Event::DocumentStart(_) => self.document(span),
            Event::Alias(anchor) => self.alias(anchor, span),
            Event::Scalar(text, style, anchor, tag) => {
                self.refuse_tag(tag.is_some(), span)?;
                let scalar = Scalar { text: text.into_owned(), style: style_of(style) };
                let (_, span) = behind_anchor(self.source, span);
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
        let (nodes, bytes) = node.size();
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
