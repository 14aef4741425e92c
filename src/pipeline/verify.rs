//! What a program must satisfy before it may run, checked in one pass, one rule a variant.
//!
//! Invariants: a program that passes cannot make the interpreter index out of range, write outside
//! an open output, read an undefined register or unverified claims, jump back or out of its event,
//! or ask for anything of the shard before its last rate limit. Called by `Builder::finish`.

mod walk;

use super::program::{CallSpec, Event, Program, Site};
use crate::envelope::{Projection, projection::Node};
use crate::limits::{
    EVENTS_MAX, JSON_DEPTH_MAX, NAME_BYTES_MAX, PROGRAM_OPS_MAX, REGISTERS_MAX, SLOTS_MAX,
    VALUES_MAX,
};
use walk::Walk;

macro_rules! rules {
    ($($(#[doc = $doc:literal])* $name:ident,)*) => {
        /// A rule of the verifier.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Rule { $($(#[doc = $doc])* $name,)* }

        impl Rule {
            /// The rule as a sentence.
            pub fn sentence(self) -> &'static str {
                match self { $(Rule::$name => concat!($($doc),*).trim_ascii(),)* }
            }
        }
    };
}

rules! {
    /// There are too many events.
    TooManyEvents,
    /// There are too many operations in one event.
    TooManyOps,
    /// There are too many effects in one event.
    TooManyEffects,
    /// An event reads too many paths.
    TooManySlots,
    /// There are more constants, limits or permissions than an operand can name.
    TooManyEntries,
    /// A name is too long.
    NameTooLong,
    /// Two events have the same name, or a name leads to no event.
    NameNotUnique,
    /// Every operation has a site.
    SiteMissing,
    /// The events cover the code one after the other, without a gap.
    EventsNotTiled,
    /// A rate limit names an event of the program, passes something, and has a window.
    BadLimit,
    /// A limit of a room or of a text is asked with a key.
    LimitWithoutKey,
    /// A projection fills only its own slots and is no deeper than a message can be.
    BadProjection,
    /// An operand names something that is not in the program.
    OperandOutOfRange,
    /// `end` is the last operation of an event, and only the last.
    EndMisplaced,
    /// Nothing may be open before this operation.
    OutputOpen,
    /// This operation needs an open output of its kind.
    OutputNotOpen,
    /// A register or the frame register is read before it is written.
    ReadBeforeWrite,
    /// Claims are read only after `secure`.
    ClaimsUnverified,
    /// Rate limits come before every effect, so that a run can be started again.
    LimitAfterEffect,
    /// Rate limits are asked by every run, so that a run that is started again asks the same ones.
    LimitConditional,
    /// A jump ends inside its event, and inside its loop.
    BadJump,
    /// Where two ways meet, the same output is open.
    OutputsDiffer,
    /// `begin` stands once, before every operation on values.
    NotBegun,
    /// A loop only computes, stays inside its event, and holds at most one other.
    BadLoop,
    /// A call has no more texts than there are registers.
    BadCall,
    /// `yield` stands in a loop.
    YieldOutside,
}

/// A rule that a program broke, and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    pub rule: Rule,
    pub site: Site,
    /// Offset of the operation, where one is to blame.
    pub at: Option<u32>,
}

impl Fault {
    fn of_program(rule: Rule) -> Self {
        Fault { rule, site: Site::default(), at: None }
    }

    fn of_event(rule: Rule, event: &Event) -> Self {
        Fault { rule, site: event.site, at: None }
    }
}

/// Checks a whole program.
pub fn verify(program: &Program) -> Result<(), Fault> {
    tables(program)?;
    let mut covered = 0;
    for event in &program.events {
        if event.entry != covered || event.end <= event.entry {
            return Err(Fault::of_event(Rule::EventsNotTiled, event));
        }
        covered = event.end;
        declaration(event)?;
        code(program, event)?;
    }
    match covered as usize == program.code.len() {
        true => Ok(()),
        false => Err(Fault::of_program(Rule::EventsNotTiled)),
    }
}

