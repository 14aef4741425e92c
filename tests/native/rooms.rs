//! Classes of rooms: who may join, and who is a member.

use serde_json::json;
use shardwire::config::Code;

use super::cast::{ask_event, codes, event, open_with, refusal, world};

const ROOMS: &str = r#"
rooms:
  "chat:{tenant}:{id:int}":
    join:
      require:
        - { name: same-tenant, when: user.claims.tenant == room.tenant }
        - { name: low, when: room.id < 100 }
        - { name: not-banned, when: "!(user.claims.banned ?? false)", mode: shadow }
  "tab:{name}": { membership: connection }
events:
  join: { payload: { room: string }, steps: [{ join: "${payload.room}" }, { reply: { event: in } }] }
  leave: { payload: { room: string }, steps: [{ leave: "${payload.room}" }, { reply: { event: out } }] }
  say: { payload: { room: string }, steps: [{ send: { to: { room: "${payload.room}" }, event: said } }] }
"#;

#[test]
fn rules_decide_who_joins_and_a_shadow_only_counts() {
    for shards in [1, 2] {
        let mut world = world(ROOMS, shards);
        let ada = open_with(&mut world, 0, json!({ "sub": "ada", "tenant": "acme" }));
        let eve = open_with(
            &mut world,
            usize::from(shards) - 1,
            json!({ "sub": "eve", "tenant": "evil", "banned": true }),
        );
        let room = |name: &str| json!({ "room": name });
        let joined = [event("in", json!({}))];
        assert_eq!(ask_event(&mut world, ada, "join", room("chat:acme:1")), joined);
        let got = ask_event(&mut world, eve, "join", room("chat:acme:1"));
        assert_eq!((refusal(&got), &got[0]["payload"]["rule"]), ("denied", &json!("same-tenant")));
        let got = ask_event(&mut world, ada, "join", room("chat:acme:100"));
        assert_eq!(got[0]["payload"]["rule"], "low");
        assert_eq!(ask_event(&mut world, eve, "join", room("chat:evil:7")), joined);
        assert_eq!(ask_event(&mut world, eve, "join", room("free")), joined);
        ask_event(&mut world, ada, "say", room("chat:acme:1"));
        assert!(world.messages(eve).is_empty());
        let shadowed: u64 = world.counters.iter().map(|one| one.named().rules[2].count.get()).sum();
        assert_eq!(shadowed, 1);
    }
}

#[test]
fn a_room_of_connections_has_only_those_that_joined() {
    for shards in [1, 2, 3] {
        let mut world = world(ROOMS, shards);
        let at = |n: usize| n % usize::from(shards);
        let all: Vec<usize> = (0..4).map(|n| world.open(at(n), "ada")).collect();
        let room = json!({ "room": "tab:x" });
        for one in [all[1], all[2]] {
            ask_event(&mut world, one, "join", room.clone());
        }
        let heard = |world: &mut super::simulator::world::World| -> Vec<usize> {
            ask_event(world, all[0], "say", json!({ "room": "tab:x" }));
            (0..4).filter(|n| *n != 0 && !world.messages(all[*n]).is_empty()).collect()
        };
        assert_eq!(heard(&mut world), [1, 2]);
        ask_event(&mut world, all[1], "leave", room.clone());
        assert_eq!(heard(&mut world), [2]);
        let later = world.open(at(1), "ada");
        ask_event(&mut world, all[0], "say", room);
        assert!(world.messages(later).is_empty());
        world.hang_up(all[2]);
        world.settle();
        assert_eq!(world.live().iter().map(|live| live.home_rooms).sum::<usize>(), 0);
    }
}

#[test]
fn rules_of_rooms_know_their_pattern() {
    let of = |when: &str| {
        let rules = format!("{{ join: {{ require: [\"{when}\"] }} }}");
        codes(&format!("rooms: {{ 'a:{{x}}:{{n:int}}': {rules} }}\n"))
    };
    assert_eq!(of("room.x == user.id && room.n > 0 && room.id != ''"), []);
    assert_eq!(of("room.y == 'a'").len(), 1);
    assert_eq!(of("room.x > 1"), [Code::TypeMismatch]);
    assert_eq!(of("payload.x == 1"), [Code::NotInScope]);
}
