//! The envelope `{event, target, payload, id}` of a message, as borrowed spans over the frame.
//!
//! Invariants: nothing here allocates in the steady state, decodes more than it must, or recurses
//! on input; a span always lies inside the message it was made from.
//! Called by `shard::turn` (scan, project) and by the interpreter (slots).

mod checked;
mod cursor;
pub mod members;
mod misfit;
pub mod parts;
mod plain;
pub mod project;
pub mod projection;
pub mod scan;
pub mod shape;
mod simd;
pub mod slot;
pub mod text;

pub use checked::project_checked;
pub use members::Members;
pub use misfit::Misfit;
pub use project::project;
pub use projection::{Projection, Segment};
pub use scan::{Envelope, RoutedKeys, Scanner, validate};
pub use shape::Shape;
pub use slot::{Slot, SlotKind, Slots};

#[cfg(test)]
mod tests;
