//! The JSON Schema for editors: every configuration of the tree fits it, a misspelled key does not.

#![allow(clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use std::fs;
use std::path::PathBuf;

use jsonschema::Validator;
use serde_json::Value;
use shardwire::config::{Environment, Options, SecretPolicy, Source, compile, editor};

fn validator() -> Validator {
    let schema = editor::schema();
    assert!(jsonschema::meta::is_valid(&schema), "not a JSON Schema");
    jsonschema::validator_for(&schema).expect("a schema")
}

fn value(text: &str) -> Value {
    serde_yaml::from_str(text).expect("YAML")
}

fn fits(name: &str, text: &str) {
    let value = value(text);
    if let Some(error) = validator().iter_errors(&value).next() {
        panic!("{name}: {error} at {}\n{text}", error.instance_path());
    }
}

fn configurations() -> Vec<(String, String)> {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let mut paths = vec![root.join("config.yaml")];
    for folder in ["examples", "benches/configs", "tests/server"] {
        let entries = fs::read_dir(root.join(folder)).expect("a folder");
        paths.extend(entries.map(|entry| entry.expect("an entry").path()));
    }
    let is_config = |name: &str| name.ends_with(".yaml") && !name.ends_with(".test.yaml");
    paths.retain(|path| is_config(&path.to_string_lossy()));
    let read =
        |path: PathBuf| (path.display().to_string(), fs::read_to_string(&path).expect("text"));
    paths.into_iter().map(read).collect()
}

#[test]
fn every_configuration_of_the_tree_fits() {
    let all = configurations();
    assert!(all.len() >= 6);
    for (name, text) in all {
        fits(&name, &text);
    }
}

/// What examples read from the environment without a default.
fn environment() -> Environment {
    [("INTERNAL_API_KEY", "test")].into_iter().collect()
}

/// The values in effect, written as YAML, fit, load, and are in effect again.
#[test]
fn what_is_in_effect_fits_and_means_the_same() {
    let options = Options { secret: SecretPolicy::Ignore };
    let compiled = |name: &str, text: &str| {
        let outcome = compile(&Source::new(name, text), &environment(), &options);
        outcome.unwrap_or_else(|findings| panic!("{name}: {findings:?}\n{text}"))
    };
    for (name, text) in configurations() {
        let before = compiled(&name, &text);
        let yaml = before.effective.yaml();
        fits(&name, &yaml);
        let after = compiled("effective", &yaml);
        assert_eq!(format!("{:?}", after.settings), format!("{:?}", before.settings), "{yaml}");
        assert_eq!(after.program.code, before.program.code, "{yaml}");
    }
}

/// Each key of a tree, one at a time, with a letter more.
fn misspelled(value: &Value, found: &mut Vec<Value>, put: &dyn Fn(Value) -> Value) {
    match value {
        Value::Object(map) => {
            for (key, inner) in map {
                let mut wrong = map.clone();
                wrong.remove(key);
                wrong.insert(format!("{key}q"), inner.clone());
                found.push(put(wrong.into()));
                let put_inner = |inner: Value| {
                    let mut map = map.clone();
                    map.insert(key.clone(), inner);
                    put(map.into())
                };
                misspelled(inner, found, &put_inner);
            }
        }
        Value::Array(items) => {
            for (at, inner) in items.iter().enumerate() {
                let put_inner = |inner: Value| {
                    let mut items = items.clone();
                    items[at] = inner;
                    put(items.into())
                };
                misspelled(inner, found, &put_inner);
            }
        }
        _ => {}
    }
}

/// An event whose payloads and variables, the names in them anybody's, are gone.
fn without_names_of_anybody(fields: &Value) -> Value {
    let mut fields = fields.clone();
    let Some(map) = fields.as_object_mut() else { return fields };
    map.remove("payload");
    for step in map.get_mut("steps").and_then(Value::as_array_mut).into_iter().flatten() {
        let Some(step) = step.as_object_mut() else { continue };
        step.retain(|verb, _| !["set", "with", "onError"].contains(&verb.as_str()));
        for fields in step.values_mut().filter_map(Value::as_object_mut) {
            for names in ["payload", "body", "returns", "headers", "query", "claims"] {
                fields.remove(names);
            }
        }
    }
    fields
}

