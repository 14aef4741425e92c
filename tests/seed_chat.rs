//! examples/chat-server.yaml, line by line against the description of the system it stands for:
//! every JSON of it goes through a real socket here, on one core and on two.

#![allow(clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod support;

use std::path::PathBuf;

use serde_json::{Value, json};
use shardwire::config::{self, Environment, Options, SecretPolicy, Source};
use support::client::{Chatter, get, http};
use support::{Server, wait_for};

fn example() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("examples/chat-server.yaml")
}

fn serve(cores: &str) -> Server {
    serve_file(&example(), cores)
}

fn serve_file(file: &std::path::Path, cores: &str) -> Server {
    Server::start(&[&file.to_string_lossy()], &[("SHARDWIRE_SERVER_CORES", cores)])
}

/// Runs a test with one shard and with two.
fn on_one_and_two_cores(test: impl Fn(&Server)) {
    for cores in ["1", "2"] {
        test(&serve(cores));
    }
}

/// A client and the id it was confirmed with.
fn connect(server: &Server) -> (Chatter, String) {
    let mut client =
        Chatter::try_connect(server.address, "none").unwrap_or_else(|status| panic!("{status}"));
    let confirmation = client.frame();
    let id = confirmation["id"].as_str().expect("an id").to_owned();
    assert_eq!(confirmation, json!({ "type": "connect", "id": id }));
    (client, id)
}

/// Clients that are all connected before the first joins; every other one hears of each.
fn cast<const N: usize>(server: &Server, names: [&str; N]) -> [(Chatter, String); N] {
    let mut all = names.map(|_| connect(server));
    for (place, name) in names.into_iter().enumerate() {
        let (client, id) = &mut all[place];
        client.send_text(&json!({ "type": "join", "username": name }).to_string());
        let joined = json!({ "type": "user-joined", "username": name, "id": id });
        for (other, (client, _)) in all.iter_mut().enumerate() {
            if other != place {
                assert_eq!(client.frame(), joined);
            }
        }
    }
    all
}

/// A message with its timestamp taken off and looked at.
fn next_message(client: &mut Chatter) -> Value {
    let mut message = client.frame();
    let timestamp = message["timestamp"].take();
    assert!(is_rfc3339(&timestamp), "{timestamp}");
    message.as_object_mut().expect("an object").remove("timestamp");
    message
}

/// `2024-01-01T12:00:00Z`
fn is_rfc3339(value: &Value) -> bool {
    let text = value.as_str().unwrap_or_default();
    let fits = |(byte, form): (u8, u8)| match form {
        b'0' => byte.is_ascii_digit(),
        _ => byte == form,
    };
    text.len() == 20 && text.bytes().zip(*b"0000-00-00T00:00:00Z").all(fits)
}

/// Looks at `/api/monitoring` until it is as it must be.
fn monitoring(server: &Server, what: &str, is_so: impl Fn(&Value) -> bool) -> Value {
    wait_for(what, || Some(get(server.address, "/api/monitoring").json()).filter(&is_so))
}

#[test]
fn every_connection_is_confirmed_with_an_id_of_its_own() {
    on_one_and_two_cores(|server| {
        let (_first, one) = connect(server);
        let (_second, other) = connect(server);
        assert_ne!(one, other);
    });
}

#[test]
fn who_joins_is_announced_to_all_others_and_not_to_itself() {
    on_one_and_two_cores(|server| {
        let [_john, _mary, (mut paul, paul_id)] = cast(server, ["John", "Mary", "Paul"]);
        paul.send_text(&json!({ "type": "message", "text": "first" }).to_string());
        // Nothing of its own arrival came before.
        assert_eq!(next_message(&mut paul)["id"], paul_id);
    });
}

#[test]
fn a_message_reaches_everybody_with_id_timestamp_and_price() {
    on_one_and_two_cores(|server| {
        let [(mut john, id), (mut mary, _)] = cast(server, ["John", "Mary"]);
        let message = json!({
            "type": "message", "username": "John", "text": "Hello everyone!", "price": 129999,
        });
        john.send_text(&message.to_string());
        let wanted = json!({
            "type": "message", "id": id, "username": "John", "text": "Hello everyone!",
            "price": 129999,
        });
        assert_eq!(next_message(&mut john), wanted);
        assert_eq!(next_message(&mut mary), wanted);

        let plain = json!({ "type": "message", "username": "John", "text": "no price" });
        john.send_text(&plain.to_string());
        let wanted = json!({ "type": "message", "id": id, "username": "John", "text": "no price" });
        assert_eq!(next_message(&mut mary), wanted);
    });
}

