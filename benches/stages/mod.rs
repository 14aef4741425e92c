//! One message's way through scan, look-up, projection and interpreter, each by itself, with what a
//! shard keeps for it; for the benches that time these stages and the one that counts them.

// Each bench uses a part of this.
#![allow(dead_code)]

use std::hint::black_box;

use shardwire::envelope::text::text_of;
use shardwire::envelope::{Envelope, Misfit, RoutedKeys, Scanner, Slots, project, project_checked};
use shardwire::ids::{ConnKey, EventId, LimitId, PermissionId, ShardId};
use shardwire::pipeline::op::Owner;
use shardwire::pipeline::vm::Variable;
use shardwire::pipeline::{About, Effects, Host, Input, Outcome, Program, Verdict, Vm};
use shardwire::state::frames::{FramePool, FrameType};

/// `send_message` in the native spelling, and a rule.
pub const NATIVE: &str = include_str!("native.yaml");

const FRAME_BYTES_MAX: usize = 64 * 1024;

/// Everything is allowed and nothing is read; variables are in their first state.
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

    fn variable(&self, of: Owner, _: u8) -> Variable<'_> {
        Variable::Bool(of == Owner::Rights)
    }
}

/// A message, its program, and a shard's reusable parts.
pub struct Stages {
    message: Vec<u8>,
    program: Program,
    keys: RoutedKeys,
    scanner: Scanner,
    envelope: Envelope,
    slots: Slots,
    misfit: Misfit,
    target: Vec<u8>,
    vm: Vm,
    pool: FramePool,
    effects: Effects,
}

impl Stages {
    pub fn new(program: Program, message: String) -> Stages {
        Stages {
            message: message.into_bytes(),
            program,
            keys: RoutedKeys::default(),
            scanner: Scanner::default(),
            envelope: Envelope::default(),
            slots: Slots::default(),
            misfit: Misfit::default(),
            target: Vec::new(),
            vm: Vm::default(),
            pool: FramePool::default(),
            effects: Effects::default(),
        }
    }

    pub fn scan(&mut self) {
        self.scanner.scan(black_box(&self.message), &self.keys, &mut self.envelope).unwrap();
    }

    pub fn lookup(&self) -> EventId {
        let name = self.envelope.event.bytes(black_box(&self.message));
        black_box(self.program.lookup(name).unwrap())
    }

    pub fn project(&mut self, event: EventId) {
        let event = self.program.event(event).unwrap();
        let message = black_box(&self.message);
        let (payload, members) = (self.envelope.payload, &self.scanner.members);
        let (out, misfit) = (&mut self.slots, &mut self.misfit);
        match &event.shape {
            None => project(message, payload, members, &event.payload, out),
            Some(shape) => {
                let slots = event.payload.slots;
                project_checked(message, payload, members, shape, slots, out, misfit)
            }
        }
        .unwrap();
    }

    /// Without what a limit's answer takes, and without applying the effects.
    pub fn run(&mut self, event: EventId) {
        let input = Input {
            message: &self.message,
            payload: &self.slots,
            token: self.envelope.token,
            id: self.envelope.id,
            claims: b"",
            about: About::NOTHING,
            user: "user-1234",
            conn: ConnKey { shard: ShardId(0), index: 1, generation: 1 },
            target: text_of(&self.envelope.target, &self.message, &mut self.target),
            kind: FrameType::Text,
            frame_bytes_max: FRAME_BYTES_MAX,
        };
        let (pool, effects) = (&mut self.pool, &mut self.effects);
        let outcome = self.vm.run(&self.program, event, &input, &mut Open, pool, effects);
        assert_eq!(outcome, Outcome::Done);
        self.effects.clear();
    }

    /// Up to the run.
    pub fn prepare(&mut self) -> EventId {
        self.scan();
        let event = self.lookup();
        self.project(event);
        event
    }
}
