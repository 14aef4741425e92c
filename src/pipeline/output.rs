//! The one open output of a run: a text or a log line in the arena, or a frame.
//!
//! Invariants: at most one is open. A log line refuses nothing, however long: a message fares the
//! same whether the log is read or not. Used by `vm` alone.

use crate::envelope::slot::{Slot, SlotKind};
use crate::envelope::text::{decode_into, escape_into};
use crate::limits::{FRAME_HEADER_BYTES_MAX, RUN_LOG_BYTES_MAX, RUN_TEXT_BYTES_MAX};
use crate::reject::Reject;
use crate::state::frames::{FramePool, FrameRef, FrameType, OpenFrame};

use super::effect::Text;
use super::op::Form;

/// See the module.
pub struct Output<'r> {
    arena: &'r mut Vec<u8>,
    text_start: u32,
    log: Log,
    frame: Option<(OpenFrame, FrameType)>,
    frame_bytes_max: usize,
}

/// The log lines of a run.
#[derive(Default)]
struct Log {
    is_open: bool,
    is_cut: bool,
    /// Bytes of the lines that are closed.
    bytes: usize,
}

/// Stands at the end of a log line that was cut.
const CUT: &str = "\u{2026}";

impl<'r> Output<'r> {
    pub fn new(arena: &'r mut Vec<u8>, frame_bytes_max: usize) -> Self {
        Output { arena, text_start: 0, log: Log::default(), frame: None, frame_bytes_max }
    }

    pub fn open_text(&mut self) {
        self.text_start = self.arena.len() as u32;
    }

    pub fn close_text(&mut self) -> Text {
        self.text_start..self.arena.len() as u32
    }

    /// A text that was closed.
    pub fn text(&self, text: &Text) -> &[u8] {
        self.arena.get(text.start as usize..text.end as usize).unwrap_or_default()
    }

    pub fn open_log(&mut self) {
        self.open_text();
        self.log.is_open = true;
    }

    pub fn is_log(&self) -> bool {
        self.log.is_open
    }

    pub fn close_log(&mut self) -> Text {
        if std::mem::take(&mut self.log.is_cut) {
            self.arena.extend_from_slice(CUT.as_bytes());
        }
        let text = self.close_text();
        self.log.bytes += text.len();
        self.log.is_open = false;
        text
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
            None if self.log.is_open => {
                self.append_log(write);
                return Ok(());
            }
            None => (&mut *self.arena, RUN_TEXT_BYTES_MAX + self.log.bytes),
        };
        write(bytes);
        if bytes.len() > bytes_max { Err(Reject::TooLarge) } else { Ok(()) }
    }

    /// Begins a part of a URL's query; in what comes before it a `?` is escaped.
    pub fn mark(&mut self) -> Result<(), Reject> {
        let start = self.text_start as usize;
        self.append(|out| {
            let has_query = out.get(start..).is_some_and(|text| text.contains(&b'?'));
            out.push(if has_query { b'&' } else { b'?' });
        })
    }

    /// Cuts what is over the bound, between two characters.
    fn append_log(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        if self.log.is_cut {
            return;
        }
        write(self.arena);
        let left = RUN_LOG_BYTES_MAX.saturating_sub(self.log.bytes);
        let end_max = self.text_start as usize + left;
        if self.arena.len() > end_max {
            let is_inside = |at: &usize| self.arena[*at] & 0xc0 == 0x80;
            let inside = (0..=end_max).rev().take_while(is_inside).count();
            self.arena.truncate((end_max - inside).max(self.text_start as usize));
            self.log.is_cut = true;
        }
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

/// Writes a text of the connection or the message.
pub fn write_text(text: &[u8], form: Form, out: &mut Vec<u8>) {
    match form {
        Form::Text => out.extend_from_slice(text),
        Form::Inner => escape_into(text, out),
        Form::Raw => {
            out.push(b'"');
            escape_into(text, out);
            out.push(b'"');
        }
    }
}
