//! One message through the whole engine, from the bytes a socket gave to the queued frame: decode,
//! unmask, UTF-8, scan, project, rate limit, build the frame, find the room, queue. Go-dispatch's
//! own configuration; the sender's home and the room's are here; the room has one member.
//!
//! `received` times `handle_bytes` alone (and the copy of the frame into the buffer it is unmasked
//! in), 16 messages at a time; the sends are taken outside the timing. `sent` times everything, one
//! message a turn.

// A bench whose set-up fails has nothing to measure.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "../tests/simulator/mod.rs"]
mod simulator;

use std::time::{Duration, Instant};

use criterion::{Criterion, criterion_group, criterion_main};
use simulator::crowd::{Crowd, send_message};

const ROOM: &str = "room:global";
const BURST: u64 = 16;

/// The time of so many messages, in bursts, without the sends that follow each.
fn received(crowd: &mut Crowd, bytes: &[u8], messages: u64) -> Duration {
    let mut elapsed = Duration::ZERO;
    let sender = crowd.members[0];
    for _ in 0..messages.div_ceil(BURST) {
        let start = Instant::now();
        for _ in 0..BURST {
            crowd.receive(sender, bytes);
        }
        elapsed += start.elapsed();
        crowd.end_turn();
    }
    elapsed.mul_f64(messages as f64 / (messages.div_ceil(BURST) * BURST) as f64)
}

fn message(c: &mut Criterion) {
    let mut crowd = Crowd::new(1, 1, ROOM);
    let sender = crowd.members[0];
    for len in [92, 158, 937] {
        let bytes = send_message(ROOM, len);
        c.bench_function(&format!("message/received/{len}"), |b| {
            b.iter_custom(|messages| received(&mut crowd, &bytes, messages))
        });
        c.bench_function(&format!("message/sent/{len}"), |b| {
            b.iter(|| {
                crowd.receive(sender, &bytes);
                crowd.end_turn()
            })
        });
    }
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1));
    targets = message
}
criterion_main!(benches);
