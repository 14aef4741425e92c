//! The grammar of `Sec-WebSocket-Extensions` (RFC 6455 section 9.1).
//!
//! Invariants: a line is read once, left to right; what does not fit the grammar is `Malformed`. A
//! quoted value must be a token once it is unquoted, as the RFC demands.

use std::borrow::Cow;

use super::tokens::{is_token, is_token_byte, trim};

/// The line does not fit the grammar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed;

/// One `name[=value]` of an extension.
#[derive(Debug)]
pub struct Parameter<'b> {
    pub name: &'b [u8],
    pub value: Option<Cow<'b, [u8]>>,
}

/// Calls `each` with every extension of the line: its name in lower case and its parameters.
pub fn for_each(
    line: &[u8],
    mut each: impl FnMut(&[u8], &[Parameter<'_>]),
) -> Result<(), Malformed> {
    let mut cursor = Cursor { rest: trim(line) };
    while !cursor.rest.is_empty() {
        if cursor.eat(b',') {
            continue;
        }
        let name = cursor.token()?.to_ascii_lowercase();
        let parameters = cursor.parameters()?;
        each(&name, &parameters);
        if !cursor.rest.is_empty() && !cursor.eat(b',') {
            return Err(Malformed);
        }
    }
    Ok(())
}

/// What is left of the line, never starting with a space.
struct Cursor<'b> {
    rest: &'b [u8],
}

impl<'b> Cursor<'b> {
    fn eat(&mut self, byte: u8) -> bool {
        let Some(rest) = self.rest.strip_prefix(&[byte]) else { return false };
        self.rest = trim(rest);
        true
    }

    fn token(&mut self) -> Result<&'b [u8], Malformed> {
        let is_end = |&byte: &u8| !is_token_byte(byte);
        let end = self.rest.iter().position(is_end).unwrap_or(self.rest.len());
        let (token, rest) = self.rest.split_at(end);
        self.rest = trim(rest);
        if token.is_empty() { Err(Malformed) } else { Ok(token) }
    }

    fn parameters(&mut self) -> Result<Vec<Parameter<'b>>, Malformed> {
        let mut parameters = Vec::new();
        while self.eat(b';') {
            let name = self.token()?;
            let value = if self.eat(b'=') { Some(self.value()?) } else { None };
            parameters.push(Parameter { name, value });
        }
        Ok(parameters)
    }

    fn value(&mut self) -> Result<Cow<'b, [u8]>, Malformed> {
        match self.rest.strip_prefix(b"\"") {
            Some(quoted) => self.quoted(quoted).map(Cow::Owned),
            None => self.token().map(Cow::Borrowed),
        }
    }

    /// A quoted string whose opening quote is eaten.
    fn quoted(&mut self, quoted: &'b [u8]) -> Result<Vec<u8>, Malformed> {
        let mut value = Vec::new();
        let mut bytes = quoted.iter();
        loop {
            match bytes.next() {
                Some(b'"') => break,
                Some(b'\\') => value.push(*bytes.next().ok_or(Malformed)?),
                Some(&byte) => value.push(byte),
                None => return Err(Malformed),
            }
        }
        self.rest = trim(bytes.as_slice());
        if is_token(&value) { Ok(value) } else { Err(Malformed) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Result<String, Malformed> {
        let mut out = String::new();
        for_each(line.as_bytes(), |name, parameters| {
            out += &format!("[{}", String::from_utf8_lossy(name));
            for parameter in parameters {
                let value = parameter.value.as_deref().map(String::from_utf8_lossy);
                out += &format!(" {}={value:?}", String::from_utf8_lossy(parameter.name));
            }
            out.push(']');
        })?;
        Ok(out)
    }

    #[test]
    fn names_parameters_and_quotes_are_read() {
        assert_eq!(read("").as_deref(), Ok(""));
        assert_eq!(read(" A ; b ; c = d,, e").as_deref(), Ok("[a b=None c=Some(\"d\")][e]"));
        assert_eq!(read("a;b=\"c\\d\";e").as_deref(), Ok("[a b=Some(\"cd\") e=None]"));
    }

    #[test]
    fn what_does_not_fit_is_malformed() {
        for line in ["a b", ";a", "a;", "a;b=", "a;=b", "a;b=\"", "a;b=\"\"", "a;b=\"c", "a;b=\"\\"]
        {
            assert_eq!(read(line), Err(Malformed), "{line}");
        }
    }
}
