//! Whether a message is the expected one and, where it is not, every place where they differ.
//!
//! Invariants: a map may have more than is expected unless `exact`; a list may not. A captured name
//! holds only once the whole message fits.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::config::script::{Envelope, Expected, Matcher};
use crate::pipeline::pattern::Caches;
use crate::settings::WireNames;

/// Values by the names they were captured with.
pub type Captures = BTreeMap<String, Value>;

/// A message that a client was sent.
#[derive(Clone, Debug, PartialEq)]
pub enum Body {
    Json(Value),
    Text(String),
    Binary(Vec<u8>),
}

impl Body {
    /// As reports show it.
    pub fn shown(&self) -> String {
        match self {
            Body::Json(value) => value.to_string(),
            Body::Text(text) => format!("text {}", Value::from(text.as_str())),
            Body::Binary(bytes) => format!("binary {}", hex(bytes)),
        }
    }
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// One place where a message differs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mismatch {
    pub path: String,
    pub expected: String,
    pub received: String,
}

/// What fits, or everything that does not.
pub fn compare(
    expected: &Expected,
    exact: bool,
    body: &Body,
    names: &WireNames,
    captures: &Captures,
) -> Result<Captures, Vec<Mismatch>> {
    let mut matching = Matching { exact, captures: captures.clone(), found: Vec::new() };
    match (expected, body) {
        (Expected::Envelope(envelope), Body::Json(value)) => {
            matching.envelope(envelope, value, names);
        }
        (Expected::Json(matcher), Body::Json(value)) => matching.value("", matcher, Some(value)),
        (Expected::Text(matcher), Body::Text(text)) => {
            matching.value("", matcher, Some(&text.as_str().into()));
        }
        (Expected::Text(matcher), Body::Json(value)) => {
            matching.value("", matcher, Some(&value.to_string().into()));
        }
        (Expected::Binary(wanted), Body::Binary(bytes)) if wanted == bytes => {}
        _ => matching.differ("", shown(expected), body.shown()),
    }
    match matching.found.is_empty() {
        true => Ok(matching.captures),
        false => Err(matching.found),
    }
}

/// An expectation as reports show it.
pub fn shown(expected: &Expected) -> String {
    match expected {
        Expected::Envelope(envelope) => {
            let parts = parts_of(envelope);
            let parts = parts.into_iter().filter_map(|(name, part)| {
                part.as_ref().map(|part| (name.to_owned(), part.shown()))
            });
            Value::from(parts.collect::<Map<String, Value>>()).to_string()
        }
        Expected::Json(matcher) => matcher.shown().to_string(),
        Expected::Text(matcher) => format!("text {}", matcher.shown()),
        Expected::Binary(bytes) => format!("binary {}", hex(bytes)),
    }
}

