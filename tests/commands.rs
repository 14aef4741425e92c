//! The commands about files from outside: config, diff, explain, fmt, init, schema, and `--env`.

#![allow(clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod support;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;

use serde_json::Value;
use support::shardwire;

fn run(folder: &Path, arguments: &[&str]) -> Output {
    shardwire().current_dir(folder).args(arguments).output().expect("runs")
}

fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// An empty folder of one test with these files.
fn folder(name: &str, files: &[(&str, &str)]) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("commands-{name}"));
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).expect("made");
    for (path, text) in files {
        fs::write(folder.join(path), text).expect("written");
    }
    folder
}

const BASE: &str = "\
auth: { mode: none }
server: { path: /base }
events:
  hello:
    actions:
      - { name: _log, params: [hello] }
";

#[test]
fn the_effective_values_tell_where_they_came_from() {
    let folder = folder(
        "effective",
        &[
            ("base.yaml", BASE),
            (
                "config.yaml",
                "extends: base.yaml\nauth: { secret: hunter2hunter2hunter2hunter2xx }\n",
            ),
            ("config.production.yaml", "server: { path: /production }\n"),
        ],
    );
    let command = ["config", "--effective", "--env", "production"];
    let output = shardwire()
        .current_dir(&folder)
        .args(command)
        .env("SHARDWIRE_TRANSPORT_READTIMEOUT", "90s")
        .output()
        .expect("runs");
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let told = stdout(&output);
    for line in [
        "  path: /production # config.production.yaml:1",
        "  mode: none # base.yaml:1",
        "  readTimeout: 90s # SHARDWIRE_TRANSPORT_READTIMEOUT",
        "  pingInterval: 25s # default",
        "      - name: _log # base.yaml:6",
        "  secret: (secret) # config.yaml:2",
    ] {
        assert!(told.lines().any(|one| one == line), "{line}\n{told}");
    }
    assert!(!told.contains("hunter2"), "{told}");
    let json = run(&folder, &["config", "--effective", "--format", "json"]);
    let json: Value = serde_json::from_str(&stdout(&json)).expect("JSON");
    let values = json["values"].as_array().expect("values");
    let path = values.iter().find(|value| value["path"] == "server.path").expect("a path");
    assert_eq!((&path["value"], &path["effect"]), (&"/base".into(), &"new connections".into()));
    assert_eq!((&path["from"]["file"], &path["from"]["line"]), (&"base.yaml".into(), &2.into()));
    assert_eq!(run(&folder, &["config"]).status.code(), Some(2));
    let missing = run(&folder, &["check", "--env", "staging"]);
    assert_eq!(missing.status.code(), Some(2));
    assert!(stderr(&missing).contains("config.staging.yaml"));
}

#[test]
fn a_difference_has_an_effect_and_a_status() {
    let folder =
        folder("diff", &[("old.yaml", BASE), ("new.yaml", &BASE.replace("/base", "/new"))]);
    let same = run(&folder, &["diff", "old.yaml", "old.yaml"]);
    assert_eq!((same.status.code(), stdout(&same)), (Some(0), "no difference\n".into()));
    let differs = run(&folder, &["diff", "old.yaml", "new.yaml"]);
    assert_eq!(differs.status.code(), Some(1));
    let told = stdout(&differs);
    assert!(
        told.starts_with("server.path (new connections)\n  was  /base  [old.yaml:2]\n"),
        "{told}"
    );
    assert!(told.contains("1 changed: 0 live, 1 for new connections, 0 at a restart"), "{told}");
    assert!(differs.stderr.is_empty());
    let json = run(&folder, &["diff", "--format", "json", "old.yaml", "new.yaml"]);
    let json: Value = serde_json::from_str(&stdout(&json)).expect("JSON");
    assert_eq!(json["changes"][0]["is"]["value"], "/new");
    assert_eq!(run(&folder, &["diff", "old.yaml", "none.yaml"]).status.code(), Some(2));
}

#[test]
fn fmt_writes_or_only_tells() {
    let messy = "auth:   {mode: 'none'} # why\n";
    let folder = folder("fmt", &[("config.yaml", messy), ("bad.yaml", "a: [\n")]);
    let check = run(&folder, &["fmt", "--check"]);
    assert_eq!((check.status.code(), stdout(&check)), (Some(1), "config.yaml\n".into()));
    let read = |name: &str| fs::read_to_string(folder.join(name)).expect("text");
    assert_eq!(read("config.yaml"), messy);
    assert_eq!(run(&folder, &["fmt"]).status.code(), Some(0));
    assert_eq!(read("config.yaml"), "auth: { mode: none } # why\n");
    assert_eq!(run(&folder, &["fmt", "--check"]).status.code(), Some(0));
    assert_eq!(run(&folder, &["fmt", "bad.yaml"]).status.code(), Some(2));
    assert_eq!(read("bad.yaml"), "a: [\n");
    assert_eq!(fs::read_dir(&folder).expect("a folder").count(), 2);
}

