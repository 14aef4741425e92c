//! What a refusal looks like: its shape, and the id of the message it answers.

use serde_json::{Value, json};

use super::cast::{ask, open_world};

const EVENTS: &str = r#"
events:
  e:
    payload: { n: int }
    require: [{ name: small, when: payload.n < 10 }]
    steps: [{ reply: { event: ok, payload: { n: "${payload.n}" } } }]
"#;

#[test]
fn an_id_comes_back_on_the_reply_and_on_the_error() {
    let mut world = open_world(EVENTS, 1);
    let ada = world.open(0, "ada");
    for id in [json!(1), json!("a\"b"), json!({ "x": [1] }), Value::Null] {
        let message = |n: Value| json!({ "event": "e", "id": id, "payload": { "n": n } });
        let ok = json!({ "event": "ok", "id": id, "payload": { "n": 1 } });
        assert_eq!(ask(&mut world, ada, &message(json!(1))), [ok]);
        for n in [json!(10), json!("x")] {
            let got = ask(&mut world, ada, &message(n));
            assert_eq!((&got[0]["event"], &got[0]["id"]), (&json!("error"), &id));
        }
    }
    let got = ask(&mut world, ada, &json!({ "event": "no", "id": 5 }));
    assert_eq!(got[0]["id"], 5);
    let got = ask(&mut world, ada, &json!({ "event": "e", "payload": { "n": 1 } }));
    assert_eq!(got[0].get("id"), None);
}

#[test]
fn errors_have_the_shape_that_is_asked_for() {
    let yaml = format!(
        "errors:\n  reply:\n    event: oops\n    payload: {{ error: {{ message: \
         \"${{error.message}}\", code: \"${{error.code}}\", rule: \"${{error.rule}}\" }}, of: \
         \"${{error.event}}\", field: \"${{error.field}}\" }}\n{EVENTS}"
    );
    let mut world = open_world(&yaml, 2);
    let ada = world.open(1, "ada");
    let got = ask(&mut world, ada, &json!({ "event": "e", "id": 3, "payload": { "n": 11 } }));
    let rule =
        json!({ "message": "a rule does not allow this", "code": "denied", "rule": "small" });
    let wanted = json!({ "error": rule, "of": "e", "field": "" });
    assert_eq!(got, [json!({ "event": "oops", "id": 3, "payload": wanted })]);
    let got = ask(&mut world, ada, &json!({ "event": "e", "payload": { "n": "x" } }));
    assert_eq!((&got[0]["payload"]["field"], got[0].get("id")), (&json!("n"), None));
    let got = ask(&mut world, ada, &json!({ "event": "we\"ird" }));
    assert_eq!(got[0]["payload"]["of"], "we\"ird");
    world.say(ada, "no json");
    world.settle();
    assert_eq!(world.messages(ada)[0]["payload"]["error"]["code"], "bad_json");
}
