//! One broken declaration with many uses is one finding with its uses; two faults are two findings.
//!
//! Each case changes one configuration that is right, and says what is found then: the code, the
//! text of the file at the finding's place, and how many of its places are shown.

// Helpers of tests are not marked as tests, so the relaxation for tests does not reach them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::path::Path;

use shardwire::config::{self, Diagnostic, Environment, Options, SecretPolicy, Source, Style};

const RIGHT: &str = r#"version: 1
permissions: [talk, mute]
roles:
  guest: [talk]
  moderator: [talk, mute]
state:
  conn: { name: string = "somebody", turns: int = 0 }
  user: { visits: int = 0 }
pipelines:
  greet:
    input: { whom: string, times: int = 1 }
    steps:
      - log: "${input.whom} ${input.times}"
      - log: "again ${input.whom}"
    output: input.times + 1
lifecycle:
  connect:
    - set: { user.visits: "${user.visits + 1}" }
    - log: "${conn.name} is here"
events:
  say:
    payload: { room: string, text: string, nick: optional string }
    require: "user.can.talk && user.can.mute"
    steps:
      - set: { conn.turns: "${conn.turns + 1}" }
      - if: payload.nick != null && payload.text != ""
        log: "${payload.nick} ${payload.text}"
      - send: { to: { room: "${payload.room}" }, event: said, payload: { by: "${conn.name}" } }
      - use: greet
        with: { whom: "${payload.text}" }
        into: again
      - reply: { event: told, payload: { again: "${again}", visits: "${user.visits}" } }
      - reply: { event: done, payload: { again: "${again + 1}", text: "${payload.text}" } }
  name:
    payload: { name: string }
    steps:
      - set: { conn.name: "${payload.name}" }
      - if: user.can.talk
        log: "${conn.name} ${conn.turns} ${user.visits}"
      - use: greet
        with: { whom: "${conn.name}" }
      - grant: mute
"#;

/// The file with these changes, each of which is made wherever its text stands.
fn changed(changes: &[(&str, &str)]) -> Source {
    let mut text = RIGHT.to_owned();
    for (from, to) in changes {
        assert!(text.contains(from), "{from}");
        text = text.replace(from, to);
    }
    Source::new("config.yaml", text)
}

fn findings(source: &Source) -> Vec<Diagnostic> {
    let options = Options { secret: SecretPolicy::Ignore };
    config::compile(source, &Environment::default(), &options).err().unwrap_or_default()
}

/// What is found: codes, the text at the place, and how many places are shown.
fn found(source: &Source) -> Vec<(&'static str, String, usize)> {
    let findings = findings(source);
    let one = |finding: &Diagnostic| {
        let here = source.slice(finding.labels[0].span).to_owned();
        (finding.code.text(), here, finding.labels.len())
    };
    findings.iter().filter(|finding| finding.is_error()).map(one).collect()
}

fn expect(changes: &[(&str, &str)], wanted: &[(&str, &str, usize)]) {
    let source = changed(changes);
    let found = found(&source);
    let found: Vec<(&str, &str, usize)> =
        found.iter().map(|(code, here, places)| (*code, here.as_str(), *places)).collect();
    assert_eq!(found, wanted, "{changes:?}");
}

#[test]
fn the_configuration_is_right() {
    expect(&[], &[]);
}
