//! The protocol of a plain hub: the path says the room, every message goes out as it came in.
//!
//! | path | what comes of a message |
//! |---|---|
//! | `/echo` | it comes back |
//! | `/room/NAME` | it goes to every member of NAME; the connection is one |
//! | `/publish/NAME` | the same without being a member |
//!
//! A URL whose path is `/json` asks for `/jsonecho`, `/json/NAME` and `/jsonpublish/NAME` instead:
//! there the hub takes events apart and builds new ones, as a hand-written server would.

use super::{Adapter, Answer, Body, Heard, Role, RoomName, Seat, Upgrade, padding};
use crate::bench::outgoing::Outgoing;
use crate::bench::stamp::{self, MARK, STAMP_BYTES};

/// Around the stamp and the padding of a body that is a JSON object of its own.
pub(super) const FRONT: &[u8] = br#"{"t":""#;
pub(super) const MIDDLE: &[u8] = br#"","pad":""#;
pub(super) const BACK: &[u8] = br#""}"#;
pub(super) const PLAIN_BYTES_MIN: usize = FRONT.len() + STAMP_BYTES + MIDDLE.len() + BACK.len();

const EVENT_FRONT: &[u8] = br#"{"event":"send_message","target":"room:"#;
const EVENT_MIDDLE: &[u8] = br#"","payload":{"message":""#;
const EVENT_BACK: &[u8] = br#""}}"#;

/// What a hub makes of an event, around the message.
const REBUILT: &[u8] = br#"{"event":"new_message","payload":{"user":"u","message":""}}"#;
const EVENT_BYTES_MIN: usize = REBUILT.len() + MARK.len() + STAMP_BYTES;

/// The adapter.
pub struct Hub {
    /// Messages are events that the hub takes apart.
    is_json: bool,
    /// A server that only echoes, at a path of its own.
    path: Option<String>,
}

impl Hub {
    /// `path` is the URL's: empty, `/json`, or where an echo server without rooms echoes.
    pub fn new(path: &str) -> Hub {
        let is_json = path == "/json";
        let path = (!is_json && path.len() > 1).then(|| path.to_owned());
        Hub { is_json, path }
    }

    fn target(&self, role: Role) -> String {
        match (role, self.is_json) {
            (Role::Echo | Role::Idle, _) if self.path.is_some() => {
                self.path.clone().unwrap_or_default()
            }
            (Role::Echo | Role::Idle, false) => "/echo".into(),
            (Role::Echo | Role::Idle, true) => "/jsonecho".into(),
            (Role::Member { room }, false) => format!("/room/{}", RoomName::of(room)),
            (Role::Member { room }, true) => format!("/json/{}", RoomName::of(room)),
            (Role::Publisher { room }, false) => format!("/publish/{}", RoomName::of(room)),
            (Role::Publisher { room }, true) => format!("/jsonpublish/{}", RoomName::of(room)),
        }
    }

    fn write(&self, room: u32, body: &Body, out: &mut Outgoing<'_>) {
        let fill = padding(body.delivered_bytes.saturating_sub(self.delivered_bytes_min()));
        let stamp = body.stamp.text();
        if !self.is_json {
            return out.text(&[FRONT, stamp, MIDDLE, fill, BACK]);
        }
        let room = RoomName::of(room);
        out.text(&[EVENT_FRONT, room.bytes(), EVENT_MIDDLE, MARK, stamp, fill, EVENT_BACK]);
    }
}

impl Adapter for Hub {
    fn name(&self) -> &'static str {
        "hub"
    }

    fn upgrade(&self, seat: &Seat<'_>) -> Upgrade {
        Upgrade { target: self.target(seat.role), ..Upgrade::default() }
    }

    /// The path said it.
    fn join(&self, _seat: &Seat<'_>, _room: u32, _out: &mut Outgoing<'_>) -> Answer {
        Answer::None
    }

    /// A member leaves by closing.
    fn leave(&self, _seat: &Seat<'_>, _room: u32, _out: &mut Outgoing<'_>) -> Answer {
        Answer::None
    }

    fn publish(&self, _seat: &Seat<'_>, room: u32, body: &Body, out: &mut Outgoing<'_>) {
        self.write(room, body, out);
    }

    fn echo(&self, _seat: &Seat<'_>, body: &Body, out: &mut Outgoing<'_>) {
        self.write(0, body, out);
    }

    fn read(&self, _seat: &Seat<'_>, message: &[u8], _out: &mut Outgoing<'_>) -> Heard {
        match stamp::find(message) {
            Some(stamp_at) => Heard::Delivered { stamp_at },
            None => Heard::Other,
        }
    }

    fn delivered_bytes_min(&self) -> usize {
        if self.is_json { EVENT_BYTES_MIN } else { PLAIN_BYTES_MIN }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::stamp::Stamp;

    fn seat(role: Role) -> Seat<'static> {
        Seat { number: 0, role, token: "", session: "" }
    }

    /// The payload of what a role sends.
    fn sent(hub: &Hub, delivered_bytes: usize) -> String {
        let body = Body { stamp: Stamp::of_ns(5), delivered_bytes };
        let mut bytes = Vec::new();
        let role = Role::Member { room: 2 };
        hub.publish(&seat(role), 2, &body, &mut Outgoing::new(&mut bytes, [0; 4]));
        let header = if bytes[1] & 0x7f == 126 { 8 } else { 6 };
        String::from_utf8(bytes.split_off(header)).unwrap()
    }

    #[test]
    fn a_body_is_json_of_exactly_the_size_asked_for() {
        for bytes in [PLAIN_BYTES_MIN, 64, 125, 126, 4_096] {
            let text = sent(&Hub::new(""), bytes);
            assert_eq!(text.len(), bytes);
            let json: serde_json::Value = serde_json::from_str(&text).unwrap();
            assert_eq!(json["t"], "0000000000000005");
        }
    }

    #[test]
    fn an_event_makes_a_delivery_of_exactly_the_size_asked_for() {
        let text = sent(&Hub::new("/json"), 128);
        let json: serde_json::Value = serde_json::from_str(&text).unwrap();
        let message = json["payload"]["message"].as_str().unwrap();
        assert_eq!(json["target"], "room:bench00002");
        assert_eq!(REBUILT.len() + message.len(), 128);
    }

    #[test]
    fn the_role_chooses_the_path() {
        let target = |path, role| Hub::new(path).upgrade(&seat(role)).target;
        assert_eq!(target("/", Role::Echo), "/echo");
        assert_eq!(target("", Role::Publisher { room: 1 }), "/publish/bench00001");
        assert_eq!(target("/json", Role::Echo), "/jsonecho");
        assert_eq!(target("/json", Role::Member { room: 1 }), "/json/bench00001");
        assert_eq!(target("/ws", Role::Echo), "/ws");
        assert_eq!(target("/ws", Role::Member { room: 1 }), "/room/bench00001");
    }
}
