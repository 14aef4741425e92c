//! What a client does and sees in one step, in the order in which it is written.

use super::super::codes::Code;
use super::super::source::Span;
use super::super::yaml::{Entry, Node, NodeKind};
use super::matcher::{Matcher, Use};
use super::reader::Reader;
use super::{Action, Closed, Deed, Envelope, Expectation, Expected, finding};

const VERBS: [&str; 12] = [
    "connect",
    "disconnect",
    "hangUp",
    "stall",
    "ignore",
    "send",
    "text",
    "binary",
    "expect",
    "expectNothing",
    "expectDenied",
    "closed",
];

const SEND_KEYS: [&str; 5] = ["event", "target", "payload", "id", "token"];

const EXPECT_KEYS: [&str; 9] =
    ["event", "target", "payload", "id", "json", "text", "binary", "exact", "within"];

/// How long an expected message may take where the test does not say.
const WITHIN_NS: u64 = 1_000_000_000;

impl Reader<'_> {
    pub(super) fn actions(&mut self, node: &Node) -> Option<Vec<Action>> {
        let mut actions = Vec::new();
        for entry in self.map(node, "a client's step")? {
            let span = entry.key_span;
            match entry.key.as_str() {
                "expect" => self.expectations(&entry.value, &mut actions),
                _ => actions.extend(self.deed(entry).map(|deed| Action { span, deed })),
            }
        }
        Some(actions)
    }

    fn deed(&mut self, entry: &Entry) -> Option<Deed> {
        let (key, node) = (entry.key.as_str(), &entry.value);
        match key {
            "connect" => self.done(entry, Deed::Connect),
            "disconnect" => self.done(entry, Deed::Disconnect),
            "hangUp" => self.done(entry, Deed::HangUp),
            "stall" => self.done(entry, Deed::Stall),
            "ignore" => self.done(entry, Deed::Ignore),
            "send" => self.send(entry),
            "text" => self.text(node, key).map(Deed::Text),
            "binary" => self.bytes(node).map(Deed::Binary),
            "expectNothing" => self.duration(node, key).map(Deed::ExpectNothing),
            "expectDenied" => {
                let words = self.words;
                let what = "a reason or a rule";
                let name = self.one_of(node, what, Code::UnknownDenial, &words.denials)?;
                Some(Deed::ExpectDenied(name))
            }
            "closed" => self.closed(node).map(Deed::Closed),
            _ => self.event(entry),
        }
    }

    /// A verb that takes `true`.
    fn done(&mut self, entry: &Entry, deed: Deed) -> Option<Deed> {
        match self.switch(&entry.value, &entry.key)? {
            true => Some(deed),
            false => {
                self.bad_value(format!("`{}` takes `true`", entry.key), entry.value.span);
                None
            }
        }
    }

    fn send(&mut self, entry: &Entry) -> Option<Deed> {
        let fields = self.map(&entry.value, "`send`")?;
        self.known(fields, "`send`", &SEND_KEYS, false);
        self.refuse_raw(entry.key_span)?;
        self.envelope(fields, Use::Sent).map(Deed::Send)
    }

    /// `join_room: "room:1"` is short for sending that event to that target.
    fn event(&mut self, entry: &Entry) -> Option<Deed> {
        if !self.words.events.contains(&entry.key) {
            let message = format!("`{}` is not an action or an event", entry.key);
            let unknown = finding(Code::UnknownKey, message, entry.key_span, "unknown");
            let events = self.words.events.iter().map(String::as_str);
            self.push(unknown.suggest(&entry.key, VERBS.into_iter().chain(events)));
            return None;
        }
        let mut envelope = match &entry.value.kind {
            NodeKind::Map(fields) => {
                self.known(fields, "a message", &SEND_KEYS[1..], false);
                self.envelope(fields, Use::Sent)?
            }
            _ if entry.value.is_null() => Envelope::default(),
            _ => {
                let target = Some(self.matcher(&entry.value, Use::Sent)?);
                Envelope { target, ..Envelope::default() }
            }
        };
        envelope.event = Some(Matcher::Literal(entry.key.as_str().into()));
        Some(Deed::Send(envelope))
    }

    fn envelope(&mut self, fields: &[Entry], which: Use) -> Option<Envelope> {
        let mut envelope = Envelope::default();
        for field in fields {
            let place = match field.key.as_str() {
                "event" => &mut envelope.event,
                "target" => &mut envelope.target,
                "payload" => &mut envelope.payload,
                "id" => &mut envelope.id,
                "token" => &mut envelope.token,
                _ => continue,
            };
            *place = Some(self.matcher(&field.value, which)?);
        }
        Some(envelope)
    }

    fn expectations(&mut self, node: &Node, actions: &mut Vec<Action>) {
        let one = std::slice::from_ref(node);
        let nodes = match &node.kind {
            NodeKind::List(nodes) => nodes,
            _ => one,
        };
        for node in nodes {
            let expectation = self.expectation(node);
            actions.extend(
                expectation
                    .map(|expectation| Action { span: node.span, deed: Deed::Expect(expectation) }),
            );
        }
    }

    fn expectation(&mut self, node: &Node) -> Option<Expectation> {
        if node.as_scalar().is_some() {
            self.refuse_raw(node.span)?;
            let event = Some(self.matcher(node, Use::Expected)?);
            let shape = Expected::Envelope(Envelope { event, ..Envelope::default() });
            return Some(Expectation { shape, exact: false, within_ns: WITHIN_NS });
        }
        let fields = self.map(node, "`expect`")?;
        self.known(fields, "`expect`", &EXPECT_KEYS, false);
        let (mut exact, mut within_ns) = (false, WITHIN_NS);
        for field in fields {
            match field.key.as_str() {
                "exact" => exact = self.switch(&field.value, "exact")?,
                "within" => within_ns = self.duration(&field.value, "within")?,
                _ => {}
            }
        }
        Some(Expectation { shape: self.expected(node, fields)?, exact, within_ns })
    }

    fn expected(&mut self, node: &Node, fields: &[Entry]) -> Option<Expected> {
        let whole = |field: &&Entry| matches!(field.key.as_str(), "json" | "text" | "binary");
        let rest = |field: &Entry| !matches!(field.key.as_str(), "exact" | "within");
        let Some(field) = fields.iter().find(whole) else {
            self.refuse_raw(node.span)?;
            return self.envelope(fields, Use::Expected).map(Expected::Envelope);
        };
        if fields.iter().filter(|field| rest(field)).count() > 1 {
            let message = format!("`{}` is the whole message; nothing goes beside it", field.key);
            self.push(finding(Code::WrongShape, message, node.span, "too much"));
            return None;
        }
        match field.key.as_str() {
            "binary" => self.bytes(&field.value).map(Expected::Binary),
            "json" => self.matcher(&field.value, Use::Expected).map(Expected::Json),
            _ => {
                // A text is a text, also where it looks like a number.
                let text = self.text(&field.value, "text")?;
                match self.matcher(&field.value, Use::Expected)? {
                    Matcher::Literal(_) => Some(Expected::Text(Matcher::Literal(text.into()))),
                    other => Some(Expected::Text(other)),
                }
            }
        }
    }

    fn refuse_raw(&mut self, span: Span) -> Option<()> {
        if !self.words.raw {
            return Some(());
        }
        let message = "with `protocol: raw` a message has no event, target or payload";
        let finding = finding(Code::EnvelopeInRaw, message, span, "an envelope");
        self.push(finding.help("use `text` or `binary`"));
        None
    }

    fn closed(&mut self, node: &Node) -> Option<Closed> {
        let text = self.text(node, "closed")?;
        match (text.as_str(), text.parse::<u16>()) {
            ("true", _) => Some(Closed::Anyhow),
            (_, Ok(code @ 1000..=4999)) => Some(Closed::Code(code)),
            (_, Err(_)) => Some(Closed::Reason(text)),
            (_, Ok(_)) => {
                self.bad_value(format!("`{text}` is not a close code"), node.span);
                None
            }
        }
    }

    /// Bytes as hexadecimal digits, with spaces between them where one likes.
    fn bytes(&mut self, node: &Node) -> Option<Vec<u8>> {
        let text = self.text(node, "binary")?;
        let digits: Vec<char> = text.chars().filter(|c| !c.is_whitespace()).collect();
        let nibble = |c: &char| c.to_digit(16).map(|digit| digit as u8);
        let byte = |pair: &[char]| match pair {
            [high, low] => Some(nibble(high)? << 4 | nibble(low)?),
            _ => None,
        };
        let bytes: Option<Vec<u8>> = digits.chunks(2).map(byte).collect();
        if bytes.is_none() {
            self.bad_value("bytes are written as pairs of hexadecimal digits".into(), node.span);
        }
        bytes
    }
}
