//! Seeded random input through scan, projection, verifier and interpreter.
//!
//! Every failure prints the case's seed; `SHARDWIRE_SEED=n` runs from that seed on.

// Helpers of a test are a test: what fails in them fails it.
#![allow(clippy::expect_used, clippy::panic)]

use serde::de::IgnoredAny;
use serde_json::Value;
use shardwire::backend::{Failure, Method, Reply};
use shardwire::envelope::scan::scan_scalar;
use shardwire::envelope::text::text_of;
use shardwire::envelope::{
    Envelope, Members, Projection, RoutedKeys, Scanner, Shape, Slot, SlotKind, Slots, project,
};
use shardwire::ids::{BackendId, ConnKey, EventId, LimitId, PermissionId, ShardId};
use shardwire::limits::{EFFECTS_MAX, JSON_DEPTH_MAX};
use shardwire::pipeline::op::{
    CallId, ConstId, Context, Count, Form, FrameKind, Op, Out, Reg, Source, ValueReg,
};
use shardwire::pipeline::paused::{Came, Wants};
use shardwire::pipeline::program::CallSpec;
use shardwire::pipeline::verify::verify;
use shardwire::pipeline::{
    About, Builder, Effect, Effects, Host, Input, LimitSpec, Outcome, Program, Site, Verdict, Vm,
    disasm,
};
use shardwire::reject::Reject;
use shardwire::state::frames::{FramePool, FrameType};
use shardwire::state::limits::Rate;

#[path = "fuzz/waits.rs"]
mod waits;

use waits::{calls, came, piece, wait};

const MESSAGES: u64 = 100_000;
const PROGRAMS: u64 = 20_000;
const FRAME_BYTES_MAX: usize = 4_096;

/// SplitMix64.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = self.0;
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        word ^ (word >> 31)
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }

    fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }

    fn pick<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len())]
    }
}

/// Runs `case` for each seed; says which one failed.
fn each_seed(count: u64, mut case: impl FnMut(u64)) {
    struct Failing(u64);
    impl Drop for Failing {
        fn drop(&mut self) {
            if std::thread::panicking() {
                eprintln!("failing seed: SHARDWIRE_SEED={}", self.0);
            }
        }
    }
    let first = std::env::var("SHARDWIRE_SEED").ok().and_then(|seed| seed.parse().ok());
    let first: u64 = first.unwrap_or(0);
    for seed in first..first + count {
        let _failing = Failing(seed);
        case(seed);
    }
}

const KEYS: &[&str] = &[
    "event",
    "target",
    "payload",
    "id",
    "token",
    "message",
    "user",
    "0",
    "1",
    "",
    r"\u0065vent",
    r"m\u0065ssage",
    "é",
];
const TEXTS: &[&str] = &[
    "",
    "room:global",
    "hello",
    r#"a \"quoted\" word"#,
    r"\ud83d\ude00",
    r"\ud800",
    r"tab\tline\n",
    "żółć 漢字",
    r"\\",
    "0123456789abcdef0123456789abcdef",
    r"\u0000",
];
const NUMBERS: &[&str] =
    &["0", "-0", "12", "-3.5", "1e9", "2E-3", "18446744073709551616", "1e999", "0.10"];
const SPACES: &[&str] = &["", "", "", "", " ", "\n\t", "\r "];

fn space(random: &mut Random, out: &mut String) {
    out.push_str(random.pick(SPACES));
}

fn write_string(random: &mut Random, texts: &[&str], out: &mut String) {
    out.push('"');
    out.push_str(random.pick(texts));
    out.push('"');
}

fn write_value(random: &mut Random, depth: usize, out: &mut String) {
    space(random, out);
    match random.below(if depth == 0 { 4 } else { 7 }) {
        0 => out.push_str(random.pick(&["true", "false", "null"])),
        1 => out.push_str(random.pick(NUMBERS)),
        2 | 3 => write_string(random, TEXTS, out),
        4 => {
            out.push('[');
            for place in 0..random.below(4) {
                out.push_str(if place == 0 { "" } else { "," });
                write_value(random, depth - 1, out);
            }
            out.push(']');
        }
        _ => write_object(random, depth - 1, out),
    }
    space(random, out);
}

fn write_object(random: &mut Random, depth: usize, out: &mut String) {
    out.push('{');
    for place in 0..random.below(4) {
        out.push_str(if place == 0 { "" } else { "," });
        write_member(random, KEYS, depth, out);
    }
    space(random, out);
    out.push('}');
}

