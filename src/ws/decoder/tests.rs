//! The decoder's rules, each at its boundary.

use super::*;
use crate::ws::deflate::Compressor;

const KEY: [u8; 4] = [0x11, 0x22, 0x93, 0x04];
const RULES: Rules = Rules { message_bytes_max: 1_000, fragments_max: 4 };

const FRESH: Negotiated = Negotiated {
    server_no_context_takeover: true,
    client_no_context_takeover: true,
    server_bits: 15,
    client_bits: 15,
    server_bits_offered: false,
};
const KEPT: Negotiated = Negotiated { client_no_context_takeover: false, ..FRESH };

/// A masked client frame; `first` is FIN, RSV and opcode as they stand on the wire.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut out = announced(first, payload.len() as u64);
    let start = out.len();
    out.extend_from_slice(payload);
    mask::unmask(&mut out[start..], KEY, 0);
    out
}

/// The header alone.
fn announced(first: u8, len: u64) -> Vec<u8> {
    let mut out = vec![first];
    match len {
        0..126 => out.push(0x80 | len as u8),
        126..=0xffff => {
            out.push(0xfe);
            out.extend_from_slice(&(len as u16).to_be_bytes());
        }
        _ => {
            out.push(0xff);
            out.extend_from_slice(&len.to_be_bytes());
        }
    }
    out.extend_from_slice(&KEY);
    out
}

/// A connection whose items are written down.
#[derive(Default)]
struct Peer {
    decoder: Decoder,
    shared: Shared,
    seen: Vec<String>,
}

impl Peer {
    fn with(agreed: &Negotiated) -> Peer {
        Peer { decoder: Decoder::new(Some(agreed)), ..Peer::default() }
    }

    fn read(&mut self, bytes: &[u8]) -> Result<(), ProtocolError> {
        let mut bytes = bytes.to_vec();
        let mut input = Input::new(&mut bytes);
        while let Some(item) = self.decoder.next(&mut input, &RULES, &mut self.shared)? {
            self.seen.push(show(&item));
        }
        assert!(input.is_empty());
        Ok(())
    }

    fn seen(&mut self) -> String {
        std::mem::take(&mut self.seen).join(" ")
    }

    fn is_bare(&self) -> bool {
        !self.decoder.holds_buffers() && !self.decoder.is_midway()
    }
}

fn show(item: &Item<'_>) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    match item {
        Item::Message { kind: MessageKind::Text, bytes } => format!("text:{}", text(bytes)),
        Item::Message { kind: MessageKind::Binary, bytes } => format!("binary:{}", text(bytes)),
        Item::Ping(bytes) => format!("ping:{}", text(bytes)),
        Item::Pong(bytes) => format!("pong:{}", text(bytes)),
        Item::Close { code, reason } => format!("close:{code:?}:{reason}"),
    }
}

fn fails(frames: &[Vec<u8>]) -> Option<ProtocolError> {
    Peer::default().read(&frames.concat()).err()
}

fn deflated(payload: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    Compressor::new(6, 15, false).compress(payload, &mut out);
    out
}

#[test]
fn whole_frames_are_handed_out_in_place_without_heap() {
    let mut bytes = [frame(0x81, b"one"), frame(0x82, &[0xff]), frame(0x89, b"p")].concat();
    let range = bytes.as_ptr_range();
    let (mut decoder, mut shared) = (Decoder::default(), Shared::default());
    let mut input = Input::new(&mut bytes);
    let mut items = 0;
    while let Some(item) = decoder.next(&mut input, &RULES, &mut shared).unwrap() {
        let (Item::Message { bytes, .. } | Item::Ping(bytes)) = item else { panic!("{item:?}") };
        assert!(range.contains(&bytes.as_ptr()));
        assert!(!decoder.holds_buffers());
        items += 1;
    }
    assert_eq!((items, shared.pooled()), (3, (0, 0)));
}

#[test]
fn a_split_header_needs_no_heap_and_a_split_payload_gives_its_buffer_back() {
    let mut peer = Peer::default();
    let bytes = frame(0x81, b"hello");
    for byte in &bytes[..5] {
        peer.read(&[*byte]).unwrap();
        assert!(!peer.decoder.holds_buffers() && peer.decoder.is_midway());
    }
    peer.read(&bytes[5..8]).unwrap();
    assert!(peer.decoder.holds_buffers() && peer.decoder.is_midway());
    peer.read(&bytes[8..]).unwrap();
    assert_eq!(peer.seen(), "text:hello");
    assert!(peer.is_bare());
    assert_eq!(peer.shared.pooled(), (1, 0));
}

#[test]
fn an_announced_length_costs_nothing() {
    let rules = Rules { message_bytes_max: 2 << 30, fragments_max: 1 };
    let (mut decoder, mut shared) = (Decoder::default(), Shared::default());
    let mut bytes = announced(0x82, 1 << 30);
    bytes.push(0);
    assert!(decoder.next(&mut Input::new(&mut bytes), &rules, &mut shared).unwrap().is_none());
    assert!(decoder.assembly.unwrap().capacity_bytes() < 64);
}

