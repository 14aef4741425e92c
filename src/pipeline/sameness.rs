//! Whether two pipelines of two programs do the same, wherever they stand and whatever else there
//! is: for what a reload must not do again where nothing has changed.
//!
//! Invariants: what follows another program has its places (`lineage`), so ids of limits,
//! permissions, variables and ways of sending mean the same in both; those of constants, patterns
//! and rules do not, and are looked up. Two that only look different are told apart: a false no
//! does no harm. Called by `shard::recheck`.

use super::op::{Op, Operand};
use super::program::{Event, Program};
use crate::ids::EventId;

/// Whether an event of one program does what an event of another does.
pub fn same(one: (&Program, EventId), other: (&Program, EventId)) -> bool {
    let (Some(left), Some(right)) = (one.0.event(one.1), other.0.event(other.1)) else {
        return false;
    };
    let code = |program: &Program, event: &Event| program.code_of(event).to_vec();
    let (left_code, right_code) = (code(one.0, left), code(other.0, right));
    left.claims == right.claims
        && left_code.len() == right_code.len()
        && left_code
            .into_iter()
            .zip(right_code)
            .all(|(left, right)| same_op((one.0, left), (other.0, right)))
}

fn same_op((one, left): (&Program, Op), (other, right): (&Program, Op)) -> bool {
    let operands = |op: Op| {
        let mut all = Vec::new();
        op.operands(|operand| all.push(operand));
        all
    };
    let (lefts, rights) = (operands(left), operands(right));
    left.mnemonic() == right.mnemonic()
        && lefts.len() == rights.len()
        && lefts
            .into_iter()
            .zip(rights)
            .all(|(left, right)| same_operand((one, left), (other, right)))
}

fn same_operand((one, left): (&Program, Operand), (other, right): (&Program, Operand)) -> bool {
    match (left, right) {
        (Operand::Const(left), Operand::Const(right)) => {
            one.consts.get(left.0 as usize) == other.consts.get(right.0 as usize)
        }
        (Operand::Pattern(left), Operand::Pattern(right)) => {
            let text = |program: &Program, place: u16| {
                program.patterns.get(usize::from(place)).map(|one| one.text().to_owned())
            };
            text(one, left.0) == text(other, right.0)
        }
        (Operand::Rule(left), Operand::Rule(right)) => {
            let shadow = |program: &Program, place: u16| {
                program.rules.get(usize::from(place)).map(|rule| rule.shadow)
            };
            shadow(one, left.0) == shadow(other, right.0)
        }
        (left, right) => left == right,
    }
}

#[cfg(test)]
mod tests {
    use super::super::builder::Builder;
    use super::super::op::{Reg, ValueReg, Word};
    use super::super::program::{Rule, Site};
    use super::*;

    /// A rule that holds or not, behind other constants and rules.
    fn program(word: Word, shadow: bool, before: usize, line: u32) -> Program {
        let mut builder = Builder::new("test.yaml");
        let site = Site { line, column: 1, file: 0 };
        builder.event("other", site).unwrap();
        for one in 0..before {
            builder.rule(Rule { name: format!("r{one}").into(), ..Rule::default() });
            builder.op(Op::OpenText, site);
            builder.literal(format!("{one}").as_bytes(), site);
            builder.op(Op::CloseText(Reg(0)), site);
        }
        builder.event("rule", site).unwrap();
        let rule = builder.rule(Rule { shadow, ..Rule::default() });
        builder.op(Op::OpenText, site);
        builder.literal(b"text", site);
        builder.op(Op::CloseText(Reg(0)), site);
        builder.op(Op::LoadWord { into: ValueReg(0).into(), word }, site);
        builder.op(
            Op::Require { cond: ValueReg(0), is: crate::pipeline::op::Truth(true), rule },
            site,
        );
        builder.finish().unwrap()
    }

    #[test]
    fn places_make_no_difference_and_meanings_do() {
        let rule = EventId(1);
        let base = program(Word::True, false, 0, 1);
        assert!(same((&base, rule), (&program(Word::True, false, 3, 9), rule)));
        assert!(!same((&base, rule), (&program(Word::False, false, 0, 1), rule)));
        assert!(!same((&base, rule), (&program(Word::True, true, 0, 1), rule)));
        assert!(!same((&base, rule), (&base, EventId(0))));
        assert!(!same((&base, rule), (&base, EventId(7))));
    }
}
