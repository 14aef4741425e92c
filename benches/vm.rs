//! One run of `send_message` (rate limit, a notification to the room, a log line), alone and
//! together with scan and projection, everything a message costs between frame and effects: in
//! go-dispatch's configuration and in the native spelling. And a rule of five conditions.

// A bench whose set-up fails has nothing to measure.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "../tests/simulator/mod.rs"]
mod simulator;
mod stages;

use criterion::{Criterion, criterion_group, criterion_main};
use shardwire::pipeline::Program;
use simulator::crowd::{json_of, program};
use simulator::world::compile;
use stages::{NATIVE, Stages};

const ROOM: &str = "room:global";

/// A spelling's name and its program.
type Spelling = (&'static str, fn() -> Program);

const COMPATIBLE: Spelling = ("compatible", program);
const NATIVELY: Spelling = ("native", || compile(NATIVE).program);

fn send_messages(c: &mut Criterion) {
    for len in [92, 158, 937] {
        for spelling in [COMPATIBLE, NATIVELY] {
            measure(c, spelling, "send_message", len);
        }
    }
}

/// All of its conditions are asked.
fn rule(c: &mut Criterion) {
    measure(c, NATIVELY, "guarded", 158);
}

fn measure(c: &mut Criterion, (spelling, program): Spelling, event: &str, len: usize) {
    let mut stages = Stages::new(program(), json_of(event, ROOM, len));
    let id = stages.prepare();
    c.bench_function(&format!("vm/{event}/{spelling}/{len}"), |b| b.iter(|| stages.run(id)));
    c.bench_function(&format!("scan_project_run/{event}/{spelling}/{len}"), |b| {
        b.iter(|| {
            let event = stages.prepare();
            stages.run(event);
        })
    });
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .warm_up_time(std::time::Duration::from_millis(300))
        .measurement_time(std::time::Duration::from_secs(1));
    targets = send_messages, rule
}
criterion_main!(benches);
