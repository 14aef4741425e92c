//! Names, members and elements.
//!
//! Invariants: a path of the payload or of claims that is known at load becomes one read, however
//! long; what it leads through may be missing, and then so is the end.

use std::ops::Range;

use super::super::super::suggest;
use super::super::super::types::{Type, Typed};
use super::super::ast::{self, Expr};
use super::super::fault::Fault;
use super::super::scope::{Binding, Const, ROOTS, Read};
use super::super::section::{Declared, Section};
use super::{Checked, Checker, Node};
use crate::config::Code;
use crate::pipeline::op::Binary;

/// What a path leads to.
enum Found<'s> {
    Value(Checked),
    Names(&'s [(String, Binding)]),
    /// The variables of the environment.
    Environment,
}

type Names<'s> = (Found<'s>, String);

impl<'s> Checker<'s> {
    pub(super) fn path(&mut self, expr: &Expr) -> Option<Checked> {
        let (found, path) = self.resolve(expr)?;
        let names: Vec<&str> = match found {
            Found::Value(checked) => return Some(checked),
            Found::Names(names) => names.iter().map(|(name, _)| name.as_str()).collect(),
            Found::Environment => Vec::new(),
        };
        let message = format!("`{path}` is no value");
        let fault = Fault::new(Code::NotAValue, expr.range.clone(), message);
        let fault = fault.label("this only leads to others");
        let below: Vec<String> = names.iter().map(|name| format!("`{path}.{name}`")).collect();
        self.fault(match below.is_empty() {
            true => fault.help("write the name of a variable behind it: `env.NAME`"),
            false => fault.help(format!("there are: {}", below.join(", "))),
        })
    }

