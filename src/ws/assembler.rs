//! What a decoder keeps between reads: an unfinished frame, an unfinished message.
//!
//! Invariants: memory grows with what was received (or inflated), never with what was announced.
//! The text of a message is checked after every piece, before a worse piece is judged, so which
//! rule a peer broke first does not depend on how its bytes were cut.

use super::decoder::{MessageKind, Rules};
use super::deflate::Inflater;
use super::error::ProtocolError;
use super::header::{FrameHeader, Opcode};
use super::utf8::Checked;

/// A frame whose payload is not there yet as a whole.
#[derive(Clone, Copy, Debug)]
pub struct OpenFrame {
    pub header: FrameHeader,
    /// Payload bytes so far, `0..header.payload_len`.
    pub received: u64,
}

impl OpenFrame {
    pub fn missing(&self) -> usize {
        usize::try_from(self.header.payload_len - self.received).unwrap_or(usize::MAX)
    }
}

/// A message of which not every frame has ended.
#[derive(Clone, Copy, Debug)]
struct OpenMessage {
    kind: MessageKind,
    compressed: bool,
    frames: u32,
    /// Announced payload bytes of all frames so far, as they are on the wire.
    wire_bytes: u64,
    checked: Checked,
}

/// The unfinished business of one connection.
#[derive(Debug, Default)]
pub struct Assembly {
    pub frame: Option<OpenFrame>,
    message: Option<OpenMessage>,
    /// The message so far, inflated.
    data: Vec<u8>,
    /// The control frame so far; it may come inside a message.
    control: Vec<u8>,
}

/// Whether a data frame may follow `frames` frames of `wire_bytes` bytes in its message.
pub fn admit(
    header: &FrameHeader,
    (frames, wire_bytes): (u32, u64),
    rules: &Rules,
) -> Result<(), ProtocolError> {
    if frames >= rules.fragments_max.max(1) {
        return Err(ProtocolError::TooManyFragments);
    }
    if wire_bytes.saturating_add(header.payload_len) > rules.message_bytes_max as u64 {
        return Err(ProtocolError::MessageTooLong);
    }
    Ok(())
}

impl Assembly {
    pub fn capacity_bytes(&self) -> usize {
        self.data.capacity()
    }

    pub fn clear(&mut self) {
        self.frame = None;
        self.clear_message();
        self.control.clear();
    }

    pub fn clear_message(&mut self) {
        self.message = None;
        self.data.clear();
    }

    pub fn clear_control(&mut self) {
        self.control.clear();
    }

    pub fn is_idle(&self) -> bool {
        self.frame.is_none() && self.message.is_none()
    }

    pub fn message_is_open(&self) -> bool {
        self.message.is_some()
    }

    pub fn message_is_compressed(&self) -> bool {
        self.message.is_some_and(|message| message.compressed)
    }

    /// Frames and wire bytes of the open message.
    pub fn so_far(&self) -> (u32, u64) {
        self.message.map_or((0, 0), |message| (message.frames, message.wire_bytes))
    }

    pub fn message_bytes(&self) -> &[u8] {
        &self.data
    }

    pub fn control_bytes(&self) -> &[u8] {
        &self.control
    }

    /// Begins a frame, and a message where the frame is its first.
    pub fn open_frame(&mut self, header: FrameHeader) {
        self.frame = Some(OpenFrame { header, received: 0 });
        let kind = match header.opcode {
            Opcode::Text => MessageKind::Text,
            Opcode::Binary | Opcode::Continuation => MessageKind::Binary,
            Opcode::Close | Opcode::Ping | Opcode::Pong => return,
        };
        let compressed = header.compressed;
        let checked = Checked::default();
        let fresh = OpenMessage { kind, compressed, frames: 0, wire_bytes: 0, checked };
        let message = self.message.get_or_insert(fresh);
        message.frames += 1;
        message.wire_bytes = message.wire_bytes.saturating_add(header.payload_len);
    }

    pub fn append_control(&mut self, piece: &[u8]) {
        self.control.extend_from_slice(piece);
    }

    /// Appends unmasked payload to the message.
    pub fn append(
        &mut self,
        piece: &[u8],
        inflater: Option<&mut Inflater>,
        bytes_max: usize,
    ) -> Result<(), ProtocolError> {
        let inflated = match inflater {
            Some(inflater) => inflater.inflate(piece, &mut self.data, bytes_max),
            None => {
                self.data.extend_from_slice(piece);
                Ok(())
            }
        };
        self.check_text()?;
        inflated
    }

    /// Ends the message; its bytes stay until `clear_message`.
    pub fn finish(
        &mut self,
        inflater: Option<&mut Inflater>,
        bytes_max: usize,
    ) -> Result<MessageKind, ProtocolError> {
        let inflated = match inflater {
            Some(inflater) if self.so_far().1 > 0 => inflater.finish(&mut self.data, bytes_max),
            _ => Ok(()),
        };
        self.check_text()?;
        inflated?;
        let Some(message) = self.message else { return Ok(MessageKind::Binary) };
        if message.kind == MessageKind::Text && !message.checked.is_whole(&self.data) {
            return Err(ProtocolError::InvalidUtf8);
        }
        Ok(message.kind)
    }

    fn check_text(&mut self) -> Result<(), ProtocolError> {
        match &mut self.message {
            Some(message) if message.kind == MessageKind::Text => {
                message.checked.extend(&self.data).map_err(|_| ProtocolError::InvalidUtf8)
            }
            _ => Ok(()),
        }
    }
}
