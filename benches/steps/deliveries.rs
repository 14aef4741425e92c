//! The three stages of a delivery in the outboxes, each over a room of a thousand.

use crate::meter::Meter;
use shardwire::state::delays::Delays;
use shardwire::state::frames::{FrameRef, FrameType};
use shardwire::state::outbox::{OutboxBounds, Outboxes};

const MEMBERS: u32 = 1_000;
const BOUNDS: OutboxBounds = OutboxBounds { bytes_max: 1 << 20, frames_max: 1_000 };

pub fn stages(meter: &Meter) {
    let mut outboxes = Outboxes::new(BOUNDS, Delays::default());
    for slot in 0..MEMBERS {
        outboxes.open_lane(slot);
        outboxes.admit_messages(slot, true);
    }
    let members = MEMBERS as usize;
    meter.laps(|meter| {
        let frame = frame(&mut outboxes);
        meter.count("delivery: queue", members, || queue(&mut outboxes, FrameRef::clone(&frame)));
        meter.count("delivery: next send", members, || {
            while outboxes.next_send(1_000_000).is_some() {}
        });
        outboxes.end_flush();
        meter.count("delivery: sent", members, || {
            (0..MEMBERS).for_each(|slot| assert!(!outboxes.sent(slot)));
        });
    });
}

fn frame(outboxes: &mut Outboxes) -> FrameRef {
    let mut open = outboxes.pool.open();
    open.bytes().extend_from_slice(&[b'x'; 100]);
    outboxes.pool.seal(open, FrameType::Text)
}

fn queue(outboxes: &mut Outboxes, frame: FrameRef) {
    let id = outboxes.add(frame);
    for slot in 0..MEMBERS {
        outboxes.push(slot, id).unwrap();
    }
    outboxes.release(id);
}
