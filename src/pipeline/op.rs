//! THE table of operations: it feeds the enum, the verifier, the interpreter, the disassembler and
//! the docs.
//!
//! Model: there is one *open* output at a time, either a text (opened by `OpenText`, closed into a
//! register by `CloseText`) or a frame (opened by `OpenFrame`, closed into the frame register by
//! `CloseFrame`). Piece operations append to the open output. Effect operations read registers.
//!
//! Invariants: an operation is 8 bytes; every operand is checked by `verify` before a run.

use crate::ids::{LimitId, PermissionId};

/// Index into `Program::consts`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConstId(pub u32);

/// A text register of the interpreter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reg(pub u8);

/// Where a slot's bytes come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// The message's payload, through the event's payload projection.
    Payload,
    /// The claims that `Secure` verified, through the event's claims projection.
    Claims,
}

/// A value of the connection or the message that is not in a payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Context {
    UserId,
    ConnId,
    Target,
    EventName,
}

/// How a piece is written into the open output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Decoded text, for names and logs.
    Text,
    /// Inside a JSON string: escaped, without quotes. A JSON string's bytes are copied as they are,
    /// null writes nothing, an array or object is written as its escaped JSON text.
    Inner,
    /// At a JSON value's place: the raw value, strings with their quotes.
    Raw,
}

/// What a frame carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FrameKind {
    Text,
    Binary,
    /// The kind of the message being handled.
    AsReceived,
}

/// One instruction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Op {
    /// Ask the rate limit; a refusal ends the run with `rate_limited`.
    Limit(LimitId),
    /// Verify the message's token (root `token`, then `payload.token`); opens the claims.
    Secure,
    /// End the run with `forbidden` unless the user holds the permission.
    Permit(PermissionId),
    /// End the run with `missing_target` unless the message has a non-empty target.
    NeedTarget,
    /// End the run with `missing_field` where the slot is not in its source.
    NeedSlot { source: Source, slot: u8 },
    /// Open a text output.
    OpenText,
    /// Close the open text into a register.
    CloseText(Reg),
    /// Open a frame output.
    OpenFrame(FrameKind),
    /// Close the open frame into the frame register; `too_large` ends the run.
    CloseFrame,
    /// Append a constant.
    Const(ConstId),
    /// Append a slot's value.
    Slot { source: Source, slot: u8, form: Form },
    /// Append a context value.
    Context { value: Context, form: Form },
    /// Append the whole message as received (raw protocol).
    Message,
    /// Effect: the user joins the room.
    Join { user: Reg, room: Reg },
    /// Effect: the user leaves the room.
    Leave { user: Reg, room: Reg },
    /// Effect: the closed frame goes to the connection the message came from.
    SendOrigin,
    /// Effect: the closed frame goes to every connection of the message's user.
    SendUser,
    /// Effect: the closed frame goes to the target in the register (`user:ID`, or a room).
    SendTarget(Reg),
    /// Effect: a log line with the text of the register.
    Log(Reg),
    /// Effect: close the connection the message came from.
    Close,
    /// End of the event's pipeline.
    End,
}

const _: () = assert!(size_of::<Op>() <= 8);
