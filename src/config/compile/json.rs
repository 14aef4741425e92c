//! A payload: JSON text with holes, compiled to literal JSON text and typed holes.
//!
//! Invariants: whatever the holes hold, the result is one JSON value of the same shape; white space
//! between tokens is dropped; nesting is bounded, so the recursion is too. Called by `calls`.

use super::super::codes::Code;
use super::super::diagnostic::Diagnostic;
use super::calls::{Param, Scope};
use super::ir::{Template, Value};
use super::template::{self, Hole};
use crate::limits::JSON_DEPTH_MAX;
use crate::pipeline::op::Form;

/// Compiles a payload; what is not JSON is a finding at its place.
pub fn payload(param: &Param<'_>, scope: &mut Scope<'_>) -> Template {
    let found = template::holes(param.text());
    let values: Vec<Option<Value>> =
        found.iter().map(|hole| template::resolve(param, hole, scope)).collect();
    let mut reader = Reader::new(param.text(), &found);
    match reader.document() {
        Ok(()) => reader.into_template(&values, param, scope),
        Err(wrong) => {
            let end = wrong.at + usize::from(wrong.at < param.text().len());
            let span = param.place(scope.source, wrong.at..end);
            let finding = Diagnostic::new(Code::PayloadNotJson, "this payload is not JSON");
            scope.findings.push(finding.label(span, wrong.message).help(
                "a template stands inside a string (\"{.payload.x}\") \
                 or at a value's place ({.payload.x})",
            ));
            Template::default()
        }
    }
}

/// What is not JSON, and where in the text.
#[derive(Debug, PartialEq, Eq)]
struct Wrong {
    at: usize,
    message: &'static str,
}

/// Output of the reader: text, or the number of a hole.
#[derive(Debug, PartialEq, Eq)]
enum Piece {
    Text(String),
    Hole(usize, Form),
}

struct Reader<'t> {
    text: &'t str,
    at: usize,
    holes: &'t [Hole],
    depth: usize,
    out: Vec<Piece>,
}

impl<'t> Reader<'t> {
    fn new(text: &'t str, holes: &'t [Hole]) -> Self {
        Reader { text, at: 0, holes, depth: 0, out: Vec::new() }
    }

    fn into_template(
        self,
        values: &[Option<Value>],
        param: &Param<'_>,
        scope: &Scope<'_>,
    ) -> Template {
        let mut template = Template::default();
        for piece in self.out {
            match piece {
                Piece::Text(text) => template.literal(&text),
                Piece::Hole(number, form) => {
                    let span = param.place(scope.source, self.holes[number].range.clone());
                    if let Some(value) = values.get(number).cloned().flatten() {
                        template.hole(value, form, span);
                    }
                }
            }
        }
        template
    }

    fn document(&mut self) -> Result<(), Wrong> {
        self.value()?;
        self.blanks();
        match self.at == self.text.len() {
            true => Ok(()),
            false => self.wrong("nothing may follow the value"),
        }
    }

