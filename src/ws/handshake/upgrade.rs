//! What a client's opening handshake must hold (RFC 6455 section 4.2.1) and what is agreed on.
//!
//! Invariants: the rules are checked in one order, message framing first: a request whose end two
//! parsers could see at different places is refused before anything else is believed. The path is
//! the caller's business. An `Upgrade` holds nothing that a client wrote.

use super::Head;
use super::negotiation::negotiate;
use super::tokens::{elements, is_host, is_token};
use crate::settings::Compression;
use crate::ws::deflate::Negotiated;

/// The side of the server in the negotiation.
#[derive(Clone, Copy, Debug)]
pub struct UpgradeRules<'r> {
    /// In order of preference.
    pub subprotocols: &'r [String],
    pub compression: &'r Compression,
}

/// A handshake that may be answered with 101.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Upgrade<'r> {
    /// The value of `Sec-WebSocket-Accept`.
    pub accept: String,
    /// One of the rules' subprotocols.
    pub subprotocol: Option<&'r str>,
    pub deflate: Option<Negotiated>,
}

macro_rules! refusals {
    ($($(#[$doc:meta])* $name:ident = $status:literal $code:literal $message:literal,)*) => {
        /// The rule a handshake broke.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum UpgradeRefusal { $($(#[$doc])* $name,)* }

        impl UpgradeRefusal {
            /// Every refusal, in table order.
            pub const ALL: &'static [UpgradeRefusal] = &[$(UpgradeRefusal::$name,)*];

            /// The status of the answer.
            pub fn status(self) -> u16 {
                match self { $(UpgradeRefusal::$name => $status,)* }
            }

            /// The stable code a client sees.
            pub fn code(self) -> &'static str {
                match self { $(UpgradeRefusal::$name => $code,)* }
            }

            /// The sentence a client sees.
            pub fn message(self) -> &'static str {
                match self { $(UpgradeRefusal::$name => $message,)* }
            }
        }
    };
}

refusals! {
    /// A coding would let the request end elsewhere (RFC 9112 section 6.1, request smuggling).
    TransferEncoding = 400 "transfer_encoding" "an upgrade request has no transfer coding",
    /// Not one number.
    ContentLength = 400 "content_length" "the content length is not valid",
    /// A body behind an upgrade request would be taken for frames.
    Body = 413 "body" "an upgrade request has no body",
    /// RFC 6455 section 4.2.1, item 1.
    HttpVersion = 400 "http_version" "an upgrade needs HTTP/1.1",
    /// RFC 6455 section 4.2.1, item 1.
    Method = 400 "method" "an upgrade is a GET request",
    /// RFC 9112 section 3.2: exactly one, a valid one; not empty where a WebSocket is asked for.
    Host = 400 "host" "the request needs exactly one host",
    /// RFC 6455 section 4.2.1, item 3.
    NoUpgrade = 426 "upgrade_required" "this is a WebSocket endpoint",
    /// RFC 6455 section 4.2.1, item 4.
    NoConnectionUpgrade = 400 "connection" "the Connection header lacks upgrade",
    /// RFC 6455 section 4.2.1, item 6, and section 4.4.
    Version = 426 "websocket_version" "the WebSocket version is 13",
    /// RFC 6455 section 4.2.1, item 5: one, 16 bytes in base64.
    Key = 400 "websocket_key" "the Sec-WebSocket-Key is not valid",
    /// RFC 6455 section 4.1, item 10: tokens.
    Subprotocol = 400 "websocket_protocol" "the Sec-WebSocket-Protocol is not valid",
    /// RFC 6455 section 9.1.
    Extensions = 400 "websocket_extensions" "the Sec-WebSocket-Extensions is not valid",
}

/// Whether the request asks for a WebSocket at all, well or badly.
pub fn is_upgrade(head: &Head<'_, '_>) -> bool {
    has_token(head, "upgrade", b"websocket")
}

/// Whether two parsers would take the request for the same host (RFC 9112 section 3.2); what is no
/// upgrade may leave it empty and, in HTTP/1.0, out.
pub fn check_host(head: &Head<'_, '_>) -> Result<(), UpgradeRefusal> {
    let mut hosts = head.all("host");
    match (hosts.next(), hosts.next()) {
        (Some(host), None) if is_host(host) => Ok(()),
        (None, _) if head.version < 1 => Ok(()),
        _ => Err(UpgradeRefusal::Host),
    }
}

/// Checks the handshake and chooses what to agree on.
pub fn upgrade<'r>(
    head: &Head<'_, '_>,
    rules: &UpgradeRules<'r>,
) -> Result<Upgrade<'r>, UpgradeRefusal> {
    check_framing(head)?;
    check_request(head)?;
    check_websocket(head)?;
    let key = key(head).ok_or(UpgradeRefusal::Key)?;
    let subprotocol = choose_subprotocol(head, rules.subprotocols)?;
    let deflate = negotiate(head.all("sec-websocket-extensions"), rules.compression)
        .map_err(|_| UpgradeRefusal::Extensions)?;
    let accept = tungstenite::handshake::derive_accept_key(key);
    Ok(Upgrade { accept, subprotocol, deflate })
}

