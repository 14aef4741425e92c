//! Operations on values, as a run does them.
//!
//! Invariants: what may end a run ends it at the operation's own place, also inside of `each`.
//! Called by the interpreter's dispatch, for as many such operations in a row as there are.

use super::list::Items;
use super::stretch::Stretch;
use crate::limits::LIST_ELEMENTS_MAX;
use crate::pipeline::op::{Body, Op, Out, ValueReg};
use crate::pipeline::value::Value;
use crate::pipeline::vm::{Ahead, Host, Run, Step, Stop};
use crate::reject::Reject;

impl<'r, H: Host> Run<'r, H> {
    /// Operations on values and the jumps among them, this one and those that follow it as long
    /// as more than `rest` are ahead; apart from the path of messages that compute nothing.
    #[inline(never)]
    pub(in crate::pipeline) fn value_ops(
        &mut self,
        first: Op,
        ahead: &mut Ahead<'r>,
        rest: usize,
    ) -> Step {
        let mut next = Some(first);
        while let Some(op) = next {
            next = match op {
                Op::Each { into, list, item, body } => {
                    self.each(into, list, item, body, ahead)?;
                    self.next_of_values(ahead, rest)?
                }
                _ => self.stretch().go(op, ahead, rest)?,
            };
        }
        Ok(())
    }

    /// Of a loop's body all are; behind one anything may come.
    fn next_of_values(&mut self, ahead: &mut Ahead<'r>, rest: usize) -> Result<Option<Op>, Stop> {
        let Some(next) = ahead.as_slice().first() else { return Ok(None) };
        if ahead.len() <= rest || !next.is_of_values() {
            return Ok(None);
        }
        ahead.next();
        self.visit(ahead);
        if rest > 0 {
            self.vm.values.charge(1)?;
        }
        Ok(Some(*next))
    }

    /// What operations on values work with, borrowed apart.
    #[inline(always)]
    fn stretch(&mut self) -> Stretch<'_, H> {
        let vm = &mut *self.vm;
        Stretch {
            program: self.program,
            event: self.event,
            input: self.input,
            host: self.host,
            claim_slots: &vm.claim_slots,
            reads: self.input.reads(&vm.claims, &self.program.consts),
            values: &mut vm.values,
        }
    }

    /// Runs the operations of the body once an element; `ahead` goes on behind them, or, where one
    /// of them ends the run, behind that one.
    fn each(
        &mut self,
        into: Out,
        list: ValueReg,
        item: Out,
        body: Body,
        ahead: &mut Ahead<'r>,
    ) -> Step {
        let whole = ahead.as_slice();
        let after = whole.len().saturating_sub(usize::from(body.0));
        let mark = self.vm.values.mark();
        let mut items = Items::of(self.vm.values.get(list))?;
        let mut count = 0;
        while let Some(element) = self.next(&mut items)? {
            count += 1;
            if count > LIST_ELEMENTS_MAX {
                return Err(Stop::Reject(Reject::TooLarge));
            }
            self.vm.values.set(item, element);
            *ahead = whole.iter();
            while ahead.len() > after {
                let Some(op) = ahead.next() else { break };
                self.vm.values.charge(1)?;
                self.value_ops(*op, ahead, after)?;
            }
        }
        *ahead = whole.get(usize::from(body.0)..).unwrap_or_default().iter();
        let made = self.vm.values.finish(mark)?;
        self.vm.values.set(into, made);
        Ok(())
    }

    fn next(&mut self, items: &mut Items) -> Result<Option<Value>, Reject> {
        let Stretch { values, reads, .. } = self.stretch();
        values.next(items, &reads)
    }
}
