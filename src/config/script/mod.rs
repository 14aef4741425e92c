//! The tests of a configuration: what `tests:` says, as typed steps with their places.
//!
//! ```yaml
//! tests:
//!   - name: a message reaches the room
//!     clients: { ann: { user: ann } }
//!     steps:
//!       - ann: { send: { event: join_room, target: "room:1" }, expect: join_success }
//! ```
//!
//! Invariants: only names that exist are left (clients, denials, counters, captures); a server
//! never reads any of this. Called by `shardwire test` and `shardwire check`.

mod actions;
mod cases;
mod matcher;
mod mocks;
mod reader;

use std::net::IpAddr;

pub use matcher::{Kind, Matcher};
pub use mocks::{Mock, Mocked};

use super::codes::Code;
use super::diagnostic::{Diagnostic, Findings};
use super::files::Files;
use super::source::{FileId, Source, Span};
use super::yaml::{self, Node};
use crate::pipeline::pattern::Pattern;
use reader::Reader;

/// The names that the tests of a configuration may use.
#[derive(Clone, Debug, Default)]
pub struct Vocabulary {
    /// Why something may be refused: codes and rules.
    pub denials: Vec<String>,
    pub counters: Vec<String>,
    pub events: Vec<String>,
    pub backends: Vec<String>,
    /// Messages are opaque: there are no events.
    pub raw: bool,
}

/// One test.
#[derive(Clone, Debug)]
pub struct Case {
    pub name: String,
    pub span: Span,
    pub clients: Vec<Client>,
    pub mocks: Vec<Mock>,
    pub steps: Vec<Step>,
}

/// A simulated client.
#[derive(Clone, Debug, Default)]
pub struct Client {
    pub name: String,
    pub span: Span,
    /// `sub`; the client's name where nothing else is said.
    pub user: String,
    pub permissions: Vec<String>,
    /// Further claims of its token.
    pub claims: serde_json::Map<String, serde_json::Value>,
    /// Sent in place of a good token; empty is none.
    pub token: Option<String>,
    /// Header lines of its request.
    pub headers: Vec<(String, String)>,
    pub ip: Option<IpAddr>,
    /// Connects before the first step.
    pub connect: bool,
    /// Does not answer pings.
    pub mute: bool,
}

/// One step of a test.
#[derive(Clone, Debug)]
pub struct Step {
    pub span: Span,
    pub what: What,
}

/// What a step does.
#[derive(Clone, Debug)]
pub enum What {
    /// A client, by its place, does and sees this, in order.
    Client(usize, Vec<Action>),
    /// Nanoseconds pass.
    Advance(u64),
    /// Counters, by name, have these values.
    Counters(Vec<(String, u64, Span)>),
}

/// One thing that a client does or sees.
#[derive(Clone, Debug)]
pub struct Action {
    pub span: Span,
    pub deed: Deed,
}

/// See `Action`.
#[derive(Clone, Debug)]
pub enum Deed {
    Connect,
    Disconnect,
    HangUp,
    /// Reads nothing any more.
    Stall,
    /// Forgets what came so far.
    Ignore,
    Send(Envelope),
    Text(String),
    Binary(Vec<u8>),
    Expect(Expectation),
    /// Nothing came, and nothing comes for so many nanoseconds.
    ExpectNothing(u64),
    ExpectDenied(String),
    Closed(Closed),
}

/// A message of the configured protocol.
#[derive(Clone, Debug, Default)]
pub struct Envelope {
    pub event: Option<Matcher>,
    pub target: Option<Matcher>,
    pub payload: Option<Matcher>,
    pub id: Option<Matcher>,
    pub token: Option<Matcher>,
}

/// A message that must come.
#[derive(Clone, Debug)]
pub struct Expectation {
    pub shape: Expected,
    /// Maps have no other keys than those given.
    pub exact: bool,
    pub within_ns: u64,
}

/// What is said of an expected message.
#[derive(Clone, Debug)]
pub enum Expected {
    Envelope(Envelope),
    /// The whole JSON message.
    Json(Matcher),
    Text(Matcher),
    Binary(Vec<u8>),
}

/// How a connection must have ended.
#[derive(Clone, Debug)]
pub enum Closed {
    Anyhow,
    Code(u16),
    Reason(String),
}

/// A file of tests: they are about the configuration that it names.
pub struct TestFile {
    pub source: Source,
    root: Node,
    /// The path of the configuration, as written.
    pub config: String,
    pub config_span: Span,
}

const FILE_KEYS: [&str; 3] = ["config", "clients", "tests"];

impl TestFile {
    /// The file, or what is wrong with its outside.
    pub fn open(source: Source) -> Result<TestFile, (Source, Vec<Diagnostic>)> {
        let mut findings = Findings::default();
        match TestFile::parts(&source, &mut findings) {
            Some((root, config, config_span)) if !findings.any_error() => {
                Ok(TestFile { source, root, config, config_span })
            }
            _ => Err((source, findings.sorted())),
        }
    }

    fn parts(source: &Source, findings: &mut Findings) -> Option<(Node, String, Span)> {
        let root = yaml::parse(source, FileId::default(), findings);
        if !findings.any_error() {
            yaml::second::ask(source, FileId::default(), findings);
        }
        let words = Vocabulary::default();
        let mut reader = Reader::new(findings, &words);
        let nothing = Span::default();
        let Some(root) = root.filter(|root| !root.is_null()) else {
            reader.no_configuration(nothing);
            return None;
        };
        let entries = reader.map(&root, "a file of tests")?;
        reader.known(entries, "a file of tests", &FILE_KEYS, true);
        let Some(config) = entries.iter().find(|entry| entry.key == "config") else {
            reader.no_configuration(entries.first().map_or(nothing, |entry| entry.key_span));
            return None;
        };
        let path = reader.text(&config.value, "config")?;
        let at = config.value.span;
        Some((root, path, at))
    }

    /// The tests, or everything that is wrong with them.
    pub fn cases(&self, words: &Vocabulary) -> Result<Vec<Case>, Vec<Diagnostic>> {
        read(&self.root, words)
    }
}

/// The tests that a configuration holds itself.
pub fn cases_of(files: &Files, words: &Vocabulary) -> Result<Vec<Case>, Vec<Diagnostic>> {
    match &files.root {
        Some(root) => read(root, words),
        None => Ok(Vec::new()),
    }
}

fn read(root: &Node, words: &Vocabulary) -> Result<Vec<Case>, Vec<Diagnostic>> {
    let mut findings = Findings::default();
    let mut reader = Reader::new(&mut findings, words);
    let cases = reader.cases(root.as_map().unwrap_or_default());
    match findings.any_error() {
        true => Err(findings.sorted()),
        false => Ok(cases),
    }
}

/// A pattern that a matcher looks for.
fn pattern(text: &str) -> Result<Pattern, String> {
    Pattern::new(text)
}

/// A finding with the place it is about.
fn finding(code: Code, message: impl Into<String>, span: Span, label: &str) -> Diagnostic {
    Diagnostic::new(code, message).label(span, label)
}
