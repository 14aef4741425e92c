//! Programs of expressions that were damaged: the verifier refuses them, or they run within their
//! bounds, whatever the message holds.
//!
//! Every failure prints the case's seed; `SHARDWIRE_SEED=n` runs from that seed on.

// Parts of a test are a test: what fails in them fails it.
#![allow(clippy::expect_used, clippy::panic)]

mod expression;

use expression::maker::{Maker, payload, scope, write};
use expression::model::Ty;
use expression::random::{Random, each_seed};
use expression::{Machine, checked, message, program};
use shardwire::config::expr::Want;
use shardwire::ids::RuleId;
use shardwire::limits::VALUES_MAX;
use shardwire::pipeline::op::{
    Ahead, Binary, Body, ConstId, Context, Count, Expect, Form, Kind, Op, Out, Owner, PatternId,
    Source, Truth, Unary, ValueReg, VariableId, Word,
};
use shardwire::pipeline::{Program, disasm, verify::verify};
use shardwire::reject::Reject;

const PROGRAMS: u64 = 20_000;

const UNARIES: [Unary; 12] = [
    Unary::Not,
    Unary::Minus,
    Unary::IsNull,
    Unary::Size,
    Unary::ToBool,
    Unary::ToInt,
    Unary::ToDouble,
    Unary::ToText,
    Unary::Lower,
    Unary::Upper,
    Unary::Trim,
    Unary::ToTime,
];

const BINARIES: [Binary; 16] = [
    Binary::Add,
    Binary::Subtract,
    Binary::Multiply,
    Binary::Divide,
    Binary::Remainder,
    Binary::Equal,
    Binary::NotEqual,
    Binary::Less,
    Binary::LessEqual,
    Binary::Greater,
    Binary::GreaterEqual,
    Binary::In,
    Binary::Index,
    Binary::Contains,
    Binary::StartsWith,
    Binary::EndsWith,
];

/// Mostly one of the few that programs use.
fn value(random: &mut Random) -> ValueReg {
    match random.below(30) {
        0 => ValueReg(random.below(256) as u8),
        1 => ValueReg(VALUES_MAX as u8 - 1),
        _ => ValueReg(random.below(6) as u8),
    }
}

fn out(random: &mut Random) -> Out {
    value(random).into()
}

fn expect(random: &mut Random) -> Expect {
    let kinds = [Kind::Any, Kind::Bool, Kind::Int, Kind::Double, Kind::Text, Kind::List, Kind::Map];
    Expect { kind: random.pick(&kinds), optional: random.one_in(2) }
}

fn load(random: &mut Random) -> Op {
    let (into, constant) = (out(random), ConstId(random.below(6) as u32));
    let contexts = [Context::UserId, Context::ConnId, Context::Target, Context::Now, Context::Ip];
    let owners = [Owner::Conn, Owner::User, Owner::Room];
    let words = [Word::Null, Word::True, Word::False, Word::Omit];
    let (slot, expect) = (random.below(4) as u8, expect(random));
    match random.below(8) {
        0 => Op::LoadContext { into, value: random.pick(&contexts) },
        1 => {
            let (of, variable) = (random.pick(&owners), VariableId(slot));
            Op::LoadVariable { into, of, variable, expect }
        }
        2 => Op::LoadWord { into, word: random.pick(&words) },
        3 => Op::LoadLong { into, constant },
        4 => Op::LoadDouble { into, constant },
        5 => Op::LoadText { into, constant },
        6 => Op::LoadInt { into, value: random.below(5) as i32 - 2 },
        _ => Op::Load { into, source: Source::Payload, slot, expect },
    }
}

fn jump(random: &mut Random) -> Op {
    let by = Ahead(random.pick(&[0, 1, 2, 3, 5, 9, 40, u32::MAX]));
    let (cond, value) = (value(random), value(random));
    match random.below(5) {
        0 => Op::Jump(by),
        1 => Op::JumpIf { cond, by },
        2 => Op::JumpUnless { cond, by },
        3 => Op::JumpSome { value, by },
        _ => Op::JumpOmit { value, by },
    }
}

