//! Text to tree, by precedence climbing.
//!
//! Invariants: one token is looked ahead; the depth of the tree and of the calls that make it is
//! bounded by `EXPR_DEPTH_MAX`; operators of one rank group to the left, `? :` and `??` to the
//! right. Called by `pieces` and by everyone who has a bare expression.

use std::ops::Range;

use super::ast::{Binary, Expr, Node, Unary};
use super::fault::Fault;
use super::lexer::{Kind, Lexer, Token};
use super::scope::Const;
use crate::config::Code;
use crate::limits::{EXPR_BYTES_MAX, EXPR_DEPTH_MAX};

type Parsed = Result<Expr, Fault>;

/// Reads one expression that is the whole text.
pub fn parse(text: &str) -> Parsed {
    fits(text, 0..text.len())?;
    let mut parser = Parser::new(text, 0)?;
    let expr = parser.expr()?;
    match &parser.next.kind {
        Kind::End => Ok(expr),
        _ => Err(parser.unexpected("the end, or an operator")),
    }
}

/// Reads the expression that stands between `${` and `}`; returns where the text goes on behind.
pub fn parse_hole(text: &str, open: Range<usize>) -> Result<(Expr, usize), Fault> {
    let read = hole(text, open.end);
    if read.is_err() && !text[open.end..].contains('}') {
        return Err(Fault::new(Code::UnclosedHole, open, "this `${` has no `}`")
            .label("it is never closed")
            .help("for the two characters themselves write `$${`"));
    }
    read
}

fn hole(text: &str, start: usize) -> Result<(Expr, usize), Fault> {
    let mut parser = Parser::new(text, start)?;
    let expr = parser.expr()?;
    if parser.next.kind != Kind::Sign("}") {
        return Err(parser.unexpected("`}`, or an operator"));
    }
    let end = parser.next.range.end;
    fits(text, start..end).map(|()| (expr, end))
}

fn fits(text: &str, range: Range<usize>) -> Result<(), Fault> {
    if range.len() <= EXPR_BYTES_MAX {
        return Ok(());
    }
    let start = range.start.min(text.len());
    let message = format!("an expression has at most {EXPR_BYTES_MAX} bytes");
    Err(Fault::new(Code::ExprTooLarge, start..start, message).label("this one has more"))
}

/// Binary operators by rank; a higher one binds closer.
fn operator(token: &Kind) -> Option<(u8, Operator)> {
    let plain = |rank, op| Some((rank, Operator::Binary(op)));
    match token {
        Kind::Sign("||") => Some((1, Operator::Or)),
        Kind::Sign("&&") => Some((2, Operator::And)),
        Kind::Sign("==") => plain(3, Binary::Equal),
        Kind::Sign("!=") => plain(3, Binary::NotEqual),
        Kind::Sign("<") => plain(3, Binary::Less),
        Kind::Sign("<=") => plain(3, Binary::LessEqual),
        Kind::Sign(">") => plain(3, Binary::Greater),
        Kind::Sign(">=") => plain(3, Binary::GreaterEqual),
        Kind::Name(name) if name == "in" => plain(3, Binary::In),
        Kind::Sign("+") => plain(4, Binary::Add),
        Kind::Sign("-") => plain(4, Binary::Subtract),
        Kind::Sign("*") => plain(5, Binary::Multiply),
        Kind::Sign("/") => plain(5, Binary::Divide),
        Kind::Sign("%") => plain(5, Binary::Remainder),
        _ => None,
    }
}

#[derive(Clone, Copy)]
enum Operator {
    Or,
    And,
    Binary(Binary),
}

struct Parser<'t> {
    lexer: Lexer<'t>,
    next: Token,
    /// Calls of `expr` and `unary` that are open.
    depth: usize,
}

impl<'t> Parser<'t> {
    fn new(text: &'t str, at: usize) -> Result<Self, Fault> {
        let mut lexer = Lexer::new(text, at);
        let next = lexer.token()?;
        Ok(Parser { lexer, next, depth: 0 })
    }

    fn advance(&mut self) -> Result<Token, Fault> {
        let next = self.lexer.token()?;
        Ok(std::mem::replace(&mut self.next, next))
    }

    /// Takes the sign, if it is the next token.
    fn take(&mut self, sign: &str) -> Result<bool, Fault> {
        let found = matches!(self.next.kind, Kind::Sign(next) if next == sign);
        if found {
            self.advance()?;
        }
        Ok(found)
    }

    fn expect(&mut self, sign: &'static str) -> Result<Token, Fault> {
        match self.next.kind {
            Kind::Sign(next) if next == sign => self.advance(),
            _ => Err(self.unexpected(&format!("`{sign}`"))),
        }
    }

