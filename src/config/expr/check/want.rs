//! What the place that uses a value takes.

use super::super::super::types::{Type, Typed};
use super::super::fault::Fault;
use super::super::scope::Const;
use super::{Checked, Checker, Node};
use crate::config::Code;
use crate::pipeline::op::{Expect, Kind};

/// See the module.
#[derive(Clone, Debug)]
pub struct Want {
    /// The type, where it must be one.
    pub ty: Option<Type>,
    /// It may be null.
    pub optional: bool,
    /// It may be a secret.
    pub secret: bool,
    /// `omit` is legal here.
    pub omit: bool,
    /// What the place is, for messages: `a condition`.
    pub what: &'static str,
}

impl Want {
    /// Any value that is not null and no secret.
    pub fn any(what: &'static str) -> Want {
        Want { ty: None, optional: false, secret: false, omit: false, what }
    }

    /// A value of this type that is not null and no secret.
    pub fn of(ty: Type, what: &'static str) -> Want {
        Want { ty: Some(ty), ..Want::any(what) }
    }

    /// The same, where it may be null.
    pub fn optional(mut self) -> Want {
        self.optional = true;
        self
    }

    /// The same, where it may be a secret.
    pub fn secret(mut self) -> Want {
        self.secret = true;
        self
    }

    /// The same, where the key may be left out.
    pub fn omit(mut self) -> Want {
        self.omit = true;
        self
    }
}

impl Checked {
    /// The same number as a double.
    pub(super) fn doubled(self) -> Checked {
        if self.typed.ty == Type::Double {
            return self;
        }
        let typed = Typed { ty: Type::Double, ..self.typed.clone() };
        if let Some(Const::Int(int)) = self.constant() {
            let node = Node::Const(Const::Double(*int as f64));
            return Checked { node, typed, ..self };
        }
        self.expecting(typed)
    }

    /// The same value, of a type that is asked for when it is there.
    fn expecting(self, typed: Typed) -> Checked {
        let expect = Expect { kind: kind_of(&typed.ty), optional: typed.optional };
        let (truths, falses) = (self.truths.clone(), self.falses.clone());
        let (path, omits) = (self.path.clone(), self.omits);
        let range = self.range.clone();
        let node = Node::Expect { of: Box::new(self), expect };
        Checked { typed, range, node, path, omits, truths, falses }
    }
}

/// The kind of value that a type has when the program runs.
pub(in crate::config::expr) fn kind_of(ty: &Type) -> Kind {
    match ty {
        Type::Bool => Kind::Bool,
        Type::Int => Kind::Int,
        Type::Double => Kind::Double,
        Type::String => Kind::Text,
        Type::List(_) => Kind::List,
        Type::Map(_) => Kind::Map,
        Type::Any | Type::Null | Type::Broken => Kind::Any,
    }
}

impl Checker<'_> {
    pub(super) fn wanted(&mut self, checked: Checked, want: &Want) -> Option<Checked> {
        if checked.typed.any_secret() && !want.secret {
            let message = format!("a secret would be shown in {}", want.what);
            let fault = Fault::new(Code::SecretLeak, checked.range.clone(), message);
            return self.fault(fault.label(format!("this is `{}`", checked.typed)));
        }
        // Nothing but `omit` is a key that is never there, which is nobody's type.
        if matches!(checked.node, Node::Omit) {
            return Some(checked);
        }
        let checked = if want.optional { checked } else { self.need(checked)? };
        match &want.ty {
            Some(ty) => self.coerced(checked, ty, want.what),
            None => Some(checked),
        }
    }

    /// The value as one of this type: a value of unknown shape is asked when it is there.
    pub(super) fn coerced(
        &mut self,
        checked: Checked,
        ty: &Type,
        what: &'static str,
    ) -> Option<Checked> {
        match (&checked.typed.ty, ty) {
            (_, Type::Any) | (Type::Null, _) => Some(checked),
            (Type::Any, _) => {
                let typed = Typed { ty: ty.clone(), ..checked.typed.clone() };
                self.folded(checked.expecting(typed))
            }
            (Type::Int, Type::Double) => Some(checked.doubled()),
            (given, ty) if fits(given, ty) => Some(checked),
            (given, ty) => {
                let message = format!("{what} takes `{ty}`, not `{given}`");
                let fault = Fault::new(Code::WrongType, checked.range.clone(), message);
                let fault = fault.label(format!("this is `{}`", checked.typed));
                self.fault(match ty {
                    Type::String => fault.help("`string(x)` makes a string of it"),
                    Type::Bool => fault.help("compare it: `x > 0`, `x != ''`, `x != null`"),
                    _ => fault,
                })
            }
        }
    }
}

/// Whether a value of one type is also of the other.
fn fits(given: &Type, wanted: &Type) -> bool {
    match (given, wanted) {
        (_, Type::Any | Type::Broken) | (Type::Any | Type::Broken, _) => true,
        (Type::List(given), Type::List(wanted)) => {
            (wanted.optional || !given.may_be_null()) && fits(&given.ty, &wanted.ty)
        }
        (Type::Map(given), Type::Map(wanted)) => wanted.iter().all(|field| {
            let other = given.iter().find(|other| other.name == field.name);
            other.map_or(field.typed.optional, |other| fits(&other.typed.ty, &field.typed.ty))
        }),
        (given, wanted) => given == wanted,
    }
}
