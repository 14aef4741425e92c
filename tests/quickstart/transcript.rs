//! A document's `console` blocks as steps, and its blocks that are files.
//!
//! The second word of a block's opening names its terminal; a terminal goes on where its last block
//! ended. In a block `$ ` begins a command, `> ` what is typed to the program that runs, `^C` ends
//! it; all other lines are shown by it (`< ` is how `wscat` marks what it receives), with `...` for
//! what differs from run to run. A block of another language whose second word is a file's name is
//! that file.

use std::path::PathBuf;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Line {
    Command(String),
    Typed(String),
    Interrupt,
    Shown(String),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    pub terminal: String,
    /// Of the document.
    pub at: usize,
    pub line: Line,
    /// Nothing is shown of it: a command that ends by itself.
    pub alone: bool,
}

impl Step {
    /// The program that a command begins with.
    pub fn program(&self) -> Option<String> {
        let Line::Command(text) = &self.line else { return None };
        text.split_whitespace().next().map(str::to_owned)
    }
}

pub fn read(document: &str) -> String {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(document);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{document}: {error}"))
}

/// The steps of a document, in its order.
pub fn steps(text: &str) -> Vec<Step> {
    let mut steps = Vec::new();
    let mut terminal: Option<&str> = None;
    for (place, line) in text.lines().enumerate() {
        match (terminal, line.strip_prefix("```")) {
            (None, Some(opening)) => terminal = opening.strip_prefix("console "),
            (Some(_), Some(_)) => terminal = None,
            (Some(name), None) => {
                let (terminal, at, line) = (name.to_owned(), place + 1, meant(line));
                steps.push(Step { terminal, at, line, alone: false });
            }
            (None, None) => {}
        }
    }
    mark_alone(&mut steps);
    steps
}

/// The files that a document tells to save, by their names.
pub fn files(text: &str) -> Vec<(String, String)> {
    let mut files = Vec::new();
    let mut name: Option<&str> = None;
    let mut file = String::new();
    for line in text.lines() {
        match (name, line.strip_prefix("```")) {
            (None, Some(opening)) => name = Some(opening.split_once(' ').map_or("", |two| two.1)),
            (Some(name_of), Some(_)) => {
                let text = std::mem::take(&mut file);
                files.extend(name_of.contains('.').then(|| (name_of.to_owned(), text)));
                name = None;
            }
            (Some(_), None) => file += &format!("{line}\n"),
            (None, None) => {}
        }
    }
    files
}

fn meant(line: &str) -> Line {
    if line == "^C" {
        return Line::Interrupt;
    }
    let command = line.strip_prefix("$ ").map(|text| Line::Command(text.into()));
    let typed = || line.strip_prefix("> ").map(|text| Line::Typed(text.into()));
    command.or_else(typed).unwrap_or_else(|| Line::Shown(line.into()))
}

/// A command is alone when its terminal's next line is another command, or there is none.
fn mark_alone(steps: &mut [Step]) {
    for place in 0..steps.len() {
        let next = steps[place + 1..].iter().find(|next| next.terminal == steps[place].terminal);
        let ends = next.is_none_or(|next| matches!(next.line, Line::Command(_)));
        steps[place].alone = ends && matches!(steps[place].line, Line::Command(_));
    }
}

/// Whether a line is what the document shows, `...` standing for anything.
pub fn fits(shown: &str, line: &str) -> bool {
    let mut parts = shown.trim_end().split("...");
    let Some(mut rest) = line.strip_prefix(parts.next().unwrap_or_default()) else { return false };
    let mut open = false;
    for part in parts {
        open = part.is_empty();
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    open || rest.trim_end().is_empty()
}

#[test]
fn blocks_become_steps_of_their_terminals() {
    let text = "x\n```console one\n$ a\n$ b\nout ...\n```\n```sh\n$ no\n```\n\
                ```console two\n$ c\n```\n```console one\n> typed\n< heard\n^C\n$ d\n```\n";
    let found = steps(text);
    let of =
        |place: usize| (found[place].terminal.as_str(), &found[place].line, found[place].alone);
    assert_eq!(of(0), ("one", &Line::Command("a".into()), true));
    assert_eq!(of(1), ("one", &Line::Command("b".into()), false));
    assert_eq!(of(2), ("one", &Line::Shown("out ...".into()), false));
    assert_eq!(of(3), ("two", &Line::Command("c".into()), true));
    assert_eq!(of(4), ("one", &Line::Typed("typed".into()), false));
    assert_eq!(of(5), ("one", &Line::Shown("< heard".into()), false));
    assert_eq!(of(6), ("one", &Line::Interrupt, false));
    assert_eq!((found.len(), found[7].at, found[7].alone), (8, 17, true));
}

#[test]
fn dots_stand_for_anything() {
    for (shown, line, does) in [
        ("< {}", "< {}", true),
        ("< {}", "< {} ", true),
        ("< {}", "< {}x", false),
        ("< {}", "x< {}", false),
        ("a ... c", "a b c", true),
        ("a ... c", "a b c d", false),
        ("a ...", "a b c", true),
        ("...c", "a b c", true),
        ("a...b...c", "a1b2c", true),
        ("a...b...c", "a1c2b", false),
    ] {
        assert_eq!(fits(shown, line), does, "{shown} | {line}");
    }
}
