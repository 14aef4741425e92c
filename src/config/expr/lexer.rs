//! Text to tokens, one at a time.
//!
//! Invariants: `at` never leaves the text or splits a character; a token's range is where it
//! stands in the whole text. Used by `parser` alone.

use std::ops::Range;

use super::fault::Fault;
use super::literal;
use crate::config::Code;

/// What a token is.
#[derive(Clone, Debug, PartialEq)]
pub enum Kind {
    Name(String),
    /// A whole number without its sign.
    Int(u64),
    Double(f64),
    Text(String),
    /// An operator or bracket.
    Sign(&'static str),
    End,
}

/// A token and the bytes it stands at.
#[derive(Clone, Debug, PartialEq)]
pub struct Token {
    pub kind: Kind,
    pub range: Range<usize>,
}

/// Longer signs before those they begin with.
const SIGNS: [&str; 26] = [
    "&&", "||", "==", "!=", "<=", ">=", "??", "<", ">", "+", "-", "*", "/", "%", "!", "?", ":",
    ".", ",", "(", ")", "[", "]", "{", "}", "=",
];

/// See the module.
pub struct Lexer<'t> {
    text: &'t str,
    at: usize,
}

impl<'t> Lexer<'t> {
    /// Reads from a character on.
    pub fn new(text: &'t str, at: usize) -> Self {
        Lexer { text, at }
    }

    fn rest(&self) -> &'t str {
        self.text.get(self.at..).unwrap_or_default()
    }

    pub fn token(&mut self) -> Result<Token, Fault> {
        self.at += self.rest().len() - self.rest().trim_start().len();
        let start = self.at;
        let kind = self.kind()?;
        Ok(Token { kind, range: start..self.at })
    }

    fn kind(&mut self) -> Result<Kind, Fault> {
        let rest = self.rest();
        let mut chars = rest.chars();
        let (first, second) = (chars.next(), chars.next());
        match (first, second) {
            (None, _) => Ok(Kind::End),
            (Some('0'..='9'), _) | (Some('.'), Some('0'..='9')) => self.number(),
            (Some('"' | '\''), _) => self.string(0),
            (Some('r' | 'R' | 'b' | 'B'), Some('"' | '\'')) => self.string(1),
            (Some(c), _) if is_name_start(c) => Ok(self.name()),
            _ => self.sign(),
        }
    }

    fn name(&mut self) -> Kind {
        let rest = self.rest();
        let len = rest.find(|c| !is_name(c)).unwrap_or(rest.len());
        self.at += len;
        Kind::Name(rest[..len].to_owned())
    }

    fn sign(&mut self) -> Result<Kind, Fault> {
        let rest = self.rest();
        if let Some(sign) = SIGNS.iter().find(|sign| rest.starts_with(**sign)) {
            self.at += sign.len();
            return Ok(Kind::Sign(sign));
        }
        let len = rest.chars().next().map_or(0, char::len_utf8);
        let message = format!("unexpected `{}` in an expression", &rest[..len]);
        let fault = Fault::new(Code::ExprSyntax, self.at..self.at + len, message);
        Err(match rest.as_bytes().first() {
            Some(b'&' | b'|') => fault.label("`&&` and `||` are written twice"),
            _ => fault.label("no part of any expression"),
        })
    }

    fn number(&mut self) -> Result<Kind, Fault> {
        let (number, len) = literal::number(self.rest());
        let range = self.at..self.at + len;
        let behind = self.text[range.end..].chars().next();
        if matches!(behind, Some('u' | 'U')) {
            let fault = Fault::new(Code::NotSupported, range, "there are no unsigned numbers");
            return Err(fault.label("leave the `u` away: an int has 64 bits and a sign"));
        }
        if behind.is_some_and(is_name) {
            let fault = Fault::new(Code::BadNumber, range, "a name begins in a number");
            return Err(fault.label("a number ends before this letter"));
        }
        self.at = range.end;
        number.ok_or_else(|| {
            Fault::new(Code::BadNumber, range, "this number is too large")
                .label("an int is at most 9223372036854775807")
        })
    }

    /// A string; `prefix` is the length of a letter before its quote.
    fn string(&mut self, prefix: usize) -> Result<Kind, Fault> {
        let rest = self.rest();
        if rest.starts_with(['b', 'B']) {
            let range = self.at..self.at + 1;
            let fault = Fault::new(Code::NotSupported, range, "there are no byte strings");
            return Err(fault.label("strings are text"));
        }
        let read = literal::string(&rest[prefix..], prefix > 0);
        let (text, len) = read.map_err(|(place, why)| {
            let at = self.at + prefix + place.start;
            let range = at..at + place.len();
            Fault::new(Code::BadString, range, "this is not a string").label(why)
        })?;
        self.at += prefix + len;
        Ok(Kind::Text(text))
    }
}

fn is_name_start(c: char) -> bool {
    c.is_ascii_alphabetic() || c == '_'
}

fn is_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}
