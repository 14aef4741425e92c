//! The two answers to an upgrade request: 101 and a refusal.
//!
//! Invariants: a refusal closes the connection, so bytes behind a refused upgrade are never taken
//! for a request (RFC 9931). Nothing from a client enters a header but a checked token.

use std::io::Write;

use serde_json::json;

use super::negotiation::write_accepted;
use super::tokens::is_token;
use super::upgrade::Upgrade;

/// Appends the 101. The subprotocol agreed on is echoed, else `extra_subprotocol`: the name that
/// accompanied a token, if it is a token in HTTP's sense.
pub fn write_101(out: &mut Vec<u8>, upgrade: &Upgrade<'_>, extra_subprotocol: Option<&str>) {
    out.extend_from_slice(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n");
    out.extend_from_slice(b"Connection: Upgrade\r\n");
    write_header(out, "Sec-WebSocket-Accept", &upgrade.accept);
    let extra = extra_subprotocol.filter(|name| is_token(name.as_bytes()));
    if let Some(name) = upgrade.subprotocol.or(extra) {
        write_header(out, "Sec-WebSocket-Protocol", name);
    }
    if let Some(agreed) = &upgrade.deflate {
        out.extend_from_slice(b"Sec-WebSocket-Extensions: ");
        write_accepted(out, agreed);
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(b"\r\n");
}

/// Appends a refusal with a JSON body. Headers that a status demands are added unless
/// `extra_headers` has them; those are the server's own text, never a client's.
pub fn write_refusal(
    out: &mut Vec<u8>,
    status: u16,
    code: &str,
    message: &str,
    extra_headers: &[(&str, &str)],
) {
    let body = json!({ "error": code, "message": message }).to_string();
    // Writing into a vector cannot fail.
    let _ = write!(out, "HTTP/1.1 {status} {}\r\n", phrase(status));
    write_header(out, "Content-Type", "application/json");
    write_header(out, "Content-Length", &body.len().to_string());
    write_header(out, "Cache-Control", "no-store");
    for (name, value) in extra_headers {
        write_header(out, name, value);
    }
    let is_extra = |name| extra_headers.iter().any(|(extra, _)| name_is(extra, name));
    for (name, value) in demanded(status).iter().filter(|(name, _)| !is_extra(name)) {
        write_header(out, name, value);
    }
    out.extend_from_slice(b"\r\n");
    out.extend_from_slice(body.as_bytes());
}

fn name_is(one: &str, other: &str) -> bool {
    one.eq_ignore_ascii_case(other)
}

fn write_header(out: &mut Vec<u8>, name: &str, value: &str) {
    debug_assert!(!value.contains(['\r', '\n']));
    for part in [name, ": ", value, "\r\n"] {
        out.extend_from_slice(part.as_bytes());
    }
}

/// What an answer must carry by its status (RFC 9110 sections 11.6.1, 15.5.22 and 10.2.3; RFC 6455
/// section 4.4). A sender of `Upgrade` names it in `Connection`, too (RFC 9110 section 7.8).
fn demanded(status: u16) -> &'static [(&'static str, &'static str)] {
    match status {
        401 => &[("Connection", "close"), ("WWW-Authenticate", "Bearer")],
        405 => &[("Connection", "close"), ("Allow", "GET")],
        426 => &[
            ("Connection", "close, Upgrade"),
            ("Upgrade", "websocket"),
            ("Sec-WebSocket-Version", "13"),
        ],
        429 | 503 => &[("Connection", "close"), ("Retry-After", "1")],
        _ => &[("Connection", "close")],
    }
}

fn phrase(status: u16) -> &'static str {
    match status {
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        408 => "Request Timeout",
        413 => "Content Too Large",
        426 => "Upgrade Required",
        429 => "Too Many Requests",
        431 => "Request Header Fields Too Large",
        503 => "Service Unavailable",
        _ => "Refused",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ws::deflate::Negotiated;

    fn refusal(status: u16, extra: &[(&str, &str)]) -> String {
        let mut out = Vec::new();
        write_refusal(&mut out, status, "co\"de", "a\nb", extra);
        String::from_utf8(out).unwrap()
    }

    fn switching(upgrade: &Upgrade<'_>, extra: Option<&str>) -> String {
        let mut out = Vec::new();
        write_101(&mut out, upgrade, extra);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_refusal_is_whole_and_closes() {
        let text = refusal(400, &[]);
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with("HTTP/1.1 400 Bad Request\r\n"));
        assert!(head.contains(&format!("\r\nContent-Length: {}\r\n", body.len())));
        assert!(head.ends_with("\r\nConnection: close"));
        let body: serde_json::Value = serde_json::from_str(body).unwrap();
        assert_eq!(body, json!({ "error": "co\"de", "message": "a\nb" }));
    }

    #[test]
    fn a_status_brings_what_it_demands_unless_the_caller_did() {
        assert!(refusal(426, &[]).contains("\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13"));
        assert!(refusal(401, &[]).contains("\r\nWWW-Authenticate: Bearer\r\n"));
        assert!(refusal(503, &[]).contains("\r\nRetry-After: 1\r\n"));
        let own = refusal(429, &[("retry-after", "7")]);
        assert!(own.contains("\r\nretry-after: 7\r\n") && !own.contains("Retry-After"));
        for status in [400, 401, 403, 404, 405, 408, 413, 426, 429, 431, 503] {
            let text = refusal(status, &[]);
            assert!(text.contains("\r\nConnection: close"), "{status}");
            assert!(!text.contains("Refused"), "{status}");
        }
    }

    #[test]
    fn a_101_tells_all_that_was_agreed_on() {
        let deflate = Negotiated {
            server_no_context_takeover: true,
            client_no_context_takeover: true,
            server_bits: 12,
            client_bits: 15,
            server_bits_offered: true,
        };
        let mut upgrade = Upgrade { accept: "abc".into(), subprotocol: None, deflate: None };
        let plain = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\
            Connection: Upgrade\r\nSec-WebSocket-Accept: abc\r\n";
        assert_eq!(switching(&upgrade, None), format!("{plain}\r\n"));
        let named = format!("{plain}Sec-WebSocket-Protocol: token\r\n\r\n");
        assert_eq!(switching(&upgrade, Some("token")), named);
        assert_eq!(switching(&upgrade, Some("a\r\nX: y")), format!("{plain}\r\n"));
        upgrade.subprotocol = Some("chat");
        upgrade.deflate = Some(deflate);
        let full = switching(&upgrade, Some("token"));
        assert!(full.contains("\r\nSec-WebSocket-Protocol: chat\r\n"));
        assert!(full.contains(
            "\r\nSec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover; \
             client_no_context_takeover; server_max_window_bits=12\r\n\r\n"
        ));
    }
}
