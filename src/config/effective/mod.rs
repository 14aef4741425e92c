//! The values in effect: each with its path and where it came from, in the order of the reference.
//!
//! Invariants: a secret is compared but never shown; what is listed under `Default` was set by
//! nobody. Made by `config::compile_files`, shown by `shardwire config`, compared by `diff`.

mod collect;
mod show;

use std::fmt;

pub(super) use collect::{Given, collect};

use super::redact;
use super::settings::Effect;

/// Where a value came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Nobody set it.
    Default,
    File {
        name: String,
        line: u32,
        column: u16,
    },
    /// An environment variable, by name.
    Variable(String),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origin::Default => f.write_str("default"),
            Origin::File { name, line, .. } => write!(f, "{name}:{line}"),
            Origin::Variable(name) => f.write_str(name),
        }
    }
}

/// A step of a path.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Segment {
    Key(String),
    Item(usize),
}

/// What stands at a path.
#[derive(Clone, PartialEq, Eq)]
pub enum Content {
    /// A text; `quoted` where it must not be read as a number or a switch.
    One {
        text: String,
        quoted: bool,
    },
    List(Vec<String>),
    EmptyMap,
}

/// One value in effect.
#[derive(Clone, PartialEq, Eq)]
pub struct Value {
    pub path: Vec<Segment>,
    content: Content,
    pub origin: Origin,
    pub effect: Effect,
}

impl Value {
    /// `transport.outbox.bytes`, `events.join.actions[0].name`.
    pub fn name(&self) -> String {
        name_of(&self.path)
    }

    pub fn is_secret(&self) -> bool {
        let hides = |step: &Segment| matches!(step, Segment::Key(key) if redact::is_secret(key));
        self.path.iter().any(hides) && !self.is_type() && !self.is_template()
    }

    /// Whether it is a text of a step, or of a backend, with holes: what fills them is not here.
    fn is_template(&self) -> bool {
        let sections = ["events", "pipelines", "lifecycle", "backends"];
        let first = self.path.first();
        let in_program = first.is_some_and(
            |step| matches!(step, Segment::Key(key) if sections.contains(&key.as_str())),
        );
        in_program && matches!(&self.content, Content::One { text, .. } if text.contains("${"))
    }

    /// Whether it is a part of a schema: the name of a type, whatever its field is called.
    fn is_type(&self) -> bool {
        let key = |at: usize| match self.path.get(at) {
            Some(Segment::Key(key)) => key.as_str(),
            _ => "",
        };
        let is_returns = |step: &Segment| matches!(step, Segment::Key(key) if key == "returns");
        matches!((key(0), key(2)), ("events", "payload") | ("pipelines", "input"))
            || key(0) == "state"
            || self.path.iter().any(is_returns)
    }

    /// The content for comparing.
    pub(super) fn raw(&self) -> &Content {
        &self.content
    }

    /// The content for showing.
    pub fn content(&self) -> Content {
        let given = self.content != Content::EmptyMap && self.origin != Origin::Default;
        match self.is_secret() && given {
            true => Content::One { text: "(secret)".into(), quoted: true },
            false => self.content.clone(),
        }
    }
}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Value").field("name", &self.name()).finish_non_exhaustive()
    }
}

/// A path as one text; a key with a dot or a blank in it stands in quotes.
pub fn name_of(path: &[Segment]) -> String {
    let mut name = String::new();
    for step in path {
        match step {
            Segment::Item(at) => name += &format!("[{at}]"),
            Segment::Key(key) if key.contains(['.', ' ', '[', '"']) => {
                name += &format!("[{key:?}]")
            }
            Segment::Key(key) if name.is_empty() => name += key,
            Segment::Key(key) => name += &format!(".{key}"),
        }
    }
    name
}

/// Every value in effect.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Effective {
    pub values: Vec<Value>,
}
