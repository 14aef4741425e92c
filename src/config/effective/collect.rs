//! Gathers the values: the options as they were set, and the leaves of the program's sections.
//!
//! Invariants: an option of the table is listed once, by its newest name, whether set or not.

use super::super::diagnostic::Place;
use super::super::settings::{Chosen, Effect, Key, Kind, find, keys};
use super::super::source::{FileId, Source, Span};
use super::super::yaml::{Node, NodeKind, Scalar, ScalarStyle};
use super::{Content, Effective, Origin, Segment, Value};

/// What is read for it.
pub struct Given<'g> {
    pub source: &'g Source,
    pub root: Option<&'g Node>,
    /// The options that were set, by newest path.
    pub chosen: &'g Chosen,
}

/// Every value in effect.
pub fn collect(given: &Given<'_>) -> Effective {
    let mut values: Vec<Value> =
        keys().filter(|key| is_shown(key, given)).map(|key| option(key, given)).collect();
    for entry in given.root.and_then(Node::as_map).unwrap_or_default() {
        section(
            &entry.key,
            &mut vec![Segment::Key(entry.key.clone())],
            &entry.value,
            given,
            &mut values,
        );
    }
    Effective { values }
}

/// Whether an option has a line of its own: an older name has none, nor has a switch that stands
/// for a map of options (or the map, where the switch was given).
fn is_shown(key: &Key, given: &Given<'_>) -> bool {
    let tree = matches!(key.kind, Kind::Program(_) | Kind::Keys | Kind::Rooms | Kind::Backends);
    let section = keys().any(|other| is_below(other.path, key.path));
    let over = keys().find(|other| is_below(key.path, other.path));
    let switched = |key: &Key| given.chosen.contains_key(key.path);
    !tree && key.newer.is_none() && (!section || switched(key)) && !over.is_some_and(switched)
}

fn is_below(path: &str, section: &str) -> bool {
    path.strip_prefix(section).is_some_and(|rest| rest.starts_with('.'))
}

fn option(key: &Key, given: &Given<'_>) -> Value {
    let path = key.path.split('.').map(|step| Segment::Key(step.into())).collect();
    let Some((texts, place)) = given.chosen.get(key.path) else {
        let content = content_of_default(key.default);
        return Value { path, content, origin: Origin::Default, effect: key.effect };
    };
    let content = match texts.list {
        true => Content::List(texts.texts.clone()),
        false => Content::One { text: texts.texts.concat(), quoted: false },
    };
    Value { path, content, origin: origin(place, given.source), effect: key.effect }
}

/// A default as the table writes it: a text, or a list in brackets.
fn content_of_default(text: &str) -> Content {
    let list = text.strip_prefix('[').and_then(|text| text.strip_suffix(']'));
    match list {
        Some(items) => Content::List(items.split(", ").map(Into::into).collect()),
        None => Content::One { text: text.into(), quoted: false },
    }
}

fn origin(place: &Place, source: &Source) -> Origin {
    match place {
        Place::Span(span) => origin_of(*span, source),
        Place::Variable(name) => Origin::Variable(name.clone()),
    }
}

fn origin_of(span: Span, source: &Source) -> Origin {
    let site = source.site(span.start);
    let name = source.name_of(FileId(site.file)).to_owned();
    Origin::File { name, line: site.line, column: site.column }
}

/// The leaves of a section of the program; options are listed already.
fn section(
    name: &str,
    path: &mut Vec<Segment>,
    node: &Node,
    given: &Given<'_>,
    values: &mut Vec<Value>,
) {
    let Some(found) = above(name).and_then(|(section, key)| find(section, key, true)) else {
        return;
    };
    match found.key.map(|key| (&key.kind, key.effect)) {
        Some((Kind::Program(_) | Kind::Rooms | Kind::Backends | Kind::Keys, effect)) => {
            leaves(path, node, effect, given, values);
        }
        _ => {
            for entry in node.as_map().unwrap_or_default() {
                let inner = format!("{}.{}", found.path, entry.key);
                path.push(Segment::Key(entry.key.clone()));
                section(&inner, path, &entry.value, given, values);
                path.pop();
            }
        }
    }
}

/// The section and the name of an option's path.
fn above(path: &str) -> Option<(&str, &str)> {
    Some(path.rsplit_once('.').unwrap_or(("", path)))
}

/// Every leaf below a node; the tree is at most `DEPTH_MAX` deep.
fn leaves(
    path: &mut Vec<Segment>,
    node: &Node,
    effect: Effect,
    given: &Given<'_>,
    values: &mut Vec<Value>,
) {
    let mut leaf = |path: &[Segment], content: Content| {
        let origin = origin_of(node.span, given.source);
        values.push(Value { path: path.to_vec(), content, origin, effect });
    };
    match &node.kind {
        NodeKind::Scalar(scalar) => leaf(path, content_of(scalar)),
        NodeKind::List(items) if items.is_empty() => leaf(path, Content::List(Vec::new())),
        NodeKind::Map(entries) if entries.is_empty() => leaf(path, Content::EmptyMap),
        NodeKind::List(items) => {
            for (at, item) in items.iter().enumerate() {
                path.push(Segment::Item(at));
                leaves(path, item, effect, given, values);
                path.pop();
            }
        }
        NodeKind::Map(entries) => {
            for entry in entries {
                path.push(Segment::Key(entry.key.clone()));
                leaves(path, &entry.value, effect, given, values);
                path.pop();
            }
        }
    }
}

fn content_of(scalar: &Scalar) -> Content {
    match scalar.is_null() {
        true => Content::One { text: "null".into(), quoted: false },
        false => {
            Content::One { text: scalar.text.clone(), quoted: scalar.style != ScalarStyle::Plain }
        }
    }
}
