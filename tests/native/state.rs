//! Variables of connections and users, and permissions that are given and taken.

use serde_json::{Value, json};
use shardwire::config::Code;

use super::cast::{ask_event, codes, event, open_with, refusal, world};
use super::simulator::random::Random;
use super::simulator::world::World;

const STATE: &str = r#"
permissions: [speak, kick]
roles: { moderator: [kick], all: [kick, speak] }
state:
  conn:
    name: "string = 'nobody'"
    count: int = 0
    last: optional string
    tags: "list(string) = []"
  user: { mood: "string = 'calm'", visits: int = 0 }
pipelines:
  tell:
    steps:
      - reply:
          event: now
          payload: { name: "${conn.name}", count: "${conn.count}", last: "${conn.last}" }
events:
  set:
    payload: { name: string }
    steps:
      - set:
          conn.name: "${payload.name}"
          conn.count: "${conn.count + 1}"
          conn.last: "${conn.name}"
      - use: tell
  get:
    steps:
      - use: tell
  maybe:
    payload: { name: string }
    steps:
      - if: payload.name != ""
        set: { conn.name: "${payload.name}" }
      - reply: { event: is, payload: { name: "${conn.name}" } }
  feel:
    payload: { mood: string }
    steps:
      - set: { user.mood: "${payload.mood}", user.visits: "${user.visits + 1}" }
      - reply: { event: felt, payload: { mood: "${user.mood}", visits: "${user.visits}" } }
  mood:
    steps: [{ reply: { event: felt, payload: { mood: "${user.mood}", visits: "${user.visits}" } } }]
  grant:
    payload: { to: string }
    steps:
      - grant: { permission: speak, to: "${payload.to}" }
      - reply: { event: granted }
  revoke: { steps: [{ revoke: speak }, { reply: { event: revoked } }] }
  speak: { require: user.can.speak, steps: [{ reply: { event: spoke } }] }
  kick: { require: user.can.kick, steps: [{ reply: { event: kicked } }] }
"#;

fn now(name: &str, count: i64, last: Value) -> Value {
    event("now", json!({ "name": name, "count": count, "last": last }))
}

fn felt(mood: &str, visits: i64) -> Value {
    event("felt", json!({ "mood": mood, "visits": visits }))
}

#[test]
fn a_connections_variables_are_its_own_and_a_pipeline_reads_what_it_wrote() {
    for shards in [1, 2] {
        let mut world = world(STATE, shards);
        let one = world.open(0, "ada");
        let two = world.open(usize::from(shards) - 1, "ada");
        assert_eq!(ask_event(&mut world, one, "get", json!({})), [now("nobody", 0, Value::Null)]);
        let got = ask_event(&mut world, one, "set", json!({ "name": "x\"y" }));
        // In one `set` the values are taken one after the other.
        assert_eq!(got, [now("x\"y", 1, json!("x\"y"))]);
        assert_eq!(ask_event(&mut world, one, "get", json!({})), got);
        assert_eq!(ask_event(&mut world, two, "get", json!({})), [now("nobody", 0, Value::Null)]);
        let is = |name: &str| [event("is", json!({ "name": name }))];
        assert_eq!(ask_event(&mut world, one, "maybe", json!({ "name": "" })), is("x\"y"));
        assert_eq!(ask_event(&mut world, one, "maybe", json!({ "name": "z" })), is("z"));
        world.hang_up(one);
        world.settle();
        let again = world.open(0, "ada");
        assert_eq!(ask_event(&mut world, again, "get", json!({})), [now("nobody", 0, Value::Null)]);
    }
}

#[test]
fn a_users_variables_are_the_same_on_all_its_connections() {
    for shards in [1, 2, 4] {
        let mut world = world(STATE, shards);
        let at = |n: usize| n % usize::from(shards);
        let mut ada: Vec<usize> = (0..4).map(|n| world.open(at(n), "ada")).collect();
        let bob = world.open(0, "bob");
        for (n, &one) in ada.clone().iter().enumerate() {
            let mood = format!("mood {n}");
            let wanted = [felt(&mood, n as i64 + 1)];
            assert_eq!(ask_event(&mut world, one, "feel", json!({ "mood": mood })), wanted);
            for &other in &ada {
                assert_eq!(ask_event(&mut world, other, "mood", json!({})), wanted);
            }
        }
        ada.push(world.open(at(3), "ada"));
        assert_eq!(ask_event(&mut world, ada[4], "mood", json!({})), [felt("mood 3", 4)]);
        assert_eq!(ask_event(&mut world, bob, "mood", json!({})), [felt("calm", 0)]);
        for one in ada {
            world.hang_up(one);
        }
        world.settle();
        let ada = world.open(0, "ada");
        assert_eq!(ask_event(&mut world, ada, "mood", json!({})), [felt("calm", 0)]);
    }
}

