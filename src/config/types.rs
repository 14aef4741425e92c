//! The types of values, as a configuration writes them.
//!
//! Invariants: a type is displayed in the notation of payload schemas, so that what a message says
//! can be copied into the file. Used by schemas, state and expressions.

use std::fmt;

/// What kind of value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Type {
    Bool,
    /// 64 bits, signed.
    Int,
    /// 64 bits, floating.
    Double,
    String,
    /// Elements of one type.
    List(Box<Typed>),
    /// Named fields, in the order they were declared.
    Map(Vec<Field>),
    /// A JSON value whose shape is not known at load.
    Any,
    /// Nothing but null.
    Null,
    /// Of a declaration that was found wrong: whatever is done with it is no further finding.
    Broken,
}

/// A named part of a map.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    pub name: String,
    pub typed: Typed,
}

/// A type, and how its value may be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Typed {
    pub ty: Type,
    /// It may be null.
    pub optional: bool,
    /// It flows only where secrets may go.
    pub secret: bool,
}

impl Type {
    /// A list of elements that are never null and no secret.
    pub fn list(element: Type) -> Type {
        Type::List(Box::new(Typed::of(element)))
    }

    /// Whether values of both types may be equal or ordered: one type, or two kinds of numbers.
    pub fn is_comparable(&self, other: &Type) -> bool {
        match (self, other) {
            (Type::Any | Type::Null | Type::Broken, _) => true,
            (_, Type::Any | Type::Null | Type::Broken) => true,
            (Type::Int | Type::Double, Type::Int | Type::Double) => true,
            (Type::List(one), Type::List(other)) => one.ty.is_comparable(&other.ty),
            (Type::Map(_), Type::Map(_)) => true,
            (one, other) => one == other,
        }
    }

    /// The type of a value that is of one type or of the other.
    pub fn union(self, other: Type) -> Type {
        match (self, other) {
            (one, other) if one == other => one,
            (Type::Broken, _) | (_, Type::Broken) => Type::Broken,
            (Type::Null, other) | (other, Type::Null) => other,
            (Type::List(one), Type::List(other)) => Type::List(Box::new(one.union(*other))),
            _ => Type::Any,
        }
    }
}

impl Typed {
    /// Never null, no secret.
    pub const fn of(ty: Type) -> Typed {
        Typed { ty, optional: false, secret: false }
    }

    /// The same, where it may be null.
    pub fn optional(mut self) -> Typed {
        self.optional = true;
        self
    }

    /// The same, where it is a secret.
    pub fn secret(mut self) -> Typed {
        self.secret = true;
        self
    }

    /// The same, where it is known not to be null.
    pub fn required(mut self) -> Typed {
        self.optional = false;
        self
    }

    /// Whether null is among its values.
    pub fn may_be_null(&self) -> bool {
        self.optional || self.ty == Type::Null
    }

    /// Whether it is a secret, or has one in it.
    pub fn any_secret(&self) -> bool {
        self.secret
            || match &self.ty {
                Type::List(element) => element.any_secret(),
                Type::Map(fields) => fields.iter().any(|field| field.typed.any_secret()),
                _ => false,
            }
    }

    /// The type of a value that is the one or the other.
    pub fn union(self, other: Typed) -> Typed {
        let optional = self.may_be_null() || other.may_be_null();
        let (secret, inside) =
            (self.secret || other.secret, self.any_secret() || other.any_secret());
        let ty = self.ty.union(other.ty);
        // A shape that is forgotten takes its secrets with it.
        Typed { optional, secret: secret || inside && ty == Type::Any, ty }
    }

    /// The field of a map.
    pub fn field(&self, name: &str) -> Option<&Typed> {
        let Type::Map(fields) = &self.ty else { return None };
        fields.iter().find(|field| field.name == name).map(|field| &field.typed)
    }
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Type::Bool => f.write_str("bool"),
            Type::Int => f.write_str("int"),
            Type::Double => f.write_str("number"),
            Type::String => f.write_str("string"),
            Type::List(element) => write!(f, "list({element})"),
            Type::Map(fields) => write_fields(fields, f),
            Type::Any | Type::Broken => f.write_str("any"),
            Type::Null => f.write_str("null"),
        }
    }
}

fn write_fields(fields: &[Field], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let open = if fields.is_empty() { "{" } else { "{ " };
    f.write_str(open)?;
    for (place, field) in fields.iter().enumerate() {
        let comma = if place == 0 { "" } else { ", " };
        write!(f, "{comma}{}: {}", field.name, field.typed)?;
    }
    f.write_str(if fields.is_empty() { "}" } else { " }" })
}

impl fmt::Display for Typed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let secret = if self.secret { "secret " } else { "" };
        let optional = if self.optional { "optional " } else { "" };
        write!(f, "{secret}{optional}{}", self.ty)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field(name: &str, typed: Typed) -> Field {
        Field { name: name.to_owned(), typed }
    }

    #[test]
    fn types_are_shown_as_they_are_written() {
        let member = Type::Map(vec![
            field("id", Typed::of(Type::Int)),
            field("phone", Typed::of(Type::String).optional()),
        ]);
        let shown = |typed: Typed| typed.to_string();
        assert_eq!(shown(Typed::of(Type::Double).optional()), "optional number");
        assert_eq!(shown(Typed::of(Type::String).optional().secret()), "secret optional string");
        assert_eq!(
            shown(Typed::of(Type::list(member))),
            "list({ id: int, phone: optional string })"
        );
        assert_eq!(shown(Typed::of(Type::Map(Vec::new()))), "{}");
    }

    #[test]
    fn a_union_is_what_both_have_in_common() {
        let text = Typed::of(Type::String);
        assert_eq!(text.clone().union(text.clone()), text);
        assert_eq!(text.clone().union(Typed::of(Type::Null)).to_string(), "optional string");
        assert_eq!(text.clone().secret().union(Typed::of(Type::Int)).to_string(), "secret any");
        let ints = Typed::of(Type::list(Type::Int));
        let none = Typed::of(Type::list(Type::Null));
        assert_eq!(ints.union(none).to_string(), "list(optional int)");
        assert_eq!(text.union(Typed::of(Type::Broken)).ty, Type::Broken);
    }

    #[test]
    fn a_secret_is_found_however_deep() {
        let inner = Type::Map(vec![field("key", Typed::of(Type::String).secret())]);
        assert!(Typed::of(Type::list(inner)).any_secret());
        assert!(!Typed::of(Type::list(Type::Any)).any_secret());
        let map = Typed::of(Type::Map(vec![field("key", Typed::of(Type::String).secret())]));
        assert_eq!(map.union(Typed::of(Type::Int)).to_string(), "secret any");
    }
}
