//! A message to everybody in a room: what one delivery costs, from the room's member list to the
//! end of its send. The time is per turn; the throughput says deliveries per second.
//!
//! With 16 messages a turn each member gets them as one send.

// A bench whose set-up fails has nothing to measure.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "../tests/simulator/mod.rs"]
mod simulator;

use std::time::Duration;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use simulator::crowd::{Crowd, send_message};

const ROOM: &str = "room:global";
const DELAYED: &str = "\nrooms: { \"room:{name}\": { batch: { delay: 2ms } } }\n";

fn fanout(c: &mut Criterion) {
    let bytes = send_message(ROOM, 158);
    let mut group = c.benchmark_group("fanout");
    for members in [10, 100, 1_000] {
        let mut crowd = Crowd::new(1, members, ROOM);
        let sender = crowd.members[0];
        for messages in [1, 16] {
            group.throughput(Throughput::Elements((members * messages) as u64));
            group.bench_function(format!("{members} members/{messages} messages"), |b| {
                b.iter(|| {
                    (0..messages).for_each(|_| crowd.receive(sender, &bytes));
                    crowd.end_turn()
                })
            });
        }
    }
    group.finish();
}

/// The messages of 16 turns to a thousand members: a send for each turn, and one for all of them
/// where the room has a `batch.delay`.
fn turns(c: &mut Criterion) {
    const MEMBERS: usize = 1_000;
    const TURNS: usize = 16;
    let bytes = send_message(ROOM, 158);
    let mut group = c.benchmark_group("fanout of 16 turns");
    group.throughput(Throughput::Elements((MEMBERS * TURNS) as u64));
    for (name, sections) in [("without a delay", ""), ("within a delay", DELAYED)] {
        let mut crowd = Crowd::with(sections, 1, MEMBERS, ROOM);
        let sender = crowd.members[0];
        group.bench_function(name, |b| {
            b.iter(|| {
                let mut sends = 0;
                for _ in 0..TURNS {
                    crowd.receive(sender, &bytes);
                    sends += crowd.end_turn();
                }
                crowd.pass_time(2_000_000);
                sends + crowd.end_turn()
            })
        });
    }
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1));
    targets = fanout, turns
}
criterion_main!(benches);
