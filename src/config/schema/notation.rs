//! The notation of one type: `optional secret string(1..64) = "x"`.
//!
//! ```text
//! type    = { "optional" | "secret" } base [ "=" default ]
//! base    = name [ "(" argument ")" ] [ "(" range ")" ]
//! range   = [ bound ] ".." [ bound ] | bound
//! ```
//!
//! Invariants: nesting is that of the text, which is bounded before; a `Wrong` names a byte range
//! of the text.

use std::ops::Range;

use super::{Kind, Schema};
use crate::config::source::Span;
use crate::limits::JSON_DEPTH_MAX;

/// What is wrong with a type as written.
#[derive(Debug, PartialEq)]
pub struct Wrong {
    pub at: Range<usize>,
    pub what: What,
    pub message: String,
}

/// Which kind of mistake, for its code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    Unknown,
    Syntax,
    Range,
    Default,
}

/// The names a type may have.
pub const NAMES: [&str; 10] =
    ["string", "int", "number", "bool", "uuid", "enum", "list", "any", "optional", "secret"];

/// Reads a type that is the whole text.
pub fn parse(text: &str, span: Span) -> Result<Schema, Wrong> {
    let mut reader = Reader { text, at: 0, span, depth: 0 };
    let schema = reader.complete()?;
    match reader.peek() {
        None => Ok(schema),
        Some(_) => reader.wrong(What::Syntax, "nothing may follow the type here"),
    }
}

struct Reader<'t> {
    text: &'t str,
    at: usize,
    span: Span,
    depth: usize,
}

type Read<T> = Result<T, Wrong>;

