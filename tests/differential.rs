//! The decoder against tungstenite's `WebSocketContext`: the same bytes give the same items and an
//! error of the same class, but for the differences listed in `Difference`, each with its reason.

mod ws_wire;

use std::collections::BTreeMap;
use std::io::{self, Read, Write};

use shardwire::ws::{ProtocolError, Shared};
use tungstenite::protocol::{Role, WebSocketConfig};
use tungstenite::{Error, Message, WebSocket};
use ws_wire::{Client, Outcome, RULES, Rng, Seen, decode, mutate, push_frame};

/// Where the two differ, and may.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Difference {
    /// tungstenite takes a length in any form; RFC 6455 section 5.2 demands the shortest.
    LengthNotMinimal,
    /// tungstenite knows the top bit only as an immense length (1009 instead of 1002).
    LengthTopBit,
    /// tungstenite judges the length before the rest of the header (1009 instead of 1002).
    LengthJudgedFirst,
    /// tungstenite hands a close with an illegal code out as `1002 "Protocol violation"`.
    CloseCodeReplaced,
    /// tungstenite does not know 1014, which the IANA registry has.
    CloseCode1014,
    /// tungstenite reads the reason before it judges the code (1007 instead of 1002).
    ReasonJudgedFirst,
    /// tungstenite does not bound the number of fragments.
    TooManyFragments,
}

const DIFFERENCES: [Difference; 7] = [
    Difference::LengthNotMinimal,
    Difference::LengthTopBit,
    Difference::LengthJudgedFirst,
    Difference::CloseCodeReplaced,
    Difference::CloseCode1014,
    Difference::ReasonJudgedFirst,
    Difference::TooManyFragments,
];

/// A socket that has received `bytes` and nothing more.
struct Received<'s> {
    bytes: &'s [u8],
}

impl Read for Received<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        match self.bytes.read(buf)? {
            0 => Err(io::ErrorKind::WouldBlock.into()),
            len => Ok(len),
        }
    }
}

impl Write for Received<'_> {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        Ok(buf.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What tungstenite makes of the stream: items, and the close code its error means.
fn oracle(stream: &[u8]) -> (Vec<Seen>, Option<u16>) {
    let config = WebSocketConfig::default()
        .max_message_size(Some(RULES.message_bytes_max))
        .max_frame_size(Some(RULES.message_bytes_max))
        .read_buffer_size(512);
    let socket = Received { bytes: stream };
    let mut peer = WebSocket::from_raw_socket(socket, Role::Server, Some(config));
    let mut seen = Vec::new();
    loop {
        match peer.read() {
            Ok(message) => seen.push(item(message)),
            Err(Error::Protocol(_)) => return (seen, Some(1002)),
            Err(Error::Utf8(_)) => return (seen, Some(1007)),
            Err(Error::Capacity(_)) => return (seen, Some(1009)),
            Err(_) => return (seen, None),
        }
        if matches!(seen.last(), Some(Seen::Close(..))) {
            return (seen, None);
        }
    }
}

fn item(message: Message) -> Seen {
    match message {
        Message::Text(text) => Seen::Text(text.as_bytes().to_vec()),
        Message::Binary(bytes) => Seen::Binary(bytes.to_vec()),
        Message::Ping(bytes) => Seen::Ping(bytes.to_vec()),
        Message::Pong(bytes) => Seen::Pong(bytes.to_vec()),
        Message::Close(None) => Seen::Close(None, String::new()),
        Message::Close(Some(frame)) => {
            Seen::Close(Some(frame.code.into()), frame.reason.as_str().to_string())
        }
        Message::Frame(_) => unreachable!(),
    }
}

