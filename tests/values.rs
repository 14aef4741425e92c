//! What expressions do beyond CEL: what they may read, how values are written, nulls, secrets,
//! `omit`, rules, places of errors, bounds.

// Parts of a test are a test: what fails in them fails it.
#![allow(clippy::expect_used, clippy::panic)]

mod expression;

use std::sync::Arc;

use expression::{Ended, Machine, SITE, checked, evaluate, message, program};
use serde_json::{Value, json};
use shardwire::config::expr::{self, Const, Facts, Lowering, Read, Scope, Want};
use shardwire::config::types::{Field, Type, Typed};
use shardwire::config::{Environment, Span};
use shardwire::pipeline::op::{Context, Form, FrameKind, Op, Truth};
use shardwire::pipeline::{Builder, Program, Rule, Site};
use shardwire::reject::Reject;

fn field(name: &str, typed: Typed) -> Field {
    Field { name: name.to_owned(), typed }
}

fn scope() -> Scope {
    let text = || Typed::of(Type::String);
    let payload = Type::Map(vec![
        field("s", text()),
        field("n", Typed::of(Type::Double)),
        field("i", Typed::of(Type::Int)),
        field("nick", text().optional()),
        field("deep", Typed::of(Type::Any).optional()),
        field("list", Typed::of(Type::list(Type::Int))),
        field("any", Typed::of(Type::Any)),
    ]);
    let state = Type::Map(vec![
        field("tags", Typed::of(Type::list(Type::String))),
        field("level", Typed::of(Type::Double)),
    ]);
    let mut scope = Scope::new();
    scope.bind("payload", Typed::of(payload), Read::Payload(Vec::new()));
    scope.bind("user.id", text(), Read::Context(Context::UserId));
    scope.bind("user.visits", Typed::of(Type::Int), Read::UserVar(0));
    scope.bind("user.state", Typed::of(state), Read::UserVar(1));
    scope.bind("user.claims", Typed::of(Type::Any), Read::Claims(Vec::new()));
    scope.bind("conn.id", text(), Read::Context(Context::ConnId));
    scope.bind("conn.ip", text(), Read::Context(Context::Ip));
    scope.bind("conn.jwt", text().secret(), Read::ConnVar(0));
    scope.bind("conn.name", text().optional(), Read::ConnVar(2));
    scope.bind("room.tenant", text(), Read::RoomVar(0));
    scope.bind("target", text(), Read::Context(Context::Target));
    scope.bind("now", Typed::of(Type::Int), Read::Context(Context::Now));
    let environment: Environment = [("NAME", "value")].into_iter().collect();
    scope.bind_environment(Arc::new(environment));
    scope
}

fn value(text: &str, payload: &str) -> Value {
    match evaluate(text, &scope(), payload) {
        Ended::Value(_, value) => value,
        other => panic!("{text}: {other:?}"),
    }
}

/// The faults of a text that is used where a value is needed.
fn faults(text: &str, want: &Want) -> Vec<String> {
    let faults = checked(text, &scope(), want).expect_err(text);
    faults.iter().map(|fault| format!("{} {}", fault.code.text(), fault.message)).collect()
}

fn any() -> Want {
    Want::any("a reply")
}

#[test]
fn everything_in_scope_can_be_read() {
    for (text, expected) in [
        ("user.id + target", json!("adaroom:x")),
        ("conn.id", json!("00000000000100000001")),
        ("conn.ip", json!("192.0.2.7")),
        ("now / 1000", json!(1_700_000_000)),
        ("user.visits + 1", json!(8)),
        ("user.state", json!({ "tags": ["a", "b\n"], "level": 2.5 })),
        ("user.state.level * 2.0", json!(5)),
        ("user.state.tags[1] == 'b\\n'", json!(true)),
        ("user.state.tags.map(t, t.upper())", json!(["A", "B\n"])),
        ("'level' in user.state", json!(true)),
        ("conn.name ?? 'nobody'", json!("nobody")),
        ("room.tenant == user.claims.tenant", json!(true)),
        ("env.NAME", json!("value")),
        ("env.OTHER ?? 8080", json!(8080)),
    ] {
        assert_eq!(value(text, "{}"), expected, "{text}");
    }
}

