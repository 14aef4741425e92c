//! `limit`: how often an event may come, by any key.
//!
//! ```text
//! limit: 10/m                                   # from one user
//! limit: { rate: 10/m, per: [user, payload.room], onExceed: drop, burst: 5 }
//! ```
//!
//! Invariants: a limit belongs to its event, so `event` in a key says what holds anyway; the first
//! of `user`, `conn` and `room` in a key says where it is counted.

use super::super::super::codes::Code;
use super::super::super::diagnostic::Diagnostic;
use super::super::super::expr::Want;
use super::super::super::source::Span;
use super::super::super::yaml::{Entry, Node, NodeKind};
use super::super::catalog;
use super::super::ir::{Action, Counting, Expression, Step, Template};
use super::Native;
use super::flow::Flow;
use crate::pipeline::op::Form;
use crate::pipeline::program::{KEY_SEPARATOR, OnExceed, Scope};
use crate::state::limits::{Algorithm, Rate};

const FIELDS: [&str; 6] = ["rate", "per", "onExceed", "algorithm", "burst", "name"];

/// What `onExceed` takes.
const WAYS: [(&str, OnExceed); 3] =
    [("error", OnExceed::Error), ("drop", OnExceed::Drop), ("close", OnExceed::Close)];

impl Native<'_> {
    /// One limit, or a list of them.
    pub fn limits(&mut self, entry: &Entry, flow: &mut Flow) -> Vec<Step> {
        match &entry.value.kind {
            NodeKind::List(items) => {
                items.iter().filter_map(|item| self.limit(item, flow)).collect()
            }
            _ if entry.value.is_null() => Vec::new(),
            _ => self.limit(&entry.value, flow).into_iter().collect(),
        }
    }

    fn limit(&mut self, node: &Node, flow: &mut Flow) -> Option<Step> {
        let step = |action| Step::made(node.span, action);
        let Some(entries) = node.as_map() else {
            let rate = self.rate(Some(node), node.span)?;
            return Some(step(Action::Limit {
                events_max: rate.events_max,
                window_ns: rate.window_ns,
            }));
        };
        for entry in entries.iter().filter(|entry| !FIELDS.contains(&entry.key.as_str())) {
            self.unknown_key(entry, "a limit", &FIELDS);
        }
        let value =
            |name: &str| entries.iter().find(|entry| entry.key == name).map(|entry| &entry.value);
        let mut rate = self.rate(value("rate"), node.span)?;
        rate.algorithm = self.algorithm(value("algorithm"), value("burst"), &rate)?;
        let (scope, key) = self.key(value("per"), flow)?;
        let on_exceed = self.on_exceed(value("onExceed"));
        let name = value("name").and_then(Node::as_scalar).map(|scalar| scalar.text.clone());
        let name = name.unwrap_or_default();
        let per = if key.is_some() { parts(value("per")) } else { String::new() };
        Some(step(Action::Count(Box::new(Counting { name, rate, scope, on_exceed, key, per }))))
    }

    fn rate(&mut self, node: Option<&Node>, span: Span) -> Option<Rate> {
        let text = node.and_then(Node::as_scalar).map(|scalar| scalar.text.as_str());
        if let Some((events_max, window_ns)) = text.and_then(catalog::rate) {
            return Some(Rate::fixed(events_max, window_ns));
        }
        let finding = Diagnostic::new(Code::BadLimit, "this is not a limit");
        let span = node.map_or(span, |node| node.span);
        let finding = finding.label(span, "a rate is expected here");
        self.findings.push(finding.help("write it like `10/m`, or `{ rate: 10/m, per: [user] }`"));
        None
    }

    fn algorithm(
        &mut self,
        name: Option<&Node>,
        burst: Option<&Node>,
        rate: &Rate,
    ) -> Option<Algorithm> {
        let text = |node: &Node| node.as_scalar().map(|scalar| scalar.text.clone());
        let given = burst.map(|node| text(node).and_then(|text| text.parse::<u32>().ok()));
        let most = match given {
            None => rate.events_max,
            Some(Some(burst)) if burst > 0 => burst,
            Some(_) => return self.no_limit(burst, "`burst` is a number, not 0"),
        };
        match name.map(text) {
            None if burst.is_none() => Some(Algorithm::Fixed),
            None => Some(Algorithm::Gcra { burst: most }),
            Some(Some(name)) if name == "gcra" => Some(Algorithm::Gcra { burst: most }),
            Some(Some(name)) if name == "fixed" && burst.is_none() => Some(Algorithm::Fixed),
            Some(_) => self.no_limit(name, "`algorithm` is `fixed`, or `gcra` with a `burst`"),
        }
    }

    fn no_limit<T>(&mut self, node: Option<&Node>, label: &str) -> Option<T> {
        if let Some(node) = node {
            self.push(Code::BadLimit, "this is not a limit", node.span, label);
        }
        None
    }

    fn on_exceed(&mut self, node: Option<&Node>) -> OnExceed {
        let Some(node) = node else { return OnExceed::Error };
        let text = node.as_scalar().map(|scalar| scalar.text.as_str()).unwrap_or_default();
        match WAYS.iter().find(|(name, _)| *name == text) {
            Some((_, way)) => *way,
            None => {
                let finding = Diagnostic::new(Code::BadLimit, "this is not a limit");
                let finding = finding.label(node.span, "what becomes of the message?");
                self.findings.push(finding.suggest(text, WAYS.map(|(name, _)| name)));
                OnExceed::Error
            }
        }
    }

    /// Where the limit is counted, and the rest of its key.
    fn key(&mut self, per: Option<&Node>, flow: &mut Flow) -> Option<(Scope, Option<Template>)> {
        let nodes: Vec<&Node> = match per.map(|node| &node.kind) {
            None => return Some((Scope::User, None)),
            Some(NodeKind::List(items)) => items.iter().collect(),
            Some(_) => per.into_iter().collect(),
        };
        let named = |name: &str| {
            nodes.iter().any(|node| node.as_scalar().is_some_and(|scalar| scalar.text == name))
        };
        let scope = match (named("user"), named("conn"), named("room")) {
            (true, ..) => Scope::User,
            (_, true, _) => Scope::Conn,
            (_, _, true) => Scope::Room,
            _ => Scope::Text,
        };
        let mut key = Template::default();
        if scope == Scope::Room {
            let target = self.written("target", nodes.first()?.span, flow);
            self.part(target, &mut key);
        }
        for node in &nodes {
            let value = self.key_part(node, scope, flow)?;
            if let Some(value) = value {
                self.part(Some(value), &mut key);
            }
        }
        if nodes.is_empty() {
            return self.no_limit(per, "`per` names at least one thing");
        }
        let keyless = key.parts.is_empty() && matches!(scope, Scope::User | Scope::Conn);
        if keyless {
            return Some((scope, None));
        }
        if key.parts.is_empty() {
            // Only `event`: one count for everybody.
            key.literal("event");
        }
        Some((scope, Some(key)))
    }

    /// A part of the key that the place of counting does not say already.
    fn key_part(
        &mut self,
        node: &Node,
        scope: Scope,
        flow: &mut Flow,
    ) -> Option<Option<Expression>> {
        let text = node.as_scalar().map(|scalar| scalar.text.as_str()).unwrap_or_default();
        let known = match (text, scope) {
            ("event", _) | ("user", Scope::User) | ("conn", Scope::Conn) => return Some(None),
            ("room", Scope::Room) => return Some(None),
            ("conn", _) => Some("conn.id"),
            ("room", _) => Some("target"),
            ("ip", _) => Some("conn.ip"),
            _ => None,
        };
        let value = match known {
            Some(path) => self.written(path, node.span, flow),
            None => self.bare(node, &Want::any("a part of a limit's key").optional(), flow),
        };
        Some(Some(value?))
    }

    fn part(&mut self, value: Option<Expression>, key: &mut Template) {
        if !key.parts.is_empty() {
            key.literal(char::from(KEY_SEPARATOR).encode_utf8(&mut [0; 4]));
        }
        value.into_iter().for_each(|value| key.put(value, Form::Text));
    }
}

/// The parts of a key as the file says them: limits of one event with the same are the same.
fn parts(per: Option<&Node>) -> String {
    let nodes: Vec<&Node> = match per.map(|node| &node.kind) {
        Some(NodeKind::List(items)) => items.iter().collect(),
        _ => per.into_iter().collect(),
    };
    let text = |node: &&Node| node.as_scalar().map(|scalar| scalar.text.clone());
    nodes.iter().filter_map(text).collect::<Vec<_>>().join(", ")
}
