//! Pusher Channels, protocol 7, as Sockudo, Soketi and Reverb speak it.
//!
//! ```text
//! server  {"event":"pusher:connection_established","data":"{\"socket_id\":\"1.2\",...}"}
//! client  {"event":"pusher:subscribe","data":{"channel":"private-ROOM","auth":"KEY:SIGNATURE"}}
//! server  {"event":"pusher_internal:subscription_succeeded","channel":"private-ROOM","data":"{}"}
//! client  {"event":"client-message","channel":"private-ROOM","data":BODY}
//! client  {"event":"pusher:unsubscribe","data":{"channel":"private-ROOM"}}    not answered
//! server  {"event":"pusher:ping"}         answered by {"event":"pusher:pong","data":{}}
//! ```
//!
//! Messages are client events: they need a channel whose name begins with `private-`, which the
//! sender has subscribed to, and an app that allows them. They reach every subscriber but the
//! sender. So a publisher is a subscriber, too, and there is no echo.

use std::borrow::Cow;
use std::fmt::Write;

use jsonwebtoken::crypto::aws_lc::DEFAULT_PROVIDER;
use jsonwebtoken::{Algorithm, EncodingKey};
use serde::Deserialize;
use serde_json::Value;

use super::super::outgoing::Outgoing;
use super::super::stamp;
use super::hub::{BACK, FRONT, MIDDLE, PLAIN_BYTES_MIN};
use super::{Adapter, Answer, Body, Heard, ROOM_BYTES, Role, RoomName, Seat, Upgrade, padding};

const APP_FRONT: &str = "/app/";
const QUERY: &str = "?protocol=7&client=shardwire-bench&version=1.0.0";

/// Around the room and the body of a message, when it is sent and when it is received.
const MESSAGE_FRONT: &[u8] = br#"{"event":"client-message","channel":"private-"#;
const MESSAGE_MIDDLE: &[u8] = br#"","data":"#;
const MESSAGE_BACK: &[u8] = b"}";

