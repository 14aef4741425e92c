//! The chat server and the gateway of the language's contract, as they are written there. Its rooms
//! are tests/script/sketch.yaml.

use serde_json::{Value, json};

use super::cast::ask;
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
      - send:
          to: all
          except: origin
          event: user-joined
          payload: { username: "${conn.username}", id: "${conn.id}" }
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

/// The sketch of a gateway; what a backend would say is written down in its place.
#[test]
fn typing_reaches_the_members_of_a_chat_but_not_the_typist() {
    let yaml = r#"
state: { conn: { jwt: secret optional string, name: optional string } }
errors: { reply: { event: error, payload: { message: "${error.message}", code: "${error.code}" } } }
pipelines:
  membersOf:
    input: { chat_id: int }
    steps: []
    output: "['ada', 'bob', 'user' + string(input.chat_id)].map(m, m.lower())"
events:
  auth:
    payload: { token: string(1..8192) }
    limit: { per: [conn], rate: 5/m }
    steps:
      - set: { conn.jwt: "${payload.token}", conn.name: "${user.id}" }
      - reply: { event: auth_success, payload: { user_id: "${user.id}", name: "${conn.name}" } }
  typing:
    payload: { chat_id: int, is_typing: bool }
    limit: { per: [user, payload.chat_id], rate: 1/s, onExceed: drop }
    steps:
      - use: membersOf
        with: { chat_id: "${payload.chat_id}" }
        into: members
      - send:
          to: { users: "${members}" }
          except: user
          volatile: true
          event: user_typing
          payload: { chat_id: "${payload.chat_id}", is_typing: "${payload.is_typing}" }
"#;
    for shards in [1, 3] {
        let mut world = super::cast::world(yaml, shards);
        let at = |n: usize| n % usize::from(shards);
        let names = ["ada", "bob", "user7", "cyd", "ada"];
        let all: Vec<usize> = (0..5).map(|n| world.open(at(n), names[n])).collect();
        let auth = json!({ "event": "auth", "payload": { "token": "x" }, "id": 1 });
        let success = json!({ "user_id": "ada", "name": "ada" });
        let wanted = json!({ "event": "auth_success", "id": 1, "payload": success });
        assert_eq!(ask(&mut world, all[0], &auth), [wanted]);
        let typing = json!({ "chat_id": 7, "is_typing": true });
        let message = json!({ "event": "typing", "payload": typing });
        for _ in 0..3 {
            assert_eq!(ask(&mut world, all[0], &message), Vec::<Value>::new());
        }
        let heard = json!({ "event": "user_typing", "payload": typing });
        let got: Vec<Vec<Value>> = all.iter().map(|one| world.messages(*one)).collect();
        let once = vec![heard];
        assert_eq!(got, [vec![], once.clone(), once, vec![], vec![]]);
        let wrong = json!({ "event": "typing", "payload": {} });
        let got = ask(&mut world, all[0], &wrong);
        let told = json!({ "message": "the payload does not fit this event",
                           "code": "invalid_payload" });
        assert_eq!(got, [json!({ "event": "error", "payload": told })]);
    }
}
