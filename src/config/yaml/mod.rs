//! A YAML file as a tree in which everything knows its place in the file.
//!
//! Invariants: a tree is at most `DEPTH_MAX` deep and `NODES_MAX` large after its aliases are
//! expanded; the keys of a map are plain text and unique. Built by `tree`, read by all of `config`.

mod cause;
pub mod layout;
mod places;
mod scalar;
pub mod second;
mod tree;
pub mod write;

pub use scalar::{Places, Scalar, ScalarStyle};
pub use tree::parse;

use super::source::Span;

/// Nesting of a configuration.
pub const DEPTH_MAX: usize = 64;

/// Nodes of a configuration, its aliases expanded.
pub const NODES_MAX: usize = 65_536;

/// One value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    pub span: Span,
    pub kind: NodeKind,
}

/// What a value is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NodeKind {
    Scalar(Scalar),
    List(Vec<Node>),
    Map(Vec<Entry>),
}

/// One key of a map with its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    pub key: String,
    pub key_span: Span,
    pub value: Node,
}

impl Node {
    pub fn as_scalar(&self) -> Option<&Scalar> {
        match &self.kind {
            NodeKind::Scalar(scalar) => Some(scalar),
            _ => None,
        }
    }

    pub fn as_map(&self) -> Option<&[Entry]> {
        match &self.kind {
            NodeKind::Map(entries) => Some(entries),
            _ => None,
        }
    }

    /// Nodes and bytes of scalars (at most `DEPTH_MAX` deep, so recursion is bounded).
    pub fn size(&self) -> (usize, usize) {
        let add = |sum: (usize, usize), (nodes, bytes)| (sum.0 + nodes, sum.1 + bytes);
        match &self.kind {
            NodeKind::Scalar(scalar) => (1, scalar.text.len()),
            NodeKind::List(nodes) => nodes.iter().map(Node::size).fold((1, 0), add),
            NodeKind::Map(entries) => entries
                .iter()
                .map(|entry| add(entry.value.size(), (0, entry.key.len())))
                .fold((1, 0), add),
        }
    }

    /// Nothing, `~` or `null`.
    pub fn is_null(&self) -> bool {
        self.as_scalar().is_some_and(Scalar::is_null)
    }

    /// What the value is, for messages.
    pub fn kind_name(&self) -> &'static str {
        match &self.kind {
            NodeKind::Scalar(scalar) if scalar.is_null() => "nothing",
            NodeKind::Scalar(_) => "a plain value",
            NodeKind::List(_) => "a list",
            NodeKind::Map(_) => "a map",
        }
    }
}
