//! Shows the values: as YAML that loads, each line with where it came from, or as JSON.

use std::fmt::Write as _;

use serde_json::json;

use super::super::yaml::write;
use super::{Content, Effective, Origin, Segment, Value};

/// Options with two names: the default of the first means nothing where the second is set.
const TWINS: [(&str, &str); 1] = [("errors.event", "errors.reply.event")];

impl Effective {
    /// YAML whose comments tell where each value came from. An option without a value is a comment.
    pub fn yaml(&self) -> String {
        let mut out = String::new();
        let mut before: &[Segment] = &[];
        let mut values: Vec<&Value> =
            self.values.iter().filter(|value| !self.is_replaced(value)).collect();
        // Each section in one piece, where its first value stands.
        let first =
            |path: &[Segment]| self.values.iter().position(|one| one.path.starts_with(path));
        values.sort_by_cached_key(|value| -> Vec<Option<usize>> {
            (1..=value.path.len()).map(|len| first(&value.path[..len])).collect()
        });
        for value in values {
            write_value(&mut out, before, value);
            before = if is_unset(value) { before } else { &value.path };
        }
        out
    }

    /// Whether a default's place is taken by a section: some options may be written either way.
    fn is_replaced(&self, value: &Value) -> bool {
        let is_below = |other: &Value| {
            other.path.len() > value.path.len() && other.path.starts_with(&value.path)
        };
        let has_twin = |other: &Value| {
            TWINS.iter().any(|(name, twin)| value.name() == *name && other.name() == *twin)
        };
        let replaces = |other: &Value| (is_below(other) || has_twin(other)) && !is_unset(other);
        value.origin == Origin::Default && self.values.iter().any(replaces)
    }

    /// One JSON document.
    pub fn json(&self) -> String {
        let values: Vec<serde_json::Value> = self.values.iter().map(json_value).collect();
        json!({ "values": values }).to_string()
    }
}

fn is_unset(value: &Value) -> bool {
    value.origin == Origin::Default && content_text(&value.content()) == "\"\""
}

/// The lines of a value: the parts of its path that the value before did not have, and itself.
fn write_value(out: &mut String, before: &[Segment], value: &Value) {
    let origin = &value.origin;
    if is_unset(value) {
        let _ = writeln!(out, "# {}: not set", value.name());
        return;
    }
    let shared = before.iter().zip(&value.path).take_while(|(a, b)| a == b).count();
    let mut line = String::new();
    let mut indent = indent_of(&value.path[..shared]);
    for (at, step) in value.path.iter().enumerate().skip(shared) {
        if line.is_empty() {
            line = " ".repeat(indent);
        }
        match step {
            Segment::Item(_) => line.push_str("- "),
            Segment::Key(key) => {
                line.push_str(&format!("{}:", write::scalar(key, true, false)));
                if at + 1 < value.path.len() {
                    let _ = writeln!(out, "{line}");
                    line.clear();
                } else {
                    line.push(' ');
                }
            }
        }
        indent += 2;
    }
    let _ = writeln!(out, "{line}{} # {origin}", content_text(&value.content()));
}

fn indent_of(path: &[Segment]) -> usize {
    path.len() * 2
}

fn content_text(content: &Content) -> String {
    match content {
        Content::One { text, quoted } => write::scalar(text, *quoted, true),
        Content::List(items) => {
            let items: Vec<String> =
                items.iter().map(|item| write::scalar(item, false, true)).collect();
            format!("[{}]", items.join(", "))
        }
        Content::EmptyMap => "{}".into(),
    }
}

fn json_value(value: &Value) -> serde_json::Value {
    let content = match value.content() {
        Content::One { text, .. } => json!(text),
        Content::List(items) => json!(items),
        Content::EmptyMap => json!({}),
    };
    let from = match &value.origin {
        Origin::Default => json!({ "kind": "default" }),
        Origin::Variable(name) => json!({ "kind": "variable", "name": name }),
        Origin::File { name, line, column } => {
            json!({ "kind": "file", "file": name, "line": line, "column": column })
        }
    };
    json!({
        "path": value.name(), "value": content, "from": from, "effect": value.effect.name(),
    })
}