fn tables(program: &Program) -> Result<(), Fault> {
    let addressable = |len: usize| len <= usize::from(u16::MAX);
    let known = |id: crate::ids::EventId| usize::from(id.0) < program.events.len();
    let named = program.events.len().saturating_sub(program.unnamed());
    let hooks = program.hooks.iter().flatten().copied();
    let joins = program.rooms.iter().filter_map(|rules| rules.join);
    let pages = program.pages().map(|page| page.run);
    let unnamed_known = hooks.chain(joins).chain(pages).all(known);
    let limits_hold = program.limits.iter().enumerate().all(|(place, limit)| {
        (known(limit.event) || program.lineage.is_retired(place)) && limit.rate.holds()
    });
    let checks = [
        (program.events.len() <= EVENTS_MAX, Rule::TooManyEvents),
        (addressable(program.limits.len()), Rule::TooManyEntries),
        (addressable(program.permissions.len()), Rule::TooManyEntries),
        (program.consts.len() <= u32::MAX as usize, Rule::TooManyEntries),
        (addressable(program.rules.len()), Rule::TooManyEntries),
        (addressable(program.patterns.len()), Rule::TooManyEntries),
        (program.sites.len() == program.code.len(), Rule::SiteMissing),
        (program.names.len() == named, Rule::NameNotUnique),
        (program.names.values().all(|id| known(*id)), Rule::NameNotUnique),
        (program.on_message.is_none_or(known), Rule::NameNotUnique),
        (unnamed_known, Rule::NameNotUnique),
        (addressable(program.hows.len()), Rule::TooManyEntries),
        (addressable(program.metrics.len()), Rule::TooManyEntries),
        (addressable(program.calls.len()), Rule::TooManyEntries),
        (program.calls.iter().all(call_holds), Rule::BadCall),
        (limits_hold, Rule::BadLimit),
    ];
    match checks.iter().find(|(holds, _)| !holds) {
        Some((_, rule)) => Err(Fault::of_program(*rule)),
        None => Ok(()),
    }
}

fn call_holds(call: &CallSpec) -> bool {
    call.texts() <= REGISTERS_MAX && usize::from(call.keeps) <= VALUES_MAX
}

/// What an event says of itself, its code apart.
fn declaration(event: &Event) -> Result<(), Fault> {
    let slots = usize::from(event.payload.slots.max(event.claims.slots));
    let token_known = event.token_slot.is_none_or(|slot| slot < event.payload.slots);
    let checks = [
        (event.name.len() <= NAME_BYTES_MAX, Rule::NameTooLong),
        (event.end - event.entry <= PROGRAM_OPS_MAX as u32, Rule::TooManyOps),
        (slots <= SLOTS_MAX, Rule::TooManySlots),
        (token_known, Rule::OperandOutOfRange),
        (projection_holds(&event.payload), Rule::BadProjection),
        (projection_holds(&event.claims), Rule::BadProjection),
    ];
    match checks.iter().find(|(holds, _)| !holds) {
        Some((_, rule)) => Err(Fault::of_event(*rule, event)),
        None => Ok(()),
    }
}

fn projection_holds(projection: &Projection) -> bool {
    let mut left: Vec<(&Node, usize)> = vec![(&projection.root, 0)];
    while let Some((node, depth)) = left.pop() {
        let fits = node.slot.is_none_or(|slot| slot < projection.slots);
        if !fits || depth >= JSON_DEPTH_MAX || node.children.len() > SLOTS_MAX {
            return false;
        }
        left.extend(node.children.iter().map(|(_, child)| (child, depth + 1)));
    }
    true
}

