//! permessage-deflate (RFC 7692) in rooms whose members agreed on different things.

use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress};
use serde_json::{Value, json};

use super::chorus::{ROOM, event, named, quiet, request};
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

/// The context is dropped while nothing is said; what comes then refers to nothing before it, and
/// the client's inflater goes on as ever.
#[test]
fn a_context_that_was_idle_begins_anew_and_the_client_need_not_know() {
    let mut world = world("contextTakeover: true, minSize: 0B");
    let ada = open(&mut world, 0, "ada", "").0;
    let bob = open(&mut world, 1, "bob", "permessage-deflate").0;
    let mut inflater = fresh();
    prime(&mut inflater);
    let payload = json!("lorem ipsum dolor sit amet");
    let text = event("said", payload.clone()).to_string();
    let mut sizes = Vec::new();
    for pause_ms in [0, 1, 9_000, 60_000, 0] {
        world.advance_ms(pause_ms);
        world.say(ada, &request("say", &payload));
        world.settle();
        let frame = only(world.frames(bob));
        assert_eq!(inflate(&mut inflater, &frame.payload), text);
        sizes.push(frame.payload.len());
    }
    let short = sizes[0] / 2;
    assert!(sizes[1] < short && sizes[2] < short, "the context is kept: {sizes:?}");
    assert!(sizes[3] >= sizes[0] && sizes[4] < short, "it was dropped and made anew: {sizes:?}");
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

/// Members with these offers, all in one room; each is on the next shard.
fn crowd(world: &mut World, room: &str, members: usize, offers: &[&str]) -> Vec<usize> {
    let shards = world.shards.len();
    let enter = request("join", &json!(0)).replace(ROOM, room);
    let clients: Vec<usize> = (0..members)
        .map(|n| {
            let user = format!("user{n}");
            let client = world.dial(n % shards, &user);
            let cookie = format!("Cookie: session-token={}\r\n", token(&user, &[]));
            let offer =
                format!("Sec-WebSocket-Extensions: {}\r\n", offers[n / shards % offers.len()]);
            world.send(client, &wire::upgrade_with("/ws", &(cookie + &offer)));
            client
        })
        .collect();
    world.settle();
    for &client in &clients {
        assert!(world.take_upgrade(client));
        world.say(client, &enter);
    }
    world.settle();
    for &client in &clients {
        assert_eq!(only(world.frames(client)).opcode, 1);
    }
    clients
}

/// Compressor calls for one long message to everybody, and the distinct frames that arrived.
fn compressions(world: &mut World, room: &str, clients: &[usize]) -> (u64, usize) {
    let long = json!("hello hello hello ".repeat(400));
    let text = event("said", long.clone()).to_string();
    let before = world.total(|c| c.compressions.get());
    world.say(clients[0], &request("say", &long).replace(ROOM, room));
    world.settle();
    let mut forms: Vec<Vec<u8>> = Vec::new();
    for &client in clients {
        let frame = only(world.frames(client));
        assert!(frame.compressed);
        if !forms.contains(&frame.payload) {
            assert_eq!(inflate(&mut fresh(), &frame.payload), text);
            forms.push(frame.payload);
        }
    }
    (world.total(|c| c.compressions.get()) - before, forms.len())
}

const USUAL: &str = "permessage-deflate";
const TEN: &str = "permessage-deflate; server_max_window_bits=10";
const TWELVE: &str = "permessage-deflate; server_max_window_bits=12";

#[test]
fn a_message_to_a_thousand_members_is_deflated_once_in_all() {
    for shards in [1, 4] {
        for home in 0..shards {
            let yaml = quiet("compression: { enabled: true, minSize: 64B }");
            let mut world = World::calm(&yaml, shards);
            let room = named("room:", home, shards);
            let clients = crowd(&mut world, &room, 1_000, &[USUAL]);
            assert_eq!(compressions(&mut world, &room, &clients), (1, 1), "{home} of {shards}");
        }
    }
}

#[test]
fn narrower_windows_share_a_form_for_each_size_and_shard() {
    let yaml = quiet("compression: { enabled: true, minSize: 64B }");
    let mut world = World::calm(&yaml, 2);
    let clients = crowd(&mut world, ROOM, 300, &[USUAL, TEN, TWELVE]);
    // The usual form once in all, the two others on each shard.
    let (calls, forms) = compressions(&mut world, ROOM, &clients);
    assert_eq!(calls, 1 + 2 * 2);
    assert!(forms <= 3, "{forms}");
    assert!(world.live().iter().all(|live| live.frames == 0), "a twin was kept");
}

#[test]
fn a_home_without_such_members_leaves_it_to_the_shards_that_have_some() {
    let yaml = quiet("compression: { enabled: true, minSize: 64B }");
    let mut world = World::calm(&yaml, 3);
    let room = named("room:", 2, 3);
    let clients = crowd(&mut world, &room, 300, &[USUAL]);
    let (far, near): (Vec<usize>, Vec<usize>) = clients.iter().partition(|n| **n % 3 == 2);
    assert_eq!(compressions(&mut world, &room, &clients).0, 1);
    far.iter().for_each(|client| world.hang_up(*client));
    world.settle();
    assert_eq!(compressions(&mut world, &room, &near).0, 2);
}
