//! The house rules as tests: import ranks, who may touch what, lengths, banned names.
//!
//! A rule that a linter cannot state stands here; each failure names its file and line.

#![allow(clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use std::fs;
use std::path::{Path, PathBuf};

const COLUMNS_MAX: usize = 100;
const FILE_LINES_MAX: usize = 600;
const FUNCTION_LINES_MAX: usize = 70;

/// Functions longer than allowed, with their length; it may only shrink, and is empty.
const LONG_FUNCTIONS: [(&str, usize); 0] = [];

/// The table of `src/lib.rs`. `limits` holds constants only, so its own rank may use it too.
const RANKS: [(&str, u32); 22] = [
    ("limits", 0),
    ("ids", 0),
    ("disconnect", 0),
    ("reject", 0),
    ("settings", 0),
    ("clock", 0),
    ("reserve", 0),
    ("ws", 1),
    ("envelope", 1),
    ("auth", 1),
    ("backend", 1),
    ("tls", 1),
    ("state", 2),
    ("pipeline", 3),
    ("config", 4),
    ("shard", 4),
    ("runtime", 5),
    ("control", 5),
    ("sim", 5),
    ("bench", 6),
    ("cli", 7),
    ("main", 7),
];

/// Where unsafe code is allowed, each with its SAFETY notes and a safe twin.
const UNSAFE_LEAVES: [&str; 2] = ["src/runtime/", "src/main.rs"];

/// What unsafe code begins with.
const UNSAFE_FORMS: [&str; 5] =
    ["unsafe {", "unsafe fn", "unsafe impl", "unsafe extern", "allow(unsafe_code)"];

/// Where the ring is known: its driver, and the question whether this machine has one.
const RING_PLACES: [&str; 2] = ["src/runtime/", "src/cli/doctor.rs"];

/// Where a clock may be read; everybody else is given `Now`.
const CLOCK_PLACES: [&str; 3] = ["src/runtime/", "src/cli/", "src/control/"];

/// Names that another project chose.
const FOREIGN_NAMES: [&str; 2] = ["user_data", "Data"];

/// A name of more words than this says what a test shows.
const SENTENCE_WORDS_MIN: usize = 4;

/// Words that say nothing about what a thing is.
const BANNED_NAMES: [&str; 6] = ["manager", "helper", "util", "utils", "common", "data"];

struct Source {
    /// Relative to the project, with forward slashes.
    path: String,
    text: String,
}

impl Source {
    /// Lines with their 1-based numbers.
    fn lines(&self) -> impl Iterator<Item = (usize, &str)> {
        self.text.lines().enumerate().map(|(place, line)| (place + 1, line))
    }

    /// Lines without comments and string literals: what the rules about code look at.
    fn code(&self) -> impl Iterator<Item = (usize, String)> {
        self.lines().map(|(number, line)| (number, code_of(line)))
    }

    fn is_under(&self, places: &[&str]) -> bool {
        places.iter().any(|place| self.path.starts_with(place))
    }
}

/// The line without its comment and the inside of its strings. Good enough for house rules: it does
/// not follow strings over lines.
fn code_of(line: &str) -> String {
    let mut code = String::new();
    let mut inside = false;
    let mut escaped = false;
    let bytes: Vec<char> = line.chars().collect();
    for (place, &c) in bytes.iter().enumerate() {
        if inside {
            inside = escaped || c != '"';
            escaped = c == '\\' && !escaped;
            continue;
        }
        let quoted_quote =
            place > 0 && bytes[place - 1] == '\'' && bytes.get(place + 1) == Some(&'\'');
        match c {
            '/' if bytes.get(place + 1) == Some(&'/') => break,
            '"' if !quoted_quote => inside = true,
            _ => code.push(c),
        }
    }
    code
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn sources_under(folder: &str, extension: &str) -> Vec<Source> {
    let mut found = Vec::new();
    let mut folders = vec![root().join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
            let path = entry.path();
            match path.is_dir() {
                true => folders.push(path),
                false if path.extension().is_some_and(|given| given == extension) => {
                    found.push(read(&path));
                }
                false => {}
            }
        }
    }
    found.sort_by(|one, other| one.path.cmp(&other.path));
    found
}

fn read(path: &Path) -> Source {
    let relative = path.strip_prefix(root()).expect("inside the project");
    let text = fs::read_to_string(path).expect("text");
    Source { path: relative.to_string_lossy().replace('\\', "/"), text }
}

fn product() -> Vec<Source> {
    let sources = sources_under("src", "rs");
    assert!(sources.len() > 20, "the sources were not found");
    sources
}

fn everything() -> Vec<Source> {
    ["src", "tests", "benches", "examples"]
        .iter()
        .flat_map(|folder| sources_under(folder, "rs"))
        .collect()
}

/// Fails with every breach at once.
fn expect_none(rule: &str, breaches: Vec<String>) {
    assert!(breaches.is_empty(), "{rule}:\n  {}", breaches.join("\n  "));
}

