//! One run of the Go original's `send_message` (rate limit, a notification to the room, a log
//! line), alone and together with scan and projection: everything a message costs between frame and
//! effects.

// A bench whose set-up fails has nothing to measure.
#![allow(clippy::unwrap_used)]

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use shardwire::envelope::text::text_of;
use shardwire::envelope::{Envelope, RoutedKeys, Scanner, Slots, project};
use shardwire::ids::{ConnKey, EventId, LimitId, PermissionId, ShardId};
use shardwire::pipeline::op::{Context, Form, FrameKind, Op, Reg, Source};
use shardwire::pipeline::{
    About, Builder, Effects, Host, Input, LimitSpec, Outcome, Program, Site, Verdict, Vm,
};
use shardwire::state::frames::{FramePool, FrameType};
use shardwire::state::limits::Rate;

const FRAME_BYTES_MAX: usize = 64 * 1024;

struct Open;

impl Host for Open {
    fn limit(&mut self, _: LimitId, _: &[u8]) -> Verdict {
        Verdict::Pass
    }

    fn permitted(&self, _: PermissionId) -> bool {
        true
    }

    fn logs(&self) -> bool {
        false
    }

    fn verify_token(&mut self, _: &str, _: &mut Vec<u8>) -> bool {
        false
    }
}

fn context(value: Context, form: Form) -> Op {
    Op::Context { value, form }
}

/// What the compiler makes of `send_message`.
fn send_message() -> Program {
    let site = Site { line: 1, column: 1, file: 0 };
    let mut builder = Builder::new("config.yaml");
    let event = builder.event("send_message", site).unwrap();
    let window_ns = 60_000_000_000;
    let limit = builder.limit(LimitSpec::of_user(event, Rate::fixed(10, window_ns), site));
    let slot = builder.payload_slot(&["message"]).unwrap();
    let source = Source::Payload;
    for op in [Op::Limit(limit), Op::NeedTarget, Op::NeedSlot { source, slot }] {
        builder.op(op, site);
    }
    for op in [Op::OpenText, context(Context::Target, Form::Text), Op::CloseText(Reg(0))] {
        builder.op(op, site);
    }
    builder.op(Op::OpenFrame(FrameKind::Text), site);
    builder.literal(br#"{"event":"new_message","payload":{"user": ""#, site);
    builder.op(context(Context::UserId, Form::Inner), site);
    builder.literal(br#"", "message": ""#, site);
    builder.op(Op::Slot { source, slot, form: Form::Inner }, site);
    builder.literal(br#""}}"#, site);
    builder.op(Op::CloseFrame, site);
    builder.op(Op::SendTarget(Reg(0)), site);
    builder.op(Op::OpenLog, site);
    builder.literal(b"User ", site);
    builder.op(context(Context::UserId, Form::Text), site);
    builder.literal(b" sent message to room ", site);
    builder.op(context(Context::Target, Form::Text), site);
    builder.op(Op::CloseLog, site);
    builder.finish().unwrap()
}

/// A shard's reusable parts.
struct Bench {
    program: Program,
    keys: RoutedKeys,
    scanner: Scanner,
    envelope: Envelope,
    slots: Slots,
    vm: Vm,
    pool: FramePool,
    effects: Effects,
    scratch: Vec<u8>,
}

impl Bench {
    fn new() -> Self {
        Bench {
            program: send_message(),
            keys: RoutedKeys::default(),
            scanner: Scanner::default(),
            envelope: Envelope::default(),
            slots: Slots::default(),
            vm: Vm::default(),
            pool: FramePool::default(),
            effects: Effects::default(),
            scratch: Vec::new(),
        }
    }

    fn scan(&mut self, message: &[u8]) -> EventId {
        self.scanner.scan(message, &self.keys, &mut self.envelope).unwrap();
        let name = text_of(&self.envelope.event, message, &mut self.scratch);
        let id = self.program.lookup(name).unwrap();
        let event = self.program.event(id).unwrap();
        project(
            message,
            self.envelope.payload,
            &self.scanner.members,
            &event.payload,
            &mut self.slots,
        )
        .unwrap();
        id
    }

    fn run(&mut self, message: &[u8], event: EventId) -> Outcome {
        let input = Input {
            message,
            payload: &self.slots,
            token: self.envelope.token,
            id: self.envelope.id,
            claims: b"",
            about: About::NOTHING,
            user: "user-1234",
            conn: ConnKey { shard: ShardId(0), index: 1, generation: 1 },
            target: text_of(&self.envelope.target, message, &mut self.scratch),
            kind: FrameType::Text,
            frame_bytes_max: FRAME_BYTES_MAX,
        };
        let (pool, effects) = (&mut self.pool, &mut self.effects);
        let outcome = self.vm.run(&self.program, event, &input, &mut Open, pool, effects);
        self.effects.clear();
        outcome
    }
}

fn chat(len: usize) -> Vec<u8> {
    let head = br#"{"event":"send_message","target":"room:global","payload":{"message":""#;
    let tail = br#""}}"#;
    [&head[..], &vec![b'x'; len - head.len() - tail.len()], tail].concat()
}

fn send_messages(c: &mut Criterion) {
    for len in [92, 158, 937] {
        let message = chat(len);
        let mut bench = Bench::new();
        let event = bench.scan(&message);
        assert_eq!(bench.run(&message, event), Outcome::Done);
        c.bench_function(&format!("vm/send_message/{len}"), |b| {
            b.iter(|| bench.run(black_box(&message), event))
        });
        c.bench_function(&format!("scan_project_run/send_message/{len}"), |b| {
            b.iter(|| {
                let event = bench.scan(black_box(&message));
                bench.run(&message, event)
            })
        });
    }
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .warm_up_time(std::time::Duration::from_millis(300))
        .measurement_time(std::time::Duration::from_secs(1));
    targets = send_messages
}
criterion_main!(benches);
