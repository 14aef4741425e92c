//! Values of a test: what is sent, and what is expected, with words that stand for any value.
//!
//! | written | matches |
//! |---|---|
//! | `$any` `$string` `$int` `$number` `$bool` `$list` `$map` | any value of the kind |
//! | `$absent` | only where the key is missing |
//! | `~ ^[a-z]+$` | a text that has a match of the pattern |
//! | `$name` | anything, and from then on that value |
//! | `$$name`, `~~ text` | the text `$name`, the text `~ text` |
//!
//! Invariants: a value that is sent holds nothing but literals and captured names.

use serde_json::Value;

use super::super::codes::Code;
use super::super::suggest;
use super::super::yaml::{Entry, Node, NodeKind, Scalar, ScalarStyle};
use super::reader::Reader;
use super::{finding, pattern};
use crate::pipeline::pattern::Pattern;

/// See the module.
#[derive(Clone, Debug)]
pub enum Matcher {
    Any,
    Absent,
    Kind(Kind),
    Pattern(Box<Pattern>),
    Capture(String),
    Literal(Value),
    List(Vec<Matcher>),
    Map(Vec<(String, Matcher)>),
}

/// A kind of JSON value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    String,
    Int,
    Number,
    Bool,
    List,
    Map,
}

const KINDS: [(&str, Kind); 6] = [
    ("string", Kind::String),
    ("int", Kind::Int),
    ("number", Kind::Number),
    ("bool", Kind::Bool),
    ("list", Kind::List),
    ("map", Kind::Map),
];

impl Kind {
    pub fn name(self) -> &'static str {
        KINDS.iter().find(|(_, kind)| *kind == self).map_or("", |(name, _)| name)
    }

    pub fn holds(self, value: &Value) -> bool {
        match self {
            Kind::String => value.is_string(),
            Kind::Int => value.is_i64() || value.is_u64(),
            Kind::Number => value.is_number(),
            Kind::Bool => value.is_boolean(),
            Kind::List => value.is_array(),
            Kind::Map => value.is_object(),
        }
    }
}

/// Whether a value is sent or expected.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Use {
    Sent,
    Expected,
}

