//! Requests that are no upgrades: the control plane answers them, encrypted.

use crate::kit::{Authority, Folder, PLAIN_TLS, Speaker};
use crate::support::client::{Chatter, get, http, raw};
use crate::support::{Server, wait_for};

fn started(name: &str, environment: &[(&str, &str)]) -> (Authority, Server) {
    let (authority, folder) = (Authority::new("a root"), Folder::new(name));
    folder.put(&authority.issue(&["chat.example"]));
    let config = folder.config(PLAIN_TLS);
    (authority, Server::start(&[&config], environment))
}

#[test]
fn pages_are_served_over_tls() {
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        let (authority, server) = started("pages", &[("SHARDWIRE_SERVER_CORES", "2")]);
        let speaker = Speaker::of_versions(&authority, "chat.example", &[version], None);
        for _ in 0..20 {
            let (answer, ended) = speaker.get(server.address, "/health");
            assert!(answer.starts_with("HTTP/1.1 200 ") && answer.contains("\"ok\""), "{answer}");
            ended.expect("an orderly end");
        }
        let (answer, _) = speaker.get(server.address, "/nothing");
        assert!(answer.starts_with("HTTP/1.1 404 "), "{answer}");
        let (answer, ended) = speaker.get(server.address, "/ws");
        assert!(answer.starts_with("HTTP/1.1 426 "), "{answer}");
        ended.expect("an orderly end");
    }
}

#[test]
fn a_cookie_made_over_tls_is_for_tls_alone() {
    let monitor = [
        ("SHARDWIRE_SERVER_TLS_ADDRESS", "127.0.0.1:0"),
        ("SHARDWIRE_MONITOR_ENABLED", "true"),
        ("SHARDWIRE_MONITOR_TOKEN", "a-token-of-the-tests-0123"),
    ];
    let (authority, server) = started("cookie", &monitor);
    let speaker = Speaker::new(&authority, "chat.example");
    let path = "/api/monitor/logout";
    let (answer, _) = speaker.ask(server.others()[0], "POST", path);
    assert!(answer.contains("SameSite=Strict; Secure\r\n"), "{answer}");
    let plain = http(server.address, "POST", path, "", "").head;
    assert!(plain.contains("SameSite=Strict") && !plain.contains("Secure"), "{plain}");
}

#[test]
fn plain_and_tls_listen_side_by_side_and_neither_takes_the_others_clients() {
    let both = [("SHARDWIRE_SERVER_TLS_ADDRESS", "127.0.0.1:0"), ("SHARDWIRE_SERVER_CORES", "2")];
    let (authority, server) = started("both", &both);
    let (plain, secure) = (server.address, server.others()[0]);
    assert_eq!(get(plain, "/health").status, 200);
    Chatter::connect(plain, "").send_text(r#"{"event":"echo","payload":{"text":"hi"}}"#);
    let speaker = Speaker::new(&authority, "chat.example");
    let mut ada = speaker.connect(secure);
    ada.echoes("over TLS");

    let answer = raw(secure, b"GET / HTTP/1.1\r\nHost: chat.example\r\n\r\n");
    assert!(answer.starts_with("HTTP/1.1 400 ") && answer.contains("wss://"), "{answer}");
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
    assert!(head.contains(&format!("Content-Length: {}", body.len())), "{answer}");
    assert!(speaker.trial(plain).is_err(), "TLS was spoken on the plain port");
    wait_for("the reason", || server.log().contains("\"reason\":\"plain_http\"").then_some(()));
    ada.echoes("still");
}

/// A full server answers before it knows what is asked; the answer waits for the handshake.
#[test]
fn a_refusal_at_the_gate_is_encrypted_too() {
    let (authority, server) = started("gate", &[("SHARDWIRE_SERVER_LIMITS_PERIP", "1")]);
    let speaker = Speaker::new(&authority, "chat.example");
    let mut ada = speaker.connect(server.address);
    ada.echoes("in");
    let (answer, _) = speaker.get(server.address, "/health");
    assert!(answer.starts_with("HTTP/1.1 429 "), "{answer}");
}
