//! Stages that are a shard's whole way: messages as they are received, turns to a room, the mesh.

use crate::meter::Meter;
use crate::simulator::crowd::{Crowd, message_of, send_message};
use crate::stages::NATIVE;

const ROOM: &str = "room:global";
const DELAYED: &str = "\nrooms: { \"room:{name}\": { batch: { delay: 2ms } } }\n";

/// Messages of a lap; each member's queue holds them.
const BURST: usize = 64;

pub fn stages(meter: &Meter) {
    for len in [92, 158, 937] {
        received(meter, &format!("message received, {len} bytes"), &send_message(ROOM, len));
    }
    let native = Crowd::of(NATIVE, 1, 1, ROOM);
    received_by(meter, native, "message received, native, 158 bytes", &send_message(ROOM, 158));
    let without = |event| message_of(event, ROOM, 158);
    received(meter, "message received, 158 bytes, without its limit", &without("talk_freely_"));
    received(meter, "message received, 158 bytes, without its log line", &without("talk_unseen_"));
    sent(meter);
    to_a_room(meter, 1);
    to_a_room(meter, 16);
    delayed(meter);
    over_the_mesh(meter);
}

/// From the masked bytes to the queued frame; the room has one member.
fn received(meter: &Meter, name: &str, bytes: &[u8]) {
    received_by(meter, Crowd::new(1, 1, ROOM), name, bytes);
}

fn received_by(meter: &Meter, mut crowd: Crowd, name: &str, bytes: &[u8]) {
    let sender = crowd.members[0];
    let mut buffers = vec![bytes.to_vec(); BURST];
    meter.laps(|meter| {
        buffers.iter_mut().for_each(|buffer| buffer.copy_from_slice(bytes));
        let now = crowd.now;
        let shard = &mut crowd.shards[0];
        meter.count(name, BURST, || {
            for buffer in &mut buffers {
                shard.handle_bytes(now, sender.slot, buffer);
            }
        });
        assert_eq!(crowd.end_turn(), 1, "{name} was not sent");
    });
}

/// The same to the end of its send, a message a turn.
fn sent(meter: &Meter) {
    let mut crowd = Crowd::new(1, 1, ROOM);
    let bytes = send_message(ROOM, 158);
    let sender = crowd.members[0];
    meter.laps(|meter| {
        meter.count("message sent, 158 bytes", BURST, || {
            for _ in 0..BURST {
                crowd.receive(sender, &bytes);
                assert_eq!(crowd.end_turn(), 1);
            }
        });
    });
}

/// A turn of so many messages to a thousand members, for each delivery.
fn to_a_room(meter: &Meter, messages: usize) {
    const MEMBERS: usize = 1_000;
    let mut crowd = Crowd::new(1, MEMBERS, ROOM);
    let bytes = send_message(ROOM, 158);
    let sender = crowd.members[0];
    let name = format!("delivery to one of 1,000, {messages} a turn");
    meter.laps(|meter| {
        meter.count(&name, MEMBERS * messages, || {
            (0..messages).for_each(|_| crowd.receive(sender, &bytes));
            assert_eq!(crowd.end_turn(), MEMBERS);
        });
    });
}

/// The messages of so many turns to a thousand members, sent together when the delay has passed.
fn delayed(meter: &Meter) {
    const MEMBERS: usize = 1_000;
    const TURNS: usize = 16;
    let mut crowd = Crowd::with(DELAYED, 1, MEMBERS, ROOM);
    let bytes = send_message(ROOM, 158);
    let sender = crowd.members[0];
    meter.laps(|meter| {
        meter.count("delivery to one of 1,000, 16 turns in a delay", MEMBERS * TURNS, || {
            for _ in 0..TURNS {
                crowd.receive(sender, &bytes);
                assert_eq!(crowd.end_turn(), 0);
            }
            crowd.pass_time(2_000_000);
            assert_eq!(crowd.end_turn(), MEMBERS);
        });
    });
}

/// Two shards with a member on each; both sends are in the count, and the channels are not.
fn over_the_mesh(meter: &Meter) {
    let mut crowd = Crowd::new(2, 2, ROOM);
    let bytes = send_message(ROOM, 158);
    let sender = crowd.members[0];
    meter.laps(|meter| {
        meter.count("message over the mesh, 158 bytes", BURST, || {
            for _ in 0..BURST {
                crowd.receive(sender, &bytes);
                assert_eq!(crowd.end_turn(), 2);
            }
        });
    });
}
