//! Payload schemas: what passes, what does not, and what the sender is told.

use serde_json::{Value, json};
use shardwire::config::Code;

use super::cast::{ask, ask_event, codes, event, open_world, say};

const KINDS: &str = r#"
events:
  all:
    payload:
      text: string(2..5)
      count: int(0..10)
      part: number(-1..1.5)
      flag: bool
      id: uuid
      kind: enum(red|blue)
      tags: list(string(1..3))(1..2)
      who: { name: string, age: optional int }
      points: [{ x: int, y: int }]
      any: any
    steps:
      - reply: { event: ok, payload: { text: "${payload.text}", who: "${payload.who}" } }
  open:
    payload: { note: optional string, size: int = 7, name: "string = 'ada'" }
    steps:
      - reply:
          event: ok
          payload: { note: "${payload.note}", size: "${payload.size}", name: "${payload.name}" }
  maybe:
    payload:
      who: { $optional: true, name: string, age: int = 7 }
      where: { $optional: true, x: int }
    steps:
      - reply:
          event: ok
          payload:
            name: ${payload.who.name ?? 'nobody'}
            age: ${payload.who.age}
            where: ${payload.where}
            x: ${payload.where.x ?? 0}
  closed:
    payload: { a: int, $unknown: refuse }
    steps: [{ reply: { event: ok } }]
"#;

fn good() -> Value {
    json!({
        "text": "héé", "count": 3, "part": 0.5, "flag": true,
        "id": "123e4567-e89b-12d3-a456-426614174000", "kind": "blue", "tags": ["a"],
        "who": { "name": "x" }, "points": [{ "x": 1, "y": 2 }], "any": 1,
        "more": { "is": "fine" },
    })
}

#[test]
fn an_optional_map_may_be_missing_and_holds_what_it_must_where_it_is_there() {
    let mut world = open_world(KINDS, 1);
    let ada = world.open(0, "ada");
    let mut asked = |payload: Value| ask_event(&mut world, ada, "maybe", payload)[0].take();
    let nobody = event("ok", json!({ "name": "nobody", "age": 7, "where": null, "x": 0 }));
    for payload in [json!({}), json!({ "who": null, "where": null })] {
        assert_eq!(asked(payload), nobody);
    }
    let there = json!({ "who": { "name": "Ada" }, "where": { "x": 1 } });
    let heard = event("ok", json!({ "name": "Ada", "age": 7, "where": { "x": 1 }, "x": 1 }));
    assert_eq!(asked(there), heard);
    for (payload, field) in [(json!({ "who": {} }), "who.name"), (json!({ "where": 1 }), "where")] {
        let told = asked(payload);
        assert_eq!(
            (&told["payload"]["code"], &told["payload"]["field"]),
            (&json!("invalid_payload"), &json!(field))
        );
    }
}

/// With a default beside it in the map, and without.
#[test]
fn what_is_in_an_optional_map_may_be_null() {
    for schema in ["$optional: true, name: string", "$optional: true, name: string, age: int = 7"] {
        let text = format!(
            "events:\n  e:\n    payload: {{ who: {{ {schema} }} }}\n    \
             steps: [{{ join: '${{payload.who.name}}' }}]\n"
        );
        assert_eq!(codes(&text), [Code::MayBeNull], "{schema}");
    }
    let text = "events:\n  e:\n    payload: { who: { $optional: maybe, name: string } }\n";
    assert!(codes(text).contains(&Code::BadValue));
}

#[test]
fn a_payload_that_fits_passes_and_one_that_does_not_names_field_and_reason() {
    let mut world = open_world(KINDS, 1);
    let ada = world.open(0, "ada");
    let got = ask_event(&mut world, ada, "all", good());
    assert_eq!(got, [event("ok", json!({ "text": "héé", "who": { "name": "x" } }))]);
    for (path, value, field, reason) in [
        ("/text", json!("é"), "text", "shorter than 2 characters"),
        ("/text", json!("éééééé"), "text", "longer than 5 characters"),
        ("/text", json!(5), "text", "not a string"),
        ("/text", Value::Null, "text", "missing"),
        ("/count", json!(-1), "count", "less than 0"),
        ("/count", json!(11), "count", "greater than 10"),
        ("/count", json!(1.5), "count", "not a whole number"),
        ("/part", json!(1.6), "part", "greater than 1.5"),
        ("/part", json!("1"), "part", "not a number"),
        ("/flag", json!("true"), "flag", "not true or false"),
        ("/id", json!("123e4567-e89b-12d3-a456-42661417400"), "id", "not a UUID"),
        ("/kind", json!("green"), "kind", "not one of red, blue"),
        ("/tags", json!([]), "tags", "fewer than 1 elements"),
        ("/tags", json!(["a", "b", "c"]), "tags", "more than 2 elements"),
        ("/tags", json!(["a", "long"]), "tags.1", "longer than 3 characters"),
        ("/who", json!("x"), "who", "not an object"),
        ("/who", json!({}), "who.name", "missing"),
        ("/who", json!({ "name": "x", "age": "1" }), "who.age", "not a whole number"),
        ("/points", json!([{ "x": 1, "y": 2 }, { "x": 1 }]), "points.1.y", "missing"),
    ] {
        let mut payload = good();
        *payload.pointer_mut(path).unwrap() = value;
        let got = ask_event(&mut world, ada, "all", payload);
        let told = &got[0]["payload"];
        assert_eq!(told["code"], "invalid_payload", "{path} {got:?}");
        assert_eq!((&told["field"], &told["reason"]), (&json!(field), &json!(reason)), "{path}");
        assert_eq!(told["event"], "all");
    }
}

