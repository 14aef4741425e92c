//! What a run sends, refuses and leaves behind; the listing of a program.

use super::op::{Context, Form, FrameKind, Op, Reg, Source};
use super::program::KEY_SEPARATOR;
use super::verify::Rule;
use super::*;
use crate::envelope::scan::scan_scalar;
use crate::envelope::text::text_of;
use crate::envelope::{Envelope, Members, RoutedKeys, Slots, project};
use crate::ids::{ConnKey, EventId, LimitId, PermissionId, ShardId};
use crate::limits::{RUN_LOG_BYTES_MAX, RUN_TEXT_BYTES_MAX};
use crate::reject::Reject;
use crate::state::frames::{FramePool, FrameType};
use crate::state::limits::Rate;

const CONN: ConnKey = ConnKey { shard: ShardId(0), index: 1, generation: 1 };

const USER: &str = "a\"da";

fn site(line: u32) -> Site {
    Site { line, column: 3, file: 0 }
}

/// A shard with scripted answers.
struct Script {
    verdict: Verdict,
    permitted: bool,
    /// The good token and its claims.
    token: (&'static str, &'static str),
    asked: Vec<String>,
    /// Limits that were asked, each with its key.
    limits: Vec<String>,
    logs: bool,
}

impl Default for Script {
    fn default() -> Self {
        let token = ("good", r#"{"sub":"u1","roles":["x\"y",2]}"#);
        let (asked, limits) = (Vec::new(), Vec::new());
        Script { verdict: Verdict::Pass, permitted: true, token, asked, limits, logs: true }
    }
}

impl Host for Script {
    fn limit(&mut self, limit: LimitId, key: &[u8]) -> Verdict {
        let key = String::from_utf8_lossy(key);
        self.limits.push(format!("{} {key}", limit.0));
        self.verdict
    }

    fn permitted(&self, _: PermissionId) -> bool {
        self.permitted
    }

    fn logs(&self) -> bool {
        self.logs
    }