/// How messages begin that are somebody's, whatever order a server writes their fields in.
const CLIENT_EVENT_FRONTS: [&[u8]; 2] = [br#"{"event":"client-"#, br#"{"channel":"#];

/// The adapter.
pub struct Pusher {
    key: String,
    secret: EncodingKey,
}

impl Pusher {
    /// `path` is the URL's: `/app/KEY`. The secret is the app's.
    pub fn new(path: &str, secret: &str) -> Result<Pusher, String> {
        let key = path.strip_prefix(APP_FRONT).filter(|key| !key.is_empty());
        let key = key.ok_or("the pusher adapter needs the app's key: ws://HOST:PORT/app/KEY")?;
        if secret.is_empty() {
            return Err("the pusher adapter needs the app's secret: --token-secret SECRET".into());
        }
        Ok(Pusher { key: key.into(), secret: EncodingKey::from_secret(secret.as_bytes()) })
    }

    /// The key and the HMAC-SHA256 of the session and the channel; `None` where the library cannot.
    fn authorization(&self, session: &str, channel: &str) -> Option<String> {
        let signer = (DEFAULT_PROVIDER.signer_factory)(&Algorithm::HS256, &self.secret).ok()?;
        let signature = signer.try_sign(format!("{session}:{channel}").as_bytes()).ok()?;
        let mut text = format!("{}:", self.key);
        signature.iter().try_for_each(|byte| write!(text, "{byte:02x}")).ok()?;
        Some(text)
    }

    fn subscribe(&self, session: &str, room: u32, out: &mut Outgoing<'_>) {
        const HEAD: &[u8] = br#"{"event":"pusher:subscribe","data":{"channel":""#;
        let channel = format!("private-{}", RoomName::of(room));
        // Without a signature the server refuses, and the run says so.
        let auth = self.authorization(session, &channel).unwrap_or_default();
        out.text(&[HEAD, channel.as_bytes(), br#"","auth":""#, auth.as_bytes(), br#""}}"#]);
    }

    /// Established: a publisher has to be in its room before it can be used.
    fn established(&self, seat: &Seat<'_>, session: String, out: &mut Outgoing<'_>) -> Heard {
        let Role::Publisher { room } = seat.role else { return Heard::Opened { session } };
        self.subscribe(&session, room, out);
        Heard::Other
    }
}

/// The part of every message that says what it is.
#[derive(Deserialize)]
struct Heading<'a> {
    #[serde(borrow)]
    event: Cow<'a, str>,
    #[serde(default)]
    data: Value,
}

#[derive(Deserialize)]
struct Established {
    socket_id: String,
}

/// The protocol wraps this object into a string of JSON; some servers send it as it is.
fn session(data: Value) -> Option<String> {
    let established: Established = match data {
        Value::String(text) => serde_json::from_str(&text).ok()?,
        object => serde_json::from_value(object).ok()?,
    };
    Some(established.socket_id)
}

/// The code and what else is said, but not whom it was said to.
fn refusal(data: &Value) -> Cow<'static, str> {
    let message = data["message"].as_str().unwrap_or_default();
    match data["code"].as_u64() {
        Some(code) => format!("{code} {message}").trim_end().to_owned().into(),
        None => format!("refused {message}").trim_end().to_owned().into(),
    }
}

fn is_somebodys(message: &[u8]) -> bool {
    CLIENT_EVENT_FRONTS.iter().any(|front| message.starts_with(front))
}

impl Adapter for Pusher {
    fn name(&self) -> &'static str {
        "pusher"
    }

    fn upgrade(&self, _seat: &Seat<'_>) -> Upgrade {
        Upgrade { target: format!("{APP_FRONT}{}{QUERY}", self.key), ..Upgrade::default() }
    }

    /// The server speaks first.
    fn hello(&self, _seat: &Seat<'_>, _out: &mut Outgoing<'_>) -> Answer {
        Answer::Awaited
    }

    fn join(&self, seat: &Seat<'_>, room: u32, out: &mut Outgoing<'_>) -> Answer {
        self.subscribe(seat.session, room, out);
        Answer::Awaited
    }

    fn leave(&self, _seat: &Seat<'_>, room: u32, out: &mut Outgoing<'_>) -> Answer {
        const HEAD: &[u8] = br#"{"event":"pusher:unsubscribe","data":{"channel":"private-"#;
        out.text(&[HEAD, RoomName::of(room).bytes(), br#""}}"#]);
        Answer::None
    }

    fn publish(&self, _seat: &Seat<'_>, room: u32, body: &Body, out: &mut Outgoing<'_>) {
        let fill = padding(body.delivered_bytes.saturating_sub(self.delivered_bytes_min()));
        let (room, stamp) = (RoomName::of(room), body.stamp.text());
        let (head, data, back) = (MESSAGE_FRONT, MESSAGE_MIDDLE, MESSAGE_BACK);
        out.text(&[head, room.bytes(), data, FRONT, stamp, MIDDLE, fill, BACK, back]);
    }

    /// There is none: `has_echo` says so, and the scenario is refused.
    fn echo(&self, _seat: &Seat<'_>, _body: &Body, _out: &mut Outgoing<'_>) {}

    fn has_echo(&self) -> bool {
        false
    }

    fn senders_hear_themselves(&self) -> bool {
        false
    }

    fn read(&self, seat: &Seat<'_>, message: &[u8], out: &mut Outgoing<'_>) -> Heard {
        if is_somebodys(message)
            && let Some(stamp_at) = stamp::find(message)
        {
            return Heard::Delivered { stamp_at };
        }
        let Ok(Heading { event, data }) = serde_json::from_slice(message) else {
            return Heard::Other;
        };
        match (event.as_ref(), seat.role) {
            ("pusher:connection_established", _) => match session(data) {
                Some(session) => self.established(seat, session, out),
                None => Heard::Refused("a session without an id".into()),
            },
            ("pusher_internal:subscription_succeeded", Role::Publisher { .. }) => {
                Heard::Opened { session: String::new() }
            }
            ("pusher_internal:subscription_succeeded", _) => Heard::Joined,
            ("pusher:ping", _) => {
                out.text(&[br#"{"event":"pusher:pong","data":{}}"#]);
                Heard::Other
            }
            ("pusher:error" | "pusher:subscription_error", _) => Heard::Refused(refusal(&data)),
            _ => Heard::Other,
        }
    }

    fn delivered_bytes_min(&self) -> usize {
        let around = MESSAGE_FRONT.len() + ROOM_BYTES + MESSAGE_MIDDLE.len() + MESSAGE_BACK.len();
        around + PLAIN_BYTES_MIN
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Exchange, body};
    use super::*;

    /// Key, secret and signature of the protocol's own worked example.
    fn adapter() -> Pusher {
        Pusher::new("/app/278d425bdf160c739803", "7ad3773142a6692b25b8").unwrap()
    }

    const ESTABLISHED: &str = r#"{"event":"pusher:connection_established",
        "data":"{\"socket_id\":\"1234.1234\",\"activity_timeout\":120}"}"#;
    const SUBSCRIBED: &str = r#"{"event":"pusher_internal:subscription_succeeded",
        "channel":"private-bench00003","data":"{}"}"#;

    #[test]
    fn a_signature_is_the_one_of_the_documentation() {
        assert_eq!(
            adapter().authorization("1234.1234", "private-foobar").unwrap(),
            "278d425bdf160c739803:\
             58df8b0c36d6982b82c3ecf6b4662e34fe8c25bba48f5369f135bf843651c3a4"
        );
    }

    #[test]
    fn the_upgrade_names_the_app() {
        let target = Exchange::member("").act(|seat, _| adapter().upgrade(seat).target);
        assert!(target.starts_with("/app/278d425bdf160c739803?protocol=7&"), "{target}");
        for (path, secret) in [("", "x"), ("/", "x"), ("/app/", "x"), ("/app/key", "")] {
            assert!(Pusher::new(path, secret).is_err(), "{path}");
        }
    }

    #[test]
    fn a_member_opens_subscribes_with_its_signature_and_leaves() {
        let adapter = adapter();
        let mut peer = Exchange::member("");
        let opened = peer.hear(&adapter, ESTABLISHED);
        assert_eq!(opened, Heard::Opened { session: "1234.1234".into() });
        assert_eq!(peer.join(&adapter, 3), Answer::Awaited);
        let sent: Value = serde_json::from_str(&peer.sent()[0]).unwrap();
        assert_eq!(sent["event"], "pusher:subscribe");
        assert_eq!(sent["data"]["channel"], "private-bench00003");
        let auth = adapter.authorization("1234.1234", "private-bench00003").unwrap();
        assert_eq!(sent["data"]["auth"], auth);
        assert_eq!(peer.hear(&adapter, SUBSCRIBED), Heard::Joined);
        assert_eq!(peer.leave(&adapter, 3), Answer::None);
        let sent: Value = serde_json::from_str(&peer.sent()[0]).unwrap();
        assert_eq!(sent["data"]["channel"], "private-bench00003");
    }

    #[test]
    fn a_session_may_come_as_an_object_and_must_have_an_id() {
        let mut peer = Exchange::member("");
        let object = r#"{"event":"pusher:connection_established","data":{"socket_id":"1.2"}}"#;
        assert_eq!(peer.hear(&adapter(), object), Heard::Opened { session: "1.2".into() });
        for data in ["", r#","data":"""#, r#","data":{}"#, r#","data":7"#] {
            let text = format!(r#"{{"event":"pusher:connection_established"{data}}}"#);
            assert!(matches!(peer.hear(&adapter(), &text), Heard::Refused(_)), "{text}");
        }
    }

    #[test]
    fn a_publisher_is_open_when_it_is_in_its_room() {
        let mut peer = Exchange::new(Role::Publisher { room: 3 }, "");
        assert_eq!(peer.hear(&adapter(), ESTABLISHED), Heard::Other);
        assert!(peer.sent()[0].contains("private-bench00003"));
        assert!(matches!(peer.hear(&adapter(), SUBSCRIBED), Heard::Opened { .. }));
    }

    #[test]
    fn what_members_receive_is_what_is_sent_and_as_long_as_asked_for() {
        let mut peer = Exchange::member("");
        peer.act(|seat, out| adapter().publish(seat, 1, &body(160), out));
        let sent = peer.sent().remove(0);
        assert_eq!(sent.len(), 160);
        let json: Value = serde_json::from_str(&sent).unwrap();
        assert_eq!(
            (&json["channel"], &json["data"]["t"]),
            (&"private-bench00001".into(), &"0000000000000005".into())
        );
        let reordered = format!(
            r#"{{"channel":"private-bench00001","event":"client-message","data":{}}}"#,
            json["data"]
        );
        for delivery in [sent, reordered] {
            assert!(matches!(peer.hear(&adapter(), &delivery), Heard::Delivered { .. }));
        }
    }

    #[test]
    fn pings_are_answered() {
        let mut peer = Exchange::member("");
        assert_eq!(peer.hear(&adapter(), r#"{"event":"pusher:ping"}"#), Heard::Other);
        assert_eq!(peer.hear(&adapter(), r#"{"event":"pusher:ping","data":{}}"#), Heard::Other);
        assert_eq!(peer.sent(), [r#"{"event":"pusher:pong","data":{}}"#; 2]);
    }

    #[test]
    fn refusals_have_their_code() {
        let mut peer = Exchange::member("");
        let error = r#"{"event":"pusher:error","data":{"code":4009,"message":"not allowed"}}"#;
        assert_eq!(peer.hear(&adapter(), error), Heard::Refused("4009 not allowed".into()));
        let error = r#"{"event":"pusher:subscription_error","channel":"private-x","data":{}}"#;
        assert_eq!(peer.hear(&adapter(), error), Heard::Refused("refused".into()));
    }

    #[test]
    fn nothing_a_server_says_is_a_trap() {
        let mut peer = Exchange::member("");
        for message in ["", "{", "[]", r#"{"event":5}"#, r#"{"event":"client-x"}"#, "{\"channel\":"]
        {
            assert_eq!(peer.hear(&adapter(), message), Heard::Other, "{message}");
        }
        peer.hear_hostile(&adapter());
    }
}