fn parts_of(envelope: &Envelope) -> [(&'static str, &Option<Matcher>); 4] {
    [
        ("event", &envelope.event),
        ("target", &envelope.target),
        ("payload", &envelope.payload),
        ("id", &envelope.id),
    ]
}

/// The part of a message that an envelope's field stands for.
pub fn part(message: &Value, names: &WireNames, part: &str) -> Option<Value> {
    let object = message.as_object()?;
    let name = match part {
        "event" => &names.event,
        "target" => &names.target,
        "id" => &names.id,
        _ if names.payload == "." => {
            let mut rest = object.clone();
            rest.retain(|key, _| *key != names.event && *key != names.id);
            return Some(rest.into());
        }
        _ => &names.payload,
    };
    object.get(name).cloned()
}

struct Matching {
    exact: bool,
    captures: Captures,
    found: Vec<Mismatch>,
}

impl Matching {
    fn envelope(&mut self, envelope: &Envelope, message: &Value, names: &WireNames) {
        for (name, matcher) in parts_of(envelope) {
            if let Some(matcher) = matcher {
                self.value(name, matcher, part(message, names, name).as_ref());
            }
        }
    }

    fn differ(&mut self, path: &str, expected: impl ToString, received: impl ToString) {
        let (expected, received) = (expected.to_string(), received.to_string());
        self.found.push(Mismatch { path: path.to_owned(), expected, received });
    }

    /// Compares one value; a script nests at most as deep as a YAML file may.
    fn value(&mut self, path: &str, matcher: &Matcher, value: Option<&Value>) {
        let Some(value) = value else {
            if !matches!(matcher, Matcher::Absent) {
                self.differ(path, words(matcher), "nothing");
            }
            return;
        };
        match (matcher, value) {
            (Matcher::Any, _) => {}
            (Matcher::Capture(name), _) => self.capture(path, name, value),
            (Matcher::List(items), Value::Array(values)) if items.len() == values.len() => {
                for (at, (item, value)) in items.iter().zip(values).enumerate() {
                    self.value(&format!("{path}[{at}]"), item, Some(value));
                }
            }
            (Matcher::Map(members), Value::Object(object)) => self.members(path, members, object),
            _ if fits(matcher, value) => {}
            _ => self.differ(path, words(matcher), value),
        }
    }

    fn members(&mut self, path: &str, members: &[(String, Matcher)], object: &Map<String, Value>) {
        let below = |key: &str| if path.is_empty() { key.into() } else { format!("{path}.{key}") };
        for (key, matcher) in members {
            self.value(&below(key), matcher, object.get(key));
        }
        let expected = |key: &String| members.iter().any(|(name, _)| name == key);
        for (key, value) in object.iter().filter(|(key, _)| self.exact && !expected(key)) {
            self.found.push(Mismatch {
                path: below(key),
                expected: "nothing".into(),
                received: value.to_string(),
            });
        }
    }

    fn capture(&mut self, path: &str, name: &str, value: &Value) {
        match self.captures.get(name) {
            None => drop(self.captures.insert(name.to_owned(), value.clone())),
            Some(captured) if captured == value => {}
            Some(captured) => {
                let expected = format!("${name}, which is {captured}");
                self.differ(path, expected, value);
            }
        }
    }
}

/// A word of the notation as it is written, anything else as JSON.
fn words(matcher: &Matcher) -> String {
    match (matcher, matcher.shown()) {
        (Matcher::Literal(_), literal) => literal.to_string(),
        (_, Value::String(word)) => word,
        (_, other) => other.to_string(),
    }
}

fn fits(matcher: &Matcher, value: &Value) -> bool {
    match matcher {
        Matcher::Kind(kind) => kind.holds(value),
        Matcher::Literal(literal) => same(literal, value),
        Matcher::Pattern(pattern) => value
            .as_str()
            .is_some_and(|text| Caches::default().is_match(pattern, 0, text.as_bytes())),
        _ => false,
    }
}

/// `1` and `1.0` are one number.
fn same(literal: &Value, value: &Value) -> bool {
    literal == value || (literal.is_number() && literal.as_f64() == value.as_f64())
}

/// A value to send, its captured names filled in.
pub fn filled(matcher: &Matcher, captures: &Captures) -> Value {
    match matcher {
        Matcher::Literal(value) => value.clone(),
        Matcher::Capture(name) => captures.get(name).cloned().unwrap_or_default(),
        Matcher::List(items) => items.iter().map(|item| filled(item, captures)).collect(),
        Matcher::Map(members) => {
            members.iter().map(|(key, value)| (key.clone(), filled(value, captures))).collect()
        }
        // The reader lets none of these be sent.
        Matcher::Any | Matcher::Absent | Matcher::Kind(_) | Matcher::Pattern(_) => Value::Null,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::config::script::Kind;

    fn literal(value: Value) -> Option<Matcher> {
        Some(Matcher::Literal(value))
    }

    fn map(members: Vec<(&str, Matcher)>) -> Matcher {
        Matcher::Map(members.into_iter().map(|(key, value)| (key.into(), value)).collect())
    }

    fn differences(expected: &Expected, exact: bool, message: Value) -> Vec<Mismatch> {
        let names = WireNames::default();
        compare(expected, exact, &Body::Json(message), &names, &Captures::new())
            .err()
            .unwrap_or_default()
    }

    #[test]
    fn a_map_may_hold_more_unless_exact_and_a_list_may_not() {
        let payload = map(vec![("a", Matcher::Literal(1.into()))]);
        let envelope = Envelope { payload: Some(payload), ..Envelope::default() };
        let expected = Expected::Envelope(envelope);
        let message = json!({ "event": "x", "payload": { "a": 1.0, "b": 2 } });
        assert_eq!(differences(&expected, false, message.clone()), []);
        assert_eq!(differences(&expected, true, message)[0].path, "payload.b");
        let list = Expected::Json(Matcher::List(vec![Matcher::Any]));
        assert_eq!(differences(&list, false, json!([1])).len(), 0);
        assert_eq!(differences(&list, false, json!([1, 2])).len(), 1);
        assert_eq!(differences(&list, false, json!([])).len(), 1);
    }

    #[test]
    fn a_name_is_captured_only_by_a_message_that_fits() {
        let capture = |name: &str| Matcher::Capture(name.into());
        let twice = Expected::Json(Matcher::List(vec![capture("x"), capture("x")]));
        let names = WireNames::default();
        let body = |value| Body::Json(value);
        let none = Captures::new();
        assert!(compare(&twice, false, &body(json!([1, 2])), &names, &none).is_err());
        let captures = compare(&twice, false, &body(json!([3, 3])), &names, &none).unwrap();
        assert_eq!(captures["x"], 3);
        assert!(compare(&twice, false, &body(json!([4, 4])), &names, &captures).is_err());
        assert_eq!(filled(&capture("x"), &captures), 3);
    }

    #[test]
    fn a_flat_payload_is_what_is_left_of_the_message() {
        let names = WireNames { event: "type".into(), payload: ".".into(), ..WireNames::default() };
        let message = json!({ "type": "hi", "id": 1, "a": 2 });
        assert_eq!(part(&message, &names, "payload"), Some(json!({ "a": 2 })));
        let absent = map(vec![("b", Matcher::Absent), ("a", Matcher::Kind(Kind::Int))]);
        let event = literal("hi".into());
        let envelope = Envelope { event, payload: Some(absent), ..Envelope::default() };
        let expected = Expected::Envelope(envelope);
        let fits = compare(&expected, true, &Body::Json(message), &names, &Captures::new());
        assert!(fits.is_ok());
    }
}