#[test]
fn a_message_is_bounded_when_it_is_announced() {
    assert_eq!(fails(&[frame(0x82, &[0; 1_000])]), None);
    assert_eq!(fails(&[announced(0x82, 1_001)]), Some(ProtocolError::MessageTooLong));
    assert_eq!(fails(&[frame(0x02, &[0; 600]), announced(0x80, 400)]), None);
    let sum = [frame(0x02, &[0; 600]), announced(0x80, 401)];
    assert_eq!(fails(&sum), Some(ProtocolError::MessageTooLong));
    let claim = [frame(0x02, &[0; 600]), announced(0x00, u64::MAX >> 1)];
    assert_eq!(fails(&claim), Some(ProtocolError::MessageTooLong));
}

#[test]
fn fragments_are_counted_even_when_empty() {
    let (first, middle, last) = (frame(0x01, b""), frame(0x00, b""), frame(0x80, b"x"));
    let four = [&first, &middle, &middle, &last].map(Clone::clone);
    assert_eq!(fails(&four), None);
    let five = [&first, &middle, &middle, &middle, &last].map(Clone::clone);
    assert_eq!(fails(&five), Some(ProtocolError::TooManyFragments));
    assert_eq!(fails(&[four.concat(), four.concat()]), None);
}

#[test]
fn controls_come_between_fragments_whole_or_split() {
    let bytes = [
        frame(0x01, b"fr\xc3"),
        frame(0x89, b"ping"),
        frame(0x00, b""),
        frame(0x8a, b""),
        frame(0x80, b"\xa9sh"),
        frame(0x81, b"next"),
    ]
    .concat();
    let want = "ping:ping pong: text:fr\u{e9}sh text:next";
    let mut whole = Peer::default();
    whole.read(&bytes).unwrap();
    assert_eq!(whole.seen(), want);
    let mut split = Peer::default();
    bytes.chunks(1).for_each(|byte| split.read(byte).unwrap());
    assert_eq!(split.seen(), want);
    assert!(whole.is_bare() && split.is_bare());
}

#[test]
fn the_order_of_frames_is_judged() {
    use ProtocolError::*;
    assert_eq!(fails(&[frame(0x80, b"x")]), Some(UnexpectedContinuation));
    assert_eq!(fails(&[frame(0x81, b"x"), frame(0x00, b"")]), Some(UnexpectedContinuation));
    assert_eq!(fails(&[frame(0x01, b"x"), frame(0x81, b"")]), Some(ExpectedContinuation));
    assert_eq!(fails(&[frame(0x02, b"x"), frame(0x02, b"")]), Some(ExpectedContinuation));
    assert_eq!(fails(&[frame(0x09, b"")]), Some(ControlFragmented));
    assert_eq!(fails(&[announced(0x89, 126)]), Some(ControlTooLong));
    assert_eq!(fails(&[frame(0x89, &[b'x'; 125])]), None);
    assert_eq!(fails(&[frame(0xc1, b"x")]), Some(ReservedBit));
}

#[test]
fn a_close_is_the_last_item() {
    let mut peer = Peer::default();
    let bytes = [frame(0x88, b"\x03\xe8bye"), frame(0x81, b"late"), vec![0xff; 9]].concat();
    peer.read(&bytes).unwrap();
    peer.read(b"\xff\xff").unwrap();
    assert_eq!(peer.seen(), "close:Some(1000):bye");
    let mut split = Peer::default();
    split.read(&frame(0x01, b"open")).unwrap();
    bytes.chunks(3).for_each(|piece| split.read(piece).unwrap());
    assert_eq!(split.seen(), "close:Some(1000):bye");
    assert!(split.is_bare());
    let mut empty = Peer::default();
    empty.read(&frame(0x88, b"")).unwrap();
    assert_eq!(empty.seen(), "close:None:");
    assert_eq!(fails(&[frame(0x88, b"\x03")]), Some(ProtocolError::CloseTooShort));
    assert_eq!(fails(&[frame(0x88, b"\x03\xec")]), Some(ProtocolError::CloseCode));
    assert_eq!(fails(&[frame(0x88, b"\x03\xe8\xff")]), Some(ProtocolError::CloseReasonUtf8));
}

#[test]
fn an_error_ends_the_connection_and_returns_every_buffer() {
    let mut peer = Peer::with(&FRESH);
    peer.read(&frame(0x41, &deflated(b"unfinished")[..3])).unwrap();
    assert!(peer.decoder.holds_buffers());
    let refused = peer.read(&[frame(0x83, b""), frame(0x81, b"late")].concat());
    assert_eq!(refused, Err(ProtocolError::ReservedOpcode));
    assert!(peer.is_bare());
    assert_eq!(peer.shared.pooled(), (1, 1));
    peer.read(&frame(0x81, b"later")).unwrap();
    assert_eq!(peer.seen(), "");
}

