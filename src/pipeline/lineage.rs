//! How a program follows another: what is kept outside of programs keeps its place in the tables.
//!
//! Meters, permissions, variables and frames under way name limits, permissions, variables and ways
//! of sending by their place in a table of the program. `follow` gives whatever the new program has
//! in common with the old one its old place, and what is new a place of its own; what is gone stays
//! in its place, retired. So a place means the same in every program that a process ever runs:
//! nothing need be translated when shards change over at different moments, and what comes back
//! later has its old place again.
//!
//! Invariants: a table never shrinks and is bounded by the width of its ids; a program that would
//! not fit is refused, and nothing has changed. What is named by code alone (events, rules,
//! patterns, constants, metrics) has no place here. Called by `control::reload`.

use std::fmt;

use super::op::{HowId, Op, Operand, Owner, VariableId};
use super::program::{LimitSpec, Program, Scope, VariableSpec};
use crate::ids::{EventId, LimitId, PermissionId};
use crate::state::limits::Rate;
use crate::state::permissions::PermissionSet;

/// What a program has from those before it.
#[derive(Clone, Debug, Default)]
pub struct Lineage {
    /// Of each limit of the table; empty for a program that follows none.
    limits: Vec<LimitIdentity>,
    retired_limits: Vec<bool>,
    /// Permissions that the file does not declare any more.
    pub retired_permissions: PermissionSet,
}

impl Lineage {
    /// Whether only messages of an older program are counted by it.
    pub fn is_retired(&self, limit: usize) -> bool {
        self.retired_limits.get(limit).copied().unwrap_or_default()
    }
}

/// A limit is the same while its event, key and rate are.
#[derive(Clone, Debug, PartialEq, Eq)]
struct LimitIdentity {
    event: Box<str>,
    key: Box<str>,
    scope: Scope,
    rate: Rate,
    /// Which of several such limits of the event.
    number: usize,
}

/// Why a program cannot follow: too much has come and gone since the start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exhausted(&'static str);

impl fmt::Display for Exhausted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "too many different {} since the start; restart to take this file", self.0)
    }
}

impl std::error::Error for Exhausted {}

/// New places by the new program's own.
struct Places {
    limits: Vec<usize>,
    permissions: Vec<usize>,
    hows: Vec<usize>,
    conn_variables: Vec<usize>,
    user_variables: Vec<usize>,
}

/// The new program with the places of the old one.
pub fn follow(old: &Program, mut new: Program) -> Result<Program, Exhausted> {
    let (limits, specs, lineage) = merge_limits(old, &new);
    let (permissions, names) = merged(&old.permissions, &new.permissions);
    let (hows, all_hows) = merged(&old.hows, &new.hows);
    let (conn_variables, conn) = merged_variables(&old.conn_variables, &new.conn_variables);
    let (user_variables, user) = merged_variables(&old.user_variables, &new.user_variables);
    let places = Places { limits, permissions, hows, conn_variables, user_variables };
    new.lineage = lineage;
    new.lineage.retired_permissions = retired(names.len(), &places.permissions);
    (new.limits, new.permissions, new.hows) = (specs, names, all_hows);
    (new.conn_variables, new.user_variables) = (conn, user);
    for op in &mut new.code {
        *op = places.moved(*op)?;
    }
    for permission in new.roles.iter_mut().flat_map(|(_, all)| all) {
        *permission = places.permission(*permission)?;
    }
    Ok(new)
}

/// A table that holds the old entries in their places and then those that are new; and where each
/// of the new program's entries stands in it.
fn merged<T: Clone + PartialEq>(old: &[T], new: &[T]) -> (Vec<usize>, Vec<T>) {
    let mut table = old.to_vec();
    let places = new.iter().map(|entry| {
        table.iter().position(|known| known == entry).unwrap_or_else(|| {
            table.push(entry.clone());
            table.len() - 1
        })
    });
    (places.collect(), table)
}

/// A variable is the same while its name and type are; its default is the new program's.
fn merged_variables(old: &[VariableSpec], new: &[VariableSpec]) -> (Vec<usize>, Vec<VariableSpec>) {
    let identity = |one: &VariableSpec| (one.name.clone(), one.kind.clone());
    let identities = |list: &[VariableSpec]| list.iter().map(identity).collect::<Vec<_>>();
    let (places, _) = merged(&identities(old), &identities(new));
    let mut table = old.to_vec();
    for (spec, place) in new.iter().zip(&places) {
        match table.get_mut(*place) {
            Some(known) => *known = spec.clone(),
            None => table.push(spec.clone()),
        }
    }
    (places, table)
}

