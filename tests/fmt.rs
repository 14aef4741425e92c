//! The canonical layout: it never changes what a file means, keeps every comment, and is final.

#![allow(clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use std::fs;
use std::path::{Path, PathBuf};

use shardwire::config::{self, Environment, Options, SecretPolicy, Source, Style, fmt};

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn formatted(name: &str, text: &str) -> String {
    let source = Source::new(name, text);
    fmt::format(&source).unwrap_or_else(|findings| {
        panic!("{}\n{text}", config::render(&findings, &source, Style::Human { color: false }))
    })
}

/// Every comment of a text that has no `#` in its scalars.
fn comments(text: &str) -> Vec<&str> {
    let mut found: Vec<&str> =
        text.lines().filter_map(|line| line.find("# ").map(|at| line[at..].trim_end())).collect();
    found.sort_unstable();
    found
}

fn value(text: &str) -> serde_yaml::Value {
    serde_yaml::from_str(text).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

fn holds(name: &str, text: &str) -> String {
    let once = formatted(name, text);
    assert_eq!(value(&once), value(text), "{name}: the meaning changed\n{once}");
    assert_eq!(comments(&once), comments(text), "{name}: comments\n{once}");
    assert_eq!(formatted(name, &once), once, "{name}: not final");
    assert!(!once.contains('\t') && !once.lines().any(|line| line.ends_with(' ')), "{name}");
    once
}

fn yaml_below(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        let name = path.file_name().expect("a name").to_string_lossy().into_owned();
        if path.is_dir() && name != "target" && name != "node_modules" && !name.starts_with('.') {
            yaml_below(&path, found);
        } else if name.ends_with(".yaml") || name.ends_with(".yml") {
            found.push(path);
        }
    }
}

#[test]
fn every_yaml_file_of_the_tree() {
    let mut paths = Vec::new();
    yaml_below(&root(), &mut paths);
    assert!(paths.len() >= 6, "{paths:?}");
    for path in paths {
        let text = fs::read_to_string(&path).expect("text");
        if !text.contains("\n---\n") {
            holds(&path.display().to_string(), &text);
        }
    }
}

#[test]
fn every_yaml_block_of_the_documents() {
    let mut blocks = 0;
    for entry in fs::read_dir(root().join("docs")).expect("docs") {
        let page = entry.expect("an entry").path();
        let text = fs::read_to_string(&page).unwrap_or_default();
        for block in text.split("\n```yaml\n").skip(1) {
            let block = block.split("\n```").next().unwrap_or_default();
            holds(&page.display().to_string(), &format!("{block}\n"));
            blocks += 1;
        }
    }
    assert!(blocks >= 2);
}

#[test]
fn the_layout() {
    for (text, laid_out) in [
        ("a:   1\nb:  [ 1,2 ]\n", "a: 1\nb: [1, 2]\n"),
        ("a:\n- x\n-   y: 1\n    z: 2\n", "a:\n  - x\n  - y: 1\n    z: 2\n"),
        ("{a: {b: 'c'}, d: \"e\"}\n", "{ a: { b: c }, d: e }\n"),
        ("a: '10'\nb: \"yes\"\nc: 'it''s'\n", "a: \"10\"\nb: \"yes\"\nc: it's\n"),
        (
            "# top\n\n\n\na: 1   # one\n# two\nb: 2\n# end\n",
            "# top\n\na: 1 # one\n# two\nb: 2\n# end\n",
        ),
        (
            "a:  # of a\n  # of b\n  b: 1\n  # behind b\n# of c\nc: 1\n",
            "a: # of a\n  # of b\n  b: 1\n  # behind b\n# of c\nc: 1\n",
        ),
        ("a: |\n    x\n      y\n\n    z\nb: 1\n", "a: |\n  x\n    y\n\n  z\nb: 1\n"),
        ("a: >-\n   x\n   y\nb: |-\n z\n", "a: >-\n  x\n  y\nb: |-\n  z\n"),
        ("a: [ 1, # one\n  2 ]\n", "a:\n  - 1 # one\n  - 2\n"),
        (
            "a: &x { b: 1 }\nc: *x\nd: &y\n  e: 1\nf: [*x, *y]\n",
            "a: &x { b: 1 }\nc: *x\nd: &y\n  e: 1\nf: [*x, *y]\n",
        ),
        ("a:\nb: ~\nc: null\nd: []\ne: {}\n", "a:\nb: ~\nc: null\nd: []\ne: {}\n"),
        (
            "a:\n  - b: 1\n    c: 2\n    # of the item\n  # of the list\n# of d\nd: 1\n",
            "a:\n  - b: 1\n    c: 2\n    # of the item\n  # of the list\n# of d\nd: 1\n",
        ),
        ("a:\n- b: 1\n# of c\nc: 1\n", "a:\n  - b: 1\n# of c\nc: 1\n"),
        ("a:\n- &x { b: 1 }\n- b\n  # of b\n", "a:\n  - &x { b: 1 }\n  - b\n  # of b\n"),
        ("a:\n- &x\n  - 1\nb: &y\n- 1\n", "a:\n  - &x\n    - 1\nb: &y\n  - 1\n"),
        ("---\na: 1\n", "a: 1\n"),
        ("# only\n", "# only\n"),
        ("", ""),
        ("a: plain\n  folded\nb: \"x\n  y\"\n", "a: plain folded\nb: x y\n"),
        ("- - 1\n  - 2\n- []\n", "-\n  - 1\n  - 2\n- []\n"),
    ] {
        assert_eq!(formatted("x", text), laid_out, "{text}");
        assert_eq!(formatted("x", laid_out), laid_out, "{text}");
        assert_eq!(value(text), value(laid_out), "{text}");
    }
}