fn write_member(random: &mut Random, keys: &[&str], depth: usize, out: &mut String) {
    space(random, out);
    write_string(random, keys, out);
    space(random, out);
    out.push(':');
    write_value(random, depth, out);
}

/// An envelope more often than not, sometimes anything.
fn write_message(random: &mut Random, out: &mut String) {
    if random.one_in(8) {
        return write_value(random, 4, out);
    }
    out.push('{');
    for (place, key) in ["event", "target", "payload"].iter().enumerate() {
        out.push_str(if place == 0 { "" } else { "," });
        match random.below(12) {
            0 => write_member(random, KEYS, 3, out),
            _ if *key == "payload" => write_member(random, &[key], 3, out),
            _ => {
                out.push_str(&format!("\"{key}\":"));
                write_string(random, TEXTS, out);
            }
        }
    }
    out.push('}');
}

fn mutate(random: &mut Random, bytes: &mut Vec<u8>) {
    for _ in 0..random.below(3) {
        let at = random.below(bytes.len().max(1)).min(bytes.len());
        let to = (at + random.below(12)).min(bytes.len());
        match random.below(5) {
            0 => bytes.insert(at, random.pick(b"\"\\{}[],: 0-e.tnu\x01\xff")),
            1 => drop(bytes.drain(at..to)),
            2 => bytes.truncate(at),
            3 => {
                let copy = bytes[at..to].to_vec();
                bytes.extend(copy);
            }
            _ => bytes.iter_mut().skip(at).take(1).for_each(|byte| *byte ^= 1 << 4),
        }
    }
}

fn message(random: &mut Random) -> Vec<u8> {
    let mut text = String::new();
    write_message(random, &mut text);
    let mut bytes = text.into_bytes();
    if random.one_in(3) {
        mutate(random, &mut bytes);
    }
    bytes
}

/// Nesting of a text that is valid JSON.
fn depth_of(json: &[u8]) -> usize {
    let (mut depth, mut deepest, mut quoted, mut escaped) = (0usize, 0, false, false);
    for byte in json {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b'{' | b'[' if !quoted => depth += 1,
            b'}' | b']' if !quoted => depth -= 1,
            _ => {}
        }
        deepest = deepest.max(depth);
    }
    deepest
}

/// What RFC 8259 and our depth say: serde_json skipping a value checks the grammar and nothing
/// else.
fn is_object(message: &[u8]) -> bool {
    message.trim_ascii_start().first() == Some(&b'{')
        && serde_json::from_slice::<IgnoredAny>(message).is_ok()
        && depth_of(message) <= JSON_DEPTH_MAX
}

const PATHS: &[&[&str]] =
    &[&[], &["message"], &["user", "0"], &["0"], &["1", "message"], &["é"], &["token"]];

fn projection() -> Projection {
    let mut projection = Projection::default();
    PATHS.iter().for_each(|path| assert!(projection.insert(path).is_some()));
    projection
}

/// A slot's value is what another reader finds at the same place.
fn assert_same(slot: &Slot, message: &[u8], expected: Option<&Value>) {
    let Some(expected) = expected else { return assert_eq!(slot.kind, SlotKind::Missing) };
    let found: Value = serde_json::from_slice(slot.raw(message)).expect("a slot is a value");
    assert_eq!(&found, expected);
    if let Value::String(text) = expected {
        assert_eq!(text_of(slot, message, &mut Vec::new()), text.as_bytes());
    }
}

fn at<'v>(value: &'v Value, path: &[&str]) -> Option<&'v Value> {
    path.iter().try_fold(value, |value, key| match value {
        Value::Array(list) => list.get(key.parse::<usize>().ok()?),
        other => other.get(key),
    })
}

