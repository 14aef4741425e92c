//! `call`: a request to a backend, and what becomes of its answer.
//!
//! Invariants: the path's shape is the file's: each hole is one escaped segment or a part of one,
//! and values of a query are escaped; secrets stand in headers and bodies only.

use std::sync::Arc;

use super::super::super::codes::Code;
use super::super::super::diagnostic::Diagnostic;
use super::super::super::expr::{Piece, Read, Want};
use super::super::super::schema::{self, Kind, Schema};
use super::super::super::settings::{duration, header_name};
use super::super::super::source::Span;
use super::super::super::types::{Field, Type, Typed};
use super::super::super::yaml::{Entry, Node};
use super::super::ir::{Action, Calling, Expression, Part, Template};
use super::Native;
use super::flow::Flow;
use super::steps::Beside;
use crate::backend::Method;
use crate::ids::BackendId;
use crate::limits::REGISTERS_MAX;
use crate::pipeline::op::Form;
use crate::pipeline::percent_encode;
use crate::pipeline::program::CallSpec;

const FIELDS: [&str; 13] = [
    "backend",
    "get",
    "post",
    "put",
    "patch",
    "delete",
    "query",
    "headers",
    "body",
    "returns",
    "timeout",
    "cache",
    "idempotencyKey",
];

const METHODS: [(&str, Method); 5] = [
    ("get", Method::Get),
    ("post", Method::Post),
    ("put", Method::Put),
    ("patch", Method::Patch),
    ("delete", Method::Delete),
];

/// Texts of a call beside its headers: target, body, cache key, idempotency key.
const HEADERS_MAX: usize = REGISTERS_MAX - 4;

/// What a value of `query` is, for its findings.
const QUERY: &str = "a query of a call";

const HOUR_NS: u64 = 3_600_000_000_000;
const MINUTE_NS: u64 = 60_000_000_000;

