//! Operators: what types they take, what they give, and what they tell of nulls.

use std::ops::Range;

use super::super::super::types::{Type, Typed};
use super::super::ast::{self, Expr};
use super::super::fault::Fault;
use super::super::scope::{Const, Facts};
use super::{Checked, Checker, Node};
use crate::config::Code;
use crate::pipeline::op::{Binary, Unary};

impl Checker<'_> {
    pub(super) fn unary(
        &mut self,
        op: ast::Unary,
        of: &Expr,
        range: Range<usize>,
    ) -> Option<Checked> {
        if op == ast::Unary::Not {
            let of = self.condition(of)?;
            let (truths, falses) = (of.falses.clone(), of.truths.clone());
            let typed = secret_if(Typed::of(Type::Bool), of.typed.secret);
            let node = Node::Unary { op: Unary::Not, of: Box::new(of) };
            let checked = self.folded(Checked::new(node, typed, range))?;
            return Some(checked.knowing(truths, falses));
        }
        let of = self.present(of)?;
        if !matches!(of.typed.ty, Type::Int | Type::Double | Type::Any) {
            let message = format!("`-` does not take `{}`", of.typed.ty);
            let fault = Fault::new(Code::TypeMismatch, of.range.clone(), message);
            return self.fault(fault.label("a number is needed"));
        }
        let typed = secret_if(Typed::of(of.typed.ty.clone()), of.typed.secret);
        let node = Node::Unary { op: Unary::Minus, of: Box::new(of) };
        self.folded(Checked::new(node, typed, range))
    }

    /// A bool that is not null.
    pub(super) fn condition(&mut self, expr: &Expr) -> Option<Checked> {
        let checked = self.present(expr)?;
        self.coerced(checked, &Type::Bool, "a condition")
    }

    pub(super) fn and(
        &mut self,
        left: &Expr,
        right: &Expr,
        range: Range<usize>,
    ) -> Option<Checked> {
        let left = self.condition(left);
        let known = left.as_ref().map_or_else(Facts::all, |left| left.truths.clone());
        let right = self.under(&known, |checker| checker.condition(right));
        let (left, right) = (left?, right?);
        let truths = left.truths.clone().and(&right.truths);
        let falses = left.falses.clone().or(&right.falses);
        let secret = left.typed.secret || right.typed.secret;
        let checked = match left.constant() {
            Some(Const::Bool(false)) => Checked { range, ..left },
            Some(Const::Bool(true)) => Checked { range, ..right },
            _ => {
                let node = Node::And(Box::new(left), Box::new(right));
                Checked::new(node, Typed::of(Type::Bool), range)
            }
        };
        let typed = secret_if(Typed::of(Type::Bool), secret);
        Some(Checked { typed, ..checked.knowing(truths, falses) })
    }

    pub(super) fn or(&mut self, left: &Expr, right: &Expr, range: Range<usize>) -> Option<Checked> {
        let left = self.condition(left);
        let known = left.as_ref().map_or_else(Facts::all, |left| left.falses.clone());
        let right = self.under(&known, |checker| checker.condition(right));
        let (left, right) = (left?, right?);
        let truths = left.truths.clone().or(&right.truths);
        let falses = left.falses.clone().and(&right.falses);
        let secret = left.typed.secret || right.typed.secret;
        let checked = match left.constant() {
            Some(Const::Bool(true)) => Checked { range, ..left },
            Some(Const::Bool(false)) => Checked { range, ..right },
            _ => {
                let node = Node::Or(Box::new(left), Box::new(right));
                Checked::new(node, Typed::of(Type::Bool), range)
            }
        };
        let typed = secret_if(Typed::of(Type::Bool), secret);
        Some(Checked { typed, ..checked.knowing(truths, falses) })
    }

    /// `left ?? right`
    pub(super) fn coalesce(
        &mut self,
        left: &Expr,
        right: &Expr,
        tail: bool,
        range: Range<usize>,
    ) -> Option<Checked> {
        let left = self.value(left);
        let right = self.under(&Facts::default(), |checker| checker.expr(right, tail));
        let (left, right) = (left?, right?);
        // What is known at load decides at load, whatever the types.
        match left.constant() {
            Some(Const::Null) => {
                let typed = secret_if(right.typed.clone(), left.typed.secret);
                return Some(Checked { range, typed, ..right });
            }
            Some(_) => return Some(Checked { range, ..left }),
            None => {}
        }
        if !left.typed.ty.is_comparable(&right.typed.ty) {
            let message = format!("`??` between `{}` and `{}`", left.typed.ty, right.typed.ty);
            let fault = Fault::new(Code::TypeMismatch, range, message);
            return self.fault(fault.label("both sides are one type").help(
                "`??` binds looser than `||`: write `(a ?? b) > 1` for a comparison of its value",
            ));
        }
        let (left, right) = alike(left, right);
        let omits = right.omits;
        let first = left.typed.clone().required();
        let typed = match matches!(right.node, Node::Omit) {
            true => first,
            false => first.union(right.typed.clone()),
        };
        let typed = Typed { secret: left.typed.secret || right.typed.secret, ..typed };
        let left = Checked { typed: left.typed.clone().optional(), ..left };
        let node = Node::Coalesce(Box::new(left), Box::new(right));
        Some(Checked { omits, ..Checked::new(node, typed, range) })
    }

    /// `cond ? yes : no`
    pub(super) fn choice(
        &mut self,
        [cond, yes, no]: [&Expr; 3],
        tail: bool,
        range: Range<usize>,
    ) -> Option<Checked> {
        let cond = self.condition(cond);
        let (truths, falses) = match &cond {
            Some(cond) => (cond.truths.clone(), cond.falses.clone()),
            None => (Facts::all(), Facts::all()),
        };
        let yes = self.under(&truths, |checker| checker.expr(yes, tail));
        let no = self.under(&falses, |checker| checker.expr(no, tail));
        let (cond, yes, no) = (cond?, yes?, no?);
        if let Some(Const::Bool(decided)) = cond.constant() {
            let taken = if *decided { yes } else { no };
            let typed = secret_if(taken.typed.clone(), cond.typed.secret);
            return Some(Checked { range, typed, ..taken });
        }
        let (yes, no) = alike(yes, no);
        let truths = truths.and(&yes.truths).or(&falses.clone().and(&no.truths));
        let omits = yes.omits || no.omits;
        let typed = match (&yes.node, &no.node) {
            (Node::Omit, _) => no.typed.clone(),
            (_, Node::Omit) => yes.typed.clone(),
            _ => yes.typed.clone().union(no.typed.clone()),
        };
        let typed = secret_if(typed, cond.typed.secret);
        let (cond, yes, no) = (Box::new(cond), Box::new(yes), Box::new(no));
        let checked = Checked::new(Node::Choice { cond, yes, no }, typed, range);
        Some(Checked { omits, ..checked.knowing(truths, Facts::default()) })
    }

    pub(super) fn binary(
        &mut self,
        op: ast::Binary,
        left: &Expr,
        right: &Expr,
        range: Range<usize>,
    ) -> Option<Checked> {
        let (left, right) = (self.value(left), self.value(right));
        let (left, right) = (left?, right?);
        match op {
            ast::Binary::Equal => self.equality(Binary::Equal, left, right, range),
            ast::Binary::NotEqual => self.equality(Binary::NotEqual, left, right, range),
            ast::Binary::In => self.membership(left, right, range),
            _ => {
                let (left, right) = (self.need(left), self.need(right));
                self.computed(op, left?, right?, range)
            }
        }
    }

    /// Null may be compared, and what is compared with null tells whether it is.
    fn equality(
        &mut self,
        op: Binary,
        left: Checked,
        right: Checked,
        range: Range<usize>,
    ) -> Option<Checked> {
        let (tested, same) = match (&left.path, &right.path) {
            _ if right.is_null() => (left.path.clone(), false),
            _ if left.is_null() => (right.path.clone(), false),
            (Some(path), _) if !right.typed.may_be_null() => (Some(path.clone()), true),
            (_, Some(path)) if !left.typed.may_be_null() => (Some(path.clone()), true),
            _ => (None, true),
        };
        if !left.typed.ty.is_comparable(&right.typed.ty) {
            let symbol = if op == Binary::Equal { "==" } else { "!=" };
            return self.fault(mismatch(symbol, &left, &right, range));
        }
        let facts = tested.map(Facts::of).unwrap_or_default();
        let nothing = Facts::default();
        let (truths, falses) = match same == (op == Binary::Equal) {
            true => (facts, nothing),
            false => (nothing, facts),
        };
        let checked = match (left.is_null(), right.is_null()) {
            (false, true) => self.null_test(op, left, range),
            (true, false) => self.null_test(op, right, range),
            _ => {
                let secret = left.typed.any_secret() || right.typed.any_secret();
                let node = Node::Binary { op, left: Box::new(left), right: Box::new(right) };
                let typed = secret_if(Typed::of(Type::Bool), secret);
                self.folded(Checked::new(node, typed, range))
            }
        };
        Some(checked?.knowing(truths, falses))
    }

    /// Whether a value is null; that is no secret.
    pub(super) fn null_test(
        &mut self,
        op: Binary,
        mut of: Checked,
        range: Range<usize>,
    ) -> Option<Checked> {
        // Whoever asks takes any answer.
        of.typed = Typed::of(Type::Any).optional();
        let node = Node::Unary { op: Unary::IsNull, of: Box::new(of) };
        let checked = self.folded(Checked::new(node, Typed::of(Type::Bool), range.clone()))?;
        if op == Binary::Equal {
            return Some(checked);
        }
        let node = Node::Unary { op: Unary::Not, of: Box::new(checked) };
        self.folded(Checked::new(node, Typed::of(Type::Bool), range))
    }

    /// `left in right`
    fn membership(
        &mut self,
        left: Checked,
        right: Checked,
        range: Range<usize>,
    ) -> Option<Checked> {
        let right = self.need(right)?;
        let fits = match &right.typed.ty {
            Type::List(element) => element.ty.is_comparable(&left.typed.ty),
            Type::Map(_) => matches!(left.typed.ty, Type::String | Type::Any),
            Type::Any => true,
            _ => false,
        };
        if !fits {
            let fault = mismatch("in", &left, &right, range);
            return self.fault(fault.help("`in` asks for an element of a list, or a key of a map"));
        }
        let secret = left.typed.any_secret() || right.typed.any_secret();
        let (left, right) = (Box::new(left), Box::new(right));
        let node = Node::Binary { op: Binary::In, left, right };
        self.folded(Checked::new(node, secret_if(Typed::of(Type::Bool), secret), range))
    }

    /// Arithmetic and order.
    fn computed(
        &mut self,
        op: ast::Binary,
        left: Checked,
        right: Checked,
        range: Range<usize>,
    ) -> Option<Checked> {
        let (lowered, symbol) = lowered(op);
        let Some(ty) = result(lowered, &left.typed.ty, &right.typed.ty) else {
            return self.fault(mismatch(symbol, &left, &right, range));
        };
        let by_zero = right.constant() == Some(&Const::Int(0)) && left.typed.ty == Type::Int;
        if by_zero && self.conditional == 0 && matches!(symbol, "/" | "%") {
            let fault = Fault::new(Code::AlwaysFails, right.range.clone(), "division by zero");
            return self.fault(fault.label("always 0"));
        }
        let secret = left.typed.any_secret() || right.typed.any_secret();
        let (left, right) = (Box::new(left), Box::new(right));
        let node = Node::Binary { op: lowered, left, right };
        self.folded(Checked::new(node, secret_if(Typed::of(ty), secret), range))
    }
}

