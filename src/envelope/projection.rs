//! Which paths of a payload an event reads, compiled to a trie that one pass over the JSON fills.
//!
//! Invariants: slot numbers are dense, `0..slots`, and below `SLOTS_MAX`.

/// One step of a path. A numeric segment means an object key or a 0-based array index, whichever
/// the value is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Segment {
    /// The key, as UTF-8 text (not escaped).
    pub key: Box<str>,
    /// The same as an index, where it is a number.
    pub index: Option<u32>,
}

/// A trie node: what to do when its path is met.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Node {
    /// The slot to fill with the value at this path.
    pub slot: Option<u8>,
    /// Deeper paths.
    pub children: Vec<(Segment, Node)>,
}

/// The paths an event reads from one JSON value (the payload, or the claims of a token).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Projection {
    pub root: Node,
    /// Number of slots.
    pub slots: u8,
}
