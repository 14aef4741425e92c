//! Which paths of a payload an event reads, compiled to a trie that one pass over the JSON fills.
//!
//! Invariants: slot numbers are dense, `0..slots`, and below `SLOTS_MAX`; a node other than the
//! root leads to at least one slot, so it has at most `SLOTS_MAX` children.

use crate::limits::{JSON_DEPTH_MAX, SLOTS_MAX};

/// One step of a path. A numeric segment means an object key or a 0-based array index, whichever
/// the value is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Segment {
    /// The key, as UTF-8 text (not escaped).
    pub key: Box<str>,
    /// The same as an index, where it is a number.
    pub index: Option<u32>,
}

impl Segment {
    pub fn new(key: &str) -> Self {
        let canonical = key == "0" || !key.starts_with(['0', '+']);
        Segment { key: key.into(), index: key.parse().ok().filter(|_| canonical) }
    }
}

/// A trie node: what to do when its path is met.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Node {
    /// The slot to fill with the value at this path.
    pub slot: Option<u8>,
    /// Deeper paths.
    pub children: Vec<(Segment, Node)>,
}

impl Node {
    /// The child of this key, made where it is not there.
    fn child(&mut self, key: &str) -> &mut Node {
        let known = self.children.iter().position(|(segment, _)| *segment.key == *key);
        let place = known.unwrap_or(self.children.len());
        if known.is_none() {
            self.children.push((Segment::new(key), Node::default()));
        }
        &mut self.children[place].1
    }
}

/// The paths an event reads from one JSON value (the payload, or the claims of a token).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Projection {
    pub root: Node,
    /// Number of slots.
    pub slots: u8,
}

impl Projection {
    /// The slot of a path, the same for the same path; the empty path is the whole value. `None`
    /// where there are too many slots, or the path is deeper than a message can be.
    pub fn insert(&mut self, path: &[&str]) -> Option<u8> {
        if let Some(known) = self.find(path) {
            return Some(known);
        }
        if usize::from(self.slots) >= SLOTS_MAX || path.len() >= JSON_DEPTH_MAX {
            return None;
        }
        let node = path.iter().fold(&mut self.root, |node, key| node.child(key));
        node.slot = Some(self.slots);
        self.slots += 1;
        node.slot
    }

    /// The slot of a path that was inserted.
    pub fn find(&self, path: &[&str]) -> Option<u8> {
        let node = path.iter().try_fold(&self.root, |node, key| {
            let child = node.children.iter().find(|(segment, _)| *segment.key == **key);
            child.map(|(_, node)| node)
        });
        node?.slot
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_path_has_the_same_slot_and_prefixes_have_their_own() {
        let mut projection = Projection::default();
        assert_eq!(projection.insert(&["a", "b"]), Some(0));
        assert_eq!(projection.insert(&["a"]), Some(1));
        assert_eq!(projection.insert(&[]), Some(2));
        assert_eq!(projection.insert(&["a", "b"]), Some(0));
        assert_eq!(projection.slots, 3);
        assert_eq!(projection.find(&["a"]), Some(1));
        assert_eq!(projection.find(&["b"]), None);
    }

    #[test]
    fn slots_and_depth_are_bounded_and_a_refusal_leaves_no_trace() {
        let mut projection = Projection::default();
        for place in 0..SLOTS_MAX {
            assert_eq!(projection.insert(&[&place.to_string()]), Some(place as u8));
        }
        let full = projection.clone();
        assert_eq!(projection.insert(&["more", "deeper"]), None);
        assert_eq!(projection, full);
        assert_eq!(projection.insert(&["3"]), Some(3));
        assert_eq!(Projection::default().insert(&["d"; JSON_DEPTH_MAX]), None);
    }

    #[test]
    fn only_canonical_numbers_are_indices() {
        let index = |key| Segment::new(key).index;
        assert_eq!((index("0"), index("17"), index("4294967295")), (Some(0), Some(17), Some(!0)));
        for key in ["", "00", "01", "+1", "-1", "1.0", "4294967296", "a"] {
            assert_eq!(index(key), None, "{key}");
        }
    }
}
