//! Fills an event's slots from a value that was scanned.
//!
//! Invariants: recursion follows the projection (bounded by `JSON_DEPTH_MAX` and by the
//! configuration), never the input; a key that leads to a slot and stands twice in its object is
//! refused, since the next reader of the same bytes might take the other one.

use super::cursor::Cursor;
use super::members::{Member, Members};
use super::projection::{Node, Projection, Segment};
use super::slot::{Slot, SlotKind, Slots};
use super::text::decoded_eq;
use crate::reject::Reject;

/// Fills `out` with the projection's paths of `value`, a span that a scan of `message` made, with
/// what it noted of the value's members. Slots whose path is not there are `Missing`.
pub fn project(
    message: &[u8],
    value: Slot,
    members: &Members,
    projection: &Projection,
    out: &mut Slots,
) -> Result<(), Reject> {
    let used = usize::from(projection.slots);
    out.slots.iter_mut().take(used).for_each(|slot| *slot = Slot::default());
    fill(&projection.root, value, out);
    if !value.has_parts() || projection.root.children.is_empty() {
        return Ok(());
    }
    match members.known() {
        Some(members) if value.kind == SlotKind::Object => {
            noted(message, members, &projection.root, out)
        }
        _ => walk(message, value, &projection.root, out),
    }
}

/// Fills the slots below `node` from the members of its object.
fn noted(message: &[u8], members: &[Member], node: &Node, out: &mut Slots) -> Result<(), Reject> {
    let mut seen = Seen::default();
    for Member { key, value } in members {
        let Some((place, child)) = child_of(node, key, message) else { continue };
        seen.once(place)?;
        fill(child, *value, out);
        if value.has_parts() && !child.children.is_empty() {
            walk(message, *value, child, out)?;
        }
    }
    Ok(())
}

/// Fills the slots below `node` from the array or object `value`.
pub(super) fn walk(
    message: &[u8],
    value: Slot,
    node: &Node,
    out: &mut Slots,
) -> Result<(), Reject> {
    let mut walk = Walk { message, cursor: Cursor::new(message, value.start as usize), out };
    let opened = walk.cursor.start()?;
    walk.inside(node, opened.kind)
}

/// The children of a node whose key was met.
#[derive(Default)]
struct Seen(u64);

impl Seen {
    fn once(&mut self, place: usize) -> Result<(), Reject> {
        let bit = 1u64.checked_shl(place as u32).unwrap_or(0);
        if self.0 & bit != 0 {
            return Err(Reject::BadMessage);
        }
        self.0 |= bit;
        Ok(())
    }
}

/// The child that a key leads to, and its place.
fn child_of<'n>(node: &'n Node, key: &Slot, message: &[u8]) -> Option<(usize, &'n Node)> {
    let body = key.bytes(message);
    let mut children = node.children.iter().enumerate();
    children
        .find_map(|(place, (segment, child))| is_key(segment, key, body).then_some((place, child)))
}

fn fill(node: &Node, value: Slot, out: &mut Slots) {
    if let Some(slot) = node.slot.and_then(|slot| out.slots.get_mut(usize::from(slot))) {
        *slot = value;
    }
}

struct Walk<'w> {
    message: &'w [u8],
    cursor: Cursor<'w>,
    out: &'w mut Slots,
}

impl Walk<'_> {
    fn inside(&mut self, node: &Node, kind: SlotKind) -> Result<(), Reject> {
        match kind {
            SlotKind::Object => self.members(node),
            _ => self.elements(node),
        }
    }

    fn members(&mut self, node: &Node) -> Result<(), Reject> {
        let mut seen = Seen::default();
        let mut first = true;
        while let Some(key) = self.cursor.key(first)? {
            first = false;
            let Some((place, child)) = child_of(node, &key, self.message) else {
                self.cursor.value()?;
                continue;
            };
            seen.once(place)?;
            self.value(child)?;
        }
        Ok(())
    }

    fn elements(&mut self, node: &Node) -> Result<(), Reject> {
        let mut place = 0u32;
        while self.cursor.element(place == 0)? {
            let wanted = node.children.iter().find(|(one, _)| one.index == Some(place));
            match wanted {
                Some((_, child)) => self.value(child)?,
                None => self.cursor.value().map(drop)?,
            }
            place = place.saturating_add(1);
        }
        Ok(())
    }

    /// The value under the cursor, which a path leads to or through.
    fn value(&mut self, node: &Node) -> Result<(), Reject> {
        let mut value = self.cursor.start()?;
        if value.has_parts() && node.children.is_empty() {
            value = self.cursor.finish(value)?;
        } else if value.has_parts() {
            self.inside(node, value.kind)?;
            value = self.cursor.close_slot(value);
        }
        fill(node, value, self.out);
        Ok(())
    }
}

pub(super) fn is_key(segment: &Segment, key: &Slot, body: &[u8]) -> bool {
    match key.kind {
        SlotKind::Plain => body == segment.key.as_bytes(),
        _ => decoded_eq(body, segment.key.as_bytes()),
    }
}
