//! Steps: conditions, data, pipelines, and what goes on after a refusal.

use serde_json::json;
use shardwire::config::Code;

const NOTHING: [serde_json::Value; 0] = [];

use super::cast::{ask, ask_event, codes, event, open_world, refusal};

#[test]
fn a_condition_decides_and_stop_ends() {
    let yaml = r#"
events:
  e:
    payload: { n: int }
    steps:
      - if: payload.n > 10
        reply: { event: big }
      - if: payload.n > 100
        stop: true
      - reply: { event: done, payload: { n: "${payload.n}", twice: "${payload.n * 2}" } }
"#;
    let mut world = open_world(yaml, 1);
    let ada = world.open(0, "ada");
    let done = |n: i64| event("done", json!({ "n": n, "twice": 2 * n }));
    let big = event("big", json!({}));
    assert_eq!(ask_event(&mut world, ada, "e", json!({ "n": 1 })), [done(1)]);
    assert_eq!(ask_event(&mut world, ada, "e", json!({ "n": 11 })), [big.clone(), done(11)]);
    assert_eq!(ask_event(&mut world, ada, "e", json!({ "n": 101 })), [big]);
}

#[test]
fn a_payload_is_data_with_holes_that_keep_their_types() {
    let yaml = r#"
events:
  e:
    payload: { text: string, price: optional number, more: any, list: list(int) }
    steps:
      - reply:
          event: "got ${payload.text}"
          payload:
            plain: text
            quoted: "7"
            number: 7
            truth: true
            nothing: null
            text: "${payload.text}"
            mixed: "<${payload.text}> & ${size(payload.list)}"
            price: "${payload.price ?? omit}"
            list: ["${payload.list}", { deep: "${payload.text}" }]
            more: "${payload.more}"
"#;
    let mut world = open_world(yaml, 1);
    let ada = world.open(0, "ada");
    let text = "a\"b\\c\n,\"x\":1";
    let mut wanted = json!({
        "plain": "text", "quoted": "7", "number": 7, "truth": true, "nothing": null,
        "text": text, "mixed": format!("<{text}> & 2"),
        "list": [[1, 2], { "deep": text }], "more": { "a": [1] },
    });
    let mut given = json!({ "text": text, "more": { "a": [1] }, "list": [1, 2] });
    let name = format!("got {text}");
    let got = ask_event(&mut world, ada, "e", given.clone());
    assert_eq!(got, [event(&name, wanted.clone())]);
    (wanted["price"], given["price"]) = (json!(1.5), json!(1.5));
    assert_eq!(ask_event(&mut world, ada, "e", given), [event(&name, wanted)]);
}

#[test]
fn omitted_keys_go_with_their_commas_and_objects_are_spread() {
    let yaml = r#"
events:
  e:
    payload: any
    steps:
      - reply:
          event: e
          payload:
            a: "${payload.a ?? omit}"
            b: "${payload.b ?? omit}"
            c: "${payload.c ?? omit}"
      - reply:
          event: s
          payload: { $spread: "${payload}", by: "${user.id}" }
      - reply:
          event: t
          payload: { first: 1, in: { $spread: "${payload}" }, x: "${payload.x ?? omit}", last: 2 }
"#;
    let mut world = open_world(yaml, 1);
    let ada = world.open(0, "ada");
    for given in [
        json!({}),
        json!({ "a": 1 }),
        json!({ "b": "2" }),
        json!({ "c": [] }),
        json!({ "a": 1, "c": 3 }),
        json!({ "a": 1, "b": 2, "c": 3 }),
    ] {
        let got = ask_event(&mut world, ada, "e", given.clone());
        assert_eq!(got[0], event("e", given.clone()), "{given}");
        let by = got[1]["payload"]["by"].clone();
        let mut spread = given.clone();
        spread["by"] = by;
        assert_eq!(got[1], event("s", spread));
        assert_eq!(got[2], event("t", json!({ "first": 1, "in": given, "last": 2 })));
    }
}