    fn unexpected(&self, expected: &str) -> Fault {
        let range = self.next.range.clone();
        let message = match &self.next.kind {
            Kind::End => "the expression ends too early".to_owned(),
            Kind::Sign("=") => "unexpected `=` in an expression".to_owned(),
            Kind::Sign(sign) => format!("unexpected `{sign}` in an expression"),
            Kind::Name(name) => format!("unexpected `{name}` in an expression"),
            _ => "two values stand side by side".to_owned(),
        };
        let fault = Fault::new(Code::ExprSyntax, range, message);
        let fault = fault.label(format!("expected {expected}"));
        match &self.next.kind {
            Kind::Sign("=") => fault.help("equality is written `==`"),
            Kind::Name(name) if name == "and" || name == "or" => {
                fault.help("`and` is written `&&`, `or` is written `||`")
            }
            _ => fault,
        }
    }

    fn nested<T>(
        &mut self,
        inside: impl FnOnce(&mut Self) -> Result<T, Fault>,
    ) -> Result<T, Fault> {
        if self.depth >= EXPR_DEPTH_MAX {
            return Err(too_deep(self.next.range.clone()));
        }
        self.depth += 1;
        let result = inside(self);
        self.depth -= 1;
        result
    }

    /// `a ? b : c`, the loosest of all.
    fn expr(&mut self) -> Parsed {
        self.nested(|parser| {
            let cond = parser.coalesce()?;
            if !parser.take("?")? {
                return Ok(cond);
            }
            let yes = parser.expr()?;
            parser.expect(":")?;
            let no = parser.expr()?;
            let (range, parts) = (cond.range.start..no.range.end, [&cond, &yes, &no]);
            let depth = deepest(parts);
            let (cond, yes, no) = (Box::new(cond), Box::new(yes), Box::new(no));
            built(range, depth, Node::Choice { cond, yes, no })
        })
    }

    /// `a ?? b`, to the right.
    fn coalesce(&mut self) -> Parsed {
        let left = self.binary(1)?;
        if !self.take("??")? {
            return Ok(left);
        }
        let right = self.nested(Self::coalesce)?;
        two(left, right, Node::Coalesce)
    }

    /// Operators of this rank and closer ones.
    fn binary(&mut self, rank_min: u8) -> Parsed {
        let mut left = self.unary()?;
        while let Some((rank, op)) = operator(&self.next.kind).filter(|(rank, _)| *rank >= rank_min)
        {
            self.advance()?;
            let right = self.binary(rank + 1)?;
            left = two(left, right, |left, right| match op {
                Operator::Or => Node::Or(left, right),
                Operator::And => Node::And(left, right),
                Operator::Binary(op) => Node::Binary { op, left, right },
            })?;
        }
        Ok(left)
    }

    fn unary(&mut self) -> Parsed {
        let start = self.next.range.start;
        let op = match self.next.kind {
            Kind::Sign("!") => Unary::Not,
            Kind::Sign("-") => Unary::Minus,
            _ => return self.postfix(),
        };
        self.advance()?;
        if let (Unary::Minus, Kind::Int(_)) = (op, &self.next.kind) {
            return self.negative(start);
        }
        let of = self.nested(Self::unary)?;
        let (range, depth) = (start..of.range.end, of.depth);
        built(range, depth, Node::Unary { op, of: Box::new(of) })
    }

    /// The sign belongs to the number: the least int has no positive twin.
    fn negative(&mut self, start: usize) -> Parsed {
        let token = self.advance()?;
        let Kind::Int(magnitude) = token.kind else { return Err(self.unexpected("a number")) };
        let range = start..token.range.end;
        let int = 0i64.checked_sub_unsigned(magnitude).ok_or_else(|| too_large(range.clone()))?;
        let expr = built(range, 0, Node::Const(Const::Int(int)))?;
        self.behind(expr)
    }

    fn postfix(&mut self) -> Parsed {
        let expr = self.primary()?;
        self.behind(expr)
    }

    /// Members, elements and methods of what has just been read.
    fn behind(&mut self, mut expr: Expr) -> Parsed {
        loop {
            if self.take(".")? {
                expr = self.member(expr)?;
            } else if self.take("[")? {
                let index = self.expr()?;
                let end = self.expect("]")?.range.end;
                let (range, depth) = (expr.range.start..end, deepest([&expr, &index]));
                let (of, index) = (Box::new(expr), Box::new(index));
                expr = built(range, depth, Node::Index { of, index })?;
            } else {
                return Ok(expr);
            }
        }
    }

