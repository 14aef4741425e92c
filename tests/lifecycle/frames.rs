//! Messages in fragments, over many reads, with control frames between them.

use serde_json::json;
use shardwire::shard::counters::Counters;

use super::chorus::{close_code, event, for_seeds, quiet, request};
use super::simulator::random::Random;
use super::simulator::wire;
use super::simulator::world::World;

/// A frame that is not the last of its message.
fn unfinished(opcode: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = wire::frame(opcode, payload);
    bytes[0] &= 0x7f;
    bytes
}

/// One text message cut into random fragments, with pings between them; gives the pings too.
fn fragmented(text: &str, random: &mut Random) -> (Vec<u8>, usize) {
    let (mut bytes, mut rest, mut opcode, mut pings) = (Vec::new(), text.as_bytes(), 1, 0);
    while random.below(5) > 0 {
        let (piece, behind) = rest.split_at(random.index(rest.len() + 1));
        bytes.extend(unfinished(opcode, piece));
        (rest, opcode) = (behind, 0);
        if random.one_in(3) {
            bytes.extend(wire::frame(9, b"between"));
            pings += 1;
        }
    }
    bytes.extend(wire::frame(opcode, rest));
    (bytes, pings)
}

#[test]
fn fragments_over_any_reads_make_one_message() {
    for_seeds(0..60, |seed| {
        let mut world = World::new(&quiet(""), 2, seed);
        let mut random = Random::new(seed);
        let ada = world.open(0, "ada");
        let (mut expected, mut pings) = (Vec::new(), 0);
        for n in 0..12 {
            // Cuts may fall into the middle of a character, of an escape, of the frame's header.
            let payload = json!(format!("é👩‍🚀\"\\{n}{}", "x".repeat(random.index(400))));
            let (bytes, more) = fragmented(&request("echo", &payload), &mut random);
            world.send(ada, &bytes);
            expected.push(event("echo", payload));
            pings += more;
        }
        world.settle();
        let frames = world.frames(ada);
        let pongs = frames.iter().filter(|frame| frame.opcode == 10);
        assert!(pongs.clone().all(|pong| pong.payload == b"between"));
        assert_eq!(pongs.count(), pings);
        let texts = frames.iter().filter(|frame| frame.opcode == 1);
        let got: Vec<serde_json::Value> =
            texts.map(|frame| serde_json::from_slice(&frame.payload).expect("JSON")).collect();
        assert_eq!(got, expected);
    });
}

#[test]
fn a_message_may_have_so_many_bytes_and_fragments_and_no_more() {
    let yaml = quiet("maxMessageSize: 100B, maxFragments: 4");
    let fragments = |count: usize, piece: &[u8]| {
        let mut bytes = unfinished(1, piece);
        (2..count).for_each(|_| bytes.extend(unfinished(0, piece)));
        bytes.extend(wire::frame(0, piece));
        bytes
    };
    for (bytes, code) in [
        (wire::frame(1, &[b' '; 100]), None),
        (wire::frame(1, &[b' '; 101]), Some(1009)),
        (fragments(4, &[b' '; 25]), None),
        (fragments(4, &[b' '; 26]), Some(1009)),
        (fragments(5, b""), Some(1008)),
        (wire::frame(0, b"x"), Some(1002)),
        (wire::frame(1, b"\xff"), Some(1007)),
        ([unfinished(1, b"\xc3"), wire::frame(0, b"(")].concat(), Some(1007)),
    ] {
        for calm in [true, false] {
            let mut world = World::new(&yaml, 1, 7);
            world.calm = calm;
            let ada = world.open(0, "ada");
            world.send(ada, &bytes);
            world.settle();
            assert_eq!(close_code(&mut world, ada), code, "{bytes:?}");
            assert_eq!(world.total(protocol_errors), u64::from(code.is_some()));
            assert_eq!(world.clients[ada].gone, code.is_some());
        }
    }
}

fn protocol_errors(counters: &Counters) -> u64 {
    counters.protocol_errors.iter().map(|one| one.get()).sum()
}
