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

criterion_group! {
    name = benches;
    config = Criterion::default()
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1));
    targets = fanout
}
criterion_main!(benches);
