//! The variables of GoGate's document: defaults, other values, and the one that must be there.

use super::gate::{Gate, KEY, file};
use super::support::client::raw;
use super::support::shardwire;

/// What `config --effective` says with these variables: options with their values.
fn effective(variables: &[(&str, &str)]) -> String {
    let mut command = shardwire();
    command.args(["config", "--effective"]).arg(file("")).env_remove("BACKEND_API_URL");
    let output = command.env("INTERNAL_API_KEY", KEY).envs(variables.iter().copied()).output();
    let output = output.expect("runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn the_defaults_are_those_of_the_document() {
    let shown = effective(&[]);
    for line in [
        "address: \":8080\"",
        "maxMessageSize: 512000 ",
        "pingInterval: 54s ",
        "pongTimeout: 60s ",
        "readTimeout: 60s ",
        "writeTimeout: 10s ",
        "http://localhost:8000",
    ] {
        assert!(shown.contains(line), "{line}:\n{shown}");
    }
    assert!(!shown.contains(KEY));
}

#[test]
fn each_variable_has_its_option() {
    let shown = effective(&[
        ("PORT", "9123"),
        ("MAX_MESSAGE_SIZE", "1000"),
        ("READ_BUFFER_SIZE", "2048"),
        ("WRITE_BUFFER_SIZE", "2048"),
        ("PING_PERIOD", "5"),
        ("PONG_WAIT", "7"),
        ("WRITE_WAIT", "3"),
    ]);
    for line in [
        "address: \"[::]:9123\" ",
        "maxMessageSize: 1000 ",
        "pingInterval: 5s ",
        "pongTimeout: 7s ",
        "readTimeout: 7s ",
        "writeTimeout: 3s ",
    ] {
        assert!(shown.contains(line), "{line}:\n{shown}");
    }
}

#[test]
fn without_the_internal_key_nothing_starts_and_the_reason_is_said() {
    for value in [None, Some("")] {
        let mut command = shardwire();
        command.arg("serve").arg(file("")).env_remove("INTERNAL_API_KEY");
        command.envs(value.map(|value| ("INTERNAL_API_KEY", value)));
        let output = command.output().expect("runs");
        assert!(!output.status.success());
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(said.contains("the environment variable `INTERNAL_API_KEY` is not set"), "{said}");
    }
}

#[test]
fn a_message_longer_than_allowed_ends_the_connection() {
    for (variable, bytes) in [(None, 512_000), (Some(("MAX_MESSAGE_SIZE", "2000")), 2_000)] {
        let gate = Gate::with("1", "", variable.as_slice());
        let mut john = gate.device("user_1");
        let frame = |bytes: usize| {
            let head = r#"{"event":"nothing","data":""#;
            format!("{head}{}\"}}", "x".repeat(bytes - head.len() - 2))
        };
        assert_eq!(john.say(&frame(bytes)).hears_code(), "UNKNOWN_EVENT");
        assert_eq!(john.say(&frame(bytes + 1)).0.close_code(), Some(1009));
    }
}

/// A client that answers no ping is gone within `PONG_WAIT`.
#[test]
fn whoever_answers_no_ping_is_gone() {
    let variables = [("PING_PERIOD", "1"), ("PONG_WAIT", "2")];
    let gate = Gate::with("1", "auth: { deadline: 1m }\n", &variables);
    let request = format!(
        "GET /ws HTTP/1.1\r\nHost: {}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
        gate.server.address
    );
    let heard = raw(gate.server.address, request.as_bytes());
    let reason = ["read_timeout", "pong_timeout"].iter().find(|reason| heard.contains(*reason));
    assert!(reason.is_some(), "{heard:?}");
}
