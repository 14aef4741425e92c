//! The commands from outside: exit statuses, where output goes, what is said of mistakes.

#![allow(clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod support;

use std::io::Read;
use std::path::PathBuf;
use std::process::{Output, Stdio};

use support::{fixture, shardwire};

const SECRET: &str = "5f3c0b7a9e1d4286a0c4e8f2b6d19375c1e9a7f3";

fn run(arguments: &[&str]) -> Output {
    run_with(arguments, &[])
}

fn run_with(arguments: &[&str], environment: &[(&str, &str)]) -> Output {
    shardwire().args(arguments).envs(environment.iter().copied()).output().expect("runs")
}

fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn chat() -> String {
    fixture("server/chat.yaml").to_string_lossy().into_owned()
}

/// A file in the target folder with this text.
fn written(name: &str, text: &str) -> String {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::write(&path, text).expect("writes");
    path.to_string_lossy().into_owned()
}

#[test]
fn every_command_has_help_with_an_example() {
    for command in [
        vec!["--help"],
        vec!["serve", "--help"],
        vec!["check", "--help"],
        vec!["explain", "--help"],
        vec!["token", "--help"],
        vec!["config", "--help"],
        vec!["diff", "--help"],
        vec!["fmt", "--help"],
        vec!["init", "--help"],
        vec!["schema", "--help"],
        vec!["test", "--help"],
    ] {
        let output = run(&command);
        assert_eq!(output.status.code(), Some(0), "{command:?}");
        assert!(stdout(&output).contains("Examples:"), "{command:?}");
        assert!(output.stderr.is_empty(), "{command:?}");
    }
    assert!(stdout(&run(&["--version"])).starts_with("shardwire "));
}

#[test]
fn misuse_is_status_2_on_stderr() {
    for command in [
        vec![],
        vec!["serv"],
        vec!["serve", "--port", "1"],
        vec!["check", "--format", "xml"],
        vec!["token", "make"],
        vec!["token", "make", "--sub", "ada", "--ttl", "soon"],
    ] {
        let output = run(&command);
        assert_eq!(output.status.code(), Some(2), "{command:?}");
        assert!(output.stdout.is_empty() && !output.stderr.is_empty(), "{command:?}");
    }
}

#[test]
fn check_accepts_a_good_file_and_needs_no_secret() {
    let output = run(&["check", &chat()]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert!(stdout(&output).contains("ok (3 events, 0 permissions)"));
}

#[test]
fn check_tells_every_error_at_once_and_serve_does_not_start() {
    let bad = written(
        "bad.yaml",
        "events:\n  a:\n    actions:\n      - name: _jion\n        params: []\n  \
         b:\n    actions:\n      - name: _nothing\n        params: []\n",
    );
    let checked = run(&["check", &bad]);
    assert_eq!(checked.status.code(), Some(2));
    let told = stderr(&checked);
    assert!(told.contains("_jion") && told.contains("_nothing") && told.contains(":4:"), "{told}");
    let served = run_with(&["serve", &bad], &[("SHARDWIRE_SERVER_AUTH_JWTSECRET", SECRET)]);
    assert_eq!(served.status.code(), Some(2));
    assert!(served.stdout.is_empty());
    let machine = run(&["check", "--format", "json", &bad]);
    for line in stderr(&machine).lines() {
        let finding: serde_json::Value = serde_json::from_str(line).expect("a JSON line");
        assert!(finding["code"].is_string());
    }
    assert!(stderr(&run(&["check", "--format", "github", &bad])).starts_with("::error file="));
    let missing = run(&["check", "no-such-file.yaml"]);
    assert_eq!(missing.status.code(), Some(2));
    assert!(stderr(&missing).contains("no-such-file.yaml"));
}

#[test]
fn serve_refuses_missing_short_and_known_secrets_with_a_remedy() {
    let name = "SHARDWIRE_SERVER_AUTH_JWTSECRET";
    let known = "a-string-secret-at-least-256-bits-long";
    for environment in [vec![], vec![(name, "short")], vec![(name, known)]] {
        let output = run_with(&["serve", &chat()], &environment);
        assert_eq!(output.status.code(), Some(2), "{environment:?}");
        let told = stderr(&output);
        assert!(told.to_lowercase().contains("secret"), "{told}");
        assert!(told.contains("openssl rand") && !told.contains("hint["), "{told}");
        for (_, secret) in environment {
            assert!(secret == "short" || !told.contains(secret), "{told}");
        }
    }
}

#[test]
fn explain_lists_an_event_and_names_the_others() {
    let output = run(&["explain", "send_message", "--config", &chat()]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert!(stdout(&output).starts_with("steps of \"send_message\" in "));
    assert!(stdout(&output).contains("  - name: "), "{}", stdout(&output));
    assert!(stdout(&output).contains("send_target"), "{}", stdout(&output));
    assert!(stdout(&output).lines().count() > 5, "{}", stdout(&output));
    let unknown = run(&["explain", "sendmessage", "--config", &chat()]);
    assert_eq!(unknown.status.code(), Some(2));
    assert!(stderr(&unknown).contains("send_message"));
}

#[test]
fn a_made_token_checks_and_a_changed_one_does_not() {
    let secret = [("GODISPATCH_SERVER_AUTH_JWTSECRET", SECRET)];
    let config = chat();
    let made = run_with(
        &["token", "make", "--sub", "ada", "--perms", "a,b", "--ttl", "1h30m", "--config", &config],
        &secret,
    );
    assert_eq!(made.status.code(), Some(0), "{}", stderr(&made));
    let token = stdout(&made).trim().to_owned();
    let checked = run_with(&["token", "check", &token, "--config", &config], &secret);
    assert_eq!(checked.status.code(), Some(0), "{}", stderr(&checked));
    let claims: serde_json::Value = serde_json::from_str(&stdout(&checked)).expect("JSON");
    assert_eq!(claims["sub"], "ada");
    assert_eq!(claims["perms"], serde_json::json!(["a", "b"]));
    let seconds = claims["exp"].as_u64().zip(claims["iat"].as_u64());
    assert_eq!(seconds.map(|(end, start)| end - start), Some(5_400));
    let changed = format!("{token}x");
    let refused = run_with(&["token", "check", &changed, "--config", &config], &secret);
    assert_eq!(refused.status.code(), Some(1));
    assert!(!stderr(&refused).contains(&token));
    let nobody = run_with(&["token", "make", "--sub", "", "--config", &config], &secret);
    assert_eq!(nobody.status.code(), Some(2));
}

#[test]
fn doctor_answers_each_question_with_a_line() {
    let output = run(&["doctor"]);
    let told = stdout(&output);
    for question in ["kernel", "io_uring", "locked memory", "open files", "CPUs", "accept queue"] {
        assert!(told.lines().any(|line| line.contains(question)), "{question}:\n{told}");
    }
    let fatal = told.lines().any(|line| line.starts_with("FAIL"));
    assert_eq!(output.status.code(), Some(i32::from(fatal)));
}

#[test]
fn a_reader_that_goes_away_is_no_failure() {
    let mut child = shardwire()
        .args(["explain", "send_message", "--config", &chat()])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("runs");
    drop(child.stdout.take());
    let mut told = String::new();
    child.stderr.take().expect("piped").read_to_string(&mut told).expect("text");
    assert!(child.wait().expect("ends").success(), "{told}");
    assert!(!told.contains("panicked"), "{told}");
}