#[test]
fn permissions_are_given_and_taken_at_once_on_every_shard() {
    for shards in [1, 3] {
        let mut world = world(STATE, shards);
        let at = |n: usize| n % usize::from(shards);
        let ada = world.open(0, "ada");
        let bob = [world.open(at(1), "bob"), world.open(at(2), "bob")];
        let may = |world: &mut _, one| ask_event(world, one, "speak", json!({}));
        assert_eq!(refusal(&may(&mut world, bob[0])), "denied");
        ask_event(&mut world, ada, "grant", json!({ "to": "bob" }));
        for one in bob {
            assert_eq!(may(&mut world, one), [event("spoke", json!({}))]);
        }
        let later = world.open(at(1), "bob");
        assert_eq!(may(&mut world, later), [event("spoke", json!({}))]);
        ask_event(&mut world, bob[1], "revoke", json!({}));
        for one in [bob[0], bob[1], later] {
            assert_eq!(refusal(&may(&mut world, one)), "denied");
        }
        assert_eq!(refusal(&may(&mut world, ada)), "denied");
    }
}

/// Connections that come and go while variables and permissions change: whoever asks is answered,
/// all connections of a user agree in the end, and nothing is kept of those that are gone.
#[test]
fn state_settles_whatever_the_interleaving() {
    for seed in 0..60 {
        let yaml = format!("transport: {{ readTimeout: 24h, pingInterval: 0s }}\n{STATE}");
        let mut world = World::new(&yaml, 3, seed);
        let mut random = Random::new(seed);
        let mut all: Vec<usize> =
            (0..6).map(|n| world.connect(n % 3, ["ada", "bob"][n % 2])).collect();
        world.settle();
        for n in 0..50 {
            let one = all[random.index(all.len())];
            let (name, payload) = match random.index(4) {
                0 => ("feel", json!({ "mood": format!("mood {n}") })),
                1 => ("grant", json!({ "to": (["ada", "bob"][random.index(2)]) })),
                2 => ("revoke", json!({})),
                _ => ("set", json!({ "name": format!("name {n}") })),
            };
            match random.one_in(10) {
                true => {
                    world.hang_up(one);
                    all.push(world.connect(random.index(3), ["ada", "bob"][random.index(2)]));
                }
                false => world.say(one, &super::cast::say(name, payload).to_string()),
            }
            (0..random.below(5)).for_each(|_| world.step());
        }
        world.settle();
        for user in ["ada", "bob"] {
            let mut seen: Vec<String> = Vec::new();
            for &one in &all {
                if world.clients[one].user == user && !world.clients[one].gone {
                    world.messages(one);
                    let mood = ask_event(&mut world, one, "mood", json!({}));
                    let speak = ask_event(&mut world, one, "speak", json!({}));
                    seen.push(format!("{mood:?} {}", speak[0]["event"]));
                }
            }
            seen.dedup();
            assert!(seen.len() <= 1, "seed {seed}: {seen:?}");
        }
        all.iter().for_each(|one| world.hang_up(*one));
        world.settle();
        let live = world.live();
        assert!(live.iter().all(|one| one.sessions == 0 && one.holds == 0), "{seed}: {live:?}");
    }
}

#[test]
fn roles_stand_for_permissions() {
    let mut world = world(STATE, 2);
    for (claims, may) in [
        (json!({ "sub": "a" }), false),
        (json!({ "sub": "b", "role": "moderator" }), true),
        (json!({ "sub": "c", "roles": ["other", "all"] }), true),
        (json!({ "sub": "d", "roles": ["other"] }), false),
        (json!({ "sub": "e", "perms": ["kick"] }), true),
    ] {
        let one = open_with(&mut world, 0, claims.clone());
        let got = ask_event(&mut world, one, "kick", json!({}));
        assert_eq!(got == [event("kicked", json!({}))], may, "{claims}");
    }
}

#[test]
fn what_is_wrong_with_state_is_a_finding() {
    let of = |state: &str, steps: &str| {
        codes(&format!("state: {state}\nevents: {{ e: {{ steps: {steps} }} }}\n"))
    };
    let ok = "[{ log: x }]";
    assert_eq!(of("{ conn: { a: string } }", ok), [Code::BadStateType]);
    assert_eq!(of("{ conn: { id: int = 1 } }", ok), [Code::BadName]);
    assert_eq!(of("{ conn: { a: int = 1 } }", "[{ set: { conn.a: x } }]"), [Code::WrongType]);
    let leak = "[{ reply: { event: x, payload: { t: '${conn.t}' } } }]";
    assert_eq!(of("{ conn: { t: secret optional string } }", leak), [Code::SecretLeak]);
}
