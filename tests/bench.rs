//! `shardwire bench` against a real server: exact counts, the JSON's keys, and refusals.
//!
//! Nothing here asserts a time or a rate; every run is short and bounded.

#![allow(clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod support;

use std::net::TcpListener;
use std::path::PathBuf;
use std::process::Output;

use serde_json::Value;
use support::{Server, shardwire};

const SECRET: &str = "5f3c0b7a9e1d4286a0c4e8f2b6d19375c1e9a7f3";

/// Short enough for a test, long enough for many messages.
const SHORT: [&str; 5] = ["--duration", "300ms", "--warmup", "100ms", "--quiet"];

fn server() -> Server {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("benches/configs/fanout.yaml");
    let config = path.to_string_lossy().into_owned();
    let secret = ("SHARDWIRE_AUTH_SECRET", SECRET);
    Server::start(&[&config], &[secret, ("SHARDWIRE_SERVER_CORES", "1")])
}

fn bench(scenario: &str, url: &str, arguments: &[&str]) -> Output {
    shardwire()
        .args(["bench", scenario, url])
        .args(SHORT)
        .args(arguments)
        .output()
        .expect("the generator runs")
}

/// The figures of a run that must succeed.
fn figures(server: &Server, scenario: &str, arguments: &[&str]) -> Value {
    let url = format!("ws://{}", server.address);
    let all = [&["--token-secret", SECRET, "--json", "-"], arguments].concat();
    let output = bench(scenario, &url, &all);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{stderr}\n{}", server.log());
    assert!(stderr.is_empty(), "--quiet, and yet: {stderr}");
    serde_json::from_slice(&output.stdout).expect("JSON alone on stdout")
}

/// The complaint of a run that must not succeed, and its status.
fn complaint(url: &str, arguments: &[&str]) -> (String, Option<i32>) {
    let output = bench("idle", url, &[&["--connections", "3"], arguments].concat());
    assert!(output.stdout.is_empty());
    (String::from_utf8_lossy(&output.stderr).into_owned(), output.status.code())
}

fn count(figures: &Value, path: &str) -> u64 {
    figures.pointer(path).and_then(Value::as_u64).unwrap_or_else(|| panic!("{path}: {figures}"))
}

/// Nothing was lost, refused or wrong.
fn assert_clean(figures: &Value) {
    assert_eq!((count(figures, "/lost"), count(figures, "/refused")), (0, 0), "{figures}");
    assert_eq!(figures["errors"], serde_json::json!({}), "{figures}");
}

/// Every member got every message once.
fn assert_exact(figures: &Value, members: u64) {
    assert_clean(figures);
    let [sent, messages, deliveries] =
        ["sent", "messages", "deliveries"].map(|key| count(figures, &format!("/whole_run/{key}")));
    assert!(sent > 0);
    assert_eq!((messages, deliveries), (sent, sent * members), "{figures}");
}

#[test]
fn an_echo_comes_back_once_for_each_message_in_a_closed_loop() {
    let figures = figures(&server(), "echo", &["--connections", "20", "--in-flight", "4"]);
    assert_exact(&figures, 1);
    assert_eq!(count(&figures, "/in_flight"), 4);
    assert!(figures["rate"].is_null());
}

#[test]
fn an_open_loop_sends_what_its_rate_says_and_no_more() {
    let figures = figures(&server(), "echo", &["--connections", "10", "--rate", "1000"]);
    assert_exact(&figures, 1);
    // 400 ms at 1,000 a second, of which 300 ms were measured.
    assert_eq!(count(&figures, "/whole_run/sent"), 400, "{figures}");
    assert_eq!(count(&figures, "/latency_us/count"), 300, "{figures}");
}

#[test]
fn a_broadcast_is_counted_at_every_member_exactly() {
    let server = server();
    for loop_arguments in [["--in-flight", "1"], ["--in-flight", "16"], ["--rate", "200"]] {
        let rooms = ["--rooms", "3", "--members", "12"];
        let figures = figures(&server, "fanout", &[&rooms[..], &loop_arguments].concat());
        assert_exact(&figures, 12);
        assert_eq!(count(&figures, "/connections"), 39);
    }
    let rooms = ["--rooms", "4", "--members", "5", "--publisher-joins", "--threads", "2"];
    let figures = figures(&server, "fanout", &rooms);
    assert_exact(&figures, 5);
    assert_eq!((count(&figures, "/connections"), count(&figures, "/client/threads")), (20, 2));
}

#[test]
fn messages_have_the_size_that_was_asked_for_from_the_smallest_on() {
    let server = server();
    for size in ["88", "126", "4096", "40000"] {
        let figures = figures(&server, "fanout", &["--members", "3", "--size", size]);
        assert_exact(&figures, 3);
    }
    let url = format!("ws://{}", server.address);
    let (text, status) = complaint(&url, &["--size", "20"]);
    assert!(text.contains("--size is at least") && status == Some(2), "{text}");
}

#[test]
fn idle_connections_are_held_and_weighed() {
    let server = server();
    let figures = figures(&server, "idle", &["--connections", "50", "--ramp", "1000"]);
    assert_clean(&figures);
    assert_eq!(count(&figures, "/connections"), 50);
    assert_eq!(count(&figures, "/connect/latency_us/count"), 50);
    assert_eq!(figures["server"]["pids"], serde_json::json!([server.pid()]));
    assert!(count(&figures, "/server/rss_bytes") > 0);
    assert!(figures["server"]["cpu_ns_per_delivery"].is_null());
}