#[test]
fn a_missing_path_is_null_however_deep() {
    for payload in ["{}", r#"{"deep":null}"#, r#"{"deep":1}"#, r#"{"deep":{"a":[]}}"#] {
        assert_eq!(value("payload.deep.a.b ?? 'none'", payload), json!("none"), "{payload}");
        assert_eq!(value("has(payload.deep.a.b)", payload), json!(false), "{payload}");
    }
    let deep = r#"{"deep":{"a":{"b":"x"}}}"#;
    assert_eq!(value("payload.deep.a.b", deep), json!("x"));
    assert_eq!(value("payload.deep['a']['b']", deep), json!("x"));
    let sure = "payload.deep.a.b != null && size(payload.deep.a.b) == 1";
    assert_eq!(value(sure, deep), json!(true));
}

#[test]
fn null_is_discharged_at_load() {
    for text in [
        "payload.nick.size() > 1",
        "payload.nick + 'x'",
        "!(payload.nick != null) && size(payload.nick) > 1",
        "payload.nick != null || size(payload.nick) > 1",
        "(payload.nick == null ? payload.nick : 'x') + ''",
        "conn.name.lower()",
        "payload.deep.a.b + 1",
        "[1].map(x, payload.nick)[0] + ''",
    ] {
        assert!(faults(text, &any())[0].starts_with("E429"), "{text}");
    }
    for text in [
        "payload.nick != null && size(payload.nick) > 1",
        "payload.nick == null || size(payload.nick) > 1",
        "payload.nick == null ? 0 : size(payload.nick)",
        "!(payload.nick == null) ? size(payload.nick) : 0",
        "payload.nick == 'bob' && payload.nick.size() == 3",
        "has(payload.nick) && payload.nick.startsWith('b')",
        "(payload.nick ?? 'x').size() == 1",
        "payload.nick != null && (payload.i > 1 || size(payload.nick) > 1)",
        "payload.deep.a != null && payload.deep.a == 1",
    ] {
        assert!(checked(text, &scope(), &any()).is_ok(), "{text}");
    }
    assert_eq!(faults("payload.nick", &any()), ["E429 `payload.nick` may be null"]);
    assert!(checked("payload.nick", &scope(), &any().optional()).is_ok());
    let unset = "E407 the environment variable `OTHER` is not set";
    assert_eq!(faults("env.OTHER", &any()), [unset]);
}

#[test]
fn facts_of_a_condition_hold_for_what_follows_it() {
    let test = checked("payload.nick != null && payload.i > 1", &scope(), &any());
    let facts = test.expect("it is a condition").facts_if_true();
    let mut inside = scope();
    inside.assume(&facts);
    assert!(checked("payload.nick + ''", &inside, &any()).is_ok());
    inside.forget("payload.nick");
    assert!(checked("payload.nick + ''", &inside, &any()).is_err());
    let none = checked("payload.nick == null", &scope(), &any()).expect("a condition");
    assert_eq!(none.facts_if_true(), Facts::default());
    assert_eq!(none.facts_if_false(), Facts::of("payload.nick".to_owned()));
}

#[test]
fn a_secret_flows_only_where_secrets_may() {
    for text in [
        "conn.jwt",
        "'x' + conn.jwt",
        "size(conn.jwt)",
        "conn.jwt == 'x'",
        "conn.jwt == 'x' ? 1 : 2",
        "['a', conn.jwt]",
        "[1].map(x, conn.jwt)",
        "[1].filter(x, conn.jwt == 'x')",
        "payload.nick ?? conn.jwt",
        "conn.jwt == 'x' && true",
        "[conn.jwt][0]",
        "conn.jwt.slice(0, 1)",
    ] {
        assert!(faults(text, &any())[0].starts_with("E435"), "{text}");
        assert!(checked(text, &scope(), &any().secret()).is_ok(), "{text}");
    }
    assert!(checked("conn.jwt != null", &scope(), &any()).is_ok(), "that there is one is none");
}