pub(super) fn secret_if(typed: Typed, secret: bool) -> Typed {
    Typed { secret: typed.secret || secret, ..typed }
}

fn lowered(op: ast::Binary) -> (Binary, &'static str) {
    match op {
        ast::Binary::Add => (Binary::Add, "+"),
        ast::Binary::Subtract => (Binary::Subtract, "-"),
        ast::Binary::Multiply => (Binary::Multiply, "*"),
        ast::Binary::Divide => (Binary::Divide, "/"),
        ast::Binary::Remainder => (Binary::Remainder, "%"),
        ast::Binary::Less => (Binary::Less, "<"),
        ast::Binary::LessEqual => (Binary::LessEqual, "<="),
        ast::Binary::Greater => (Binary::Greater, ">"),
        ast::Binary::GreaterEqual => (Binary::GreaterEqual, ">="),
        ast::Binary::Equal => (Binary::Equal, "=="),
        ast::Binary::NotEqual => (Binary::NotEqual, "!="),
        ast::Binary::In => (Binary::In, "in"),
    }
}

/// The type of an operator's result; `None` where it does not take these.
fn result(op: Binary, left: &Type, right: &Type) -> Option<Type> {
    let ordered =
        matches!(op, Binary::Less | Binary::LessEqual | Binary::Greater | Binary::GreaterEqual);
    let takes = |ty: &Type| match ty {
        Type::Int | Type::Any | Type::Broken => true,
        Type::Double => op != Binary::Remainder,
        Type::String => op == Binary::Add || ordered,
        Type::List(_) => op == Binary::Add,
        Type::Bool => ordered,
        Type::Map(_) | Type::Null => false,
    };
    if !takes(left) || !takes(right) {
        return None;
    }
    if ordered {
        return left.is_comparable(right).then_some(Type::Bool);
    }
    match (left, right) {
        _ if op == Binary::Remainder => Some(Type::Int),
        (Type::Int, Type::Int) => Some(Type::Int),
        (Type::Double | Type::Int, Type::Double) | (Type::Double, Type::Int) => Some(Type::Double),
        (Type::Any, Type::Double) | (Type::Double, Type::Any) => Some(Type::Double),
        (Type::Any, Type::String) | (Type::String, Type::Any) => Some(Type::String),
        (Type::Any, Type::List(_)) | (Type::List(_), Type::Any) => Some(Type::list(Type::Any)),
        (Type::Any, _) | (_, Type::Any) => Some(Type::Any),
        (Type::String, Type::String) => Some(Type::String),
        (Type::List(left), Type::List(right)) => {
            Some(Type::List(Box::new((**left).clone().union((**right).clone()))))
        }
        _ => None,
    }
}

/// Two branches of one value: an int beside a double is a double.
fn alike(left: Checked, right: Checked) -> (Checked, Checked) {
    match (&left.typed.ty, &right.typed.ty) {
        (Type::Int, Type::Double) => (left.doubled(), right),
        (Type::Double, Type::Int) => (left, right.doubled()),
        _ => (left, right),
    }
}

fn mismatch(symbol: &str, left: &Checked, right: &Checked, range: Range<usize>) -> Fault {
    let (one, other) = (&left.typed.ty, &right.typed.ty);
    let fault = Fault::new(
        Code::TypeMismatch,
        range,
        format!("`{symbol}` does not take `{one}` and `{other}`"),
    );
    let fault = fault.label(format!("`{one}` {symbol} `{other}`"));
    match (one, other) {
        (Type::String, Type::Int | Type::Double | Type::Bool) => {
            fault.help("`string(x)` makes a string of the right one")
        }
        (Type::Int | Type::Double | Type::Bool, Type::String) => {
            fault.help("`string(x)` makes a string of the left one, `int(x)` a number of the right")
        }
        _ => fault,
    }
}
