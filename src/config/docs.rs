//! The generated pages: docs/configuration.md and docs/diagnostics.md.
//!
//! Invariants: pure functions of the tables; a test compares them with the files.

pub use super::settings::docs::configuration;

use super::codes::Code;
use super::compile::{VERBS, Verb};
use super::expr::functions;

/// The page of every finding.
pub fn diagnostics() -> String {
    let mut page = String::from(
        "# Diagnostics\n\n\
         <!-- Generated; `SHARDWIRE_BLESS=1 cargo test --test golden` rewrites it. -->\n\n\
         Every finding about a configuration has a stable code:\n\
         `E` refuses the file, `W` warns, `H` hints.\n\
         `tests/golden/` shows each of them as it is printed.\n\n\
         One fault is one finding. A name that nothing declares is told once, with up to four of\n\
         its places and the number of the others; a declaration that is wrong is told where it\n\
         stands and not where it is used; a misspelled section is read as the one it was meant\n\
         to be. Faults that have nothing to do with each other are all told at once.\n",
    );
    for code in Code::ALL {
        page += &finding(*code);
    }
    page
}

/// The tables that stand in pages written by hand, each with its name.
pub fn tables() -> [(&'static str, String); 2] {
    [("functions", functions::table()), ("verbs", verbs())]
}

fn verbs() -> String {
    let cell = |text: &str| text.replace('|', "\\|");
    let row =
        |verb: &Verb| format!("| `{}` | {} | {} |\n", verb.name, cell(verb.takes), cell(verb.doc));
    let rows: String = VERBS.iter().map(row).collect();
    format!("| verb | takes | does |\n|---|---|---|\n{rows}")
}

/// The page's part about one finding.
pub fn finding(code: Code) -> String {
    let written = code
        .example()
        .strip_prefix("# ")
        .filter(|example| example.starts_with("expression: ") || example.starts_with("scalar: "));
    let mut text = format!("\n## {}: {}\n\n{}\n", code.text(), code.title(), code.explanation());
    if let Some((_, expression)) = written.and_then(|example| example.split_once(": ")) {
        text += &format!("\n```text\n{expression}```\n");
    } else if !code.example().is_empty() && !code.example().starts_with("# generated") {
        text += &format!("\n```yaml fragment\n{}```\n", code.example());
    }
    text
}
