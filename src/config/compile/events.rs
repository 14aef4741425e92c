//! `events:` to steps.
//!
//! Invariants: a modifier's place in the list is its place in the run; all come before the actions.

use std::collections::HashMap;

use super::super::codes::Code;
use super::super::diagnostic::{Diagnostic, Findings};
use super::super::source::Span;
use super::super::yaml::{Entry, Node, NodeKind};
use super::calls::{self, Call, Scope};
use super::catalog::{ACTIONS, MODIFIERS, Row, unusable};
use super::ir::{Action, Pipeline, Recipient, Step};
use super::native::{self, Native};
use super::template;

/// Every event's pipeline, in the spelling it is written in.
pub fn events(entry: &Entry, native: &mut Native<'_>) -> Vec<Pipeline> {
    if entry.value.is_null() {
        return Vec::new();
    }
    let Some(entries) = entry.value.as_map() else {
        native.findings.push(shape("`events` takes a map from names to pipelines", &entry.value));
        return Vec::new();
    };
    let mut lower: HashMap<String, Span> = HashMap::new();
    let mut pipelines = Vec::new();
    for entry in entries {
        let first = lower.insert(entry.key.to_ascii_lowercase(), entry.key_span);
        check_name(entry, first, native.findings);
        let fields = entry.value.as_map().unwrap_or_default();
        if native::is_native(fields) {
            pipelines.push(native.event(entry, fields));
            continue;
        }
        let Native { source, permissions, findings, .. } = native;
        let mut scope = Scope { source, findings, permissions, secure: false };
        pipelines.push(event(entry, &mut scope));
    }
    pipelines
}

fn check_name(entry: &Entry, first: Option<Span>, findings: &mut Findings) {
    let backslash = entry.key.contains('\\').then_some("not usable: it has a backslash");
    if let Some(why) = unusable(&entry.key).or(backslash) {
        let finding = Diagnostic::new(Code::BadName, format!("this event's name is {why}"));
        findings.push(finding.label(entry.key_span, "no usable name"));
    }
    if let Some(first) = first {
        let message = format!("`{}` differs from another event only in case", entry.key);
        let finding = Diagnostic::new(Code::NameCase, message);
        findings.push(finding.label(entry.key_span, "this one").label(first, "the other one"));
    }
}

fn event(entry: &Entry, scope: &mut Scope<'_>) -> Pipeline {
    let mut pipeline =
        Pipeline { name: entry.key.clone(), span: entry.key_span, ..Pipeline::default() };
    let Some(fields) = entry.value.as_map() else {
        let null = entry.value.is_null();
        let finding = shape("an event is a map with `modifiers` and `actions`", &entry.value);
        scope.findings.push(if null { idle(entry) } else { finding });
        return pipeline;
    };
    unknown_fields(fields, &entry.key, scope);
    pipeline.steps.extend(steps(fields, "modifiers", MODIFIERS, scope));
    let modifiers = pipeline.steps.len();
    pipeline.steps.extend(steps(fields, "actions", ACTIONS, scope));
    let actions = calls::field(fields, "actions").filter(|actions| !is_empty(&actions.value));
    // Whatever an unknown key was meant to be, it may have been what the event does.
    if pipeline.steps.len() == modifiers && actions.is_none() && fields.iter().all(is_known) {
        scope.findings.push(idle(entry));
    }
    hint_membership(&pipeline, scope);
    pipeline
}

fn is_empty(node: &Node) -> bool {
    node.is_null() || matches!(&node.kind, NodeKind::List(items) if items.is_empty())
}

fn idle(entry: &Entry) -> Diagnostic {
    Diagnostic::new(Code::IdleEvent, format!("the event `{}` does nothing", entry.key))
        .label(entry.key_span, "it has no actions")
}

fn unknown_fields(fields: &[Entry], event: &str, scope: &mut Scope<'_>) {
    for field in fields.iter().filter(|field| !is_known(field)) {
        let message = format!("unknown key `{}` in event `{event}`", field.key);
        let finding = Diagnostic::new(Code::UnknownKey, message);
        let finding = finding.label(field.key_span, "no such key");
        let valid = native::events::FIELDS.iter().copied().chain(FIELDS);
        scope.findings.push(finding.suggest(&field.key, valid));
    }
}

/// The keys of an event in the compatible spelling.
const FIELDS: [&str; 2] = ["modifiers", "actions"];

fn is_known(field: &Entry) -> bool {
    FIELDS.iter().any(|name| field.key.eq_ignore_ascii_case(name))
}

fn steps(fields: &[Entry], list: &str, rows: &'static [Row], scope: &mut Scope<'_>) -> Vec<Step> {
    let Some(entry) = calls::field(fields, list).filter(|entry| !entry.value.is_null()) else {
        return Vec::new();
    };
    let NodeKind::List(items) = &entry.value.kind else {
        scope.findings.push(shape(&format!("`{list}` takes a list"), &entry.value));
        return Vec::new();
    };
    items.iter().filter_map(|item| step(item, list, rows, scope)).collect()
}

fn step(node: &Node, list: &str, rows: &'static [Row], scope: &mut Scope<'_>) -> Option<Step> {
    let what = if list == "modifiers" { "a modifier" } else { "an action" };
    let call = calls::read(node, what, scope)?;
    let Some(row) = rows.iter().find(|row| row.name == call.name) else {
        scope.findings.push(unknown(&call, list, rows));
        return None;
    };
    let fits = calls::check_arity(&call, row, scope);
    if list == "modifiers" && has_template(&call, scope) || !fits {
        return None;
    }
    let action = (row.compile)(&call, scope)?;
    Some(Step::made(call.span, action).written(""))
}

fn unknown(call: &Call<'_>, list: &str, rows: &'static [Row]) -> Diagnostic {
    let (code, what) = match list {
        "modifiers" => (Code::UnknownModifier, "modifier"),
        _ => (Code::UnknownAction, "action"),
    };
    Diagnostic::new(code, format!("unknown {what} `{}`", call.name))
        .label(call.name_span, format!("no such {what}"))
        .suggest(call.name, rows.iter().map(|row| row.name))
}

/// Reports templates in the parameters of a modifier.
fn has_template(call: &Call<'_>, scope: &mut Scope<'_>) -> bool {
    let mut any = false;
    for param in &call.params {
        for hole in template::holes(param.text()) {
            let finding =
                Diagnostic::new(Code::TemplateInModifier, "a modifier takes no templates");
            let span = param.place(scope.source, hole.range);
            scope.findings.push(finding.label(span, "this is not known when the file is loaded"));
            any = true;
        }
    }
    any
}

/// A hint where anybody may send to any room by this event.
fn hint_membership(pipeline: &Pipeline, scope: &mut Scope<'_>) {
    let guarded = |step: &Step| {
        matches!(step.action, Action::Secure | Action::Permit(_) | Action::Join { .. })
    };
    let open = |step: &&Step| matches!(step.action, Action::Send { to: Recipient::Target, .. });
    if pipeline.steps.iter().any(guarded) {
        return;
    }
    if let Some(step) = pipeline.steps.iter().find(open) {
        let message = format!("`{}` sends to any room that the message names", pipeline.name);
        let finding = Diagnostic::new(Code::NoMembership, message);
        let start = step.span.start as usize;
        scope.findings.push(finding.label(Span::new(start, start), "membership is not checked"));
    }
}

fn shape(message: &str, node: &Node) -> Diagnostic {
    let label = format!("this is {}", node.kind_name());
    Diagnostic::new(Code::WrongShape, message).label(node.span, label)
}
