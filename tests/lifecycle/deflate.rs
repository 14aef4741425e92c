//! permessage-deflate (RFC 7692) in rooms whose members agreed on different things.

use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress};
use serde_json::{Value, json};

use super::chorus::{event, quiet, request};
use super::simulator::wire::{self, ServerFrame};
use super::simulator::world::{World, token};

const TAIL: [u8; 4] = [0x00, 0x00, 0xff, 0xff];

/// Opens a connection that offers these extensions; gives it and the head of the answer.
fn open(world: &mut World, shard: usize, user: &str, offer: &str) -> (usize, String) {
    let client = world.dial(shard, user);
    let cookie = format!("Cookie: session-token={}\r\n", token(user, &[]));
    let offer = match offer {
        "" => String::new(),
        offer => format!("Sec-WebSocket-Extensions: {offer}\r\n"),
    };
    world.send(client, &wire::upgrade_with("/ws", &(cookie + &offer)));
    world.settle();
    let head = String::from_utf8_lossy(&world.clients[client].received).to_ascii_lowercase();
    assert!(world.take_upgrade(client), "{head}");
    world.say(client, &request("join", &json!(0)));
    world.settle();
    assert_eq!(only(world.frames(client)).opcode, 1);
    (client, head)
}

fn inflate(inflater: &mut Decompress, payload: &[u8]) -> String {
    let input = [payload, &TAIL].concat();
    let mut out = Vec::with_capacity(1 << 20);
    inflater.decompress_vec(&input, &mut out, FlushDecompress::Sync).expect("DEFLATE");
    String::from_utf8(out).expect("UTF-8")
}

fn fresh() -> Decompress {
    Decompress::new(false)
}

fn only(mut frames: Vec<ServerFrame>) -> ServerFrame {
    assert_eq!(frames.len(), 1, "{frames:?}");
    frames.remove(0)
}

fn world(compression: &str) -> World {
    World::calm(&quiet(&format!("compression: {{ enabled: true, {compression} }}")), 2)
}

#[test]
fn a_room_of_mixed_receivers_gets_one_message_in_each_ones_form() {
    let mut world = world("minSize: 64B");
    let plain = open(&mut world, 0, "plain", "").0;
    let same: Vec<usize> =
        (0..3).map(|n| open(&mut world, 1, &format!("same{n}"), "permessage-deflate").0).collect();
    let (narrow, head) =
        open(&mut world, 1, "narrow", "permessage-deflate; server_max_window_bits=10");
    assert!(head.contains("server_max_window_bits=10"), "{head}");
    let far = open(&mut world, 0, "far", "permessage-deflate; client_max_window_bits").0;
    let long = json!("hello hello hello ".repeat(400));
    for _ in 0..3 {
        let text = event("said", long.clone()).to_string();
        world.say(plain, &request("say", &long));
        world.settle();
        let raw = only(world.frames(plain));
        assert!(!raw.compressed && raw.payload == text.as_bytes());
        let shared: Vec<ServerFrame> = same.iter().map(|one| only(world.frames(*one))).collect();
        assert!(shared.iter().all(|frame| frame == &shared[0]), "one frame for all");
        let others = [narrow, far].map(|client| only(world.frames(client)));
        for frame in shared.iter().chain(&others) {
            assert!(frame.compressed && frame.payload.len() < text.len() / 10);
            assert_eq!(inflate(&mut fresh(), &frame.payload), text);
        }
    }
    // What is short goes as it is.
    world.say(plain, &request("say", &json!("hi")));
    world.settle();
    assert!(!only(world.frames(same[0])).compressed);
}

#[test]
fn with_context_takeover_each_connection_has_a_window_of_its_own() {
    let mut world = world("contextTakeover: true, minSize: 0B");
    let (ada, _) = open(&mut world, 0, "ada", "");
    let offer = "permessage-deflate";
    let early = open(&mut world, 1, "early", offer).0;
    let without = open(&mut world, 1, "without", "permessage-deflate; server_no_context_takeover");
    assert!(without.1.contains("server_no_context_takeover"), "{}", without.1);
    let (mut of_early, mut of_late) = (fresh(), fresh());
    // The answer to the join was the first message of its window.
    let texts: Vec<Value> =
        (0..6).map(|n| json!(format!("{n} {}", "lorem ipsum ".repeat(9)))).collect();
    let mut late = None;
    let mut sizes = Vec::new();
    prime(&mut of_early);
    for (n, payload) in texts.iter().enumerate() {
        if n == 3 {
            late = Some(open(&mut world, 1, "late", offer).0);
            prime(&mut of_late);
        }
        let text = event("said", payload.clone()).to_string();
        world.say(ada, &request("say", payload));
        world.settle();
        let frame = only(world.frames(early));
        assert_eq!(inflate(&mut of_early, &frame.payload), text, "{n}");
        sizes.push(frame.payload.len());
        let frame = only(world.frames(without.0));
        assert_eq!(inflate(&mut fresh(), &frame.payload), text, "{n}");
        if let Some(late) = late {
            let frame = only(world.frames(late));
            assert_eq!(inflate(&mut of_late, &frame.payload), text, "{n}");
        }
    }
    assert!(sizes[1..].iter().all(|size| *size <= sizes[0] / 2), "{sizes:?}");
}

/// Puts the answer to the join, which a test has read already, into a window.
fn prime(inflater: &mut Decompress) {
    let mut compress = Compress::new(Compression::new(1), false);
    let text = event("joined", json!(0)).to_string();
    let sent = deflate(&mut compress, &text);
    assert_eq!(inflate(inflater, &sent), text);
}

/// One message as a client compresses it.
fn deflate(compress: &mut Compress, text: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(2 * text.len() + 100);
    compress.compress_vec(text.as_bytes(), &mut out, FlushCompress::Sync).expect("compresses");
    out.truncate(out.len() - TAIL.len());
    out
}

#[test]
fn compressed_messages_are_understood_over_any_reads() {
    for (calm, takeover) in [(true, true), (false, true), (true, false), (false, false)] {
        let yaml = quiet(&format!("compression: {{ enabled: true, contextTakeover: {takeover} }}"));
        let mut world = World::new(&yaml, 2, 3);
        world.calm = calm;
        let (ada, head) = open(&mut world, 1, "ada", "permessage-deflate");
        let fresh_each = head.contains("client_no_context_takeover");
        let mut compress = Compress::new(Compression::new(6), false);
        for n in 0..6 {
            let payload = json!(format!("{n} {}", "é again ".repeat(20)));
            if fresh_each {
                compress.reset();
            }
            let mut bytes = wire::frame(1, &deflate(&mut compress, &request("echo", &payload)));
            bytes[0] |= 0x40;
            world.send(ada, &bytes);
            world.settle();
            assert_eq!(world.messages(ada), [event("echo", payload)], "{n} {head}");
        }
    }
}
