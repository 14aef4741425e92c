//! `limit` by any key, through the whole engine.

use serde_json::json;
use shardwire::config::Code;

use super::cast::{ask, ask_event, codes, event, open_world, world};

#[test]
fn each_key_is_counted_apart_and_exactly() {
    let yaml = r#"
events:
  plain: { limit: 2/m, steps: [{ reply: { event: ok } }] }
  topic:
    payload: { chat: int }
    limit: { per: [user, event, payload.chat], rate: 1/m }
    steps: [{ reply: { event: ok } }]
  tab: { limit: { per: [conn], rate: 1/m }, steps: [{ reply: { event: ok } }] }
  room: { limit: { per: [room], rate: 3/m }, steps: [{ reply: { event: ok } }] }
  ip: { limit: [{ per: [ip], rate: 2/m }, 5/h], steps: [{ reply: { event: ok } }] }
"#;
    for shards in [1, 2, 4] {
        let mut world = world(yaml, shards);
        let at = |n: usize| n % usize::from(shards);
        let ada = [world.open(at(0), "ada"), world.open(at(1), "ada")];
        let bob = world.open(at(2), "bob");
        let passes = |world: &mut _, one, name, payload| {
            let got = ask_event(world, one, name, payload);
            got == [event("ok", json!({}))]
        };
        let none = || json!({});
        let plain: Vec<bool> =
            (0..4).map(|n| passes(&mut world, ada[n % 2], "plain", none())).collect();
        assert_eq!(plain, [true, true, false, false]);
        assert!(passes(&mut world, bob, "plain", none()));
        for chat in [1, 2] {
            let of =
                |n: usize, world: &mut _| passes(world, ada[n], "topic", json!({ "chat": chat }));
            assert_eq!([of(0, &mut world), of(1, &mut world)], [true, false]);
            assert!(passes(&mut world, bob, "topic", json!({ "chat": chat })));
        }
        for one in [ada[0], ada[1], bob] {
            assert!(passes(&mut world, one, "tab", none()));
            assert!(!passes(&mut world, one, "tab", none()));
        }
        for room in ["a", "b"] {
            let message = json!({ "event": "room", "target": room, "payload": {} });
            let passed = [ada[0], bob, ada[1], bob]
                .map(|one| ask(&mut world, one, &message) == [event("ok", json!({}))]);
            assert_eq!(passed, [true, true, true, false]);
        }
        let passed = [ada[0], bob, ada[1]].map(|one| passes(&mut world, one, "ip", none()));
        assert_eq!(passed, [true, true, false]);
    }
}

#[test]
fn what_exceeds_is_told_dropped_or_ends_the_connection() {
    let yaml = r#"
events:
  told: { limit: { rate: 1/m, per: user }, steps: [{ reply: { event: ok } }] }
  dropped: { limit: { rate: 1/m, onExceed: drop }, steps: [{ reply: { event: ok } }] }
  closed: { limit: { rate: 1/m, onExceed: close }, steps: [{ reply: { event: ok } }] }
  even: { limit: { rate: 60/m, burst: 2 }, steps: [{ reply: { event: ok } }] }
"#;
    let mut world = open_world(yaml, 1);
    let ada = world.open(0, "ada");
    for (name, second) in [("told", 1), ("dropped", 0)] {
        assert_eq!(ask_event(&mut world, ada, name, json!({})).len(), 1);
        assert_eq!(ask_event(&mut world, ada, name, json!({})).len(), second, "{name}");
    }
    let got = ask_event(&mut world, ada, "told", json!({}));
    assert_eq!(got[0]["payload"]["code"], "rate_limited");
    assert!(got[0]["payload"]["retryAfterMs"].as_u64().is_some_and(|ms| ms <= 60_000));
    let even: Vec<bool> = (0..4)
        .map(|_| ask_event(&mut world, ada, "even", json!({})) == [event("ok", json!({}))])
        .collect();
    assert_eq!(even, [true, true, false, false]);
    world.advance_ms(1_001);
    assert_eq!(ask_event(&mut world, ada, "even", json!({})), [event("ok", json!({}))]);
    ask_event(&mut world, ada, "closed", json!({}));
    world.say(ada, r#"{"event":"closed"}"#);
    world.settle();
    assert!(world.frames(ada).iter().any(|frame| frame.opcode == 8));
}

#[test]
fn what_is_no_limit_is_a_finding() {
    let of = |limit: &str| {
        codes(&format!("events: {{ e: {{ limit: {limit}, steps: [{{ log: x }}] }} }}\n"))
    };
    assert_eq!(of("10/x"), [Code::BadLimit]);
    assert_eq!(of("{ per: [user] }"), [Code::BadLimit]);
    assert_eq!(of("{ rate: 1/s, per: [] }"), [Code::BadLimit]);
    assert_eq!(of("{ rate: 1/s, onExceed: ignore }"), [Code::BadLimit]);
    assert_eq!(of("{ rate: 1/s, algorithm: leaky }"), [Code::BadLimit]);
    assert_eq!(of("{ rate: 1/s, burst: 0 }"), [Code::BadLimit]);
    assert_eq!(of("{ rate: 1/s, par: [user] }"), [Code::UnknownKey]);
    assert_eq!(of("{ rate: 1/s, per: [usr] }"), [Code::UnknownName]);
    assert_eq!(of("{ rate: 1/s, per: [ip, user.claims.tenant], algorithm: gcra }"), []);
}