fn check_framing(head: &Head<'_, '_>) -> Result<(), UpgradeRefusal> {
    if head.header("transfer-encoding").is_some() {
        return Err(UpgradeRefusal::TransferEncoding);
    }
    let mut lengths = head.all("content-length");
    match (lengths.next(), lengths.next()) {
        (None, _) => Ok(()),
        (Some(length), None) if is_number(length) => {
            let is_zero = length.iter().all(|&digit| digit == b'0');
            if is_zero { Ok(()) } else { Err(UpgradeRefusal::Body) }
        }
        _ => Err(UpgradeRefusal::ContentLength),
    }
}

fn is_number(value: &[u8]) -> bool {
    !value.is_empty() && value.iter().all(u8::is_ascii_digit)
}

fn check_request(head: &Head<'_, '_>) -> Result<(), UpgradeRefusal> {
    if head.version < 1 {
        return Err(UpgradeRefusal::HttpVersion);
    }
    if head.method != "GET" {
        return Err(UpgradeRefusal::Method);
    }
    check_host(head)?;
    head.header("host").filter(|host| !host.is_empty()).map(drop).ok_or(UpgradeRefusal::Host)
}

fn check_websocket(head: &Head<'_, '_>) -> Result<(), UpgradeRefusal> {
    if !is_upgrade(head) {
        return Err(UpgradeRefusal::NoUpgrade);
    }
    if !has_token(head, "connection", b"upgrade") {
        return Err(UpgradeRefusal::NoConnectionUpgrade);
    }
    if only(head, "sec-websocket-version") != Some(b"13") {
        return Err(UpgradeRefusal::Version);
    }
    Ok(())
}

/// The value of a header that must come exactly once.
fn only<'b>(head: &Head<'_, 'b>, name: &str) -> Option<&'b [u8]> {
    let mut all = head.all(name);
    all.next().filter(|_| all.next().is_none())
}

fn has_token(head: &Head<'_, '_>, name: &str, token: &[u8]) -> bool {
    elements(head.all(name)).any(|element| element.eq_ignore_ascii_case(token))
}

/// The key as it was sent: 16 bytes are 22 characters of base64 and two of padding.
fn key<'b>(head: &Head<'_, 'b>) -> Option<&'b [u8]> {
    let is_base64 = |&byte: &u8| byte.is_ascii_alphanumeric() || byte == b'+' || byte == b'/';
    let key = only(head, "sec-websocket-key")?;
    let digits = key.strip_suffix(b"==")?;
    (digits.len() == 22 && digits.iter().all(is_base64)).then_some(key)
}