#[test]
fn a_misspelled_key_does_not_fit() {
    let validator = validator();
    let mut wrong = Vec::new();
    for (_, text) in configurations() {
        let mut tree = value(&text);
        // What a test sends is anybody's, and so are variables and the fields of payloads in hooks.
        let anybodys =
            ["tests", "lifecycle", "pipelines", "errors", "state", "roles", "rooms", "backends"];
        anybodys.iter().for_each(|section| {
            tree.as_object_mut().and_then(|tree| tree.remove(*section));
        });
        // The paths of pages and files are anybody's, and so are the names of events.
        if let Some(http) = tree.get_mut("http").and_then(Value::as_object_mut) {
            http.retain(|key, _| !["routes", "static"].contains(&key.as_str()));
        }
        let events = tree.as_object_mut().and_then(|tree| tree.remove("events"));
        misspelled(&tree, &mut wrong, &|tree| tree);
        for (event, fields) in events.iter().filter_map(Value::as_object).flatten() {
            let put = |fields: Value| serde_json::json!({ "events": { event: fields } });
            misspelled(&without_names_of_anybody(fields), &mut wrong, &put);
        }
    }
    assert!(wrong.len() > 100, "{}", wrong.len());
    for tree in wrong {
        assert!(!validator.is_valid(&tree), "{tree}");
    }
}

#[test]
fn values_of_the_wrong_kind_do_not_fit() {
    let validator = validator();
    for (text, fits) in [
        ("transport: { readTimeout: 60m, pingInterval: 0, outbox: { bytes: 1 MiB } }", true),
        ("transport: { readTimeout: 60 }", false),
        ("transport: { readTimeout: \"${env.T ?? '1m'}\" }", true),
        ("transport: { compression: true }", true),
        ("transport: { compression: { level: 12 } }", false),
        ("server: { cores: [0, 1], limits: { connections: auto } }", true),
        ("server: { connectionLimit: { mode: recycle } }", false),
        ("auth: { keys: [{ kid: a, secret: b, algorithm: HS256 }] }", true),
        ("auth: { keys: [{ kid: a, secrt: b }] }", false),
        ("protocol: raw", true),
        ("protocol: { in: { event: type } }", true),
        ("rooms: { \"a:{b}\": { batch: { delay: 2ms } } }", true),
        ("rooms: { \"a:{b}\": { batch: { dely: 2ms } } }", false),
        ("extends: base.yaml\ninclude: [a.yaml]\nx-note: { anything: [1] }", true),
        ("include: { a: b }", false),
        ("permissions:", true),
        ("events: { a: { actions: [{ name: _join, params: [a] }] } }", false),
        ("events: { a: { actions: [{ name: _jion, params: [a, b] }] } }", false),
        ("events: { a: { modifiers: [{ name: secure }] } }", true),
        ("version: 2", false),
    ] {
        assert_eq!(validator.is_valid(&value(text)), fits, "{text}");
    }
}

#[test]
fn events_of_the_native_spelling() {
    let validator = validator();
    for (text, fits) in [
        ("{ payload: { text: string(1..64) }, limit: 10/m, steps: [] }", true),
        ("{ limit: { per: [user, event], rate: 5/m, onExceed: drop } }", true),
        ("{ limit: { per: [user], rate: 5/m, onExceed: ignore } }", false),
        ("{ require: [x, { name: n, when: a == b, mode: shadow }] }", true),
        ("{ require: [{ name: n }] }", false),
        ("{ steps: [{ send: { to: all, event: e, payload: { a: 1 } } }] }", true),
        ("{ steps: [{ send: { to: { users: \"${m}\" }, event: e }, if: x }] }", true),
        ("{ steps: [{ send: { event: e } }] }", false),
        ("{ steps: [{ log: a, stop: true }] }", false),
        ("{ steps: [{ if: a }] }", false),
        ("{ steps: [{ lgo: a }] }", false),
        ("{ steps: [{ use: p, with: { a: 1 }, into: x, onError: continue }] }", true),
    ] {
        let event = value(&format!("events: {{ a: {text} }}"));
        assert_eq!(validator.is_valid(&event), fits, "{text}");
    }
}
