//! Clients for the server under test: plain HTTP over a socket, and WebSockets by tungstenite.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

use serde_json::{Value, json};
use tungstenite::client::IntoClientRequest;
use tungstenite::http::HeaderValue;
use tungstenite::{Message, WebSocket};

use super::PATIENCE;

/// One answer to a request.
pub struct Answer {
    pub status: u16,
    pub head: String,
    pub body: String,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("not JSON: {}", self.body))
    }
}

fn connected(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).expect("connects");
    stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    stream
}

/// Sends these bytes as they are and reads to the end of the connection.
pub fn raw(address: SocketAddr, request: &[u8]) -> String {
    let mut stream = connected(address);
    // The server may refuse and close while we still write.
    let _ = stream.write_all(request);
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    String::from_utf8_lossy(&answer).into_owned()
}

/// One request; the server closes after its answer.
pub fn http(address: SocketAddr, method: &str, path: &str, more: &str, body: &str) -> Answer {
    let length = match body.is_empty() {
        true => String::new(),
        false => format!("Content-Length: {}\r\n", body.len()),
    };
    let host = if more.to_ascii_lowercase().contains("host:") {
        String::new()
    } else {
        format!("Host: {address}\r\n")
    };
    let request = format!("{method} {path} HTTP/1.1\r\n{host}{length}{more}\r\n{body}");
    answer(&raw(address, request.as_bytes()))
}

pub fn get(address: SocketAddr, path: &str) -> Answer {
    http(address, "GET", path, "", "")
}

fn answer(text: &str) -> Answer {
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or((text, ""));
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
    Answer { status, head: head.into(), body: body.into() }
}

/// A token for `sub` from the development page's endpoint.
pub fn dev_token(address: SocketAddr, sub: &str) -> String {
    let body = json!({ "sub": sub }).to_string();
    let answer = http(address, "POST", "/dev/token", "Content-Type: application/json\r\n", &body);
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer.json()["token"].as_str().expect("a token").into()
}

/// A WebSocket that speaks events.
pub struct Chatter {
    socket: WebSocket<TcpStream>,
}

impl Chatter {
    /// Connects with a token in the `Authorization` header.
    pub fn connect(address: SocketAddr, token: &str) -> Chatter {
        Self::try_connect(address, &format!("Bearer {token}"))
            .unwrap_or_else(|status| panic!("refused with {status}"))
    }

    /// Connects as a browser with the original's session cookie does.
    pub fn with_cookie(address: SocketAddr, token: &str) -> Chatter {
        Self::open(address, "cookie", &format!("theme=dark; session-token={token}"))
            .unwrap_or_else(|status| panic!("refused with {status}"))
    }

    /// Connects, or gives the status of the refusal.
    pub fn try_connect(address: SocketAddr, authorization: &str) -> Result<Chatter, u16> {
        Self::open(address, "authorization", authorization)
    }

    fn open(address: SocketAddr, name: &'static str, value: &str) -> Result<Chatter, u16> {
        Self::open_at(address, "/ws", name, value)
    }

    /// Connects to a path with a query, sending one more header; or gives the refusal's status.
    pub fn open_at(
        address: SocketAddr,
        path: &str,
        name: &'static str,
        value: &str,
    ) -> Result<Chatter, u16> {
        let mut request = format!("ws://{address}{path}").into_client_request().expect("a request");
        request.headers_mut().insert(name, HeaderValue::from_str(value).expect("a header"));
        match tungstenite::client(request, connected(address)) {
            Ok((socket, _)) => Ok(Chatter { socket }),
            Err(tungstenite::HandshakeError::Failure(tungstenite::Error::Http(response))) => {
                Err(response.status().as_u16())
            }
            Err(error) => panic!("{error}"),
        }
    }

    pub fn send(&mut self, event: &str, target: &str, payload: &Value) {
        let frame = json!({ "event": event, "target": target, "payload": payload });
        self.send_text(&frame.to_string());
    }

    pub fn send_text(&mut self, text: &str) {
        self.socket.send(Message::text(text)).expect("sends");
    }

    /// Says the same many times, in as few writes as it takes.
    pub fn send_burst(&mut self, text: &str, times: usize) {
        (0..times).for_each(|_| self.socket.write(Message::text(text)).expect("sends"));
        self.socket.flush().expect("sends");
    }

    pub fn send_binary(&mut self, bytes: &[u8]) {
        self.socket.send(Message::binary(bytes.to_vec())).expect("sends");
    }

    /// The next message, as it came.
    pub fn next_text(&mut self) -> String {
        loop {
            match self.socket.read().expect("a message") {
                Message::Text(text) => return text.as_str().to_owned(),
                Message::Ping(_) | Message::Pong(_) => {}
                other => panic!("unexpected {other:?}"),
            }
        }
    }

    /// The next message, whatever its shape.
    pub fn next_json(&mut self) -> Value {
        serde_json::from_str(&self.next_text()).expect("JSON")
    }

    /// The next message, as event and payload.
    pub fn next(&mut self) -> (String, Value) {
        let frame = self.next_json();
        let event = frame["event"].as_str().expect("an event").to_owned();
        (event, frame["payload"].clone())
    }

    /// The next message, as it is.
    pub fn frame(&mut self) -> Value {
        self.next_json()
    }

    /// The payload of the next message, which must be this event.
    pub fn expect(&mut self, event: &str) -> Value {
        let (name, payload) = self.next();
        assert_eq!(name, event, "{payload}");
        payload
    }

    /// The close code the server ends with, whatever comes before it.
    pub fn close_code(&mut self) -> Option<u16> {
        loop {
            match self.socket.read() {
                Ok(Message::Close(frame)) => return frame.map(|frame| frame.code.into()),
                Ok(_) => {}
                Err(_) => return None,
            }
        }
    }
}
