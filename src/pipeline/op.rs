//! THE table of operations: it feeds the enum, the verifier, the interpreter, the disassembler and
//! the docs.
//!
//! Model: there is one *open* output at a time: a text (opened by `OpenText`, closed into a
//! register by `CloseText`), a frame (opened by `OpenFrame`, closed into the frame register by
//! `CloseFrame`) or a log line (opened by `OpenLog`, written by `CloseLog`). Piece operations
//! append to the open output. Effect operations read registers.
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

/// Where an operation may stand, for the verifier.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// May end the run; nothing may be open, and nothing was asked of the shard yet.
    Gate,
    /// May end the run; nothing may be open.
    Check,
    /// Opens an output; nothing may be open.
    Open,
    /// Appends to whichever output is open.
    Piece,
    /// Closes the output that is open.
    Close,
    /// Asks something of the shard; nothing may be open.
    Effect,
    /// The last operation of an event, and only the last.
    Last,
}

/// One operand, as the verifier and the disassembler see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operand {
    Limit(LimitId),
    Permission(PermissionId),
    Const(ConstId),
    Reg(Reg),
    Slot(u8),
    Source(Source),
    Context(Context),
    Form(Form),
    Frame(FrameKind),
}

macro_rules! operands {
    ($($variant:ident($kind:ty),)*) => {
        $(impl From<$kind> for Operand {
            fn from(operand: $kind) -> Self {
                Operand::$variant(operand)
            }
        })*
    };
}

operands! {
    Limit(LimitId),
    Permission(PermissionId),
    Const(ConstId),
    Reg(Reg),
    Slot(u8),
    Source(Source),
    Context(Context),
    Form(Form),
    Frame(FrameKind),
}

/// One row of the table, for docs.
#[derive(Clone, Copy, Debug)]
pub struct OpRow {
    pub mnemonic: &'static str,
    pub class: Class,
    /// The operands' names, in order.
    pub operands: &'static [&'static str],
    pub doc: &'static str,
}

macro_rules! operations {
    ($(
        $(#[doc = $doc:literal])*
        $name:ident $(($($item:ident: $item_type:ty),*))? $({$($field:ident: $field_type:ty),*})?
            = $mnemonic:literal $class:ident;
    )*) => {
        /// One instruction.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Op {
            $($(#[doc = $doc])* $name $(($($item_type),*))? $({$($field: $field_type),*})?,)*
        }

        impl Op {
            /// Every operation, in table order.
            pub const TABLE: &'static [OpRow] = &[$(OpRow {
                mnemonic: $mnemonic,
                class: Class::$class,
                operands: &[$($(stringify!($item)),*)? $($(stringify!($field)),*)?],
                doc: concat!($($doc),*),
            },)*];

            /// The name in a listing.
            pub fn mnemonic(self) -> &'static str {
                match self { $(Op::$name { .. } => $mnemonic,)* }
            }

            /// Where it may stand.
            pub fn class(self) -> Class {
                match self { $(Op::$name { .. } => Class::$class,)* }
            }

            /// Visits the operands in table order.
            pub fn operands(self, mut visit: impl FnMut(Operand)) {
                match self {
                    $(Op::$name $(($($item),*))? $({$($field),*})? => {
                        $($(visit($item.into());)*)?
                        $($(visit($field.into());)*)?
                    })*
                }
            }
        }
    };
}

operations! {
    /// Ask the rate limit; a refusal ends the run as the limit says.
    Limit(limit: LimitId) = "limit" Gate;
    /// The same of a limit that counts each text apart.
    LimitKey { limit: LimitId, key: Reg } = "limit_key" Gate;
    /// Verify the message's token (root `token`, then `payload.token`); opens the claims.
    Secure = "secure" Check;
    /// End the run with `forbidden` unless the user holds the permission.
    Permit(permission: PermissionId) = "permit" Check;
    /// End the run with `missing_target` unless the message has a non-empty target.
    NeedTarget = "need_target" Check;
    /// End the run with `missing_field` where the slot is not in its source.
    NeedSlot { source: Source, slot: u8 } = "need_slot" Check;
    /// Open a text output.
    OpenText = "open_text" Open;
    /// Close the open text into a register.
    CloseText(register: Reg) = "close_text" Close;
    /// Open a frame output.
    OpenFrame(kind: FrameKind) = "open_frame" Open;
    /// Close the open frame into the frame register.
    CloseFrame = "close_frame" Close;
    /// Append a constant.
    Const(constant: ConstId) = "const" Piece;
    /// Append a slot's value.
    Slot { source: Source, slot: u8, form: Form } = "slot" Piece;
    /// Append a context value.
    Context { value: Context, form: Form } = "context" Piece;
    /// Append the whole message as received (raw protocol).
    Message = "message" Piece;
    /// Effect: the user joins the room.
    Join { user: Reg, room: Reg } = "join" Effect;
    /// Effect: the user leaves the room.
    Leave { user: Reg, room: Reg } = "leave" Effect;
    /// Effect: the closed frame goes to the connection the message came from.
    SendOrigin = "send_origin" Effect;
    /// Effect: the closed frame goes to every connection of the message's user.
    SendUser = "send_user" Effect;
    /// Effect: the closed frame goes to the target in the register (`user:ID`, or a room).
    SendTarget(target: Reg) = "send_target" Effect;
    /// Open a log line; where nobody reads the log, go on behind its `close_log`.
    OpenLog = "open_log" Open;
    /// Effect: write the open log line.
    CloseLog = "close_log" Close;
    /// Effect: close the connection the message came from.
    Close = "close" Effect;
    /// End of the event's pipeline.
    End = "end" Last;
}

const _: () = assert!(size_of::<Op>() <= 8);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mnemonics_are_unique_and_documented() {
        for (place, row) in Op::TABLE.iter().enumerate() {
            assert!(!row.doc.trim().is_empty());
            let later = &Op::TABLE[place + 1..];
            assert!(later.iter().all(|other| other.mnemonic != row.mnemonic));
        }
    }

    #[test]
    fn operands_come_in_table_order() {
        let mut seen = Vec::new();
        Op::Slot { source: Source::Claims, slot: 3, form: Form::Raw }.operands(|o| seen.push(o));
        assert_eq!(
            seen,
            [Operand::Source(Source::Claims), Operand::Slot(3), Operand::Form(Form::Raw)]
        );
        assert_eq!(Op::TABLE[11].operands, ["source", "slot", "form"]);
    }
}
