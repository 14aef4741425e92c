//! What the tests of this program say and expect.

use jsonwebtoken::{EncodingKey, Header};
use serde_json::{Value, json};
use shardwire::config::{self, Code, Environment, Options, Source};

use super::simulator::wire;
use super::simulator::world::{SECRET, World};

/// A calm world of so many shards, timeouts out of the way.
pub fn world(yaml: &str, shards: u16) -> World {
    World::calm(&format!("transport: {{ readTimeout: 24h, pingInterval: 0s }}\n{yaml}"), shards)
}

/// A world where everybody may connect.
pub fn open_world(yaml: &str, shards: u16) -> World {
    world(&format!("auth: {{ mode: none }}\n{yaml}"), shards)
}

/// A message of the server.
pub fn event(name: &str, payload: Value) -> Value {
    json!({ "event": name, "payload": payload })
}

/// A message of a client.
pub fn say(name: &str, payload: Value) -> Value {
    json!({ "event": name, "payload": payload })
}

/// Says something, lets everything come to rest, and gives what the speaker got.
pub fn ask(world: &mut World, client: usize, message: &Value) -> Vec<Value> {
    world.say(client, &message.to_string());
    world.settle();
    world.messages(client)
}

/// The same of an event with a payload.
pub fn ask_event(world: &mut World, client: usize, name: &str, payload: Value) -> Vec<Value> {
    ask(world, client, &say(name, payload))
}

/// The code of the one refusal that came.
pub fn refusal(got: &[Value]) -> &str {
    match got {
        [one] => one["payload"]["code"].as_str().unwrap_or("no code"),
        _ => panic!("{got:?}"),
    }
}

/// Opens a connection whose token has these claims.
pub fn open_with(world: &mut World, shard: usize, mut claims: Value) -> usize {
    claims["exp"] = json!(1_900_000_000u64);
    let key = EncodingKey::from_secret(SECRET.as_bytes());
    let token = jsonwebtoken::encode(&Header::default(), &claims, &key).expect("a token");
    let client = world.dial(shard, claims["sub"].as_str().unwrap_or_default());
    world.send(client, &wire::upgrade("/ws", &token));
    world.settle();
    assert!(world.take_upgrade(client), "{claims}");
    client
}

/// Compiles with the tests' secret.
pub fn outcome(yaml: &str) -> config::Outcome {
    let options = Options { secret: config::SecretPolicy::Given(SECRET.into()) };
    config::compile(&Source::new("test.yaml", yaml), &Environment::default(), &options)
}

/// The codes of the errors.
pub fn codes(yaml: &str) -> Vec<Code> {
    match outcome(yaml) {
        Ok(_) => Vec::new(),
        Err(findings) => findings.iter().filter(|one| one.is_error()).map(|one| one.code).collect(),
    }
}
