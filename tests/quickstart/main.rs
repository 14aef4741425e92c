//! The quickstarts, played as they are written: every command typed into a terminal, every page
//! opened in Chromium, every line that a document shows waited for.
//!
//! Playing them needs Chromium and `wscat`, which `scripts/test` installs, the latter below
//! `target/tools`; where something is missing a test fails and says so.

#![allow(clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

#[path = "../support/mod.rs"]
mod support;

mod play;
mod terminal;
mod transcript;
mod window;

use std::collections::BTreeSet;
use std::path::PathBuf;

use transcript::{Line, Step, steps};

/// A quickstart, and what is known of it beside its text.
pub struct Document {
    path: &'static str,
    /// The programs that it has commands of, beside `shardwire`.
    tools: &'static [&'static str],
    /// The port that its server listens on.
    server: &'static str,
    /// Those of its other programs.
    others: &'static [&'static str],
}

const DOCUMENTS: [Document; 4] = [
    Document {
        path: "docs/quickstart-go-dispatch.md",
        tools: &["wscat", "openssl"],
        server: "8080",
        others: &[],
    },
    Document {
        path: "docs/quickstart-gogate.md",
        tools: &["wscat", "curl", "python3"],
        server: "8080",
        others: &["8000"],
    },
    Document {
        path: "docs/quickstart-rooms.md",
        tools: &["wscat", "curl", "openssl"],
        server: "8080",
        others: &[],
    },
    Document {
        path: "docs/quickstart-chat.md",
        tools: &["wscat", "curl"],
        server: "3000",
        others: &[],
    },
];

#[test]
fn every_quickstart_has_commands_and_shows_what_they_answer() {
    for Document { path, .. } in DOCUMENTS {
        let steps = steps(&transcript::read(path));
        let count = |of: fn(&Line) -> bool| steps.iter().filter(|step| of(&step.line)).count();
        assert!(count(|line| matches!(line, Line::Command(_))) > 3, "{path}");
        assert!(count(|line| matches!(line, Line::Typed(_))) > 3, "{path}");
        assert!(count(|line| matches!(line, Line::Shown(_))) > 3, "{path}");
    }
}

#[test]
fn a_quickstart_needs_the_tools_that_are_listed_and_no_others() {
    for Document { path, tools, .. } in DOCUMENTS {
        let used: BTreeSet<String> =
            steps(&transcript::read(path)).iter().filter_map(Step::program).collect();
        let plain = ["shardwire", "export"];
        let used: BTreeSet<&str> =
            used.iter().map(String::as_str).filter(|name| !plain.contains(name)).collect();
        assert_eq!(used, tools.iter().copied().collect(), "{path}");
    }
}

/// A command that is shown but not played would be a promise that nobody keeps.
#[test]
fn every_quickstart_is_listed_and_has_no_commands_that_are_not_played() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("docs");
    for file in std::fs::read_dir(folder).expect("docs") {
        let name = file.expect("a file").file_name().into_string().expect("a name");
        if !name.starts_with("quickstart-") {
            continue;
        }
        let path = format!("docs/{name}");
        assert!(DOCUMENTS.iter().any(|document| document.path == path), "{path} is not played");
        let text = transcript::read(&path);
        assert!(!text.contains("```sh"), "{path}");
        assert!(transcript::read("README.md").contains(&format!("]({path})")), "{path}");
    }
}

#[test]
#[ignore = "needs wscat and Chromium; scripts/test installs them and runs this"]
fn go_dispatch_is_played_as_written() {
    play::document(&DOCUMENTS[0]);
}

#[test]
#[ignore = "needs wscat; scripts/test installs it and runs this"]
fn gogate_is_played_as_written() {
    play::document(&DOCUMENTS[1]);
}

#[test]
#[ignore = "needs wscat; scripts/test installs it and runs this"]
fn rooms_is_played_as_written() {
    play::document(&DOCUMENTS[2]);
}

#[test]
#[ignore = "needs wscat and Chromium; scripts/test installs them and runs this"]
fn chat_is_played_as_written() {
    play::document(&DOCUMENTS[3]);
}
