//! One message through the whole engine, from the bytes a socket gave to the queued frame: decode,
//! unmask, UTF-8, scan, project, rate limit, build the frame, find the room, queue. Go-dispatch's
//! own configuration; the sender's home and the room's are here; the room has one member.
//!
//! `received` times `handle_bytes` alone (and the copy of the frame into the buffer it is unmasked
//! in), 16 messages at a time; the sends are taken outside the timing. `sent` times everything, one
//! message a turn. `sent cold` does the same after everything was displaced from the caches nearest
//! to the core, as it is on a server that is quiet: there the cost is what a message touches.

// A bench whose set-up fails has nothing to measure.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "../tests/simulator/mod.rs"]
mod simulator;

use std::time::{Duration, Instant};

use criterion::{Criterion, criterion_group, criterion_main};
use simulator::crowd::{Crowd, send_message};

const ROOM: &str = "room:global";
const BURST: u64 = 16;
const CACHE_LINE: usize = 64;
/// More than a core's own caches hold.
const DISPLACING_BYTES: usize = 8 << 20;

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

/// The time of so many messages, each in a turn of its own that finds nothing in the near caches.
fn sent_cold(crowd: &mut Crowd, bytes: &[u8], messages: u64, displacing: &mut [u8]) -> Duration {
    let mut elapsed = Duration::ZERO;
    let sender = crowd.members[0];
    for _ in 0..messages {
        displacing.iter_mut().step_by(CACHE_LINE).for_each(|byte| *byte = byte.wrapping_add(1));
        let start = Instant::now();
        crowd.receive(sender, bytes);
        crowd.end_turn();
        elapsed += start.elapsed();
    }
    elapsed
}

fn message(c: &mut Criterion) {
    let mut displacing = vec![0; DISPLACING_BYTES];
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
        c.bench_function(&format!("message/sent cold/{len}"), |b| {
            b.iter_custom(|messages| sent_cold(&mut crowd, &bytes, messages, &mut displacing))
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
