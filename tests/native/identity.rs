//! In-band auth: connections that say by a message whose they are.

use serde_json::{Value, json};
use shardwire::config::Code;
use shardwire::sim::backends::Scripted;

use super::cast::{ask_event, codes, event, refusal, say, world};
use super::simulator::world::World;

const YAML: &str = r#"
auth: { mode: message, event: auth, deadline: 10s }
roles: { mod: [ban] }
permissions: [ban]
state: { conn: { name: string = "nobody" } }
backends: { api: { url: 'http://127.0.0.1:9' } }
rooms: { "c:{x}": { membership: connection } }
lifecycle:
  connect: [{ join: "c:all" }]
  disconnect:
    - send: { to: all, event: gone, payload: { id: "${user.id}", reason: "${reason}" } }
events:
  auth:
    payload: { token: secret string }
    steps:
      - call:
          backend: api
          post: /validate
          body: { token: "${payload.token}" }
          returns: { id: int, name: string, role: optional string }
        into: me
        onError:
          - reply:
              event: error
              payload: { message: "Authentication failed: ${error.body.message ?? error.message}" }
      - identify: { user: "${string(me.id)}", claims: { role: "${me.role ?? 'none'}" } }
      - set: { conn.name: "${me.name}" }
      - reply:
          event: auth_success
          payload: { user_id: "${user.id}", role: "${user.claims.role}", name: "${conn.name}" }
  ping: { steps: [{ reply: { event: pong } }] }
  who: { steps: [{ reply: { event: me, payload: { id: "${user.id}", n: "${conn.name}" } } }] }
  ban: { require: user.can.ban, steps: [{ reply: { event: banned } }] }
  enter:
    payload: { room: string }
    steps: [{ join: "${payload.room}" }, { reply: { event: in } }]
  tell:
    payload: { room: string }
    steps: [{ send: { to: { room: "${payload.room}" }, event: told } }]
  write:
    payload: { user: string }
    steps: [{ send: { to: { user: "${payload.user}" }, event: mail } }]
"#;

fn open_world(head: &str, shards: u16) -> World {
    let mut world = world(&format!("{head}{YAML}"), shards);
    world.backends.script(|call| {
        let body: Value = serde_json::from_slice(call.body.as_deref()?).ok()?;
        let token = body["token"].as_str()?;
        Some(match token.split_once(':') {
            Some((id, role)) => Scripted::status(
                200,
                &format!("{{\"id\":{id},\"name\":\"N{id}\",\"role\":\"{role}\"}}"),
            ),
            None => Scripted::status(401, "{\"message\":\"Invalid token\"}"),
        })
    });
    world
}

fn auth(world: &mut World, client: usize, token: &str) -> Vec<Value> {
    ask_event(world, client, "auth", json!({ "token": token }))
}

fn welcome(id: &str, role: &str) -> [Value; 1] {
    let name = format!("N{id}");
    [event("auth_success", json!({ "user_id": id, "role": role, "name": name }))]
}

#[test]
fn only_the_auth_event_and_ping_are_for_those_who_have_not_said_who_they_are() {
    for shards in [1, 3] {
        let mut world = open_world("", shards);
        let ada = world.open(0, "ada");
        // That comes before anything that may be wrong with a payload.
        for (name, payload) in [("who", json!({})), ("enter", json!({})), ("enter", json!("x"))] {
            assert_eq!(refusal(&ask_event(&mut world, ada, name, payload)), "unidentified");
        }
        let pong = ask_event(&mut world, ada, "ping", json!({}));
        assert_eq!(pong[0]["event"], "pong");
        let error = json!({ "message": "Authentication failed: Invalid token" });
        assert_eq!(auth(&mut world, ada, "bad"), [event("error", error)]);
        assert_eq!(refusal(&ask_event(&mut world, ada, "who", json!({}))), "unidentified");
        assert_eq!(auth(&mut world, ada, "7:x"), welcome("7", "x"));
        let me = event("me", json!({ "id": "7", "n": "N7" }));
        assert_eq!(ask_event(&mut world, ada, "who", json!({})), [me]);
        world.advance_ms(20_000);
        assert!(!world.clients[ada].gone && world.messages(ada).is_empty());
    }
}