impl Native<'_> {
    pub(super) fn call(
        &mut self,
        node: &Node,
        beside: &Beside<'_>,
        flow: &mut Flow,
    ) -> Option<Vec<Action>> {
        self.check_wait(node, "call", flow);
        let entries = self.parts(node, &FIELDS)?;
        let field = |name: &str| entries.iter().find(|entry| entry.key == name);
        let backend = self.backend(node, field("backend"));
        let (method, path) = self.method(node, entries)?;
        let mut target = self.path(&path.value, flow);
        self.query(field("query"), &mut target, flow);
        let (names, headers) = self.call_headers(field("headers"), flow);
        let body = self.body(method, field("body"), flow);
        let (cache_ttl_ns, key) = self.cache(method, path, field("cache"), flow);
        let idempotency = field("idempotencyKey")
            .map(|entry| self.text(&entry.value, "a part of an idempotency key", Form::Text, flow));
        let returns = field("returns").map(|entry| self.returns(&entry.value));
        let timeout_ns = field("timeout").and_then(|entry| self.timeout(&entry.value));
        let (into, error) = (flow.local(), flow.local());
        let failed = beside.failed.map(|steps| {
            let outside = flow.scope.clone();
            flow.scope.bind("error", error_type(), Read::Local(error));
            let failed = self.steps(steps, flow);
            flow.scope = outside;
            failed
        });
        self.bind_answer(node, returns.as_ref(), into, beside, flow);
        let spec = CallSpec {
            backend: backend?,
            method,
            headers: names,
            has_body: body.is_some(),
            returns: returns.map(|schema| Arc::new(schema.shape(self.source))),
            timeout_ns,
            cache_ttl_ns,
            is_idempotent: idempotency.is_some(),
            keeps: 0,
            handles: failed.is_some(),
        };
        let texts = [Some(target)].into_iter().chain(headers.into_iter().map(Some));
        let texts = texts.chain([body, key, idempotency]).flatten().collect();
        Some(vec![Action::Call(Box::new(Calling { spec, texts, into, error, failed }))])
    }

    fn backend(&mut self, node: &Node, entry: Option<&Entry>) -> Option<BackendId> {
        let Some(entry) = entry else {
            self.push(Code::BadCall, "`call` needs a `backend`", node.span, "of whom?");
            return None;
        };
        let name = entry.value.as_scalar().map(|scalar| scalar.text.as_str()).unwrap_or_default();
        if let Some(place) = self.backends.iter().position(|known| known.name == name) {
            return Some(BackendId(place as u16));
        }
        let finding = Diagnostic::new(Code::UnknownBackend, format!("unknown backend `{name}`"));
        let finding = finding.label(entry.value.span, "not in `backends`");
        let finding = finding.about(format!("backends.{name}"));
        let known = self.backends.iter().map(|known| known.name.as_str());
        self.findings.push(finding.suggest(name, known));
        None
    }

    /// The one method of a call, with the entry of its path.
    fn method<'e>(&mut self, node: &Node, entries: &'e [Entry]) -> Option<(Method, &'e Entry)> {
        let method = |entry: &'e Entry| {
            let found = METHODS.iter().find(|(name, _)| *name == entry.key);
            found.map(|(_, method)| (*method, entry))
        };
        let found: Vec<_> = entries.iter().filter_map(method).collect();
        match found.as_slice() {
            [one] => Some(*one),
            _ => {
                let message = "`call` has one method with its path";
                let label = format!("this has {}", found.len());
                self.push(Code::BadCall, message, node.span, &label);
                None
            }
        }
    }

    fn path(&mut self, node: &Node, flow: &mut Flow) -> Template {
        let mut shown = String::new();
        let template = self.escaped_text(node, "a path of a call", true, &mut shown, flow);
        if let Some(why) = bad_path(&shown) {
            self.push(Code::BadCall, format!("a path of a call {why}"), node.span, "this path");
        }
        template
    }

    /// A text of a URL; its literal parts, with a letter for each hole, go to `shown`.
    fn escaped_text(
        &mut self,
        node: &Node,
        what: &'static str,
        is_segment: bool,
        shown: &mut String,
        flow: &mut Flow,
    ) -> Template {
        let mut template = Template::default();
        let Some(param) = self.param(node) else {
            self.findings.push(super::shape(&format!("{what} is a text"), node));
            return template;
        };
        for piece in self.pieces(&param, flow).unwrap_or_default() {
            match piece {
                Piece::Text(text) => {
                    shown.push_str(&text);
                    match is_segment {
                        true => template.literal(&text),
                        false => template.literal(&percent(&text)),
                    }
                }
                Piece::Hole { expr, .. } => {
                    shown.push('x');
                    let value = self.checked(&expr, &param, None, &Want::any(what), flow);
                    let Some(value) = value else { continue };
                    self.expect_plain(&value, what, node);
                    template.push(Part::Escaped { value, is_segment });
                }
            }
        }
        template
    }

    fn expect_plain(&mut self, value: &Expression, what: &str, node: &Node) {
        if matches!(value.checked.typed.ty, Type::List(_) | Type::Map(_)) {
            let message = format!("{what} takes no `{}`", value.checked.typed.ty);
            self.push(Code::WrongType, message, node.span, "not a plain value");
        }
    }

    fn query(&mut self, entry: Option<&Entry>, target: &mut Template, flow: &mut Flow) {
        for one in self.texts_of(entry, "query") {
            let name = format!("{}=", percent(&one.key));
            match self.value_of_query(&one.value, flow) {
                Some(value) => target.push(Part::Pair { name, value }),
                None => {
                    target.push(Part::Mark);
                    target.literal(&name);
                    let (node, shown) = (&one.value, &mut String::new());
                    let value = self.escaped_text(node, QUERY, false, shown, flow);
                    value.parts.into_iter().for_each(|part| target.push(part));
                }
            }
        }
    }

    /// A value that is one `${...}`: it may be `omit`.
    fn value_of_query(&mut self, node: &Node, flow: &mut Flow) -> Option<Expression> {
        let param = self.param(node)?;
        let pieces = self.pieces(&param, flow)?;
        let [Piece::Hole { expr, .. }] = pieces.as_slice() else { return None };
        let value = self.checked(expr, &param, None, &Want::any(QUERY).omit(), flow)?;
        self.expect_plain(&value, QUERY, node);
        Some(value)
    }

    fn call_headers(
        &mut self,
        entry: Option<&Entry>,
        flow: &mut Flow,
    ) -> (Vec<Box<str>>, Vec<Template>) {
        let entries = self.texts_of(entry, "headers");
        if let Some(over) = entries.get(HEADERS_MAX) {
            let message = format!("a call has at most {HEADERS_MAX} headers of its own");
            self.push(Code::BadCall, message, over.key_span, "one too many");
        }
        let mut all = (Vec::new(), Vec::new());
        for one in entries.iter().take(HEADERS_MAX) {
            match header_name(&one.key) {
                Ok(name) => all.0.push(name.into()),
                Err(problem) => {
                    self.push(Code::BadCall, problem.message, one.key_span, "this header");
                    continue;
                }
            }
            let text = with_secrets(flow, |flow| {
                self.text(&one.value, "a header of a call", Form::Text, flow)
            });
            all.1.push(text);
        }
        all
    }

    /// The entries of a part that is a map.
    fn texts_of<'e>(&mut self, entry: Option<&'e Entry>, what: &str) -> &'e [Entry] {
        let Some(entry) = entry else { return &[] };
        entry.value.as_map().unwrap_or_else(|| {
            let message = format!("`{what}` takes a map of names and texts");
            self.findings.push(super::shape(&message, &entry.value));
            &[]
        })
    }

    fn body(&mut self, method: Method, entry: Option<&Entry>, flow: &mut Flow) -> Option<Template> {
        let entry = entry?;
        if matches!(method, Method::Get | Method::Delete) {
            let message = format!("a {} has no body", method.name());
            self.push(Code::BadCall, message, entry.key_span, "for post, put and patch");
        }
        Some(with_secrets(flow, |flow| self.payload(&entry.value, flow)))
    }

    /// How long an answer is kept, and under which key. Steps with the same path
    /// and key share it.
    fn cache(
        &mut self,
        method: Method,
        path: &Entry,
        entry: Option<&Entry>,
        flow: &mut Flow,
    ) -> (Option<u64>, Option<Template>) {
        let Some(entry) = entry else { return (None, None) };
        if method != Method::Get {
            let message = "only what a `get` answers is kept";
            self.push(Code::BadCall, message, entry.key_span, "not of this method");
        }
        let Some(entries) = self.parts(&entry.value, &["key", "ttl"]) else { return (None, None) };
        let part = |name: &str| entries.iter().find(|entry| entry.key == name);
        let ttl_ns = part("ttl").and_then(|ttl| self.bounded(&ttl.value, HOUR_NS));
        let (Some(ttl_ns), Some(key)) = (ttl_ns, part("key")) else {
            let message = "`cache` takes a `key` and a `ttl`";
            self.push(Code::BadCall, message, entry.value.span, "both are needed");
            return (None, None);
        };
        let path = path.value.as_scalar().map(|scalar| scalar.text.as_str()).unwrap_or_default();
        let mut template = Template::default();
        template.literal(&format!("{path}\n"));
        let text = self.text(&key.value, "a part of a cache's key", Form::Text, flow);
        text.parts.into_iter().for_each(|part| template.push(part));
        (Some(ttl_ns), Some(template))
    }

    fn timeout(&mut self, node: &Node) -> Option<u64> {
        self.bounded(node, MINUTE_NS)
    }

    /// A duration that is not 0 and no longer than this.
    fn bounded(&mut self, node: &Node, most_ns: u64) -> Option<u64> {
        let text = node.as_scalar().map(|scalar| scalar.text.as_str()).unwrap_or_default();
        let ns = duration(text).ok().filter(|ns| (1..=most_ns).contains(ns));
        if ns.is_none() {
            let most_s = most_ns / 1_000_000_000;
            let message = format!("a duration of more than 0, to {most_s}s");
            self.push(Code::BadCall, message, node.span, "this is none");
        }
        ns
    }

    fn returns(&mut self, node: &Node) -> Schema {
        let schema = schema::read(node, self.source, self.findings);
        if let Some(span) = default_in(&schema) {
            let message = "an answer's fields have no defaults";
            let finding = Diagnostic::new(Code::DefaultInAnswer, message);
            let finding = finding.label(span, "this one");
            self.findings.push(finding.help("make it `optional`, and use `??` where it is read"));
        }
        schema
    }

    /// Names the answer; where the step may be gone past without one, it is null then.
    fn bind_answer(
        &mut self,
        node: &Node,
        returns: Option<&Schema>,
        local: crate::pipeline::op::ValueReg,
        beside: &Beside<'_>,
        flow: &mut Flow,
    ) {
        let Some(into) = beside.into else { return };
        let Some(schema) = returns else {
            let message = "`into` needs `returns`";
            return self.push(Code::BadCall, message, into.key_span, "what does it return?");
        };
        let typed = schema.typed();
        let typed = if beside.may_be_left_out { typed.optional() } else { typed };
        if beside.may_be_left_out
            && let Some(value) = self.written("null", node.span, flow)
        {
            flow.before.push(Action::Let { local, value });
        }
        if let Some(scalar) = into.value.as_scalar() {
            flow.scope.bind_declared(&scalar.text, typed, Read::Local(local), Some(schema.span));
        }
    }
}

