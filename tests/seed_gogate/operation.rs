//! What the document leaves to do, done: origins, limits, logs, an orderly end.

use serde_json::{Value, json};
use tungstenite::Message;

use super::certificates::{Authority, Folder, Speaker};
use super::document::{AUTH, AUTH_SUCCESS, HEALTH};
use super::gate::{Device, Gate, KEY};
use super::support::client::{get, http};
use super::support::wait_for;

#[test]
fn pages_are_those_of_the_document() {
    for cores in ["1", "2"] {
        let gate = Gate::start(cores);
        let health = get(gate.server.address, "/health");
        let wanted: Value = serde_json::from_str(HEALTH).expect("JSON");
        assert_eq!((health.status, health.json()), (200, wanted));
        assert!(health.head.to_ascii_lowercase().contains("content-type: application/json"));
        let root = get(gate.server.address, "/");
        assert_eq!(root.status, 200);
        assert!(root.head.to_ascii_lowercase().contains("content-type: text/plain"));
        assert!(root.body.contains("GoGate"), "{}", root.body);
        assert_eq!(get(gate.server.address, "/other").status, 404);
    }
}

#[test]
fn events_refusals_and_calls_are_counted_for_prometheus() {
    let gate = Gate::start("2");
    let mut john = gate.device("user_1");
    john.tell("send_message", json!({ "chat_id": 1, "text": "x" })).hears_of("new_message");
    john.tell("typing", json!({ "chat_id": "x" })).hears_of("error");
    let page = get(gate.server.address, "/metrics");
    assert_eq!(page.status, 200);
    let sum = |name: &str, label: &str| -> f64 {
        let lines = page.body.lines().filter(|line| line.starts_with(name) && line.contains(label));
        lines.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum()
    };
    assert_eq!(sum("shardwire_connections{", ""), 1.0);
    assert_eq!(sum("shardwire_messages_received_total{", ""), 3.0);
    assert_eq!(sum("shardwire_rejects_total{", "invalid_payload"), 1.0);
    assert_eq!(sum("shardwire_event_messages_total{", "\"send_message\""), 1.0);
    assert_eq!(sum("shardwire_event_rejects_total{", "\"typing\""), 1.0);
    assert_eq!(sum("shardwire_backend_calls_total{", "\"api\""), 3.0);
}

#[test]
fn pages_of_listed_origins_may_connect() {
    let origins = [("ALLOWED_ORIGINS", "https://app.example.com,https://*.example.org")];
    let gate = Gate::with("1", "auth: { deadline: 100ms }\n", &origins);
    for (origin, status) in [
        ("Origin: https://app.example.com\r\n", 101),
        ("Origin: https://chat.example.org\r\n", 101),
        ("Origin: https://evil.example\r\n", 403),
        ("", 101),
    ] {
        let more = format!(
            "{origin}Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\
             Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
        );
        let answer = http(gate.server.address, "GET", "/ws", &more, "");
        assert_eq!(answer.status, status, "{origin}");
    }
}

#[test]
fn a_users_newest_device_takes_the_place_of_the_oldest() {
    for cores in ["1", "2"] {
        let over = "server: { connectionLimit: { maxPerUser: 2 } }\n";
        let gate = Gate::with(cores, over, &[]);
        let mut devices: Vec<Device> = (0..3).map(|_| gate.device("user_1")).collect();
        assert_eq!(devices[0].0.close_code(), Some(4500));
        devices[1..].iter_mut().for_each(Device::hears_nothing_more);
        gate.device("user_2").hears_nothing_more();
    }
}

#[test]
fn a_connection_says_only_so_often_who_it_is() {
    let gate = Gate::start("2");
    let mut guest = gate.guest();
    for _ in 0..5 {
        assert_eq!(guest.auth("bad").hears_of("error").get("code"), None);
    }
    assert_eq!(guest.auth("jwt_token").hears_code(), "RATE_LIMITED");
    gate.device("jwt_token");
    assert_eq!(gate.backend.requests().len(), 6);
}

/// Connections, attempts to say who it is, messages and errors are logged; credentials never are.
#[test]
fn logs_are_structured_and_tell_no_secret() {
    let gate = Gate::with("2", "log: { format: json }\n", &[]);
    let mut john = gate.device("your_jwt_access_token");
    gate.guest().auth("a-bad-token").hears_of("error");
    john.tell("send_message", json!({ "chat_id": 1, "text": "x" })).hears_of("new_message");
    john.tell("send_message", json!({ "chat_id": 9, "text": "x" })).hears_of("error");
    drop(john);
    for line in [
        "connected from 127.0.0.1",
        "authenticated: user 1",
        "authentication failed: backend_refused",
        "message 124 to 3 members of chat 1",
        "refused: INVALID_CHAT",
        "disconnected: user 1, lost",
    ] {
        wait_for(line, || gate.server.log().contains(line).then_some(()));
    }
    let log = gate.server.log();
    for secret in ["your_jwt_access_token", "a-bad-token", KEY] {
        assert!(!log.contains(secret), "{log}");
    }
    for line in log.lines() {
        assert!(serde_json::from_str::<Value>(line).is_ok(), "{line}");
    }
}

#[test]
fn devices_come_over_tls() {
    let authority = Authority::new("the tests");
    let folder = Folder::new("gogate");
    folder.put(&authority.issue(&["gogate.test"]));
    let path = |name: &str| folder.0.join(name).to_string_lossy().into_owned();
    let (cert, key) = (path("cert.pem"), path("key.pem"));
    let variables = [("SHARDWIRE_SERVER_TLS_CERT", &*cert), ("SHARDWIRE_SERVER_TLS_KEY", &*key)];
    let gate = Gate::with("2", "", &variables);
    let mut device = Speaker::new(&authority, "gogate.test").connect(gate.server.address);
    device.0.send(Message::text(AUTH)).expect("sends");
    let answer = device.0.read().expect("a message");
    let answer: Value = serde_json::from_str(answer.to_text().expect("text")).expect("JSON");
    let wanted: Value = serde_json::from_str(AUTH_SUCCESS).expect("JSON");
    assert_eq!(answer, wanted);
}

#[test]
fn an_orderly_end_tells_everybody() {
    for cores in ["1", "2"] {
        let mut gate = Gate::with(cores, "drain: { over: 100ms }\n", &[]);
        let mut all: Vec<Device> = (0..6).map(|n| gate.device(&format!("user_{n}"))).collect();
        gate.server.signal("TERM");
        all.iter_mut().for_each(|device| assert_eq!(device.0.close_code(), Some(1001)));
        drop(all);
        assert!(gate.server.ended().success());
    }
}
