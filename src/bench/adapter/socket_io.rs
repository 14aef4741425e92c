//! Socket.IO 4 (protocol revision 5) over Engine.IO 4, on its WebSocket transport alone.
//!
//! ```text
//! server  0{"sid":...}                    open
//! client  40{"token":"..."}               connect to the main namespace (40 without a token)
//! server  40{"sid":"..."}                 connected
//! client  420["join","ROOM"]              acknowledged by 430[] when the member is in
//! client  421["leave","ROOM"]             acknowledged by 431[]
//! client  42["publish","ROOM",BODY]       to every member as 42["message",BODY], sender too
//! client  42["echo",BODY]                 back as 42["message",BODY]
//! server  2    client  3                  a ping and its pong, whenever the server likes
//! ```
//!
//! Socket.IO has no rooms on the wire: `join`, `leave`, `publish` and `echo` are events of ours
//! that the server under test handles in a line each.

use std::borrow::Cow;

use serde::Deserialize;

use super::super::outgoing::Outgoing;
use super::super::stamp;
use super::hub::{BACK, FRONT, MIDDLE, PLAIN_BYTES_MIN};
use super::{Adapter, Answer, Body, Heard, RoomName, Seat, Upgrade, padding};

const DEFAULT_PATH: &str = "/socket.io/";
const QUERY: &str = "?EIO=4&transport=websocket";

/// Around the body in what members receive.
const DELIVERED_FRONT: &[u8] = br#"42["message","#;
const DELIVERED_BACK: &[u8] = b"]";

/// The adapter.
pub struct SocketIo {
    target: String,
}

impl SocketIo {
    /// `path` is the URL's; empty or `/` is where servers listen that were told nothing.
    pub fn new(path: &str) -> SocketIo {
        let path = if matches!(path, "" | "/") { DEFAULT_PATH } else { path };
        SocketIo { target: format!("{path}{QUERY}") }
    }

    /// `prefix` is everything before the body, room and all.
    fn send(&self, prefix: &[&[u8]; 3], body: &Body, out: &mut Outgoing<'_>) {
        let fill = padding(body.delivered_bytes.saturating_sub(self.delivered_bytes_min()));
        let [first, second, third] = *prefix;
        let stamp = body.stamp.text();
        out.text(&[first, second, third, FRONT, stamp, MIDDLE, fill, BACK, DELIVERED_BACK]);
    }
}

/// Packets of a server, told apart by their first characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Packet<'a> {
    Open,
    Connected,
    /// The reason as JSON.
    Refused(&'a [u8]),
    /// What follows the ping has to be in its pong.
    Ping(&'a [u8]),
    Event,
    Joined,
    Left,
    Disconnected,
    /// Nothing that a client has to act on, or nothing that this protocol knows.
    Other,
}

fn packet(message: &[u8]) -> Packet<'_> {
    match message {
        [b'4', b'2', ..] => Packet::Event,
        [b'2', probe @ ..] => Packet::Ping(probe),
        [b'0', ..] => Packet::Open,
        [b'4', b'0', ..] => Packet::Connected,
        [b'4', b'3', b'0', b'[', ..] => Packet::Joined,
        [b'4', b'3', b'1', b'[', ..] => Packet::Left,
        [b'4', b'4', reason @ ..] => Packet::Refused(reason),
        [b'4', b'1', ..] => Packet::Disconnected,
        _ => Packet::Other,
    }
}

/// What a connect error says, or nothing.
#[derive(Default, Deserialize)]
struct Reason {
    message: String,
}

fn refusal(reason: &[u8]) -> Cow<'static, str> {
    let reason: Reason = serde_json::from_slice(reason).unwrap_or_default();
    format!("connect_error {}", reason.message).trim().to_owned().into()
}

fn connect(seat: &Seat<'_>, out: &mut Outgoing<'_>) {
    match seat.token {
        "" => out.text(&[b"40"]),
        token => out.text(&[b"40{\"token\":\"", token.as_bytes(), b"\"}"]),
    }
}