fn rank(module: &str) -> Option<u32> {
    RANKS.iter().find(|(name, _)| *name == module).map(|(_, rank)| *rank)
}

/// The first folder or file below `src/`.
fn module_of(path: &str) -> &str {
    let inside = path.strip_prefix("src/").unwrap_or(path);
    let end = inside.find(['/', '.']).unwrap_or(inside.len());
    &inside[..end]
}

/// Every module named after `crate::` on a line, groups included.
fn imported(code: &str) -> Vec<String> {
    let mut names = Vec::new();
    for (place, _) in code.match_indices("crate::") {
        if code[..place].ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == '$') {
            continue;
        }
        let rest = &code[place + "crate::".len()..];
        match rest.strip_prefix('{') {
            Some(group) => names.extend(group.split([',', '}']).map(first_name)),
            None => names.push(first_name(rest)),
        }
    }
    names.retain(|name| !name.is_empty());
    names
}

fn first_name(text: &str) -> String {
    text.trim_start().chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect()
}

/// The production half of a file: unit tests may import anything.
fn without_tests(source: &Source) -> impl Iterator<Item = (usize, String)> + '_ {
    let end = source.text.lines().position(|line| line.trim() == "#[cfg(test)]");
    source.code().take(end.unwrap_or(usize::MAX))
}

#[test]
fn modules_import_only_lower_ranks() {
    let mut breaches = Vec::new();
    for source in product().iter().filter(|source| source.path != "src/lib.rs") {
        let own = module_of(&source.path);
        let own_rank = rank(own).unwrap_or_else(|| panic!("no rank for {}", source.path));
        for (number, code) in without_tests(source) {
            for name in imported(&code).iter().filter(|name| *name != own) {
                let lower = rank(name).is_some_and(|other| other < own_rank);
                let allowed = lower || name == "limits";
                if !allowed {
                    breaches.push(format!("{}:{number}: {own} imports {name}", source.path));
                }
            }
        }
    }
    expect_none("a module imports only modules of lower rank", breaches);
}

#[test]
fn the_rank_table_is_the_one_in_the_crate_documentation() {
    let lib = read(&root().join("src/lib.rs"));
    for (name, rank) in RANKS {
        let row = lib
            .text
            .lines()
            .find(|line| line.starts_with(&format!("//! | {rank} |")))
            .unwrap_or_else(|| panic!("no row for rank {rank}"));
        assert!(row.contains(&format!("`{name}`")), "{name} is not in the row of rank {rank}");
    }
}

/// Every line of product code outside `places` that holds one of `words`.
fn uses_outside(places: &[&str], words: &[&str]) -> Vec<String> {
    let mut breaches = Vec::new();
    for source in product().iter().filter(|source| !source.is_under(places)) {
        for (number, code) in source.code() {
            for word in words.iter().filter(|word| holds_word(&code, word)) {
                breaches.push(format!("{}:{number}: {word}", source.path));
            }
        }
    }
    breaches
}

fn holds_word(code: &str, word: &str) -> bool {
    let is_name = |c: char| c.is_alphanumeric() || c == '_';
    code.match_indices(word).any(|(place, _)| {
        !code[..place].ends_with(is_name) && !code[place + word.len()..].starts_with(is_name)
    })
}

#[test]
fn the_ring_and_its_executor_are_known_to_the_runtime_only() {
    expect_none("rings", uses_outside(&RING_PLACES, &["glommio", "io_uring"]));
}

#[test]
fn clocks_are_read_at_the_edges_only() {
    let clocks = ["Instant::now", "SystemTime::now"];
    expect_none("take `Now` as an argument", uses_outside(&CLOCK_PLACES, &clocks));
}

#[test]
fn unsafe_code_stands_in_named_leaves_only() {
    expect_none("unsafe", uses_outside(&UNSAFE_LEAVES, &UNSAFE_FORMS));
}

#[test]
fn every_file_says_what_it_is_and_stays_short() {
    let mut breaches = Vec::new();
    for source in everything() {
        // The header of a `tests.rs` is the name of its folder.
        if !source.text.starts_with("//!") && !source.path.ends_with("/tests.rs") {
            breaches.push(format!("{}: no `//!` header", source.path));
        }
        let lines = source.text.lines().count();
        if lines > FILE_LINES_MAX {
            breaches.push(format!("{}: {lines} lines", source.path));
        }
    }
    expect_none("files", breaches);
}

#[test]
fn lines_fit_a_hundred_columns() {
    let mut breaches = Vec::new();
    for source in everything() {
        for (number, line) in source.lines().filter(|(_, line)| line.chars().count() > COLUMNS_MAX)
        {
            breaches.push(format!("{}:{number}: {}", source.path, line.chars().count()));
        }
    }
    expect_none("columns", breaches);
}