#[test]
fn escapes_count_as_what_they_stand_for() {
    let mut world = open_world(KINDS, 1);
    let ada = world.open(0, "ada");
    let payload = good().to_string().replace("héé", r"\u00e9\ud83d\ude00\n");
    let text = format!(r#"{{"event":"all","payload":{payload}}}"#);
    world.say(ada, &text);
    world.settle();
    assert_eq!(world.messages(ada)[0]["payload"]["text"], "é\u{1f600}\n");
}

#[test]
fn what_is_optional_or_has_a_default_may_be_missing_or_null() {
    let mut world = open_world(KINDS, 1);
    let ada = world.open(0, "ada");
    let none = json!({ "note": null, "size": 7, "name": "ada" });
    for payload in [json!({}), json!({ "note": null, "size": null, "name": null }), Value::Null] {
        assert_eq!(ask_event(&mut world, ada, "open", payload), [event("ok", none.clone())]);
    }
    assert_eq!(ask(&mut world, ada, &json!({ "event": "open" })), [event("ok", none)]);
    let given = json!({ "note": "n", "size": 1, "name": "bob" });
    assert_eq!(ask_event(&mut world, ada, "open", given.clone()), [event("ok", given)]);
    let wrong = ask_event(&mut world, ada, "open", json!({ "size": "1" }));
    assert_eq!(wrong[0]["payload"]["field"], "size");
}

#[test]
fn unknown_fields_pass_unless_refused_and_a_declared_key_stands_once() {
    let mut world = open_world(KINDS, 1);
    let ada = world.open(0, "ada");
    let got = ask_event(&mut world, ada, "closed", json!({ "a": 1, "b": 2 }));
    assert_eq!(got[0]["payload"]["field"], "b");
    assert_eq!(ask_event(&mut world, ada, "closed", json!({ "a": 1 })), [event("ok", json!({}))]);
    world.say(ada, r#"{"event":"closed","payload":{"a":1,"\u0061":2}}"#);
    world.settle();
    assert_eq!(world.messages(ada)[0]["payload"]["code"], "bad_message");
}

#[test]
fn payloads_of_many_members_and_indented_ones_are_checked_too() {
    let mut world = open_world(KINDS, 1);
    let ada = world.open(0, "ada");
    for fill in [0, 40] {
        let mut payload = good();
        for n in 0..fill {
            payload[format!("extra{n}")] = json!([{ "deep": ["x".repeat(40)] }]);
        }
        let message = serde_json::to_string_pretty(&say("all", payload.clone())).unwrap();
        world.say(ada, &message);
        world.settle();
        assert_eq!(world.messages(ada)[0]["event"], "ok");
        payload["who"]["age"] = json!("old");
        let message = serde_json::to_string_pretty(&say("all", payload)).unwrap();
        world.say(ada, &message);
        world.settle();
        assert_eq!(world.messages(ada)[0]["payload"]["field"], "who.age");
    }
}

#[test]
fn a_flat_payload_is_the_message_itself() {
    let yaml = "protocol: { in: { event: type, payload: . }, out: { event: type, payload: . } }\n\
                events:\n  hello:\n    payload: { name: string(1..4) }\n    steps:\n      \
                - reply: { event: hi, payload: { name: \"${payload.name}\" } }\n";
    let mut world = open_world(yaml, 1);
    let ada = world.open(0, "ada");
    let got = ask(&mut world, ada, &json!({ "type": "hello", "name": "ada", "id": 7 }));
    assert_eq!(got, [json!({ "type": "hi", "id": 7, "name": "ada" })]);
    let got = ask(&mut world, ada, &json!({ "type": "hello", "name": "adalbert", "id": "x" }));
    assert_eq!(got[0]["type"], "error");
    assert_eq!((&got[0]["field"], &got[0]["id"]), (&json!("name"), &json!("x")));
}

#[test]
fn what_is_no_schema_is_a_finding() {
    let of = |payload: &str| {
        codes(&format!(
            "events:\n  e:\n    payload: {payload}\n    steps: [{{ reply: {{ event: x }} }}]\n"
        ))
    };
    assert_eq!(of("{ a: strin }"), [Code::UnknownType]);
    assert_eq!(of("{ a: 'string(5..1)' }"), [Code::BadBounds]);
    assert_eq!(of("{ a: 'int = x' }"), [Code::BadDefault]);
    assert_eq!(of("{ a: list }"), [Code::BadType]);
    assert_eq!(of("{ a: [int, int] }"), [Code::BadType]);
    assert_eq!(of("string"), [Code::PayloadNotMap]);
    assert_eq!(of("{ $unknown: maybe }"), [Code::BadValue]);
    assert_eq!(of("any"), []);
}