    fn member(&mut self, of: Expr) -> Parsed {
        let Kind::Name(name) = self.next.kind.clone() else {
            return Err(self.unexpected("a name; other keys are written `x[\"key\"]`"));
        };
        let name_range = self.advance()?.range;
        if self.take("(")? {
            return self.call(Some(of), name, name_range);
        }
        let (range, depth) = (of.range.start..name_range.end, of.depth);
        built(range, depth, Node::Member { of: Box::new(of), name, name_range })
    }

    /// The arguments of a call, its bracket taken.
    fn call(&mut self, receiver: Option<Expr>, name: String, name_range: Range<usize>) -> Parsed {
        let (arguments, end) = self.items(")")?;
        let start = receiver.as_ref().map_or(name_range.start, |of| of.range.start);
        let depth = deepest(arguments.iter().chain(&receiver));
        let receiver = receiver.map(Box::new);
        built(start..end, depth, Node::Call { receiver, name, name_range, arguments })
    }

    /// Expressions with commas between them up to a bracket, which is taken.
    fn items(&mut self, close: &'static str) -> Result<(Vec<Expr>, usize), Fault> {
        let mut items = Vec::new();
        while !matches!(self.next.kind, Kind::Sign(next) if next == close) {
            items.push(self.expr()?);
            if !self.take(",")? {
                break;
            }
        }
        Ok((items, self.expect(close)?.range.end))
    }

    fn primary(&mut self) -> Parsed {
        let Token { kind, range } = self.next.clone();
        match kind {
            Kind::Sign("(") => self.parenthesis(),
            Kind::Sign("[") => self.list(),
            Kind::Sign("{") => {
                Err(Fault::new(Code::NotSupported, range, "there are no map literals")
                    .label("a map is written in YAML"))
            }
            Kind::Int(magnitude) => {
                self.advance()?;
                let int = i64::try_from(magnitude).map_err(|_| too_large(range.clone()))?;
                built(range, 0, Node::Const(Const::Int(int)))
            }
            Kind::Double(double) => self.constant(Const::Double(double)),
            Kind::Text(text) => self.constant(Const::Text(text)),
            Kind::Name(name) => self.name(name),
            _ => Err(self.unexpected("a value")),
        }
    }

    fn parenthesis(&mut self) -> Parsed {
        let start = self.advance()?.range.start;
        let inner = self.expr()?;
        let end = self.expect(")")?.range.end;
        Ok(Expr { range: start..end, ..inner })
    }

    fn list(&mut self) -> Parsed {
        let start = self.advance()?.range.start;
        let (items, end) = self.items("]")?;
        let depth = deepest(&items);
        built(start..end, depth, Node::List(items))
    }

    fn constant(&mut self, value: Const) -> Parsed {
        let range = self.advance()?.range;
        built(range, 0, Node::Const(value))
    }

    fn name(&mut self, name: String) -> Parsed {
        match name.as_str() {
            "true" => return self.constant(Const::Bool(true)),
            "false" => return self.constant(Const::Bool(false)),
            "null" => return self.constant(Const::Null),
            "in" => return Err(self.unexpected("a value")),
            _ => {}
        }
        let range = self.advance()?.range;
        if self.take("(")? {
            return self.call(None, name, range);
        }
        built(range, 0, if name == "omit" { Node::Omit } else { Node::Name(name) })
    }
}

fn deepest<'e>(parts: impl IntoIterator<Item = &'e Expr>) -> usize {
    parts.into_iter().map(|part| part.depth).max().unwrap_or(0)
}

fn two(left: Expr, right: Expr, node: impl FnOnce(Box<Expr>, Box<Expr>) -> Node) -> Parsed {
    let (range, depth) = (left.range.start..right.range.end, deepest([&left, &right]));
    built(range, depth, node(Box::new(left), Box::new(right)))
}

/// A node above parts of this depth.
fn built(range: Range<usize>, below: usize, node: Node) -> Parsed {
    match below < EXPR_DEPTH_MAX {
        true => Ok(Expr { range, depth: below + 1, node }),
        false => Err(too_deep(range)),
    }
}

fn too_deep(range: Range<usize>) -> Fault {
    let message = format!("an expression nests at most {EXPR_DEPTH_MAX} deep");
    Fault::new(Code::ExprTooLarge, range.start..range.start, message)
        .label("this is deeper")
        .help("keep a part of it in a variable, or in a step of its own")
}

fn too_large(range: Range<usize>) -> Fault {
    Fault::new(Code::BadNumber, range, "this number is too large")
        .label("an int is -9223372036854775808 to 9223372036854775807")
}
