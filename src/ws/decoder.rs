//! The receiving side of one connection: bytes in, messages and control frames out.
//!
//! Invariants: a decoder is 64 bytes at most and owns no heap between messages (`Kept` context
//! apart). All of the input is consumed before `next` says `None`, so nothing unread has to be
//! kept. A result borrows the input where a frame lies in it whole, else the assembly, which goes
//! back to the pool at the next call. After a close frame or an error every later byte is ignored.
//! How the bytes are cut changes neither the items nor the error. Called by the shard's turn.
//!
//! ```text
//!           +-> control, or a whole uncompressed message: unmasked in the input, borrowed --> Item
//!  header --+
//!           +-> anything else: open_frame -> receive (unmask, append, check) -> finish -----> Item
//! ```

use std::ops::Range;

use super::assembler::{self, Assembly};
use super::close;
use super::deflate::{Inflater, Negotiated};
use super::error::ProtocolError;
use super::header::{self, CLIENT_HEADER_BYTES_MAX, Expect, FrameHeader, Opcode};
use super::input::Input;
use super::mask;
use super::pool::Shared;
use super::utf8;

/// What a message carries (RFC 6455 section 5.6).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MessageKind {
    Text,
    Binary,
}

/// One thing a peer sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Item<'a> {
    /// A whole message; the bytes of a text are UTF-8.
    Message {
        kind: MessageKind,
        bytes: &'a [u8],
    },
    Ping(&'a [u8]),
    Pong(&'a [u8]),
    /// The last item of a connection.
    Close {
        code: Option<u16>,
        reason: &'a str,
    },
}

/// The bounds of a message.
#[derive(Clone, Copy, Debug)]
pub struct Rules {
    /// Of the payload on the wire and of what it inflates to.
    pub message_bytes_max: usize,
    /// Frames of one message, empty ones too; at least 1.
    pub fragments_max: u32,
}

/// What the client's compressor keeps from message to message.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Deflate {
    /// No compression was negotiated.
    #[default]
    Off,
    /// Nothing: any inflater will do.
    Fresh,
    /// Its window: the inflater stays with the connection.
    Kept,
}

/// What the last item borrowed from the assembly.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Lent {
    #[default]
    Nothing,
    Message,
    Control,
}

/// Decodes what one client sends.
#[derive(Debug, Default)]
pub struct Decoder {
    /// The beginning of a header that straddles reads.
    head: [u8; CLIENT_HEADER_BYTES_MAX],
    /// `0..CLIENT_HEADER_BYTES_MAX`.
    head_len: u8,
    deflate: Deflate,
    lent: Lent,
    /// A close frame or an error was the last thing.
    ended: bool,
    assembly: Option<Box<Assembly>>,
    inflater: Option<Box<Inflater>>,
}

const _: () = assert!(size_of::<Decoder>() <= 64);

/// An item before it is borrowed.
struct Found {
    what: What,
    place: Place,
}

enum What {
    Message(MessageKind),
    Control(Opcode),
}

enum Place {
    Input(Range<usize>),
    Assembly,
}

impl Decoder {
    /// For a connection that agreed on this.
    pub fn new(agreed: Option<&Negotiated>) -> Self {
        let deflate = match agreed {
            None => Deflate::Off,
            Some(agreed) if agreed.client_no_context_takeover => Deflate::Fresh,
            Some(_) => Deflate::Kept,
        };
        Decoder { deflate, ..Decoder::default() }
    }

