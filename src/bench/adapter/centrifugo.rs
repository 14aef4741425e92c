//! Centrifugo's bidirectional protocol in JSON, commands and replies a line each.
//!
//! ```text
//! client  {"id":1,"connect":{"token":"..."}}           server  {"id":1,"connect":{"ping":25,...}}
//! client  {"id":2,"subscribe":{"channel":"ROOM"}}      server  {"id":2,"subscribe":{}}
//! client  {"id":3,"publish":{"channel":"ROOM","data":BODY}}    server  {"id":3,"publish":{}}
//! client  {"id":4,"unsubscribe":{"channel":"ROOM"}}    server  {"id":4,"unsubscribe":{}}
//! server  {"push":{"channel":"ROOM","pub":{"data":BODY}}}
//! server  {}    client  {}                             a ping and its pong
//! ```
//!
//! A frame of the server may hold several lines. Clients must be allowed to subscribe and to
//! publish, also where they have not subscribed. A publisher that has gets its own message; so an
//! echo is a channel that nobody else is in. What a push adds around the data differs by version
//! and by the sender, so a size is the size of the data.

use serde::Deserialize;
use serde::de::IgnoredAny;

use super::super::outgoing::Outgoing;
use super::super::stamp;
use super::hub::{BACK, FRONT, MIDDLE, PLAIN_BYTES_MIN};
use super::{Adapter, Answer, Body, Heard, Role, RoomName, Seat, Upgrade, padding};

const DEFAULT_PATH: &str = "/connection/websocket";

/// How every push begins, and nothing else does.
const PUSH_FRONT: &[u8] = br#"{"push":"#;
const PING: &[u8] = b"{}";

/// The adapter.
pub struct Centrifugo {
    path: String,
}

impl Centrifugo {
    /// `path` is the URL's; empty or `/` is the server's default.
    pub fn new(path: &str) -> Centrifugo {
        Centrifugo { path: if matches!(path, "" | "/") { DEFAULT_PATH } else { path }.into() }
    }
}

/// The answer to a command, as far as a client acts on it.
#[derive(Deserialize)]
struct Reply {
    connect: Option<IgnoredAny>,
    subscribe: Option<IgnoredAny>,
    unsubscribe: Option<IgnoredAny>,
    error: Option<Error>,
}

#[derive(Deserialize)]
struct Error {
    #[serde(default)]
    code: u32,
    #[serde(default)]
    message: String,
}

/// The channel of one connection alone.
fn own_channel(seat: &Seat<'_>) -> [u8; 12] {
    let mut name = *b"echo........";
    name[4..].copy_from_slice(&seat.user());
    name
}