impl<'t> Reader<'t> {
    fn rest(&self) -> &'t str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn peek(&mut self) -> Option<char> {
        self.at = self.text.len() - self.rest().trim_start().len();
        self.rest().chars().next()
    }

    fn take(&mut self, wanted: char) -> bool {
        let found = self.peek() == Some(wanted);
        self.at += if found { wanted.len_utf8() } else { 0 };
        found
    }

    fn wrong<T>(&mut self, what: What, message: impl Into<String>) -> Read<T> {
        self.peek();
        let len = self.rest().chars().next().map_or(0, char::len_utf8);
        Err(Wrong { at: self.at..self.at + len, what, message: message.into() })
    }

    fn word(&mut self) -> &'t str {
        self.peek();
        let rest = self.rest();
        let len = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len());
        self.at += len;
        &rest[..len]
    }

    /// A type with its default.
    fn complete(&mut self) -> Read<Schema> {
        let mut schema = self.plain()?;
        if self.take('=') {
            self.peek();
            let (start, text) = (self.at, self.rest().trim_end());
            schema.default = Some(self.default(&schema.kind, text, start)?);
            self.at = self.text.len();
        }
        Ok(schema)
    }

    /// A type without a default.
    fn plain(&mut self) -> Read<Schema> {
        let mut schema = Schema::any(self.span);
        loop {
            self.peek();
            let start = self.at;
            match self.word() {
                "optional" => schema.optional = true,
                "secret" => schema.secret = true,
                "" => return self.wrong(What::Syntax, "the name of a type is expected here"),
                name => {
                    schema.kind = self.base(name, start)?;
                    return Ok(schema);
                }
            }
        }
    }

    fn base(&mut self, name: &str, start: usize) -> Read<Kind> {
        match name {
            "any" => Ok(Kind::Any),
            "bool" => Ok(Kind::Bool),
            "uuid" => Ok(Kind::Uuid),
            "string" => {
                self.range(0, u32::MAX, |text| text.parse().ok()).map(|(a, b)| Kind::String(a, b))
            }
            "int" => self
                .range(i64::MIN, i64::MAX, |text| text.parse().ok())
                .map(|(a, b)| Kind::Int(a, b)),
            "number" => self.range(f64::MIN, f64::MAX, finite).map(|(a, b)| Kind::Number(a, b)),
            "enum" => self.names().map(Kind::Enum),
            "list" => self.list(),
            _ => Err(Wrong {
                at: start..self.at,
                what: What::Unknown,
                message: format!("unknown type `{name}`"),
            }),
        }
    }

    fn list(&mut self) -> Read<Kind> {
        if !self.take('(') {
            return self.wrong(What::Syntax, "`list` names its elements: `list(int)`");
        }
        self.depth += 1;
        if self.depth > JSON_DEPTH_MAX {
            return self.wrong(What::Syntax, "this is nested too deeply");
        }
        let each = self.plain()?;
        self.depth -= 1;
        if !self.take(')') {
            return self.wrong(What::Syntax, "a `)` is expected here");
        }
        let (min, max) = self.range(0, u32::MAX, |text| text.parse().ok())?;
        Ok(Kind::List(Box::new(each), min, max))
    }

    /// What stands in the parentheses, if there are some, and where.
    fn argument(&mut self) -> Read<Option<(usize, &'t str)>> {
        if !self.take('(') {
            return Ok(None);
        }
        let start = self.at;
        match self.rest().find(')') {
            Some(len) => {
                self.at += len + 1;
                Ok(Some((start, &self.text[start..start + len])))
            }
            None => {
                self.at = self.text.len();
                self.wrong(What::Syntax, "a `)` is missing")
            }
        }
    }

    fn range<T: PartialOrd + Copy>(
        &mut self,
        min: T,
        max: T,
        bound: impl Fn(&str) -> Option<T>,
    ) -> Read<(T, T)> {
        let Some((start, text)) = self.argument()? else { return Ok((min, max)) };
        let wrong = |message: &str| Wrong {
            at: start..start + text.len(),
            what: What::Range,
            message: message.to_owned(),
        };
        let one = |text: &str, open: T| match text.trim() {
            "" => Some(open),
            text => bound(text),
        };
        let (from, to) = text.split_once("..").unwrap_or((text, text));
        let open = text.trim().is_empty() || text.trim() == "..";
        match (one(from, min), one(to, max)) {
            (Some(from), Some(to)) if from <= to && !open => Ok((from, to)),
            (Some(_), Some(_)) if !open => Err(wrong("a range goes from less to more")),
            _ => Err(wrong("a range is written `1..64`, `1..`, `..64` or `64`")),
        }
    }

    fn names(&mut self) -> Read<Vec<String>> {
        let found = self.argument()?;
        let Some((start, text)) = found else {
            return self.wrong(What::Syntax, "`enum` names its values: `enum(a|b)`");
        };
        let names: Vec<String> = text.split('|').map(|name| name.trim().to_owned()).collect();
        let twice = names.iter().enumerate().any(|(at, name)| names[..at].contains(name));
        match names.iter().any(String::is_empty) || twice {
            true => Err(Wrong {
                at: start..start + text.len(),
                what: What::Syntax,
                message: "the values of an `enum` are names that differ, with `|` between".into(),
            }),
            false => Ok(names),
        }
    }

    /// A default as JSON text; a string may also be bare or in single quotes.
    fn default(&self, kind: &Kind, text: &str, start: usize) -> Read<String> {
        let wrong =
            |message: String| Wrong { at: start..start + text.len(), what: What::Default, message };
        let single = text.strip_prefix('\'').and_then(|text| text.strip_suffix('\''));
        let is_name = matches!(kind, Kind::Enum(names) if names.iter().any(|name| name == text));
        let value: serde_json::Value = match single.or(is_name.then_some(text)) {
            Some(text) => text.into(),
            None => serde_json::from_str(text)
                .map_err(|_| wrong(format!("`{text}` is not a value: write it as in JSON")))?,
        };
        match fits(kind, &value) {
            true => Ok(value.to_string()),
            false => Err(wrong("the default does not fit its own type".into())),
        }
    }
}

fn finite(text: &str) -> Option<f64> {
    text.parse().ok().filter(|number: &f64| number.is_finite())
}