/// What `error` is in the steps of `onError`.
fn error_type() -> Typed {
    let field = |name: &str, typed| Field { name: name.to_owned(), typed };
    Typed::of(Type::Map(vec![
        field("code", Typed::of(Type::String)),
        field("message", Typed::of(Type::String)),
        field("status", Typed::of(Type::Int).optional()),
        field("body", Typed::of(Type::Any).optional()),
    ]))
}

/// Compiles something that secrets may flow into.
fn with_secrets<T>(flow: &mut Flow, compile: impl FnOnce(&mut Flow) -> T) -> T {
    let outside = std::mem::replace(&mut flow.takes_secrets, true);
    let compiled = compile(flow);
    flow.takes_secrets = outside;
    compiled
}

/// Where the first default stands, however deep.
fn default_in(schema: &Schema) -> Option<Span> {
    if schema.default.is_some() {
        return Some(schema.span);
    }
    match &schema.kind {
        Kind::List(each, ..) => default_in(each),
        _ => schema.fields().iter().find_map(|field| default_in(&field.schema)),
    }
}

fn percent(text: &str) -> String {
    let mut out = Vec::new();
    percent_encode(text.as_bytes(), &mut out);
    String::from_utf8(out).unwrap_or_default()
}

/// What is wrong with a path whose holes are letters.
fn bad_path(path: &str) -> Option<&'static str> {
    let usable = |byte: u8| byte.is_ascii_graphic() && !b"?#\\\"<>^`{|}".contains(&byte);
    let mut segments = path.split('/').skip(1).peekable();
    let mut empty = false;
    while let Some(segment) = segments.next() {
        // The last one is, where the path ends with `/`.
        empty |= segment.is_empty() && segments.peek().is_some();
    }
    match () {
        () if !path.starts_with('/') => Some("begins with `/`"),
        () if path.contains('?') => Some("has no query: write `query: { name: value }`"),
        () if !path.bytes().all(usable) => Some("has only characters of a URL"),
        () if empty || path.split('/').any(|one| matches!(one, "." | "..")) => {
            Some("has no empty segment, `.` or `..`")
        }
        () => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_segments_of_url_characters() {
        for good in ["/", "/a", "/a/", "/a/x/b.c", "/a%20b", "/a:b@c;d=e,f!$&'()*+~"] {
            assert_eq!(bad_path(good), None, "{good}");
        }
        for bad in
            ["", "a", "//a", "/a//b", "/..", "/a/./b", "/a?b", "/a#b", "/a b", "/\u{e9}", "/\\"]
        {
            assert!(bad_path(bad).is_some(), "{bad}");
        }
    }
}