    fn wrong<T>(&self, message: &'static str) -> Result<T, Wrong> {
        Err(Wrong { at: self.at, message })
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn blanks(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    /// Copies the next `len` bytes.
    fn copy(&mut self, len: usize) {
        let text = &self.text[self.at..self.at + len];
        match self.out.last_mut() {
            Some(Piece::Text(last)) => last.push_str(text),
            _ => self.out.push(Piece::Text(text.to_owned())),
        }
        self.at += len;
    }

    /// Takes the hole that begins here.
    fn hole(&mut self, form: Form) -> bool {
        let Ok(number) = self.holes.binary_search_by_key(&self.at, |hole| hole.range.start) else {
            return false;
        };
        self.out.push(Piece::Hole(number, form));
        self.at = self.holes[number].range.end;
        true
    }

    fn value(&mut self) -> Result<(), Wrong> {
        self.blanks();
        if self.hole(Form::Raw) {
            return Ok(());
        }
        match self.peek() {
            Some(b'{') => self.nested(Self::object),
            Some(b'[') => self.nested(Self::array),
            Some(b'"') => self.string(),
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(_) => self.word(),
            None => self.wrong("a value is missing here"),
        }
    }

    fn nested(&mut self, read: fn(&mut Self) -> Result<(), Wrong>) -> Result<(), Wrong> {
        if self.depth >= JSON_DEPTH_MAX {
            return self.wrong("this is nested too deeply");
        }
        self.depth += 1;
        self.copy(1);
        self.blanks();
        let read = read(self);
        self.depth -= 1;
        read
    }

    fn object(&mut self) -> Result<(), Wrong> {
        if self.peek() == Some(b'}') {
            self.copy(1);
            return Ok(());
        }
        loop {
            self.blanks();
            match self.peek() {
                Some(b'"') => self.string()?,
                _ => return self.wrong("a key in double quotes is expected here"),
            }
            self.blanks();
            match self.peek() {
                Some(b':') => self.copy(1),
                _ => return self.wrong("a colon is expected here"),
            }
            self.value()?;
            if self.ends(b'}', "a comma or `}` is expected here")? {
                return Ok(());
            }
        }
    }

    fn array(&mut self) -> Result<(), Wrong> {
        if self.peek() == Some(b']') {
            self.copy(1);
            return Ok(());
        }
        loop {
            self.value()?;
            if self.ends(b']', "a comma or `]` is expected here")? {
                return Ok(());
            }
        }
    }

    /// Takes a comma or the closing bracket; tells which.
    fn ends(&mut self, close: u8, message: &'static str) -> Result<bool, Wrong> {
        self.blanks();
        match self.peek() {
            Some(b',') => {
                self.copy(1);
                Ok(false)
            }
            Some(byte) if byte == close => {
                self.copy(1);
                Ok(true)
            }
            _ => self.wrong(message),
        }
    }

    fn string(&mut self) -> Result<(), Wrong> {
        self.copy(1);
        loop {
            if self.hole(Form::Inner) {
                continue;
            }
            match self.peek() {
                Some(b'"') => {
                    self.copy(1);
                    return Ok(());
                }
                Some(b'\\') => self.escape()?,
                Some(0..0x20) => return self.wrong("a control character must be escaped"),
                Some(_) => {
                    let len = self.text[self.at..].chars().next().map_or(1, char::len_utf8);
                    self.copy(len);
                }
                None => return self.wrong("the string is not closed"),
            }
        }
    }

    fn escape(&mut self) -> Result<(), Wrong> {
        let rest = &self.text.as_bytes()[self.at + 1..];
        match rest {
            [b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't', ..] => self.copy(2),
            [b'u', digits @ ..] if digits.len() >= 4 => {
                if !digits[..4].iter().all(u8::is_ascii_hexdigit) {
                    return self.wrong("`\\u` needs four hexadecimal digits");
                }
                self.copy(6);
            }
            _ => return self.wrong("no such escape"),
        }
        Ok(())
    }

    fn number(&mut self) -> Result<(), Wrong> {
        let part = |b: &u8| b.is_ascii_alphanumeric() || b"+-.".contains(b);
        let len = self.text.as_bytes()[self.at..].iter().take_while(|b| part(b)).count();
        let text = &self.text[self.at..self.at + len];
        match serde_json::from_str::<&serde_json::value::RawValue>(text) {
            Ok(_) => {
                self.copy(len);
                Ok(())
            }
            Err(_) => self.wrong("this is not a number"),
        }
    }

    fn word(&mut self) -> Result<(), Wrong> {
        for word in ["true", "false", "null"] {
            let behind = self.text[self.at..].strip_prefix(word);
            if behind.is_some_and(|rest| !rest.starts_with(|c: char| c.is_ascii_alphanumeric())) {
                self.copy(word.len());
                return Ok(());
            }
        }
        self.wrong("a value is expected here")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<String, Wrong> {
        let holes = template::holes(text);
        let mut reader = Reader::new(text, &holes);
        reader.document()?;
        let show = |piece: Piece| match piece {
            Piece::Text(text) => text,
            Piece::Hole(number, form) => {
                format!("<{form:?} {}>", &text[holes[number].name.clone()])
            }
        };
        Ok(reader.out.into_iter().map(show).collect())
    }

    #[test]
    fn white_space_goes_and_holes_are_typed_by_their_place() {
        for (text, out) in [
            ("{}", "{}"),
            (" [ ] ", "[]"),
            (r#"{"a": [1, -2.5e3, true, null]}"#, r#"{"a":[1,-2.5e3,true,null]}"#),
            (r#"{"a b": "c d"}"#, r#"{"a b":"c d"}"#),
            (r#"{"a": "{.x} and {$user.id}"}"#, r#"{"a":"<Inner .x> and <Inner $user.id>"}"#),
            (r#"{"a": {.x}, "b": [{.y}]}"#, r#"{"a":<Raw .x>,"b":[<Raw .y>]}"#),
            (r#"{"{.k}": 1}"#, r#"{"<Inner .k>":1}"#),
            ("{.payload}", "<Raw .payload>"),
            (r#""é{}\u00e9\"{ .x }""#, r#""é{}\u00e9\"{ .x }""#),
        ] {
            assert_eq!(read(text).as_deref(), Ok(out), "{text}");
        }
    }

    #[test]
    fn what_is_not_json_is_told_with_its_place() {
        for (text, at) in [
            ("", 0),
            ("{", 1),
            (r#"{"a" 1}"#, 5),
            (r#"{"a": 1,}"#, 8),
            ("[1 2]", 3),
            (r#"{"a": "b}"#, 9),
            (r#"{"a": {.x y}}"#, 7),
            (r#"{"a": 1{.x}}"#, 7),
            ("{{.k}: 1}", 1),
            ("\"a\nb\"", 2),
            (r#""\x""#, 1),
            (r#""\u12g4""#, 1),
            ("01", 0),
            ("nul", 0),
            ("truex", 0),
            ("1 2", 2),
            ("'a'", 0),
        ] {
            assert_eq!(read(text).err().map(|wrong| wrong.at), Some(at), "{text}");
        }
        let deep = "[".repeat(JSON_DEPTH_MAX + 1);
        assert_eq!(read(&deep).err().map(|wrong| wrong.at), Some(JSON_DEPTH_MAX));
    }
}
