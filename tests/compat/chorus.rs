//! What the tests of this program say and expect.

use serde_json::{Value, json};
use shardwire::config::{self, Code, Environment, Options, Source};
use shardwire::reject::Reject;

use super::simulator::wire;
use super::simulator::world::{SECRET, World};

/// A configuration with these events; transport timeouts out of the way.
pub fn events(yaml: &str) -> String {
    format!("transport: {{ readTimeout: 24h, pingInterval: 0s }}\nevents:\n{yaml}")
}

/// The error event for a refused event; null where the message had no usable name.
pub fn refused(reject: Reject, event: impl Into<Value>) -> Value {
    let event: Value = event.into();
    json!({
        "event": "error",
        "payload": { "code": reject.code(), "message": reject.message(), "event": event },
    })
}

/// The same from a limit, which says when to try again.
pub fn limited(event: &str, retry_ms: u64) -> Value {
    let mut message = refused(Reject::RateLimited, event);
    message["payload"]["retryAfterMs"] = retry_ms.into();
    message
}

/// Whether a limit with such a window refused the event.
pub fn is_limited(message: &Value, event: &str, window_ms: u64) -> bool {
    let retry_ms = message["payload"]["retryAfterMs"].as_u64().unwrap_or_default();
    (1..=window_ms).contains(&retry_ms) && *message == limited(event, retry_ms)
}

/// A message of the server.
pub fn event(name: &str, payload: Value) -> Value {
    json!({ "event": name, "payload": payload })
}

/// How often a reject was counted, over all shards.
pub fn count(world: &World, reject: Reject) -> u64 {
    world.total(|counters| counters.rejects[reject as usize].get())
}

/// Says something, lets everything come to rest, and gives what the speaker got.
pub fn ask(world: &mut World, client: usize, message: &Value) -> Vec<Value> {
    world.say(client, &message.to_string());
    world.settle();
    world.messages(client)
}

/// Compiles with the tests' secret.
pub fn outcome(yaml: &str) -> config::Outcome {
    let options = Options { secret: config::SecretPolicy::Given(SECRET.into()) };
    config::compile(&Source::new("test.yaml", yaml), &Environment::default(), &options)
}

/// The codes of all findings.
pub fn codes(outcome: &config::Outcome) -> Vec<Code> {
    let findings = match outcome {
        Ok(compiled) => &compiled.findings,
        Err(findings) => findings,
    };
    findings.iter().map(|finding| finding.code).collect()
}

/// Asks for the upgrade with these header lines; gives the client.
pub fn request(world: &mut World, path: &str, lines: &str) -> usize {
    let client = world.dial(0, "");
    world.send(client, &wire::upgrade_with(path, lines));
    world.settle();
    client
}

/// The status a client was answered with.
pub fn status(world: &World, client: usize) -> u16 {
    let received = String::from_utf8_lossy(&world.clients[client].received);
    received.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status")
}