#[test]
fn whoever_does_not_say_it_in_time_is_closed() {
    let mut world = open_world("", 2);
    let (ada, bob) = (world.open(0, "ada"), world.open(1, "bob"));
    auth(&mut world, bob, "1:x");
    world.advance_ms(9_900);
    assert!(world.frames(ada).is_empty());
    world.advance_ms(300);
    let frames = world.frames(ada);
    let close = frames.iter().find(|frame| frame.opcode == 8).expect("a close frame");
    assert_eq!(close.payload[..2], 4504u16.to_be_bytes());
    assert_eq!(&close.payload[2..], b"unidentified");
    let gone = world.messages(bob);
    assert_eq!(gone[0]["payload"]["reason"], "unidentified");
    assert_eq!(gone[0]["payload"]["id"].as_str().map(str::len), Some(20));
}

#[test]
fn the_connection_is_the_users_in_every_way() {
    for shards in [1, 4] {
        let mut world = open_world("", shards);
        let one = |world: &mut World, at: usize| world.open(at % usize::from(shards), "x");
        let first = one(&mut world, 0);
        auth(&mut world, first, "7:mod");
        ask_event(&mut world, first, "enter", json!({ "room": "r" }));
        // Another device of the same user is in its rooms at once, and has its role.
        let second = one(&mut world, 1);
        assert_eq!(auth(&mut world, second, "7:mod"), welcome("7", "mod"));
        let banned = ask_event(&mut world, second, "ban", json!({}));
        assert_eq!(banned[0]["event"], "banned");
        let other = one(&mut world, 2);
        auth(&mut world, other, "8:none");
        assert_eq!(refusal(&ask_event(&mut world, other, "ban", json!({}))), "denied");
        for (name, payload) in [("tell", json!({ "room": "r" })), ("write", json!({ "user": "7" }))]
        {
            ask_event(&mut world, other, name, payload);
            for client in [first, second] {
                assert_eq!(world.messages(client).len(), 1, "{name}");
            }
        }
        // What the connection itself had joined before is still its.
        ask_event(&mut world, other, "tell", json!({ "room": "c:all" }));
        assert_eq!(world.messages(first).len(), 1);
        world.hang_up(second);
        world.settle();
        assert_eq!(world.messages(first)[0]["payload"]["id"], "7");
        [first, other].iter().for_each(|client| world.hang_up(*client));
        world.settle();
        for live in world.live() {
            assert_eq!((live.conns, live.users, live.rooms, live.holds), (0, 0, 0, 0));
            assert_eq!((live.home_rooms, live.home_users), (0, 0));
        }
    }
}

#[test]
fn a_second_auth_event_refreshes_and_never_makes_another_user_of_it() {
    let mut world = open_world("", 2);
    let ada = world.open(0, "ada");
    assert_eq!(auth(&mut world, ada, "7:x"), welcome("7", "x"));
    assert_eq!(auth(&mut world, ada, "7:y"), welcome("7", "y"));
    assert_eq!(refusal(&auth(&mut world, ada, "8:x")), "other_user");
    let me = event("me", json!({ "id": "7", "n": "N7" }));
    assert_eq!(ask_event(&mut world, ada, "who", json!({})), [me]);
}

#[test]
fn the_limit_of_connections_counts_those_who_say_it_later() {
    for (mode, closed) in [("reject", 1), ("cycle", 0)] {
        let head = format!("server: {{ connectionLimit: {{ maxPerUser: 1, mode: {mode} }} }}\n");
        let mut world = open_world(&head, 2);
        let clients = [world.open(0, "a"), world.open(1, "b")];
        assert_eq!(auth(&mut world, clients[0], "7:x"), welcome("7", "x"));
        world.say(clients[1], &say("auth", json!({ "token": "7:x" })).to_string());
        world.advance_ms(10);
        let code = if mode == "reject" { 4505u16 } else { 4500 };
        let frames = world.frames(clients[closed]);
        let close = frames.iter().find(|frame| frame.opcode == 8).expect("a close frame");
        assert_eq!(close.payload[..2], code.to_be_bytes(), "{mode}");
        let other = clients[1 - closed];
        let me = ask_event(&mut world, other, "who", json!({}));
        assert_eq!(me.last().expect("an answer")["payload"]["id"], "7", "{mode}");
    }
}