#[test]
fn wants_are_met_at_load_or_asked_for_in_the_run() {
    let text = || Want::of(Type::String, "a name");
    assert_eq!(faults("payload.i", &text()), ["E431 a name takes `string`, not `int`"]);
    let want = Want::of(Type::Double, "a rate");
    let two = checked("2", &scope(), &want).expect("an int is a number");
    assert_eq!(two.constant(), Some(&Const::Double(2.0)));
    let asked = checked("payload.any", &scope(), &text()).expect("it may be a string");
    let program = program(&asked, Form::Raw, false);
    let run = |payload: &str| Machine::default().run(&program, message(payload).as_bytes());
    assert_eq!(run(r#"{"any":"x"}"#), Ok(vec!["\"x\"".to_owned()]));
    assert_eq!(run(r#"{"any":1}"#).map_err(|(reject, _)| reject), Err(Reject::BadType));
    assert_eq!(run("{}").map_err(|(reject, _)| reject), Err(Reject::MissingField));
}

#[test]
fn a_number_is_what_the_message_says() {
    for (payload, text, expected) in [
        (r#"{"n":2}"#, "payload.n / 4", json!(0.5)),
        (r#"{"i":9007199254740993}"#, "payload.i + 0", json!(9_007_199_254_740_993i64)),
        (r#"{"any":1}"#, "payload.any + 1", json!(2)),
        (r#"{"any":1.0}"#, "payload.any + 1", json!(2.0)),
        (r#"{"any":1e2}"#, "payload.any == 100", json!(true)),
        (r#"{"any":18446744073709551615}"#, "payload.any > 1e19", json!(true)),
    ] {
        let found = value(text, payload);
        assert_eq!(found.as_f64(), expected.as_f64(), "{text} of {payload}");
    }
    let ended = |text, payload| evaluate(text, &scope(), payload);
    assert_eq!(ended("payload.i", r#"{"i":1.0}"#), Ended::Refused(Reject::BadType));
    assert_eq!(ended("payload.any + 1", r#"{"any":1e999}"#), Ended::Refused(Reject::BadValue));
}

/// The frame of a text with holes, each in this form.
fn frame(text: &str, form: Form, payload: &str) -> String {
    let mut builder = Builder::new("config.yaml");
    builder.event("event", SITE).expect("one event");
    builder.op(Op::OpenFrame(FrameKind::Text), SITE);
    let locate = |_| SITE;
    for piece in expr::pieces(text).expect("a scalar") {
        match piece {
            expr::Piece::Text(text) => builder.literal(text.as_bytes(), SITE),
            expr::Piece::Hole { expr, .. } => {
                let checked = expr::check(&expr, &scope(), &any().optional()).expect("well typed");
                let mut lowering = Lowering { builder: &mut builder, locate: &locate, free: 0 };
                expr::put(&checked, form, &mut lowering).expect("it fits");
                assert_eq!(lowering.free, 0);
            }
        }
    }
    builder.op(Op::CloseFrame, SITE);
    builder.op(Op::SendOrigin, SITE);
    let program = builder.finish().expect("sound");
    Machine::default().run(&program, message(payload).as_bytes()).expect("it runs").remove(0)
}

#[test]
fn values_are_written_in_every_form() {
    let payload = r#"{"s":"q\"uo\u0074e","n":2,"list":[1, 2],"any":{"k":"v"}}"#;
    let holes = "${payload.s}|${payload.s + '\\n\"'}|${payload.n * 1.5}|${payload.nick}|\
                 ${payload.list}|${payload.list.map(x, string(x))}|${payload.any}|${1 < 2}|\
                 ${user.id}|${now}|${'\"' + env.NAME}|${[1, 'a\"']}|${0.0 / payload.n}";
    assert_eq!(
        frame(holes, Form::Text, payload),
        "q\"uote|q\"uote\n\"|3||[1, 2]|[\"1\",\"2\"]|{\"k\":\"v\"}|true|ada|1700000000000|\
         \"value|[1,\"a\\\"\"]|0"
    );
    assert_eq!(
        frame(holes, Form::Inner, payload),
        r#"q\"uo\u0074e|q\"uote\n\"|3||[1, 2]|[\"1\",\"2\"]|{\"k\":\"v\"}|true|ada|1700000000000|"#
            .to_owned()
            + r#"\"value|[1,\"a\\\"\"]|0"#
    );
    assert_eq!(
        frame(holes, Form::Raw, payload),
        r#""q\"uo\u0074e"|"q\"uote\n\""|3|null|[1, 2]|["1","2"]|{"k":"v"}|true|"ada"|"#.to_owned()
            + r#"1700000000000|"\"value"|[1,"a\""]|0"#
    );
    assert_eq!(frame("$${payload.s} ${payload.n}", Form::Text, payload), "${payload.s} 2");
}

/// An object with a key that may be left out, and one that is spread.
fn object() -> Program {
    let mut builder = Builder::new("config.yaml");
    builder.event("event", SITE).expect("one event");
    let want = any().omit();
    let price = checked("payload.nick ?? omit", &scope(), &want).expect("it may be left out");
    assert!(price.may_omit() && price.typed.ty == Type::String && !price.typed.optional);
    let spread = checked("payload.deep", &scope(), &any().optional()).expect("a map");
    let locate = |_| SITE;
    let mut lowering = Lowering { builder: &mut builder, locate: &locate, free: 0 };
    let value = expr::lower(&price, &mut lowering).expect("it fits");
    let all = expr::lower(&spread, &mut lowering).expect("it fits");
    builder.op(Op::OpenFrame(FrameKind::Text), SITE);
    builder.literal(b"{", SITE);
    let past = builder.jump(|by| Op::JumpOmit { value, by }, SITE);
    builder.literal(b"\"nick\":", SITE);
    builder.op(Op::Put { value, form: Form::Raw }, SITE);
    builder.land(past);
    builder.op(Op::Spread(all), SITE);
    builder.op(Op::Comma, SITE);
    builder.literal(b"\"last\":1}", SITE);
    builder.op(Op::CloseFrame, SITE);
    builder.op(Op::SendOrigin, SITE);
    builder.finish().expect("sound")
}

#[test]
fn keys_are_left_out_and_spread_and_commas_stand_between() {
    let program = object();
    for (payload, expected) in [
        ("{}", r#"{"last":1}"#),
        (r#"{"nick":"x"}"#, r#"{"nick":"x","last":1}"#),
        (r#"{"deep":{ "a" : [1,2] }}"#, r#"{"a" : [1,2],"last":1}"#),
        (r#"{"nick":"{","deep":{"a":1}}"#, r#"{"nick":"{","a":1,"last":1}"#),
        (r#"{"nick":"x","deep":{ }}"#, r#"{"nick":"x","last":1}"#),
    ] {
        let frames = Machine::default().run(&program, message(payload).as_bytes());
        assert_eq!(frames, Ok(vec![expected.to_owned()]), "{payload}");
    }
    let wrong = Machine::default().run(&program, message(r#"{"deep":[1]}"#).as_bytes());
    assert_eq!(wrong.map_err(|(reject, _)| reject), Err(Reject::BadType));
}

#[test]
fn omit_stands_only_where_a_key_can_be_left_out() {
    for text in ["omit", "payload.nick ?? omit", "payload.i > 1 ? omit : 2", "(true ? 1 : omit)"] {
        assert!(checked(text, &scope(), &any().omit()).is_ok(), "{text}");
        assert!(faults(text, &any())[0].starts_with("E436"), "{text}");
    }
    for text in ["omit + 1", "[omit]", "(payload.nick ?? omit) + 'x'", "omit ?? 1"] {
        assert!(faults(text, &any().omit())[0].starts_with("E436"), "{text}");
    }
}

#[test]
fn rules_deny_or_only_tell() {
    for (shadow, expected) in [(false, Err((Reject::Denied, SITE))), (true, Ok(vec![]))] {
        let mut builder = Builder::new("config.yaml");
        builder.event("event", SITE).expect("one event");
        let rule =
            builder.rule(Rule { name: "adult".into(), shadow, site: SITE, ..Rule::default() });
        let want = Want::of(Type::Bool, "a rule");
        let adult = checked("payload.i >= 18", &scope(), &want).expect("a condition");
        let locate = |_| SITE;
        let mut lowering = Lowering { builder: &mut builder, locate: &locate, free: 0 };
        let cond = expr::lower(&adult, &mut lowering).expect("it fits");
        builder.op(Op::Require { cond, is: Truth(true), rule }, SITE);
        let program = builder.finish().expect("sound");
        let mut machine = Machine::default();
        assert_eq!(machine.run(&program, message(r#"{"i":18}"#).as_bytes()), Ok(vec![]));
        assert!(machine.host.denied.is_empty());
        assert_eq!(machine.run(&program, message(r#"{"i":17}"#).as_bytes()), expected);
        assert_eq!(machine.host.denied, [rule]);
    }
}

#[test]
fn an_error_of_a_run_names_the_part_that_failed() {
    let text = "[1, 2].map(x, x > 0 && payload.list[x] / (payload.i - x) > 0)";
    let checked = checked(text, &scope(), &any()).expect("it is well typed");
    let program = program(&checked, Form::Raw, false);
    let column =
        |part: &str| Site { line: 1, column: text.find(part).expect(part) as u16 + 1, file: 0 };
    let run = |payload: &str| Machine::default().run(&program, message(payload).as_bytes());
    let failed = run(r#"{"i":2,"list":[1,2,3]}"#);
    assert_eq!(failed, Err((Reject::BadValue, column("payload.list[x] / (payload.i - x)"))));
    assert_eq!(run(r#"{"i":5,"list":[1]}"#), Err((Reject::NoElement, column("payload.list[x]"))));
    assert_eq!(run(r#"{"i":"x","list":[1,2]}"#), Err((Reject::BadType, column("payload.i"))));
    assert_eq!(run(r#"{"i":9,"list":[1,8,9]}"#), Ok(vec!["[true,true]".to_owned()]));
}

#[test]
fn what_a_run_costs_is_bounded() {
    let ended = |text: &str, payload: &str| evaluate(text, &scope(), payload);
    let list = |len: usize| format!(r#"{{"list":[{}1]}}"#, "1,".repeat(len - 1));
    let size = "size(payload.list.map(x, x))";
    assert_eq!(ended(size, &list(16_384)), Ended::Value("int".to_owned(), json!(16_384)));
    assert_eq!(ended(size, &list(16_385)), Ended::Refused(Reject::TooLarge));
    let square = "size(payload.list.map(x, size(payload.list.filter(y, y + x > 9))))";
    assert_eq!(ended(square, &list(100)), Ended::Value("int".to_owned(), json!(100)));
    assert_eq!(ended(square, &list(1_024)), Ended::Refused(Reject::TooLarge));
    let long = format!(r#"{{"s":"{}","list":[{}1]}}"#, "x".repeat(10_000), "1,".repeat(999));
    let grown = "size(payload.list.map(x, payload.s + payload.s))";
    assert_eq!(ended(grown, &long), Ended::Refused(Reject::TooLarge));
    let repeated = "payload.list.map(x, payload.s)";
    assert_eq!(ended(repeated, &long), Ended::Refused(Reject::TooLarge));
}

#[test]
fn explain_multiplies_the_bound_of_a_loop() {
    let steps = |text: &str| {
        let checked = checked(text, &scope(), &any()).expect("it is well typed");
        let program = program(&checked, Form::Raw, false);
        (program.steps_max(&program.events[0]), program.code.len() as u64)
    };
    let (plain, ops) = steps("payload.i + 1");
    assert_eq!(plain, ops);
    let (once, ops) = steps("payload.list.map(x, x)");
    assert_eq!(once, ops - 2 + 2 * 16_384);
    let (twice, ops) = steps("payload.list.map(x, payload.list.map(y, y))");
    assert_eq!(twice, ops - 6 + (4 << 20), "what a run may cost ends it");
}

#[test]
fn faults_say_what_to_do() {
    for (text, expected) in [
        ("payload.nik", "E427 unknown path `payload.nik`"),
        ("user.claim", "E427 unknown path `user.claim`"),
        ("token.sub", "E426 `token` is not in scope here"),
        ("foo", "E425 unknown name `foo`"),
        ("user", "E438 `user` is no value"),
        ("env", "E438 `env` is no value"),
        ("payload.s.first", "E428 `payload.s` has no fields or elements"),
        ("payload.list.map(payload, 1)", "E440 the name `payload` is taken"),
        ("payload.list.map(room, 1)", "E440 the name `room` is taken"),
        ("payload.s.map(x, x)", "E433 `map` goes through a list, not `string`"),
        ("payload.list.exists(x, x > 1)", "E439 `exists` is not part of this language"),
        ("size.x", "E425 unknown name `size`"),
        ("contains('a', 'b')", "E432 `contains` is not called so"),
        ("payload.s.matches(payload.s)", "E434 a pattern must be known at load"),
        ("payload.nick ?? 1", "E430 `??` between `string` and `int`"),
        ("payload.s == 1", "E430 `==` does not take `string` and `int`"),
        ("int('x')", "E437 this always fails"),
        ("{'a': 1}", "E439 there are no map literals"),
    ] {
        assert_eq!(faults(text, &any()), [expected], "{text}");
    }
    let rates = checked("[1, 2.5, payload.i]", &scope(), &any()).expect("a list");
    assert_eq!(rates.typed.to_string(), "list(number)");
    let both = faults("payload.nik + payload.i.x", &any());
    assert_eq!(both.len(), 2, "{both:?}");
    let mut scope = scope();
    let declared = Some(Span::new(3, 9));
    let map = Type::Map(vec![field("message", Typed::of(Type::String))]);
    scope.bind_declared("payload", Typed::of(map), Read::Payload(Vec::new()), declared);
    let fault = &checked("payload.mesage", &scope, &any()).expect_err("a typo")[0];
    assert_eq!(fault.help, ["did you mean `payload.message`?"]);
    assert_eq!(fault.also.as_deref(), Some(&(Span::new(3, 9), "declared here".to_owned())));
}

#[test]
fn the_listing_of_an_expression_says_what_it_does() {
    let text = "payload.nick ?? payload.list.filter(x, x > 9000000000 || !(x in [1, 2])).map(y, \
                string(y) + room.tenant)[0].slice(0, 3)";
    let checked = checked(text, &scope(), &any()).expect("it is well typed");
    let program = program(&checked, Form::Raw, false);
    let listing = shardwire::pipeline::disasm::program(&program);
    let part = |line: &str| {
        let (op, site) = line.split_once(';').expect("a site");
        format!("{} @{}", op.split_whitespace().skip(1).collect::<Vec<_>>().join(" "), site.trim())
    };
    let listed: Vec<String> = listing.lines().skip(3).map(part).collect();
    let expected = [
        "begin @1:1",
        "load v0 = payload.nick text? @1:1",
        "jump_some v0 +24 @1:1",
        "load v4 = payload.list list @1:17",
        "each v3 = v4 v5 = {11} @1:17",
        "expect v5 int @1:17",
        "load_long v7 = 9000000000 @1:44",
        "binary v6 = greater v5 v7 @1:40",
        "jump_if v6 +5 @1:40",
        "load_int v9 = 1 @1:65",
        "load_int v10 = 2 @1:65",
        "list v8 = v9 2 @1:65",
        "binary v7 = in v5 v8 @1:59",
        "unary v6 = not v7 @1:58",
        "jump_unless v6 +1 @1:40",
        "yield v5 @1:17",
        "each v2 = v3 v4 = {5} @1:17",
        "expect v4 int @1:17",
        "unary v6 = totext v4 @1:81",
        "load_variable v7 = room #0 text @1:93",
        "binary v5 = add v6 v7 @1:81",
        "yield v5 @1:17",
        "binary_int v1 = index v2 0 @1:17",
        "expect v1 text @1:17",
        "load_int v2 = 0 @1:115",
        "load_int v3 = 3 @1:118",
        "slice v0 = v1 v2 v3 @1:17",
    ];
    assert_eq!(listed[..expected.len()], expected, "\n{listing}");
}
