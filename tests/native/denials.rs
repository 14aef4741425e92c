//! The id of a denial: told by every way to deny, and found again in the program.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use shardwire::pipeline::denial::{self, DenialId, Refuser};

use super::cast::{ask, ask_event, world};
use super::simulator::world::{World, compile};

const YAML: &str = r#"
auth: { mode: none }
errors: { denials: always }
permissions: [mute]
rooms:
  "small:{id}": { limits: { maxMembers: 1 } }
  "shut:{id}": { join: { require: [{ name: nobody, when: "room.id == ''" }] } }
pipelines:
  inner:
    input: { n: int }
    steps: [{ name: divide, metric: { name: m, add: "${1 / input.n}" } }]
events:
  enter: { payload: { room: string }, steps: [{ name: step in, join: "${payload.room}" }] }
  often: { limit: { rate: 1/h, name: seldom }, steps: [{ reply: { event: ok } }] }
  mute: { require: [user.can.mute], steps: [{ reply: { event: ok } }] }
  aim: { steps: [{ send: { to: target, event: x } }] }
  count: { payload: { n: int }, steps: [{ use: inner, with: { n: "${payload.n}" } }] }
  again: { payload: { n: int }, steps: [{ use: inner, with: { n: "${payload.n}" } }] }
  old:
    modifiers: [{ name: permission, params: [mute] }]
    actions: []
  secret:
    modifiers: [{ name: secure, params: [] }]
    actions: [{ name: _log, params: ["{.payload.a}"] }]
  field:
    actions: [{ name: _notify_origin, params: [x, '{"a": {.payload.a}}'] }]
"#;

/// The one refusal: its code and its denial, as an id.
fn denied(got: &[Value]) -> (String, DenialId) {
    let [one] = got else { panic!("{got:?}") };
    let text = |name: &str| one["payload"][name].as_str().expect("a text").to_owned();
    (text("code"), DenialId::parse(&text("denial")).expect("an id"))
}

/// Everything that somebody is denied here, by what was said.
fn all_told(shards: u16) -> Vec<(String, DenialId)> {
    let mut world = world(YAML, shards);
    let other = world.open(0, "bob");
    assert_eq!(
        ask_event(&mut world, other, "enter", json!({ "room": "small:1" })),
        [] as [Value; 0]
    );
    let ada = world.open(usize::from(shards - 1), "ada");
    assert_eq!(ask(&mut world, ada, &json!({ "event": "often" })).len(), 1);
    let said = [
        json!({ "event": "enter", "payload": { "room": "shut:1" } }),
        json!({ "event": "enter", "payload": { "room": "small:1" } }),
        json!({ "event": "enter", "payload": { "room": "" } }),
        json!({ "event": "enter", "payload": { "room": 1 } }),
        json!({ "event": "often" }),
        json!({ "event": "mute" }),
        json!({ "event": "aim" }),
        json!({ "event": "count", "payload": { "n": 0 } }),
        json!({ "event": "again", "payload": { "n": 0 } }),
        json!({ "event": "old" }),
        json!({ "event": "secret", "payload": { "a": "b" } }),
        json!({ "event": "field" }),
        json!({ "event": "nothing" }),
        json!({ "event": 1 }),
    ];
    said.iter().map(|message| denied(&ask(&mut world, ada, message))).collect()
}

#[test]
fn every_way_to_deny_has_an_id_that_leads_back_to_it() {
    let program = compile(&with_transport(YAML)).program;
    let known: BTreeMap<String, denial::Denial<'_>> =
        denial::all(&program).into_iter().map(|one| (one.id().as_str().to_owned(), one)).collect();
    let told = all_told(2);
    let found: Vec<_> = told
        .iter()
        .map(|(code, id)| {
            let one = known.get(id.as_str()).unwrap_or_else(|| panic!("{code}: {id:?}"));
            assert_eq!(one.reject.code(), code);
            (one.event, one.refuser, one.name, one.reject.code())
        })
        .collect();
    use Refuser::{Limit, Payload, Permission, Protocol, Rule, Step};
    assert_eq!(
        found,
        [
            ("rooms.shut:{id}.join", Rule, "nobody", "denied"),
            ("enter", Step, "step in", "room_full"),
            ("enter", Step, "step in", "bad_name"),
            ("enter", Payload, "", "invalid_payload"),
            ("often", Limit, "seldom", "rate_limited"),
            ("mute", Rule, "user.can.mute", "denied"),
            ("aim", Step, "", "missing_target"),
            ("count", Step, "divide", "bad_value"),
            ("again", Step, "divide", "bad_value"),
            ("old", Permission, "mute", "forbidden"),
            ("secret", Step, "", "unauthorized"),
            ("field", Step, "", "missing_field"),
            ("", Protocol, "", "unknown_event"),
            ("", Protocol, "", "bad_message"),
        ]
    );
    // Nothing depends on the process, the number of shards, or who asks.
    assert_eq!(told, all_told(1));
}

/// As `serve --dev` runs it.
fn developing(yaml: &str) -> World {
    let mut compiled = compile(&with_transport(yaml));
    compiled.settings.errors.places = true;
    let mut world = World::of(compiled, 1, 1);
    world.calm = true;
    world
}

fn with_transport(yaml: &str) -> String {
    format!("transport: {{ readTimeout: 24h, pingInterval: 0s }}\n{yaml}")
}

#[test]
fn an_id_is_told_in_development_or_where_it_is_asked_for() {
    let told = |errors: &str, dev: bool| {
        let yaml = YAML.replace("errors: { denials: always }", errors);
        let mut world = match dev {
            true => developing(&yaml),
            false => world(&yaml, 1),
        };
        let ada = world.open(0, "ada");
        let got = ask(&mut world, ada, &json!({ "event": "mute" }));
        (got[0]["payload"]["denial"].clone(), got[0]["payload"]["at"].clone())
    };
    assert_eq!(told("", false), (Value::Null, Value::Null));
    let (id, place) = told("", true);
    assert!(id.is_string() && place.is_string(), "{id} {place}");
    assert_eq!(told("errors: { denials: always }", false).1, Value::Null);
    let shaped = "errors: { reply: { payload: { denial: \"${error.denial}\" } } }";
    assert!(told(shaped, false).0.is_string());
}

#[test]
fn limits_with_names_have_counters_of_their_own() {
    let mut world = world(YAML, 2);
    let ada = world.open(0, "ada");
    for _ in 0..4 {
        ask(&mut world, ada, &json!({ "event": "often" }));
    }
    let mut seen = Vec::new();
    for counters in &world.counters {
        counters.each(&mut |group, name, count| {
            if group == "limits" {
                seen.push((name.split(" (").next().expect("a name").to_owned(), count));
            }
        });
    }
    seen.sort();
    assert_eq!(seen, [("seldom".to_owned(), 0), ("seldom".to_owned(), 3)]);
}
