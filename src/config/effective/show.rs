//! Shows the values: as YAML that loads, each line with where it came from, or as JSON.

use std::fmt::Write as _;

use serde_json::json;

use super::super::yaml::write;
use super::{Content, Effective, Origin, Segment, Value};

impl Effective {
    /// YAML whose comments tell where each value came from. An option without a value is a comment.
    pub fn yaml(&self) -> String {
        let mut out = String::new();
        let mut before: &[Segment] = &[];
        let mut values: Vec<&Value> = self.values.iter().collect();
        let order = |section: &Segment| {
            let same = |value: &&Value| value.path.first() == Some(section);
            self.values.iter().position(|value| same(&value))
        };
        values.sort_by_key(|value| value.path.first().and_then(order));
        for value in values {
            write_value(&mut out, before, value);
            before = if is_unset(value) { before } else { &value.path };
        }
        out
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
