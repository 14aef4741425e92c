//! The quickstarts, played as they are written: every command typed into a terminal, every line
//! that a document shows waited for.
//!
//! Playing them needs `wscat`, which `scripts/test` installs below `target/tools`; without it a
//! test fails and says so.

#![allow(clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

#[path = "../support/mod.rs"]
mod support;

mod play;
mod terminal;
mod transcript;

use std::collections::BTreeSet;

use transcript::{Line, Step, steps};

/// Every quickstart, and the tools that it has commands of beside `shardwire`.
const DOCUMENTS: [(&str, &[&str]); 2] = [
    ("docs/quickstart-gogate.md", &["wscat", "curl", "python3"]),
    ("docs/quickstart-rooms.md", &["wscat", "curl", "openssl"]),
];

#[test]
fn every_quickstart_has_commands_and_shows_what_they_answer() {
    for (document, _) in DOCUMENTS {
        let steps = steps(&transcript::read(document));
        let count = |of: fn(&Line) -> bool| steps.iter().filter(|step| of(&step.line)).count();
        assert!(count(|line| matches!(line, Line::Command(_))) > 3, "{document}");
        assert!(count(|line| matches!(line, Line::Typed(_))) > 3, "{document}");
        assert!(count(|line| matches!(line, Line::Shown(_))) > 3, "{document}");
    }
}

#[test]
fn a_quickstart_needs_the_tools_that_are_listed_and_no_others() {
    for (document, tools) in DOCUMENTS {
        let used: BTreeSet<String> =
            steps(&transcript::read(document)).iter().filter_map(Step::program).collect();
        let plain = ["shardwire", "export"];
        let used: BTreeSet<&str> =
            used.iter().map(String::as_str).filter(|name| !plain.contains(name)).collect();
        assert_eq!(used, tools.iter().copied().collect(), "{document}");
    }
}

#[test]
#[ignore = "needs wscat; scripts/test installs it and runs this"]
fn the_quickstarts_are_played_as_written() {
    for (document, tools) in DOCUMENTS {
        play::document(document, tools);
    }
}
