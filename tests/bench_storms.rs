//! `shardwire bench` with its storms, chat and slow readers against a real server, in short bounded
//! runs: exact counts, never times.

#![allow(clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod support;

use serde_json::Value;
use support::{Server, fixture, shardwire};

const SECRET: &str = "5f3c0b7a9e1d4286a0c4e8f2b6d19375c1e9a7f3";

/// The server of `benches/configs/fanout.yaml`.
fn server(cores: &str) -> Server {
    let config = fixture("../benches/configs/fanout.yaml").to_string_lossy().into_owned();
    let settings = [("SHARDWIRE_AUTH_SECRET", SECRET), ("SHARDWIRE_SERVER_CORES", cores)];
    Server::start(&[&config], &settings)
}

/// Half a second of a scenario; the figures.
fn bench(server: &Server, scenario: &str, more: &[&str]) -> Value {
    let output = shardwire()
        .args(["bench", scenario, &format!("ws://{}", server.address), "--token-secret", SECRET])
        .args(["--duration", "500ms", "--warmup", "100ms", "--json", "-", "--quiet"])
        .args(more)
        .output()
        .expect("runs");
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{errors}\n{}", server.log());
    serde_json::from_slice(&output.stdout).expect("JSON")
}

fn expect_nothing_lost(figures: &Value) {
    assert_eq!(figures["lost"], 0, "{figures:#}");
    assert_eq!(figures["refused"], 0, "{figures:#}");
    assert_eq!(figures["errors"], serde_json::json!({}), "{figures:#}");
}

/// Every member is in at the end: the one message of the roll call reached each of them, and that
/// is the only one a member gets.
fn expect_all_in(figures: &Value, members: u64) {
    expect_nothing_lost(figures);
    assert_eq!(figures["members"], members);
    assert_eq!(figures["messages"], members, "members that joined in the storm");
    assert_eq!(figures["latency_us"]["count"], members);
    let witnesses = &figures["others_latency_us"]["count"];
    assert!(witnesses.as_u64().is_some_and(|count| count > 0), "{figures:#}");
}

#[test]
fn members_that_connect_and_join_at_once_are_all_in() {
    for (cores, threads) in [("1", "1"), ("2", "2")] {
        let server = server(cores);
        let figures = bench(&server, "join-storm", &["--connections", "700", "--threads", threads]);
        assert_eq!(figures["scenario"], "join-storm");
        expect_all_in(&figures, 700);
    }
}

#[test]
fn members_that_are_connected_and_join_at_once_are_all_in() {
    let server = server("1");
    let figures = bench(&server, "join-storm", &["--connections", "300", "--connected-first"]);
    expect_all_in(&figures, 300);
}

#[test]
fn members_that_are_cut_off_come_back() {
    for cores in ["1", "2"] {
        let server = server(cores);
        let figures = bench(&server, "reconnect-storm", &["--connections", "300"]);
        assert_eq!(figures["scenario"], "reconnect-storm");
        expect_all_in(&figures, 300);
        let connected = &figures["connect"]["latency_us"]["count"];
        assert_eq!(*connected, 300, "those of the storm alone");
    }
}

#[test]
fn a_chat_gives_every_resident_what_is_said_in_its_room() {
    for (cores, threads) in [("1", "1"), ("2", "2")] {
        let server = server(cores);
        let load = ["--connections", "120", "--rooms", "7", "--rate", "400", "--seed", "5"];
        let figures = bench(&server, "chat", &[&load[..], &["--threads", threads]].concat());
        expect_nothing_lost(&figures);
        assert_eq!((&figures["rooms"], &figures["rate"]), (&7.into(), &400.0.into()));
        assert!(figures["latency_us"]["count"].as_u64().is_some_and(|count| count > 0));
    }
}

#[test]
fn slow_readers_of_little_are_kept_and_get_everything() {
    let server = server("1");
    let load = ["--members", "20", "--slow", "4", "--rate", "50"];
    let figures = bench(&server, "slow-readers", &load);
    expect_nothing_lost(&figures);
    let notes = &figures["notes"];
    assert_eq!((&notes["slow_readers"], &notes["slow_readers_kept"]), (&4.into(), &4.into()));
    assert_eq!((&notes["slow_readers_closed"], &notes["missed_by_kept"]), (&0.into(), &0.into()));
    assert!(figures["server"]["rss_peak_bytes"].is_u64());
}

#[test]
fn slow_readers_of_much_are_closed_with_a_code_and_the_others_lose_nothing() {
    let server = server("1");
    let load = ["--members", "4", "--slow", "2", "--rate", "300", "--size", "60000"];
    let figures = bench(&server, "slow-readers", &load);
    assert_eq!(figures["lost"], 0, "{figures:#}");
    assert_eq!(figures["notes"]["slow_readers_closed"], 2, "{figures:#}");
    let errors = figures["errors"].as_object().expect("an object");
    assert_eq!(errors.values().filter_map(Value::as_u64).sum::<u64>(), 2, "{figures:#}");
}

#[test]
fn what_an_adapter_cannot_do_is_refused_before_anything_connects() {
    let refusal = |arguments: &[&str]| {
        let output = shardwire().arg("bench").args(arguments).output().expect("runs");
        assert_eq!(output.status.code(), Some(2));
        String::from_utf8(output.stderr).expect("text")
    };
    let pusher = ["ws://127.0.0.1:1/app/key", "--adapter", "pusher"];
    let secret = ["--token-secret", "secret"];
    assert!(refusal(&[&["echo"], &pusher[..], &secret].concat()).contains("no echo"));
    let joins = ["--publisher-joins", "--size", "200"];
    let text = refusal(&[&["fanout"], &pusher[..], &secret, &joins].concat());
    assert!(text.contains("leaves the sender out"), "{text}");
    assert!(refusal(&[&["fanout"], &pusher[..]].concat()).contains("--token-secret"));
    let slow = ["slow-readers", "ws://127.0.0.1:1", "--members", "5", "--slow", "5"];
    assert!(refusal(&slow).contains("--slow is at most 4"));
}
