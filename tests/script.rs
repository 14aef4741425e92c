//! `shardwire test`: what passes, what fails and how that is told, exit statuses, hostile scripts.
//! `SHARDWIRE_BLESS=1 cargo test --test script` rewrites the golden reports.

// Helpers of tests are not marked as tests, so the relaxation for tests does not reach them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Output, Stdio};

use serde_json::Value;
use shardwire::config::script::{Case, TestFile};
use shardwire::config::{self, Environment, Options, SecretPolicy, Source};
use shardwire::sim::play::{Stage, play};
use shardwire::sim::random::Random;
use shardwire::sim::tally::vocabulary;
use support::shardwire;

const CONFIG: &str = include_str!("script/rooms.yaml");
const PASSING: &str = include_str!("script/rooms.test.yaml");
const FAILING: &str = include_str!("script/failing.test.yaml");
const EXAMPLE: &str = include_str!("../examples/config.test.yaml");

/// Runs `shardwire test` in the project's folder, so that reports have relative paths.
fn test(arguments: &[&str]) -> (i32, String, String) {
    test_with(arguments, &[])
}

fn test_with(arguments: &[&str], environment: &[(&str, &str)]) -> (i32, String, String) {
    let root = env!("CARGO_MANIFEST_DIR");
    let mut command = shardwire();
    command.arg("test").args(arguments).envs(environment.iter().copied()).current_dir(root);
    let output: Output = command.output().expect("runs");
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    (output.status.code().unwrap(), text(&output.stdout), text(&output.stderr))
}

/// The report without what differs from run to run.
fn timeless(report: &str) -> String {
    let line = |line: &str| match (line.find(" failed; "), line.find(" ms, ")) {
        (Some(start), Some(end)) if start < end => {
            format!("{} failed; N{}\n", &line[..start], &line[end..])
        }
        _ if line.contains("\"wallMs\"") => "    \"wallMs\": N\n".to_owned(),
        _ => format!("{line}\n"),
    };
    report.lines().map(line).collect()
}

fn agree(name: &str, report: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/script").join(name);
    let report = timeless(report);
    if std::env::var_os("SHARDWIRE_BLESS").is_some() {
        std::fs::write(&path, report).unwrap();
    } else {
        let wanted = std::fs::read_to_string(&path).unwrap_or_default();
        assert_eq!(report, wanted, "{name} is not as blessed (SHARDWIRE_BLESS=1 rewrites)");
    }
}

/// The same file in a folder of its own.
fn written(name: &str, text: &str) -> String {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::write(&path, text).unwrap();
    path.to_string_lossy().into_owned()
}

#[test]
fn every_test_of_the_example_passes_on_any_number_of_shards_and_any_seed() {
    let file = "examples/config.test.yaml";
    assert!(EXAMPLE.matches("- name:").count() >= 50);
    for arguments in [vec![file], vec![file, "--cores", "4", "--seed", "11"]] {
        let (status, out, _) = test(&arguments);
        assert_eq!(status, 0, "{out}");
        assert!(out.contains(" passed, 0 failed"), "{out}");
        assert!(out.contains("events 6/6"), "{out}");
    }
}

#[test]
fn backends_are_what_the_test_says_they_are() {
    let file = "examples/gogate.yaml";
    for arguments in [vec![file], vec![file, "--cores", "4", "--seed", "11"]] {
        let (status, out, err) = test_with(&arguments, &[("INTERNAL_API_KEY", "test")]);
        assert_eq!(status, 0, "{out}{err}");
        assert!(out.contains("events 5/5, hooks 2/2, "), "{out}");
    }
    let config = |mocks: &str| {
        format!(
            "auth: {{ mode: none }}\nbackends: {{ api: {{ url: 'http://localhost:1' }} }}\n\
             events:\n  go: {{ steps: [{{ call: {{ backend: api, get: /x }} }}] }}\n\
             tests:\n  - name: one\n    backends: {mocks}\n    clients: {{ ann: {{}} }}\n    \
             steps: [{{ ann: {{ go: }} }}]\n"
        )
    };
    for (mocks, status, told) in [
        ("{ api: [{ get: /x }] }", 0, "1 passed"),
        ("{ api: [{ get: /x, times: 0 }] }", 1, "no mock of this test answers `GET /x` of `api`"),
        ("{}", 1, "no mock of this test answers"),
        ("{ apy: [{ get: /x }] }", 2, "E732"),
        ("{ api: [{ status: 200 }] }", 2, "E202"),
        ("{ api: [{ get: /x, status: 1000 }] }", 2, "1000 is no status"),
        ("{ api: [{ get: /x, fails: no }] }", 2, "`fails` takes"),
        ("{ api: [{ get: /x, dely: 1s }] }", 2, "unknown key `dely`"),
    ] {
        let (got, out, err) = test(&[&written("mocks.yaml", &config(mocks))]);
        assert_eq!(got, status, "{mocks}: {out}{err}");
        let both = format!("{out}{err}");
        assert!(both.contains(told), "{mocks}: {both}");
    }
}

