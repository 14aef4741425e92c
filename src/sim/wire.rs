//! The client's side of the wire: requests, masked frames out, server frames in.
//!
//! Invariants: a frame that a server masked is none (RFC 6455 section 5.1): it is never taken.

/// A frame a server sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerFrame {
    pub opcode: u8,
    pub compressed: bool,
    pub payload: Vec<u8>,
}

/// The upgrade request of a user, with its token in the cookie.
pub fn upgrade(path: &str, token: &str) -> Vec<u8> {
    upgrade_with(path, &format!("Cookie: session-token={token}\r\n"))
}

/// The same with other header lines.
pub fn upgrade_with(path: &str, lines: &str) -> Vec<u8> {
    format!(
        "GET {path} HTTP/1.1\r\nHost: test\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n{lines}\r\n"
    )
    .into_bytes()
}

/// A masked client frame.
pub fn frame(opcode: u8, payload: &[u8]) -> Vec<u8> {
    let key = [0x37, 0xfa, 0x21, 0x3d];
    let mut out = vec![0x80 | opcode];
    match payload.len() {
        len @ 0..126 => out.push(0x80 | len as u8),
        len @ 126..=0xffff => {
            out.push(0x80 | 126);
            out.extend_from_slice(&(len as u16).to_be_bytes());
        }
        len => {
            out.push(0x80 | 127);
            out.extend_from_slice(&(len as u64).to_be_bytes());
        }
    }
    out.extend_from_slice(&key);
    out.extend(payload.iter().enumerate().map(|(at, byte)| byte ^ key[at % 4]));
    out
}

pub fn text(payload: &str) -> Vec<u8> {
    frame(1, payload.as_bytes())
}

pub fn close(code: u16) -> Vec<u8> {
    frame(8, &code.to_be_bytes())
}

/// Takes one whole frame off the front.
pub fn take_frame(bytes: &mut Vec<u8>) -> Option<ServerFrame> {
    let (&first, &second) = (bytes.first()?, bytes.get(1)?);
    if second & 0x80 != 0 {
        return None;
    }
    let (start, len) = match second {
        126 => (4, usize::from(u16::from_be_bytes(bytes.get(2..4)?.try_into().ok()?))),
        127 => (10, u64::from_be_bytes(bytes.get(2..10)?.try_into().ok()?) as usize),
        len => (2, usize::from(len)),
    };
    let payload = bytes.get(start..start + len)?.to_vec();
    bytes.drain(..start + len);
    Some(ServerFrame { opcode: first & 0x0f, compressed: first & 0x40 != 0, payload })
}

/// Takes the head of an HTTP response off the front.
pub fn take_head(bytes: &mut Vec<u8>) -> Option<String> {
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n")? + 4;
    Some(String::from_utf8_lossy(&bytes.drain(..end).collect::<Vec<_>>()).into_owned())
}