#[test]
fn a_payload_with_defaults_is_still_a_value() {
    let yaml = r#"
events:
  e:
    payload: { a: int = 1, b: optional int }
    steps:
      - reply: { event: e, payload: { $spread: "${payload}", sum: "${payload.a + 1}" } }
      - reply: { event: f, payload: "${payload}" }
"#;
    let mut world = open_world(yaml, 1);
    let ada = world.open(0, "ada");
    let got = ask_event(&mut world, ada, "e", json!({ "b": 2 }));
    let wanted = [event("e", json!({ "b": 2, "sum": 2 })), event("f", json!({ "b": 2 }))];
    assert_eq!(got, wanted);
}

#[test]
fn a_pipeline_is_put_in_with_its_inputs_and_its_output() {
    let yaml = r#"
pipelines:
  greet:
    input: { name: string, mark: "string = '!'" }
    steps:
      - if: input.mark == "?"
        stop: true
      - reply: { event: greeting, payload: { text: "hello ${input.name}${input.mark}" } }
    output: size(input.name)
  twice:
    input: { name: string }
    steps:
      - use: greet
        with: { name: "${input.name}" }
      - use: greet
        with: { name: "${input.name}", mark: "!!" }
events:
  one:
    payload: { name: string, mark: "string = '.'" }
    steps:
      - use: greet
        with: { name: "${payload.name}", mark: "${payload.mark}" }
        into: len
      - reply: { event: len, payload: { len: "${len}" } }
  two:
    payload: { name: string }
    steps:
      - if: payload.name != ""
        use: twice
        with: { name: "${payload.name}" }
"#;
    let mut world = open_world(yaml, 1);
    let ada = world.open(0, "ada");
    let greeting = |text: &str| event("greeting", json!({ "text": text }));
    let got = ask_event(&mut world, ada, "one", json!({ "name": "ada" }));
    assert_eq!(got, [greeting("hello ada."), event("len", json!({ "len": 3 }))]);
    assert_eq!(ask_event(&mut world, ada, "one", json!({ "name": "ada", "mark": "?" })), NOTHING);
    let got = ask_event(&mut world, ada, "two", json!({ "name": "ada" }));
    assert_eq!(got, [greeting("hello ada!"), greeting("hello ada!!")]);
    assert_eq!(ask_event(&mut world, ada, "two", json!({ "name": "" })), NOTHING);
}

#[test]
fn a_refused_step_ends_the_pipeline_unless_it_goes_on() {
    let yaml = r#"
events:
  strict:
    payload: { n: string, room: string }
    steps:
      - reply: { event: before }
      - reply: { event: sum, payload: { n: "${int(payload.n) + 1}" } }
      - reply: { event: behind }
  lenient:
    payload: { n: string, room: string }
    steps:
      - onError: continue
        reply: { event: sum, payload: { n: "${int(payload.n) + 1}" } }
      - onError: continue
        join: "${payload.room}"
      - reply: { event: behind }
  once:
    payload: { room: string }
    steps:
      - onError: continue
        join: "${payload.room}"
      - send: { to: { room: "user:${payload.room}" }, event: x }
      - reply: { event: behind }
"#;
    let mut world = open_world(yaml, 1);
    let ada = world.open(0, "ada");
    let bad = json!({ "n": "x", "room": "user:no" });
    let got = ask_event(&mut world, ada, "strict", bad.clone());
    assert_eq!(got[0], event("before", json!({})));
    assert_eq!(refusal(&got[1..]), "bad_value");
    assert_eq!(ask_event(&mut world, ada, "lenient", bad), [event("behind", json!({}))]);
    assert_eq!(world.total(|counters| counters.passed_over.get()), 2);
    for room in ["user:no", "r"] {
        // Only the step that says so is passed over.
        let got = ask_event(&mut world, ada, "once", json!({ "room": room }));
        assert_eq!(refusal(&got), "bad_name");
    }
    let good = json!({ "n": "4", "room": "r" });
    let got = ask_event(&mut world, ada, "lenient", good);
    assert_eq!(got[0], event("sum", json!({ "n": 5 })));
}