    fn resolve(&mut self, expr: &Expr) -> Option<Names<'s>> {
        let (found, path) = self.found(expr)?;
        match &found {
            Found::Value(checked) if checked.typed.ty == Type::Broken => None,
            _ => Some((found, path)),
        }
    }

    fn found(&mut self, expr: &Expr) -> Option<Names<'s>> {
        match &expr.node {
            ast::Node::Name(name) => self.root(name, &expr.range),
            ast::Node::Member { of, name, name_range } => {
                let (found, path) = self.resolve(of)?;
                self.below(found, path, name, name_range, expr.range.clone())
            }
            _ => self.value(expr).map(|checked| {
                let path = checked.path.clone().unwrap_or_default();
                (Found::Value(checked), path)
            }),
        }
    }

    fn root(&mut self, name: &str, range: &Range<usize>) -> Option<Names<'s>> {
        if let Some(place) = self.items.iter().position(|(item, _)| item == name) {
            let typed = self.items[place].1.clone();
            let checked = Checked::new(Node::Item(place), typed, range.clone());
            return Some((Found::Value(self.narrowed(checked, name.to_owned())), name.to_owned()));
        }
        if let Some((_, binding)) = self.scope.names.iter().find(|(known, _)| known == name) {
            return Some((self.bound(binding, name, range.clone()), name.to_owned()));
        }
        if name == "env" && self.scope.environment.is_some() {
            return Some((Found::Environment, name.to_owned()));
        }
        let fault = self.unknown_root(name, range.clone()).about(self.scope.subject(name));
        self.fault(fault)
    }

    fn unknown_root(&self, name: &str, range: Range<usize>) -> Fault {
        if let Some((_, place)) = ROOTS.iter().find(|(root, _)| *root == name) {
            let message = format!("`{name}` is not in scope here");
            return Fault::new(Code::NotInScope, range, message)
                .label("not known at this place")
                .help(format!("`{name}` is known {place}"));
        }
        let names = self.scope.names.iter().map(|(name, _)| name.as_str());
        let environment = self.scope.environment.as_ref().map(|_| "env");
        let names =
            names.chain(self.items.iter().map(|(name, _)| name.as_str())).chain(environment);
        Fault::new(Code::UnknownName, range, format!("unknown name `{name}`"))
            .label("no such name")
            .suggest(name, names)
    }

    fn bound(&self, binding: &'s Binding, path: &str, range: Range<usize>) -> Found<'s> {
        match binding {
            Binding::Names(names) => Found::Names(names),
            Binding::Value { typed, read, .. } => {
                let node = match read {
                    Read::Const(value) => Node::Const(value.clone()),
                    read => Node::Read(read.clone()),
                };
                let checked = Checked::new(node, typed.clone(), range);
                Found::Value(self.narrowed(checked, path.to_owned()))
            }
        }
    }

    /// The value at a path, which may be known here not to be null.
    fn narrowed(&self, mut checked: Checked, path: String) -> Checked {
        if self.facts.holds(&path) {
            checked.typed.optional = false;
        }
        checked.path = Some(path);
        checked
    }

    fn below(
        &mut self,
        found: Found<'s>,
        path: String,
        name: &str,
        name_range: &Range<usize>,
        range: Range<usize>,
    ) -> Option<Names<'s>> {
        let below = format!("{path}.{name}");
        match found {
            Found::Value(of) => {
                let member = self.member(of, name, name_range, range)?;
                Some((Found::Value(member), below))
            }
            Found::Environment => Some((Found::Value(self.variable(name, range)), below)),
            Found::Names(names) => match names.iter().find(|(known, _)| known == name) {
                Some((_, binding)) => Some((self.bound(binding, &below, range), below)),
                None => self.unlisted(&path, name, &range, names),
            },
        }
    }

    /// A name that is not among those below a path.
    fn unlisted<T>(
        &mut self,
        path: &str,
        name: &str,
        range: &Range<usize>,
        names: &[(String, Binding)],
    ) -> Option<T> {
        let known: Vec<&str> = names.iter().map(|(name, _)| name.as_str()).collect();
        let near = suggest::nearest(name, known.iter().copied());
        let section = self.scope.section(path);
        match section.filter(|section| near.is_none() || section.declared == Declared::Broken) {
            Some(Section { declared: Declared::Broken, .. }) => None,
            Some(section @ Section { declared: Declared::Nothing, .. }) => {
                let (message, label, help) = section.missing(name);
                let fault = Fault::new(Code::UnknownField, range.clone(), message);
                self.fault(fault.label(label).help(help).about(self.scope.subject(path)))
            }
            _ => {
                let declared = near.and_then(|near| self.declared(&format!("{path}.{near}")));
                let fault = unknown_field(path, name, range, &known);
                let section = section.filter(|_| near.is_none());
                let fault = section.into_iter().fold(fault, |fault, section| {
                    fault.help(format!("or declare it: {}", section.how(name)))
                });
                let subject = self.scope.subject(&format!("{path}.{name}"));
                self.fault(fault.also(declared, "declared here").about(subject))
            }
        }
    }

    /// A variable of the environment; one that is not set is null.
    fn variable(&self, name: &str, range: Range<usize>) -> Checked {
        let value = self.scope.environment.as_ref().and_then(|known| known.value(name));
        let value = value.map_or(Const::Null, |value| Const::Text(value.to_owned()));
        let typed = Typed { optional: value == Const::Null, ..Typed::of(Type::String) };
        let checked = Checked::new(Node::Const(value), typed, range);
        Checked { path: Some(format!("env.{name}")), ..checked }
    }

    /// `of.name`, or `of["name"]`.
    fn member(
        &mut self,
        of: Checked,
        name: &str,
        name_range: &Range<usize>,
        range: Range<usize>,
    ) -> Option<Checked> {
        let mut typed = match &of.typed.ty {
            Type::Any => Typed::of(Type::Any).optional(),
            Type::Map(fields) => match fields.iter().find(|field| field.name == name) {
                Some(field) => field.typed.clone(),
                None => {
                    let known: Vec<&str> = fields.iter().map(|one| one.name.as_str()).collect();
                    let path = of.path.clone().unwrap_or_default();
                    let fault = unknown_field(&path, name, &range, &known);
                    let fault = fault.also(self.declared(&path), "declared here");
                    return self.fault(match path.is_empty() {
                        true => fault,
                        false => fault.about(self.scope.subject(&format!("{path}.{name}"))),
                    });
                }
            },
            _ => return self.fault(no_fields(&of, name_range)),
        };
        typed.optional |= of.typed.optional;
        typed.secret |= of.typed.secret;
        let path = of.path.clone().filter(|_| !name.contains('.'));
        let node = extended(of, name);
        let checked = Checked::new(node, typed, range);
        Some(match path {
            Some(path) => self.narrowed(checked, format!("{path}.{name}")),
            None => checked,
        })
    }

    /// Where the file declares the root of a path.
    fn declared(&self, path: &str) -> Option<super::super::super::source::Span> {
        let mut names = &self.scope.names;
        for step in path.split('.') {
            match &names.iter().find(|(name, _)| name == step)?.1 {
                Binding::Names(below) => names = below,
                Binding::Value { declared, .. } => return *declared,
            }
        }
        None
    }

    /// `of[index]`: a member by its key, an element by its place.
    pub(super) fn index(
        &mut self,
        of: &Expr,
        index: &Expr,
        range: Range<usize>,
    ) -> Option<Checked> {
        let (of, index) = (self.value(of), self.present(index));
        let (of, index) = (of?, index?);
        if let Some(Const::Text(key)) = index.constant() {
            let key = key.clone();
            return self.member(of, &key, &index.range, range);
        }
        let of = self.need(of)?;
        let (typed, takes) = match &of.typed.ty {
            Type::List(element) => ((**element).clone(), Type::Int),
            Type::Map(_) => (Typed::of(Type::Any).optional(), Type::String),
            Type::Any => (Typed::of(Type::Any).optional(), Type::Any),
            _ => return self.fault(no_fields(&of, &index.range)),
        };
        let fits = match (&takes, &index.typed.ty) {
            (_, Type::Any) | (Type::Any, Type::Int | Type::String) => true,
            (takes, given) => takes == given,
        };
        if !fits {
            let message = format!("a key of `{}` is not `{}`", of.typed.ty, index.typed.ty);
            let fault = Fault::new(Code::TypeMismatch, index.range.clone(), message);
            return self.fault(fault.label("a list takes an int, a map a string"));
        }
        let secret = of.typed.any_secret() || index.typed.secret;
        let typed = Typed { secret: typed.secret || secret, ..typed };
        let (left, right) = (Box::new(of), Box::new(index));
        let node = Node::Binary { op: Binary::Index, left, right };
        self.folded(Checked::new(node, typed, range))
    }
}