    fn verify_token(&mut self, token: &str, claims: &mut Vec<u8>) -> bool {
        self.asked.push(token.to_owned());
        claims.extend_from_slice(self.token.1.as_bytes());
        token == self.token.0
    }
}

/// A program of one event.
fn program(build: impl FnOnce(&mut Builder)) -> Program {
    let mut builder = Builder::new("config.yaml");
    builder.event("event", site(1)).unwrap();
    build(&mut builder);
    builder.finish().unwrap()
}

/// Runs a program over a message, returns the outcome and the effects as lines.
fn run_on(program: &Program, message: &str, host: &mut Script) -> (Outcome, Vec<String>) {
    run_within(program, message, host, 1_000)
}

fn run_within(
    program: &Program,
    message: &str,
    host: &mut Script,
    frame_bytes_max: usize,
) -> (Outcome, Vec<String>) {
    let message = message.as_bytes();
    let mut envelope = Envelope::default();
    let mut members = Members::default();
    scan_scalar(message, &RoutedKeys::default(), &mut envelope, &mut members).unwrap();
    let mut slots = Slots::default();
    let payload = &program.events[0].payload;
    project(message, envelope.payload, &members, payload, &mut slots).unwrap();
    let mut scratch = Vec::new();
    let input = Input {
        message,
        payload: &slots,
        token: envelope.token,
        id: envelope.id,
        claims: b"",
        about: About::NOTHING,
        user: USER,
        conn: CONN,
        target: text_of(&envelope.target, message, &mut scratch),
        kind: FrameType::Binary,
        frame_bytes_max,
    };
    let (mut pool, mut effects) = (FramePool::default(), Effects::default());
    let outcome = Vm::default().run(program, EventId(0), &input, host, &mut pool, &mut effects);
    (outcome, effects.list.iter().map(|effect| line(program, effect, &effects)).collect())
}

fn line(program: &Program, effect: &Effect, effects: &Effects) -> String {
    let sent = |frame: &crate::state::frames::FrameRef| {
        format!("{:?} {}", frame.kind(), String::from_utf8_lossy(frame.payload()))
    };
    match effect {
        Effect::Join { user, room, .. } => {
            format!("join {} {}", effects.text(user), effects.text(room))
        }
        Effect::Leave { user, room, .. } => {
            format!("leave {} {}", effects.text(user), effects.text(room))
        }
        Effect::SendOrigin { frame } => format!("origin {}", sent(frame)),
        Effect::SendUser { frame } => format!("user {}", sent(frame)),
        Effect::SendTarget { target, frame, .. } => {
            format!("{} {}", effects.text(target), sent(frame))
        }
        Effect::Log { text, at } => {
            format!("log {} at {}", effects.text(text), program.site(*at as usize).line)
        }
        Effect::Close => "close".to_owned(),
        other => format!("{other:?}"),
    }
}

fn text(builder: &mut Builder, register: Reg, value: Context) {
    builder.op(Op::OpenText, site(2));
    builder.op(Op::Context { value, form: Form::Text }, site(2));
    builder.op(Op::CloseText(register), site(2));
}

/// The Go original's `join_room`, as the compiler lowers it.
fn join_room(builder: &mut Builder) {
    let name = builder.payload_slot(&["name"]).unwrap();
    builder.op(Op::NeedTarget, site(2));
    text(builder, Reg(0), Context::UserId);
    text(builder, Reg(1), Context::Target);
    builder.op(Op::Join { user: Reg(0), room: Reg(1) }, site(2));
    builder.op(Op::OpenFrame(FrameKind::Text), site(3));
    builder.literal(br#"{"event":"join_success","payload":{"room": ""#, site(3));
    builder.op(Op::Context { value: Context::Target, form: Form::Inner }, site(3));
    builder.literal(br#"", "status": "ok"}}"#, site(3));
    builder.op(Op::CloseFrame, site(3));
    builder.op(Op::SendOrigin, site(3));
    builder.op(Op::NeedSlot { source: Source::Payload, slot: name }, site(4));
    builder.op(Op::OpenFrame(FrameKind::Text), site(4));
    builder.literal(br#"{"event":"user_joined","payload":{"user": {"id":""#, site(4));
    builder.op(Op::Context { value: Context::UserId, form: Form::Inner }, site(4));
    builder.literal(br#"", "name": ""#, site(4));
    builder.op(Op::Slot { source: Source::Payload, slot: name, form: Form::Inner }, site(4));
    builder.literal(br#""}}}"#, site(4));
    builder.op(Op::CloseFrame, site(4));
    builder.op(Op::SendTarget(Reg(1)), site(4));
}

#[test]
fn join_room_does_what_the_original_meant() {
    let program = program(join_room);
    let message = r#"{"event":"event","target":"room:g","payload":{"name":"b\"ob\u00e9"}}"#;
    let (outcome, effects) = run_on(&program, message, &mut Script::default());
    assert_eq!(outcome, Outcome::Done);
    let user = r#"{"id":"a\"da", "name": "b\"ob\u00e9"}"#;
    let joined = format!(r#"room:g Text {{"event":"user_joined","payload":{{"user": {user}}}}}"#);
    assert_eq!(
        effects,
        [
            "join a\"da room:g",
            r#"origin Text {"event":"join_success","payload":{"room": "room:g", "status": "ok"}}"#,
            &joined,
        ]
    );
}

#[test]
fn a_missing_field_stops_the_run_where_it_is_needed() {
    let program = program(join_room);
    for payload in ["", r#","payload":{}"#, r#","payload":{"Name":1}"#, r#","payload":5"#] {
        let message = format!(r#"{{"event":"event","target":"room:g"{payload}}}"#);
        let (outcome, effects) = run_on(&program, &message, &mut Script::default());
        assert_eq!(outcome, Outcome::Rejected(Reject::MissingField, site(4)));
        assert_eq!(effects.len(), 2, "what was asked for before stands");
    }
}

#[test]
fn a_target_is_needed_only_where_the_event_uses_it() {
    let program = program(join_room);
    for target in ["", r#","target":"""#, r#","target":null"#] {
        let message = format!(r#"{{"event":"event","payload":{{"name":"x"}}{target}}}"#);
        let (outcome, effects) = run_on(&program, &message, &mut Script::default());
        assert_eq!(outcome, Outcome::Rejected(Reject::MissingTarget, site(2)));
        assert!(effects.is_empty());
    }
}

/// The frame of one slot in one form.
fn written(form: Form, value: &str) -> String {
    let program = program(|builder| {
        let slot = builder.payload_slot(&["x"]).unwrap();
        builder.op(Op::OpenFrame(FrameKind::AsReceived), site(2));
        builder.op(Op::Slot { source: Source::Payload, slot, form }, site(2));
        builder.op(Op::CloseFrame, site(2));
        builder.op(Op::SendUser, site(2));
    });
    let payload = if value.is_empty() { "{}".into() } else { format!(r#"{{"x":{value}}}"#) };
    let message = format!(r#"{{"event":"event","payload":{payload}}}"#);
    let (_, effects) = run_on(&program, &message, &mut Script::default());
    effects[0].strip_prefix("user Binary ").unwrap().to_owned()
}

#[test]
fn every_kind_of_value_in_every_form() {
    let table = [
        // value, text, inner, raw
        (r#""a\n\"b""#, "a\n\"b", r#"a\n\"b"#, r#""a\n\"b""#),
        (r#""\u00e9""#, "é", r"\u00e9", r#""\u00e9""#),
        ("-1.50e3", "-1.50e3", "-1.50e3", "-1.50e3"),
        ("true", "true", "true", "true"),
        ("null", "", "", "null"),
        (r#"{"k":["\n"]}"#, r#"{"k":["\n"]}"#, r#"{\"k\":[\"\\n\"]}"#, r#"{"k":["\n"]}"#),
        ("", "", "", "null"),
    ];
    for (value, text, inner, raw) in table {
        assert_eq!(written(Form::Text, value), text);
        assert_eq!(written(Form::Inner, value), inner);
        assert_eq!(written(Form::Raw, value), raw);
    }
}

#[test]
fn context_values_in_every_form() {
    let forms = [Form::Text, Form::Inner, Form::Raw];
    let values = [Context::UserId, Context::ConnId, Context::Target, Context::EventName];
    let program = program(|builder| {
        builder.op(Op::OpenFrame(FrameKind::Text), site(2));
        for (value, form) in values.into_iter().flat_map(|v| forms.map(|form| (v, form))) {
            builder.op(Op::Context { value, form }, site(2));
            builder.literal(b" ", site(2));
        }
        builder.op(Op::Message, site(2));
        builder.op(Op::CloseFrame, site(2));
        builder.op(Op::SendOrigin, site(2));
    });
    let message = r#"{"event":"event","target":"t\t"}"#;
    let (_, effects) = run_on(&program, message, &mut Script::default());
    let user = "a\"da a\\\"da \"a\\\"da\"";
    let expected =
        format!("{user} {CONN} {CONN} \"{CONN}\" t\t t\\t \"t\\t\" event event \"event\" ");
    assert_eq!(effects, [format!("origin Text {expected}{message}")]);
}

#[test]
fn a_limit_refuses_or_waits_before_anything_is_asked_for() {
    let program = program(|builder| {
        let spec = LimitSpec::of_user(EventId(0), Rate::fixed(10, 1), site(2));
        let limit = builder.limit(spec);
        builder.op(Op::Limit(limit), site(2));
        builder.op(Op::Close, site(3));
    });
    let run = |verdict| {
        let mut host = Script { verdict, ..Script::default() };
        run_on(&program, r#"{"event":"event"}"#, &mut host)
    };
    assert_eq!(run(Verdict::Pass), (Outcome::Done, vec!["close".to_owned()]));
    assert_eq!(run(Verdict::Wait), (Outcome::Waiting, vec![]));
    let refuse = Verdict::Refuse { retry_ns: 5 };
    let limited = Outcome::Limited { limit: LimitId(0), retry_ns: 5 };
    assert_eq!(run(refuse), (limited, vec![]));
}

#[test]
fn a_limit_is_asked_with_the_key_that_the_program_built() {
    let program = program(|builder| {
        let mut spec = LimitSpec::of_user(EventId(0), Rate::gcra(10, 1, 3), site(2));
        spec.scope = Scope::Text;
        let limit = builder.limit(spec);
        builder.op(Op::OpenText, site(2));
        builder.op(Op::Context { value: Context::Target, form: Form::Text }, site(2));
        builder.literal(&[KEY_SEPARATOR], site(2));
        builder.op(Op::Context { value: Context::UserId, form: Form::Text }, site(2));
        builder.op(Op::CloseText(Reg(1)), site(2));
        builder.op(Op::LimitKey { limit, key: Reg(1) }, site(2));
    });
    let mut host = Script::default();
    let (outcome, _) = run_on(&program, r#"{"event":"event","target":"a\u0062"}"#, &mut host);
    assert_eq!((outcome, host.limits), (Outcome::Done, vec![format!("0 ab\0{USER}")]));
    let listing = disasm::program(&program);
    assert!(listing.contains("limit_key    l0 10/1ns gcra 3 r1"), "{listing}");
}

#[test]
fn a_limit_of_a_text_or_a_room_is_not_asked_without_one() {
    for (scope, fault) in [(Scope::User, None), (Scope::Conn, None)]
        .into_iter()
        .chain([Scope::Room, Scope::Text].map(|scope| (scope, Some(Rule::LimitWithoutKey))))
    {
        let mut builder = Builder::new("config.yaml");
        let event = builder.event("event", site(1)).unwrap();
        let mut spec = LimitSpec::of_user(event, Rate::fixed(1, 1), site(2));
        spec.scope = scope;
        let limit = builder.limit(spec);
        builder.op(Op::Limit(limit), site(2));
        assert_eq!(builder.finish().err().map(|fault| fault.rule), fault, "{scope:?}");
    }
}

#[test]
fn a_permission_that_is_not_held_forbids() {
    let program = program(|builder| {
        let permission = builder.permission("post");
        builder.op(Op::Permit(permission), site(2));
        builder.op(Op::Close, site(3));
    });
    let mut host = Script { permitted: false, ..Script::default() };
    let (outcome, effects) = run_on(&program, r#"{"event":"event"}"#, &mut host);
    assert_eq!(outcome, Outcome::Rejected(Reject::Forbidden, site(2)));
    assert!(effects.is_empty());
}

fn secured() -> Program {
    program(|builder| {
        builder.op(Op::Secure, site(2));
        let role = builder.claims_slot(&["roles", "0"]).unwrap();
        builder.op(Op::NeedSlot { source: Source::Claims, slot: role }, site(3));
        builder.op(Op::OpenLog, site(3));
        builder.op(Op::Slot { source: Source::Claims, slot: role, form: Form::Text }, site(3));
        builder.op(Op::CloseLog, site(3));
    })
}

#[test]
fn secure_takes_the_roots_token_before_the_payloads() {
    let program = secured();
    for (message, asked) in [
        (r#"{"event":"event","token":"good"}"#, "good"),
        (r#"{"event":"event","payload":{"token":"g\u006fod"}}"#, "good"),
        (r#"{"event":"event","token":"good","payload":{"token":"bad"}}"#, "good"),
        (r#"{"event":"event","token":1,"payload":{"token":"good"}}"#, "good"),
    ] {
        let mut host = Script::default();
        let (outcome, effects) = run_on(&program, message, &mut host);
        assert_eq!((outcome, effects), (Outcome::Done, vec!["log x\"y at 3".to_owned()]));
        assert_eq!(host.asked, [asked]);
    }
}

#[test]
fn secure_refuses_all_else() {
    let program = secured();
    let unauthorized = Outcome::Rejected(Reject::Unauthorized, site(2));
    for message in [
        r#"{"event":"event"}"#,
        r#"{"event":"event","token":""}"#,
        r#"{"event":"event","token":"bad","payload":{"token":"good"}}"#,
        r#"{"event":"event","payload":{"token":["good"]}}"#,
    ] {
        assert_eq!(run_on(&program, message, &mut Script::default()).0, unauthorized, "{message}");
    }
    let long = format!(r#"{{"event":"event","token":"{}"}}"#, "x".repeat(9_000));
    let mut host = Script::default();
    assert_eq!(run_on(&program, &long, &mut host).0, unauthorized);
    assert!(host.asked.is_empty(), "an overlong token is not even looked at");
}

#[test]
fn claims_that_are_not_what_the_event_reads_are_refused() {
    let program = secured();
    let message = r#"{"event":"event","token":"good"}"#;
    for (claims, reject, place) in [
        ("{", Reject::Unauthorized, site(2)),
        ("", Reject::Unauthorized, site(2)),
        (r#"{"roles":[],"roles":["x"]}"#, Reject::Unauthorized, site(2)),
        (r#"{"roles":[]}"#, Reject::MissingField, site(3)),
        ("7", Reject::MissingField, site(3)),
    ] {
        let mut host = Script { token: ("good", claims), ..Script::default() };
        assert_eq!(run_on(&program, message, &mut host).0, Outcome::Rejected(reject, place));
    }
}

fn echo() -> Program {
    program(|builder| {
        builder.op(Op::OpenFrame(FrameKind::Text), site(2));
        builder.op(Op::Message, site(2));
        builder.op(Op::CloseFrame, site(2));
        builder.op(Op::SendOrigin, site(2));
    })
}

#[test]
fn a_frame_may_be_as_large_as_its_bound_and_no_larger() {
    let program = echo();
    let message = r#"{"event":"event"}"#;
    let run = |bytes_max| run_within(&program, message, &mut Script::default(), bytes_max);
    assert_eq!(run(message.len()).0, Outcome::Done);
    let (outcome, effects) = run(message.len() - 1);
    assert_eq!(outcome, Outcome::Rejected(Reject::TooLarge, site(2)));
    assert!(effects.is_empty());
}

#[test]
fn the_text_of_a_run_is_bounded() {
    let program = program(|builder| {
        builder.op(Op::OpenText, site(2));
        for line in 0..2_000 {
            builder.op(Op::Message, site(line));
        }
        builder.op(Op::CloseText(Reg(0)), site(2));
    });
    let message = format!(r#"{{"event":"event","payload":"{}"}}"#, "x".repeat(1_024));
    let fits = (RUN_TEXT_BYTES_MAX / message.len()) as u32;
    let (outcome, _) = run_on(&program, &message, &mut Script::default());
    assert_eq!(outcome, Outcome::Rejected(Reject::TooLarge, site(fits)));
}

/// Two log lines of so many times the message, a text in between, and a close behind them.
fn logging(times: u32) -> Program {
    program(|builder| {
        let line = |builder: &mut Builder, number: u32| {
            builder.op(Op::OpenLog, site(number));
            builder.literal(b"line ", site(number));
            (0..times).for_each(|_| builder.op(Op::Message, site(number)));
            builder.op(Op::CloseLog, site(number));
        };
        line(builder, 2);
        text(builder, Reg(0), Context::UserId);
        line(builder, 4);
        builder.op(Op::Close, site(5));
    })
}

#[test]
fn a_log_line_that_nobody_reads_is_gone_past_and_changes_nothing_else() {
    let message = r#"{"event":"event"}"#;
    for times in [0, 1, 20_000] {
        let program = logging(times);
        let (read, effects) = run_on(&program, message, &mut Script::default());
        let mut deaf = Script { logs: false, ..Script::default() };
        assert_eq!(run_on(&program, message, &mut deaf), (read, vec!["close".to_owned()]));
        assert_eq!((read, effects.len()), (Outcome::Done, 3));
        let line = format!("line {}", message.repeat(times as usize));
        assert_eq!(effects[0], format!("log {line} at 2"));
        assert_eq!(effects[1], format!("log {line} at 4"));
    }
}

#[test]
fn a_log_line_is_cut_at_its_bound_and_refuses_nothing() {
    // Two bytes a character, so that the bound may fall inside of one.
    for odd in ["", "x"] {
        let message =
            format!(r#"{{"event":"event","payload":"{odd}{}"}}"#, "\u{e9}".repeat(30_000));
        let program = logging(20);
        let (outcome, effects) = run_on(&program, &message, &mut Script::default());
        assert_eq!(outcome, Outcome::Done);
        let first = effects[0].strip_prefix("log ").unwrap().strip_suffix(" at 2").unwrap();
        let kept = first.strip_suffix('\u{2026}').unwrap();
        assert!(kept.len() <= RUN_LOG_BYTES_MAX && kept.len() >= RUN_LOG_BYTES_MAX - 1);
        assert!(format!("line {}", message.repeat(20)).starts_with(kept));
        assert_eq!(effects[1..], ["log \u{2026} at 4", "close"]);
    }
}

#[test]
fn a_reject_in_an_open_frame_gives_the_frame_back() {
    let program = echo();
    let slots = Slots::default();
    let (mut pool, mut effects, mut vm) = (FramePool::default(), Effects::default(), Vm::default());
    let mut run = |frame_bytes_max| {
        let input = Input {
            message: b"0123456789",
            payload: &slots,
            token: Default::default(),
            id: Default::default(),
            claims: b"",
            about: About::NOTHING,
            user: USER,
            conn: CONN,
            target: b"",
            kind: FrameType::Text,
            frame_bytes_max,
        };
        let mut host = Script::default();
        vm.run(&program, EventId(0), &input, &mut host, &mut pool, &mut effects);
        let sent = effects.list.first().map(|effect| line(&program, effect, &effects));
        effects.clear();
        sent
    };
    for _ in 0..3 {
        assert_eq!(run(9), None);
        assert_eq!(run(10).unwrap(), "origin Text 0123456789");
    }
}

#[test]
fn the_listing_says_everything_a_program_does() {
    let program = program(|builder| {
        let spec = LimitSpec::of_user(EventId(0), Rate::fixed(10, 60), site(2));
        let limit = builder.limit(spec);
        builder.op(Op::Limit(limit), site(2));
        builder.op(Op::Secure, site(2));
        let slot = builder.claims_slot(&["roles", "0"]).unwrap();
        builder.op(Op::OpenFrame(FrameKind::Text), site(3));
        builder.literal(b"{\"x\":\n", site(3));
        builder.literal(b"\"", site(4));
        builder.op(Op::Slot { source: Source::Claims, slot, form: Form::Inner }, site(3));
        builder.op(Op::CloseFrame, site(3));
        text(builder, Reg(2), Context::Target);
        builder.op(Op::SendTarget(Reg(2)), site(5));
    });
    let expected = [
        "event \"event\" ; at most 11 operations",
        "  slot 0   payload.token",
        "  slot 0   claims.roles.0",
        "  0000 limit        l0 10/60ns                                   ; 2:3",
        "  0001 secure                                                    ; 2:3",
        "  0002 open_frame   text                                         ; 3:3",
        "  0003 const        '{\"x\":\\n\"'                                   ; 3:3",
        "  0004 slot         claims.roles.0 inner                         ; 3:3",
        "  0005 close_frame                                               ; 3:3",
        "  0006 open_text                                                 ; 2:3",
        "  0007 context      target text                                  ; 2:3",
        "  0008 close_text   r2                                           ; 2:3",
        "  0009 send_target  r2                                           ; 5:3",
        "  0010 end                                                       ; 1:3",
    ];
    let listing = disasm::program(&program);
    assert_eq!(listing.lines().collect::<Vec<_>>(), expected, "\n{listing}");
}
