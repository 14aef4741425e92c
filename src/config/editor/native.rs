//! The part of the schema for the native spelling: events with payload, limit, require and steps,
//! pipelines, state, roles, hooks, errors, rules of rooms.
//!
//! Invariants: a step has exactly one verb; data and expressions are anything.

use serde_json::{Map, Value, json};

use super::super::compile::VERBS;
use super::{defined, map, one_of, text};
use crate::settings::Handler;

/// The verbs of steps, and what each takes.
fn verbs() -> Vec<(&'static str, Value)> {
    let name_or = |properties: Value| json!({ "anyOf": [text(), map(properties)] });
    let truth = || json!({ "const": true });
    vec![
        ("send", send()),
        ("reply", json!({ "anyOf": [text(), map(envelope())] })),
        ("join", name_or(json!({ "room": text(), "since": text() }))),
        ("leave", name_or(json!({ "room": text(), "user": text() }))),
        ("set", json!({ "type": "object" })),
        ("grant", name_or(json!({ "permission": text(), "to": {} }))),
        ("revoke", name_or(json!({ "permission": text(), "from": {} }))),
        ("use", text()),
        ("call", call()),
        ("identify", identify()),
        ("log", defined("scalar")),
        ("close", json!({ "anyOf": [truth(), map(json!({ "code": {}, "reason": text() }))] })),
        ("stop", truth()),
        ("metric", name_or(json!({ "name": text(), "add": {} }))),
    ]
}

/// The sections of this spelling by their paths.
pub fn program(path: &str) -> Option<Value> {
    match path {
        "pipelines" => Some(each(pipeline())),
        "roles" => Some(each(json!({ "type": "array", "items": text() }))),
        "state.conn" | "state.user" => Some(each(defined("type"))),
        "errors.reply.payload" => Some(json!({})),
        "http.routes" => Some(each(route())),
        "http.static" => Some(each(text())),
        _ if path.starts_with("lifecycle.") => Some(defined("steps")),
        _ => None,
    }
}

/// An option of a class of rooms that is no plain value.
pub fn room_option(path: &str) -> Option<Value> {
    (path == "join.require").then(|| json!({ "anyOf": [defined("rules")] }))
}

/// The keys of an event.
pub fn event() -> Map<String, Value> {
    let one_or_list = |one: Value| json!({ "anyOf": [one, { "type": "array", "items": one }] });
    let mut keys = Map::new();
    keys.insert("payload".into(), json!({ "anyOf": [text(), { "type": "object" }] }));
    keys.insert("limit".into(), one_or_list(limit()));
    keys.insert("require".into(), one_or_list(defined("rule")));
    keys.insert("steps".into(), defined("steps"));
    keys
}

/// What the sections refer to.
pub fn definitions() -> Vec<(&'static str, Value)> {
    vec![
        ("type", type_notation()),
        ("condition", json!({ "type": ["string", "boolean"] })),
        ("rule", rule()),
        ("rules", json!({ "anyOf": [defined("rule"), list(defined("rule"))] })),
        ("step", step()),
        ("steps", json!({ "type": ["array", "null"], "items": defined("step") })),
    ]
}

/// An answer, or answers by method.
fn route() -> Value {
    let answer = json!({
        "json": {},
        "text": defined("scalar"),
        "redirect": text(),
        "handler": one_of(&Handler::ALL.map(|(name, _)| name)),
        "status": { "type": "integer", "minimum": 200, "maximum": 599 },
        "headers": each(defined("scalar")),
    });
    let methods = ["get", "post", "put", "patch", "delete"].map(|name| (name, map(answer.clone())));
    json!({ "anyOf": [map(answer), map(methods.into_iter().collect())] })
}

fn list(items: Value) -> Value {
    json!({ "type": "array", "items": items })
}

/// A map from any names.
fn each(value: Value) -> Value {
    json!({ "type": ["object", "null"], "additionalProperties": value })
}

fn type_notation() -> Value {
    json!({
        "description": "A type: `string(1..64)`, `int(0..)`, `optional X`, `enum(a|b)`, `list(X)`; \
                        a map of fields; `[X]`.",
        "anyOf": [
            text(),
            { "type": "object", "additionalProperties": defined("type") },
            { "type": "array", "items": defined("type"), "minItems": 1, "maxItems": 1 },
        ],
    })
}

