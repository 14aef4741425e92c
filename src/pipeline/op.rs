//! THE table of operations: it feeds the enum, the verifier, the interpreter, the disassembler and
//! the docs.
//!
//! Model: there is one *open* output at a time: a text (opened by `OpenText`, closed into a
//! register by `CloseText`), a frame (opened by `OpenFrame`, closed into the frame register by
//! `CloseFrame`) or a log line (opened by `OpenLog`, written by `CloseLog`). Piece operations
//! append to the open output. Effect operations read registers. Value operations compute: they
//! read and write *value registers*, and may stand inside a text or a frame, not inside a log line.
//!
//! Invariants: an operation is 8 bytes; every operand is checked by `verify` before a run; a jump
//! goes forward.

use crate::ids::{LimitId, PermissionId, RuleId};
use crate::reject::Reject;

pub use super::operand::*;

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
    /// Computes with value registers, and may end the run; no log line may be open.
    Value,
    /// Goes on further ahead; no log line may be open.
    Jump,
    /// Ends the run until something has come; nothing may be open, and no text is kept.
    Wait,
    /// The last operation of an event, and only the last.
    Last,
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
            #[inline(always)]
            pub fn class(self) -> Class {
                match self { $(Op::$name { .. } => Class::$class,)* }
            }

            /// Whether it computes with value registers, or jumps.
            #[inline(always)]
            pub fn is_of_values(self) -> bool {
                matches!(self.class(), Class::Value | Class::Jump)
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
    /// Effect: the closed frame goes to receivers that need no name.
    Send { to: To, how: HowId } = "send" Effect;
    /// Effect: the closed frame goes to the receivers that the text names.
    SendNamed { to: To, name: Reg, how: HowId } = "send_named" Effect;
    /// Effect: the next frame takes the place of a waiting one with the same key, or the next join
    /// goes on from this place.
    Key(text: Reg) = "key" Effect;
    /// Effect: set a variable of the connection or of its user.
    SetVariable { of: Owner, variable: VariableId, value: ValueReg } = "set" Effect;
    /// Effect: add to a counter of the configuration.
    Metric { metric: MetricId, add: ValueReg } = "metric" Effect;
    /// Effect: give a user a permission.
    Grant { user: Reg, permission: PermissionId } = "grant" Effect;
    /// Effect: take a permission from a user.
    Revoke { user: Reg, permission: PermissionId } = "revoke" Effect;
    /// Effect: close the connection the message came from, with this code and reason.
    CloseWith { code: CloseCode, reason: Reg } = "close_with" Effect;
    /// Effect: where the next effect is refused, the others go on.
    Lenient = "lenient" Effect;
    /// Ask a backend, and go on with its answer. The texts from the first register on are the
    /// target, the headers, the body, the cache's key and the idempotency key.
    Call { call: CallId, into: Out, error: Out } = "call" Wait;
    /// Bind the connection to a user, with these claims, and keep so many values.
    Identify { user: Reg, claims: Reg, keeps: Count } = "identify" Wait;
    /// End the run with `unidentified` unless the connection has said whose it is.
    NeedIdentity = "need_identity" Check;
    /// Append a text as one segment of a URL's path; an empty one ends the run.
    Segment(value: ValueReg) = "segment" Piece;
    /// Append a text as a value of a URL's query.
    Query(value: ValueReg) = "query" Piece;
    /// Append the message's id behind these bytes; nothing where it has none.
    Id(prefix: ConstId) = "id" Piece;
    /// Forget the values of the run before; stands before the first value operation.
    Begin = "begin" Value;
    /// A slot's value, where it is of the kind that is expected; a missing one is null.
    Load { into: Out, source: Source, slot: u8, expect: Expect } = "load" Value;
    /// A value of the connection or the message.
    LoadContext { into: Out, value: Context } = "load_context" Value;
    /// A variable of the connection, the user or the room.
    LoadVariable { into: Out, of: Owner, variable: VariableId, expect: Expect }
        = "load_variable" Value;
    /// Null, true, false or omit.
    LoadWord { into: Out, word: Word } = "load_word" Value;
    /// A small int.
    LoadInt { into: Out, value: i32 } = "load_int" Value;
    /// An int, the eight bytes of a constant.
    LoadLong { into: Out, constant: ConstId } = "load_long" Value;
    /// A double, the eight bytes of a constant.
    LoadDouble { into: Out, constant: ConstId } = "load_double" Value;
    /// A constant's text.
    LoadText { into: Out, constant: ConstId } = "load_text" Value;
    /// The same value in another register.
    Copy { into: Out, from: ValueReg } = "copy" Value;
    /// End the run with `bad_type` or `missing_field` unless the value is of this kind.
    Expect { value: ValueReg, expect: Expect } = "expect" Value;
    /// What one value makes.
    Unary { into: Out, op: Unary, of: ValueReg } = "unary" Value;
    /// What two values make.
    Binary { into: Out, op: Binary, left: ValueReg, right: ValueReg } = "binary" Value;
    /// The same with an int that is known.
    BinaryInt { into: Out, op: Binary, left: ValueReg, right: i32 } = "binary_int" Value;
    /// The same with a text that is known.
    BinaryText { into: Out, op: Binary, left: ValueReg, right: ConstId } = "binary_text" Value;
    /// Characters of a text, from one place up to another.
    Slice { into: Out, of: ValueReg, from: ValueReg, to: ValueReg } = "slice" Value;
    /// Whether a text has a match of the pattern.
    Matches { into: Out, of: ValueReg, pattern: PatternId } = "matches" Value;
    /// The member of an object, null where it has none of this name.
    Member { into: Out, of: ValueReg, key: ConstId } = "member" Value;
    /// A list of so many values, from one register on.
    List { into: Out, first: ValueReg, count: Count } = "list" Value;
    /// A list made by running the operations right behind this one once an element.
    Each { into: Out, list: ValueReg, item: Out, body: Body } = "each" Value;
    /// Add to the list that is being made.
    Yield(value: ValueReg) = "yield" Value;
    /// End the run with `denied` unless the condition is so; a rule in the shadow only tells.
    Require { cond: ValueReg, is: Truth, rule: RuleId } = "require" Value;
    /// End the run.
    Fail(reject: Reject) = "fail" Value;
    /// Go on further ahead.
    Jump(by: Ahead) = "jump" Jump;
    /// Go on further ahead where this is true.
    JumpIf { cond: ValueReg, by: Ahead } = "jump_if" Jump;
    /// Go on further ahead where this is false.
    JumpUnless { cond: ValueReg, by: Ahead } = "jump_unless" Jump;
    /// Go on further ahead where this is not null.
    JumpSome { value: ValueReg, by: Ahead } = "jump_some" Jump;
    /// Go on further ahead where this is omit.
    JumpOmit { value: ValueReg, by: Ahead } = "jump_omit" Jump;
    /// Append a value.
    Put { value: ValueReg, form: Form } = "put" Piece;
    /// Append the members of an object, without its braces; of null, nothing.
    Spread(value: ValueReg) = "spread" Piece;
    /// Append a comma, unless an object or array has just been opened.
    Comma = "comma" Piece;
    /// Append `?`, or `&` where the text has a query already.
    Mark = "mark" Piece;
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