/// Compares; `Err` holds both results where they differ without leave.
fn compare(stream: &[u8], shared: &mut Shared) -> Result<Option<Difference>, String> {
    let ours = decode(std::iter::once(stream), None, shared);
    // tungstenite judges a frame when it is whole: it gets filling enough to finish any.
    let filling = if ours.1.is_some() { RULES.message_bytes_max + 200 } else { 0 };
    let theirs = oracle(&[stream, &vec![0; filling]].concat());
    if ours.0 == theirs.0 && ours.1.map(ProtocolError::code) == theirs.1 {
        return Ok(None);
    }
    difference(&ours, &theirs).map(Some).ok_or_else(|| format!("{ours:?}\n{theirs:?}"))
}

fn difference(ours: &Outcome, theirs: &(Vec<Seen>, Option<u16>)) -> Option<Difference> {
    let violation = Seen::Close(Some(1002), "Protocol violation".into());
    let extra = theirs.0.strip_prefix(&ours.0[..]);
    match (ours.1, theirs.1) {
        (Some(ProtocolError::LengthNotMinimal), _) if extra.is_some() => {
            Some(Difference::LengthNotMinimal)
        }
        (Some(ProtocolError::TooManyFragments), _) if extra.is_some() => {
            Some(Difference::TooManyFragments)
        }
        (Some(ProtocolError::CloseCode), None)
            if extra == Some(std::slice::from_ref(&violation)) =>
        {
            Some(Difference::CloseCodeReplaced)
        }
        (Some(ProtocolError::CloseCode), Some(1007)) if extra == Some(&[]) => {
            Some(Difference::ReasonJudgedFirst)
        }
        (Some(ProtocolError::LengthTopBit), Some(1009)) if extra == Some(&[]) => {
            Some(Difference::LengthTopBit)
        }
        (Some(error), Some(1009)) if error.code() == 1002 && extra == Some(&[]) => {
            Some(Difference::LengthJudgedFirst)
        }
        (None, None) => {
            is_1014(&ours.0, &theirs.0, &violation).then_some(Difference::CloseCode1014)
        }
        _ => None,
    }
}

fn is_1014(ours: &[Seen], theirs: &[Seen], violation: &Seen) -> bool {
    let (Some((last, before)), Some((replaced, same))) = (ours.split_last(), theirs.split_last())
    else {
        return false;
    };
    matches!(last, Seen::Close(Some(1014), _)) && replaced == violation && before == same
}

#[test]
fn legal_streams_are_the_same() {
    let mut shared = Shared::default();
    for seed in 0..4_000 {
        let stream = Client::new(seed, None).stream();
        assert_eq!(compare(&stream, &mut shared), Ok(None), "seed {seed}");
    }
}

#[test]
fn damaged_streams_are_the_same_but_for_the_listed_differences() {
    let (mut shared, mut counts) = (Shared::default(), BTreeMap::new());
    for seed in 0..30_000 {
        let mut stream = Client::new(seed, None).stream();
        mutate(&mut Rng(seed ^ 0x5eed), &mut stream);
        let difference = compare(&stream, &mut shared).unwrap_or_else(|both| {
            panic!("seed {seed}: {}\n{both}", stream.escape_ascii());
        });
        *counts.entry(difference).or_insert(0) += 1;
    }
    assert!(counts[&None] > 20_000, "{counts:?}");
}

/// One stream for each listed difference, so that the list stays true.
#[test]
fn every_listed_difference_exists() {
    let frame = |first, payload: &[u8]| {
        let mut out = Vec::new();
        push_frame(&mut out, first, [1, 2, 3, 4], payload);
        out
    };
    let streams = [
        [&[0x82, 0xfe, 0, 1][..], &[0; 5]].concat(),
        [&[0x82, 0xff, 0x80][..], &[0; 11]].concat(),
        [&[0xa2, 0xfe, 0xff, 0xff][..], &[0; 4]].concat(),
        frame(0x88, b"\x03\xec"),
        frame(0x88, b"\x03\xf6"),
        frame(0x88, b"\x03\xec\xff"),
        [frame(0x01, b""), frame(0x00, b"").repeat(7), frame(0x80, b"")].concat(),
    ];
    for (stream, want) in streams.iter().zip(DIFFERENCES) {
        assert_eq!(compare(stream, &mut Shared::default()), Ok(Some(want)));
    }
}
