//! A document's blocks as steps and files.
//!
//! The second word of a block's opening names its place: `console NAME` a terminal, `browser NAME`
//! a window, which go on where their last block ended; `LANGUAGE NAME.EXTENSION` is a file to save.
//! In a terminal `$ ` begins a command, `> ` what is typed to the program that runs, `^C` ends
//! it; in a window `open ` goes to a page, `> ` is typed where the focus is. All other lines are
//! shown there (`< ` is how `wscat` marks what it receives), with `...` for what differs between
//! runs.

use std::path::PathBuf;

/// Where something is typed and shown.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    Terminal(String),
    Window(String),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Line {
    Command(String),
    Open(String),
    Typed(String),
    Interrupt,
    Shown(String),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    pub place: Place,
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

impl Place {
    fn opened_by(opening: &str) -> Option<Place> {
        let terminal = opening.strip_prefix("console ").map(|name| Place::Terminal(name.into()));
        terminal.or_else(|| Some(Place::Window(opening.strip_prefix("browser ")?.into())))
    }

    fn meant(&self, line: &str) -> Line {
        let after = |mark: &str| line.strip_prefix(mark).map(str::to_owned);
        let here = match self {
            Place::Terminal(_) if line == "^C" => Some(Line::Interrupt),
            Place::Terminal(_) => after("$ ").map(Line::Command),
            Place::Window(_) => after("open ").map(Line::Open),
        };
        let typed = || after("> ").map(Line::Typed);
        here.or_else(typed).unwrap_or_else(|| Line::Shown(line.into()))
    }
}

/// The steps of a document, in its order.
pub fn steps(text: &str) -> Vec<Step> {
    let mut steps = Vec::new();
    for (opening, at, lines) in blocks(text) {
        let Some(place) = Place::opened_by(opening) else { continue };
        for (offset, line) in lines.iter().enumerate() {
            let (place, at, line) = (place.clone(), at + offset, place.meant(line));
            steps.push(Step { place, at, line, alone: false });
        }
    }
    mark_alone(&mut steps);
    steps
}

/// The files that a document has its reader save: their names and texts.
pub fn files(text: &str) -> Vec<(String, String)> {
    let named = blocks(text).into_iter().filter_map(|(opening, _, lines)| {
        let (_, name) = opening.split_once(' ')?;
        name.contains('.').then(|| (name.to_owned(), lines.join("\n") + "\n"))
    });
    named.collect()
}

/// What follows the opening of each block, the place of its first line in the document, its lines.
fn blocks(text: &str) -> Vec<(&str, usize, Vec<&str>)> {
    let mut blocks = Vec::new();
    let mut open: Option<(&str, usize, Vec<&str>)> = None;
    for (place, line) in text.lines().enumerate() {
        match (open.take(), line.strip_prefix("```")) {
            (None, opening) => open = opening.map(|opening| (opening, place + 2, Vec::new())),
            (Some(block), Some(_)) => blocks.push(block),
            (Some((opening, at, mut lines)), None) => {
                lines.push(line);
                open = Some((opening, at, lines));
            }
        }
    }
    blocks
}

/// A command is alone when its terminal's next line is another command, or there is none.
fn mark_alone(steps: &mut [Step]) {
    for place in 0..steps.len() {
        let next = steps[place + 1..].iter().find(|next| next.place == steps[place].place);
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
fn blocks_become_steps_of_their_places() {
    let text = "x\n```console one\n$ a\n$ b\nout ...\n```\n```sh\n$ no\n```\n\
                ```console two\n$ c\n```\n```console one\n> typed\n< heard\n^C\n$ d\n```\n\
                ```browser one\nopen http://x/\n> typed\n$ shown\n```\n";
    let found = steps(text);
    let (one, two) = (Place::Terminal("one".into()), Place::Terminal("two".into()));
    let window = Place::Window("one".into());
    let of = |place: usize| (&found[place].place, &found[place].line, found[place].alone);
    assert_eq!(of(0), (&one, &Line::Command("a".into()), true));
    assert_eq!(of(1), (&one, &Line::Command("b".into()), false));
    assert_eq!(of(2), (&one, &Line::Shown("out ...".into()), false));
    assert_eq!(of(3), (&two, &Line::Command("c".into()), true));
    assert_eq!(of(4), (&one, &Line::Typed("typed".into()), false));
    assert_eq!(of(5), (&one, &Line::Shown("< heard".into()), false));
    assert_eq!(of(6), (&one, &Line::Interrupt, false));
    assert_eq!((found[7].at, found[7].alone), (17, true));
    assert_eq!(of(8), (&window, &Line::Open("http://x/".into()), false));
    assert_eq!(of(9), (&window, &Line::Typed("typed".into()), false));
    assert_eq!(of(10), (&window, &Line::Shown("$ shown".into()), false));
    assert_eq!(found.len(), 11);
}

#[test]
fn blocks_with_a_file_name_are_files() {
    let text = "```python a.py\nif x:\n    y\n```\n```python\nno\n```\n```console one\n$ a\n```\n";
    assert_eq!(files(text), [("a.py".to_owned(), "if x:\n    y\n".to_owned())]);
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
