//! `http.keepAlive`: several requests on one connection, where nothing speaks against it.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;

use crate::support::{PATIENCE, Server};
use crate::{Site, header};

/// A connection that is read answer by answer.
struct Kept {
    stream: BufReader<TcpStream>,
}

impl Kept {
    fn open(server: &Server) -> Kept {
        let stream = TcpStream::connect(server.address).expect("connects");
        stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        Kept { stream: BufReader::new(stream) }
    }

    fn write(&mut self, text: &str) {
        self.stream.get_mut().write_all(text.as_bytes()).expect("writes");
    }

    /// The head of the next answer, read with its body; `None` at the end of the connection.
    fn answer(&mut self) -> Option<String> {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if self.stream.read_line(&mut head).unwrap_or(0) == 0 {
                return None;
            }
        }
        let bytes = header(&head, "content-length").and_then(|text| text.parse().ok()).unwrap_or(0);
        let mut body = vec![0; bytes];
        self.stream.read_exact(&mut body).expect("a body");
        Some(head)
    }

    fn ask(&mut self, path: &str, more: &str) -> Option<String> {
        self.write(&format!("GET {path} HTTP/1.1\r\nHost: x\r\n{more}\r\n"));
        self.answer()
    }

    fn has_ended(&mut self) -> bool {
        matches!(self.stream.read(&mut [0]), Ok(0) | Err(_))
    }
}

const KEPT: &str = "http: { keepAlive: true, routes: { /v: { text: v } } }\n";

#[test]
fn a_connection_carries_many_requests_pipelined_ones_too() {
    let site = Site::new("kept", KEPT);
    let server = site.serve(&[]);
    let mut kept = Kept::open(&server);
    for path in ["/v", "/nothing", "/health", "/v"].repeat(20) {
        let head = kept.ask(path, "").expect("an answer");
        assert_eq!(header(&head, "connection"), None);
    }
    kept.write(&"GET /v HTTP/1.1\r\nHost: x\r\n\r\n".repeat(50));
    for n in 0..50 {
        assert!(kept.answer().is_some_and(|head| head.starts_with("HTTP/1.1 200")), "{n}");
    }
    kept.ask("/v", "Connection: close\r\n").expect("an answer");
    assert!(kept.has_ended());
}

/// Whatever a proxy might do with the connection later, it is a new one.
#[test]
fn what_came_through_a_proxy_is_the_last_on_its_connection() {
    let site = Site::new("proxied", KEPT);
    let server = site.serve(&[]);
    for line in ["X-Forwarded-For: 10.0.0.1", "Forwarded: for=x", "Via: 1.1 p", "X-Real-IP: x"] {
        let mut kept = Kept::open(&server);
        let head = kept.ask("/v", &format!("{line}\r\n")).expect("an answer");
        assert_eq!(header(&head, "connection"), Some("close"), "{line}");
        assert!(kept.has_ended());
    }
    let mut kept = Kept::open(&server);
    kept.ask("/v", "").expect("an answer");
    let upgrade = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
                   Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    let head = kept.ask("/ws", upgrade).expect("an answer");
    assert!(head.starts_with("HTTP/1.1 421"), "{head}");
    assert!(kept.has_ended());
}

/// Of two hosts one reader takes the first and the next one the last (RFC 9112 section 3.2).
#[test]
fn a_request_whose_host_is_in_doubt_is_refused_as_the_first_and_as_a_later_one() {
    let site = Site::new("hosts", KEPT);
    let server = site.serve(&[]);
    for path in ["/v", "/health", "/ws", "/nothing"] {
        for hosts in ["", "Host: x\r\nHost: x\r\n", "Host: x\r\nhost: y\r\n", "Host: x/y\r\n"] {
            let request = format!("GET {path} HTTP/1.1\r\n{hosts}\r\n");
            let mut first = Kept::open(&server);
            first.write(&request);
            let head = first.answer().expect("an answer");
            assert!(head.starts_with("HTTP/1.1 400"), "{path} {hosts}: {head}");
            assert!(first.has_ended());
            let mut later = Kept::open(&server);
            assert!(later.ask("/v", "").is_some_and(|head| head.starts_with("HTTP/1.1 200")));
            later.write(&request);
            let head = later.answer().expect("an answer");
            assert!(head.starts_with("HTTP/1.1 400"), "{path} {hosts}: {head}");
            assert!(later.has_ended());
        }
    }
    let mut old = Kept::open(&server);
    old.write("GET /v HTTP/1.0\r\n\r\n");
    assert!(old.answer().is_some_and(|head| head.starts_with("HTTP/1.0 200")));
}

#[test]
fn without_the_option_the_first_answer_is_the_last() {
    let site = Site::new("not-kept", "");
    let server = site.serve(&[]);
    let mut kept = Kept::open(&server);
    let head = kept.ask("/health", "Connection: keep-alive\r\n").expect("an answer");
    assert_eq!(header(&head, "connection"), Some("close"));
    assert!(kept.has_ended());
}

/// Quiet connections take places; the others get theirs all the same.
#[test]
fn many_quiet_connections_leave_room_for_a_request() {
    let site = Site::new("quiet", KEPT);
    let server = site.serve(&[]);
    let mut open: Vec<Kept> = Vec::new();
    let mut refused = 0;
    for _ in 0..120 {
        let mut kept = Kept::open(&server);
        let head = kept.ask("/v", "").expect("an answer");
        match header(&head, "connection") {
            None => open.push(kept),
            Some(_) => refused += 1,
        }
    }
    assert!(refused > 0 && !open.is_empty(), "{refused} of {} were refused", open.len() + refused);
    let mut last = Kept::open(&server);
    assert!(last.ask("/v", "").is_some());
}