#[test]
fn rules_limits_captures_and_raw_messages() {
    let files = ["tests/script/rooms.test.yaml", "tests/script/echo.test.yaml"];
    for arguments in [files.to_vec(), [&files[..], &["--cores", "3", "--seed", "5"]].concat()] {
        let (status, out, _) = test(&arguments);
        assert_eq!(status, 0, "{out}");
        assert!(out.contains("rules 3/3"), "{out}");
    }
}

#[test]
fn rooms_with_presence_and_history_are_heard_in_virtual_time() {
    for (file, passed) in [("presence.yaml", "3 passed"), ("sketch.yaml", "2 passed")] {
        let file = &*format!("tests/script/{file}");
        for arguments in [vec![file], vec![file, "--cores", "3", "--seed", "5"]] {
            let (status, out, err) = test(&arguments);
            assert_eq!(status, 0, "{out}{err}");
            assert!(out.contains(passed), "{out}");
        }
    }
}

#[test]
fn failures_are_told_with_their_places_and_differences() {
    for (name, format) in [("failing.txt", "human"), ("failing.github.txt", "github")] {
        let arguments = ["tests/script/failing.test.yaml", "--coverage", "--format", format];
        let (status, out, _) = test(&arguments);
        assert_eq!(status, 1);
        agree(name, &out);
    }
}

#[test]
fn the_json_report_is_stable() {
    let arguments = ["tests/script/failing.test.yaml", "--format", "json"];
    let (status, out, _) = test(&arguments);
    assert_eq!(status, 1);
    agree("failing.json.txt", &out);
    let report: Value = serde_json::from_str(&out).unwrap();
    assert_eq!((&report["version"], &report["summary"]["passed"]), (&1.into(), &1.into()));
    let again = test(&arguments).1;
    assert_eq!(timeless(&out), timeless(&again));
}

#[test]
fn a_filter_takes_tests_by_their_names() {
    let (status, out, _) =
        test(&["tests/script/failing.test.yaml", "--filter", "this one is right"]);
    assert_eq!((status, out.contains("1 test: 1 passed")), (0, true), "{out}");
    let (status, _, err) = test(&["tests/script/rooms.test.yaml", "--filter", "no such test"]);
    assert_eq!((status, err.contains("no such test")), (2, true), "{err}");
}

#[test]
fn a_limit_is_expected_by_its_name_and_a_step_is_covered_by_its() {
    let config = "\
auth: { mode: none }
events:
  say:
    limit: { rate: 1/m, name: slowly }
    steps:
      - { name: answer, reply: { event: said } }
  tell: { limit: 1/m, steps: [{ name: never run, reply: { event: told } }] }
tests:
  - name: by its name
    clients: { ann: {} }
    steps:
      - ann: { say: , expect: said }
      - ann: { say: , expectDenied: slowly }
      - ann: { say: , expectDenied: rate_limited }
      - counters: { limits.slowly: 2, rejects.rate_limited: 2 }
  - name: a limit that is not spoken of
    clients: { ann: {} }
    steps:
      - ann: { say: , expect: said }
      - ann: { say: }
";
    let path = written("limits.yaml", config);
    let (status, report, _) = test(&[&path, "--coverage"]);
    assert_eq!(status, 1, "{report}");
    assert!(report.contains("ann was denied by slowly; `expectDenied`"), "{report}");
    assert!(report.contains("1 passed") || report.contains("ok    by its name"), "{report}");
    assert!(report.contains("tell, never run") && !report.contains("say, answer"), "{report}");
    let wrong = written(
        "limits-wrong.yaml",
        &config.replace("expectDenied: slowly", "expectDenied: slowy"),
    );
    let (status, _, findings) = test(&[&wrong]);
    assert_eq!(status, 2);
    assert!(findings.contains("did you mean `slowly`?"), "{findings}");
}

