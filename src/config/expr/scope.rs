//! The names an expression may use: what each is, and how the interpreter gets it.
//!
//! Invariants: filled by the caller, never by an expression; a name that the language knows and
//! this place does not have is told apart from one that nobody knows.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::super::environment::Environment;
use super::super::source::Span;
use super::super::types::{Type, Typed};
use super::section::Section;
use crate::pipeline::op::{Context, ValueReg};

/// The names that the language has, and where each is in scope.
pub const ROOTS: &[(&str, &str)] = &[
    ("payload", "in events whose messages carry a payload"),
    ("msg", "in `lifecycle.message` of the raw protocol"),
    ("user", "where a user is known: in events, behind `identify`, in the rules of rooms"),
    ("conn", "wherever a connection is at hand: in events, in `lifecycle`, in the rules of rooms"),
    ("room", "in the rules and the `lifecycle` of rooms"),
    ("target", "in events whose messages name a target"),
    ("token", "behind `verify`, and in events with the modifier `secure`"),
    ("env", "wherever the configuration has a value"),
    ("now", "wherever a message or a connection is at hand, and in `http.routes`"),
    ("server", "in `http.routes`"),
    ("request", "in `http.routes`"),
    ("error", "in `onError` and in `errors.reply`"),
    ("reason", "in `lifecycle.disconnect` and `lifecycle.leave`"),
    ("input", "in the steps of a named pipeline, which declares it"),
];

/// A value that is known at load.
#[derive(Clone, Debug, PartialEq)]
pub enum Const {
    Null,
    Bool(bool),
    Int(i64),
    Double(f64),
    Text(String),
    List(Vec<Const>),
}

impl Const {
    /// The type of the value.
    pub fn typed(&self) -> Typed {
        Typed::of(match self {
            Const::Null => Type::Null,
            Const::Bool(_) => Type::Bool,
            Const::Int(_) => Type::Int,
            Const::Double(_) => Type::Double,
            Const::Text(_) => Type::String,
            Const::List(items) => {
                let element = items.iter().map(Const::typed).reduce(Typed::union);
                Type::List(Box::new(element.unwrap_or(Typed::of(Type::Any))))
            }
        })
    }
}

/// How the interpreter gets the value of a name.
#[derive(Clone, Debug, PartialEq)]
pub enum Read {
    /// A path of the message's payload; empty is the whole payload.
    Payload(Vec<String>),
    /// A path of the claims that were verified.
    Claims(Vec<String>),
    /// Of the connection or the message.
    Context(Context),
    /// A variable of `state.conn`, by its place.
    ConnVar(u8),
    /// A variable of `state.user`.
    UserVar(u8),
    /// Whether the user holds a declared permission.
    Permission(u8),
    /// A variable of the room at hand (`{tenant}` of its pattern).
    RoomVar(u8),
    /// A register that an earlier step wrote (`into:`, `input`).
    Local(ValueReg),
    /// Known at load (`env`).
    Const(Const),
}

/// What a name stands for.
#[derive(Clone, Debug, PartialEq)]
pub enum Binding {
    /// A value; where its type is a map, its fields are reached through it.
    Value {
        typed: Typed,
        read: Read,
        /// Where the file declares it.
        declared: Option<Span>,
    },
    /// Names below this one (`user`: `id`, `claims`), itself no value.
    Names(Vec<(String, Binding)>),
}

/// Paths that are known not to be null, as written (`payload.name`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    paths: BTreeSet<String>,
    /// Of every path: what would say which of them was found wrong.
    all: bool,
}

impl Facts {
    /// One path, and what it leads through: where the end is, all of it is.
    pub fn of(path: String) -> Facts {
        let above = path.match_indices('.').map(|(place, _)| path[..place].to_owned());
        let mut paths: BTreeSet<String> = above.collect();
        paths.insert(path);
        Facts { paths, all: false }
    }

    /// What holds behind a condition that was found wrong: nobody knows, so nothing is asked.
    pub fn all() -> Facts {
        Facts { all: true, ..Facts::default() }
    }

    /// The same of a condition with this text: only one that compares or calls can have asked for
    /// null.
    pub fn behind(text: &str) -> Facts {
        if text.contains(['=', '(']) { Facts::all() } else { Facts::default() }
    }

    pub fn holds(&self, path: &str) -> bool {
        self.all || self.paths.contains(path)
    }

    /// What is known where both are.
    pub fn and(mut self, other: &Facts) -> Facts {
        self.paths.extend(other.paths.iter().cloned());
        self.all |= other.all;
        self
    }

    /// What is known where one of both is, and nobody knows which.
    pub fn or(mut self, other: &Facts) -> Facts {
        if self.all {
            return other.clone();
        }
        self.paths.retain(|path| other.holds(path));
        self
    }

