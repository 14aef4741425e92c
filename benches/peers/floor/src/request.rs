//! The upgrade request: where it asks to go, and the answer. Nothing else of it is looked at.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha1::{Digest, Sha1};

const GUID: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// What a connection is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Purpose {
    Echo,
    /// An echo of events that are taken apart and built anew.
    SteppedEcho,
    /// A member of the room, and a publisher to it.
    Member(String),
    Publisher(String),
}

/// A request that is whole.
pub struct Request {
    pub purpose: Purpose,
    pub answer: String,
    /// Bytes of the head: frames follow it.
    pub len: usize,
}

/// None where more bytes are needed; an error where this is no upgrade we serve.
pub fn parse(bytes: &[u8]) -> Result<Option<Request>, ()> {
    let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else {
        return Ok(None);
    };
    let head = std::str::from_utf8(&bytes[..end]).map_err(drop)?;
    let mut lines = head.split("\r\n");
    let path = lines.next().and_then(|line| line.split(' ').nth(1)).ok_or(())?;
    let key = lines.filter_map(|line| line.split_once(':')).find_map(|(name, value)| {
        name.eq_ignore_ascii_case("sec-websocket-key").then_some(value.trim())
    });
    let answer = answer(key.ok_or(())?);
    Ok(Some(Request { purpose: purpose(path)?, answer, len: end + 4 }))
}

fn purpose(path: &str) -> Result<Purpose, ()> {
    let path = path.split('?').next().unwrap_or(path);
    if let Some(name) = path.strip_prefix("/room/") {
        return Ok(Purpose::Member(name.to_owned()));
    }
    if let Some(name) = path.strip_prefix("/publish/") {
        return Ok(Purpose::Publisher(name.to_owned()));
    }
    match path {
        "/echo" => Ok(Purpose::Echo),
        "/jsonecho" => Ok(Purpose::SteppedEcho),
        _ => Err(()),
    }
}

fn answer(key: &str) -> String {
    let accept = STANDARD.encode(Sha1::new().chain_update(key).chain_update(GUID).finalize());
    format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: {accept}\r\n\r\n"
    )
}
