//! A tree to a typed tree: names, types, nulls, secrets, constants.
//!
//! Invariants: what is checked is sound: a value of a type is one when the program runs, since all
//! that comes from outside is loaded with the kind it must have. Everything that is wrong is
//! reported, but nothing that only follows from another fault. Called by `config::compile`.

mod calls;
mod fold;
mod names;
mod operators;
mod want;

use std::ops::Range;

use super::super::types::{Type, Typed};
use super::ast::{self, Expr};
use super::fault::Fault;
use super::scope::{Const, Facts, Read, Scope};
use super::section::{Declared, Section};
use crate::config::Code;
use crate::pipeline::op::{Binary, Expect, Unary};

pub use want::Want;
pub(super) use want::kind_of;

/// An expression whose names and types are known.
#[derive(Clone, Debug)]
pub struct Checked {
    pub typed: Typed,
    pub range: Range<usize>,
    pub(super) node: Node,
    /// As it is written, where it is a path that can be known not to be null.
    pub(super) path: Option<String>,
    /// It may be `omit`.
    pub(super) omits: bool,
    truths: Facts,
    falses: Facts,
}

/// What is evaluated.
#[derive(Clone, Debug)]
pub(super) enum Node {
    Const(Const),
    Read(Read),
    /// The element of the loop of this number, the outermost 0.
    Item(usize),
    Unary {
        op: Unary,
        of: Box<Checked>,
    },
    Binary {
        op: Binary,
        left: Box<Checked>,
        right: Box<Checked>,
    },
    Slice {
        of: Box<Checked>,
        from: Box<Checked>,
        to: Box<Checked>,
    },
    Matches {
        of: Box<Checked>,
        pattern: String,
    },
    Member {
        of: Box<Checked>,
        key: String,
    },
    List(Vec<Checked>),
    And(Box<Checked>, Box<Checked>),
    Or(Box<Checked>, Box<Checked>),
    Coalesce(Box<Checked>, Box<Checked>),
    Choice {
        cond: Box<Checked>,
        yes: Box<Checked>,
        no: Box<Checked>,
    },
    Map {
        list: Box<Checked>,
        body: Box<Checked>,
    },
    Filter {
        list: Box<Checked>,
        cond: Box<Checked>,
    },
    /// The same value, which must be of this kind.
    Expect {
        of: Box<Checked>,
        expect: Expect,
    },
    Omit,
}

impl Checked {
    fn new(node: Node, typed: Typed, range: Range<usize>) -> Checked {
        let (truths, falses) = Default::default();
        Checked { typed, range, node, path: None, omits: false, truths, falses }
    }

    /// The value, where it is known at load.
    pub fn constant(&self) -> Option<&Const> {
        match &self.node {
            Node::Const(value) => Some(value),
            _ => None,
        }
    }

    /// What is read, where the expression is nothing but a read; the path is complete.
    pub fn read(&self) -> Option<&Read> {
        match &self.node {
            Node::Read(read) => Some(read),
            _ => None,
        }
    }

    /// Whether the value may be `omit`: the caller must ask with `Op::JumpOmit`.
    pub fn may_omit(&self) -> bool {
        self.omits
    }

    /// What is known not to be null where this is true.
    pub fn facts_if_true(&self) -> Facts {
        self.truths.clone()
    }

    /// What is known not to be null where this is false.
    pub fn facts_if_false(&self) -> Facts {
        self.falses.clone()
    }

    fn is_null(&self) -> bool {
        self.constant() == Some(&Const::Null)
    }

    fn knowing(mut self, truths: Facts, falses: Facts) -> Checked {
        (self.truths, self.falses) = (truths, falses);
        self
    }

    /// The path for messages, or something in its place.
    fn shown(&self) -> String {
        self.path.as_ref().map_or("this value".to_owned(), |path| format!("`{path}`"))
    }
}

/// Checks an expression against the names of a scope and the place that uses it; everything that
/// is wrong, not only the first.
pub fn check(expr: &Expr, scope: &Scope, want: &Want) -> Result<Checked, Vec<Fault>> {
    let facts = scope.facts.clone();
    let mut checker =
        Checker { scope, facts, faults: Vec::new(), items: Vec::new(), conditional: 0 };
    let checked = checker.expr(expr, want.omit);
    let checked = checked.and_then(|checked| checker.wanted(checked, want));
    match checked {
        Some(checked) if checker.faults.is_empty() => Ok(checked),
        _ => Err(checker.faults),
    }
}

/// One expression's check. A function that gives `None` has pushed a fault, or has met something
/// whose declaration was found wrong, which was told there.
struct Checker<'s> {
    scope: &'s Scope,
    /// What is known here not to be null.
    facts: Facts,
    faults: Vec<Fault>,
    /// Elements of the loops around, the outermost first.
    items: Vec<(String, Typed)>,
    /// Parts around that are not always evaluated.
    conditional: usize,
}