impl Reader<'_> {
    /// Reads a value. The tree is at most `yaml::DEPTH_MAX` deep, so recursion is bounded.
    pub(super) fn matcher(&mut self, node: &Node, which: Use) -> Option<Matcher> {
        match &node.kind {
            NodeKind::Scalar(scalar) => self.word(node, scalar, which),
            NodeKind::List(nodes) => {
                let items: Vec<_> = nodes.iter().map(|node| self.matcher(node, which)).collect();
                items.into_iter().collect::<Option<Vec<Matcher>>>().map(Matcher::List)
            }
            NodeKind::Map(entries) => self.members(entries, which),
        }
    }

    fn members(&mut self, entries: &[Entry], which: Use) -> Option<Matcher> {
        let mut members = Vec::with_capacity(entries.len());
        let mut whole = true;
        for entry in entries {
            match self.matcher(&entry.value, which) {
                Some(matcher) => members.push((entry.key.clone(), matcher)),
                None => whole = false,
            }
        }
        whole.then_some(Matcher::Map(members))
    }

    fn word(&mut self, node: &Node, scalar: &Scalar, which: Use) -> Option<Matcher> {
        let text = scalar.text.as_str();
        match (text.strip_prefix("~ "), text.strip_prefix('$')) {
            (Some(regex), _) if which == Use::Expected => self.regex(node, regex.trim()),
            (_, Some(name)) if !name.starts_with('$') => self.named(node, name, which),
            (_, Some(literal)) => Some(Matcher::Literal(literal.into())),
            _ if text.starts_with("~~ ") => Some(Matcher::Literal(text[1..].into())),
            _ => Some(Matcher::Literal(literal(scalar))),
        }
    }

    fn regex(&mut self, node: &Node, text: &str) -> Option<Matcher> {
        match pattern(text) {
            Ok(pattern) => Some(Matcher::Pattern(Box::new(pattern))),
            Err(why) => {
                let message = format!("this pattern cannot be used: {why}");
                self.push(finding(Code::BadMatcher, message, node.span, "not a pattern"));
                None
            }
        }
    }

    fn named(&mut self, node: &Node, name: &str, which: Use) -> Option<Matcher> {
        let kind = KINDS.iter().find(|(word, _)| *word == name).map(|(_, kind)| *kind);
        match (name, kind, which) {
            ("any", _, Use::Expected) => Some(Matcher::Any),
            ("absent", _, Use::Expected) => Some(Matcher::Absent),
            (_, Some(kind), Use::Expected) => Some(Matcher::Kind(kind)),
            ("any" | "absent", ..) | (_, Some(_), _) => {
                let message = format!("`${name}` stands for a value that is expected, not sent");
                self.push(finding(Code::BadMatcher, message, node.span, "sent here"));
                None
            }
            _ => self.capture(node, name, which),
        }
    }

    fn capture(&mut self, node: &Node, name: &str, which: Use) -> Option<Matcher> {
        if self.bound.iter().any(|bound| bound == name) || self.is_token(name) {
            return Some(Matcher::Capture(name.to_owned()));
        }
        let usable = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let words = || KINDS.iter().map(|(word, _)| *word).chain(["any", "absent"]);
        let near = suggest::nearest(name, words());
        if name.is_empty() || !name.chars().all(usable) || near.is_some() {
            let message = format!("`${name}` is not a word or a name to capture a value with");
            let finding = finding(Code::BadMatcher, message, node.span, "not understood");
            let finding = finding.help("a text that begins with `$` is written `$$...`");
            self.push(
                near.map_or(finding.clone(), |near| {
                    finding.help(format!("did you mean `${near}`?"))
                }),
            );
            return None;
        }
        if which == Use::Sent {
            let message = format!("nothing was captured as `${name}` before this step");
            let unbound = finding(Code::UnboundCapture, message, node.span, "sent here");
            let names: Vec<String> = self.bound.iter().map(|bound| format!("${bound}")).collect();
            self.push(match names.is_empty() {
                true => unbound.help("an expectation captures: `payload: { id: $id }`"),
                false => unbound.suggest(name, names.iter().map(String::as_str)),
            });
            return None;
        }
        self.bound.push(name.to_owned());
        Some(Matcher::Capture(name.to_owned()))
    }

    /// `$ann.token` is the token that the client ann connects with.
    fn is_token(&self, name: &str) -> bool {
        let client = name.strip_suffix(".token");
        client.is_some_and(|client| self.clients.iter().any(|one| one == client))
    }
}

/// A scalar as JSON: YAML 1.2's plain words and numbers, everything else is text.
pub(super) fn literal(scalar: &Scalar) -> Value {
    if scalar.style != ScalarStyle::Plain {
        return scalar.text.as_str().into();
    }
    match scalar.text.as_str() {
        _ if scalar.is_null() => Value::Null,
        "true" => true.into(),
        "false" => false.into(),
        text => number(text).unwrap_or_else(|| text.into()),
    }
}

/// JSON's notation of numbers and no other, so that `007` and `1_000` stay texts.
fn number(text: &str) -> Option<Value> {
    let begins = text.trim_start_matches('-').starts_with(|c: char| c.is_ascii_digit());
    let value: Option<Value> = serde_json::from_str(text).ok();
    value.filter(|value| begins && value.is_number())
}

impl Matcher {
    /// As it is shown in reports.
    pub fn shown(&self) -> Value {
        match self {
            Matcher::Any => "$any".into(),
            Matcher::Absent => "$absent".into(),
            Matcher::Kind(kind) => format!("${}", kind.name()).into(),
            Matcher::Pattern(pattern) => format!("~ {}", pattern.text()).into(),
            Matcher::Capture(name) => format!("${name}").into(),
            Matcher::Literal(value) => value.clone(),
            Matcher::List(items) => items.iter().map(Matcher::shown).collect(),
            Matcher::Map(members) => {
                members.iter().map(|(key, value)| (key.clone(), value.shown())).collect()
            }
        }
    }
}