/// Whether a value is of this kind.
fn fits(kind: &Kind, value: &serde_json::Value) -> bool {
    use serde_json::Value;
    match (kind, value) {
        (Kind::Any | Kind::Broken, _) | (Kind::Bool, Value::Bool(_)) => true,
        (Kind::String(min, max), Value::String(text)) => {
            (u64::from(*min)..=u64::from(*max)).contains(&(text.chars().count() as u64))
        }
        (Kind::Int(min, max), _) => value.as_i64().is_some_and(|n| (*min..=*max).contains(&n)),
        (Kind::Number(min, max), _) => value.as_f64().is_some_and(|n| (*min..=*max).contains(&n)),
        (Kind::Enum(names), Value::String(text)) => names.contains(text),
        (Kind::List(each, min, max), Value::Array(list)) => {
            (u64::from(*min)..=u64::from(*max)).contains(&(list.len() as u64))
                && list.iter().all(|one| fits(&each.kind, one))
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(text: &str) -> Kind {
        parse(text, Span::new(0, 0)).unwrap().kind
    }

    #[test]
    fn every_kind_with_its_bounds() {
        assert_eq!(kind("string"), Kind::String(0, u32::MAX));
        assert_eq!(kind("string(1..64)"), Kind::String(1, 64));
        assert_eq!(kind(" string ( ..64 ) "), Kind::String(0, 64));
        assert_eq!(kind("string(8)"), Kind::String(8, 8));
        assert_eq!(kind("int(0..)"), Kind::Int(0, i64::MAX));
        assert_eq!(kind("int(-5..5)"), Kind::Int(-5, 5));
        assert_eq!(kind("number(0.5..1e3)"), Kind::Number(0.5, 1e3));
        assert_eq!(kind("enum(a | b-c)"), Kind::Enum(vec!["a".into(), "b-c".into()]));
        let Kind::List(each, 0, 20) = kind("list(optional int(1..))(..20)") else { panic!() };
        assert!(each.optional && each.kind == Kind::Int(1, i64::MAX));
        let both = parse("secret optional uuid", Span::new(0, 0)).unwrap();
        assert!(both.secret && both.optional && both.kind == Kind::Uuid);
    }

    #[test]
    fn defaults_are_values_of_their_type() {
        for (text, json) in [
            ("string = \"\"", "\"\""),
            ("string(..64) = 'it is'", "\"it is\""),
            ("int = 7", "7"),
            ("bool=false", "false"),
            ("enum(a|b) = b", "\"b\""),
            ("list(int) = []", "[]"),
            ("any = null", "null"),
        ] {
            let schema = parse(text, Span::new(0, 0)).unwrap();
            assert_eq!(schema.default.as_deref(), Some(json), "{text}");
        }
    }

    #[test]
    fn what_is_no_type_is_told_with_its_place() {
        for (text, what, at) in [
            ("", What::Syntax, 0),
            ("strng", What::Unknown, 0),
            ("optional strng", What::Unknown, 9),
            ("string(1..", What::Syntax, 10),
            ("string(5..1)", What::Range, 7),
            ("string(..)", What::Range, 7),
            ("string(-1..)", What::Range, 7),
            ("int(a)", What::Range, 4),
            ("number(..inf)", What::Range, 7),
            ("enum", What::Syntax, 4),
            ("enum(a|a)", What::Syntax, 5),
            ("list", What::Syntax, 4),
            ("list(int", What::Syntax, 8),
            ("int int", What::Syntax, 4),
            ("int = x", What::Default, 6),
            ("string(2..) = \"a\"", What::Default, 14),
        ] {
            let wrong = parse(text, Span::new(0, 0)).unwrap_err();
            assert_eq!((wrong.what, wrong.at.start), (what, at), "{text}: {}", wrong.message);
        }
        let deep = "list(".repeat(JSON_DEPTH_MAX + 1);
        assert_eq!(parse(&deep, Span::new(0, 0)).unwrap_err().what, What::Syntax);
    }
}