fn subscribe(channel: &[u8], out: &mut Outgoing<'_>) {
    out.text(&[br#"{"id":2,"subscribe":{"channel":""#, channel, br#""}}"#]);
}

fn publish(channel: &[u8], body: &Body, out: &mut Outgoing<'_>) {
    const HEAD: &[u8] = br#"{"id":3,"publish":{"channel":""#;
    const DATA: &[u8] = br#"","data":"#;
    let fill = padding(body.delivered_bytes.saturating_sub(PLAIN_BYTES_MIN));
    out.text(&[HEAD, channel, DATA, FRONT, body.stamp.text(), MIDDLE, fill, BACK, b"}}"]);
}

/// Connected: an echo has to be in its own channel before it can be used.
fn connected(seat: &Seat<'_>, out: &mut Outgoing<'_>) -> Heard {
    if seat.role != Role::Echo {
        return Heard::Opened { session: String::new() };
    }
    subscribe(&own_channel(seat), out);
    Heard::Other
}

fn subscribed(seat: &Seat<'_>) -> Heard {
    match seat.role {
        Role::Echo => Heard::Opened { session: String::new() },
        _ => Heard::Joined,
    }
}

impl Adapter for Centrifugo {
    fn name(&self) -> &'static str {
        "centrifugo"
    }

    fn upgrade(&self, _seat: &Seat<'_>) -> Upgrade {
        Upgrade { target: self.path.clone(), ..Upgrade::default() }
    }

    fn hello(&self, seat: &Seat<'_>, out: &mut Outgoing<'_>) -> Answer {
        match seat.token {
            "" => out.text(&[br#"{"id":1,"connect":{}}"#]),
            token => out.text(&[br#"{"id":1,"connect":{"token":""#, token.as_bytes(), br#""}}"#]),
        }
        Answer::Awaited
    }

    fn join(&self, _seat: &Seat<'_>, room: u32, out: &mut Outgoing<'_>) -> Answer {
        subscribe(RoomName::of(room).bytes(), out);
        Answer::Awaited
    }

    fn leave(&self, _seat: &Seat<'_>, room: u32, out: &mut Outgoing<'_>) -> Answer {
        let room = RoomName::of(room);
        out.text(&[br#"{"id":4,"unsubscribe":{"channel":""#, room.bytes(), br#""}}"#]);
        Answer::Awaited
    }

    fn publish(&self, _seat: &Seat<'_>, room: u32, body: &Body, out: &mut Outgoing<'_>) {
        publish(RoomName::of(room).bytes(), body, out);
    }

    fn echo(&self, seat: &Seat<'_>, body: &Body, out: &mut Outgoing<'_>) {
        publish(&own_channel(seat), body, out);
    }

    fn read(&self, seat: &Seat<'_>, message: &[u8], out: &mut Outgoing<'_>) -> Heard {
        if message.starts_with(PUSH_FRONT) {
            return stamp::find(message)
                .map_or(Heard::Other, |stamp_at| Heard::Delivered { stamp_at });
        }
        if message == PING {
            out.text(&[PING]);
            return Heard::Other;
        }
        match serde_json::from_slice(message) {
            Ok(Reply { error: Some(Error { code, message }), .. }) => {
                Heard::Refused(format!("{code} {message}").trim_end().to_owned().into())
            }
            Ok(Reply { connect: Some(_), .. }) => connected(seat, out),
            Ok(Reply { subscribe: Some(_), .. }) => subscribed(seat),
            Ok(Reply { unsubscribe: Some(_), .. }) => Heard::Left,
            _ => Heard::Other,
        }
    }

    fn separator(&self) -> Option<u8> {
        Some(b'\n')
    }

    fn delivered_bytes_min(&self) -> usize {
        PLAIN_BYTES_MIN
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Exchange, body};
    use super::*;

    fn adapter() -> Centrifugo {
        Centrifugo::new("")
    }

    const CONNECTED: &str = r#"{"id":1,"connect":{"client":"fb5b4d04-75a4-42fc-8068-94650626fe6e",
        "version":"6.0.1 OSS","expires":true,"ttl":86387,"ping":50,"pong":true}}"#;
    const SUBSCRIBED: &str = r#"{"id":2,"subscribe":{"recoverable":true,"epoch":"WWxb",
        "offset":13945556,"positioned":true}}"#;

    #[test]
    fn a_session_connects_joins_and_leaves() {
        let mut peer = Exchange::member("abc");
        assert_eq!(peer.act(|seat, out| adapter().hello(seat, out)), Answer::Awaited);
        assert_eq!(peer.sent(), [r#"{"id":1,"connect":{"token":"abc"}}"#]);
        let opened = peer.hear(&adapter(), CONNECTED);
        assert_eq!(opened, Heard::Opened { session: String::new() });
        assert_eq!(peer.join(&adapter(), 3), Answer::Awaited);
        assert_eq!(peer.sent(), [r#"{"id":2,"subscribe":{"channel":"bench00003"}}"#]);
        assert_eq!(peer.hear(&adapter(), SUBSCRIBED), Heard::Joined);
        assert_eq!(peer.leave(&adapter(), 3), Answer::Awaited);
        assert_eq!(peer.sent(), [r#"{"id":4,"unsubscribe":{"channel":"bench00003"}}"#]);
        assert_eq!(peer.hear(&adapter(), r#"{"id":4,"unsubscribe":{}}"#), Heard::Left);
    }

    #[test]
    fn without_a_token_none_is_sent() {
        let mut peer = Exchange::member("");
        peer.act(|seat, out| adapter().hello(seat, out));
        assert_eq!(peer.sent(), [r#"{"id":1,"connect":{}}"#]);
    }

    #[test]
    fn an_echo_is_open_when_it_is_in_its_own_channel() {
        let mut peer = Exchange::new(Role::Echo, "");
        assert_eq!(peer.hear(&adapter(), CONNECTED), Heard::Other);
        assert_eq!(peer.sent(), [r#"{"id":2,"subscribe":{"channel":"echou0000007"}}"#]);
        assert!(matches!(peer.hear(&adapter(), SUBSCRIBED), Heard::Opened { .. }));
        peer.act(|seat, out| adapter().echo(seat, &body(64), out));
        let sent: serde_json::Value = serde_json::from_str(&peer.sent()[0]).unwrap();
        assert_eq!(sent["publish"]["channel"], "echou0000007");
    }

    #[test]
    fn data_is_as_long_as_asked_for_and_its_push_is_a_delivery() {
        let mut peer = Exchange::member("");
        peer.act(|seat, out| adapter().publish(seat, 1, &body(128), out));
        let sent: serde_json::Value = serde_json::from_str(&peer.sent()[0]).unwrap();
        let data = sent["publish"]["data"].to_string();
        assert_eq!(data.len(), 128);
        let push = format!(
            r#"{{"push":{{"channel":"bench00001","pub":{{"data":{data},"offset":13945557}}}}}}"#
        );
        let Heard::Delivered { stamp_at } = peer.hear(&adapter(), &push) else { panic!("{push}") };
        assert_eq!(&push[stamp_at..stamp_at + 16], "0000000000000005");
        assert_eq!(peer.hear(&adapter(), r#"{"id":3,"publish":{}}"#), Heard::Other);
    }

    #[test]
    fn pings_are_answered_and_other_pushes_are_not() {
        let mut peer = Exchange::member("");
        assert_eq!(peer.hear(&adapter(), "{}"), Heard::Other);
        assert_eq!(peer.sent(), ["{}"]);
        let join = r#"{"push":{"channel":"bench00001","join":{"info":{"client":"x"}}}}"#;
        assert_eq!(peer.hear(&adapter(), join), Heard::Other);
        assert!(peer.sent().is_empty());
    }

    #[test]
    fn refusals_have_their_code() {
        let mut peer = Exchange::member("");
        let denied = r#"{"id":4,"error":{"code":103,"message":"permission denied"}}"#;
        assert_eq!(peer.hear(&adapter(), denied), Heard::Refused("103 permission denied".into()));
        assert_eq!(peer.hear(&adapter(), r#"{"error":{}}"#), Heard::Refused("0".into()));
    }

    #[test]
    fn nothing_a_server_says_is_a_trap() {
        let mut peer = Exchange::member("");
        for message in ["", "{", "[]", "null", "{\"id\":-1}", "{\"push\":", "{\"error\":5}"] {
            assert_eq!(peer.hear(&adapter(), message), Heard::Other, "{message}");
        }
        peer.hear_hostile(&adapter());
    }
}
