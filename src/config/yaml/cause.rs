//! Why a text is not YAML: what the reader stumbled over is often lines above where it stopped.
//!
//! Invariants: a guess, so only asked where the reader has stopped; it says nothing of any of the
//! examples, which are YAML; one pass, no recursion. Called by `tree`.

use std::ops::Range;

use super::places::quoted_len;

/// Lines behind the one where the reader stopped that it may have been looking at.
const LINES_AHEAD: usize = 2;

/// A place, and what is wrong with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cause {
    pub range: Range<usize>,
    pub label: &'static str,
}

/// The likely cause of an error that a reader met here.
pub fn cause(text: &str, stopped: usize) -> Option<Cause> {
    let behind = text.get(stopped..)?;
    let ahead: usize = behind.split_inclusive('\n').take(1 + LINES_AHEAD).map(str::len).sum();
    let mut scan = Scan { text: text.as_bytes(), at: 0, open: Vec::new(), column: 0 };
    scan.run(stopped + ahead).err().or_else(|| {
        let (_, opener) = scan.open.last()?;
        Some(Cause { range: *opener..opener + 1, label: "this is not closed" })
    })
}

/// A walk over the tokens of a text.
struct Scan<'t> {
    text: &'t [u8],
    at: usize,
    /// Brackets that are open, with their places.
    open: Vec<(u8, usize)>,
    /// The column that the lines of a block scalar here must be right of.
    column: usize,
}

