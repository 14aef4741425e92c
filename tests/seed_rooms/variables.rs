//! The plan's variables: their defaults, what they change, what is refused.

use std::process::Output;

use super::place::{SECRET, connect, example, server};
use crate::support::shardwire;

fn run(arguments: &[&str], environment: &[(&str, &str)]) -> Output {
    let mut command = shardwire();
    command.args(arguments).arg(example()).envs(environment.iter().copied());
    command.env("SHARDWIRE_AUTH_SECRET", SECRET).output().expect("runs")
}

/// The options that the variables stand behind, as `config --effective` shows them.
fn effective(environment: &[(&str, &str)]) -> String {
    let shown = run(&["config", "--effective"], environment);
    let text = String::from_utf8(shown.stdout).expect("text");
    assert!(shown.status.success(), "{text}");
    text
}

#[test]
fn the_defaults_are_those_of_the_plan() {
    let text = effective(&[]);
    for row in [
        "maxMessageSize: 65536 ",
        "writeTimeout: 10s ",
        "pingInterval: 30s ",
        "pongTimeout: 60s ",
        "readTimeout: 60s ",
        "adapter: memory ",
        "origins: \"*\" ",
        "compression: true ",
    ] {
        assert!(text.contains(row), "{row}\n{text}");
    }
}

#[test]
fn each_variable_changes_its_option() {
    let text = effective(&[
        ("WS_READ_BUFFER_SIZE", "4096"),
        ("WS_WRITE_BUFFER_SIZE", "4096"),
        ("WS_MAX_MESSAGE_SIZE", "1024"),
        ("WS_WRITE_TIMEOUT", "3s"),
        ("WS_PING_INTERVAL", "1m30s"),
        ("WS_PONG_TIMEOUT", "2m"),
        ("WS_ENABLE_COMPRESSION", "false"),
        ("WS_ADAPTER", "memory"),
    ]);
    for row in [
        "maxMessageSize: 1024 ",
        "writeTimeout: 3s ",
        "pingInterval: 1m30s ",
        "pongTimeout: 2m ",
        "readTimeout: 2m ",
        "compression: false ",
    ] {
        assert!(text.contains(row), "{row}\n{text}");
    }
}

#[test]
fn a_message_has_at_most_so_many_bytes() {
    let small = server("1", &[("WS_MAX_MESSAGE_SIZE", "64")]);
    let mut ada = connect(&small, "ada");
    ada.send_text(&format!(r#"{{"event":"join","data":{{"room":"{}"}}}}"#, "x".repeat(64)));
    assert_eq!(ada.close_code(), Some(1009));
}

#[test]
fn redis_is_refused_with_a_reason_and_a_way_out() {
    let refused = run(&["check"], &[("WS_ADAPTER", "redis")]);
    let told = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert_eq!(refused.status.code(), Some(2), "{told}");
    for part in ["rooms.yaml:", "`redis` joins several servers", "write `memory`"] {
        assert!(told.contains(part), "{told}");
    }
}

#[test]
fn the_example_passes_its_own_tests() {
    for cores in ["1", "2"] {
        let played = run(&["test", "--cores", cores], &[]);
        let told = String::from_utf8_lossy(&played.stdout).into_owned();
        assert!(played.status.success() && told.contains("0 failed"), "{told}");
    }
}
