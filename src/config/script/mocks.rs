//! `backends` of a test: what the services that the configuration calls answer.
//!
//! Invariants: mocks are looked at in the file's order; the first that fits a call and is not used
//! up answers it. Read by `cases`, played by `sim::play`.

use serde_json::Value;

use super::super::codes::Code;
use super::super::source::Span;
use super::super::yaml::{Entry, Node};
use super::cases::json;
use super::finding;
use super::matcher::{Matcher, Use};
use super::reader::Reader;
use crate::backend::{Failure, Method};

/// What answers some calls.
#[derive(Clone, Debug)]
pub struct Mock {
    pub span: Span,
    pub backend: String,
    pub method: Method,
    /// The path, with `*` for any one segment; with a query where it has one.
    pub path: String,
    /// What the body must be.
    pub expect: Option<Matcher>,
    pub answer: Mocked,
    pub delay_ns: u64,
    /// How often it answers; then those behind it may.
    pub times: Option<u64>,
}

/// What a mock answers.
#[derive(Clone, Debug)]
pub enum Mocked {
    Reply(u16, Value),
    Fails(Failure),
    /// Nothing is ever heard.
    Lost,
}

const KEYS: [&str; 11] = [
    "get", "post", "put", "patch", "delete", "expect", "status", "body", "fails", "delay", "times",
];

const METHODS: [(&str, Method); 5] = [
    ("get", Method::Get),
    ("post", Method::Post),
    ("put", Method::Put),
    ("patch", Method::Patch),
    ("delete", Method::Delete),
];

const FAILURES: [(&str, Mocked); 7] = [
    ("timeout", Mocked::Fails(Failure::Timeout)),
    ("unreachable", Mocked::Fails(Failure::Unreachable)),
    ("broken", Mocked::Fails(Failure::Broken)),
    ("tooLarge", Mocked::Fails(Failure::TooLarge)),
    ("breakerOpen", Mocked::Fails(Failure::BreakerOpen)),
    ("overloaded", Mocked::Fails(Failure::Overloaded)),
    ("lost", Mocked::Lost),
];

impl Reader<'_> {
    /// `backends: { NAME: [MOCK, ...] }`
    pub(super) fn mocks(&mut self, node: &Node) -> Vec<Mock> {
        let mut mocks = Vec::new();
        for entry in self.map(node, "`backends`").unwrap_or_default() {
            if !self.words.backends.contains(&entry.key) {
                let message = format!("there is no backend `{}`", entry.key);
                let unknown = finding(Code::UnknownBackend, message, entry.key_span, "unknown");
                let names = self.words.backends.iter().map(String::as_str);
                self.push(unknown.suggest(&entry.key, names));
                continue;
            }
            for node in self.list(&entry.value, "a backend").unwrap_or_default() {
                mocks.extend(self.mock(&entry.key, node));
            }
        }
        mocks
    }

    fn mock(&mut self, backend: &str, node: &Node) -> Option<Mock> {
        let entries = self.map(node, "an answer")?;
        self.known(entries, "an answer", &KEYS, true);
        let field = |name: &str| entries.iter().find(|entry| entry.key == name);
        let found = METHODS.iter().find_map(|(name, method)| Some((*method, field(name)?)));
        let Some((method, path)) = found else {
            let message = "an answer says to which method and path";
            self.push(finding(Code::WrongShape, message, node.span, "this has no method"));
            return None;
        };
        let expect = field("expect").and_then(|one| self.matcher(&one.value, Use::Expected));
        Some(Mock {
            span: node.span,
            backend: backend.to_owned(),
            method,
            path: self.text(&path.value, "a path")?,
            expect,
            answer: self.answer(field("status"), field("body"), field("fails"))?,
            delay_ns: match field("delay") {
                Some(one) => self.duration(&one.value, "delay")?,
                None => 0,
            },
            times: match field("times") {
                Some(one) => Some(self.count(&one.value, "times")?),
                None => None,
            },
        })
    }

    fn answer(
        &mut self,
        status: Option<&Entry>,
        body: Option<&Entry>,
        fails: Option<&Entry>,
    ) -> Option<Mocked> {
        if let Some(fails) = fails {
            let text = self.text(&fails.value, "fails")?;
            let found = FAILURES.iter().find(|(name, _)| *name == text);
            if found.is_none() {
                let names: Vec<&str> = FAILURES.iter().map(|(name, _)| *name).collect();
                let message = format!("`fails` takes {}", names.join(", "));
                self.bad_value(message, fails.value.span);
            }
            return found.map(|(_, answer)| answer.clone());
        }
        let code = match status {
            Some(status) => self.count(&status.value, "status")?,
            None => 200,
        };
        let Some(code) = u16::try_from(code).ok().filter(|code| (100..600).contains(code)) else {
            status.into_iter().for_each(|one| {
                self.bad_value(format!("{code} is no status"), one.value.span);
            });
            return None;
        };
        let body = body.map_or_else(|| Value::Object(Default::default()), |one| json(&one.value));
        Some(Mocked::Reply(code, body))
    }
}
