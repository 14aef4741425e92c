//! The opening handshake from the client's end (RFC 6455 section 4.1).
//!
//! Invariants: the key is the same for every connection of every run, so that its answer is known
//! beforehand; a server must not care.

use std::io::Write;

use super::adapter::Upgrade;

/// The example of RFC 6455 section 1.3, and the answer to it.
const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

/// Bytes of an answer at most.
pub const ANSWER_BYTES_MAX: usize = 32 * 1024;

/// Header lines of an answer at most.
const HEADERS_MAX: usize = 64;

/// Characters of a refusal's body that are shown.
const SHOWN_MAX: usize = 200;

/// What an answer is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Not all of it is there.
    Incomplete,
    /// A 101; frames begin behind so many bytes.
    Switched(usize),
    /// Anything else, in words.
    Refused(String),
}

/// Appends the request.
pub fn write_request(out: &mut Vec<u8>, host: &str, upgrade: &Upgrade) {
    // Writing into a vector cannot fail.
    let _ = write!(
        out,
        "GET {} HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {KEY}\r\n",
        upgrade.target
    );
    for (name, value) in &upgrade.headers {
        let _ = write!(out, "{name}: {value}\r\n");
    }
    if let Some(protocol) = &upgrade.subprotocol {
        let _ = write!(out, "Sec-WebSocket-Protocol: {protocol}\r\n");
    }
    out.extend_from_slice(b"\r\n");
}

/// What these bytes answer. `is_all` where the server has closed.
pub fn read_answer(bytes: &[u8], is_all: bool) -> Outcome {
    let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
    let mut answer = httparse::Response::new(&mut headers);
    let head_bytes = match answer.parse(bytes) {
        Ok(httparse::Status::Complete(bytes)) => bytes,
        Ok(httparse::Status::Partial) if !is_all && bytes.len() < ANSWER_BYTES_MAX => {
            return Outcome::Incomplete;
        }
        Ok(httparse::Status::Partial) if bytes.is_empty() => {
            return Outcome::Refused("the server closed without an answer".into());
        }
        _ => return Outcome::Refused("the answer is not HTTP/1.1".into()),
    };
    let body = &bytes[head_bytes..];
    match answer.code {
        Some(101) if header(&answer, "sec-websocket-accept") == Some(ACCEPT) => {
            Outcome::Switched(head_bytes)
        }
        Some(101) => Outcome::Refused("HTTP 101 with a wrong Sec-WebSocket-Accept".into()),
        _ if !is_all && body.len() < body_bytes(&answer) => Outcome::Incomplete,
        code => Outcome::Refused(refusal(code.unwrap_or_default(), body)),
    }
}

fn header<'a>(answer: &httparse::Response<'_, 'a>, name: &str) -> Option<&'a str> {
    let found = answer.headers.iter().find(|header| header.name.eq_ignore_ascii_case(name))?;
    std::str::from_utf8(found.value).ok().map(str::trim)
}

/// Bytes worth waiting for.
fn body_bytes(answer: &httparse::Response<'_, '_>) -> usize {
    let length = header(answer, "content-length").and_then(|length| length.parse().ok());
    length.unwrap_or(0).min(ANSWER_BYTES_MAX)
}

fn refusal(code: u16, body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body);
    let shown: String = text.trim().chars().take(SHOWN_MAX).collect();
    format!("HTTP {code}: {shown}").trim_end_matches(": ").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SWITCHED: &[u8] = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\
        Connection: Upgrade\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";

    #[test]
    fn the_known_answer_is_that_of_the_key() {
        assert_eq!(tungstenite::handshake::derive_accept_key(KEY.as_bytes()), ACCEPT);
    }

    #[test]
    fn frames_begin_behind_the_101_however_it_is_cut() {
        let bytes = [SWITCHED, &[0x81, 0]].concat();
        for cut in 0..SWITCHED.len() {
            assert_eq!(read_answer(&bytes[..cut], false), Outcome::Incomplete, "{cut}");
        }
        assert_eq!(read_answer(&bytes, false), Outcome::Switched(SWITCHED.len()));
    }

    #[test]
    fn a_refusal_is_told_with_its_body() {
        let bytes = b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 10\r\n\r\n{\"no\":\"t\"}";
        assert_eq!(read_answer(&bytes[..50], false), Outcome::Incomplete);
        let refused = Outcome::Refused("HTTP 401: {\"no\":\"t\"}".into());
        assert_eq!(read_answer(bytes, false), refused);
        let bare = Outcome::Refused("HTTP 503".into());
        assert_eq!(read_answer(b"HTTP/1.1 503 x\r\n\r\n", false), bare);
        assert!(
            matches!(read_answer(b"", true), Outcome::Refused(text) if text.contains("closed"))
        );
        assert!(matches!(read_answer(b"SSH-2.0\r\n\r\n", false), Outcome::Refused(_)));
    }

    #[test]
    fn the_request_has_what_an_upgrade_needs() {
        let upgrade = Upgrade {
            target: "/ws?x=1".into(),
            headers: vec![("Authorization", "Bearer t".into())],
            subprotocol: Some("chat".into()),
        };
        let mut out = Vec::new();
        write_request(&mut out, "127.0.0.1:9", &upgrade);
        let text = String::from_utf8(out).unwrap();
        assert!(text.starts_with("GET /ws?x=1 HTTP/1.1\r\nHost: 127.0.0.1:9\r\n"));
        assert!(
            text.contains("\r\nAuthorization: Bearer t\r\nSec-WebSocket-Protocol: chat\r\n\r\n")
        );
    }
}
