//! The whole binary through real sockets: routes, refusals, a chat over two cores, the end.

#![allow(clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod support;

use serde_json::json;
use support::client::{Chatter, dev_token, get, http, raw};
use support::{Server, fixture, shardwire};

const SECRET: &str = "5f3c0b7a9e1d4286a0c4e8f2b6d19375c1e9a7f3";

fn chat() -> String {
    fixture("server/chat.yaml").to_string_lossy().into_owned()
}

fn dev_server(cores: &str) -> Server {
    Server::start(&[&chat(), "--dev"], &[("SHARDWIRE_SERVER_CORES", cores)])
}

#[test]
fn health_and_pages_are_served_on_the_same_port() {
    let server = dev_server("2");
    let health = get(server.address, "/health");
    assert_eq!(health.status, 200);
    assert_eq!(health.json()["status"], "ok");
    assert_eq!(health.json()["shards"], 2);
    let page = get(server.address, "/");
    assert!(page.body.contains("<!doctype html>") && page.head.contains("content-security-policy"));
    let missing = get(server.address, "/nothing");
    assert_eq!((missing.status, missing.json()["error"].as_str()), (404, Some("not_found")));
    assert_eq!(http(server.address, "POST", "/health", "", "{}").status, 405);
}

#[test]
fn development_routes_answer_this_machine_only() {
    let server = dev_server("1");
    let json_type = "Content-Type: application/json\r\n";
    let post = |more: &str, body: &str| {
        http(server.address, "POST", "/dev/token", &format!("{json_type}{more}"), body).status
    };
    let body = r#"{"sub":"ada"}"#;
    assert_eq!(post("", body), 200);
    assert_eq!(post(&format!("Origin: http://{}\r\n", server.address), body), 200);
    assert_eq!(post("Origin: http://evil.example\r\n", body), 403);
    assert_eq!(post("Origin: null\r\n", body), 403);
    assert_eq!(post("Host: evil.example\r\n", body), 403);
    assert_eq!(post("Host: 127.0.0.1.evil.example\r\n", body), 403);
    assert_eq!(post("", "{"), 400);
    assert_eq!(post("", r#"{"sub":""}"#), 400);
    assert_eq!(post("", &format!(r#"{{"sub":"{}"}}"#, "a".repeat(20_000))), 413);
    let plain = http(server.address, "POST", "/dev/token", "Content-Type: text/plain\r\n", body);
    assert_eq!(plain.status, 415);
}

#[test]
fn without_dev_there_is_no_page_and_no_token() {
    let secret = ("SHARDWIRE_SERVER_AUTH_JWTSECRET", SECRET);
    let server = Server::start(&[&chat()], &[secret, ("SHARDWIRE_SERVER_CORES", "1")]);
    let root = get(server.address, "/");
    assert!(root.status == 200 && !root.body.contains("<html"));
    let body = r#"{"sub":"ada"}"#;
    let json_type = "Content-Type: application/json\r\n";
    assert_eq!(http(server.address, "POST", "/dev/token", json_type, body).status, 404);
    assert_eq!(get(server.address, "/dev/about").status, 404);
}

/// The original's own configuration and its cookie.
#[test]
fn the_original_chat_goes_both_ways_with_one_and_two_cores_whatever_is_said() {
    let original = fixture("../examples/go-dispatch.yaml").to_string_lossy().into_owned();
    for cores in ["1", "2"] {
        let settings = [("SHARDWIRE_SERVER_CORES", cores)];
        chat_both_ways(&Server::start(&[&original, "--dev"], &settings));
    }
}

fn chat_both_ways(server: &Server) {
    let connect =
        |name: &str| Chatter::with_cookie(server.address, &dev_token(server.address, name));
    let (mut ada, mut bob) = (connect("ada"), connect("bob"));
    ada.send("join_room", "room:global", &json!({ "name": "Ada" }));
    assert_eq!(ada.expect("join_success"), json!({ "room": "room:global", "status": "ok" }));
    assert_eq!(ada.expect("user_joined")["user"]["name"], "Ada");
    bob.send("join_room", "room:global", &json!({ "name": "Bob" }));
    bob.expect("join_success");
    bob.expect("user_joined");
    assert_eq!(ada.expect("user_joined")["user"], json!({ "id": "bob", "name": "Bob" }));
    for text in ["hi", r#"" \ "}],{"#, "\u{0}\u{1f}\n\t", "👩‍🚀 é", "<b>x</b>", "\u{2028}"]
    {
        ada.send("send_message", "room:global", &json!({ "message": text }));
        let said = json!({ "user": "ada", "message": text });
        assert_eq!(ada.expect("new_message"), said);
        assert_eq!(bob.expect("new_message"), said);
    }
    bob.send("leave_room", "room:global", &json!({}));
    assert_eq!(ada.expect("user_left"), json!({ "user": "bob", "room": "room:global" }));
}

#[test]
fn the_sender_is_told_why_an_event_was_refused() {
    let server = dev_server("1");
    let mut ada = Chatter::connect(server.address, &dev_token(server.address, "ada"));
    for (text, code) in [
        ("{", "bad_json"),
        (r#"{"payload":{}}"#, "bad_message"),
        (r#"{"event":"nothing","target":"room:x","payload":{}}"#, "unknown_event"),
        (r#"{"event":"send_message","payload":{"message":"x"}}"#, "missing_target"),
        (r#"{"event":"send_message","target":"room:x","payload":{}}"#, "missing_field"),
    ] {
        ada.send_text(text);
        assert_eq!(ada.expect("error")["code"], code, "{text}");
    }
}

#[test]
fn tokens_decide_who_may_connect() {
    let secret = ("SHARDWIRE_SERVER_AUTH_JWTSECRET", SECRET);
    let server = Server::start(&[&chat()], &[secret, ("SHARDWIRE_SERVER_CORES", "1")]);
    let made = shardwire()
        .args(["token", "make", "--sub", "ada", "--config", &chat()])
        .env(secret.0, secret.1)
        .output()
        .expect("runs");
    let token = String::from_utf8(made.stdout).expect("text").trim().to_owned();
    let status = |authorization: &str| Chatter::try_connect(server.address, authorization).err();
    assert_eq!(status("Bearer x.y.z"), Some(401));
    assert_eq!(status("Basic x"), Some(401));
    let unknown = shardwire()
        .args(["token", "make", "--sub", "ada", "--perms", "no-such", "--config", &chat()])
        .env(secret.0, secret.1)
        .output()
        .expect("runs");
    let unknown = String::from_utf8(unknown.stdout).expect("text");
    assert_eq!(status(&format!("Bearer {}", unknown.trim())), Some(403));
    let bearer = format!("Bearer {token}");
    let open: Vec<Chatter> =
        (0..3).map(|_| Chatter::try_connect(server.address, &bearer).expect("fits")).collect();
    assert_eq!(status(&bearer), Some(429));
    drop(open);
    let log = server.log();
    let signature = token.rsplit('.').next().expect("parts");
    assert!(!log.contains(SECRET) && !log.contains(signature), "{log}");
}

#[test]
fn refused_requests_get_their_status() {
    let server = dev_server("1");
    let token = dev_token(server.address, "ada");
    let upgrade = |path: &str, replaced: &str, by: &str| {
        let request = format!(
            "GET {path} HTTP/1.1\r\nHost: {}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\
             Authorization: Bearer {token}\r\n\r\n",
            server.address
        );
        let answer = raw(server.address, request.replace(replaced, by).as_bytes());
        answer.split(' ').nth(1).and_then(|status| status.parse::<u16>().ok())
    };
    let version = "Sec-WebSocket-Version: 13";
    assert_eq!(upgrade("/ws", version, "Sec-WebSocket-Version: 12"), Some(426));
    assert_eq!(upgrade("/ws", "dGhlIHNhbXBsZSBub25jZQ==", "short"), Some(400));
    assert_eq!(upgrade("/ws", "Host: ", "X-Host: "), Some(400));
    assert_eq!(upgrade("/ws", "HTTP/1.1", "HTTP/1.0"), Some(400));
    assert_eq!(upgrade("/elsewhere", "", ""), Some(404));
    assert_eq!(upgrade("/ws", "Upgrade: websocket\r\n", ""), Some(426));
    let foreign = format!("{version}\r\nOrigin: http://evil.example");
    assert_eq!(upgrade("/ws", version, &foreign), Some(403));
    let long = format!("{version}\r\nX-Long: {}", "a".repeat(20_000));
    assert_eq!(upgrade("/ws", version, &long), Some(431));
    let many = format!("{version}\r\n{}X-Last: 1", "X: 1\r\n".repeat(100));
    assert_eq!(upgrade("/ws", version, &many), Some(431));
}

#[test]
fn the_drain_closes_with_1001_and_exits_with_0() {
    let mut server = dev_server("2");
    let mut clients: Vec<Chatter> = (0..20)
        .map(|n| {
            let token = dev_token(server.address, &format!("user{n}"));
            Chatter::connect(server.address, &token)
        })
        .collect();
    server.signal("TERM");
    for client in &mut clients {
        assert_eq!(client.close_code(), Some(1001));
    }
    drop(clients);
    assert_eq!(server.ended().code(), Some(0), "{}", server.log());
}

#[test]
fn a_second_signal_ends_the_process_while_a_client_holds_the_drain_up() {
    for (second, ended) in [("INT", 130), ("TERM", 143)] {
        let mut server = dev_server("1");
        let silent = Chatter::connect(server.address, &dev_token(server.address, "ada"));
        server.signal("TERM");
        support::wait_for("the drain", || server.log().contains("draining").then_some(()));
        server.signal(second);
        let status = server.ended().code();
        assert!(status == Some(0) || status == Some(ended), "{second}: {status:?}");
        drop(silent);
    }
}

/// More messages in one write than an outbox holds: members that read get them all.
#[test]
fn a_burst_of_one_member_cuts_nobody_who_reads() {
    const TIMES: usize = 3_000;
    let server = dev_server("1");
    let connect = |name: &str| Chatter::connect(server.address, &dev_token(server.address, name));
    let (mut ada, mut bob) = (connect("ada"), connect("bob"));
    ada.send("join_room", "room:1", &json!({ "name": "Ada" }));
    ada.expect("join_success");
    ada.expect("user_joined");
    let reader = std::thread::spawn(move || {
        (0..TIMES).for_each(|_| drop(ada.expect("user_left")));
    });
    bob.send_burst(r#"{"event":"leave_room","target":"room:1"}"#, TIMES);
    reader.join().expect("ada got every message");
}

/// A restart finds the port free at once: nothing of the server before listens any more.
#[test]
fn a_server_that_ended_leaves_its_port() {
    let mut server = dev_server("2");
    let address = server.address.to_string();
    for _ in 0..5 {
        server.signal("TERM");
        assert!(server.ended().success());
        let taken = std::net::TcpStream::connect(&address).is_ok();
        assert!(!taken, "somebody still listens");
        let settings = [("SHARDWIRE_SERVER_ADDRESS", address.as_str())];
        server = Server::start(&[&chat(), "--dev"], &settings);
        assert_eq!(server.address.to_string(), address);
    }
}

/// More than the sockets' buffers hold: the kernel takes a part of a send, and the rest follows in
/// order when the reader reads.
#[test]
fn a_reader_who_pauses_gets_all_of_it_in_order() {
    const TIMES: usize = 200;
    let bounds = [
        ("SHARDWIRE_SERVER_CORES", "1"),
        ("SHARDWIRE_TRANSPORT_OUTBOX_BYTES", "64MiB"),
        ("SHARDWIRE_TRANSPORT_OUTBOX_FRAMES", "1000"),
        ("SHARDWIRE_TRANSPORT_WRITETIMEOUT", "60s"),
    ];
    let server = Server::start(&[&chat(), "--dev"], &bounds);
    let connect = |name: &str| Chatter::connect(server.address, &dev_token(server.address, name));
    let (mut ada, mut bob) = (connect("ada"), connect("bob"));
    ada.send("join_room", "room:1", &json!({ "name": "Ada" }));
    ada.expect("join_success");
    ada.expect("user_joined");
    let name = |number: usize| format!("{number}:{}", "x".repeat(60_000 + number));
    for number in 0..TIMES {
        bob.send("join_room", "room:1", &json!({ "name": name(number) }));
        bob.expect("join_success");
        assert_eq!(bob.expect("user_joined")["user"]["name"], name(number));
    }
    for number in 0..TIMES {
        assert_eq!(ada.expect("user_joined")["user"]["name"], name(number));
    }
}

#[test]
fn connections_are_dealt_out_evenly() {
    let server = Server::start(
        &[&chat(), "--dev"],
        &[("SHARDWIRE_SERVER_CORES", "2"), ("SHARDWIRE_SERVER_CONNECTIONLIMIT_MAXPERUSER", "0")],
    );
    let token = dev_token(server.address, "ada");
    let open: Vec<_> = (0..100).map(|_| Chatter::connect(server.address, &token)).collect();
    let health = get(server.address, "/health").json();
    let shards = health["connectionsPerShard"].as_array().expect("a list").clone();
    let counts: Vec<u64> = shards.iter().filter_map(|count| count.as_u64()).collect();
    assert!(counts.iter().all(|count| (45..=56).contains(count)), "{counts:?}");
    drop(open);
}
