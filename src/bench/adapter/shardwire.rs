//! Shardwire's own protocol: events with a target, as `config.yaml` declares them.
//!
//! Invariants: what a configuration names otherwise is said by templates, which are checked before
//! anything connects.

use std::borrow::Cow;

use serde_json::Value;

use super::template::{Fill, Template};
use super::{Adapter, Answer, Body, Heard, Seat, Upgrade};
use crate::bench::outgoing::Outgoing;
use crate::bench::stamp;

/// What this configuration's events are called: templates with `{room}`, `{user}` and `{body}`.
#[derive(Clone, Debug)]
pub struct Words {
    pub join: String,
    pub leave: String,
    /// The event that tells the sender it has joined; empty where none does.
    pub joined: String,
    pub publish: String,
    /// What members receive of `publish`: says how much padding makes it `--size` bytes.
    pub delivered: String,
    pub echo: String,
    pub echoed: String,
}

impl Default for Words {
    fn default() -> Words {
        let event = |name: &str, payload: &str| {
            format!(r#"{{"event":"{name}","target":"room:{{room}}","payload":{payload}}}"#)
        };
        Words {
            join: event("join_room", r#"{"name":"{user}"}"#),
            leave: event("leave_room", "{}"),
            joined: "join_success".into(),
            publish: event("send_message", r#"{"message":"{body}"}"#),
            delivered: r#"{"event":"new_message","payload":{"user":"{user}","message":"{body}"}}"#
                .into(),
            echo: r#"{"event":"echo","payload":{"message":"{body}"}}"#.into(),
            echoed: r#"{"event":"echoed","payload":{"message":"{body}"}}"#.into(),
        }
    }
}

/// The adapter.
pub struct Shardwire {
    path: String,
    join: Template,
    leave: Template,
    publish: Template,
    delivered: Template,
    echo: Template,
    echoed: Template,
    /// How the message begins that says one has joined.
    joined: Option<String>,
}

const DEFAULT_PATH: &str = "/ws";

const ERROR_FRONT: &[u8] = br#"{"event":"error""#;

impl Shardwire {
    /// `path` is the URL's; empty or `/` is the server's default.
    pub fn new(path: &str, words: &Words) -> Result<Shardwire, String> {
        let joined = Some(&words.joined).filter(|name| !name.is_empty());
        Ok(Shardwire {
            path: if matches!(path, "" | "/") { DEFAULT_PATH.into() } else { path.into() },
            join: Template::parse(&words.join)?,
            leave: Template::parse(&words.leave)?,
            publish: with_body(&words.publish)?,
            delivered: with_body(&words.delivered)?,
            echo: with_body(&words.echo)?,
            echoed: with_body(&words.echoed)?,
            joined: joined.map(|name| format!(r#"{{"event":"{name}""#)),
        })
    }
}

fn with_body(text: &str) -> Result<Template, String> {
    let template = Template::parse(text)?;
    match template.has_body() {
        true => Ok(template),
        false => Err(format!("this template needs a place for {{body}}: {text}")),
    }
}

impl Adapter for Shardwire {
    fn name(&self) -> &'static str {
        "shardwire"
    }

    fn upgrade(&self, seat: &Seat<'_>) -> Upgrade {
        let bearer = (!seat.token.is_empty()).then(|| format!("Bearer {}", seat.token));
        let headers = bearer.map(|bearer| ("Authorization", bearer)).into_iter().collect();
        Upgrade { target: self.path.clone(), headers, subprotocol: None }
    }

    fn join(&self, seat: &Seat<'_>, room: u32, out: &mut Outgoing<'_>) -> Answer {
        self.join.write(&Fill { seat, room: Some(room), body: None, padding_bytes: 0 }, out);
        if self.joined.is_some() { Answer::Awaited } else { Answer::None }
    }

    fn leave(&self, seat: &Seat<'_>, room: u32, out: &mut Outgoing<'_>) -> Answer {
        self.leave.write(&Fill { seat, room: Some(room), body: None, padding_bytes: 0 }, out);
        Answer::None
    }

    fn publish(&self, seat: &Seat<'_>, room: u32, body: &Body, out: &mut Outgoing<'_>) {
        let padding_bytes = body.delivered_bytes.saturating_sub(self.delivered.bytes_min());
        self.publish.write(&Fill { seat, room: Some(room), body: Some(body), padding_bytes }, out);
    }

    fn echo(&self, seat: &Seat<'_>, body: &Body, out: &mut Outgoing<'_>) {
        let padding_bytes = body.delivered_bytes.saturating_sub(self.echoed.bytes_min());
        self.echo.write(&Fill { seat, room: None, body: Some(body), padding_bytes }, out);
    }

    fn read(&self, _seat: &Seat<'_>, message: &[u8], _out: &mut Outgoing<'_>) -> Heard {
        let is_joined = |front: &String| message.starts_with(front.as_bytes());
        if self.joined.as_ref().is_some_and(is_joined) {
            return Heard::Joined;
        }
        if message.starts_with(ERROR_FRONT) {
            return Heard::Refused(refusal(message));
        }
        match stamp::find(message) {
            Some(stamp_at) => Heard::Delivered { stamp_at },
            None => Heard::Other,
        }
    }

    fn delivered_bytes_min(&self) -> usize {
        self.delivered.bytes_min().max(self.echoed.bytes_min())
    }
}

/// The error's code and event, which a run has few of.
fn refusal(message: &[u8]) -> Cow<'static, str> {
    let error: Value = serde_json::from_slice(message).unwrap_or_default();
    let text = |name: &str| error["payload"][name].as_str().unwrap_or_default().to_owned();
    format!("{} {}", text("code"), text("event")).trim().to_owned().into()
}

#[cfg(test)]
mod tests {
    use super::super::Role;
    use super::*;
    use crate::bench::stamp::Stamp;

    fn adapter() -> Shardwire {
        Shardwire::new("", &Words::default()).unwrap()
    }

    fn seat() -> Seat<'static> {
        Seat { number: 7, role: Role::Member { room: 1 }, token: "abc", session: "" }
    }

    fn read(message: &str) -> Heard {
        adapter().read(&seat(), message.as_bytes(), &mut Outgoing::new(&mut Vec::new(), [0; 4]))
    }

    #[test]
    fn the_upgrade_has_the_token_and_the_default_path() {
        let upgrade = adapter().upgrade(&seat());
        assert_eq!(upgrade.target, "/ws");
        assert_eq!(upgrade.headers, [("Authorization", "Bearer abc".to_owned())]);
        assert_eq!(Shardwire::new("/x", &Words::default()).unwrap().path, "/x");
    }

    #[test]
    fn messages_are_told_apart() {
        assert_eq!(read(r#"{"event":"join_success","payload":{"room":"1"}}"#), Heard::Joined);
        let error = r#"{"event":"error","payload":{"code":"rate_limited","event":"echo"}}"#;
        assert_eq!(read(error), Heard::Refused("rate_limited echo".into()));
        assert_eq!(read(r#"{"event":"user_joined","payload":{}}"#), Heard::Other);
        let message = r#"{"event":"new_message","payload":{"message":"t:00000000000000ff"}}"#;
        let Heard::Delivered { stamp_at } = read(message) else { panic!("no delivery") };
        assert_eq!(Stamp::read(message.as_bytes(), stamp_at), Some(Stamp::of_ns(255)));
    }

    #[test]
    fn a_published_body_is_padded_so_that_the_delivery_has_its_size() {
        let adapter = adapter();
        let body = Body { stamp: Stamp::of_ns(1), delivered_bytes: 128 };
        let mut bytes = Vec::new();
        adapter.publish(&seat(), 1, &body, &mut Outgoing::new(&mut bytes, [0; 4]));
        let padding_bytes = bytes.iter().filter(|byte| **byte == b'x').count();
        assert_eq!(padding_bytes, 128 - adapter.delivered.bytes_min());
    }

    #[test]
    fn a_template_that_cannot_carry_a_stamp_is_refused() {
        let words = Words { publish: "{}".into(), ..Words::default() };
        assert!(Shardwire::new("", &words).is_err_and(|error| error.contains("{body}")));
    }
}
