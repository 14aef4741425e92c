//! Payload schemas: from the notation in the file to a schema, to a type, to what a message is
//! checked against.
//!
//! ```text
//! YAML node --read--> Schema --typed--> types::Typed      (what expressions know)
//!                            --shape--> envelope::Shape   (what messages are checked against)
//! ```
//!
//! Invariants: a schema with a finding is broken, so that nothing follows from one mistake; a map
//! has at most `SLOTS_MAX` fields. Called by `compile` for payloads, state and inputs.

pub mod notation;
mod shape;
mod tree;

pub use tree::read;

use super::source::Span;
use super::types::{self, Type, Typed};

/// What a value must be, as the file says it.
#[derive(Clone, Debug, PartialEq)]
pub struct Schema {
    pub span: Span,
    pub kind: Kind,
    pub optional: bool,
    pub secret: bool,
    /// JSON text of the value that stands for a missing one.
    pub default: Option<String>,
}

/// The kind of a value, with its bounds; an open bound is the widest.
#[derive(Clone, Debug, PartialEq)]
pub enum Kind {
    Any,
    /// Not known: the file says something that is no type.
    Broken,
    Bool,
    /// Characters.
    String(u32, u32),
    Int(i64, i64),
    Number(f64, f64),
    Uuid,
    Enum(Vec<String>),
    /// Elements.
    List(Box<Schema>, u32, u32),
    Map {
        fields: Vec<Field>,
        closed: bool,
    },
}

/// A named part of a map.
#[derive(Clone, Debug, PartialEq)]
pub struct Field {
    pub name: String,
    pub name_span: Span,
    pub schema: Schema,
}

impl Schema {
    /// Anything, as where the file says nothing.
    pub fn any(span: Span) -> Schema {
        Schema { span, kind: Kind::Any, optional: false, secret: false, default: None }
    }

    /// What cannot be known, since the file is wrong here.
    pub fn broken(span: Span) -> Schema {
        Schema { kind: Kind::Broken, ..Schema::any(span) }
    }

    pub fn is_broken(&self) -> bool {
        self.kind == Kind::Broken
    }

    /// The type, as expressions see it: a value with a default is never null.
    pub fn typed(&self) -> Typed {
        let ty = match &self.kind {
            Kind::Any => Type::Any,
            Kind::Broken => Type::Broken,
            Kind::Bool => Type::Bool,
            Kind::String(..) | Kind::Uuid | Kind::Enum(_) => Type::String,
            Kind::Int(..) => Type::Int,
            Kind::Number(..) => Type::Double,
            Kind::List(each, ..) => Type::List(Box::new(each.typed())),
            Kind::Map { fields, .. } => Type::Map(fields.iter().map(Field::typed).collect()),
        };
        let optional = self.optional && self.default.is_none();
        Typed { ty, optional, secret: self.secret }
    }

    /// The fields, where it is a map.
    pub fn fields(&self) -> &[Field] {
        match &self.kind {
            Kind::Map { fields, .. } => fields,
            _ => &[],
        }
    }
}

impl Field {
    fn typed(&self) -> types::Field {
        types::Field { name: self.name.clone(), typed: self.schema.typed() }
    }
}