fn operation(random: &mut Random) -> Op {
    let (into, of) = (out(random), value(random));
    let (left, right) = (value(random), value(random));
    let form = random.pick(&[Form::Text, Form::Inner, Form::Raw]);
    match random.below(20) {
        0 | 1 => load(random),
        2 | 3 => jump(random),
        4 => Op::Unary { into, op: random.pick(&UNARIES), of },
        5 | 6 => Op::Binary { into, op: random.pick(&BINARIES), left, right },
        7 => Op::Slice { into, of, from: left, to: right },
        8 => Op::Matches { into, of, pattern: PatternId(random.below(2) as u16) },
        9 => Op::Member { into, of, key: ConstId(random.below(4) as u32) },
        10 => Op::List { into, first: of, count: Count(random.below(5) as u8) },
        11 | 12 => {
            let body = Body(random.below(7) as u16);
            Op::Each { into, list: of, item: out(random), body }
        }
        13 => Op::Yield(of),
        14 => {
            let (is, rule) = (Truth(random.below(2) == 0), RuleId(random.below(2) as u16));
            Op::Require { cond: of, is, rule }
        }
        15 => random.pick(&[Op::Begin, Op::Comma, Op::Fail(Reject::Denied)]),
        16 if random.one_in(2) => Op::Expect { value: of, expect: expect(random) },
        16 => Op::Spread(of),
        17 => {
            let (op, right) = (random.pick(&BINARIES), random.below(5) as i32 - 2);
            Op::BinaryInt { into, op, left, right }
        }
        18 => {
            let (op, right) = (random.pick(&BINARIES), ConstId(random.below(4) as u32));
            Op::BinaryText { into, op, left, right }
        }
        _ => random.pick(&[Op::Put { value: of, form }, Op::Copy { into, from: of }]),
    }
}

/// Changes some operations; the last stays the last.
fn damage(random: &mut Random, program: &mut Program) {
    for _ in 0..1 + random.below(4) {
        let last = program.code.len() - 1;
        let at = random.below(last.max(1));
        match random.below(4) {
            0 => {
                let other = random.below(last.max(1));
                program.code.swap(at, other);
            }
            1 if last > 1 => {
                program.code.remove(at);
                program.sites.remove(at);
            }
            2 => program.code[at] = operation(random),
            _ => {
                program.code.insert(at, operation(random));
                program.sites.insert(at, expression::SITE);
            }
        }
    }
    program.events[0].end = program.code.len() as u32;
}

#[test]
fn damaged_programs_are_refused_or_survive() {
    let mut machine = Machine::default();
    let (mut sound, mut done) = (0, 0);
    each_seed(PROGRAMS, |seed| {
        let mut maker = Maker::new(seed ^ 0xfa11);
        let ty = maker.random.pick(&[Ty::Bool, Ty::Int, Ty::Text, Ty::Ints, Ty::Texts]);
        let depth = 1 + maker.random.below(3);
        let tree = maker.tree(ty, depth).to_string();
        let Ok(checked) = checked(&tree, &scope(), &Want::any("a test").optional()) else { return };
        let mut program = program(&checked, Form::Raw, false);
        let random = &mut maker.random;
        damage(random, &mut program);
        disasm::program(&program);
        if verify(&program).is_err() {
            return;
        }
        sound += 1;
        let steps = program.steps_max(&program.events[0]);
        assert!(steps >= program.code.len() as u64);
        let mut json = String::new();
        let payload = payload(random);
        write(random, &payload, &mut json);
        done += u64::from(machine.run(&program, message(&json).as_bytes()).is_ok());
    });
    assert!(sound > PROGRAMS / 20 && done > PROGRAMS / 100, "{sound} {done}");
}

#[test]
fn no_text_makes_the_front_panic() {
    const PARTS: &[&str] = &[
        "payload",
        ".",
        "s",
        "(",
        ")",
        "[",
        "]",
        "'a'",
        "\"",
        "'",
        "\\",
        "+",
        "-",
        "&&",
        "||",
        "!",
        "?",
        ":",
        "??",
        "1",
        "0x",
        "1e",
        ".5",
        "9223372036854775808",
        " ",
        "in",
        "map(x, ",
        "x",
        "size",
        "has(",
        "omit",
        "${",
        "}",
        "$",
        "é",
        "\u{0}",
        "\n",
        "==",
        "<",
        "{",
        ",",
        "r'",
        "b'",
    ];
    let scope = scope();
    each_seed(PROGRAMS, |seed| {
        let mut random = Random(seed);
        let text: String = (0..random.below(12)).map(|_| random.pick(PARTS)).collect();
        let within = |range: &std::ops::Range<usize>, text: &str| {
            assert!(text.get(range.clone()).is_some(), "{text:?} {range:?}");
        };
        for fault in checked(&text, &scope, &Want::any("a test").omit()).err().unwrap_or_default() {
            within(&fault.range, &text);
        }
        if let Err(fault) = shardwire::config::expr::pieces(&text) {
            within(&fault.range, &text);
        }
    });
}
