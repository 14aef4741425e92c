//! Every reject: what produces it, that it is counted, and what the sender gets.

use serde_json::{Value, json};
use shardwire::limits::ROOMS_PER_USER_MAX;
use shardwire::reject::Reject;

use super::chorus::{ask, count, limited, refused};
use super::simulator::world::World;

const CONFIG: &str = r#"
transport: { readTimeout: 24h, pingInterval: 0s, maxMessageSize: 200B }
permissions: [admin]
events:
  join: { actions: [{ name: _join, params: ["{$user.id}", "{$target.id}"] }] }
  say: { actions: [{ name: _notify_room, params: [said, '"{.payload.text}"'] }] }
  twice: { actions: [{ name: _notify_origin, params: [t, '["{.payload.t}","{.payload.t}"]'] }] }
  once:
    modifiers: [{ name: rate_limit, params: ["1/h"] }]
    actions: [{ name: _log, params: [once] }]
  sealed:
    modifiers: [{ name: secure }]
    actions: [{ name: _log, params: [sealed] }]
  rule:
    modifiers: [{ name: permission, params: [admin] }]
    actions: [{ name: _log, params: [rule] }]
"#;

/// What only schemas, rooms, expressions, calls and in-band authentication produce, which this
/// spelling has none of: tests/native.
const NATIVE: [Reject; 13] = [
    Reject::RoomFull,
    Reject::InvalidPayload,
    Reject::Denied,
    Reject::BadType,
    Reject::BadValue,
    Reject::NoElement,
    Reject::BackendUnavailable,
    Reject::BackendTimeout,
    Reject::BackendRefused,
    Reject::BackendFailed,
    Reject::BackendAnswer,
    Reject::Unidentified,
    Reject::OtherUser,
];

/// The rejects of this spelling.
fn rejects() -> impl Iterator<Item = Reject> {
    Reject::ALL.iter().copied().filter(|reject| !NATIVE.contains(reject))
}

/// What produces each reject, and the event that its error names.
fn provocation(reject: Reject) -> (Value, Value) {
    let said = |name: &str, target: &str, payload: Value| {
        (json!({ "event": name, "target": target, "payload": payload }), json!(name))
    };
    match reject {
        Reject::BadJson => (json!([1, 2]), Value::Null),
        Reject::BadMessage => (json!({ "event": 1 }), Value::Null),
        Reject::UnknownEvent => said("nothing", "room:x", json!({})),
        Reject::MissingTarget => said("say", "", json!({ "text": "" })),
        Reject::BadName => said("join", "a\u{7}b", json!({})),
        Reject::MissingField => said("say", "room:x", json!({})),
        Reject::RateLimited => said("once", "", json!({})),
        Reject::Unauthorized => said("sealed", "", json!({})),
        Reject::Forbidden => said("rule", "", json!({})),
        Reject::TooLarge => said("twice", "", json!({ "t": "x".repeat(100) })),
        Reject::Overloaded => said("join", "room:one too many", json!({})),
        other => unreachable!("{other:?} is not of this spelling"),
    }
}

/// A client for whom the provocation is one.
fn provoked(world: &mut World, reject: Reject, shard: usize) -> usize {
    let client = world.open(shard, &format!("{reject:?} {shard}"));
    let preparation: Vec<Value> = match reject {
        Reject::RateLimited => vec![json!({ "event": "once" })],
        Reject::Overloaded => (0..ROOMS_PER_USER_MAX)
            .map(|room| json!({ "event": "join", "target": format!("room:{room}") }))
            .collect(),
        _ => Vec::new(),
    };
    for message in preparation {
        assert_eq!(ask(world, client, &message), Vec::<Value>::new());
    }
    client
}

#[test]
fn every_reject_is_counted_and_told_in_one_shape() {
    for shards in [1, 2] {
        let mut world = World::calm(CONFIG, shards);
        for reject in rejects() {
            let (message, event) = provocation(reject);
            let mut before = count(&world, reject);
            for shard in 0..usize::from(shards) {
                let client = provoked(&mut world, reject, shard);
                let got = ask(&mut world, client, &message);
                let told = match reject {
                    Reject::RateLimited => limited("once", 3_600_000),
                    _ => refused(reject, event.clone()),
                };
                assert_eq!(got, [told], "{reject:?}");
                before += 1;
                assert_eq!(count(&world, reject), before, "{reject:?}");
                world.hang_up(client);
                world.settle();
            }
        }
        let all = world.total(|c| c.rejects.iter().map(|one| one.get()).sum());
        assert_eq!(all, (rejects().count() * usize::from(shards)) as u64);
    }
}

#[test]
fn the_error_has_the_bytes_that_clients_match_on() {
    let mut world = World::calm(CONFIG, 1);
    let ada = world.open(0, "ada");
    world.say(ada, r#"{"event":"rule"}"#);
    world.settle();
    let bytes = world.frames(ada).remove(0).payload;
    let text = concat!(
        r#"{"event":"error","payload":{"code":"forbidden","#,
        r#""message":"you may not do this","event":"rule"}}"#
    );
    assert_eq!(String::from_utf8_lossy(&bytes), text);
}