#[test]
fn scans_agree_with_each_other_and_with_another_reader() {
    let keys = RoutedKeys::default();
    let projection = projection();
    let mut scanner = Scanner::default();
    let mut members = Members::default();
    let (mut slots, mut walked) = (Slots::default(), Slots::default());
    let (mut accepted, mut compared) = (0, 0);
    each_seed(MESSAGES, |seed| {
        let mut random = Random(seed);
        let message = message(&mut random);
        let shown = String::from_utf8_lossy(&message);
        let (mut small, mut large) = (Envelope::default(), Envelope::default());
        let result = scan_scalar(&message, &keys, &mut small, &mut members);
        assert_eq!(result != Err(Reject::BadJson), is_object(&message), "{shown}");
        {
            assert_eq!(result, scanner.scan_simd(&message, &keys, &mut large), "{shown}");
            assert!(result.is_err() || small == large, "{shown}");
        }
        if result.is_err() {
            return;
        }
        accepted += 1;
        let projected = project(&message, small.payload, &members, &projection, &mut slots);
        let walk = project(&message, small.payload, &Members::NONE, &projection, &mut walked);
        assert_eq!(projected, walk, "{shown}");
        assert!(walk.is_err() || slots.slots == walked.slots, "{shown}");
        assert!(matches!(projected, Ok(()) | Err(Reject::BadMessage)), "{shown}");
        // A lone surrogate or 1e999 is grammatical, and no value of serde_json.
        let Ok(value) = serde_json::from_slice::<Value>(&message) else { return };
        compared += 1;
        let target = value.get("target").filter(|target| !target.is_null());
        assert_same(&small.event, &message, value.get("event"));
        assert_same(&small.target, &message, target);
        let payload = value.get("payload");
        assert_same(&small.payload, &message, payload);
        for (slot, path) in PATHS.iter().enumerate().filter(|_| projected.is_ok()) {
            let expected = payload.and_then(|payload| at(payload, path));
            assert_same(&slots.slots[slot], &message, expected);
        }
    });
    assert!(accepted > MESSAGES / 4 && compared > MESSAGES / 8, "{accepted} {compared}");
}

/// A shard that says anything.
struct AnyHost {
    random: Random,
    claims: &'static str,
    logs: bool,
}

impl Host for AnyHost {
    fn limit(&mut self, _: LimitId, _: &[u8]) -> Verdict {
        let refuse = Verdict::Refuse { retry_ns: 1 };
        self.random.pick(&[Verdict::Pass, Verdict::Pass, refuse, Verdict::Wait])
    }

    fn permitted(&self, permission: PermissionId) -> bool {
        permission.0 == 0
    }

    fn logs(&self) -> bool {
        self.logs
    }

    fn verify_token(&mut self, _: &str, claims: &mut Vec<u8>) -> bool {
        claims.extend_from_slice(self.claims.as_bytes());
        !self.random.one_in(4)
    }
}

fn source(random: &mut Random) -> Source {
    random.pick(&[Source::Payload, Source::Payload, Source::Claims])
}

fn reg(random: &mut Random) -> Reg {
    Reg(random.pick(&[0, 0, 1, 1, 2, 15, 16, 255]))
}

/// Operations in an order that often holds.
fn phrase(random: &mut Random, ops: &mut Vec<Op>) {
    let kind = random.pick(&[FrameKind::Text, FrameKind::Binary, FrameKind::AsReceived]);
    let (user, room) = (reg(random), reg(random));
    let pieces: Vec<Op> = (0..random.below(5)).map(|_| piece(random)).collect();
    match random.below(13) {
        10 => ops.push(Op::NeedIdentity),
        11 | 12 => wait(random, ops),
        0 if random.one_in(2) => {
            let key = user;
            ops.push(Op::LimitKey { limit: LimitId(random.below(3) as u16), key });
        }
        0 => ops.push(Op::Limit(LimitId(random.below(3) as u16))),
        1 => ops.push(Op::Secure),
        2 => ops.push(Op::Permit(PermissionId(random.below(3) as u16))),
        3 => ops.push(Op::NeedTarget),
        4 => ops.push(Op::NeedSlot { source: source(random), slot: random.below(9) as u8 }),
        5 if random.one_in(3) => {
            ops.extend([Op::OpenLog].into_iter().chain(pieces).chain([Op::CloseLog]));
        }
        5 => ops.extend(
            [Op::OpenText].into_iter().chain(pieces).chain([Op::CloseText(Reg(user.0 & 3))]),
        ),
        6 => ops.extend([Op::OpenFrame(kind)].into_iter().chain(pieces).chain([Op::CloseFrame])),
        7 => ops.push(random.pick(&[Op::Join { user, room }, Op::Leave { user, room }])),
        8 => ops.push(random.pick(&[Op::SendOrigin, Op::SendUser, Op::SendTarget(room)])),
        _ => ops.push(random.pick(&[Op::OpenLog, Op::CloseLog, Op::Close])),
    }
}

