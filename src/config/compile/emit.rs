//! The steps of the native spelling to bytecode.
//!
//! Invariants: a value is computed before an output is opened that may not hold computing (a line
//! of the log); a condition's jump lands behind its step. Part of `lower`.

use super::super::codes::Code;
use super::super::expr::{self, Fault, Lowering};
use super::ir::{Action, Calling, Counting, Delivery, Expression, Name, Part, Step, Template};
use super::lower::Lower;
use crate::ids::EventId;
use crate::pipeline::op::{Count, Form, FrameKind, Op, Reg, To, Truth, ValueReg};
use crate::pipeline::program::{CallSpec, How, LimitSpec, Rule, Site};

/// Text registers: the receiver's name, and what a frame conflates with.
const NAME: Reg = Reg(0);
const KEY: Reg = Reg(2);

impl Lower<'_> {
    /// A step under its condition.
    pub(super) fn conditional(&mut self, step: &Step, event: EventId) {
        let site = self.source.site(step.span.start);
        let past = step.cond.as_ref().and_then(|cond| {
            let cond = self.value(cond)?;
            Some(self.builder.jump(|by| Op::JumpUnless { cond, by }, site))
        });
        if let Some(name) = &step.written {
            self.builder.step(name, site, self.source.site(step.span.end));
        }
        if step.lenient {
            self.builder.begin(site);
        }
        let from = self.builder.here();
        if step.lenient {
            self.builder.op(Op::Lenient, site);
        }
        self.step(step, event);
        if step.lenient {
            self.builder.lenient(from);
        }
        if let Some(past) = past {
            self.builder.land(past);
        }
    }

    pub(super) fn native(&mut self, action: &Action, step: &Step, event: EventId) {
        let site = self.source.site(step.span.start);
        match action {
            Action::Block(steps) => steps.iter().for_each(|step| self.conditional(step, event)),
            Action::Count(counting) => self.count(counting, event, site),
            Action::Deliver(delivery) => self.deliver(delivery, step),
            Action::Let { local, value } => self.keep(*local, value, site),
            Action::Set { of, variable, local, value } => {
                self.keep(*local, value, site);
                let (of, variable, value) = (*of, *variable, *local);
                self.builder.op(Op::SetVariable { of, variable, value }, site);
            }
            Action::Require { rule, when } => self.require(rule, when, site),
            Action::Metric { name, add } => {
                let metric = self.builder.metric(name);
                if let Some(add) = self.value(add) {
                    self.builder.op(Op::Metric { metric, add }, site);
                }
            }
            Action::Grant { user, permission, held } => {
                let (user, permission) = (self.text(user, NAME, site), *permission);
                self.builder.op(
                    match held {
                        true => Op::Grant { user, permission },
                        false => Op::Revoke { user, permission },
                    },
                    site,
                );
            }
            Action::CloseWith { code, reason } => {
                let reason = self.text(reason, NAME, site);
                self.builder.op(Op::CloseWith { code: *code, reason }, site);
            }
            Action::Call(calling) => self.call(calling, event, site),
            Action::Identify { user, claims } => {
                self.builder.begin(site);
                let user = self.text(user, NAME, site);
                let claims = self.text(claims, KEY, site);
                let keeps = Count(self.locals);
                self.builder.op(Op::Identify { user, claims, keeps }, site);
            }
            Action::Stop => {
                let past = self.builder.jump(Op::Jump, site);
                self.stops.push(past);
            }
            _ => {}
        }
    }

    /// A request, and the way on where it failed.
    fn call(&mut self, calling: &Calling, event: EventId, site: Site) {
        self.builder.begin(site);
        for (place, text) in calling.texts.iter().enumerate() {
            self.text(text, Reg(place as u8), site);
        }
        let spec = CallSpec { keeps: self.locals, ..calling.spec.clone() };
        let call = self.builder.call(spec);
        let (into, error) = (calling.into.into(), calling.error.into());
        self.builder.op(Op::Call { call, into, error }, site);
        let Some(failed) = &calling.failed else { return };
        let value = calling.error;
        let here = self.builder.jump(|by| Op::JumpSome { value, by }, site);
        let past = self.builder.jump(Op::Jump, site);
        self.builder.land(here);
        failed.iter().for_each(|step| self.conditional(step, event));
        self.stops.push(self.builder.jump(Op::Jump, site));
        self.builder.land(past);
    }

    fn count(&mut self, counting: &Counting, event: EventId, site: Site) {
        let Counting { name, rate, scope, on_exceed, key, per } = counting;
        let limit = self.builder.limit(LimitSpec {
            event,
            name: name.as_str().into(),
            key: per.as_str().into(),
            rate: *rate,
            scope: *scope,
            on_exceed: *on_exceed,
            site,
        });
        match key {
            None => self.builder.op(Op::Limit(limit), site),
            Some(key) => {
                let key = self.text(key, NAME, site);
                self.builder.op(Op::LimitKey { limit, key }, site);
            }
        }
    }

    fn require(&mut self, rule: &Rule, when: &Expression, site: Site) {
        self.builder.begin(site);
        let (from, shadow) = (self.builder.here(), rule.shadow);
        let rule = self.builder.rule(rule.clone());
        if !shadow {
            let free = self.locals;
            let required = |to: &mut Lowering<'_>| expr::require(&when.checked, rule, site, to);
            let lowered = self.with(when, free, required);
            self.faultless(when, lowered);
        } else if let Some(cond) = self.value(when) {
            self.builder.op(Op::Require { cond, is: Truth(true), rule }, site);
            // In the shadow not even a condition that cannot be computed is in the way.
            self.builder.lenient(from);
        }
    }

    /// Computes a value into a register that is kept.
    fn keep(&mut self, local: ValueReg, value: &Expression, site: Site) {
        if let Some(from) = self.value(value) {
            self.builder.op(Op::Copy { into: local.into(), from }, site);
        }
    }

    /// Computes a value into a temporary register.
    pub(super) fn value(&mut self, value: &Expression) -> Option<ValueReg> {
        let free = self.locals;
        let lowered = self.with(value, free, |to| expr::lower(&value.checked, to));
        self.faultless(value, lowered)
    }

    /// Runs a part of the lowering of expressions.
    fn with<T>(
        &mut self,
        value: &Expression,
        free: u8,
        run: impl FnOnce(&mut Lowering<'_>) -> Result<T, Fault>,
    ) -> Result<T, Fault> {
        let source = self.source;
        let locate = |range| value.site(source, range);
        run(&mut Lowering { builder: &mut self.builder, locate: &locate, free })
    }

    fn faultless<T>(&mut self, value: &Expression, lowered: Result<T, Fault>) -> Option<T> {
        match lowered {
            Ok(done) => Some(done),
            Err(fault) => {
                let source = self.source;
                self.findings.push(fault.diagnostic(|range| value.span_of(source, range)));
                None
            }
        }
    }

    /// A part of a template whose value is an expression.
    pub(super) fn part(&mut self, part: &Part, site: Site) {
        match part {
            Part::Put { value, form } => {
                let (free, form) = (self.locals, *form);
                let put = self.with(value, free, |to| expr::put(&value.checked, form, to));
                self.faultless(value, put);
            }
            Part::Escaped { value, is_segment } => {
                if let Some(value) = self.value(value) {
                    self.builder.op(
                        match is_segment {
                            true => Op::Segment(value),
                            false => Op::Query(value),
                        },
                        site,
                    );
                }
            }
            Part::Comma => self.builder.op(Op::Comma, site),
            Part::Mark => self.builder.op(Op::Mark, site),
            Part::Pair { name, value } => self.pair(name, value, site),
            Part::Member { key, value, comma } => self.member(key, value, *comma, site),
            Part::Spread(value) => {
                if let Some(value) = self.value(value) {
                    self.builder.op(Op::Spread(value), site);
                }
            }
            Part::Literal(_) | Part::Hole { .. } => {}
        }
    }

    /// A key that goes with its value where that is `omit`.
    fn member(&mut self, key: &str, value: &Expression, comma: bool, site: Site) {
        let Some(value) = self.value(value) else { return };
        let past = self.builder.jump(|by| Op::JumpOmit { value, by }, site);
        if comma {
            self.builder.op(Op::Comma, site);
        }
        self.builder.literal(key.as_bytes(), site);
        self.builder.op(Op::Put { value, form: Form::Raw }, site);
        self.builder.land(past);
    }

    /// A name of a query that goes with its value where that is `omit`.
    fn pair(&mut self, name: &str, value: &Expression, site: Site) {
        let Some(value) = self.value(value) else { return };
        let past = self.builder.jump(|by| Op::JumpOmit { value, by }, site);
        self.builder.op(Op::Mark, site);
        self.builder.literal(name.as_bytes(), site);
        self.builder.op(Op::Query(value), site);
        self.builder.land(past);
    }

    /// A line of the log: what is computed is computed before it is opened, so that a line that
    /// nobody reads fails no less.
    pub(super) fn log(&mut self, text: &Template, site: Site) {
        let mut free = self.locals;
        let mut values = Vec::new();
        for value in text.parts.iter().filter_map(computed) {
            let lowered = self.with(value, free, |to| {
                let register = expr::lower(&value.checked, to);
                register.map(|register| (register, to.free))
            });
            let lowered = self.faultless(value, lowered);
            values.extend(lowered.map(|(register, _)| register));
            free = lowered.map_or(free, |(_, free)| free);
        }
        self.builder.op(Op::OpenLog, site);
        let mut values = values.into_iter();
        for part in &text.parts {
            match part {
                Part::Put { form, .. } if computed(part).is_some() => {
                    if let Some(value) = values.next() {
                        self.builder.op(Op::Put { value, form: *form }, site);
                    }
                }
                part => self.parts(std::slice::from_ref(part), site),
            }
        }
        self.builder.op(Op::CloseLog, site);
    }

    fn deliver(&mut self, delivery: &Delivery, step: &Step) {
        let site = self.source.site(step.span.start);
        self.builder.op(Op::OpenFrame(FrameKind::Text), site);
        let Delivery { event, payload, echo, .. } = delivery;
        self.envelope(event, payload, *echo, step.span, site);
        self.builder.op(Op::CloseFrame, site);
        self.key(delivery.key.as_ref(), site);
        let (to, how) = (delivery.to, self.builder.how(delivery.how));
        match &delivery.name {
            None => self.builder.op(Op::Send { to, how }, site),
            Some(name) if to == To::Target && delivery.how == How::default() => {
                self.receiver(name, site);
                self.builder.op(Op::SendTarget(NAME), site);
            }
            Some(name) => {
                self.receiver(name, site);
                self.builder.op(Op::SendNamed { to, name: NAME, how }, site);
            }
        }
    }

    /// What goes along with the next effect.
    pub(super) fn key(&mut self, key: Option<&Template>, site: Site) {
        if let Some(key) = key {
            let key = self.text(key, KEY, site);
            self.builder.op(Op::Key(key), site);
        }
    }

    /// Writes who is named into the register of names.
    fn receiver(&mut self, name: &Name, site: Site) {
        match name {
            Name::Text(text) => {
                self.text(text, NAME, site);
            }
            Name::List(list) => {
                self.builder.op(Op::OpenText, site);
                let (free, form) = (self.locals, Form::Raw);
                let put = self.with(list, free, |to| expr::put(&list.checked, form, to));
                self.faultless(list, put);
                self.builder.op(Op::CloseText(NAME), site);
            }
        }
    }

    /// A hook's or a rule's pipeline could not be opened.
    pub(super) fn too_many(&mut self, span: super::super::source::Span) {
        let message = "there are too many events";
        let finding = super::super::diagnostic::Diagnostic::new(Code::ProgramTooLarge, message);
        self.findings.push(finding.label(span, "one too many"));
    }
}

/// The value of a part that takes more than a read.
fn computed(part: &Part) -> Option<&Expression> {
    match part {
        Part::Put { value, .. } => Some(value).filter(|value| !expr::is_plain(&value.checked)),
        _ => None,
    }
}