impl Checker<'_> {
    fn fault<T>(&mut self, fault: Fault) -> Option<T> {
        self.faults.push(fault);
        None
    }

    /// Any expression; `tail` is whether `omit` may stand here.
    fn expr(&mut self, expr: &Expr, tail: bool) -> Option<Checked> {
        self.any(expr, tail).filter(|checked| checked.typed.ty != Type::Broken)
    }

    fn any(&mut self, expr: &Expr, tail: bool) -> Option<Checked> {
        let range = expr.range.clone();
        match &expr.node {
            ast::Node::Const(value) => Some(constant(value.clone(), range)),
            ast::Node::Name(_) | ast::Node::Member { .. } => self.path(expr),
            ast::Node::Index { of, index } => self.index(of, index, range),
            ast::Node::List(items) => self.list(items, range),
            ast::Node::Unary { op, of } => self.unary(*op, of, range),
            ast::Node::Binary { op, left, right } => self.binary(*op, left, right, range),
            ast::Node::And(left, right) => self.and(left, right, range),
            ast::Node::Or(left, right) => self.or(left, right, range),
            ast::Node::Coalesce(left, right) => self.coalesce(left, right, tail, range),
            ast::Node::Choice { cond, yes, no } => self.choice([cond, yes, no], tail, range),
            ast::Node::Call { receiver, name, name_range, arguments } => {
                self.call(receiver.as_deref(), (name, name_range), arguments, range)
            }
            ast::Node::Omit => self.omit(tail, range),
        }
    }

    /// An expression that has a value.
    fn value(&mut self, expr: &Expr) -> Option<Checked> {
        self.expr(expr, false)
    }

    /// An expression whose value is not null.
    fn present(&mut self, expr: &Expr) -> Option<Checked> {
        let checked = self.value(expr)?;
        self.need(checked)
    }

    /// The same value, if it cannot be null.
    fn need(&mut self, checked: Checked) -> Option<Checked> {
        if !checked.typed.may_be_null() {
            return Some(checked);
        }
        let fault = self.may_be_null(&checked);
        self.fault(fault)
    }

    fn may_be_null(&self, checked: &Checked) -> Fault {
        let Some(path) = &checked.path else { return null_without_path(checked) };
        let range = checked.range.clone();
        if let Some(name) = path.strip_prefix("env.") {
            return not_set(name, range).about(self.scope.subject(path));
        }
        let fault = Fault::new(Code::MayBeNull, range, format!("`{path}` may be null"));
        let fault = match self.undeclared(path) {
            Some((section, name)) => {
                let (_, label, help) = section.missing(name);
                fault.label(label).help(help).about(self.scope.subject(section.path))
            }
            None => {
                let label = format!("this is `{}`", checked.typed);
                fault.label(label).about(self.scope.subject(path))
            }
        };
        fault
            .help(format!("give another value: `{path} ?? ...`"))
            .help(format!("or ask first: `{path} != null && ...`"))
    }

    /// The section that the file does not have and that would say more of a path, with the name.
    fn undeclared<'p>(&self, path: &'p str) -> Option<(&Section, &'p str)> {
        let (root, below) = path.split_once('.')?;
        let section = self.scope.section(root)?;
        let name = below.split('.').next()?;
        (section.declared == Declared::Nothing).then_some((section, name))
    }

    /// A part that is evaluated only where these facts hold.
    fn under<T>(&mut self, facts: &Facts, inside: impl FnOnce(&mut Self) -> T) -> T {
        let outside = self.facts.clone();
        self.facts = outside.clone().and(facts);
        self.conditional += 1;
        let result = inside(self);
        self.conditional -= 1;
        self.facts = outside;
        result
    }

    fn omit(&mut self, tail: bool, range: Range<usize>) -> Option<Checked> {
        if !tail {
            let fault = Fault::new(Code::OmitMisplaced, range, "`omit` is no value");
            return self.fault(fault.label("nothing can be left out here").help(
                "`omit` is the whole value of a key, or the end of a `??` or `? :` that is",
            ));
        }
        let checked = Checked::new(Node::Omit, Typed::of(Type::Null), range);
        Some(Checked { omits: true, ..checked })
    }

    fn list(&mut self, items: &[Expr], range: Range<usize>) -> Option<Checked> {
        let checked: Vec<Option<Checked>> = items.iter().map(|item| self.value(item)).collect();
        let items: Option<Vec<Checked>> = checked.into_iter().collect();
        let items = alike(items?);
        let types = items.iter().map(|item| item.typed.clone());
        let element = types.reduce(Typed::union).unwrap_or(Typed::of(Type::Null));
        let element = match element.ty {
            Type::Null if items.is_empty() => Typed::of(Type::Any),
            _ => element,
        };
        self.folded(Checked::new(
            Node::List(items),
            Typed::of(Type::List(Box::new(element))),
            range,
        ))
    }
}

/// Items of one list: an int beside doubles is a double.
fn alike(items: Vec<Checked>) -> Vec<Checked> {
    let is = |item: &Checked, ty: Type| item.typed.ty == ty;
    let any_double = items.iter().any(|item| is(item, Type::Double));
    let numbers = items.iter().all(|item| is(item, Type::Int) || is(item, Type::Double));
    match any_double && numbers {
        true => items.into_iter().map(Checked::doubled).collect(),
        false => items,
    }
}

/// A literal, or a value of `env`.
fn constant(value: Const, range: Range<usize>) -> Checked {
    let typed = value.typed();
    Checked::new(Node::Const(value), typed, range)
}

fn null_without_path(checked: &Checked) -> Fault {
    let range = checked.range.clone();
    if checked.is_null() {
        let fault = Fault::new(Code::MayBeNull, range, "null is no value here");
        return fault.label("a value is needed");
    }
    let fault = Fault::new(Code::MayBeNull, range, format!("{} may be null", checked.shown()));
    let fault = fault.label(format!("this is `{}`", checked.typed));
    fault.help("give another value with `??`")
}

fn not_set(name: &str, range: Range<usize>) -> Fault {
    let message = format!("the environment variable `{name}` is not set");
    Fault::new(Code::MissingVariable, range, message)
        .label("no value")
        .help(format!("set it, or give a default: `env.{name} ?? 'value'`"))
}
