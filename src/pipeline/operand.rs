//! What an operation works on: constants, registers, slots, forms, kinds.
//!
//! Invariants: an operand is at most four bytes. Used by the table of operations.

use crate::ids::{LimitId, PermissionId, RuleId};
use crate::reject::Reject;

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
    /// Milliseconds since 1970.
    Now,
    /// The client's address.
    Ip,
    /// The room that a hook or a rule is about.
    Room,
    /// Why a hook runs.
    Reason,
    /// Of the refusal that is being told: its parts.
    ErrorCode,
    ErrorMessage,
    ErrorEvent,
    ErrorRule,
    ErrorField,
    ErrorReason,
    ErrorPlace,
    ErrorDenial,
    ErrorRoom,
}

impl Context {
    /// Whether the language reads it as null where it is empty.
    pub fn is_optional(self) -> bool {
        use Context::{ErrorEvent, ErrorField, ErrorPlace, ErrorReason, ErrorRoom, ErrorRule};
        matches!(self, ErrorEvent | ErrorRule | ErrorField | ErrorReason | ErrorPlace | ErrorRoom)
    }
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

/// A value register of the interpreter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ValueReg(pub u8);

/// A value register that the operation writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Out(pub u8);

impl From<ValueReg> for Out {
    fn from(register: ValueReg) -> Out {
        Out(register.0)
    }
}

/// Index into `Program::patterns`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PatternId(pub u16);

/// Registers in a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Count(pub u8);

/// Operations that a jump goes past: 0 goes on behind the jump.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ahead(pub u32);

/// Operations right behind `each` that it runs for an element.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Body(pub u16);

/// Whose variable it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Owner {
    Conn,
    User,
    Room,
    /// The user, of whom a variable says whether it holds a permission.
    Rights,
}

/// A variable of its owner, in the order they are declared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VariableId(pub u8);

/// A value that needs no constant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Word {
    Null,
    True,
    False,
    /// Stands for a key that is left out.
    Omit,
}

/// What a condition must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Truth(pub bool);

/// The kind of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Any,
    Bool,
    Int,
    /// Any number; an int becomes a double.
    Double,
    Text,
    List,
    Map,
}

/// The kind a value must have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Expect {
    pub kind: Kind,
    /// Null will do, too.
    pub optional: bool,
}

/// What `Op::Unary` does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unary {
    Not,
    Minus,
    IsNull,
    /// Characters of a text, elements of a list, members of an object.
    Size,
    ToBool,
    ToInt,
    ToDouble,
    ToText,
    Lower,
    Upper,
    Trim,
    /// Milliseconds since 1970 as a date and time.
    ToTime,
}

/// What `Op::Binary` does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Binary {
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
    Equal,
    NotEqual,
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
    /// The left is an element of the list, or a key of the object, on the right.
    In,
    /// The element of a list, or the member of an object.
    Index,
    Contains,
    StartsWith,
    EndsWith,
}

/// Who gets a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum To {
    /// The connection the message came from.
    Origin,
    /// Every connection of its user.
    OwnUser,
    /// Every connection of every shard.
    All,
    /// One connection, by its id.
    Conn,
    /// Every connection of one user.
    User,
    /// The same of several users: the name is a JSON array of theirs.
    Users,
    /// Every member of a room.
    Room,
    /// `user:ID`, or a room.
    Target,
}

impl To {
    /// Whether a text says who.
    pub fn is_named(self) -> bool {
        !matches!(self, To::Origin | To::OwnUser | To::All)
    }
}

/// Index into `Program::hows`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HowId(pub u16);

/// Index into `Program::metrics`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MetricId(pub u16);

/// Index into `Program::calls`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CallId(pub u16);

/// A code of a close frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CloseCode(pub u16);

macro_rules! operands {
    ($($variant:ident($kind:ty),)*) => {
        /// One operand, as the verifier and the disassembler see it.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Operand {
            $($variant($kind),)*
        }

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
    Value(ValueReg),
    Out(Out),
    Pattern(PatternId),
    Rule(RuleId),
    Count(Count),
    Ahead(Ahead),
    Body(Body),
    Int(i32),
    Owner(Owner),
    Variable(VariableId),
    Word(Word),
    Truth(Truth),
    Expect(Expect),
    Unary(Unary),
    Binary(Binary),
    Reject(Reject),
    To(To),
    How(HowId),
    Metric(MetricId),
    CloseCode(CloseCode),
    Call(CallId),
}
