//! The part of the schema for the compatible spelling: permissions, events, modifiers, actions.
//!
//! Invariants: names and numbers of parameters come from the catalog.

use serde_json::{Map, Value, json};

use super::super::compile::catalog::{ACTIONS, MODIFIERS, Row};
use super::{defined, map, native};

/// The sections of this spelling by their paths.
pub fn program(path: &str) -> Option<Value> {
    match path {
        "version" => Some(json!({ "enum": [1, "1"] })),
        "permissions" => Some(json!({ "type": ["array", "null"], "items": defined("scalar") })),
        "events" => Some(json!({
            "type": ["object", "null"], "additionalProperties": defined("event"),
        })),
        _ => None,
    }
}

/// What the sections refer to.
pub fn definitions() -> Vec<(&'static str, Value)> {
    vec![("event", event()), ("modifiers", calls(MODIFIERS)), ("actions", calls(ACTIONS))]
}

fn event() -> Value {
    let mut properties = Map::new();
    properties.insert("modifiers".into(), defined("modifiers"));
    properties.insert("actions".into(), defined("actions"));
    properties.extend(native::event());
    map(properties.into())
}

/// A list of modifiers or actions.
fn calls(rows: &[Row]) -> Value {
    let names: Vec<&str> = rows.iter().map(|row| row.name).collect();
    let docs: Vec<String> = rows.iter().map(|row| format!("`{}`: {}", row.name, row.doc)).collect();
    let each: Vec<Value> = rows.iter().map(call).collect();
    json!({
        "type": ["array", "null"],
        "items": {
            "type": "object",
            "properties": {
                "name": { "enum": names, "description": docs.join("\n") },
                "params": { "type": ["array", "null"], "items": defined("scalar") },
            },
            "required": ["name"],
            "additionalProperties": false,
            "anyOf": each,
        },
    })
}

/// The number of parameters that one of them takes.
fn call(row: &Row) -> Value {
    let count = row.params.len();
    let mut params = json!({ "minItems": count, "description": row.params.join(", ") });
    if !row.variadic {
        params["maxItems"] = json!(count);
    }
    let mut schema = json!({ "properties": { "name": { "const": row.name }, "params": params } });
    if count > 0 {
        schema["required"] = json!(["params"]);
    }
    schema
}
