//! What a payload must be: a schema as the message path reads it, with the slots of its event.
//!
//! Invariants: a map has at most `SLOTS_MAX` fields, so one word holds which of them were met; the
//! depth is that of a configuration. Built by `config::schema`, read by `checked`.

use std::ops::RangeInclusive;

use super::projection::{Node, Segment};

/// What one value must be.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Shape {
    pub kind: Kind,
    /// Null and missing are as good.
    pub optional: bool,
    /// Line of the schema that says so, 1-based.
    pub line: u32,
    /// The slot to fill with the value.
    pub slot: Option<u8>,
    /// Paths below a value whose parts are not declared, and into lists by their places.
    pub below: Node,
}

/// The kind of a value, with its bounds.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Kind {
    #[default]
    Any,
    Bool,
    /// Length in characters.
    String(RangeInclusive<u32>),
    /// Written without fraction and exponent.
    Int(RangeInclusive<i64>),
    Number(RangeInclusive<f64>),
    Uuid,
    Enum(Box<[Box<str>]>),
    List(RangeInclusive<u32>, Box<Shape>),
    Map(Fields),
}

/// The fields of a map.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Fields {
    pub list: Vec<(Segment, Shape)>,
    /// One bit for each field that must be there.
    pub required: u64,
    /// Fields that are not declared are refused.
    pub closed: bool,
}

impl Fields {
    pub fn new(list: Vec<(String, Shape)>, closed: bool) -> Fields {
        let required = list.iter().zip(0u32..).filter(|((_, shape), _)| !shape.optional);
        let required = required.fold(0, |bits, (_, place)| bits | bit(place));
        let list = list.into_iter().map(|(key, shape)| (Segment::new(&key), shape)).collect();
        Fields { list, required, closed }
    }
}

/// The bit of a field's place.
pub(super) fn bit(place: u32) -> u64 {
    1u64.checked_shl(place).unwrap_or(0)
}

impl Shape {
    /// Takes over the slots of the paths that the event reads.
    pub fn bind(&mut self, node: &Node) {
        self.slot = node.slot;
        let Kind::Map(fields) = &mut self.kind else {
            self.below = Node { slot: None, children: node.children.clone() };
            return;
        };
        for (segment, child) in &node.children {
            match fields.list.iter_mut().find(|(field, _)| field.key == segment.key) {
                Some((_, shape)) => shape.bind(child),
                None => self.below.children.push((segment.clone(), child.clone())),
            }
        }
    }
}
