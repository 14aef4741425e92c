//! `lifecycle.message`: the steps of the raw protocol, one verb each.

use super::super::codes::Code;
use super::super::diagnostic::{Diagnostic, Findings};
use super::super::source::Source;
use super::super::yaml::{Entry, Node, NodeKind};
use super::calls::{Param, Scope};
use super::expression::{self, Use};
use super::ir::{Action, Pipeline, Step};
use super::permissions::Permissions;

/// The verbs of a step.
const VERBS: [&str; 3] = ["reply", "log", "close"];

/// The pipeline of every message.
pub fn steps(entry: &Entry, source: &Source, findings: &mut Findings) -> Option<Pipeline> {
    let NodeKind::List(items) = &entry.value.kind else {
        findings.push(shape("`lifecycle.message` takes a list of steps", &entry.value));
        return None;
    };
    let mut scope = Scope { source, findings, permissions: &Permissions::default(), secure: false };
    let steps = items.iter().filter_map(|item| step(item, &mut scope)).collect();
    Some(Pipeline {
        name: "lifecycle.message".into(),
        span: entry.key_span,
        steps,
        ..Pipeline::default()
    })
}

fn step(node: &Node, scope: &mut Scope<'_>) -> Option<Step> {
    let Some(entries) = node.as_map() else {
        scope.findings.push(shape("a step is a map with one verb", node));
        return None;
    };
    let mut known = Vec::new();
    for entry in entries {
        match VERBS.contains(&entry.key.as_str()) {
            true => known.push(entry),
            false => scope.findings.push(unknown(entry)),
        }
    }
    match (known.as_slice(), entries.len()) {
        ([one], 1) => {
            let action = action(one, scope)?;
            Some(Step::made(node.span, action).written(""))
        }
        (verbs, len) if verbs.len() == len => {
            let message = format!("a step has exactly one verb, this one has {len}");
            let finding = Diagnostic::new(Code::OneVerb, message);
            scope.findings.push(
                finding.label(node.span, "one step").help("make each verb a step of its own"),
            );
            None
        }
        _ => None,
    }
}

fn unknown(entry: &Entry) -> Diagnostic {
    Diagnostic::new(Code::UnknownVerb, format!("unknown verb `{}`", entry.key))
        .label(entry.key_span, "no such verb")
        .suggest(&entry.key, VERBS)
}

fn action(entry: &Entry, scope: &mut Scope<'_>) -> Option<Action> {
    let Some(scalar) = entry.value.as_scalar() else {
        scope.findings.push(shape(&format!("`{}` takes a plain value", entry.key), &entry.value));
        return None;
    };
    let param = Param::new(scalar, entry.value.span, scope.source);
    match entry.key.as_str() {
        "reply" => Some(Action::Reply(expression::text(&param, Use::Reply, scope))),
        "log" => Some(Action::Log(expression::text(&param, Use::Log, scope))),
        _ if scalar.text == "true" => Some(Action::Close),
        _ => {
            let finding = Diagnostic::new(Code::BadValue, "`close` takes `true`");
            scope.findings.push(finding.label(entry.value.span, "no other value"));
            None
        }
    }
}

fn shape(message: &str, node: &Node) -> Diagnostic {
    let label = format!("this is {}", node.kind_name());
    Diagnostic::new(Code::WrongShape, message).label(node.span, label)
}
