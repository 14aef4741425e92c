//! Values in outputs: what the pieces of templates, log lines and URLs append.
//!
//! Invariants: a log line refuses nothing; anything else that is too large ends the run. Called by
//! the interpreter's dispatch.

use super::write::comma;
use crate::limits::RUN_LOG_BYTES_MAX;
use crate::pipeline::answer::percent_encode;
use crate::pipeline::op::{Form, Op, ValueReg};
use crate::pipeline::value::Value;
use crate::pipeline::vm::{Host, Run, Step, Stop};
use crate::reject::Reject;

/// Stands in a log line for a value that is longer than all of them may be.
const TOO_LONG: &str = "\u{2026}";

impl<H: Host> Run<'_, H> {
    /// Appends what comes of a value; apart from the path of messages that compute nothing.
    #[inline(never)]
    pub(in crate::pipeline) fn piece(&mut self, op: Op) -> Step {
        match op {
            Op::Put { value, form } => self.put(value, form)?,
            Op::Spread(value) => self.spread(value)?,
            Op::Comma => self.output.append(comma)?,
            Op::Mark => self.output.mark()?,
            Op::Segment(value) => self.escape(value, true)?,
            Op::Query(value) => self.escape(value, false)?,
            _ => {}
        }
        Ok(())
    }

    pub(in crate::pipeline) fn put(&mut self, value: ValueReg, form: Form) -> Step {
        let value = self.vm.values.get(value);
        if !self.output.is_log() {
            self.vm.values.weigh(value)?;
        } else if self.vm.values.weight(value, RUN_LOG_BYTES_MAX).is_none() {
            // A log line refuses nothing, and counts for nothing else.
            return Ok(self.output.append(|out| out.extend_from_slice(TOO_LONG.as_bytes()))?);
        }
        let reads = self.input.reads(&self.vm.claims, &self.program.consts);
        let values = &self.vm.values;
        Ok(self.output.append(|out| values.write(value, form, &reads, out))?)
    }

    /// Appends a text as a part of a URL; as a segment of its path it may not be empty.
    #[cold]
    fn escape(&mut self, value: ValueReg, is_segment: bool) -> Step {
        let value = self.vm.values.get(value);
        if matches!(value, Value::List(_) | Value::Array(_) | Value::Object(_)) {
            return Err(Stop::Reject(Reject::BadType));
        }
        self.vm.values.weigh(value)?;
        let mut text = Vec::new();
        self.write(value, Form::Text, &mut text);
        if is_segment && text.is_empty() {
            return Err(Stop::Reject(Reject::BadValue));
        }
        Ok(self.output.append(|out| percent_encode(&text, out))?)
    }

    /// Appends a value in a form.
    pub(in crate::pipeline) fn write(&mut self, value: Value, form: Form, out: &mut Vec<u8>) {
        let reads = self.input.reads(&self.vm.claims, &self.program.consts);
        self.vm.values.write(value, form, &reads, out);
    }

    fn spread(&mut self, value: ValueReg) -> Step {
        let value = self.vm.values.get(value);
        if !matches!(value, Value::Null | Value::Object(_)) {
            return Err(Stop::Reject(Reject::BadType));
        }
        self.vm.values.weigh(value)?;
        let reads = self.input.reads(&self.vm.claims, &self.program.consts);
        let values = &self.vm.values;
        Ok(self.output.append(|out| values.spread(value, &reads, out))?)
    }
}