    /// The next item; `None` when all input is consumed.
    pub fn next<'a>(
        &'a mut self,
        input: &'a mut Input<'_>,
        rules: &Rules,
        shared: &mut Shared,
    ) -> Result<Option<Item<'a>>, ProtocolError> {
        self.settle(shared);
        if input.is_empty() {
            return Ok(None);
        }
        match self.advance(input, rules, shared) {
            Ok(None) => Ok(None),
            Ok(Some(found)) => Ok(Some(self.borrow(found, input))),
            Err(error) => {
                self.ended = true;
                self.release(shared);
                input.take_all();
                Err(error)
            }
        }
    }

    /// Gives everything borrowed back; for a connection that ends.
    pub fn release(&mut self, shared: &mut Shared) {
        self.lent = Lent::Nothing;
        if let Some(assembly) = self.assembly.take() {
            shared.take_assembly(assembly);
        }
        if let Some(inflater) = self.inflater.take() {
            shared.take_inflater(inflater);
        }
    }

    /// Whether a frame or a message has begun and is not finished.
    pub fn is_midway(&self) -> bool {
        let open = self.assembly.as_deref().is_some_and(|assembly| !assembly.is_idle());
        self.head_len > 0 || (open && self.lent != Lent::Message)
    }

    /// Whether heap is held, a kept context apart.
    pub fn holds_buffers(&self) -> bool {
        let lent_inflater = self.inflater.is_some() && self.deflate != Deflate::Kept;
        self.assembly.is_some() || lent_inflater
    }

    /// Takes back what the last item borrowed.
    fn settle(&mut self, shared: &mut Shared) {
        if self.ended {
            return self.release(shared);
        }
        match (std::mem::take(&mut self.lent), self.assembly.as_deref_mut()) {
            (Lent::Message, Some(assembly)) => assembly.clear_message(),
            (Lent::Control, Some(assembly)) => assembly.clear_control(),
            _ => return,
        }
        self.give_back_if_idle(shared);
    }

    fn give_back_if_idle(&mut self, shared: &mut Shared) {
        let in_use = self.assembly.as_deref().is_some_and(Assembly::message_is_compressed);
        if self.deflate != Deflate::Kept
            && !in_use
            && let Some(inflater) = self.inflater.take()
        {
            shared.take_inflater(inflater);
        }
        if let Some(assembly) = self.assembly.take_if(|assembly| assembly.is_idle()) {
            shared.take_assembly(assembly);
        }
    }

    fn advance(
        &mut self,
        input: &mut Input<'_>,
        rules: &Rules,
        shared: &mut Shared,
    ) -> Result<Option<Found>, ProtocolError> {
        while !self.ended {
            let found = if self.in_frame() {
                self.receive(input, rules)?
            } else {
                let Some(header) = self.next_header(input)? else { return Ok(None) };
                self.begin(header, input, rules, shared)?
            };
            if found.is_some() || self.in_frame() {
                return Ok(found);
            }
        }
        input.take_all();
        Ok(None)
    }

    fn in_frame(&self) -> bool {
        self.assembly.as_deref().is_some_and(|assembly| assembly.frame.is_some())
    }

    fn message_is_open(&self) -> bool {
        self.assembly.as_deref().is_some_and(Assembly::message_is_open)
    }

    /// The next header, from the input alone or from what earlier reads left of it.
    fn next_header(&mut self, input: &mut Input<'_>) -> Result<Option<FrameHeader>, ProtocolError> {
        let deflate = self.deflate != Deflate::Off;
        let expect = Expect { deflate, continuation: self.message_is_open() };
        if self.head_len == 0
            && let Some((header, len)) = header::decode(input.rest(), expect)?
        {
            input.take(len);
            return Ok(Some(header));
        }
        self.next_straddling_header(input, expect)
    }

    /// Moves the input byte by byte, at most 14, into `head` until a header is whole.
    fn next_straddling_header(
        &mut self,
        input: &mut Input<'_>,
        expect: Expect,
    ) -> Result<Option<FrameHeader>, ProtocolError> {
        while let Some(&byte) = input.rest().first() {
            let len = usize::from(self.head_len);
            self.head[len] = byte;
            self.head_len += 1;
            input.take(1);
            if let Some((header, _)) = header::decode(&self.head[..=len], expect)? {
                self.head_len = 0;
                return Ok(Some(header));
            }
        }
        Ok(None)
    }

    fn begin(
        &mut self,
        header: FrameHeader,
        input: &mut Input<'_>,
        rules: &Rules,
        shared: &mut Shared,
    ) -> Result<Option<Found>, ProtocolError> {
        let is_control = header.opcode.is_control();
        if !is_control {
            let so_far = self.assembly.as_deref().map_or((0, 0), Assembly::so_far);
            assembler::admit(&header, so_far, rules)?;
        }
        let is_message = header.is_final && !header.compressed && !self.message_is_open();
        let is_whole = header.payload_len <= input.rest().len() as u64;
        if is_whole && (is_control || is_message) {
            return self.find_in_place(&header, input).map(Some);
        }
        self.open_frame(header, shared);
        self.receive(input, rules)
    }

    /// A frame that lies in the input as a whole and is an item by itself.
    fn find_in_place(
        &mut self,
        header: &FrameHeader,
        input: &mut Input<'_>,
    ) -> Result<Found, ProtocolError> {
        let place = input.take(header.payload_len as usize);
        let is_ascii = mask::unmask(input.at_mut(place.clone()), header.key, 0);
        let bytes = input.at(place.clone());
        let what = match header.opcode {
            // ASCII is UTF-8.
            Opcode::Text if !is_ascii && utf8::text(bytes).is_none() => {
                return Err(ProtocolError::InvalidUtf8);
            }
            Opcode::Text => What::Message(MessageKind::Text),
            Opcode::Binary | Opcode::Continuation => What::Message(MessageKind::Binary),
            opcode => self.judge_control(opcode, bytes)?,
        };
        Ok(Found { what, place: Place::Input(place) })
    }

    fn judge_control(&mut self, opcode: Opcode, bytes: &[u8]) -> Result<What, ProtocolError> {
        if opcode == Opcode::Close {
            close::decode(bytes)?;
            self.ended = true;
        }
        Ok(What::Control(opcode))
    }

    fn open_frame(&mut self, header: FrameHeader, shared: &mut Shared) {
        self.assembly.get_or_insert_with(|| shared.lend_assembly()).open_frame(header);
        if header.compressed && self.inflater.is_none() {
            self.inflater = Some(shared.lend_inflater());
        }
    }

    /// Takes what is there of the open frame's payload.
    fn receive(
        &mut self,
        input: &mut Input<'_>,
        rules: &Rules,
    ) -> Result<Option<Found>, ProtocolError> {
        let Some(assembly) = self.assembly.as_deref_mut() else { return Ok(None) };
        let Some(frame) = assembly.frame.as_mut() else { return Ok(None) };
        let place = input.take(frame.missing());
        let piece = input.at_mut(place);
        mask::unmask(piece, frame.header.key, (frame.received % 4) as usize);
        frame.received += piece.len() as u64;
        let (header, is_whole) = (frame.header, frame.missing() == 0);
        if header.opcode.is_control() {
            assembly.append_control(piece);
        } else {
            let compressed = assembly.message_is_compressed();
            let inflater = self.inflater.as_deref_mut().filter(|_| compressed);
            assembly.append(piece, inflater, rules.message_bytes_max)?;
        }
        if is_whole { self.end_frame(&header, rules) } else { Ok(None) }
    }

    fn end_frame(
        &mut self,
        header: &FrameHeader,
        rules: &Rules,
    ) -> Result<Option<Found>, ProtocolError> {
        let Some(mut assembly) = self.assembly.take() else { return Ok(None) };
        assembly.frame = None;
        let what = self.what_ended(header, &mut assembly, rules);
        self.assembly = Some(assembly);
        Ok(what?.map(|what| Found { what, place: Place::Assembly }))
    }

    fn what_ended(
        &mut self,
        header: &FrameHeader,
        assembly: &mut Assembly,
        rules: &Rules,
    ) -> Result<Option<What>, ProtocolError> {
        if header.opcode.is_control() {
            self.lent = Lent::Control;
            return self.judge_control(header.opcode, assembly.control_bytes()).map(Some);
        }
        if !header.is_final {
            return Ok(None);
        }
        let compressed = assembly.message_is_compressed();
        let inflater = self.inflater.as_deref_mut().filter(|_| compressed);
        self.lent = Lent::Message;
        assembly.finish(inflater, rules.message_bytes_max).map(What::Message).map(Some)
    }

    fn borrow<'a>(&'a self, found: Found, input: &'a Input<'_>) -> Item<'a> {
        let bytes = match (found.place, self.assembly.as_deref()) {
            (Place::Input(place), _) => input.at(place),
            (Place::Assembly, Some(assembly)) if self.lent == Lent::Message => {
                assembly.message_bytes()
            }
            (Place::Assembly, assembly) => {
                assembly.map(Assembly::control_bytes).unwrap_or_default()
            }
        };
        match found.what {
            What::Message(kind) => Item::Message { kind, bytes },
            What::Control(Opcode::Ping) => Item::Ping(bytes),
            What::Control(Opcode::Pong) => Item::Pong(bytes),
            What::Control(_) => {
                // Judged when it was found; it cannot fail a second time.
                let (code, reason) = close::decode(bytes).unwrap_or((None, ""));
                Item::Close { code, reason }
            }
        }
    }
}

#[cfg(test)]
mod tests;
