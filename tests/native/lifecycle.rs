//! Hooks: connect before the first message, disconnect with the state still there, join and leave.

use serde_json::{Value, json};
use shardwire::config::Code;

use super::cast::{ask_event, codes, event, open_world};
use super::simulator::wire;
use super::simulator::world::World;

const HOOKS: &str = r#"
state: { conn: { name: "string = '?'" } }
lifecycle:
  connect:
    - join: lobby
    - send: { to: origin, event: welcome, payload: { id: "${conn.id}" } }
  disconnect:
    - send: { to: all, event: gone, payload: { name: "${conn.name}", reason: "${reason}" } }
  join:
    - send: { to: room, except: user, event: joined, payload: { room: "${room.id}" } }
  leave:
    - send: { to: room, event: left, payload: { room: "${room.id}", reason: "${reason}" } }
events:
  name: { payload: { name: string }, steps: [{ set: { conn.name: "${payload.name}" } }] }
  enter:
    payload: { room: string }
    steps: [{ join: "${payload.room}" }, { reply: { event: in } }]
  exit: { payload: { room: string }, steps: [{ leave: "${payload.room}" }] }
  ping: { steps: [{ reply: { event: pong } }] }
"#;

fn names(got: &[Value]) -> Vec<&str> {
    got.iter().map(|one| one["event"].as_str().unwrap_or_default()).collect()
}

#[test]
fn connect_comes_before_the_first_message() {
    for shards in [1, 3] {
        let mut world = open_world(HOOKS, shards);
        let client = world.dial(usize::from(shards) - 1, "ada");
        let mut bytes = wire::upgrade("/ws", "");
        bytes.extend(wire::text(r#"{"event":"ping"}"#));
        world.send(client, &bytes);
        world.settle();
        assert!(world.take_upgrade(client));
        assert_eq!(names(&world.messages(client)), ["welcome", "pong"]);
    }
}

fn two(shards: u16) -> (World, usize, usize) {
    let mut world = open_world(HOOKS, shards);
    let (ada, bob) = (world.open(0, "ada"), world.open(usize::from(shards) - 1, "bob"));
    ask_event(&mut world, ada, "name", json!({ "name": "Ada" }));
    world.messages(ada);
    world.messages(bob);
    (world, ada, bob)
}

#[test]
fn disconnect_knows_the_state_and_the_reason_and_comes_once() {
    for shards in [1, 2] {
        for (end, reason) in [(0, "lost"), (1, "closed")] {
            let (mut world, ada, bob) = two(shards);
            match end {
                0 => world.hang_up(ada),
                _ => world.send(ada, &wire::close(1000)),
            }
            world.settle();
            let got = world.messages(bob);
            let gone = event("gone", json!({ "name": "Ada", "reason": reason }));
            assert_eq!(got.iter().filter(|one| **one == gone).count(), 1, "{got:?}");
            assert_eq!(names(&got).iter().filter(|name| **name == "gone").count(), 1);
            let left = event("left", json!({ "room": "lobby", "reason": "gone" }));
            assert!(got.contains(&left), "{got:?}");
            world.advance_ms(3_000);
            assert!(world.messages(bob).is_empty());
        }
    }
}

#[test]
fn join_and_leave_speak_of_their_room_once_each() {
    for shards in [1, 3] {
        let (mut world, ada, bob) = two(shards);
        let room = json!({ "room": "r" });
        for one in [ada, bob] {
            assert_eq!(names(&ask_event(&mut world, one, "enter", room.clone())), ["in"]);
        }
        assert_eq!(world.messages(ada), [event("joined", room.clone())]);
        // Joining again is no join.
        ask_event(&mut world, bob, "enter", room.clone());
        assert!(world.messages(ada).is_empty());
        ask_event(&mut world, bob, "exit", room.clone());
        let left = event("left", json!({ "room": "r", "reason": "left" }));
        assert_eq!(world.messages(ada), [left]);
        ask_event(&mut world, bob, "exit", room);
        assert!(world.messages(ada).is_empty());
    }
}

#[test]
fn a_user_leaves_its_rooms_with_its_last_connection_only() {
    let yaml = r#"
lifecycle:
  leave:
    - send: { to: room, event: left, payload: { by: "${user.id}", why: "${reason}" } }
events:
  enter: { steps: [{ join: r }] }
"#;
    for shards in [1, 3] {
        let mut world = super::cast::world(yaml, shards);
        let at = |n: usize| n % usize::from(shards);
        let bob = world.open(0, "bob");
        let ada = [world.open(at(1), "ada"), world.open(at(2), "ada")];
        ask_event(&mut world, bob, "enter", json!({}));
        ask_event(&mut world, ada[0], "enter", json!({}));
        world.hang_up(ada[0]);
        world.settle();
        assert!(world.messages(bob).is_empty());
        world.hang_up(ada[1]);
        world.settle();
        assert_eq!(world.messages(bob), [event("left", json!({ "by": "ada", "why": "gone" }))]);
    }
}

/// Many slow readers end at once: their hooks send to each other and nothing nests. In the end
/// what all of them say is too much for the speaker as well.
#[test]
fn many_ends_at_once_run_their_hooks_one_after_the_other() {
    let yaml = "transport: { outbox: { frames: 8 } }\nlifecycle:\n  disconnect:\n    \
                - send: { to: all, event: gone }\nevents:\n  e: { steps: [{ send: { to: all, \
                event: m } }] }\n";
    let mut world = World::calm(&format!("auth: {{ mode: none }}\n{yaml}"), 1);
    let speaker = world.open(0, "speaker");
    let all: Vec<usize> = (0..300).map(|n| world.open(0, &format!("u{n}"))).collect();
    all.iter().for_each(|one| world.clients[*one].stuck = true);
    for _ in 0..12 {
        world.say(speaker, r#"{"event":"e"}"#);
        world.settle();
        world.messages(speaker);
    }
    let slow = shardwire::disconnect::Disconnect::SlowReader as usize;
    assert_eq!(world.total(|counters| counters.disconnects[slow].get()), 301);
}

#[test]
fn what_cannot_stand_in_a_hook_is_a_finding() {
    let of = |hook: &str, step: &str| codes(&format!("lifecycle: {{ {hook}: [{step}] }}\n"));
    assert_eq!(of("disconnect", "{ join: x }"), [Code::WaitsHere]);
    assert_eq!(of("disconnect", "{ send: { to: origin, event: x } }"), [Code::NoOrigin]);
    assert_eq!(of("connect", "{ reply: { event: x } }"), [Code::NoOrigin]);
    assert_eq!(of("connect", "{ log: '${payload.x}' }"), [Code::NotInScope]);
    assert_eq!(of("connect", "{ log: '${room.id}' }"), [Code::NotInScope]);
    assert_eq!(of("join", "{ log: '${room.id} ${reason}' }"), []);
    assert_eq!(of("connect", "{ send: { to: room, event: x } }"), [Code::BadRecipient]);
}
