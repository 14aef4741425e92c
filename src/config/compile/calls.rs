//! A modifier or action as written: `{ name: ..., params: [...] }`, with the places of its parts.
//!
//! Invariants: a call that reaches its row of the catalog has the number of parameters it wants.

use std::ops::Range;
use std::rc::Rc;

use super::super::codes::Code;
use super::super::diagnostic::{Diagnostic, Findings};
use super::super::source::{Source, Span};
use super::super::yaml::{Entry, Node, NodeKind, Places, Scalar};
use super::catalog::Row;
use super::permissions::Permissions;

/// One parameter.
pub struct Param<'n> {
    scalar: &'n Scalar,
    pub span: Span,
    places: Rc<Places>,
}

impl<'n> Param<'n> {
    pub fn new(scalar: &'n Scalar, span: Span, source: &Source) -> Param<'n> {
        Param { scalar, span, places: Rc::new(scalar.places(source, span)) }
    }

    pub fn text(&self) -> &str {
        &self.scalar.text
    }

    /// The way back to the file.
    pub fn places(&self) -> Rc<Places> {
        Rc::clone(&self.places)
    }

    /// The place in the file of a byte range of the text.
    pub fn place(&self, source: &Source, range: Range<usize>) -> Span {
        self.places.span(source, range)
    }
}

/// What the parameters of one event may refer to.
pub struct Scope<'s> {
    pub source: &'s Source,
    pub findings: &'s mut Findings,
    pub permissions: &'s Permissions,
    /// `secure` stands before this.
    pub secure: bool,
}

/// A modifier or action as written.
pub struct Call<'n> {
    pub name: &'n str,
    pub name_span: Span,
    pub span: Span,
    pub params: Vec<Param<'n>>,
}

/// Reads one entry of `modifiers` or `actions`.
pub fn read<'n>(node: &'n Node, what: &str, scope: &mut Scope<'_>) -> Option<Call<'n>> {
    let Some(entries) = node.as_map() else {
        let finding =
            Diagnostic::new(Code::WrongShape, format!("{what} is a map with `name` and `params`"));
        let finding = finding.label(node.span, format!("this is {}", node.kind_name()));
        scope.findings.push(match node.as_scalar() {
            Some(scalar) => finding.help(format!("write `- name: {}`", scalar.text)),
            None => finding,
        });
        return None;
    };
    unknown_fields(entries, what, scope);
    let name = field(entries, "name").filter(|entry| !entry.value.is_null());
    let Some((name, name_span)) = name.and_then(|entry| {
        entry.value.as_scalar().map(|scalar| (scalar.text.as_str(), entry.value.span))
    }) else {
        let finding = Diagnostic::new(Code::EntryWithoutName, format!("{what} has no name"));
        scope.findings.push(finding.label(node.span, "`name` is missing"));
        return None;
    };
    let params = params(field(entries, "params"), scope)?;
    Some(Call { name, name_span, span: node.span, params })
}

/// The entry of a key, in any case as the original reads it.
pub fn field<'n>(entries: &'n [Entry], name: &str) -> Option<&'n Entry> {
    entries.iter().find(|entry| entry.key.eq_ignore_ascii_case(name))
}

fn unknown_fields(entries: &[Entry], what: &str, scope: &mut Scope<'_>) {
    const FIELDS: [&str; 2] = ["name", "params"];
    for entry in entries {
        if !FIELDS.iter().any(|name| entry.key.eq_ignore_ascii_case(name)) {
            let finding =
                Diagnostic::new(Code::UnknownKey, format!("unknown key `{}` in {what}", entry.key));
            let finding = finding.label(entry.key_span, "no such key");
            scope.findings.push(finding.suggest(&entry.key, FIELDS));
        }
    }
}

fn params<'n>(entry: Option<&'n Entry>, scope: &mut Scope<'_>) -> Option<Vec<Param<'n>>> {
    let Some(entry) = entry.filter(|entry| !entry.value.is_null()) else { return Some(Vec::new()) };
    let NodeKind::List(items) = &entry.value.kind else {
        let finding = Diagnostic::new(Code::WrongShape, "`params` takes a list");
        let label = format!("this is {}", entry.value.kind_name());
        scope.findings.push(finding.label(entry.value.span, label));
        return None;
    };
    let read =
        |item: &'n Node| item.as_scalar().map(|scalar| Param::new(scalar, item.span, scope.source));
    for item in items.iter().filter(|item| item.as_scalar().is_none()) {
        let finding = Diagnostic::new(Code::WrongShape, "a parameter is text");
        let finding = finding.label(item.span, format!("this is {}", item.kind_name()));
        scope
            .findings
            .push(finding.help("write JSON and templates as text, in quotes: '{\"key\": 1}'"));
    }
    items.iter().map(read).collect()
}

/// Whether the number of parameters is right; a finding where it is not.
pub fn check_arity(call: &Call<'_>, row: &Row, scope: &mut Scope<'_>) -> bool {
    let (given, wanted) = (call.params.len(), row.params.len());
    if given == wanted || (row.variadic && given > wanted) {
        return true;
    }
    let takes = match (wanted, row.variadic) {
        (0, _) => "no parameters".to_owned(),
        (1, false) => format!("1 parameter ({})", row.params.join(", ")),
        (1, true) => format!("1 or more parameters ({}, ...)", row.params.join(", ")),
        _ => format!("{wanted} parameters ({})", row.params.join(", ")),
    };
    let finding = Diagnostic::new(Code::WrongArity, format!("`{}` takes {takes}", row.name));
    scope.findings.push(finding.label(call.name_span, format!("here it has {given}")));
    false
}