#[test]
fn invalid_text_fails_at_the_read_that_brings_it() {
    let bytes = frame(0x81, b"ok\xce\xba\xf4\x90\x80\x80 and much more");
    let header = 6;
    let mut peer = Peer::default();
    peer.read(&bytes[..header + 5]).unwrap();
    let refused = peer.read(&bytes[header + 5..header + 6]);
    assert_eq!(refused, Err(ProtocolError::InvalidUtf8));
    assert_eq!(fails(&[bytes]), Some(ProtocolError::InvalidUtf8));
    let mut second = Peer::default();
    second.read(&frame(0x01, b"\xf4")).unwrap();
    let refused = second.read(&frame(0x00, b"\x90\x80\x80")[..7]);
    assert_eq!(refused, Err(ProtocolError::InvalidUtf8));
}

#[test]
fn text_ends_between_characters_and_fragments_need_not() {
    assert_eq!(fails(&[frame(0x81, b"\xce")]), Some(ProtocolError::InvalidUtf8));
    assert_eq!(fails(&[frame(0x01, b"\xce"), frame(0x80, b"\xba")]), None);
    let open = [frame(0x01, b"\xce"), frame(0x80, b"")];
    assert_eq!(fails(&open), Some(ProtocolError::InvalidUtf8));
    assert_eq!(fails(&[frame(0x02, b"\xce"), frame(0x80, b"")]), None);
}

#[test]
fn compressed_messages_are_inflated_whole_split_and_fragmented() {
    let payload = deflated(b"squeezed squeezed");
    let (head, tail) = payload.split_at(4);
    let bytes = [
        frame(0xc1, &payload),
        frame(0x81, b"plain"),
        frame(0x42, head),
        frame(0x89, b"mid"),
        frame(0x80, tail),
        frame(0xc1, &[0x00]),
        frame(0xc2, b""),
    ]
    .concat();
    let want = "text:squeezed squeezed text:plain ping:mid binary:squeezed squeezed text: binary:";
    let mut whole = Peer::with(&FRESH);
    whole.read(&bytes).unwrap();
    assert_eq!(whole.seen(), want);
    let mut split = Peer::with(&FRESH);
    bytes.chunks(1).for_each(|byte| split.read(byte).unwrap());
    assert_eq!(split.seen(), want);
    assert!(whole.is_bare() && split.is_bare());
    assert_eq!(split.shared.pooled(), (1, 1));
}

#[test]
fn a_kept_window_stays_with_the_connection() {
    let mut client = Compressor::new(6, 15, true);
    let mut peer = Peer::with(&KEPT);
    for _ in 0..3 {
        let mut payload = Vec::new();
        client.compress(b"again and again", &mut payload);
        peer.read(&frame(0xc1, &payload)).unwrap();
        assert_eq!(peer.seen(), "text:again and again");
        assert!(peer.is_bare());
    }
    assert_eq!(peer.shared.pooled(), (1, 0));
    peer.decoder.release(&mut peer.shared);
    assert_eq!(peer.shared.pooled(), (1, 1));
}

#[test]
fn a_bomb_is_stopped_while_it_inflates() {
    let limit = RULES.message_bytes_max;
    let mut peer = Peer::with(&FRESH);
    peer.read(&frame(0xc2, &deflated(&vec![b'x'; limit]))).unwrap();
    assert_eq!(peer.seen().len(), "binary:".len() + limit);
    let refused = peer.read(&frame(0xc2, &deflated(&vec![b'x'; limit + 1])));
    assert_eq!(refused, Err(ProtocolError::MessageTooLong));
    let over = deflated(&vec![b'x'; limit + 1]);
    let (head, tail) = over.split_at(over.len() - 2);
    let fragments = [frame(0x42, head), frame(0x00, &tail[..1]), frame(0x80, &tail[1..])];
    let refused = Peer::with(&FRESH).read(&fragments.concat());
    assert_eq!(refused, Err(ProtocolError::MessageTooLong));
}

#[test]
fn compressed_data_is_judged_as_it_arrives() {
    let mut peer = Peer::with(&FRESH);
    let refused = peer.read(&frame(0xc1, b"\xff\xff\xff")[..7]);
    assert_eq!(refused, Err(ProtocolError::InvalidDeflate));
    let stored = [&[0x00, 0x10, 0x00, 0xef, 0xff][..], b"a\xff", &[b'x'; 14], &[0x00]].concat();
    let bytes = frame(0xc1, &stored);
    let mut text = Peer::with(&FRESH);
    text.read(&bytes[..6 + 6]).unwrap();
    assert_eq!(text.read(&bytes[12..13]), Err(ProtocolError::InvalidUtf8));
}

#[test]
fn a_decoder_can_be_taken_out_of_its_place_and_put_back() {
    let bytes = frame(0x81, b"moved");
    let mut peer = Peer::default();
    peer.read(&bytes[..8]).unwrap();
    let taken = std::mem::take(&mut peer.decoder);
    peer.decoder = taken;
    peer.read(&bytes[8..]).unwrap();
    assert_eq!(peer.seen(), "text:moved");
}