#[test]
fn init_writes_what_compiles_and_overwrites_nothing() {
    let folder = folder("init", &[]);
    for template in ["chat", "echo", "go-dispatch", "notifications"] {
        let file = format!("{template}.yaml");
        let made = run(&folder, &["init", "--from", template, &file]);
        assert_eq!(made.status.code(), Some(0), "{}", stderr(&made));
        assert_eq!(run(&folder, &["check", &file]).status.code(), Some(0), "{template}");
        let again = run(&folder, &["init", "--from", "echo", &file]);
        assert_eq!(again.status.code(), Some(2));
    }
    assert_eq!(run(&folder, &["init", "--from", "nothing"]).status.code(), Some(2));
    assert_eq!(run(&folder, &["init"]).status.code(), Some(0));
    assert!(folder.join("config.yaml").exists());
}

#[test]
fn the_schema_is_json() {
    let output = run(&folder("schema", &[]), &["schema"]);
    let schema: Value = serde_json::from_str(&stdout(&output)).expect("JSON");
    assert!(schema["properties"]["server"].is_object());
}

const DENYING: &str = "\
auth: { mode: none }
rooms:
  \"shut:{id}\": { join: { require: [\"room.id == ''\"] } }
events:
  say:
    payload: { text: string }
    limit: { rate: 1/m, name: slowly, onExceed: drop }
    require:
      - { name: calm, when: \"!payload.text.endsWith('!')\", error: please calm down }
    steps:
      - name: the answer
        reply: { event: said }
      - join: shut:1
";

/// The id in the row of the listing that says this.
fn id_beside(listing: &str, what: &str) -> String {
    let row = listing.lines().find(|line| line.trim().starts_with("d-") && line.contains(what));
    let id = row.and_then(|row| row.split_whitespace().next());
    id.unwrap_or_else(|| panic!("no {what} in {listing}")).to_owned()
}

#[test]
fn explain_shows_beside_an_event_what_can_deny_it_and_explains_each_denial() {
    let folder = folder("explain", &[("config.yaml", DENYING)]);
    let listing = stdout(&run(&folder, &["explain", "say"]));
    assert!(listing.contains("# the answer"), "{listing}");
    assert!(!listing.contains("room_full"), "no room has a bound: {listing}");
    let calm = id_beside(&listing, "the rule `calm`");
    let page = stdout(&run(&folder, &["explain", &calm]));
    for part in [
        &format!("note[{calm}]: `say` was refused by the rule `calm`"),
        "config.yaml:9:9",
        "━ denied",
        "help: change the condition; `mode: shadow`",
        "\"message\":\"please calm down\",\"event\":\"say\",\"rule\":\"calm\"",
        &format!("\"denial\":\"{calm}\""),
    ] {
        assert!(page.contains(part), "{part}: {page}");
    }
    let slowly = id_beside(&listing, "the limit `slowly`");
    let page = stdout(&run(&folder, &["explain", &slowly]));
    assert!(page.contains("nothing (`onExceed: drop`)"), "{page}");
    let shut = id_beside(&listing, "room.id == ''");
    let page = stdout(&run(&folder, &["explain", &shut]));
    assert!(page.contains("`rooms.shut:{id}.join` was refused by the rule"), "{page}");
    // The same file elsewhere has the same ids; another line has another one.
    let moved = DENYING.replace("events:", "\nevents:");
    let elsewhere = folder.join("below");
    fs::create_dir_all(&elsewhere).expect("made");
    fs::write(elsewhere.join("config.yaml"), DENYING).expect("written");
    fs::write(folder.join("config.yaml"), moved).expect("written");
    let found = run(&folder, &["explain", &calm, "--config", "below/config.yaml"]);
    assert!(found.status.success(), "{}", stderr(&found));
    let gone = run(&folder, &["explain", &calm]);
    assert_eq!(gone.status.code(), Some(2));
    assert!(stderr(&gone).contains("may have changed since"), "{}", stderr(&gone));
}

#[test]
fn explain_has_the_page_of_a_code_without_a_configuration() {
    let folder = folder("explain-code", &[]);
    let page = run(&folder, &["explain", "w507"]);
    assert!(page.status.success() && stdout(&page).starts_with("## W507: "), "{page:?}");
    let unknown = run(&folder, &["explain", "E24"]);
    assert_eq!(unknown.status.code(), Some(2));
    assert!(stderr(&unknown).contains("did you mean `E"), "{}", stderr(&unknown));
}