/// The first of ours that the client offers, too.
fn choose_subprotocol<'r>(
    head: &Head<'_, '_>,
    ours: &'r [String],
) -> Result<Option<&'r str>, UpgradeRefusal> {
    let offers = || elements(head.all("sec-websocket-protocol"));
    if !offers().all(is_token) {
        return Err(UpgradeRefusal::Subprotocol);
    }
    let is_offered = |one: &&String| offers().any(|offer| offer == one.as_bytes());
    Ok(ours.iter().find(is_offered).map(String::as_str))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ws::handshake::parse_head;

    const GOOD: &str = "GET /ws HTTP/1.1\r\nHost: server.example.com\r\nUpgrade: websocket\r\n\
        Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
        Sec-WebSocket-Version: 13\r\n\r\n";

    fn judge(request: &str) -> Result<(String, Option<String>, bool), UpgradeRefusal> {
        let ours = ["chat.v2".to_string(), "chat".to_string()];
        let compression = Compression { enabled: true, ..Compression::default() };
        let rules = UpgradeRules { subprotocols: &ours, compression: &compression };
        let mut headers = [httparse::EMPTY_HEADER; 16];
        let head = parse_head(request.as_bytes(), &mut 0, 4_096, &mut headers).unwrap().unwrap();
        upgrade(&head, &rules)
            .map(|good| (good.accept, good.subprotocol.map(str::to_string), good.deflate.is_some()))
    }

    fn refusal(from: &str, to: &str) -> Option<UpgradeRefusal> {
        assert!(GOOD.contains(from), "{from}");
        judge(&GOOD.replace(from, to)).err()
    }

    fn with(lines: &str) -> String {
        GOOD.replace("\r\n\r\n", &format!("\r\n{lines}\r\n\r\n"))
    }

    #[test]
    fn the_example_of_section_1_3() {
        let want = ("s3pPLMBiTxaQ9kYGzzhZRbK+xOo=".to_string(), None, false);
        assert_eq!(judge(GOOD), Ok(want));
    }

    #[test]
    fn header_lists_and_cases_are_as_free_as_http_makes_them() {
        for (from, to) in [
            ("Connection: Upgrade", "Connection: keep-alive, UPGRADE"),
            ("Connection: Upgrade", "Connection: keep-alive\r\nconnection:, upgrade ,"),
            ("Upgrade: websocket", "upgrade: h2c, WebSocket"),
            ("Sec-WebSocket-Version: 13", "sec-websocket-version:13\r\nContent-Length: 0"),
        ] {
            assert_eq!(refusal(from, to), None, "{to}");
        }
    }

    #[test]
    fn each_rule_has_its_refusal() {
        use UpgradeRefusal::*;
        let key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
        let version = "Sec-WebSocket-Version: 13\r\n";
        let host = "Host: server.example.com\r\n";
        for (from, to, want) in [
            ("GET", "POST", Method),
            ("HTTP/1.1", "HTTP/1.0", HttpVersion),
            (host, "", Host),
            (host, "Host:\r\n", Host),
            (host, "Host: a\r\nHost: a\r\n", Host),
            (host, "Host: a b\r\n", Host),
            ("Upgrade: websocket\r\n", "", NoUpgrade),
            ("Upgrade: websocket", "Upgrade: websockets", NoUpgrade),
            ("Upgrade: websocket", "Upgrade: web socket", NoUpgrade),
            ("Connection: Upgrade\r\n", "", NoConnectionUpgrade),
            ("Connection: Upgrade", "Connection: keep-alive", NoConnectionUpgrade),
            (version, "", Version),
            (version, "Sec-WebSocket-Version: 8\r\n", Version),
            (version, "Sec-WebSocket-Version: 13, 8\r\n", Version),
            (version, "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Version: 13\r\n", Version),
            (key, "", Key),
            (key, "Sec-WebSocket-Key:\r\n", Key),
            (key, "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ\r\n", Key),
            (key, "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=A\r\n", Key),
            (key, "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZ!==\r\n", Key),
            (key, "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25j\r\n", Key),
            (key, "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ== x\r\n", Key),
        ] {
            assert_eq!(refusal(from, to), Some(want), "{to}");
        }
        assert_eq!(judge(&GOOD.replace(key, &key.repeat(2))).err(), Some(Key));
        for (lines, want) in [
            ("Transfer-Encoding: chunked", TransferEncoding),
            ("Transfer-Encoding: identity\r\nContent-Length: 0", TransferEncoding),
            ("Content-Length: 1", Body),
            ("Content-Length: 99999999999999999999999", Body),
            ("Content-Length: +0", ContentLength),
            ("Content-Length: 0, 0", ContentLength),
            ("Content-Length:", ContentLength),
            ("Content-Length: 0\r\nContent-Length: 0", ContentLength),
            ("Sec-WebSocket-Protocol: a b", Subprotocol),
            ("Sec-WebSocket-Protocol: a, \"b\"", Subprotocol),
            ("Sec-WebSocket-Extensions: a;", Extensions),
        ] {
            assert_eq!(judge(&with(lines)).err(), Some(want), "{lines}");
        }
    }

    #[test]
    fn the_servers_order_chooses_the_subprotocol() {
        let chosen =
            |offer: &str| judge(&with(&format!("Sec-WebSocket-Protocol: {offer}"))).unwrap().1;
        assert_eq!(chosen("chat, chat.v2").as_deref(), Some("chat.v2"));
        assert_eq!(chosen("x\r\nSec-WebSocket-Protocol: chat").as_deref(), Some("chat"));
        assert_eq!(chosen("Chat, x"), None);
        assert_eq!(chosen(""), None);
    }

    #[test]
    fn an_offer_of_compression_is_taken() {
        let line = "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits";
        assert!(judge(&with(line)).unwrap().2);
    }

    #[test]
    fn any_request_has_one_host_at_most_and_at_least_one_in_1_1() {
        let checked = |version: &str, hosts: &str| {
            let request = format!("GET / {version}\r\n{hosts}\r\n");
            let mut headers = [httparse::EMPTY_HEADER; 4];
            let head = parse_head(request.as_bytes(), &mut 0, 200, &mut headers).unwrap().unwrap();
            check_host(&head)
        };
        for (version, hosts) in
            [("HTTP/1.1", "Host: a\r\n"), ("HTTP/1.1", "Host:\r\n"), ("HTTP/1.0", "")]
        {
            assert_eq!(checked(version, hosts), Ok(()), "{version} {hosts}");
        }
        for (version, hosts) in [
            ("HTTP/1.1", ""),
            ("HTTP/1.1", "Host: a\r\nhost: b\r\n"),
            ("HTTP/1.0", "Host: a\r\nHost: a\r\n"),
            ("HTTP/1.1", "Host: a/b\r\n"),
        ] {
            assert_eq!(checked(version, hosts), Err(UpgradeRefusal::Host), "{version} {hosts}");
        }
    }

    #[test]
    fn a_plain_request_is_no_upgrade() {
        let mut headers = [httparse::EMPTY_HEADER; 4];
        let plain = b"GET /ws HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\n\r\n";
        let head = parse_head(plain, &mut 0, 100, &mut headers).unwrap().unwrap();
        assert!(!is_upgrade(&head));
    }
}