/// Walks one event's operations in order: jumps go forward, so one pass sees every run.
fn code(program: &Program, event: &Event) -> Result<(), Fault> {
    let ops = program.code_of(event);
    let mut walk = Walk::new(program, event, ops.len() as u32);
    for (offset, op) in ops.iter().enumerate() {
        let at = event.entry + offset as u32;
        let last = offset + 1 == ops.len();
        let checked = walk.step(*op, last);
        let site = program.site(at as usize);
        checked.map_err(|rule| Fault { rule, site, at: Some(at) })?;
    }
    match ops.is_empty() {
        true => Err(Fault::of_event(Rule::EventsNotTiled, event)),
        false => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::{EventId, LimitId, PermissionId};
    use crate::limits::{EFFECTS_MAX, REGISTERS_MAX};
    use crate::pipeline::Builder;
    use crate::pipeline::op::{ConstId, Context, Form, FrameKind, Op, Reg, Source};
    use crate::pipeline::program::LimitSpec;
    use crate::state::limits::{Algorithm, Rate};

    const TEXT: Op = Op::Context { value: Context::Target, form: Form::Text };
    const CLAIM: Op = Op::NeedSlot { source: Source::Claims, slot: 0 };

    /// One event with these operations, one payload slot, one claims slot, one limit, no
    /// permission.
    fn build(ops: &[Op]) -> Result<Program, Fault> {
        let mut builder = Builder::new("config.yaml");
        let event = builder.event("event", Site::default()).unwrap();
        let site = Site { line: 2, column: 1, file: 0 };
        builder.limit(LimitSpec::of_user(event, Rate::fixed(1, 1), site));
        builder.payload_slot(&["x"]).unwrap();
        builder.claims_slot(&["sub"]).unwrap();
        ops.iter().for_each(|op| builder.op(*op, site));
        builder.finish()
    }

    /// The rule that refuses the last of these operations.
    fn refused(ops: &[Op]) -> Rule {
        let fault = build(ops).unwrap_err();
        assert_eq!(fault.at, Some(ops.len() as u32 - 1), "{ops:?}");
        fault.rule
    }

    #[test]
    fn outputs_open_and_close_in_pairs() {
        let frame = Op::OpenFrame(FrameKind::Text);
        let close = Op::CloseText(Reg(0));
        assert_eq!(refused(&[TEXT]), Rule::OutputNotOpen);
        assert_eq!(refused(&[close]), Rule::OutputNotOpen);
        assert_eq!(refused(&[Op::OpenText, Op::CloseFrame]), Rule::OutputNotOpen);
        assert_eq!(refused(&[frame, close]), Rule::OutputNotOpen);
        assert_eq!(refused(&[frame, Op::OpenText]), Rule::OutputOpen);
        assert_eq!(refused(&[Op::OpenText, Op::Close]), Rule::OutputOpen);
        assert_eq!(refused(&[Op::OpenText, Op::NeedTarget]), Rule::OutputOpen);
        assert_eq!(build(&[Op::OpenText]).unwrap_err().rule, Rule::OutputOpen);
        assert!(build(&[Op::OpenText, TEXT, close, frame, Op::Message, Op::CloseFrame]).is_ok());
    }

    #[test]
    fn registers_are_written_before_they_are_read() {
        let (open, close) = (Op::OpenText, Op::CloseText(Reg(1)));
        assert_eq!(refused(&[Op::SendTarget(Reg(0))]), Rule::ReadBeforeWrite);
        let half = Op::Join { user: Reg(1), room: Reg(0) };
        assert_eq!(refused(&[open, close, half]), Rule::ReadBeforeWrite);
        assert_eq!(refused(&[Op::SendOrigin]), Rule::ReadBeforeWrite);
        assert_eq!(refused(&[open, close, Op::SendTarget(Reg(1))]), Rule::ReadBeforeWrite);
        let frame = [Op::OpenFrame(FrameKind::Text), Op::CloseFrame];
        let send = Op::SendTarget(Reg(1));
        assert!(build(&[open, close, frame[0], frame[1], send]).is_ok());
        let twice = [open, close, frame[0], frame[1], send, send];
        assert_eq!(refused(&twice), Rule::ReadBeforeWrite);
    }

    #[test]
    fn a_log_line_is_an_output_and_an_effect() {
        let line = [Op::OpenLog, TEXT, Op::CloseLog];
        assert!(build(&line).is_ok());
        assert_eq!(refused(&[Op::CloseLog]), Rule::OutputNotOpen);
        assert_eq!(refused(&[Op::OpenText, Op::CloseLog]), Rule::OutputNotOpen);
        assert_eq!(refused(&[Op::OpenLog, Op::CloseText(Reg(0))]), Rule::OutputNotOpen);
        assert_eq!(refused(&[Op::OpenLog, Op::OpenLog]), Rule::OutputOpen);
        assert_eq!(refused(&[Op::OpenLog, Op::Close]), Rule::OutputOpen);
        let limit = Op::Limit(LimitId(0));
        assert_eq!(refused(&[line[0], line[2], limit]), Rule::LimitAfterEffect);
        assert!(build(&[[Op::OpenLog, Op::CloseLog]; EFFECTS_MAX].concat()).is_ok());
        let many = [[Op::OpenLog, Op::CloseLog]; EFFECTS_MAX + 1].concat();
        assert_eq!(refused(&many), Rule::TooManyEffects);
    }

    #[test]
    fn operands_name_what_is_there() {
        let out = Rule::OperandOutOfRange;
        assert_eq!(refused(&[Op::Limit(LimitId(1))]), out);
        assert_eq!(refused(&[Op::Permit(PermissionId(0))]), out);
        assert_eq!(refused(&[Op::OpenText, Op::Const(ConstId(0))]), out);
        assert_eq!(refused(&[Op::OpenText, Op::CloseText(Reg(REGISTERS_MAX as u8))]), out);
        assert_eq!(refused(&[Op::SendTarget(Reg(255))]), out);
        assert_eq!(refused(&[Op::NeedSlot { source: Source::Payload, slot: 1 }]), out);
        let claim = Op::NeedSlot { source: Source::Claims, slot: 1 };
        assert_eq!(refused(&[Op::Secure, claim]), out);
    }

    #[test]
    fn claims_come_after_secure_and_limits_before_effects() {
        assert_eq!(refused(&[CLAIM]), Rule::ClaimsUnverified);
        assert!(build(&[Op::Secure, CLAIM]).is_ok());
        assert_eq!(refused(&[Op::Close, Op::Limit(LimitId(0))]), Rule::LimitAfterEffect);
        assert!(build(&[Op::NeedTarget, Op::Limit(LimitId(0)), Op::Close]).is_ok());
    }

    #[test]
    fn an_end_is_last_and_only_last() {
        assert_eq!(refused(&[Op::End]), Rule::EndMisplaced);
        let mut program = build(&[Op::Close]).unwrap();
        program.code[1] = Op::Close;
        assert_eq!(verify(&program).unwrap_err().rule, Rule::EndMisplaced);
    }

    #[test]
    fn bounds_hold_at_their_boundary() {
        assert!(build(&[Op::Close; EFFECTS_MAX]).is_ok());
        assert_eq!(refused(&[Op::Close; EFFECTS_MAX + 1]), Rule::TooManyEffects);
        assert!(build(&vec![Op::NeedTarget; PROGRAM_OPS_MAX - 1]).is_ok());
        let fault = build(&vec![Op::NeedTarget; PROGRAM_OPS_MAX]).unwrap_err();
        assert_eq!(fault.rule, Rule::TooManyOps);
        let mut builder = Builder::new("config.yaml");
        for event in 0..EVENTS_MAX {
            assert!(builder.event(&event.to_string(), Site::default()).is_some());
        }
        assert_eq!(builder.event("one more", Site::default()), None);
        assert!(builder.finish().is_ok());
    }

    #[test]
    fn names_are_unique_and_short_enough() {
        let named = |names: &[&str]| {
            let mut builder = Builder::new("config.yaml");
            for name in names {
                builder.event(name, Site::default()).unwrap();
            }
            builder.on_message(Site::default()).unwrap();
            builder.finish().map(|program| program.events.len())
        };
        assert_eq!(named(&["a", "b"]), Ok(3));
        assert_eq!(named(&["a", "a"]).unwrap_err().rule, Rule::NameNotUnique);
        assert!(named(&[&"x".repeat(NAME_BYTES_MAX)]).is_ok());
        let long = "x".repeat(NAME_BYTES_MAX + 1);
        assert_eq!(named(&[&long]).unwrap_err().rule, Rule::NameTooLong);
    }

    type Damage = fn(&mut Program);

    #[test]
    fn a_damaged_program_is_refused() {
        let damages: &[(Damage, Rule)] = &[
            (|p| p.events[0].end += 1, Rule::EventsNotTiled),
            (|p| p.events[0].end = u32::MAX, Rule::TooManyOps),
            (|p| p.events[0].entry = 1, Rule::EventsNotTiled),
            (|p| p.events[0].end = 0, Rule::EventsNotTiled),
            (|p| p.events[0].end = 1, Rule::EndMisplaced),
            (|p| p.sites.truncate(1), Rule::SiteMissing),
            (|p| p.limits[0].event = EventId(1), Rule::BadLimit),
            (|p| p.limits[0].rate.window_ns = 0, Rule::BadLimit),
            (|p| p.limits[0].rate.algorithm = Algorithm::Gcra { burst: 0 }, Rule::BadLimit),
            (|p| p.limits[0].rate.events_max = 0, Rule::BadLimit),
            (|p| p.on_message = Some(EventId(9)), Rule::NameNotUnique),
            (|p| p.names.clear(), Rule::NameNotUnique),
            (|p| p.names.values_mut().for_each(|id| id.0 = 3), Rule::NameNotUnique),
            (|p| p.events[0].payload.slots = 0, Rule::BadProjection),
            (|p| p.events[0].claims.root.slot = Some(1), Rule::BadProjection),
            (|p| p.events[0].payload.slots = SLOTS_MAX as u8 + 1, Rule::TooManySlots),
            (|p| p.events[0].token_slot = Some(1), Rule::OperandOutOfRange),
        ];
        for (place, (damage, rule)) in damages.iter().enumerate() {
            let mut program = build(&[Op::NeedTarget, Op::Close]).unwrap();
            damage(&mut program);
            assert_eq!(verify(&program).map_err(|fault| fault.rule), Err(*rule), "{place}");
        }
    }

    #[test]
    fn an_empty_program_is_sound_unless_it_points_somewhere() {
        assert!(verify(&Program::default()).is_ok());
        let on_message = Some(EventId(0));
        let dangling = Program { on_message, ..Program::default() };
        assert_eq!(verify(&dangling).unwrap_err().rule, Rule::NameNotUnique);
        let code =
            Program { code: vec![Op::End], sites: vec![Site::default()], ..Program::default() };
        assert_eq!(verify(&code).unwrap_err().rule, Rule::EventsNotTiled);
    }

    #[test]
    fn every_rule_is_a_sentence() {
        assert_eq!(Rule::ClaimsUnverified.sentence(), "Claims are read only after `secure`.");
    }
}