/// A program as the verifier might get it: often sound, sometimes damaged.
fn program(random: &mut Random) -> Program {
    let site = Site { line: 1, column: 1, file: 0 };
    let mut builder = Builder::new("fuzz.yaml");
    let event = builder.event("fuzz", site).expect("one event");
    builder.limit(LimitSpec::of_user(event, Rate::fixed(1, 1), site));
    builder.permission("a");
    builder.permission("b");
    for text in ["", "plain", "\"{", "\u{0}", "/"] {
        builder.constant(text.as_bytes());
    }
    let mut sound = builder.finish().expect("an empty event is sound");
    let mut ops = Vec::new();
    let waits = random.one_in(3);
    for _ in 0..random.below(if waits { 4 } else { 8 }) {
        match waits {
            true => wait(random, &mut ops),
            false => phrase(random, &mut ops),
        }
    }
    if !random.one_in(8) {
        ops.insert(0, Op::Begin);
    }
    ops.push(Op::End);
    if random.one_in(4) && ops.len() > 1 {
        let (a, b) = (random.below(ops.len()), random.below(ops.len()));
        ops.swap(a, b);
    }
    sound.sites = vec![site; ops.len()];
    sound.events[0].end = ops.len() as u32;
    sound.events[0].payload = projection();
    sound.events[0].claims = projection();
    sound.events[0].token_slot = Some(6);
    sound.events[0].session_claims = random.one_in(2);
    sound.code = ops;
    sound.calls = calls();
    damage(random, &mut sound);
    sound
}

fn damage(random: &mut Random, program: &mut Program) {
    match random.below(24) {
        0 => program.events[0].end += 1,
        1 => program.events[0].entry += 1,
        2 => program.sites.truncate(1),
        3 => program.consts.clear(),
        4 => program.events[0].payload.slots = random.below(256) as u8,
        5 => program.events[0].claims.root.slot = Some(200),
        6 => program.events[0].token_slot = Some(random.below(256) as u8),
        7 => program.on_message = Some(EventId(random.below(3) as u16)),
        8 => program.limits[0].event = EventId(7),
        10 => program.calls[0].keeps = random.below(256) as u8,
        11 => program.calls.truncate(1),
        12 => program.calls[1].headers = vec!["x".into(); random.below(20)],
        9 => program.code.truncate(random.below(program.code.len())),
        _ => {}
    }
}