#[test]
fn what_would_change_its_meaning_is_left_alone() {
    let source = Source::new("x", "&a key: 1\nother: *a\n");
    let findings = fmt::format(&source).expect_err("an anchor on a key");
    assert_eq!(findings[0].code, config::Code::NoLayout);
    let source = Source::new("x", "a: [1\n");
    let findings = fmt::format(&source).expect_err("no YAML");
    assert_eq!(findings[0].code, config::Code::YamlSyntax);
}

#[test]
fn what_is_too_long_for_a_line_goes_on_lines_of_its_own() {
    let word = "word-of-twenty-bytes";
    let items = [word; 5].join(", ");
    let once = holds("x", &format!("a: {{ b: [{items}], c: 1 }}\n"));
    assert!(once.lines().all(|line| line.len() <= 100), "{once}");
    assert!(once.contains("\n  c: 1\n"), "{once}");
}

/// Random trees as text in random styles.
#[test]
fn random_files_keep_their_meaning_and_their_comments() {
    for seed in 1..400_u64 {
        let mut random = Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
        let mut text = String::new();
        block(&mut random, &mut text, 0, 0);
        let run = std::panic::catch_unwind(|| holds("random", &text));
        assert!(run.is_ok(), "seed {seed}:\n{text}");
    }
}

struct Random(u64);

impl Random {
    fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % n as u64) as usize
    }
}

fn block(random: &mut Random, text: &mut String, indent: usize, depth: usize) {
    for key in 0..=random.below(4) {
        if random.below(4) == 0 {
            *text += &format!("{}# note {indent} {key}\n", " ".repeat(indent));
        }
        if random.below(5) == 0 {
            *text += "\n";
        }
        *text += &format!("{}k{key}:", " ".repeat(indent));
        let nested = depth < 4 && random.below(2) == 0;
        let note = if random.below(3) == 0 { format!("  # behind {key}") } else { String::new() };
        if nested {
            *text += &format!("{note}\n");
            let below = indent + 1 + random.below(4);
            block(random, text, below, depth + 1);
        } else {
            *text += &format!(" {}{note}\n", scalar(random));
        }
    }
}

fn scalar(random: &mut Random) -> &'static str {
    const SCALARS: [&str; 16] = [
        "1",
        "'1'",
        "\"a b\"",
        "'${payload.x}'",
        "\"it's: \\\"x\\\"\"",
        "[a, 'b, c', {d: e}]",
        "{}",
        "[]",
        "'no'",
        "no",
        "~",
        "'{\"a\": {.payload.x}}'",
        "\"\\u00e9\\n\"",
        "{ a: [1, 2], 'b': \"c\" }",
        "é",
        "'*'",
    ];
    SCALARS[random.below(SCALARS.len())]
}

fn upgraded(text: &str) -> fmt::Upgraded {
    let source = Source::new("config.yaml", text);
    fmt::upgrade(&source).unwrap_or_else(|findings| {
        panic!("{}\n{text}", config::render(&findings, &source, Style::Human { color: false }))
    })
}

