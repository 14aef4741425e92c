//! The JSON Schema (draft 2020-12) of a configuration, for editors that complete and check.
//!
//! Invariants: options come from the table of options, modifiers and actions from their catalog;
//! unknown keys are refused everywhere but below `x-`. The schema knows shapes, not meaning: what
//! it accepts may still have findings. Called by `shardwire schema`.

mod native;
mod options;
mod spelling;

use serde_json::{Value, json};

/// The schema.
pub fn schema() -> Value {
    let mut properties = options::section("");
    properties["extends"] = files("The file, or files, that this one is laid over.");
    properties["include"] = files("Files, or patterns of them, that are put beside this one.");
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Shardwire configuration",
        "type": ["object", "null"],
        "properties": properties,
        "patternProperties": { "^x-": true },
        "additionalProperties": false,
        "$defs": definitions(),
    })
}

fn definitions() -> Value {
    let mut all = options::definitions();
    for (name, definition) in spelling::definitions().into_iter().chain(native::definitions()) {
        all[name] = definition;
    }
    all
}

fn files(doc: &str) -> Value {
    json!({ "description": doc, "anyOf": [text(), { "type": "array", "items": text() }] })
}

/// Any text.
fn text() -> Value {
    json!({ "type": "string" })
}

/// One of these names; YAML takes one like `1.2` for a number.
fn one_of(names: &[&str]) -> Value {
    let numbers = names.iter().filter_map(|name| name.parse::<f64>().ok());
    let names = names.iter().map(|name| json!(name));
    json!({ "enum": names.chain(numbers.map(|number| json!(number))).collect::<Vec<_>>() })
}

/// A map with these fields and no others, or nothing.
fn map(properties: Value) -> Value {
    json!({ "type": ["object", "null"], "properties": properties, "additionalProperties": false })
}

/// A definition by its name.
fn defined(name: &str) -> Value {
    json!({ "$ref": format!("#/$defs/{name}") })
}
