//! How a stream is cut into reads changes neither the items nor the error, and whatever comes, the
//! decoder and the head parser neither panic nor hang nor keep memory.

mod ws_wire;

use shardwire::ws::handshake::parse_head;
use shardwire::ws::pool::{POOLED_ASSEMBLIES_MAX, POOLED_INFLATERS_MAX};
use shardwire::ws::{Negotiated, Shared};
use ws_wire::{AGREEMENTS, Client, Outcome, Rng, cut, decode, mutate};

/// Decodes a stream whole, byte by byte, and in random pieces, and compares.
fn assert_chunking_is_invisible(
    stream: &[u8],
    agreed: Option<&Negotiated>,
    shared: &mut Shared,
    seed: u64,
) -> Outcome {
    let whole = decode(std::iter::once(stream), agreed, shared);
    let bytewise = decode(stream.chunks(1), agreed, shared);
    assert_eq!(whole, bytewise, "seed {seed}, byte by byte");
    let mut rng = Rng(seed ^ 0xc0ffee);
    for piece_max in [3, 17, 200] {
        let pieces = cut(&mut rng, stream, piece_max);
        let outcome = decode(pieces.into_iter(), agreed, shared);
        assert_eq!(whole, outcome, "seed {seed}, pieces of up to {piece_max}");
    }
    whole
}

#[test]
fn legal_streams() {
    let mut shared = Shared::default();
    for seed in 0..600 {
        let agreed = AGREEMENTS[seed as usize % 3].as_ref();
        let stream = Client::new(seed, agreed).stream();
        let (seen, error) = assert_chunking_is_invisible(&stream, agreed, &mut shared, seed);
        assert_eq!(error, None, "seed {seed}");
        assert!(!seen.is_empty(), "seed {seed}");
    }
    assert!(shared.pooled().0 <= 1 && shared.pooled().1 <= 1);
}

#[test]
fn damaged_streams() {
    let (mut shared, mut errors) = (Shared::default(), std::collections::HashSet::new());
    for seed in 0..4_000 {
        let agreed = AGREEMENTS[seed as usize % 3].as_ref();
        let mut stream = Client::new(seed, agreed).stream();
        mutate(&mut Rng(seed ^ 0xdead), &mut stream);
        let (_, error) = assert_chunking_is_invisible(&stream, agreed, &mut shared, seed);
        errors.extend(error);
    }
    // The damage must reach most rules, or this test says little.
    assert!(errors.len() >= 12, "{errors:?}");
}

/// Random bytes seldom pass a header, so most streams begin with a plausible one.
fn noise(rng: &mut Rng) -> Vec<u8> {
    let len = rng.below(48);
    let mut stream = rng.bytes(len);
    if !rng.chance(8)
        && let [first, second, ..] = &mut stream[..]
    {
        *first = rng.pick(&[0x01, 0x81, 0x41, 0xc1, 0x02, 0xc2, 0x88, 0x89]);
        *second = 0x80 | (rng.below(20) as u8);
    }
    stream
}

#[test]
fn a_hundred_thousand_random_streams() {
    let mut shared = Shared::default();
    for seed in 0..100_000 {
        let mut rng = Rng(seed);
        let stream = noise(&mut rng);
        let agreed = AGREEMENTS[seed as usize % 3].as_ref();
        let whole = decode(std::iter::once(&stream[..]), agreed, &mut shared);
        let pieces = cut(&mut rng, &stream, 9);
        let outcome = decode(pieces.into_iter(), agreed, &mut shared);
        assert_eq!(whole, outcome, "seed {seed}");
    }
    let (assemblies, inflaters) = shared.pooled();
    assert!(assemblies <= POOLED_ASSEMBLIES_MAX && inflaters <= POOLED_INFLATERS_MAX);
}

/// Pieces of heads, good and bad, and some random bytes between them.
fn head_like(rng: &mut Rng) -> Vec<u8> {
    const PARTS: [&[u8]; 14] = [
        b"GET /ws HTTP/1.1\r\n",
        b"GET ",
        b"/ws?a=b",
        b" HTTP/1.0\r\n",
        b"Host: a\r\n",
        b"Upgrade: websocket\r\n",
        b"Connection: keep-alive, Upgrade\r\n",
        b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n",
        b"Sec-WebSocket-Extensions: permessage-deflate; x=\"\r\n",
        b"\r\n",
        b"\n",
        b"\r",
        b": ",
        b"\r\n\r\n",
    ];
    let mut stream = Vec::new();
    for _ in 0..rng.below(10) {
        if rng.chance(6) {
            let byte = rng.next() as u8;
            stream.push(byte);
        }
        stream.extend_from_slice(rng.pick(&PARTS));
    }
    stream
}

/// The head's length or the error, as the bytes arrive in reads that end at `cuts`.
fn parse(stream: &[u8], cuts: impl Iterator<Item = usize>) -> Option<Result<usize, u16>> {
    let mut searched = 0;
    for end in cuts {
        let mut headers = [httparse::EMPTY_HEADER; 6];
        match parse_head(&stream[..end], &mut searched, 150, &mut headers) {
            Ok(None) => {}
            Ok(Some(head)) => return Some(Ok(head.head_bytes)),
            Err(error) => return Some(Err(error.status())),
        }
    }
    None
}

#[test]
fn a_hundred_thousand_random_heads() {
    let (mut whole_heads, mut refused) = (0, 0);
    for seed in 0..100_000 {
        let stream = head_like(&mut Rng(seed));
        let whole = parse(&stream, std::iter::once(stream.len()));
        let bytewise = parse(&stream, 1..=stream.len());
        assert_eq!(whole, bytewise, "seed {seed}");
        match whole {
            Some(Ok(_)) => whole_heads += 1,
            Some(Err(_)) => refused += 1,
            None => {}
        }
    }
    assert!(whole_heads > 100 && refused > 10_000, "{whole_heads} {refused}");
}