/// Two events share a pipeline, a hook is written, conditions hold and do not.
const COUNTED: &str = "version: 1
auth: { mode: none }
state: { conn: { name: string = '', calls: int = 0 } }
pipelines:
  count:
    input: { by: int }
    steps:
      - set: { conn.calls: '${conn.calls + input.by}' }
      - if: conn.calls > 100
        log: many calls
lifecycle:
  connect:
    - send: { to: origin, event: hello }
  disconnect:
    - if: conn.name != '' && size(conn.name) < 20
      send: { to: all, event: gone, payload: { name: '${conn.name}' } }
rooms: { 'r:{n}': { join: { require: [room.n != 'x'] } } }
events:
  one:
    payload: { n: optional int }
    require: [payload.n == null || payload.n > 0]
    steps:
      - use: count
        with: { by: '${payload.n ?? 1}' }
      - reply: { event: done, payload: { calls: '${conn.calls}', n: '${payload.n ?? omit}' } }
  two:
    steps:
      - use: count
        with: { by: 2 }
tests:
  - name: once
    clients: { ann: {} }
    steps:
      - ann: { expect: hello, one: { payload: { n: 2 } } }
      - ann: { expect: done, disconnect: true }
";

#[test]
fn coverage_counts_what_the_file_says_each_once() {
    let path = written("counted.yaml", COUNTED);
    let (status, report, _) = test(&[&path, "--coverage"]);
    assert_eq!(status, 0, "{report}");
    let counts = "events 1/2, hooks 2/2, rules 1/2, steps 4/7";
    assert!(report.contains(counts), "{report}");
    for missing in [
        "counted.yaml:26:3: event not run, two",
        "counted.yaml:17:39: rule not run, room.n != 'x'",
        "counted.yaml:9:9: step not run, one",
        "counted.yaml:15:7: step not run, lifecycle.disconnect",
        "counted.yaml:28:9: step not run, two",
    ] {
        assert!(report.contains(missing), "{missing}: {report}");
    }
    assert_eq!(report.matches("not run").count(), 5, "{report}");
}

#[test]
fn what_cannot_be_run_is_told_with_its_place() {
    let case = |steps: &str| {
        let root = env!("CARGO_MANIFEST_DIR");
        format!(
            "config: {root}/config.yaml\ntests:\n  - name: t\n    clients: {{ ann: {{}} }}\n    \
             steps:\n      - {steps}\n"
        )
    };
    for (name, text, code) in [
        ("client.test.yaml", case("bob: { connect: true }"), "E601"),
        ("verb.test.yaml", case("ann: { sned: {} }"), "E201"),
        ("shape.test.yaml", case("ann: { send: [1] }"), "E202"),
        ("time.test.yaml", case("advance: 5"), "E402"),
        ("config.test.yaml", "tests: []\n".into(), "E607"),
        ("missing.test.yaml", "config: nowhere.yaml\ntests: []\n".into(), "E101"),
        ("yaml.test.yaml", "config: [\n".into(), "E103"),
        ("empty.test.yaml", String::new(), "E607"),
    ] {
        let (status, out, err) = test(&[&written(name, &text)]);
        assert_eq!((status, out.as_str()), (2, ""), "{name}: {err}");
        assert!(err.contains(code), "{name}: {err}");
        assert!(err.contains(name) || err.contains("nowhere.yaml"), "{name}: {err}");
    }
    let (status, _, err) = test(&["examples/chat.yaml"]);
    assert_eq!((status, err.contains("there are no tests")), (2, true), "{err}");
    assert_eq!(test(&["--cores", "0"]).0, 2);
}

#[test]
fn a_configuration_may_hold_its_tests_and_check_reads_them() {
    let config = |steps: &str| {
        format!(
            "auth: {{ mode: none }}\nevents:\n  ping:\n    actions:\n      \
             - {{ name: _notify_origin, params: [pong, '{{}}'] }}\ntests:\n  - name: answers\n    \
             clients: {{ ann: {{}} }}\n    steps:\n      - ann: {steps}\n"
        )
    };
    let good = written("inside.yaml", &config("{ ping: , expect: pong }"));
    let (status, out, err) = test(&[&good]);
    assert_eq!((status, out.contains("1 passed")), (0, true), "{out}{err}");
    let check = |file: &str| shardwire().args(["check", file]).output().unwrap().status.code();
    assert_eq!(check(&good), Some(0));
    let bad = written("inside-bad.yaml", &config("{ pnig: , expect: pong }"));
    assert_eq!((check(&bad), test(&[&bad]).0), (Some(2), 2));
    // A server has no use for tests, and is not kept from running by them.
    let source = Source::new("config.yaml", config("{ pnig: }"));
    let options = Options { secret: SecretPolicy::Ignore };
    assert!(config::compile(&source, &Environment::default(), &options).is_ok());
}