#[test]
fn typing_reaches_all_others() {
    on_one_and_two_cores(|server| {
        let [(mut john, _), (mut mary, _)] = cast(server, ["John", "Mary"]);
        for is_typing in [true, false] {
            let typing = json!({ "type": "typing", "username": "John", "isTyping": is_typing });
            john.send_text(&typing.to_string());
            assert_eq!(mary.frame(), typing);
        }
        john.send_text(&json!({ "type": "message", "text": "mine" }).to_string());
        assert_eq!(next_message(&mut john)["text"], "mine");
    });
}

#[test]
fn who_leaves_is_announced_whether_it_said_so_or_not() {
    on_one_and_two_cores(|server| {
        let [(mut john, _), (mary, _)] = cast(server, ["John", "Mary"]);
        drop(mary);
        assert_eq!(john.frame(), json!({ "type": "user-left", "username": "Mary" }));
        let (nobody, _) = connect(server);
        drop(nobody);
        // Nothing was said of somebody who had not joined.
        john.send_text(&json!({ "type": "message", "text": "alone" }).to_string());
        assert_eq!(next_message(&mut john)["text"], "alone");
    });
}

#[test]
fn missing_fields_are_empty_and_what_is_no_message_is_skipped() {
    on_one_and_two_cores(|server| {
        let (mut john, id) = connect(server);
        let (mut mary, mary_id) = connect(server);
        for nothing in ["not json", "{}", "[]", "7", r#"{"text":"no type"}"#, r#"{"type":"?"}"#] {
            john.send_text(nothing);
        }
        john.send_text(r#"{"type":"message"}"#);
        let wanted = json!({ "type": "message", "id": id, "username": "", "text": "" });
        assert_eq!(next_message(&mut john), wanted);
        assert_eq!(next_message(&mut mary), wanted);
        mary.send_text(r#"{"type":"typing"}"#);
        let typing = json!({ "type": "typing", "username": "", "isTyping": false });
        assert_eq!(john.frame(), typing);
        mary.send_text(r#"{"type":"join"}"#);
        let joined = json!({ "type": "user-joined", "username": "", "id": mary_id });
        assert_eq!(john.frame(), joined);
        wait_for("the log of what was skipped", || server.log().contains("bad_json").then_some(()));
    });
}

#[test]
fn the_status_says_what_runs() {
    on_one_and_two_cores(|server| {
        let [(mut john, _), (mut mary, _)] = cast(server, ["John", "Mary"]);
        john.send_text(r#"{"type":"message","username":"John","text":"Hello everyone!"}"#);
        next_message(&mut mary);
        let status = get(server.address, "/api/status").json();
        assert_eq!(status["status"], "running");
        assert_eq!(status["activeConnections"], 2);
        assert_eq!(status["totalMessages"], 1);
        // Two connections, two joins, one message.
        assert_eq!(status["totalEvents"], 5);
        assert!(status["uptime"].is_u64());
        assert!(is_rfc3339(&status["startTime"]) && is_rfc3339(&status["currentTime"]));
        let names: Vec<&String> = status.as_object().expect("an object").keys().collect();
        let mut wanted = [
            "status",
            "uptime",
            "startTime",
            "currentTime",
            "activeConnections",
            "totalMessages",
            "totalEvents",
        ];
        wanted.sort_unstable();
        assert_eq!(names, wanted);
        drop(mary);
        wait_for("one connection less", || {
            let status = get(server.address, "/api/status").json();
            (status["activeConnections"] == 1).then_some(())
        });
    });
}

#[test]
fn monitoring_lists_connections_messages_and_events() {
    on_one_and_two_cores(|server| {
        let [(mut john, id)] = cast(server, ["John"]);
        let message = json!({
            "type": "message", "username": "John", "text": "Hello everyone!", "price": 129999,
        });
        john.send_text(&message.to_string());
        next_message(&mut john);
        john.send_text(r#"{"type":"typing","username":"John","isTyping":true}"#);
        let all = monitoring(server, "everything told", |all| {
            all["recentEvents"].as_array().is_some_and(|events| events.len() == 4)
                && all["connections"][0]["messagesSent"] == 1
        });
        let one = &all["connections"][0];
        assert_eq!(one["id"], id);
        assert_eq!(one["username"], "John");
        assert!(is_rfc3339(&one["connectedAt"]) && is_rfc3339(&one["lastActivity"]));
        assert_eq!(one.as_object().expect("an object").len(), 5);
        assert_eq!(all["totalConnections"], 1);
        assert_eq!((&all["totalMessages"], &all["totalEvents"]), (&1.into(), &4.into()));
        assert!(all["uptime"].is_u64());
        assert_eq!(all.as_object().expect("an object").len(), 7);
        let mut kept = all["recentMessages"][0].clone();
        assert!(is_rfc3339(&kept["timestamp"].take()));
        let wanted = json!({
            "id": id, "username": "John", "text": "Hello everyone!", "price": 129999,
            "timestamp": null,
        });
        assert_eq!(kept, wanted);
        let events = all["recentEvents"].as_array().expect("a list");
        let types: Vec<&str> = events.iter().filter_map(|one| one["type"].as_str()).collect();
        assert_eq!(types, ["connection", "join", "message", "typing"]);
        assert!(events.iter().all(|one| is_rfc3339(&one["timestamp"]) && one["id"] == id));
        assert_eq!(events[1]["username"], "John");
        drop(john);
        let all = monitoring(server, "the disconnection", |all| {
            all["recentEvents"].as_array().is_some_and(|events| events.len() == 5)
                && all["connections"] == json!([])
        });
        assert_eq!(all["recentEvents"][4]["type"], "disconnection");
        assert_eq!(all["totalConnections"], 0);
    });
}

#[test]
fn the_last_hundred_messages_and_five_hundred_events_are_kept_and_all_are_counted() {
    let server = serve("1");
    let [(mut john, _)] = cast(&server, ["John"]);
    for number in 0..520 {
        john.send_text(&json!({ "type": "message", "text": number.to_string() }).to_string());
        next_message(&mut john);
    }
    let all = monitoring(&server, "the last message", |all| {
        all["recentMessages"][99]["text"] == "519" && all["connections"][0]["messagesSent"] == 520
    });
    assert_eq!(all["recentMessages"].as_array().map(Vec::len), Some(100));
    assert_eq!(all["recentMessages"][0]["text"], "420");
    assert_eq!(all["recentEvents"].as_array().map(Vec::len), Some(500));
    assert_eq!((&all["totalMessages"], &all["totalEvents"]), (&520.into(), &522.into()));
}

#[test]
fn pages_and_files_are_served_and_nothing_outside_their_folder() {
    let server = serve("1");
    for (path, holds) in [("/", "id=\"messages\""), ("/admin", "id=\"entries\"")] {
        let page = get(server.address, path);
        assert_eq!(page.status, 200, "{path}");
        assert!(page.head.to_lowercase().contains("content-type: text/html"), "{}", page.head);
        assert!(page.head.contains("default-src 'none'"), "{}", page.head);
        assert!(page.body.contains(holds), "{path}");
        assert!(!page.body.contains("{{"), "{path}");
    }
    let folder = std::env::temp_dir().join(format!("shardwire-hall-{}", std::process::id()));
    std::fs::create_dir_all(folder.join("public")).expect("a folder");
    std::fs::write(folder.join("public/hello.txt"), "hello").expect("a file");
    std::fs::write(folder.join("secret.txt"), "secret").expect("a file");
    let file = folder.join("config.yaml");
    std::fs::copy(example(), &file).expect("a copy");
    let server = serve_file(&file, "1");
    assert_eq!(get(server.address, "/hello.txt").body, "hello");
    for outside in ["/../secret.txt", "/%2e%2e/secret.txt", "/..%2fsecret.txt", "//secret.txt"] {
        let answer = get(server.address, outside);
        assert!(answer.status >= 400 && !answer.body.contains("secret\n"), "{outside}");
        assert_ne!(answer.body, "secret", "{outside}");
    }
    let _ = std::fs::remove_dir_all(&folder);
}

#[test]
fn pages_of_every_site_may_read_and_connect() {
    let server = serve("1");
    let origin = "Origin: https://elsewhere.example\r\n";
    let answer = http(server.address, "GET", "/api/status", origin, "");
    assert!(answer.head.to_lowercase().contains("access-control-allow-origin: *"));
    let asks = format!("{origin}Access-Control-Request-Method: PUT\r\n");
    let preflight = http(server.address, "OPTIONS", "/api/status", &asks, "");
    assert!(preflight.status < 300, "{}", preflight.head);
    assert!(preflight.head.to_uppercase().contains("PUT"), "{}", preflight.head);
}

#[test]
fn ports_and_times_are_those_of_the_description() {
    let compiled = |port: Option<&str>| {
        let text = std::fs::read_to_string(example()).expect("the example");
        let environment: Environment = port.map(|port| ("PORT", port)).into_iter().collect();
        let options = Options { secret: SecretPolicy::Demand };
        let source = Source::new("chat-server.yaml", text);
        config::compile(&source, &environment, &options).expect("compiles").settings
    };
    let settings = compiled(None);
    assert_eq!(settings.server.addresses[0].port(), 3000);
    assert_eq!(compiled(Some("8080")).server.addresses[0].port(), 8080);
    let second = 1_000_000_000;
    assert_eq!(settings.transport.ping_interval_ns, 54 * second);
    assert_eq!(settings.transport.read_timeout_ns, 60 * second);
    assert_eq!(settings.transport.write_timeout_ns, 10 * second);
    assert_eq!((settings.monitor.messages_max, settings.monitor.events_max), (100, 500));
}