#[test]
fn whatever_the_timing_each_becomes_the_user_it_names() {
    for seed in 0..20 {
        let mut world = World::new(YAML, 3, seed);
        world.backends.script(move |call| {
            let body: Value = serde_json::from_slice(call.body.as_deref()?).ok()?;
            let id = body["token"].as_str()?;
            let answer = format!("{{\"id\":{id},\"name\":\"N\"}}");
            Some(Scripted::status(200, &answer).after_ns(seed % 7 * 1_000_000))
        });
        let clients: Vec<usize> = (0..8).map(|n| world.connect(n % 3, "x")).collect();
        world.settle();
        for client in &clients {
            world.take_upgrade(*client);
            let token = (client % 3).to_string();
            world.say(*client, &say("auth", json!({ "token": token })).to_string());
            world.say(*client, "{\"event\":\"who\"}");
            if (*client as u64 + seed).is_multiple_of(5) {
                world.hang_up(*client);
            }
        }
        (0..10).for_each(|_| world.advance_ms(5));
        for client in &clients {
            let got = world.messages(*client);
            let me = got.iter().find(|one| one["event"] == "me");
            let left = (*client as u64 + seed).is_multiple_of(5);
            let wanted = (!left).then(|| json!((client % 3).to_string()));
            assert_eq!(me.map(|one| one["payload"]["id"].clone()), wanted, "seed {seed}: {got:?}");
            world.hang_up(*client);
        }
        world.advance_ms(10);
        for live in world.live() {
            let left = (live.conns, live.users, live.holds, live.home_users, live.rooms);
            assert_eq!(left, (0, 0, 0, 0, 0), "seed {seed}");
        }
    }
}

#[test]
fn identify_has_its_mode_and_the_mode_its_event() {
    let none = [Code::NoInBandAuth];
    assert_eq!(codes("events: { auth: { steps: [{ identify: { user: a } }] } }\n"), none);
    assert_eq!(codes("auth: { mode: message }\nevents: { a: { steps: [{ log: a }] } }\n"), none);
    let auth = |step: &str| {
        codes(&format!("auth: {{ mode: message }}\nevents: {{ auth: {{ steps: [{step}] }} }}\n"))
    };
    assert_eq!(auth("{ identify: { user: a } }"), []);
    assert_eq!(auth("{ identify: { claims: { a: 1 } } }"), [Code::MissingPart]);
    assert_eq!(auth("{ identify: { user: a, claims: x } }"), [Code::WrongShape]);
    let hook = "auth: { mode: message }\nlifecycle: { leave: [{ identify: { user: a } }] }\n\
                events: { auth: { steps: [{ log: a }] } }\n";
    assert_eq!(codes(hook), [Code::WaitsHere]);
}

/// What was read before is what it was: the name that the connection had then.
#[test]
fn a_name_that_was_read_stays_when_the_connection_gets_another() {
    const KEEPS: &str = r#"
version: 1
auth: { mode: message, event: auth }
pipelines:
  same: { input: { id: string }, output: input.id }
events:
  auth:
    payload: { token: string }
    steps:
      - use: same
        with: { id: "${user.id}" }
        into: before
      - identify: { user: "${payload.token}" }
      - reply: { event: known, payload: { before: "${before}", now: "${user.id}" } }
"#;
    for shards in [1, 3] {
        let mut world = world(KEEPS, shards);
        let ada = world.open(0, "guest");
        let told = auth(&mut world, ada, "somebody-with-a-longer-name");
        assert_eq!(told[0]["payload"]["now"], "somebody-with-a-longer-name");
        let before = told[0]["payload"]["before"].as_str().unwrap();
        assert!(before.len() == 20 && before.bytes().all(|b| b.is_ascii_hexdigit()), "{before}");
    }
}