/// A key that is a number means an element, too, where a path leads through it.
fn is_number(name: &str) -> bool {
    name.bytes().all(|byte| byte.is_ascii_digit())
}

/// One read of a longer path where that is possible.
fn extended(of: Checked, name: &str) -> Node {
    match of.node {
        Node::Read(Read::Payload(mut path)) if !is_number(name) => {
            path.push(name.to_owned());
            Node::Read(Read::Payload(path))
        }
        Node::Read(Read::Claims(mut path)) if !is_number(name) => {
            path.push(name.to_owned());
            Node::Read(Read::Claims(path))
        }
        _ => Node::Member { of: Box::new(of), key: name.to_owned() },
    }
}

fn unknown_field(path: &str, name: &str, range: &Range<usize>, known: &[&str]) -> Fault {
    let full = if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
    let dotted = |name: &str| match path.is_empty() {
        true => format!("`{name}`"),
        false => format!("`{path}.{name}`"),
    };
    let fault = Fault::new(Code::UnknownField, range.clone(), format!("unknown path `{full}`"));
    let fault = fault.label("no such field");
    if let Some(near) = suggest::nearest(name, known.iter().copied()) {
        return fault.help(format!("did you mean {}?", dotted(near)));
    }
    let all: Vec<String> = known.iter().map(|name| dotted(name)).collect();
    match all.is_empty() {
        true => fault.help("it has no fields"),
        false => fault.help(format!("there are: {}", all.join(", "))),
    }
}

fn no_fields(of: &Checked, range: &Range<usize>) -> Fault {
    let message = format!("{} has no fields or elements", of.shown());
    Fault::new(Code::NoFields, range.clone(), message).label(format!("of `{}`", of.typed))
}
