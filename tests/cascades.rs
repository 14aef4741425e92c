//! One broken declaration with many uses is one finding with its uses; two faults are two findings.
//!
//! Each case changes one configuration that is right, and says what is found then: the code, the
//! text of the file at the finding's place, and how many of its places are shown.

// Helpers of tests are not marked as tests, so the relaxation for tests does not reach them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use shardwire::config::{self, Diagnostic, Environment, Options, SecretPolicy, Source};

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

const PAYLOAD: &str = "    payload: { room: string, text: string, nick: optional string }\n";
const CONN: &str = "  conn: { name: string = \"somebody\", turns: int = 0 }\n";
const INPUT: &str = "    input: { whom: string, times: int = 1 }\n";

#[test]
fn a_declaration_that_is_gone_is_told_once_with_its_uses() {
    expect(&[("permissions: [talk, mute]\n", "")], &[("E722", "talk", 4)]);
    expect(&[("permissions: [talk, mute]", "permissions: [talk]")], &[("E722", "mute", 3)]);
    expect(&[("name: string = \"somebody\", ", "")], &[("E427", "conn.name", 4)]);
    expect(&[(CONN, "")], &[("E427", "conn.name", 4)]);
    expect(&[("  greet:\n", "  great:\n")], &[("E710", "greet", 2)]);
    expect(&[(INPUT, "")], &[("E426", "input", 4)]);
    expect(&[("input: { whom:", "input: { who:")], &[("E427", "input.whom", 4)]);
    expect(&[(PAYLOAD, "")], &[("E429", "payload.text", 3)]);
    expect(&[("string, text: string", "string, test: string")], &[("E427", "payload.text", 5)]);
    let both = format!("state:\n{CONN}  user: {{ visits: int = 0 }}\n");
    expect(&[(&both, "")], &[("E709", "user.visits", 3), ("E427", "conn.name", 4)]);
}

#[test]
fn a_declaration_that_is_wrong_is_told_at_its_place_alone() {
    expect(&[("permissions: [talk, mute]", "permissions: 7")], &[("E202", "7", 1)]);
    expect(
        &[("permissions: [talk, mute]", "permissions: [{ talk: 1 }]")],
        &[("E202", "{ talk: 1 }", 1)],
    );
    expect(&[(CONN, "  conn: 7\n")], &[("E202", "7", 1)]);
    expect(&[("string = \"somebody\"", "strng = \"somebody\"")], &[("E701", "strng", 1)]);
    expect(&[("input: { whom: string", "input: { whom: strin")], &[("E701", "strin", 1)]);
    expect(&[(INPUT, "    input: true\n")], &[("E701", "true", 1)]);
    expect(&[(PAYLOAD, "    payload: text\n")], &[("E701", "text", 1)]);
    expect(&[("string, text: string", "string, text: list(strin)")], &[("E701", "strin", 1)]);
    expect(&[("    output: input.times + 1\n", "")], &[("E706", "into", 1)]);
    expect(&[("output: input.times", "output: input.tims")], &[("E427", "input.tims", 1)]);
    expect(&[("with: { whom: \"${payload.text}\" }", "with: 7")], &[("E202", "7", 1)]);
    let both = format!("state:\n{CONN}  user: {{ visits: int = 0 }}\n");
    expect(&[(&both, "state: 7\n")], &[("E202", "7", 1)]);
}

#[test]
fn a_misspelled_key_is_read_as_the_one_that_was_meant() {
    for (right, wrong) in [
        ("permissions:", "permisions:"),
        ("state:", "stat:"),
        ("  conn:", "  con:"),
        ("pipelines:", "pipelins:"),
        ("    input:", "    inpt:"),
        (PAYLOAD, &PAYLOAD.replace("payload", "paylod")),
        ("- reply: { event:", "- reply: { evnt:"),
        ("with: { whom: \"${payload.text}\"", "with: { whm: \"${payload.text}\""),
    ] {
        let found = found(&changed(&[(right, wrong)]));
        assert!(found.iter().all(|(code, _, _)| *code == "E201"), "{wrong}: {found:?}");
        let count = RIGHT.matches(right).count();
        assert_eq!(found.len(), count, "{wrong}");
    }
}

#[test]
fn what_a_broken_step_or_condition_would_say_is_not_missed() {
    let geet = (
        "- use: greet\n        with: { whom: \"${payload.text}",
        "- use: geet\n        with: { whom: \"${payload.text}",
    );
    expect(&[geet], &[("E710", "geet", 1)]);
    expect(&[("if: payload.nick != null &&", "if: payload.nick != nul &&")], &[("E425", "nul", 1)]);
    let require = ("require: \"user.can.talk && user.can.mute\"", "require: payload.nick != nul");
    let unasked = ("if: payload.nick != null && payload.text != \"\"", "if: payload.text != \"\"");
    expect(&[require, unasked], &[("E425", "nul", 1)]);
}

#[test]
fn two_faults_are_two_findings() {
    expect(
        &[("user.can.talk &&", "user.can.tlak &&"), ("- grant: mute", "- grant: mut")],
        &[("E427", "user.can.tlak", 1), ("E307", "mut", 1)],
    );
    expect(
        &[("permissions:", "permisions:"), ("- grant: mute", "- grant: mut")],
        &[("E201", "permisions", 1), ("E307", "mut", 1)],
    );
    expect(
        &[("permissions: [talk, mute]\n", ""), ("again + 1", "agan + 1")],
        &[("E722", "talk", 4), ("E425", "agan", 1)],
    );
    // A broken field of a payload says nothing of the other fields.
    expect(
        &[("string, text: string", "string, text: strin"), ("${payload.room}", "${payload.rom}")],
        &[("E701", "strin", 1), ("E427", "payload.rom", 2)],
    );
    expect(
        &[("input: { whom: string", "input: { whom: strin"), ("${input.times}", "${input.time}")],
        &[("E701", "strin", 1), ("E427", "input.time", 1)],
    );
    // A rule that asks for no value hides no value that may be missing.
    expect(
        &[("user.can.talk &&", "user.can.tlak &&"), (PAYLOAD, "")],
        &[("E427", "user.can.tlak", 1), ("E429", "payload.text", 3)],
    );
    // Step and condition are both looked at.
    expect(
        &[
            ("if: payload.nick != null", "if: payload.nick != nul"),
            ("\"${payload.nick} ", "\"${payload.nikc} "),
        ],
        &[("E425", "nul", 1), ("E427", "payload.nikc", 2)],
    );
    // The same name in two payloads is two names.
    expect(
        &[
            ("payload: { name: string }", "payload: { nam: string }"),
            ("string, text: string", "string, test: string"),
        ],
        &[("E427", "payload.text", 5), ("E427", "payload.name", 2)],
    );
    // Two names that one section lacks.
    expect(
        &[
            ("\"${conn.name} is here\"", "\"${conn.nmae} is here\""),
            ("${conn.turns} ", "${conn.trns} "),
        ],
        &[("E427", "conn.nmae", 2), ("E427", "conn.trns", 2)],
    );
}

#[test]
fn broken_yaml_is_one_finding() {
    for (right, wrong) in [
        ("events:\n", "events: ]\n"),
        ("version: 1", "version: \"1"),
        ("  guest: [talk]", "  guest: [talk"),
        ("  guest: [talk]", "\tguest: [talk]"),
        ("      - grant: mute", "     - grant: mute"),
    ] {
        let found = found(&changed(&[(right, wrong)]));
        let codes: Vec<&str> = found.iter().map(|(code, ..)| *code).collect();
        assert_eq!(codes, ["E103"], "{wrong}");
    }
}
