//! The templates of the compatible spelling: `{.path}` and `{$name}`, letters, digits, `_ . -`.
//!
//! Invariants: braces that do not form a template are literal text; every hole is resolved at load
//! to a value that exists. Called by `calls`.

use std::ops::Range;

use super::super::codes::Code;
use super::super::diagnostic::Diagnostic;
use super::calls::{Param, Scope};
use super::ir::{Template, Value};
use crate::pipeline::op::{Context, Form};

/// A hole as written: its range in the text with braces, and its name with the leading `.` or `$`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hole {
    pub range: Range<usize>,
    pub name: Range<usize>,
}

/// Finds the holes of a text.
pub fn holes(text: &str) -> Vec<Hole> {
    let mut found = Vec::new();
    let mut from = 0;
    while let Some(open) = text[from..].find('{').map(|at| from + at) {
        from = open + 1;
        if let Some(len) = name_len(&text.as_bytes()[from..]) {
            found.push(Hole { range: open..from + len + 1, name: from..from + len });
            from += len + 1;
        }
    }
    found
}

/// Length of a sigil with its name, where the closing brace follows.
fn name_len(bytes: &[u8]) -> Option<usize> {
    let name = bytes.strip_prefix(b".").or_else(|| bytes.strip_prefix(b"$"))?;
    let usable = |b: &u8| b.is_ascii_alphanumeric() || b"_.-".contains(b);
    let len = name.iter().take_while(|b| usable(b)).count();
    (len > 0 && name.get(len) == Some(&b'}')).then_some(len + 1)
}

/// Compiles a text that is not JSON: a name, or a line for the log.
pub fn text(param: &Param<'_>, scope: &mut Scope<'_>) -> Template {
    compile(param, scope, Form::Text, |literal| literal.to_owned())
}

/// Compiles the inside of a JSON string (an event's name on the wire).
pub fn inner(param: &Param<'_>, scope: &mut Scope<'_>) -> Template {
    compile(param, scope, Form::Inner, escaped)
}

fn compile(
    param: &Param<'_>,
    scope: &mut Scope<'_>,
    form: Form,
    literal: fn(&str) -> String,
) -> Template {
    let text = param.text();
    let mut template = Template::default();
    let mut from = 0;
    for hole in holes(text) {
        template.literal(&literal(&text[from..hole.range.start]));
        if let Some(value) = resolve(param, &hole, scope) {
            template.hole(value, form, param.place(scope.source, hole.range.clone()));
        }
        from = hole.range.end;
    }
    template.literal(&literal(&text[from..]));
    template
}

/// A text as the inside of a JSON string.
pub fn escaped(text: &str) -> String {
    let quoted = serde_json::Value::from(text).to_string();
    quoted[1..quoted.len() - 1].to_owned()
}

/// What a hole reads; a finding where that is nothing.
pub fn resolve(param: &Param<'_>, hole: &Hole, scope: &mut Scope<'_>) -> Option<Value> {
    let name = &param.text()[hole.name.clone()];
    let finding = match path(name, scope.secure) {
        Ok(Resolved::Known(value)) => return Some(value),
        Ok(Resolved::Short(value)) => {
            let full = format!("{{.payload{name}}}");
            let finding =
                Diagnostic::new(Code::ShortPath, format!("`{{{name}}}` is read as `{full}`"));
            scope.findings.push(hint_at(finding, param, hole, scope));
            return Some(value);
        }
        Err(finding) => finding,
    };
    let span = param.place(scope.source, hole.range.clone());
    scope
        .findings
        .push(Diagnostic { labels: Vec::new(), ..finding.clone() }.label(span, label(&finding)));
    None
}

fn hint_at(finding: Diagnostic, param: &Param<'_>, hole: &Hole, scope: &Scope<'_>) -> Diagnostic {
    finding.label(param.place(scope.source, hole.range.clone()), "write it out")
}

fn label(finding: &Diagnostic) -> &'static str {
    match finding.code {
        Code::TokenBeforeSecure => "no `secure` before this",
        Code::BadPath => "an empty step",
        _ => "no such value",
    }
}

