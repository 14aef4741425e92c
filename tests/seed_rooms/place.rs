//! A server of the example, and clients that speak as the plan's client does.

use serde_json::{Value, json};

use crate::support::client::Chatter;
use crate::support::{Server, fixture, shardwire};

pub const SECRET: &str = "5f3c0b7a9e1d4286a0c4e8f2b6d19375c1e9a7f3";

pub fn example() -> String {
    fixture("../examples/rooms.yaml").to_string_lossy().into_owned()
}

/// A server with the example's own settings, as changed by these variables.
pub fn server(cores: &str, environment: &[(&str, &str)]) -> Server {
    let own = [("SHARDWIRE_SERVER_CORES", cores), ("SHARDWIRE_AUTH_SECRET", SECRET)];
    let all: Vec<(&str, &str)> = own.iter().chain(environment).copied().collect();
    Server::start(&[&example()], &all)
}

/// What `shardwire token make` prints for this user.
pub fn token(sub: &str, more: &[&str]) -> String {
    let file = example();
    let arguments = ["token", "make", "--sub", sub, "--config", &file];
    let mut command = shardwire();
    let made = command.args(arguments).args(more).env("SHARDWIRE_AUTH_SECRET", SECRET).output();
    let made = made.expect("runs");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    String::from_utf8(made.stdout).expect("text").trim().to_owned()
}

/// Connects as the plan's client: `ws://localhost:8080/ws?token=jwt-token`.
pub fn connect(server: &Server, user: &str) -> Chatter {
    with_token(server, &token(user, &[]))
}

pub fn with_token(server: &Server, token: &str) -> Chatter {
    Chatter::open_at(server.address, &format!("/ws?token={token}"), "x-nothing", "else")
        .unwrap_or_else(|status| panic!("refused with {status}"))
}

pub fn say(client: &mut Chatter, frame: &Value) {
    client.send_text(&frame.to_string());
}

/// The next message is this one, to the letter.
pub fn hear(client: &mut Chatter, event: &str, data: &Value) {
    assert_eq!(client.frame(), json!({ "event": event, "data": data }));
}

/// Nothing waits for a client: what it asks for last is what it hears next.
pub fn hears_nothing(client: &mut Chatter) {
    say(client, &json!({ "event": "get_metadata" }));
    assert_eq!(client.frame()["event"], "metadata");
}

/// Joins, and hears what joining says to the one who joins.
pub fn join(client: &mut Chatter, user: &str, room: &str) {
    say(client, &json!({ "event": "join", "data": { "room": room } }));
    hear(client, "joined", &json!({ "room": room }));
    hear(client, "user_joined", &json!({ "user": user }));
}