/// A command that is stopped with the test.
struct Watching(Child);

impl Drop for Watching {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn watching_runs_again_when_a_file_changes() {
    let text = "auth: { mode: none }\nevents: { hi: { actions: [{ name: _log, params: [hi] }] } }\n\
                tests: [{ name: t, steps: [] }]\n";
    std::fs::create_dir_all(Path::new(env!("CARGO_TARGET_TMPDIR")).join("watched")).unwrap();
    let file = written("watched/config.yaml", text);
    let mut command = shardwire();
    command.args(["test", "--watch", &file]).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut watching = Watching(command.spawn().unwrap());
    let mut lines = BufReader::new(watching.0.stdout.take().unwrap()).lines();
    let mut until = |wanted: &str| lines.any(|line| line.unwrap().contains(wanted));
    assert!(until("1 test: 1 passed"));
    written(
        "watched/config.yaml",
        &text.replace("steps: []", "steps: [{ counters: { rooms: 1 } }]"),
    );
    assert!(until("1 test: 0 passed, 1 failed"));
}

#[test]
fn the_tests_in_the_documentation_pass() {
    let page = include_str!("../docs/testing.md");
    let block = page.split("\n```yaml\n").nth(1).and_then(|rest| rest.split("\n```").next());
    let (status, out, err) = test(&[&written("documented.yaml", block.unwrap())]);
    assert_eq!((status, out.contains("2 passed, 0 failed")), (0, true), "{out}{err}");
}

fn stage(config: &str) -> Stage {
    let source = Source::new("config.yaml", config);
    let options = Options { secret: SecretPolicy::Ignore };
    let compiled = config::compile(&source, &Environment::default(), &options).ok().unwrap();
    Stage::new(compiled.settings, compiled.program, 1, 1)
}

fn cases(stage: &Stage, text: &str) -> Option<Vec<Case>> {
    let file = TestFile::open(Source::new("fuzz.test.yaml", text)).ok()?;
    file.cases(&vocabulary(stage.settings(), stage.program())).ok()
}

/// Cuts, doubles and swaps pieces of a text.
fn mutated(text: &str, random: &mut Random) -> String {
    let mut chars: Vec<char> = text.chars().collect();
    for _ in 0..1 + random.index(4) {
        let at = random.index(chars.len());
        let end = (at + random.index(24)).min(chars.len());
        match random.index(4) {
            0 => drop(chars.drain(at..end)),
            1 => {
                let piece: Vec<char> = chars[at..end].to_vec();
                let to = random.index(chars.len());
                chars.splice(to..to, piece);
            }
            2 => chars[at] = ['{', '}', '[', '"', '$', '~', '&', '*', '9', '\n'][random.index(10)],
            _ => {
                let other = random.index(chars.len());
                chars.swap(at, other);
            }
        }
    }
    chars.into_iter().collect()
}

#[test]
fn hostile_scripts_are_findings_or_run_to_an_end() {
    let (rooms, chat) = (stage(CONFIG), stage(include_str!("../config.yaml")));
    let subjects = [(&rooms, PASSING), (&rooms, FAILING), (&chat, EXAMPLE)];
    let mut random = Random::new(20);
    let (mut read, mut played) = (0, 0);
    for round in 0..1_500 {
        let (stage, text) = subjects[round % subjects.len()];
        let Some(cases) = cases(stage, &mutated(text, &mut random)) else { continue };
        read += 1;
        for case in cases.iter().take(4) {
            play(stage, case).expect("the stage's own key");
            played += 1;
        }
    }
    assert!(read > 100 && played > 200, "{read} read, {played} played");
}

#[test]
fn a_test_that_never_ends_is_ended() {
    let stage = stage(CONFIG);
    let text = "config: x\ntests:\n  - name: t\n    steps:\n      - advance: 876000h\n";
    let case = &cases(&stage, text).unwrap()[0];
    let failure = play(&stage, case).unwrap().failure.unwrap();
    assert!(failure.message.contains("too long"), "{}", failure.message);
}