const CLAIMS: &[&str] = &["{}", r#"{"message":"x\"","0":[1]}"#, "[]", "", "{", "null"];

#[test]
fn programs_that_verify_run_within_bounds_and_the_others_are_refused() {
    let keys = RoutedKeys::default();
    let other = template();
    let mut vm = Vm::default();
    let mut pool = FramePool::default();
    let mut effects = Effects::default();
    let (mut slots, mut members) = (Slots::default(), Members::default());
    let (mut sound, mut done, mut resumed) = (0, 0, 0);
    each_seed(PROGRAMS, |seed| {
        let mut random = Random(!seed);
        let program = program(&mut random);
        disasm::program(&program);
        if verify(&program).is_err() {
            return;
        }
        sound += 1;
        let message = message(&mut random);
        let mut envelope = Envelope::default();
        let event = &program.events[0];
        let scanned = scan_scalar(&message, &keys, &mut envelope, &mut members).and_then(|()| {
            project(&message, envelope.payload, &members, &event.payload, &mut slots)
        });
        if scanned.is_err() {
            return;
        }
        let input = Input {
            message: &message,
            payload: &slots,
            token: envelope.token,
            id: envelope.id,
            claims: b"",
            about: About::NOTHING,
            user: random.pick(&["ada", "q\"uo\\te\n", ""]),
            conn: ConnKey { shard: ShardId(0), index: 1, generation: 1 },
            target: random.pick(&["room:x", "", "user:\"\u{1}"]).as_bytes(),
            kind: FrameType::Binary,
            frame_bytes_max: FRAME_BYTES_MAX,
        };
        let claims = random.pick(CLAIMS);
        let mut host = AnyHost { random, claims, logs: seed % 2 == 0 };
        let mut outcome = vm.run(&program, EventId(0), &input, &mut host, &mut pool, &mut effects);
        let mut waits = 0;
        while let Some(Effect::Await(paused)) = effects.list.last() {
            assert_bounded(&effects, outcome);
            assert!(outcome == Outcome::Done && waits < program.code.len());
            let (paused, came) = (paused.clone(), came(&mut host.random));
            // Other runs have used the interpreter meanwhile.
            vm.run(&other, EventId(0), &input, &mut host, &mut pool, &mut effects);
            outcome =
                vm.resume(&program, &paused, came, &input, &mut host, &mut pool, &mut effects);
            waits += 1;
        }
        resumed += u64::from(waits > 0);
        done += u64::from(outcome == Outcome::Done);
        assert_bounded(&effects, outcome);
    });
    assert!(sound > PROGRAMS / 10 && done > PROGRAMS / 40, "{sound} {done}");
    assert!(resumed > PROGRAMS / 400, "{resumed}");
}

fn assert_bounded(effects: &Effects, outcome: Outcome) {
    assert!(effects.list.len() <= EFFECTS_MAX);
    assert!(outcome != Outcome::Waiting || effects.list.is_empty());
    for effect in &effects.list {
        match effect {
            Effect::Join { user, room, .. } | Effect::Leave { user, room, .. } => {
                assert!(user.end.max(room.end) as usize <= effects.arena.len());
            }
            Effect::SendOrigin { frame }
            | Effect::SendUser { frame }
            | Effect::SendTarget { frame, .. } => {
                assert!(frame.payload().len() <= FRAME_BYTES_MAX);
                assert!(std::str::from_utf8(frame.payload()).is_ok());
            }
            Effect::Await(paused) => {
                assert!(std::ptr::eq(effect, &raw const *effects.list.last().expect("one")));
                if let Wants::Call(call) = &paused.wants {
                    assert!(call.target.starts_with('/'), "{:?}", call.target);
                    let lines = call.headers.iter().map(|(_, value)| value);
                    assert!(!lines.clone().any(|value| value.contains(char::is_control)));
                }
            }
            Effect::Log { text, .. } => assert!(text.end as usize <= effects.arena.len()),
            _ => {}
        }
    }
}

/// A template with every kind of hole: whatever a client sends, the frame is JSON of this shape.
fn template() -> Program {
    let site = Site::default();
    let mut builder = Builder::new("template.yaml");
    builder.event("fuzz", site).expect("one event");
    let slot = builder.payload_slot(&["message"]).expect("one slot");
    let all = builder.payload_slot(&[]).expect("two slots");
    let source = Source::Payload;
    builder.op(Op::OpenFrame(FrameKind::Text), site);
    builder.literal(br#"{"inner":"<"#, site);
    builder.op(Op::Slot { source, slot, form: Form::Inner }, site);
    builder.literal(br#">","raw":"#, site);
    builder.op(Op::Slot { source, slot, form: Form::Raw }, site);
    builder.literal(br#","all":""#, site);
    builder.op(Op::Slot { source, slot: all, form: Form::Inner }, site);
    builder.literal(br#"","target":""#, site);
    builder.op(Op::Context { value: Context::Target, form: Form::Inner }, site);
    builder.literal(br#"","user":"#, site);
    builder.op(Op::Context { value: Context::UserId, form: Form::Raw }, site);
    builder.literal(b"}", site);
    builder.op(Op::CloseFrame, site);
    builder.op(Op::SendOrigin, site);
    builder.finish().expect("the template is sound")
}

#[test]
fn a_template_cannot_be_broken_out_of() {
    let keys = RoutedKeys::default();
    let program = template();
    let mut vm = Vm::default();
    let (mut pool, mut effects, mut slots) =
        (FramePool::default(), Effects::default(), Slots::default());
    let mut members = Members::default();
    each_seed(PROGRAMS, |seed| {
        let mut random = Random(seed ^ 0x5555);
        let message = message(&mut random);
        let mut envelope = Envelope::default();
        let payload = &program.events[0].payload;
        let scanned = scan_scalar(&message, &keys, &mut envelope, &mut members)
            .and_then(|()| project(&message, envelope.payload, &members, payload, &mut slots));
        if scanned.is_err() {
            return;
        }
        let mut scratch = Vec::new();
        let target = text_of(&envelope.target, &message, &mut scratch);
        let input = Input {
            message: &message,
            payload: &slots,
            token: envelope.token,
            id: envelope.id,
            claims: b"",
            about: About::NOTHING,
            user: "q\"uo\\te\n",
            conn: ConnKey { shard: ShardId(0), index: 1, generation: 1 },
            target,
            kind: FrameType::Text,
            frame_bytes_max: FRAME_BYTES_MAX,
        };
        let mut host = AnyHost { random, claims: "{}", logs: true };
        let outcome = vm.run(&program, EventId(0), &input, &mut host, &mut pool, &mut effects);
        assert_eq!(outcome, Outcome::Done);
        let [Effect::SendOrigin { frame }] = &effects.list[..] else { panic!("one frame") };
        let shown = String::from_utf8_lossy(frame.payload());
        serde_json::from_slice::<IgnoredAny>(frame.payload()).unwrap_or_else(|_| panic!("{shown}"));
        let Ok(Value::Object(sent)) = serde_json::from_slice(frame.payload()) else { return };
        assert_eq!(sent.len(), 5, "{shown}");
        assert_eq!(sent["user"], "q\"uo\\te\n");
        assert_eq!(sent["target"], String::from_utf8_lossy(target).as_ref());
        if let Value::String(text) = &sent["raw"] {
            assert_eq!(sent["inner"], format!("<{text}>"), "{shown}");
        }
    });
}
