//! Documents that no test reads will lie: their YAML compiles, their tables are the code's tables.

#![allow(clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use std::fs;
use std::path::PathBuf;

use shardwire::config::expr::functions;
use shardwire::config::{self, Environment, Options, SecretPolicy, Source};
use shardwire::disconnect::Disconnect;
use shardwire::limits;
use shardwire::reject::Reject;
use shardwire::shard::refusal::Refusal;
use shardwire::ws::error::ProtocolError;

fn document(path: &str) -> String {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The fenced blocks of a language.
fn blocks(text: &str, language: &str) -> Vec<String> {
    let opening = format!("```{language}\n");
    text.split(&opening)
        .skip(1)
        .filter_map(|rest| rest.split("```").next())
        .map(Into::into)
        .collect()
}

#[test]
fn every_yaml_of_the_documents_compiles() {
    let mut compiled = 0;
    for path in ["README.md", "docs/getting-started.md"] {
        for (place, text) in blocks(&document(path), "yaml").into_iter().enumerate() {
            let source = Source::new(format!("{path}, block {}", place + 1), text);
            let options = Options { secret: SecretPolicy::Ignore };
            if let Err(findings) = config::compile(&source, &Environment::default(), &options) {
                let style = config::Style::Human { color: false };
                panic!("{}", config::render(&findings, &source, style));
            }
            compiled += 1;
        }
    }
    assert_eq!(compiled, 3);
}

#[test]
fn every_json_of_the_protocol_is_json() {
    for text in blocks(&document("docs/protocol.md"), "json") {
        serde_json::from_str::<serde_json::Value>(&text).unwrap_or_else(|_| panic!("{text}"));
    }
}

#[test]
fn the_protocol_names_every_code_of_the_tables() {
    let text = document("docs/protocol.md");
    let expect = |row: String| assert!(text.contains(&row), "docs/protocol.md lacks: {row}");
    for reject in Reject::ALL {
        expect(format!("| `{}` |", reject.code()));
    }
    for disconnect in Disconnect::ALL {
        expect(format!("| {} | `{}` |", disconnect.code(), disconnect.reason()));
    }
    for error in ProtocolError::ALL {
        expect(format!("| {} |", error.code()));
    }
    for refusal in Refusal::all() {
        expect(format!("| {} | `{}` |", refusal.status(), refusal.code()));
    }
}

/// The pages that have tables of the code between `<!-- table: NAME -->` and `<!-- end -->`.
const WITH_TABLES: [&str; 2] = ["docs/language.md", "docs/expressions.md"];

fn with_table(page: &str, name: &str, table: &str) -> Option<String> {
    let mark = format!("<!-- table: {name} -->\n");
    let start = page.find(&mark)? + mark.len();
    let end = start + page[start..].find("<!-- end -->")?;
    Some(format!("{}{table}{}", &page[..start], &page[end..]))
}

#[test]
fn tables_in_pages_are_those_of_the_code() {
    let mut tables: Vec<(&str, String)> = config::docs::tables().into();
    tables.push(("roots", roots()));
    let mut found = 0;
    for path in WITH_TABLES {
        let before = document(path);
        let fill =
            |page: String, (name, table): &(&str, String)| match with_table(&page, name, table) {
                Some(filled) => (filled, 1),
                None => (page, 0),
            };
        let (after, many) = tables.iter().fold((before.clone(), 0), |(page, many), table| {
            let (page, more) = fill(page, table);
            (page, many + more)
        });
        found += many;
        if std::env::var_os("SHARDWIRE_BLESS").is_some() {
            fs::write(PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(path), &after)
                .expect("writes");
        } else {
            assert_eq!(before, after, "{path} (SHARDWIRE_BLESS=1 rewrites)");
        }
    }
    assert_eq!(found, tables.len());
}

/// Where an expression may stand, each with a configuration around it.
const PLACES: [(&str, &str); 9] = [
    ("event", "events: { e: { payload: { f: string }, steps: [{ log: \"${ROOT == ROOT}\" }] } }"),
    (
        "pipeline",
        "pipelines: { p: { input: { f: string }, steps: [{ log: \"${ROOT == ROOT}\" }] } }\n\
         events: { e: { steps: [{ use: p, with: { f: x } }] } }",
    ),
    ("`connect`", "lifecycle: { connect: [{ log: \"${ROOT == ROOT}\" }] }"),
    ("`disconnect`", "lifecycle: { disconnect: [{ log: \"${ROOT == ROOT}\" }] }"),
    ("`join`", "lifecycle: { join: [{ log: \"${ROOT == ROOT}\" }] }"),
    ("`leave`", "lifecycle: { leave: [{ log: \"${ROOT == ROOT}\" }] }"),
    ("rule of rooms", "rooms: { 'a:{v}': { join: { require: ['ROOT == ROOT'] } } }"),
    ("`errors`", "errors: { reply: { event: e, payload: { a: \"${ROOT == ROOT}\" } } }"),
    ("`http.routes`", "http: { routes: { /a: { text: \"${ROOT == ROOT}\" } } }"),
];

const ROOTS: [(&str, &str); 18] = [
    ("`payload`", "payload.f"),
    ("`target`", "target"),
    ("`input`", "input.f"),
    ("`user.id`", "user.id"),
    ("`user.claims`", "user.claims.tenant"),
    ("`user.can.PERMISSION`", "user.can.mute"),
    ("`user.NAME`", "user.mood"),
    ("`conn.id`", "conn.id"),
    ("`conn.ip`", "conn.ip"),
    ("`conn.NAME`", "conn.name"),
    ("`now`", "now"),
    ("`env.NAME`", "env.REGION"),
    ("`room.name`, `room.id`", "room.id"),
    ("`room.NAME`", "room.v"),
    ("`reason`", "reason"),
    ("`error`", "error.code"),
    ("`request`", "request.path"),
    ("`server`", "server.shards"),
];

/// Where each name is known: whatever compiles there.
fn roots() -> String {
    let head: Vec<&str> = PLACES.iter().map(|(place, _)| *place).collect();
    let mut table =
        format!("| name | {} |\n|---|{}\n", head.join(" | "), "---|".repeat(head.len()));
    for (name, root) in ROOTS {
        let known = PLACES.map(|(_, text)| if compiles_with(text, root) { "yes" } else { "" });
        assert!(known.contains(&"yes"), "{name} is known nowhere");
        table += &format!("| {name} | {} |\n", known.join(" | "));
    }
    table
}

fn compiles_with(place: &str, root: &str) -> bool {
    const DECLARED: &str = "version: 1\nauth: { mode: none }\npermissions: [mute]\n\
        state: { conn: { name: optional string }, user: { mood: optional string } }\n";
    let source = Source::new("place", format!("{DECLARED}{}\n", place.replace("ROOT", root)));
    let environment: Environment = [("REGION", "eu")].into_iter().collect();
    config::compile(&source, &environment, &Options { secret: SecretPolicy::Ignore }).is_ok()
}

#[test]
fn the_language_names_every_type_of_payloads() {
    let text = document("docs/language.md");
    for name in config::schema::notation::NAMES {
        assert!(text.contains(&format!("`{name}")), "docs/language.md lacks the type {name}");
    }
}

#[test]
fn the_page_of_expressions_names_every_function_and_limit() {
    let text = document("docs/expressions.md");
    let expect = |row: String| assert!(text.contains(&row), "docs/expressions.md lacks: {row}");
    for (name, _) in functions::LEFT_OUT.iter().filter(|(name, _)| !name.starts_with("get")) {
        expect(format!("`{name}`"));
    }
    for (what, most) in [
        ("bytes of an expression", limits::EXPR_BYTES_MAX),
        ("levels of its tree", limits::EXPR_DEPTH_MAX),
        ("values an event holds at one time", limits::VALUES_MAX),
        ("elements that `map`, `filter` and `+` of lists take", limits::LIST_ELEMENTS_MAX),
        ("`map` and `filter` in each other", limits::EACH_DEPTH_MAX),
    ] {
        let most = if most < 1_000 {
            most.to_string()
        } else {
            format!("{},{:03}", most / 1_000, most % 1_000)
        };
        expect(format!("| {what} | {most} |"));
    }
    assert_eq!((limits::RUN_WORK_MAX, limits::RUN_TEXT_BYTES_MAX), (4 << 20, 1 << 20));
    assert_eq!(limits::PATTERN_BYTES_MAX, 256 << 10);
}

#[test]
fn links_between_documents_lead_somewhere() {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    for path in [
        "README.md",
        "docs/getting-started.md",
        "docs/protocol.md",
        "docs/architecture.md",
        "docs/expressions.md",
        "docs/language.md",
        "docs/tutorial.md",
        "docs/testing.md",
        "docs/reload.md",
        "docs/commands.md",
        "docs/quickstart-rooms.md",
    ] {
        let folder = root.join(path).parent().expect("a folder").to_owned();
        for link in document(path).split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let local = !link.starts_with("http") && !link.starts_with('#');
            let file = link.split('#').next().unwrap_or_default();
            assert!(!local || folder.join(file).exists(), "{path}: {link}");
        }
    }
}

/// Whoever looks at a plot can read what it shows.
#[test]
fn the_page_of_metrics_names_every_metric_of_the_dashboard() {
    let (page, board) = (document("docs/metrics.md"), document("docs/grafana.json"));
    let word = |c: char| !(c.is_ascii_alphanumeric() || c == '_');
    let names = board.split(word).filter(|one| one.starts_with("shardwire_"));
    for name in names {
        let name = name.trim_end_matches("_bucket");
        assert!(page.contains(&format!("`{name}`")), "docs/metrics.md: {name}");
    }
}