impl Scan<'_> {
    fn run(&mut self, end: usize) -> Result<(), Cause> {
        while self.at < end.min(self.text.len()) {
            self.indentation()?;
            while self.peek(0) != b'\n' && self.at < self.text.len() {
                self.token()?;
            }
            self.at += 1;
        }
        Ok(())
    }

    /// The byte so many behind; a newline behind the end.
    fn peek(&self, ahead: usize) -> u8 {
        self.text.get(self.at + ahead).copied().unwrap_or(b'\n')
    }

    fn ends_token(byte: u8) -> bool {
        byte.is_ascii_whitespace()
    }

    /// What a line begins with; a line of comment or nothing may begin with anything.
    fn indentation(&mut self) -> Result<(), Cause> {
        let start = self.at;
        while matches!(self.peek(0), b' ' | b'\t') {
            self.at += 1;
        }
        let is_code = !matches!(self.peek(0), b'\n' | b'\r' | b'#');
        let tab = self.text[start..self.at].iter().position(|byte| *byte == b'\t');
        match tab.filter(|_| is_code && self.open.is_empty()) {
            Some(tab) => self.fail(start + tab..start + tab + 1, "YAML is indented with blanks"),
            None => Ok(()),
        }
    }

    fn fail(&self, range: Range<usize>, label: &'static str) -> Result<(), Cause> {
        Err(Cause { range, label })
    }

    fn token(&mut self) -> Result<(), Cause> {
        match self.peek(0) {
            b' ' | b'\t' | b'\r' => self.at += 1,
            b'#' => self.comment(),
            b'-' | b'?' | b':' if Self::ends_token(self.peek(1)) => {
                self.column = self.column_of(self.at);
                self.at += 1;
            }
            b'&' | b'!' | b'*' => self.word(),
            b'"' | b'\'' => return self.quoted(),
            b'[' | b'{' => {
                self.open.push((self.peek(0), self.at));
                self.at += 1;
            }
            b']' | b'}' => return self.closed(),
            b',' if !self.open.is_empty() => self.at += 1,
            b'|' | b'>' if self.open.is_empty() => self.block(),
            _ => self.plain(),
        }
        Ok(())
    }

    fn comment(&mut self) {
        while self.peek(0) != b'\n' {
            self.at += 1;
        }
    }

    fn word(&mut self) {
        self.at += 1;
        while !Self::ends_token(self.peek(0)) && !b",[]{}".contains(&self.peek(0)) {
            self.at += 1;
        }
    }

    fn column_of(&self, at: usize) -> usize {
        at - self.text[..at].iter().rposition(|byte| *byte == b'\n').map_or(0, |line| line + 1)
    }

    /// A plain scalar, to the end of its line at most.
    fn plain(&mut self) {
        let start = self.at;
        loop {
            let (byte, next) = (self.peek(0), self.peek(1));
            let is_key = byte == b':' && Self::ends_token(next);
            let inside = !self.open.is_empty() && b",[]{}".contains(&byte);
            if byte == b'\n' || is_key || inside && self.at > start {
                if is_key {
                    self.column = self.column_of(start);
                    self.at += 1;
                }
                return;
            }
            if byte == b' ' && next == b'#' {
                return;
            }
            self.at += 1;
        }
    }

    fn quoted(&mut self) -> Result<(), Cause> {
        let start = self.at;
        let len = quoted_len(&self.text[start..]);
        let quoted = &self.text[start..start + len];
        self.at = start + len;
        if len < 2 || quoted.last() != Some(&quoted[0]) {
            return self.fail(start..start + 1, "this quote is not closed");
        }
        let lines = quoted.contains(&b'\n');
        match (self.rest(), lines) {
            (None, _) => Ok(()),
            (Some(b':'), false) => Ok(()),
            (Some(_), true) => self.fail(start..start + 1, "this quote is closed in another line"),
            (Some(_), false) => self.trailing("nothing can stand behind the closing quote"),
        }
    }

    fn closed(&mut self) -> Result<(), Cause> {
        let (closer, here) = (self.peek(0), self.at..self.at + 1);
        self.at += 1;
        match (self.open.pop(), closer) {
            (Some((b'[', _)), b']') | (Some((b'{', _)), b'}') => match self.rest() {
                None | Some(b':') => Ok(()),
                Some(_) => self.trailing("nothing can stand behind the closing bracket"),
            },
            (Some((_, opener)), _) => self.fail(opener..opener + 1, "this is not closed"),
            (None, _) => self.fail(here, "nothing is open that this would close"),
        }
    }

    /// What stands behind a value on its line, and may not.
    fn rest(&self) -> Option<u8> {
        let blanks = (0..).take_while(|ahead| matches!(self.peek(*ahead), b' ' | b'\t')).count();
        let next = self.peek(blanks);
        let comment = next == b'#' && blanks > 0;
        let inside = !self.open.is_empty() && b",]}".contains(&next);
        (!comment && !inside && !matches!(next, b'\n' | b'\r')).then_some(next)
    }

    fn trailing(&mut self, label: &'static str) -> Result<(), Cause> {
        while matches!(self.peek(0), b' ' | b'\t') {
            self.at += 1;
        }
        // The whole character: its other bytes begin with the bits 10.
        let more = (1..4).take_while(|ahead| self.peek(*ahead) & 0xc0 == 0x80).count();
        self.fail(self.at..self.at + 1 + more, label)
    }

    /// The lines of a block scalar: all that are indented more than its key, or empty.
    fn block(&mut self) {
        self.comment();
        loop {
            let line = self.text.get(self.at + 1..).unwrap_or_default();
            let line = line.split(|byte| *byte == b'\n').next().unwrap_or_default();
            let indent = line.iter().take_while(|byte| **byte == b' ').count();
            let is_empty = line.trim_ascii().is_empty();
            if self.at + 1 >= self.text.len() || !is_empty && indent <= self.column {
                return;
            }
            self.at += 1 + line.len();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is said of a text, and of which part.
    fn said(text: &str) -> Option<(&str, &'static str)> {
        cause(text, text.len()).map(|cause| (&text[cause.range.start..], cause.label))
    }

    fn starts(text: &str, rest: &str, label: &str) {
        let (found, told) = said(text).unwrap();
        assert!(found.starts_with(rest) && told.contains(label), "{text}: {found:?} {told}");
    }

    #[test]
    fn the_place_is_that_of_the_fault() {
        starts("a: 1\n\tb: 2\n", "\tb", "blanks");
        starts("a: \"x\nb: 1\n", "\"x", "not closed");
        starts("a: \"x\nb: \"y\"\n", "\"x", "another line");
        starts("a: \"x\" ]\n", "]", "closing quote");
        starts("a: { b: [1, 2] } }\n", "}\n", "closing bracket");
        starts("a: { b: [1, 2 }\nc: 1\n", "[1", "not closed");
        starts("a: [1\nb: 2\n", "[1", "not closed");
        starts("- ]\n", "]", "nothing is open");
        starts("a: { b: \"c, d: \"e\" }\n", "e\"", "closing quote");
        let text = "a: 'b'é\n";
        assert_eq!(&text[cause(text, text.len()).unwrap().range], "é");
    }

    #[test]
    fn nothing_is_said_of_what_is_well() {
        for text in [
            "a: 1\n# it's\nb: [x, {y: 'it''s'}] # \"\n",
            "a: |\n  it's \"\n  ] }\n\n  \tb\nc: >-\n  '\nd: ok ]\n",
            "- a: |\n    '\n  b: 'x'\n- |\n '\n",
            "\"a\": 'b'\n'c' : { \"d\": 1, e: \"f\\\"\" }\n",
            "a: &x [1]\nb: *x\nc: !t {}\nd: it's: fine\ne: \"two\n  lines\"\r\n",
            "a: [\n\t1,\n  2 ]\n",
            "",
        ] {
            assert_eq!(said(text), None, "{text}");
        }
    }

    #[test]
    fn nothing_is_said_of_the_examples() {
        let examples = concat!(env!("CARGO_MANIFEST_DIR"), "/examples");
        let paths = std::fs::read_dir(examples).unwrap().map(|entry| entry.unwrap().path());
        let yaml = paths.filter(|path| path.extension().is_some_and(|ending| ending == "yaml"));
        for path in yaml.chain([concat!(env!("CARGO_MANIFEST_DIR"), "/config.yaml").into()]) {
            assert_eq!(said(&std::fs::read_to_string(&path).unwrap()), None, "{path:?}");
        }
    }

    #[test]
    fn what_stands_far_behind_is_not_looked_at() {
        let text = "a: 1\nb: 2\nc: 3\nd: 4\ne: ]\n";
        assert_eq!(cause(text, 0), None);
        assert!(cause(text, 10).is_some());
        assert_eq!(cause(text, text.len() + 1), None);
    }
}