#[test]
fn rules_name_themselves_and_shadows_only_tell() {
    let yaml = r#"
permissions: [kick]
events:
  e:
    payload: { n: int }
    require:
      - { name: shady, when: "payload.n > 1000", mode: shadow }
      - { name: big-enough, when: payload.n > 10, error: too small for this }
      - payload.n < 100
    steps: [{ reply: { event: ok } }]
  kick:
    require: user.can.kick
    steps: [{ reply: { event: kicked } }]
"#;
    let mut world = open_world(yaml, 1);
    let ada = world.open(0, "ada");
    let ok = [event("ok", json!({}))];
    assert_eq!(ask_event(&mut world, ada, "e", json!({ "n": 11 })), ok);
    let got = ask_event(&mut world, ada, "e", json!({ "n": 1 }));
    assert_eq!(refusal(&got), "denied");
    assert_eq!(got[0]["payload"]["rule"], "big-enough");
    assert_eq!(got[0]["payload"]["message"], "too small for this");
    assert_eq!(got[0]["payload"].get("at"), None, "places are told in development only");
    let got = ask_event(&mut world, ada, "e", json!({ "n": 100 }));
    assert_eq!(got[0]["payload"]["rule"], "payload.n < 100");
    assert_eq!(refusal(&ask(&mut world, ada, &json!({ "event": "kick" }))), "denied");
    let counts = world.counters[0].named();
    let counts: Vec<(&str, u64)> =
        counts.rules.iter().map(|one| (one.label.as_str(), one.count.get())).collect();
    assert_eq!(counts[0].1, 3);
    assert!(counts[0].0.starts_with("shady (test.yaml:") && counts[0].0.ends_with(", shadow)"));
    assert_eq!((counts[1].1, counts[2].1, counts[3].1), (1, 1, 1));
}

#[test]
fn metrics_count_and_close_has_a_code() {
    let yaml = r#"
events:
  count:
    payload: { by: int }
    steps:
      - metric: asked
      - metric: { name: summed, add: "${payload.by}" }
  bye: { steps: [{ close: { code: 4001, reason: "bye ${user.id}" } }] }
"#;
    let mut world = open_world(yaml, 1);
    let ada = world.open(0, "ada");
    for by in [2, -1, 40] {
        ask_event(&mut world, ada, "count", json!({ "by": by }));
    }
    let named = world.counters[0].named();
    assert_eq!((named.metrics[0].count.get(), named.metrics[1].count.get()), (3, 42));
    world.say(ada, r#"{"event":"bye"}"#);
    world.settle();
    let close = world.frames(ada).into_iter().find(|frame| frame.opcode == 8).unwrap();
    assert_eq!(close.payload[..2], 4001u16.to_be_bytes());
    assert!(close.payload[2..].starts_with(b"bye "));
}

#[test]
fn what_is_no_step_is_a_finding() {
    let of = |step: &str| codes(&format!("events:\n  e:\n    steps:\n      - {step}\n"));
    assert_eq!(of("replly: { event: x }"), [Code::UnknownVerb]);
    assert_eq!(of("{ reply: { event: x }, log: y }"), [Code::OneVerb]);
    assert_eq!(of("{ if: 'true' }"), [Code::OneVerb]);
    assert_eq!(of("{ log: x, into: y }"), [Code::KeyMisplaced]);
    assert_eq!(of("{ verify: x }"), [Code::ReservedVerb]);
    assert_eq!(of("{ send: { to: nobody, event: x } }"), [Code::BadRecipient]);
    assert_eq!(of("{ send: { event: x } }"), [Code::MissingPart]);
    assert_eq!(of("{ send: { to: all, except: x, event: x } }"), [Code::BadExcept]);
    assert_eq!(of("{ log: x, onError: retry }"), [Code::BadOnError]);
    assert_eq!(of("{ close: { code: 1006 } }"), [Code::BadCloseCode]);
    assert_eq!(of("{ set: { conn.x: 1 } }"), [Code::UnknownStateVariable]);
    assert_eq!(of("{ use: nothing }"), [Code::UnknownPipeline]);
    assert_eq!(of("{ if: 1, log: x }"), [Code::WrongType]);
    assert_eq!(of("{ reply: { event: x, payload: { $spread: 7 } } }"), [Code::BadSpread]);
}
