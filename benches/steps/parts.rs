//! The stages of one message, each by itself: decoder, unmask, UTF-8, scan, event name, projection,
//! interpreter.

use std::hint::black_box;

use crate::meter::Meter;
use crate::simulator::crowd::{json_of, program};
use shardwire::envelope::text::text_of;
use shardwire::envelope::{Envelope, RoutedKeys, Scanner, Slots, project};
use shardwire::ids::{ConnKey, EventId, LimitId, PermissionId, ShardId};
use shardwire::pipeline::{About, Effects, Host, Input, Outcome, Program, Verdict, Vm};
use shardwire::state::frames::{FramePool, FrameType};
use shardwire::ws::{self, Decoder, Item, Rules, Shared, mask, utf8};

const TIMES: usize = 64;
const RULES: Rules = Rules { message_bytes_max: 1 << 20, fragments_max: 1_024 };

pub fn stages(meter: &Meter) {
    for len in [158, 937] {
        decoder(meter, len);
    }
    for len in [16, 158, 1_024, 16_384] {
        unmask(meter, len);
        check(meter, len);
    }
    for len in [92, 158, 937] {
        Parts::new(len).stages(meter, len);
    }
}

fn message(len: usize) -> Vec<u8> {
    json_of("send_message", "room:global", len).into_bytes()
}

/// A frame whose key is zero: unmasked in place it stays what it was.
fn decoder(meter: &Meter, len: usize) {
    let mut frame = vec![0x81, 0x80 | 126];
    frame.extend_from_slice(&(len as u16).to_be_bytes());
    frame.extend_from_slice(&[0; 4]);
    frame.extend_from_slice(&message(len));
    let (mut decoder, mut shared) = (Decoder::new(None), Shared::default());
    let mut decode = || {
        let mut input = ws::Input::new(&mut frame);
        let item = decoder.next(&mut input, &RULES, &mut shared).unwrap();
        assert!(matches!(black_box(item), Some(Item::Message { bytes, .. }) if bytes.len() == len));
        assert_eq!(decoder.next(&mut input, &RULES, &mut shared), Ok(None));
    };
    let name = format!("decoder, {len} bytes");
    meter.laps(|meter| meter.count(&name, TIMES, || (0..TIMES).for_each(|_| decode())));
}

fn unmask(meter: &Meter, len: usize) {
    let mut bytes = vec![b'x'; len];
    let name = format!("unmask, {len} bytes");
    meter.laps(|meter| {
        meter.count(&name, TIMES, || {
            for phase in 0..TIMES {
                mask::unmask(black_box(&mut bytes), [1, 2, 3, 4], phase % 4);
            }
        });
    });
}

fn check(meter: &Meter, len: usize) {
    let bytes = vec![b'x'; len];
    let name = format!("utf-8, {len} bytes");
    meter.laps(|meter| {
        meter.count(&name, TIMES, || {
            (0..TIMES).for_each(|_| assert!(utf8::text(black_box(&bytes)).is_some()));
        });
    });
}

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

/// What a shard keeps for its messages, and one message.
struct Parts {
    message: Vec<u8>,
    program: Program,
    keys: RoutedKeys,
    scanner: Scanner,
    envelope: Envelope,
    slots: Slots,
    vm: Vm,
    pool: FramePool,
    effects: Effects,
}

impl Parts {
    fn new(len: usize) -> Parts {
        Parts {
            message: message(len),
            program: program(),
            keys: RoutedKeys::default(),
            scanner: Scanner::default(),
            envelope: Envelope::default(),
            slots: Slots::default(),
            vm: Vm::default(),
            pool: FramePool::default(),
            effects: Effects::default(),
        }
    }

    fn stages(&mut self, meter: &Meter, len: usize) {
        let [scan, lookup, projection, vm] = ["scan", "event name", "projection", "interpreter"]
            .map(|name| format!("{name}, {len} bytes"));
        meter.laps(|meter| {
            meter.count(&scan, TIMES, || (0..TIMES).for_each(|_| self.scan()));
            meter.count(&lookup, TIMES, || {
                (0..TIMES).for_each(|_| {
                    self.lookup();
                });
            });
            let event = self.lookup();
            meter.count(&projection, TIMES, || (0..TIMES).for_each(|_| self.project(event)));
            meter.count(&vm, TIMES, || (0..TIMES).for_each(|_| self.run(event)));
        });
    }

    fn scan(&mut self) {
        self.scanner.scan(black_box(&self.message), &self.keys, &mut self.envelope).unwrap();
    }

    fn lookup(&self) -> EventId {
        let name = self.envelope.event.bytes(black_box(&self.message));
        black_box(self.program.lookup(name).unwrap())
    }

    fn project(&mut self, event: EventId) {
        let event = self.program.event(event).unwrap();
        let message = black_box(&self.message);
        project(
            message,
            self.envelope.payload,
            &self.scanner.members,
            &event.payload,
            &mut self.slots,
        )
        .unwrap();
    }

    /// With the target's text, and without what a limit's answer takes.
    fn run(&mut self, event: EventId) {
        let mut scratch = Vec::new();
        let input = Input {
            message: &self.message,
            payload: &self.slots,
            token: self.envelope.token,
            id: self.envelope.id,
            claims: b"",
            about: About::NOTHING,
            user: "user-1234",
            conn: ConnKey { shard: ShardId(0), index: 1, generation: 1 },
            target: text_of(&self.envelope.target, &self.message, &mut scratch),
            kind: FrameType::Text,
            frame_bytes_max: 64 * 1024,
        };
        let (pool, effects) = (&mut self.pool, &mut self.effects);
        let outcome = self.vm.run(&self.program, event, &input, &mut Open, pool, effects);
        assert_eq!(outcome, Outcome::Done);
        self.effects.clear();
    }
}
