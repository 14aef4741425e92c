//! The stages of one message, each by itself: decoder, unmask, UTF-8, scan, event name, projection,
//! interpreter.

use std::hint::black_box;

use crate::meter::Meter;
use crate::simulator::crowd::{json_of, program};
use crate::simulator::world::compile;
use crate::stages::{NATIVE, Stages};
use shardwire::ws::{self, Decoder, Item, Rules, Shared, mask, utf8};

const ROOM: &str = "room:global";
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
        let stages = Stages::new(program(), json_of("send_message", ROOM, len));
        message_stages(meter, stages, &format!("{len} bytes"));
    }
    let names = ["projection by a schema, 158 bytes", "interpreter, native, 158 bytes"];
    native(meter, "send_message", names);
    native(
        meter,
        "guarded",
        ["projection by a bounded schema, 158 bytes", "rule of five conditions"],
    );
}

fn message(len: usize) -> Vec<u8> {
    json_of("send_message", ROOM, len).into_bytes()
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

/// One message's stages; `suffix` tells them from those of another.
fn message_stages(meter: &Meter, mut stages: Stages, suffix: &str) {
    let [scan, lookup, projection, vm] =
        ["scan", "event name", "projection", "interpreter"].map(|name| format!("{name}, {suffix}"));
    meter.laps(|meter| {
        meter.count(&scan, TIMES, || (0..TIMES).for_each(|_| stages.scan()));
        meter.count(&lookup, TIMES, || {
            (0..TIMES).for_each(|_| {
                stages.lookup();
            });
        });
        let event = stages.lookup();
        meter.count(&projection, TIMES, || (0..TIMES).for_each(|_| stages.project(event)));
        meter.count(&vm, TIMES, || (0..TIMES).for_each(|_| stages.run(event)));
    });
}

/// What the native spelling has of its own: projection by a schema, its operations, a rule.
fn native(meter: &Meter, event: &str, [projected, run]: [&str; 2]) {
    let mut stages = Stages::new(compile(NATIVE).program, json_of(event, ROOM, 158));
    meter.laps(|meter| {
        let event = stages.prepare();
        meter.count(projected, TIMES, || (0..TIMES).for_each(|_| stages.project(event)));
        meter.count(run, TIMES, || (0..TIMES).for_each(|_| stages.run(event)));
    });
}
