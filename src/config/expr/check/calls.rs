//! Functions and macros.

use std::ops::Range;

use super::super::super::types::{Type, Typed};
use super::super::ast::{self, Expr};
use super::super::fault::Fault;
use super::super::functions::{self, Called, Does, Function, Gives, Takes};
use super::super::scope::{Const, Facts};
use super::operators::secret_if;
use super::{Checked, Checker, Node};
use crate::config::Code;
use crate::limits::EACH_DEPTH_MAX;
use crate::pipeline::op::Binary;
use crate::pipeline::pattern::Pattern;

/// A function's name and where it stands.
type Name<'e> = (&'e String, &'e Range<usize>);

impl Checker<'_> {
    pub(super) fn call(
        &mut self,
        receiver: Option<&Expr>,
        name: Name<'_>,
        arguments: &[Expr],
        range: Range<usize>,
    ) -> Option<Checked> {
        match (receiver, name.0.as_str()) {
            (None, "has") => self.has(arguments, range),
            (Some(list), "map" | "filter") => self.each(list, name, arguments, range),
            _ => match functions::function(name.0) {
                Some(function) => self.function(function, receiver, name, arguments, range),
                None => self.fault(unknown(name, receiver.is_some())),
            },
        }
    }

    fn function(
        &mut self,
        function: &Function,
        receiver: Option<&Expr>,
        name: Name<'_>,
        arguments: &[Expr],
        range: Range<usize>,
    ) -> Option<Checked> {
        let fits = match function.called {
            Called::Either => true,
            Called::Free => receiver.is_none(),
            Called::Method => receiver.is_some(),
        };
        if !fits {
            let message = format!("`{}` is not called so", name.0);
            let fault = Fault::new(Code::UnknownFunction, name.1.clone(), message);
            return self.fault(fault.label(format!("write `{}`", function.example)));
        }
        let given: Vec<&Expr> = receiver.into_iter().chain(arguments).collect();
        if given.len() != function.takes.len() {
            let message = format!("`{}` takes other arguments", name.0);
            let fault = Fault::new(Code::WrongArguments, range, message);
            let (given, takes) = (arguments.len(), function.takes.len());
            let takes = takes - usize::from(receiver.is_some());
            let label = format!("{given} given, it takes {takes}");
            return self.fault(fault.label(label).help(format!("write `{}`", function.example)));
        }
        let checked: Vec<Option<Checked>> = given
            .into_iter()
            .zip(function.takes)
            .map(|(given, takes)| self.argument(given, *takes, function))
            .collect();
        let arguments: Option<Vec<Checked>> = checked.into_iter().collect();
        let arguments = arguments?;
        let secret = arguments.iter().any(|argument| argument.typed.any_secret());
        let typed = secret_if(Typed::of(given_type(function.gives)), secret);
        let node = node(function.does, arguments)?;
        self.folded(Checked::new(node, typed, range))
    }

    fn argument(&mut self, expr: &Expr, takes: Takes, function: &Function) -> Option<Checked> {
        let checked = self.present(expr)?;
        let fits = match (takes, &checked.typed.ty) {
            (Takes::Pattern, _) => return self.pattern(checked),
            (_, Type::Any) => true,
            (_, Type::String) => takes != Takes::Int,
            (Takes::Int, ty) => *ty == Type::Int,
            (Takes::Sized, ty) => matches!(ty, Type::List(_) | Type::Map(_)),
            (Takes::Plain, ty) => matches!(ty, Type::Bool | Type::Int | Type::Double),
            (Takes::Number, ty) => matches!(ty, Type::Int | Type::Double),
            (Takes::Truth, ty) => *ty == Type::Bool,
            (Takes::String, _) => false,
        };
        if fits {
            return Some(checked);
        }
        let message = format!("`{}` does not take `{}`", function.name, checked.typed.ty);
        let fault = Fault::new(Code::WrongArguments, checked.range.clone(), message);
        self.fault(fault.label(wanted(takes)).help(format!("write `{}`", function.example)))
    }

    /// A pattern that is known at load, and is one.
    fn pattern(&mut self, checked: Checked) -> Option<Checked> {
        let range = checked.range.clone();
        let Some(Const::Text(text)) = checked.constant() else {
            let fault = Fault::new(Code::BadRegex, range, "a pattern must be known at load");
            return self.fault(fault.label("this is known only when a message comes"));
        };
        match Pattern::new(text) {
            Ok(_) => Some(checked),
            Err(why) => {
                let fault = Fault::new(Code::BadRegex, range, "this is not a pattern");
                self.fault(fault.label(why))
            }
        }
    }

    /// `has(a.b)`
    fn has(&mut self, arguments: &[Expr], range: Range<usize>) -> Option<Checked> {
        let is_path =
            |expr: &Expr| matches!(expr.node, ast::Node::Member { .. } | ast::Node::Index { .. });
        let [path] = arguments else { return self.fault(not_a_path(range)) };
        if !is_path(path) {
            return self.fault(not_a_path(path.range.clone()));
        }
        let checked = self.value(path)?;
        let facts = checked.path.clone().map(Facts::of).unwrap_or_default();
        let test = self.null_test(Binary::NotEqual, checked, range)?;
        Some(test.knowing(facts, Facts::default()))
    }

    /// `list.map(x, e)` and `list.filter(x, e)`
    fn each(
        &mut self,
        list: &Expr,
        (name, name_range): Name<'_>,
        arguments: &[Expr],
        range: Range<usize>,
    ) -> Option<Checked> {
        let list = self.present(list);
        let [item, body] = arguments else {
            let message = format!("`{name}` takes a name and an expression");
            let fault = Fault::new(Code::BadLoop, name_range.clone(), message);
            return self.fault(fault.label(format!("write `list.{name}(x, ...)`")));
        };
        let item = self.new_item(item);
        let (list, item) = (list?, item?);
        let Some(element) = element_of(&list.typed) else {
            let message = format!("`{name}` goes through a list, not `{}`", list.typed.ty);
            let fault = Fault::new(Code::WrongArguments, list.range.clone(), message);
            return self.fault(fault.label("this is no list"));
        };
        self.items.push((item.clone(), element.clone()));
        let body = self.under(&Facts::default(), |checker| {
            checker.facts.forget(&item);
            match name == "map" {
                true => checker.value(body),
                false => checker.condition(body),
            }
        });
        self.items.pop();
        Some(made(list, element, body?, name == "map", range))
    }

    /// The name of an element: a new one, and not too deep.
    fn new_item(&mut self, item: &Expr) -> Option<String> {
        let (range, code) = (item.range.clone(), Code::BadLoop);
        let ast::Node::Name(name) = &item.node else {
            let fault = Fault::new(code, range, "the first argument names the element");
            return self.fault(fault.label("a name is needed, such as `x`"));
        };
        let known = self.scope.names.iter().any(|(root, _)| root == name)
            || self.items.iter().any(|(item, _)| item == name)
            || super::super::scope::ROOTS.iter().any(|(root, _)| root == name);
        if known {
            let fault = Fault::new(code, range, format!("the name `{name}` is taken"));
            return self.fault(fault.label("it would hide another value"));
        }
        if self.items.len() >= EACH_DEPTH_MAX {
            let message = format!("`map` and `filter` nest at most {EACH_DEPTH_MAX} deep");
            return self.fault(Fault::new(code, range, message).label("this is deeper"));
        }
        Some(name.clone())
    }
}

