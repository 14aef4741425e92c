//! The part of the schema that comes from the table of options.
//!
//! Invariants: a value that the walk takes is taken, and so is a template of the environment.

use serde_json::{Map, Value, json};

use super::super::settings::{
    ALGORITHM_NAMES, BACKEND_OPTIONS, BackendOption, EntryOption, Key, Kind, ROOM_OPTIONS,
    RoomOption, below, keys, takes,
};
use super::{defined, map, native, one_of, spelling, text};

/// The properties of a section of options (`""` is the top).
pub fn section(path: &str) -> Value {
    let mut properties = Map::new();
    for (name, _) in below(path) {
        if !properties.contains_key(name) {
            let full = if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
            properties.insert(name.into(), entry(&full));
        }
    }
    properties.into()
}

/// What may stand at a path: an option, a section, or either.
fn entry(path: &str) -> Value {
    let key = keys().find(|key| key.path == path);
    let inner = section(path);
    let is_section = inner.as_object().is_some_and(|inner| !inner.is_empty());
    match (key, is_section) {
        (Some(key), false) => option(key),
        (Some(key), true) => json!({ "description": key.doc, "anyOf": [option(key), map(inner)] }),
        (None, _) => map(inner),
    }
}

fn option(key: &Key) -> Value {
    let mut schema = value(key);
    let default = match key.default {
        "" => String::new(),
        default => format!(" Default: `{default}`."),
    };
    schema["description"] = json!(format!("{}{default} Takes {}.", key.doc, takes(key)));
    schema
}

fn value(key: &Key) -> Value {
    match &key.kind {
        Kind::Duration(_) | Kind::Wait(_) => any_of(vec![defined("duration")]),
        Kind::Size(..) => any_of(vec![defined("size")]),
        Kind::Count(range, _) => any_of(vec![count(*range.start(), *range.end())]),
        Kind::CountOrAuto(range, _) => {
            any_of(vec![count(*range.start(), *range.end()), json!({ "const": "auto" })])
        }
        Kind::Switch(_) => any_of(vec![json!({ "type": "boolean" })]),
        Kind::Choice(names, _) => any_of(vec![one_of(names)]),
        Kind::Choices(names, _) => any_of(vec![one_of(names), list(one_of(names))]),
        Kind::Text(_) | Kind::Secret(_) => any_of(vec![defined("scalar")]),
        Kind::Texts(..) => any_of(vec![defined("scalar"), list(defined("scalar"))]),
        Kind::Keys => list(auth_key()),
        Kind::Rooms => json!({
            "type": ["object", "null"],
            "additionalProperties": map(entry_section("", ROOM_OPTIONS, room_option)),
        }),
        Kind::Backends => json!({
            "type": ["object", "null"],
            "additionalProperties": map(entry_section("", BACKEND_OPTIONS, backend_option)),
        }),
        Kind::Program(_) => program(key.path),
    }
}

/// One of these, or a template of the environment.
fn any_of(mut schemas: Vec<Value>) -> Value {
    schemas.push(defined("environment"));
    json!({ "anyOf": schemas })
}

fn list(items: Value) -> Value {
    json!({ "type": "array", "items": items })
}

fn count(least: u64, most: u64) -> Value {
    json!({ "type": "integer", "minimum": least, "maximum": most })
}

fn auth_key() -> Value {
    map(json!({
        "kid": defined("scalar"),
        "algorithm": any_of(vec![one_of(&ALGORITHM_NAMES)]),
        "secret": text(),
        "publicKey": text(),
    }))
}

/// The options of an entry whose name is the file's own.
fn entry_section<T>(
    section: &str,
    options: &[EntryOption<T>],
    schema: fn(&EntryOption<T>) -> Value,
) -> Value {
    let mut properties = Map::new();
    for option in options {
        let rest = match section {
            "" => option.path,
            _ => {
                let below = option.path.strip_prefix(section);
                let Some(rest) = below.and_then(|rest| rest.strip_prefix('.')) else { continue };
                rest
            }
        };
        let value = match rest.split_once('.') {
            None => described(option, schema(option)),
            Some((name, _)) if section.is_empty() => map(entry_section(name, options, schema)),
            Some((name, _)) => map(entry_section(&format!("{section}.{name}"), options, schema)),
        };
        properties.insert(rest.split('.').next().unwrap_or(rest).into(), value);
    }
    properties.into()
}

fn described<T>(option: &EntryOption<T>, mut schema: Value) -> Value {
    schema["description"] = json!(format!("{} Takes {}.", option.doc, option.takes));
    schema
}

fn room_option(option: &RoomOption) -> Value {
    native::room_option(option.path).unwrap_or_else(|| any_of(vec![defined("scalar")]))
}

fn backend_option(option: &BackendOption) -> Value {
    match option.path {
        "headers" => json!({
            "type": "object",
            "additionalProperties": any_of(vec![defined("scalar")]),
        }),
        "retry.statuses" => any_of(vec![count(400, 599), list(count(400, 599))]),
        _ => any_of(vec![defined("scalar")]),
    }
}

/// The sections of the program by their paths.
fn program(path: &str) -> Value {
    spelling::program(path).or_else(|| native::program(path)).unwrap_or_else(|| json!({}))
}

/// What the options refer to.
pub fn definitions() -> Value {
    json!({
        "environment": {
            "description": "`${env.NAME}` or `${env.NAME ?? 'default'}`.",
            "type": "string",
            "pattern": "\\$\\{",
        },
        "duration": { "anyOf": [{ "type": "string", "pattern": DURATION }, { "const": 0 }] },
        "size": {
            "anyOf": [
                { "type": "string", "pattern": "^[0-9]+ *([KkMmGg][Ii]?)?[Bb]?$" },
                { "type": "integer", "minimum": 0 },
            ],
        },
        "scalar": { "type": ["string", "number", "boolean"] },
    })
}

const DURATION: &str = "^(0|(([0-9]+(\\.[0-9]*)?|\\.[0-9]+)(ns|us|\u{b5}s|ms|s|m|h))+)$";