/// Name, first line and length of every function, found by the indentation that rustfmt gives.
fn functions(source: &Source) -> Vec<(String, usize, usize)> {
    let lines: Vec<&str> = source.text.lines().collect();
    let mut found = Vec::new();
    for (place, line) in lines.iter().enumerate() {
        let Some(name) = function_name(line) else { continue };
        let indent = line.len() - line.trim_start().len();
        let closes = |line: &str| {
            let inner = line.trim_start();
            line.len() - inner.len() == indent
                && (inner == "}" || inner.ends_with(';') || inner.ends_with('}'))
        };
        let length = lines[place..].iter().position(|line| closes(line)).map_or(0, |end| end + 1);
        found.push((name, place + 1, length));
    }
    found
}

fn function_name(line: &str) -> Option<String> {
    let code = code_of(line);
    let before = code.split_once("fn ")?.0;
    let words = before.split_whitespace();
    let only_qualifiers = words.clone().all(|word| {
        matches!(word, "async" | "const" | "unsafe" | "extern")
            || word.starts_with("pub")
            || word.ends_with(')')
    });
    let name = first_name(code.split_once("fn ")?.1);
    (only_qualifiers && !name.is_empty()).then_some(name)
}

#[test]
fn functions_fit_a_screen() {
    let mut breaches = Vec::new();
    for source in everything() {
        for (name, number, length) in functions(&source) {
            let key = format!("{}:{name}", source.path);
            let granted = LONG_FUNCTIONS.iter().find(|(long, _)| *long == key);
            if length > granted.map_or(FUNCTION_LINES_MAX, |(_, length)| *length) {
                breaches.push(format!("{}:{number}: {name} has {length} lines", source.path));
            }
        }
    }
    expect_none("functions", breaches);
}

/// What a line declares: a type, function, module or trait of this crate.
fn declared(code: &str) -> Option<String> {
    ["struct ", "enum ", "trait ", "fn ", "mod ", "type "].iter().find_map(|keyword| {
        let (before, after) = code.split_once(keyword)?;
        let starts = before.is_empty() || before.ends_with([' ', '(']);
        let name = first_name(after);
        (starts && !name.is_empty() && !before.contains('=')).then_some(name)
    })
}

/// `FrameManager` and `frame_manager` are made of the same words.
fn words_of(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    for c in name.chars() {
        if c == '_' || c.is_uppercase() {
            words.push(String::new());
        }
        if let (Some(word), true) = (words.last_mut(), c != '_') {
            word.extend(c.to_lowercase());
        }
    }
    words
}

#[test]
fn names_say_what_a_thing_is() {
    let mut breaches = Vec::new();
    for source in everything() {
        for (number, code) in source.code() {
            let Some(name) = declared(&code) else { continue };
            let words = words_of(&name);
            // A test's name is a sentence, and may speak of anything.
            if FOREIGN_NAMES.contains(&name.as_str()) || words.len() > SENTENCE_WORDS_MIN {
                continue;
            }
            for word in words.iter().filter(|word| BANNED_NAMES.contains(&word.as_str())) {
                breaches.push(format!("{}:{number}: {name} ({word})", source.path));
            }
        }
        let stem = source.path.rsplit('/').next().unwrap_or_default().trim_end_matches(".rs");
        if BANNED_NAMES.contains(&stem) {
            breaches.push(format!("{}: file name", source.path));
        }
    }
    expect_none("names", breaches);
}

#[test]
fn nothing_names_a_machine() {
    let prefixes = ["/home/", "/root/", concat!("/wo", "rk/"), concat!("/Us", "ers/")];
    let mut breaches = Vec::new();
    let extensions = ["rs", "md", "html", "yaml", "py", "toml"];
    let folders = ["src", "tests", "benches", "examples", "docs", "scripts"];
    for folder in folders {
        for source in extensions.iter().flat_map(|extension| sources_under(folder, extension)) {
            let ours = source.path == "tests/tidy.rs";
            for (number, line) in source.lines().filter(|_| !ours) {
                if prefixes.iter().any(|prefix| line.contains(prefix)) {
                    breaches.push(format!("{}:{number}: {}", source.path, line.trim()));
                }
            }
        }
    }
    expect_none("absolute paths", breaches);
}

#[test]
fn the_rules_see_what_they_should() {
    assert_eq!(code_of(r#"let a = "x // y"; // z"#).trim_end(), "let a = ;");
    assert_eq!(code_of(r#"b'"' => x("é\"")"#), r#"b'"' => x()"#);
    assert_eq!(imported("use crate::{ids, state::rooms};"), ["ids", "state"]);
    assert_eq!(imported("x(crate::ws::mask::apply)"), ["ws"]);
    assert_eq!(words_of("FramePool_util"), ["", "frame", "pool", "util"]);
    assert!(holds_word("a.unsafe()", "unsafe") && !holds_word("unsafe_code", "unsafe"));
    assert_eq!(function_name("    pub(super) async fn run(x: u8) {"), Some("run".into()));
    assert_eq!(function_name("let f: fn (u8)"), None);
    let source = Source { path: "x".into(), text: "fn a() {\n    1;\n}\nfn b();\n".into() };
    assert_eq!(functions(&source), [("a".into(), 1, 3), ("b".into(), 4, 1)]);
}
