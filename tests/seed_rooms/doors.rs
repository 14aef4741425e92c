//! Who gets in, by which way, in which form: tokens, origins, text and binary, compression, the
//! end.

use serde_json::json;

use super::place::{connect, hear, hears_nothing, join, server, token};
use crate::support::Server;
use crate::support::client::{Chatter, http, raw};

#[test]
fn a_token_comes_by_query_or_header_and_must_be_good() {
    let server = server("1", &[]);
    let ada = token("ada", &[]);
    let by_query = |token: &str| {
        Chatter::open_at(server.address, &format!("/ws?token={token}"), "x-nothing", "else")
    };
    let by_header = |text: &str| Chatter::try_connect(server.address, text);
    for mut client in [by_query(&ada), by_header(&format!("Bearer {ada}"))].into_iter().flatten() {
        join(&mut client, "ada", "general");
    }
    assert_eq!(by_query("jwt-token").err(), Some(401));
    assert_eq!(by_query("").err(), Some(401));
    assert_eq!(by_header("Bearer jwt-token").err(), Some(401));
    assert_eq!(by_header("Basic YTpi").err(), Some(401));
    let by_cookie = format!("session-token={ada}");
    let refused = Chatter::open_at(server.address, "/ws", "cookie", &by_cookie).err();
    assert_eq!(refused, Some(401), "only these two ways");
}

#[test]
fn without_tokens_every_connection_is_a_user_of_its_own() {
    let server = server("2", &[("SHARDWIRE_AUTH_MODE", "none")]);
    let mut plain = [Chatter::connect(server.address, ""), Chatter::connect(server.address, "")];
    let mut ids = Vec::new();
    for client in &mut plain {
        client.send_text(r#"{"event":"join","data":{"room":"lobby"}}"#);
        assert_eq!(client.frame()["event"], "joined");
        ids.push(client.frame()["data"]["user"].as_str().expect("an id").to_owned());
    }
    assert_ne!(ids[0], ids[1]);
    hear(&mut plain[0], "user_joined", &json!({ "user": ids[1] }));
    let [one, other] = &mut plain;
    let dm = json!({ "event": "dm", "data": { "to": ids[1], "content": "hi" } });
    one.send_text(&dm.to_string());
    hear(other, "dm", &json!({ "from": ids[0], "content": "hi" }));
    hears_nothing(other);
}

#[test]
fn pages_of_all_origins_may_connect_unless_some_are_named() {
    let from = |server: &Server, origin: &str| {
        let path = format!("/ws?token={}", token("ada", &[]));
        Chatter::open_at(server.address, &path, "origin", origin).err()
    };
    let open = server("1", &[]);
    assert_eq!(from(&open, "https://anywhere.example"), None);
    let listed = "https://app.example.com, https://*.example.org";
    let some = server("1", &[("WS_ALLOWED_ORIGINS", listed)]);
    assert_eq!(from(&some, "https://app.example.com"), None);
    assert_eq!(from(&some, "https://chat.example.org"), None);
    assert_eq!(from(&some, "https://anywhere.example"), Some(403));
    connect(&some, "ada");
}

#[test]
fn a_message_may_be_text_or_binary() {
    let server = server("1", &[]);
    let mut ada = connect(&server, "ada");
    ada.send_binary(br#"{"event":"join","data":{"room":"general"}}"#);
    hear(&mut ada, "joined", &json!({ "room": "general" }));
    hear(&mut ada, "user_joined", &json!({ "user": "ada" }));
    ada.send_binary(&[0xff, 0x00]);
    assert_eq!(ada.frame()["data"]["code"], "bad_json");
}

/// The handshake's answer, to a client that offers compression.
fn offered(server: &Server) -> String {
    let request = format!(
        "GET /ws?token={} HTTP/1.1\r\nHost: {}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n",
        token("ada", &[]),
        server.address
    );
    // A close frame, masked with zeros: the server answers it and closes.
    let mut bytes = request.into_bytes();
    bytes.extend([0x88, 0x80, 0, 0, 0, 0]);
    raw(server.address, &bytes).to_ascii_lowercase()
}

#[test]
fn compression_is_on_unless_it_is_switched_off() {
    let on = offered(&server("1", &[]));
    assert!(on.starts_with("http/1.1 101") && on.contains("permessage-deflate"), "{on}");
    let off = offered(&server("1", &[("WS_ENABLE_COMPRESSION", "false")]));
    assert!(off.starts_with("http/1.1 101") && !off.contains("permessage-deflate"), "{off}");
}

/// `Close` of the server: connections end with a reason, the process with status 0.
#[test]
fn closing_the_server_says_goodbye_to_everybody() {
    let mut server = server("2", &[]);
    let mut all: Vec<Chatter> = (0..6).map(|n| connect(&server, &format!("user{n}"))).collect();
    server.signal("TERM");
    for one in &mut all {
        assert_eq!(one.close_code(), Some(1001));
    }
    drop(all);
    assert_eq!(server.ended().code(), Some(0), "{}", server.log());
}

#[test]
fn metrics_are_for_this_machine() {
    let server = server("1", &[]);
    let page = http(server.address, "GET", "/metrics", "", "");
    assert!(page.status == 200 && page.body.contains("shardwire_connections"), "{}", page.head);
    let proxied = http(server.address, "GET", "/metrics", "X-Forwarded-For: 203.0.113.7\r\n", "");
    assert_eq!(proxied.status, 403);
}