fn element_of(list: &Typed) -> Option<Typed> {
    match &list.ty {
        Type::List(element) => Some(secret_if((**element).clone(), list.secret)),
        Type::Any => Some(secret_if(Typed::of(Type::Any).optional(), list.secret)),
        _ => None,
    }
}

fn made(list: Checked, element: Typed, body: Checked, maps: bool, range: Range<usize>) -> Checked {
    let secret = list.typed.secret || body.typed.secret;
    let element = if maps { body.typed.clone() } else { element };
    let typed = secret_if(Typed::of(Type::List(Box::new(element))), secret);
    let (list, body) = (Box::new(list), Box::new(body));
    let node = match maps {
        true => Node::Map { list, body },
        false => Node::Filter { list, cond: body },
    };
    Checked::new(node, typed, range)
}

fn given_type(gives: Gives) -> Type {
    match gives {
        Gives::Bool => Type::Bool,
        Gives::Int => Type::Int,
        Gives::Double => Type::Double,
        Gives::String => Type::String,
    }
}

/// The operation of a function with so many arguments as it takes.
fn node(does: Does, arguments: Vec<Checked>) -> Option<Node> {
    let mut arguments = arguments.into_iter();
    let of = Box::new(arguments.next()?);
    Some(match does {
        Does::Unary(op) => Node::Unary { op, of },
        Does::Binary(op) => Node::Binary { op, left: of, right: Box::new(arguments.next()?) },
        Does::Slice => {
            let (from, to) = (Box::new(arguments.next()?), Box::new(arguments.next()?));
            Node::Slice { of, from, to }
        }
        Does::Matches => match arguments.next()?.node {
            Node::Const(Const::Text(pattern)) => Node::Matches { of, pattern },
            _ => return None,
        },
    })
}

fn wanted(takes: Takes) -> &'static str {
    match takes {
        Takes::String | Takes::Pattern => "a string is needed",
        Takes::Int => "an int is needed",
        Takes::Sized => "a string, a list or a map is needed",
        Takes::Plain => "a string, a number or a bool is needed",
        Takes::Number => "a string or a number is needed",
        Takes::Truth => "a string or a bool is needed",
    }
}

fn unknown((name, range): Name<'_>, method: bool) -> Fault {
    if let Some((_, instead)) = functions::LEFT_OUT.iter().find(|(known, _)| known == name) {
        let message = format!("`{name}` is not part of this language");
        return Fault::new(Code::NotSupported, range.clone(), message)
            .label("left out of CEL")
            .help(*instead);
    }
    Fault::new(Code::UnknownFunction, range.clone(), format!("unknown function `{name}`"))
        .label("no such function")
        .suggest(name, functions::names(method))
}

fn not_a_path(range: Range<usize>) -> Fault {
    Fault::new(Code::WrongArguments, range, "`has` takes a path")
        .label("a field is needed")
        .help("write `has(payload.field)`")
}