fn compiles(text: &str) {
    let source = Source::new("config.yaml", text);
    let options = Options { secret: SecretPolicy::Ignore };
    let environment: Environment = [("INTERNAL_API_KEY", "test")].into_iter().collect();
    if let Err(findings) = config::compile(&source, &environment, &options) {
        panic!("{}\n{text}", config::render(&findings, &source, Style::Human { color: false }));
    }
}

#[test]
fn every_example_is_upgraded_and_compiles() {
    let mut paths = vec![root().join("config.yaml")];
    yaml_below(&root().join("examples"), &mut paths);
    yaml_below(&root().join("benches/configs"), &mut paths);
    for path in paths {
        if path.to_string_lossy().ends_with(".test.yaml") {
            continue;
        }
        let text = fs::read_to_string(&path).expect("text");
        let new = upgraded(&text);
        compiles(&new.text);
        assert!(new.text.contains("version: 1\n"), "{}", path.display());
        assert!(!new.text.contains("actions:"), "{}\n{}", path.display(), new.text);
        assert_eq!(comments(&new.text), comments(&text), "{}\n{}", path.display(), new.text);
        let again = upgraded(&new.text);
        assert_eq!((again.text, again.notes), (new.text, Vec::new()), "{}", path.display());
    }
}

#[test]
fn what_is_upgraded_says_the_same() {
    let event = |modifiers: &str, actions: &str| {
        format!(
            "permissions: [a]\nevents:\n  e:\n    modifiers: {modifiers}\n    actions: {actions}\n"
        )
    };
    for (modifiers, actions, lines) in [
        ("[{ name: rate_limit, params: [10/m] }]", "", vec!["    limit: 10/m", "    steps: []"]),
        (
            "[{ name: permission, params: [a] }]",
            "[{ name: _log, params: ['a {$conn.id} {.x.y} {.payload.x.z}'] }]",
            vec![
                "    payload: { x: { y: any, z: any } }",
                "      - { name: a, when: user.can.a }",
                "      - log: a ${conn.id} ${payload.x.y} ${payload.x.z}",
            ],
        ),
        (
            "",
            r#"
      - name: _notify_room
        params:
          - it's
          - '{"k": {.payload.n}, "s": "{.payload.n}", "t": "a{.payload.n}",
              "x": [1, null, "5", true], "z": {}}'"#,
            vec![
                "    payload: { n: any }",
                "          event: it's",
                "            k: ${payload.n}",
                "            s: ${string(payload.n)}",
                "            t: a${payload.n}",
                "            x: [1, null, \"5\", true]",
                "            z: {}",
            ],
        ),
        (
            "",
            "[{ name: _notify_origin, params: [e, '{.payload}'] }]",
            vec!["      - send: { to: origin, event: e, payload: \"${payload}\" }"],
        ),
    ] {
        let text = event(modifiers, actions);
        compiles(&text);
        let new = upgraded(&text);
        compiles(&new.text);
        let has = |line: &&str| new.text.lines().any(|one| one == *line);
        assert!(lines.iter().all(has), "{lines:#?}\n{}", new.text);
    }
}

#[test]
fn what_has_no_native_form_is_left_and_told() {
    for (modifiers, actions, why) in [
        ("[{ name: secure }]", "[{ name: _log, params: [x] }]", "secure"),
        ("[]", "[{ name: _join, params: ['{.payload.user}', '{$target.id}'] }]", "another user"),
        ("[]", "[{ name: _log, params: ['costs ${x}'] }]", "${"),
        ("[]", "[{ name: _log, params: ['{.payload.a-b}'] }]", "a-b"),
        ("[]", "[{ name: _log, params: ['{.payload.list.0}'] }]", "list.0"),
        ("[]", "[{ name: _notify_room, params: [e, '{\"{.payload.k}\": 1}'] }]", "a key"),
    ] {
        let event = format!("    modifiers: {modifiers}\n    actions: {actions}\n");
        let text = format!("SERVER: {{ PATH: /x }}\nevents:\n  e:\n{event}");
        compiles(&text);
        let new = upgraded(&text);
        assert!(new.notes[0].starts_with("`e`: left as it is: "), "{:?}", new.notes);
        assert!(new.notes[0].contains(why), "{:?}", new.notes);
        assert!(new.text.contains("actions:"), "{}", new.text);
        assert!(new.text.contains("server: { path: /x }"), "{}", new.text);
        compiles(&new.text);
    }
}