fn merge_limits(old: &Program, new: &Program) -> (Vec<usize>, Vec<LimitSpec>, Lineage) {
    let known = match old.lineage.limits.is_empty() {
        true => identities(old),
        false => old.lineage.limits.clone(),
    };
    let (places, limits) = merged(&known, &identities(new));
    let mut specs: Vec<LimitSpec> = old.limits.to_vec();
    // The events of a retired limit are those of another program.
    specs.iter_mut().for_each(|spec| spec.event = EventId(0));
    let mut retired_limits = vec![true; limits.len()];
    for (spec, place) in new.limits.iter().zip(&places) {
        match specs.get_mut(*place) {
            Some(known) => *known = spec.clone(),
            None => specs.push(spec.clone()),
        }
        retired_limits[*place] = false;
    }
    (places, specs, Lineage { limits, retired_limits, ..Lineage::default() })
}

/// Of a program that follows none.
fn identities(program: &Program) -> Vec<LimitIdentity> {
    let mut known: Vec<LimitIdentity> = Vec::new();
    for spec in &program.limits {
        let event = program.event(spec.event).map(|event| event.name.clone()).unwrap_or_default();
        let LimitSpec { key, scope, rate, .. } = spec.clone();
        let mut identity = LimitIdentity { event, key, scope, rate, number: 0 };
        while known.contains(&identity) {
            identity.number += 1;
        }
        known.push(identity);
    }
    known
}

/// Those of so many permissions that stand nowhere among the declared ones.
fn retired(count: usize, declared: &[usize]) -> PermissionSet {
    let gone = (0..count).filter(|place| !declared.contains(place));
    gone.fold(PermissionSet::default(), |set, place| set.with(PermissionId(place as u16), true))
}

impl Places {
    /// The operation with the tables' places in place of the program's own.
    fn moved(&self, op: Op) -> Result<Op, Exhausted> {
        Ok(match op {
            Op::Limit(limit) => Op::Limit(self.limit(limit)?),
            Op::LimitKey { limit, key } => Op::LimitKey { limit: self.limit(limit)?, key },
            Op::Permit(permission) => Op::Permit(self.permission(permission)?),
            Op::Grant { user, permission } => {
                Op::Grant { user, permission: self.permission(permission)? }
            }
            Op::Revoke { user, permission } => {
                Op::Revoke { user, permission: self.permission(permission)? }
            }
            Op::Send { to, how } => Op::Send { to, how: self.how(how)? },
            Op::SendNamed { to, name, how } => Op::SendNamed { to, name, how: self.how(how)? },
            Op::SetVariable { of, variable, value } => {
                Op::SetVariable { of, variable: self.variable(of, variable)?, value }
            }
            Op::LoadVariable { into, of, variable, expect } => {
                Op::LoadVariable { into, of, variable: self.variable(of, variable)?, expect }
            }
            other if names_a_place(other) => return Err(Exhausted("operations")),
            other => other,
        })
    }

    fn limit(&self, limit: LimitId) -> Result<LimitId, Exhausted> {
        place(&self.limits, limit.0, "limits").map(LimitId)
    }

    fn permission(&self, permission: PermissionId) -> Result<PermissionId, Exhausted> {
        place(&self.permissions, permission.0, "permissions").map(PermissionId)
    }

    fn how(&self, how: HowId) -> Result<HowId, Exhausted> {
        place(&self.hows, how.0, "ways of sending").map(HowId)
    }

    fn variable(&self, of: Owner, VariableId(id): VariableId) -> Result<VariableId, Exhausted> {
        let placed = match of {
            Owner::Conn => place(&self.conn_variables, id, "variables of connections"),
            Owner::User => place(&self.user_variables, id, "variables of users"),
            Owner::Rights => place(&self.permissions, id, "permissions"),
            // A part of the room's name.
            Owner::Room => Ok(id),
        };
        placed.map(VariableId)
    }
}

/// The new place, where an id of this width can say it.
fn place<Id: Into<usize> + TryFrom<usize>>(
    places: &[usize],
    id: Id,
    what: &'static str,
) -> Result<Id, Exhausted> {
    let place = places.get(id.into()).copied();
    place.and_then(|place| Id::try_from(place).ok()).ok_or(Exhausted(what))
}