impl Adapter for SocketIo {
    fn name(&self) -> &'static str {
        "socket-io"
    }

    fn upgrade(&self, _seat: &Seat<'_>) -> Upgrade {
        Upgrade { target: self.target.clone(), ..Upgrade::default() }
    }

    /// The server speaks first.
    fn hello(&self, _seat: &Seat<'_>, _out: &mut Outgoing<'_>) -> Answer {
        Answer::Awaited
    }

    fn join(&self, _seat: &Seat<'_>, room: u32, out: &mut Outgoing<'_>) -> Answer {
        out.text(&[br#"420["join",""#, RoomName::of(room).bytes(), br#""]"#]);
        Answer::Awaited
    }

    fn leave(&self, _seat: &Seat<'_>, room: u32, out: &mut Outgoing<'_>) -> Answer {
        out.text(&[br#"421["leave",""#, RoomName::of(room).bytes(), br#""]"#]);
        Answer::Awaited
    }

    fn publish(&self, _seat: &Seat<'_>, room: u32, body: &Body, out: &mut Outgoing<'_>) {
        let room = RoomName::of(room);
        self.send(&[br#"42["publish",""#, room.bytes(), br#"","#], body, out);
    }

    fn echo(&self, _seat: &Seat<'_>, body: &Body, out: &mut Outgoing<'_>) {
        self.send(&[br#"42["echo","#, b"", b""], body, out);
    }

    fn read(&self, seat: &Seat<'_>, message: &[u8], out: &mut Outgoing<'_>) -> Heard {
        match packet(message) {
            Packet::Event => {
                stamp::find(message).map_or(Heard::Other, |stamp_at| Heard::Delivered { stamp_at })
            }
            Packet::Ping(probe) => {
                out.text(&[b"3", probe]);
                Heard::Other
            }
            Packet::Open => {
                connect(seat, out);
                Heard::Other
            }
            Packet::Connected => Heard::Opened { session: String::new() },
            Packet::Joined => Heard::Joined,
            Packet::Left => Heard::Left,
            Packet::Refused(reason) => Heard::Refused(refusal(reason)),
            Packet::Disconnected => Heard::Refused("disconnected by the server".into()),
            Packet::Other => Heard::Other,
        }
    }

    fn delivered_bytes_min(&self) -> usize {
        DELIVERED_FRONT.len() + PLAIN_BYTES_MIN + DELIVERED_BACK.len()
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Exchange, body};
    use super::*;

    fn adapter() -> SocketIo {
        SocketIo::new("")
    }

    #[test]
    fn the_upgrade_asks_for_the_websocket_transport() {
        let target =
            |path| Exchange::member("").act(|seat, _| SocketIo::new(path).upgrade(seat).target);
        assert_eq!(target(""), "/socket.io/?EIO=4&transport=websocket");
        assert_eq!(target("/hub/"), "/hub/?EIO=4&transport=websocket");
    }

    #[test]
    fn a_session_opens_joins_and_leaves() {
        let mut peer = Exchange::member("abc");
        let open = r#"0{"sid":"lv_VI97HAXpY6yYWAAAC","upgrades":[],"pingInterval":25000,
            "pingTimeout":20000,"maxPayload":1000000}"#;
        assert_eq!(peer.hear(&adapter(), open), Heard::Other);
        assert_eq!(peer.sent(), [r#"40{"token":"abc"}"#]);
        let connected = peer.hear(&adapter(), r#"40{"sid":"wZX3oN0bSVIhsaknAAAI"}"#);
        assert_eq!(connected, Heard::Opened { session: String::new() });
        assert_eq!(peer.join(&adapter(), 3), Answer::Awaited);
        assert_eq!(peer.sent(), [r#"420["join","bench00003"]"#]);
        assert_eq!(peer.hear(&adapter(), "430[]"), Heard::Joined);
        assert_eq!(peer.leave(&adapter(), 3), Answer::Awaited);
        assert_eq!(peer.sent(), [r#"421["leave","bench00003"]"#]);
        assert_eq!(peer.hear(&adapter(), "431[]"), Heard::Left);
    }

    #[test]
    fn without_a_token_none_is_sent() {
        let mut peer = Exchange::member("");
        peer.hear(&adapter(), r#"0{"sid":"x"}"#);
        assert_eq!(peer.sent(), ["40"]);
    }

    #[test]
    fn pings_are_answered_with_what_they_carry() {
        let mut peer = Exchange::member("");
        assert_eq!(peer.hear(&adapter(), "2"), Heard::Other);
        assert_eq!(peer.hear(&adapter(), "2probe"), Heard::Other);
        assert_eq!(peer.sent(), ["3", "3probe"]);
    }

    #[test]
    fn what_members_receive_is_as_long_as_asked_for() {
        let mut peer = Exchange::member("");
        peer.act(|seat, out| adapter().publish(seat, 1, &body(128), out));
        let sent = peer.sent().remove(0);
        let sent_body = sent.strip_prefix(r#"42["publish","bench00001","#).unwrap();
        let delivered = format!(r#"42["message",{sent_body}"#);
        assert_eq!(delivered.len(), 128);
        assert!(matches!(peer.hear(&adapter(), &delivered), Heard::Delivered { .. }));
        let json: serde_json::Value = serde_json::from_str(&delivered[2..]).unwrap();
        assert_eq!(json[0], "message");
        peer.act(|seat, out| adapter().echo(seat, &body(0), out));
        let echo = peer.sent().remove(0);
        assert!(echo.starts_with(r#"42["echo",{"t":""#) && echo.ends_with(r#""}]"#), "{echo}");
    }

    #[test]
    fn refusals_have_their_reason() {
        let mut peer = Exchange::member("");
        let refused = peer.hear(&adapter(), r#"44{"message":"Not authorized"}"#);
        assert_eq!(refused, Heard::Refused("connect_error Not authorized".into()));
        assert_eq!(peer.hear(&adapter(), "44"), Heard::Refused("connect_error".into()));
        assert!(matches!(peer.hear(&adapter(), "41"), Heard::Refused(_)));
    }

    #[test]
    fn nothing_a_server_says_is_a_trap() {
        let adapter = adapter();
        let mut peer = Exchange::member("");
        for message in
            ["", "4", "42", "42[", "43", "430", "439[]", "451-[\"x\"]", "6", "9", "\u{0}"]
        {
            assert_eq!(peer.hear(&adapter, message), Heard::Other, "{message}");
        }
        peer.hear_hostile(&adapter);
    }
}