enum Resolved {
    Known(Value),
    /// `{.x}` for `{.payload.x}`.
    Short(Value),
}

/// The variables, for suggestions.
const VARIABLES: [&str; 4] = ["$user.id", "$conn.id", "$target.id", "$token.NAME"];

fn path(name: &str, secure: bool) -> Result<Resolved, Diagnostic> {
    let steps: Vec<&str> = name[1..].split('.').collect();
    if steps.iter().any(|step| step.is_empty()) {
        let message = format!("the path `{{{name}}}` has an empty step");
        return Err(Diagnostic::new(Code::BadPath, message).help("one dot between two names"));
    }
    let owned = |steps: &[&str]| steps.iter().map(|step| (*step).to_owned()).collect::<Vec<_>>();
    let known = |value| Ok(Resolved::Known(value));
    match (&name[..1], steps.as_slice()) {
        ("$", ["user", "id"]) | (".", ["user", "id"]) => known(Value::Context(Context::UserId)),
        ("$", ["conn", "id"]) | (".", ["connection", "id"]) => {
            known(Value::Context(Context::ConnId))
        }
        ("$", ["target", "id"]) | (".", ["target"]) => known(Value::Context(Context::Target)),
        ("$", ["token", claims @ ..]) if !claims.is_empty() => match secure {
            true => known(Value::Claims(owned(claims))),
            false => Err(unverified(name)),
        },
        (".", ["payload", below @ ..]) => known(Value::Payload(owned(below))),
        (".", all) => Ok(Resolved::Short(Value::Payload(owned(all)))),
        _ => Err(Diagnostic::new(Code::UnknownVariable, format!("unknown variable `{{{name}}}`"))
            .suggest(name, VARIABLES)),
    }
}

fn unverified(name: &str) -> Diagnostic {
    Diagnostic::new(Code::TokenBeforeSecure, format!("`{{{name}}}` is not verified here"))
        .help("add the modifier `{ name: secure }` to this event")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(text: &str) -> Vec<&str> {
        holes(text).into_iter().map(|hole| &text[hole.name]).collect()
    }

    #[test]
    fn only_well_formed_braces_are_templates() {
        assert_eq!(names("{.a} {$b.c} x{.d-e_f.0}y"), [".a", "$b.c", ".d-e_f.0"]);
        for text in ["{}", "{.}", "{$}", "{ .a}", "{.a }", "{a}", "{.a", "{{.a b}}", "é{.é}", "{"]
        {
            assert_eq!(names(text), Vec::<&str>::new(), "{text}");
        }
        assert_eq!(names("{{.a}}"), [".a"]);
    }

    #[test]
    fn names_resolve_in_both_spellings() {
        for (name, value) in [
            ("$user.id", Value::Context(Context::UserId)),
            (".user.id", Value::Context(Context::UserId)),
            ("$conn.id", Value::Context(Context::ConnId)),
            (".connection.id", Value::Context(Context::ConnId)),
            ("$target.id", Value::Context(Context::Target)),
            (".target", Value::Context(Context::Target)),
            (".payload", Value::Payload(vec![])),
            (".payload.a.0", Value::Payload(vec!["a".into(), "0".into()])),
            ("$token.sub", Value::Claims(vec!["sub".into()])),
        ] {
            match path(name, true) {
                Ok(Resolved::Known(found)) => assert_eq!(found, value, "{name}"),
                _ => panic!("{name}"),
            }
        }
        assert!(matches!(path(".name", false), Ok(Resolved::Short(_))));
        for (name, code) in [
            ("$token.sub", Code::TokenBeforeSecure),
            ("$token", Code::UnknownVariable),
            ("$usr.id", Code::UnknownVariable),
            (".a..b", Code::BadPath),
            (".a.", Code::BadPath),
        ] {
            assert_eq!(path(name, false).err().map(|finding| finding.code), Some(code), "{name}");
        }
    }
}