#[test]
fn the_json_has_every_key_of_its_documentation() {
    let figures = figures(&server(), "fanout", &["--members", "5"]);
    for path in [
        "scenario adapter url connections rooms members in_flight rate size seconds version",
        "messages deliveries messages_per_s deliveries_per_s lost refused errors",
        "latency_us/min latency_us/p50 latency_us/p90 latency_us/p99 latency_us/p999",
        "latency_us/max latency_us/count others_latency_us",
        "whole_run/sent whole_run/messages whole_run/deliveries",
        "connect/seconds connect/per_s connect/latency_us/p99",
        "server/pids server/cpu_share server/user_ns server/system_ns",
        "server/cpu_ns_per_delivery server/cpu_ns_per_message server/rss_bytes",
        "server/rss_peak_bytes server/rss_before_bytes server/rss_bytes_per_connection",
        "client/threads client/cpu_share client/cpu_shares client/is_bottleneck client/why",
        "machine/cpus machine/model machine/kernel",
    ]
    .iter()
    .flat_map(|paths| paths.split(' '))
    {
        assert!(figures.pointer(&format!("/{path}")).is_some(), "{path} is missing: {figures}");
    }
}

#[test]
fn the_table_says_what_the_json_says() {
    let server = server();
    let url = format!("ws://{}", server.address);
    let output = bench("echo", &url, &["--connections", "3", "--token-secret", SECRET]);
    let table = String::from_utf8_lossy(&output.stdout);
    for word in ["scenario", "messages", "latency", "server CPU", "ns a delivery", "generator"] {
        assert!(table.contains(word), "{word}: {table}");
    }
}

#[test]
fn templates_fit_a_configuration_that_calls_things_otherwise() {
    let publish =
        r#"{"event":"send_message","target":"room:{room}","payload":{"message":"{body}!"}}"#;
    let delivered = r#"{"event":"new_message","payload":{"user":"{user}","message":"{body}!"}}"#;
    let templates = ["--publish", publish, "--delivered", delivered, "--joined", ""];
    let members = ["--members", "4"];
    let figures = figures(&server(), "fanout", &[&templates[..], &members].concat());
    assert_eq!(count(&figures, "/lost"), 0);
    assert!(count(&figures, "/deliveries") > 0);
}

#[test]
fn an_event_that_the_server_refuses_is_counted_with_its_reason() {
    let echo = r#"{"event":"nonsense","payload":"{body}"}"#;
    let figures = figures(&server(), "echo", &["--connections", "2", "--event", echo]);
    let refused = count(&figures, "/refused");
    assert!(refused > 0);
    assert_eq!(count(&figures, "/errors/unknown_event nonsense"), refused);
    assert_eq!((count(&figures, "/lost"), count(&figures, "/deliveries")), (0, 0));
}

#[test]
fn a_port_where_nobody_listens_is_a_failure_with_a_way_out() {
    let free = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = free.local_addr().expect("its address");
    drop(free);
    let (text, status) = complaint(&format!("ws://{address}"), &[]);
    assert!(text.contains("refuses connections; is the server running"), "{text}");
    assert_eq!(status, Some(1));
}

#[test]
fn a_wrong_token_is_told_in_the_servers_own_words() {
    let server = server();
    let url = format!("ws://{}", server.address);
    let (text, status) = complaint(&url, &["--token", "nonsense"]);
    assert!(text.contains("HTTP 401") && text.contains("bad_token"), "{text}");
    assert_eq!(status, Some(1));
    let (text, _) = complaint(&format!("{url}/elsewhere"), &["--token-secret", SECRET]);
    assert!(text.contains("HTTP 404") && text.contains("not_found"), "{text}");
}

#[test]
fn a_host_that_is_not_this_machine_is_refused_before_anything_is_sent() {
    for url in ["ws://192.0.2.1:9000", "ws://example.invalid:9000"] {
        let (text, status) = complaint(url, &[]);
        assert!(text.contains("--i-may-load-this-host"), "{text}");
        assert_eq!(status, Some(2));
    }
}

/// Every command of the documentation, aimed at a host that is always refused: the refusal shows
/// that its arguments are understood.
#[test]
fn the_commands_of_the_documentation_are_commands() {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("docs/bench.md");
    let text = std::fs::read_to_string(path).expect("docs/bench.md");
    let commands = text.lines().filter(|line| line.starts_with("shardwire bench "));
    let mut count = 0;
    for command in commands {
        let elsewhere = command.replace("127.0.0.1", "192.0.2.1");
        let script = elsewhere.replacen("shardwire", "\"$SHARDWIRE\"", 1);
        let output = std::process::Command::new("sh")
            .args(["-c", &script])
            .env("SHARDWIRE", env!("CARGO_BIN_EXE_shardwire"))
            .env("SECRET", SECRET)
            .env("SHARDWIRE_AUTH_SECRET", SECRET)
            .output()
            .expect("a shell");
        let complaint = String::from_utf8_lossy(&output.stderr);
        assert!(complaint.contains("--i-may-load-this-host"), "{command}: {complaint}");
        count += 1;
    }
    assert!(count >= 10, "{count} commands were found");
}
