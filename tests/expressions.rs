//! Random expressions that are well typed mean the same to the interpreter and to a naive model,
//! over random payloads, errors included; folded at load or not.
//!
//! Every failure prints the case's seed; `SHARDWIRE_SEED=n` runs from that seed on.

// Parts of a test are a test: what fails in them fails it.
#![allow(clippy::expect_used, clippy::panic)]

mod expression;

use expression::maker::{Maker, payload, scope, write};
use expression::model::{Model, Tree, Ty, V};
use expression::random::each_seed;
use expression::{Machine, checked, message, program};
use serde_json::Value;
use shardwire::config::expr::Want;
use shardwire::pipeline::Program;
use shardwire::pipeline::op::Form;
use shardwire::reject::Reject;

const PROGRAMS: u64 = 3_000;
const PAYLOADS: u64 = 8;

/// Whether a value that was sent is the model's.
fn same(sent: &Value, value: &V) -> bool {
    match (sent, value) {
        (Value::Null, V::Null) => true,
        (Value::Null, V::Double(double)) => !double.is_finite(),
        (Value::Bool(sent), V::Bool(value)) => sent == value,
        (Value::Number(sent), V::Int(value)) => sent.as_i64() == Some(*value),
        // This reader of JSON may be a digit off.
        (Value::Number(sent), V::Double(value)) => sent
            .as_f64()
            .is_some_and(|sent| sent == *value || (sent - value).abs() <= value.abs() * 1e-15),
        (Value::String(sent), V::Text(value)) => sent == value,
        (Value::Array(sent), V::List(value)) => {
            sent.len() == value.len() && sent.iter().zip(value).all(|(sent, one)| same(sent, one))
        }
        (Value::Object(sent), V::Object(value)) => {
            sent.len() == value.len()
                && value.iter().all(|(name, one)| sent.get(name).is_some_and(|two| same(two, one)))
        }
        _ => false,
    }
}

/// The program of a tree; `None` where a part of it fails at load.
fn compiled(text: &str, folded: bool) -> Option<Program> {
    let mut scope = scope();
    if !folded {
        scope.keep_constants();
    }
    let want = Want::any("a test").optional();
    match checked(text, &scope, &want) {
        Ok(checked) => Some(program(&checked, Form::Raw, false)),
        Err(faults) => {
            let always = faults.iter().all(|fault| fault.code.text() == "E437");
            assert!(always, "{text}: {faults:?}");
            None
        }
    }
}

/// What a program says of a payload.
fn run(machine: &mut Machine, program: &Program, json: &str) -> Result<Value, Reject> {
    let frames = machine.run(program, message(json).as_bytes()).map_err(|(reject, _)| reject)?;
    Ok(serde_json::from_str(&frames[0]).expect("what is sent is JSON"))
}

/// Compares both programs of a tree with the model; whether there was a value.
fn compare(
    machine: &mut Machine,
    programs: &[Option<Program>],
    tree: &Tree,
    payload: &V,
    json: &str,
) -> bool {
    let expected = Model { payload, items: Vec::new() }.eval(tree);
    for program in programs {
        let found = program.as_ref().map(|program| run(machine, program, json));
        let agrees = match (&found, &expected) {
            (Some(Ok(found)), Ok(expected)) => same(found, expected),
            (Some(Err(found)), Err(expected)) => found == expected,
            // A fault at load stands for whatever fails in the run.
            (None, expected) => expected.is_err(),
            _ => false,
        };
        assert!(agrees, "{tree}\n{json}\nmodel {expected:?}\nfound {found:?}");
    }
    expected.is_ok()
}

#[test]
fn the_interpreter_agrees_with_the_model() {
    const TYPES: [Ty; 7] =
        [Ty::Bool, Ty::Int, Ty::Double, Ty::Text, Ty::Ints, Ty::Texts, Ty::Members];
    let mut machine = Machine::default();
    let (mut good, mut bad) = (0, 0);
    each_seed(PROGRAMS, |seed| {
        let mut maker = Maker::new(seed);
        let ty = maker.random.pick(&TYPES);
        let depth = 1 + maker.random.below(4);
        let tree = maker.tree(ty, depth);
        let text = tree.to_string();
        let programs = [compiled(&text, false), compiled(&text, true)];
        for _ in 0..PAYLOADS {
            let payload = payload(&mut maker.random);
            let mut json = String::new();
            write(&mut maker.random, &payload, &mut json);
            match compare(&mut machine, &programs, &tree, &payload, &json) {
                true => good += 1,
                false => bad += 1,
            }
        }
    });
    assert!(good > PROGRAMS && bad > PROGRAMS / 5, "{good} {bad}");
}