/// Whether an operation that `moved` does not know has an operand that it should.
fn names_a_place(op: Op) -> bool {
    let mut any = false;
    op.operands(|operand| {
        use Operand::{How, Limit, Permission, Variable};
        any |= matches!(operand, Limit(_) | Permission(_) | How(_) | Variable(_));
    });
    any
}

#[cfg(test)]
mod tests {
    use super::super::builder::Builder;
    use super::super::program::{How, Site};
    use super::*;

    const SITE: Site = Site { line: 1, column: 1, file: 0 };

    /// A program of events that have one limit each: so many a second.
    fn limited(events: &[(&str, u32)]) -> Program {
        let mut builder = Builder::new("test.yaml");
        for (name, events_max) in events {
            let event = builder.event(name, SITE).unwrap();
            let rate = Rate::fixed(*events_max, 1_000);
            let limit = builder.limit(LimitSpec::of_user(event, rate, SITE));
            builder.op(Op::Limit(limit), SITE);
        }
        builder.finish().unwrap()
    }

    /// The place of each event's limit, and its rate there.
    fn places(program: &Program) -> Vec<(&str, u16, u32)> {
        let place = |event: &super::super::program::Event| {
            let Op::Limit(limit) = program.code_of(event)[0] else { panic!("no limit") };
            let spec = program.limit(limit).unwrap();
            assert_eq!(program.event(spec.event).unwrap().name, event.name);
            (limit.0, spec.rate.events_max)
        };
        let all = program.events.iter().map(|event| (&*event.name, place(event)));
        all.map(|(name, (place, rate))| (name, place, rate)).collect()
    }

    #[test]
    fn what_is_the_same_keeps_its_place_and_what_comes_back_has_it_again() {
        let first = limited(&[("a", 1), ("b", 2)]);
        let second = follow(&first, limited(&[("c", 3), ("b", 2)])).unwrap();
        assert_eq!(places(&second), [("c", 2, 3), ("b", 1, 2)]);
        assert_eq!([0, 1, 2].map(|place| second.lineage.is_retired(place)), [true, false, false]);
        assert_eq!(second.limits[0].rate.events_max, 1, "a retired one still has its rate");
        let third = follow(&second, limited(&[("b", 7), ("a", 1)])).unwrap();
        assert_eq!(places(&third), [("b", 3, 7), ("a", 0, 1)]);
        let none = follow(&third, limited(&[])).unwrap();
        assert!(!none.limits_users() && none.limits.len() == 4);
        super::super::verify::verify(&none).unwrap();
        assert_eq!(places(&follow(&none, limited(&[("b", 2)])).unwrap()), [("b", 1, 2)]);
    }

    #[test]
    fn reloading_the_same_files_in_turns_makes_no_table_longer() {
        let files = [&[("a", 1), ("b", 2)][..], &[("b", 2), ("c", 3)], &[("a", 2)]];
        let mut program = limited(files[0]);
        for round in 0..100 {
            program = follow(&program, limited(files[round % files.len()])).unwrap();
        }
        assert_eq!(program.limits.len(), 4);
    }

    #[test]
    fn a_program_that_does_not_fit_any_more_is_refused() {
        let variable = |n: usize| VariableSpec {
            name: format!("v{n}").into(),
            kind: "int".into(),
            ..VariableSpec::default()
        };
        let old =
            Program { conn_variables: (0..256).map(variable).collect(), ..Program::default() };
        let load = |variables: &[VariableSpec]| Program {
            conn_variables: variables.to_vec(),
            code: vec![Op::SetVariable {
                of: Owner::Conn,
                variable: VariableId(0),
                value: super::super::op::ValueReg(0),
            }],
            ..Program::default()
        };
        assert!(follow(&old, load(&[variable(255)])).is_ok());
        let refused = follow(&old, load(&[variable(256)])).unwrap_err();
        assert!(refused.to_string().contains("variables of connections"), "{refused}");
        let hows =
            (0..=u32::from(u16::MAX)).map(|n| How { conflate_ns: n.into(), ..How::default() });
        let old = Program { hows: hows.collect(), ..Program::default() };
        let how = How { volatile: true, ..How::default() };
        let sends = Op::Send { to: super::super::op::To::Origin, how: HowId(0) };
        let new = Program { hows: vec![how], code: vec![sends], ..Program::default() };
        assert!(follow(&old, new).is_err());
    }
}