    /// Forgets a path and what is below it: a step has set it.
    pub fn forget(&mut self, path: &str) {
        let below = |known: &str| {
            known.strip_prefix(path).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        };
        self.paths.retain(|known| !below(known));
    }
}

/// The names of one place.
#[derive(Clone, Debug, Default)]
pub struct Scope {
    pub(super) names: Vec<(String, Binding)>,
    pub(super) facts: Facts,
    /// Constants are left to the run: see `keep_constants`.
    pub(super) unfolded: bool,
    /// What the file declares below some paths.
    pub(super) sections: Vec<Section>,
    /// Which event, hook or pipeline this is: names that only it has are another's elsewhere.
    pub(super) home: u32,
    /// What `env` reads.
    pub(super) environment: Option<Arc<Environment>>,
}

impl Scope {
    pub fn new() -> Scope {
        Scope::default()
    }

    /// Binds a dotted path (`user.id`) to a value; what stood there is replaced.
    pub fn bind(&mut self, path: &str, typed: Typed, read: Read) {
        self.bind_declared(path, typed, read, None);
    }

    /// The same of a value that the file declares.
    pub fn bind_declared(&mut self, path: &str, typed: Typed, read: Read, declared: Option<Span>) {
        let (above, name) = path.rsplit_once('.').unwrap_or(("", path));
        let mut above = above.split('.').filter(|step| !step.is_empty());
        let Some(names) = above.try_fold(&mut self.names, below) else { return };
        let binding = Binding::Value { typed, read, declared };
        match names.iter_mut().find(|(known, _)| known == name) {
            Some((_, known)) => *known = binding,
            None => names.push((name.to_owned(), binding)),
        }
    }

    /// Brings `env` into the scope.
    pub fn bind_environment(&mut self, environment: Arc<Environment>) {
        self.environment = Some(environment);
    }

    /// Says what the file declares below a path, so that a name that is not there is told well;
    /// comes before the names themselves.
    pub fn declare(&mut self, section: Section) {
        let Some(_) = section.path.split('.').try_fold(&mut self.names, below) else { return };
        self.sections.push(section);
    }

    /// The section whose names stand below a path.
    pub(super) fn section(&self, path: &str) -> Option<&Section> {
        self.sections.iter().find(|section| section.path == path)
    }

    /// Says which event, hook or pipeline this is the scope of, by its place.
    pub fn belongs_to(&mut self, place: Span) {
        self.home = place.start;
    }

    /// What a finding about a path is about: the same name means another value elsewhere, except
    /// where there is only one such value.
    pub fn subject(&self, path: &str) -> String {
        match path.split('.').next() {
            Some("conn" | "user" | "env") => path.to_owned(),
            _ => format!("{path}@{}", self.home),
        }
    }

    /// Binds a name whose value nobody knows: what would make it was found wrong.
    pub fn bind_broken(&mut self, path: &str) {
        self.bind(path, Typed::of(Type::Broken), Read::Const(Const::Null));
    }

    /// Leaves what is known at load to the run: for tests, which ask whether that is the same.
    pub fn keep_constants(&mut self) {
        self.unfolded = true;
    }

    /// Takes a name (and all below it) out of the scope.
    pub fn unbind(&mut self, root: &str) {
        self.names.retain(|(name, _)| name != root);
    }

    /// What else is known here not to be null: the condition that leads here.
    pub fn assume(&mut self, facts: &Facts) {
        self.facts = std::mem::take(&mut self.facts).and(facts);
    }

    /// Whether a first name means something here.
    pub fn knows(&self, root: &str) -> bool {
        self.names.iter().any(|(name, _)| name == root)
    }

    /// The names of here, and what is known both here and in a scope that did not come this way.
    pub fn rejoin(&mut self, other: &Scope) {
        self.facts = std::mem::take(&mut self.facts).or(&other.facts);
    }

    /// A step has set this path: nothing is known of it any more.
    pub fn forget(&mut self, path: &str) {
        self.facts.forget(path);
    }
}

/// The names below a step, made where it has none; a value that stood there is replaced.
fn below<'n>(
    names: &'n mut Vec<(String, Binding)>,
    step: &str,
) -> Option<&'n mut Vec<(String, Binding)>> {
    let is_there =
        |(name, binding): &(String, Binding)| name == step && matches!(binding, Binding::Names(_));
    if !names.iter().any(is_there) {
        names.retain(|(name, _)| name != step);
        names.push((step.to_owned(), Binding::Names(Vec::new())));
    }
    names.iter_mut().find_map(|(name, binding)| match binding {
        Binding::Names(below) if name == step => Some(below),
        _ => None,
    })
}
