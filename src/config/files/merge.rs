//! Two trees to one: a layer over another, or a part beside another.
//!
//! Maps are merged key by key; anything else is replaced (lists too: there is no appending), or,
//! beside each other, refused. Invariants: a value keeps its place; what is below keeps its order
//! and what is new follows it; trees are at most `DEPTH_MAX` deep, so recursion is bounded.

use std::collections::HashMap;

use super::super::codes::Code;
use super::super::diagnostic::{Diagnostic, Findings};
use super::super::yaml::{Entry, Node, NodeKind};

/// `over` laid over `below`. A key that is null in `over` takes the key away that is below.
pub fn lay_over(below: Option<Node>, over: Option<Node>) -> Option<Node> {
    match (below, over) {
        (Some(below), Some(over)) => Some(laid(below, over)),
        (below, over) => over.or(below),
    }
}

fn laid(below: Node, over: Node) -> Node {
    let span = over.span;
    let (entries, upper) = match (below.kind, over.kind) {
        (NodeKind::Map(entries), NodeKind::Map(upper)) => (entries, upper),
        (_, kind) => return Node { span, kind },
    };
    let mut merged = Merged::new(entries);
    for entry in upper {
        match merged.take(&entry.key) {
            Some(known) if !entry.value.is_null() => {
                let value = laid(known.value, entry.value);
                merged.put(Entry { value, ..entry });
            }
            Some(_) => {}
            None => merged.put(entry),
        }
    }
    Node { span, kind: NodeKind::Map(merged.into_entries()) }
}

/// `part` beside `whole`: maps are merged, one value in both is refused.
pub fn put_beside(whole: Node, part: Option<Node>, findings: &mut Findings) -> Node {
    match part {
        Some(part) => beside(whole, part, "", findings),
        None => whole,
    }
}

fn beside(whole: Node, part: Node, path: &str, findings: &mut Findings) -> Node {
    let span = whole.span;
    let (entries, part) = match (whole.kind, part.kind) {
        (NodeKind::Map(entries), NodeKind::Map(part)) => (entries, part),
        (kind, _) => return Node { span, kind },
    };
    let mut merged = Merged::new(entries);
    for entry in part {
        let Some(known) = merged.take(&entry.key) else {
            merged.put(entry);
            continue;
        };
        let path = match path {
            "" => entry.key.clone(),
            _ => format!("{path}.{}", entry.key),
        };
        if known.value.as_map().is_none() || entry.value.as_map().is_none() {
            findings.push(conflict(&path, &known, &entry));
        }
        let value = beside(known.value, entry.value, &path, findings);
        merged.put(Entry { value, ..known });
    }
    Node { span, kind: NodeKind::Map(merged.into_entries()) }
}

fn conflict(path: &str, known: &Entry, entry: &Entry) -> Diagnostic {
    Diagnostic::new(
        Code::PartConflict,
        format!("`{path}` stands in two parts of the configuration"),
    )
    .label(entry.key_span, "here")
    .label(known.key_span, "and here")
    .help("keep one of the two; to replace values use `extends` instead of `include`")
}

/// A map in the making, whose keys are found at once.
struct Merged {
    entries: Vec<Option<Entry>>,
    places: HashMap<String, usize>,
}

impl Merged {
    fn new(entries: Vec<Entry>) -> Merged {
        let places = entries.iter().zip(0..).map(|(entry, at)| (entry.key.clone(), at)).collect();
        Merged { entries: entries.into_iter().map(Some).collect(), places }
    }

    /// Takes an entry out; its place stays free for the same key.
    fn take(&mut self, key: &str) -> Option<Entry> {
        self.places.get(key).and_then(|at| self.entries.get_mut(*at)?.take())
    }

    fn put(&mut self, entry: Entry) {
        match self.places.get(&entry.key) {
            Some(at) => self.entries[*at] = Some(entry),
            None => {
                self.places.insert(entry.key.clone(), self.entries.len());
                self.entries.push(Some(entry));
            }
        }
    }

    fn into_entries(self) -> Vec<Entry> {
        self.entries.into_iter().flatten().collect()
    }
}
