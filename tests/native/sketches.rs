//! The chat server of the language's contract, as it is written there.

use serde_json::{Value, json};

use super::cast::{ask, outcome};
use super::simulator::wire;
use super::simulator::world::World;

const CHAT: &str = r#"
protocol: { in: { event: type, payload: . }, out: { event: type, payload: . } }
auth: { mode: none }
state: { conn: { username: string = "", joined: bool = false } }
lifecycle:
  connect:
    - send: { to: origin, event: connect, payload: { id: "${conn.id}" } }
  disconnect:
    - if: conn.joined
      send: { to: all, event: user-left, payload: { username: "${conn.username}" } }
events:
  join:
    payload: { username: string(..64) = "" }
    steps:
      - set: { conn.username: "${payload.username}", conn.joined: true }
      - send: { to: all, except: origin, event: user-joined, payload: { username: "${conn.username}", id: "${conn.id}" } }
"#;

#[test]
fn the_chat_server_runs() {
    for shards in [1, 2] {
        let mut world = World::calm(CHAT, shards);
        let ada = world.open(0, "");
        let bob = world.open(usize::from(shards) - 1, "");
        let hello = world.messages(ada);
        assert_eq!(hello[0]["type"], "connect");
        let id: Value = hello[0]["id"].clone();
        assert!(id.as_str().is_some_and(|id| id.len() == 20));
        world.messages(bob);
        let join = json!({ "type": "join", "username": "Ada" });
        assert_eq!(ask(&mut world, ada, &join), Vec::<Value>::new());
        let joined = json!({ "type": "user-joined", "username": "Ada", "id": id });
        assert_eq!(world.messages(bob), [joined]);
        world.send(ada, &wire::close(1000));
        world.settle();
        assert_eq!(world.messages(bob), [json!({ "type": "user-left", "username": "Ada" })]);
        // Who never joined leaves without a word.
        let cyd = world.open(0, "");
        world.hang_up(bob);
        world.settle();
        assert_eq!(world.messages(cyd).len(), 1);
    }
}

/// The sketch of rooms without what other parts of the server bring (presence, history).
#[test]
fn the_rules_of_rooms_compile() {
    let rooms = r#"
version: 1
rooms:
  "chat:{tenant}:{id:int}":
    membership: user                       # or: connection
    join:
      require:
        - { name: same-tenant, when: user.claims.tenant == room.tenant }
        - { name: not-banned, when: "!user.banned", mode: shadow }
state: { user: { banned: bool = false } }
events:
  join: { payload: { room: string }, steps: [{ join: "${payload.room}" }] }
"#;
    assert!(outcome(rooms).is_ok());
}