fn pipeline() -> Value {
    map(json!({
        "input": { "type": "object", "additionalProperties": defined("type") },
        "steps": defined("steps"),
        "output": {},
    }))
}

fn limit() -> Value {
    let parts = json!({
        "per": { "anyOf": [text(), list(text())] },
        "rate": text(),
        "burst": { "type": "integer", "minimum": 1 },
        "algorithm": one_of(&["fixed", "gcra"]),
        "name": text(),
        "onExceed": one_of(&["error", "drop", "close"]),
    });
    json!({ "anyOf": [text(), map(parts)] })
}

fn rule() -> Value {
    let mut named = map(json!({
        "name": text(),
        "when": defined("condition"),
        "mode": one_of(&["enforce", "shadow"]),
        "error": text(),
    }));
    named["required"] = json!(["when"]);
    json!({ "anyOf": [defined("condition"), named] })
}

fn envelope() -> Value {
    json!({ "event": text(), "payload": {} })
}

fn send() -> Value {
    let mut parts = envelope();
    let named = map(json!({ "conn": {}, "user": {}, "users": {}, "room": {} }));
    let plain = one_of(&["origin", "user", "all", "room", "target"]);
    parts["to"] = json!({ "anyOf": [plain, named] });
    parts["except"] = one_of(&["origin", "user"]);
    parts["volatile"] = json!({ "type": "boolean" });
    parts["conflate"] = map(json!({ "key": {}, "every": defined("duration") }));
    let mut schema = map(parts);
    schema["required"] = json!(["to", "event"]);
    schema
}

fn call() -> Value {
    let texts = || each(defined("scalar"));
    let mut schema = map(json!({
        "backend": text(),
        "get": text(),
        "post": text(),
        "put": text(),
        "patch": text(),
        "delete": text(),
        "query": texts(),
        "headers": texts(),
        "body": {},
        "returns": defined("type"),
        "timeout": defined("duration"),
        "cache": map(json!({ "key": defined("scalar"), "ttl": defined("duration") })),
        "idempotencyKey": defined("scalar"),
    }));
    schema["required"] = json!(["backend"]);
    schema["oneOf"] = ["get", "post", "put", "patch", "delete"]
        .iter()
        .map(|method| json!({ "required": [method] }))
        .collect();
    schema
}

fn identify() -> Value {
    let mut schema = map(json!({ "user": text(), "claims": { "type": "object" } }));
    schema["required"] = json!(["user"]);
    schema
}

/// A verb's schema with what the table of verbs says of it.
fn described((name, schema): (&'static str, Value)) -> (&'static str, Value) {
    let verb = VERBS.iter().find(|verb| verb.name == name);
    let doc = verb.map(|verb| format!("{} Takes {}.", verb.doc, verb.takes));
    (name, json!({ "description": doc.unwrap_or_default(), "allOf": [schema] }))
}

/// A map with exactly one verb.
fn step() -> Value {
    let beside = [
        ("if", defined("condition")),
        ("into", text()),
        ("onError", json!({ "anyOf": [one_of(&["stop", "continue"]), defined("steps")] })),
        ("name", text()),
        ("with", json!({ "type": "object" })),
    ];
    let verbs = verbs().into_iter().map(described);
    let verbs: Vec<(&str, Value)> = verbs.collect();
    let exactly_one: Vec<Value> =
        verbs.iter().map(|(name, _)| json!({ "required": [name] })).collect();
    let properties: Map<String, Value> =
        verbs.into_iter().chain(beside).map(|(name, schema)| (name.into(), schema)).collect();
    json!({
        "type": "object",
        "properties": properties,
        "additionalProperties": false,
        "oneOf": exactly_one,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_verbs_are_those_of_the_compiler() {
        let known: Vec<&str> = VERBS.iter().map(|verb| verb.name).collect();
        let mine: Vec<&str> = verbs().into_iter().map(|(name, _)| name).collect();
        assert_eq!(mine, known);
    }
}
