//! The one open output of a run: a text in the arena, or a frame.
//!
//! Invariants: at most one is open. Used by `vm` alone.

use crate::envelope::slot::{Slot, SlotKind};
use crate::envelope::text::{decode_into, escape_into};
use crate::limits::{FRAME_HEADER_BYTES_MAX, RUN_TEXT_BYTES_MAX};
use crate::reject::Reject;
use crate::state::frames::{FramePool, FrameRef, FrameType, OpenFrame};

use super::effect::Text;
use super::op::Form;

/// See the module.
pub struct Output<'r> {
    arena: &'r mut Vec<u8>,
    text_start: u32,
    frame: Option<(OpenFrame, FrameType)>,
    frame_bytes_max: usize,
}

impl<'r> Output<'r> {
    pub fn new(arena: &'r mut Vec<u8>, frame_bytes_max: usize) -> Self {
        Output { arena, text_start: 0, frame: None, frame_bytes_max }
    }

    pub fn open_text(&mut self) {
        self.text_start = self.arena.len() as u32;
    }

    pub fn close_text(&mut self) -> Text {
        self.text_start..self.arena.len() as u32
    }

    pub fn open_frame(&mut self, frame: OpenFrame, kind: FrameType) {
        self.frame = Some((frame, kind));
    }

    pub fn close_frame(&mut self, pool: &mut FramePool) -> Option<FrameRef> {
        let (frame, kind) = self.frame.take()?;
        Some(pool.seal(frame, kind))
    }

    /// Gives back a frame that a reject left open.
    pub fn abandon(&mut self, pool: &mut FramePool) {
        if let Some((frame, _)) = self.frame.take() {
            pool.discard(frame);
        }
    }

    /// Appends a piece; `TooLarge` where the output outgrew its bound.
    pub fn append(&mut self, write: impl FnOnce(&mut Vec<u8>)) -> Result<(), Reject> {
        let (bytes, bytes_max) = match &mut self.frame {
            Some((frame, _)) => {
                (frame.bytes(), self.frame_bytes_max.saturating_add(FRAME_HEADER_BYTES_MAX))
            }
            None => (&mut *self.arena, RUN_TEXT_BYTES_MAX),
        };
        write(bytes);
        if bytes.len() > bytes_max { Err(Reject::TooLarge) } else { Ok(()) }
    }
}

/// Writes a JSON value of a message.
pub fn write_slot(slot: &Slot, message: &[u8], form: Form, out: &mut Vec<u8>) {
    match (form, slot.kind) {
        (Form::Raw, SlotKind::Missing) => out.extend_from_slice(b"null"),
        (Form::Raw, _) => out.extend_from_slice(slot.raw(message)),
        (_, SlotKind::Missing | SlotKind::Null) => {}
        (Form::Text, SlotKind::Escaped) => decode_into(slot.bytes(message), out),
        (Form::Inner, SlotKind::Array | SlotKind::Object) => escape_into(slot.bytes(message), out),
        _ => out.extend_from_slice(slot.bytes(message)),
    }
}

/// Writes a text of the connection.
pub fn write_text(text: &str, form: Form, out: &mut Vec<u8>) {
    match form {
        Form::Text => out.extend_from_slice(text.as_bytes()),
        Form::Inner => escape_into(text.as_bytes(), out),
        Form::Raw => {
            out.push(b'"');
            escape_into(text.as_bytes(), out);
            out.push(b'"');
        }
    }
}
