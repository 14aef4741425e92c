//! Hostile configurations: seeded mutants of the examples, random bytes, and bombs, through the
//! whole compiler. Nothing may panic or hang; findings must render.

// Helpers of tests are not marked as tests, so the relaxation for tests does not reach them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use shardwire::config::{self, Code, Environment, Options, SecretPolicy, Source, Style, fmt};

/// A small generator (xorshift), so that a seed names a run.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound.max(1) as u64) as usize
    }

    fn one<'o, T: ?Sized>(&mut self, of: &[&'o T]) -> &'o T {
        of[self.below(of.len())]
    }
}

/// Pieces that mean something to a reader of YAML, JSON or templates.
const PIECES: [&str; 48] = [
    "{",
    "}",
    "[",
    "]",
    ":",
    ": ",
    ",",
    "\n",
    "\n  ",
    "\n- ",
    "- ",
    "'",
    "\"",
    "\\",
    "|",
    ">",
    "|\n",
    "#",
    "&a ",
    "*a",
    "<<",
    "!x ",
    "%",
    "---\n",
    "\t",
    "\r\n",
    "é",
    "\u{feff}",
    "\0",
    "${env.A}",
    "${",
    "{.payload.x}",
    "{.x}",
    "{$user.id}",
    "{$token.sub}",
    "{.",
    "{$",
    "}}",
    "\\u12",
    "null",
    "~",
    "1e9",
    "60m",
    "events",
    "actions",
    "params",
    "name",
    "  ",
];

const SEEDS: [&str; 5] = [
    include_str!("../examples/echo.yaml"),
    include_str!("../examples/chat.yaml"),
    include_str!("../examples/language.yaml"),
    "server: { address: ':1', origins: ['*'] }\nauth: { keys: [{ kid: a, secret: ${env.A} }] }\n",
    "events:\n  e:\n    modifiers: [{ name: secure }]\n    actions:\n      - name: _notify_room\n\
     \x20       params: [x, '{\"a\": \"{.payload.b}{$token.c}\", \"d\": [{.payload}, 1]}']\n",
];

fn compile(text: String) -> Result<config::Compiled, (Source, Vec<config::Diagnostic>)> {
    let source = Source::new("fuzz.yaml", text);
    let environment: Environment = [("A", "0123456789")].into_iter().collect();
    let options = Options { secret: SecretPolicy::Ignore };
    config::compile(&source, &environment, &options).map_err(|findings| (source, findings))
}

/// Lays a text out: what is laid out stays as it is, and so does what is upgraded.
fn lay_out(text: &str) {
    let source = Source::new("fuzz.yaml", text);
    let Ok(once) = fmt::format(&source) else { return };
    let again = fmt::format(&Source::new("fuzz.yaml", &once)).expect("what was laid out is YAML");
    assert_eq!(again, once);
    if let Ok(upgraded) = fmt::upgrade(&source) {
        let again = fmt::format(&Source::new("fuzz.yaml", &upgraded.text)).expect("YAML");
        assert_eq!(again, upgraded.text);
    }
}

/// Compiles and, where that fails, renders in every style.
fn survive(text: String, render: bool) {
    if render {
        lay_out(&text);
    }
    match compile(text) {
        Ok(compiled) => {
            assert!(compiled.program.code.len() <= 4_096);
            let effective = compiled.effective;
            if !render {
                return;
            }
            assert!(!effective.yaml().is_empty() && !effective.json().is_empty());
            assert!(config::diff::diff(&effective, &effective).is_empty());
        }
        Err((source, findings)) if render => {
            assert!(!findings.is_empty());
            for style in [Style::Human { color: false }, Style::Json, Style::Github] {
                assert!(!config::render(&findings, &source, style).is_empty());
            }
        }
        Err((_, findings)) => assert!(findings.iter().any(config::Diagnostic::is_error)),
    }
}

fn boundary(text: &str, mut at: usize) -> usize {
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

/// Changes a text in a few places.
fn mutate(text: &mut String, random: &mut Random) {
    for _ in 0..=random.below(4) {
        let at = random.below(text.len() + 1);
        let at = boundary(text, at);
        let to = boundary(text, (at + random.below(12)).min(text.len()));
        match random.below(4) {
            0 => text.replace_range(at..to, ""),
            1 => text.replace_range(at..to, random.one(&PIECES)),
            2 => {
                let copy = text[at..to].to_owned();
                let into = random.below(text.len() + 1);
                text.insert_str(boundary(text, into), &copy);
            }
            _ => text.insert_str(at, random.one(&PIECES)),
        }
    }
}

/// Runs `rounds` texts made by `make`; a panic is reported with its seed and text.
fn fuzz(seed: u64, rounds: u64, make: impl Fn(&mut Random) -> String) {
    for round in 0..rounds {
        let mut random = Random((seed + round).wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
        random.next();
        let text = make(&mut random);
        let shown = text.clone();
        let run = std::panic::catch_unwind(move || survive(text, round % 16 == 0));
        assert!(run.is_ok(), "seed {seed} round {round}: {shown:?}");
    }
}

#[test]
fn mutants_of_configurations() {
    fuzz(1, 12_000, |random| {
        let mut text = random.one(&SEEDS).to_owned();
        mutate(&mut text, random);
        text
    });
}

#[test]
fn random_pieces() {
    fuzz(2, 48_000, |random| {
        let pieces = random.below(12);
        (0..pieces).map(|_| random.one(&PIECES)).collect()
    });
}

#[test]
fn random_templates() {
    fuzz(3, 30_000, |random| {
        let pieces = random.below(8);
        let text: String = (0..pieces).map(|_| random.one(&PIECES)).collect();
        let quoted = text.replace(['\n', '\r', '\0', '\u{feff}'], " ").replace('\'', "''");
        let action = random.one(&["_notify_room", "_notify_origin", "_join"]);
        format!("events: {{e: {{actions: [{{name: {action}, params: [x, '{quoted}']}}]}}}}\n")
    });
}

#[test]
fn random_bytes() {
    fuzz(4, 10_000, |random| {
        let len = random.below(64);
        let bytes: Vec<u8> = (0..len).map(|_| random.next() as u8).collect();
        String::from_utf8_lossy(&bytes).into_owned()
    });
}

fn codes_of(text: String) -> Vec<Code> {
    let findings = compile(text).err().map(|(_, findings)| findings).unwrap_or_default();
    findings.into_iter().map(|finding| finding.code).collect()
}

#[test]
fn bombs_end_early() {
    let laughs = |width: usize| {
        let level = |n: usize| {
            let below = vec![format!("*l{}", n - 1); width].join(",");
            format!("x-{n}: &l{n} [{below}]\n")
        };
        "x-0: &l0 [lol]\n".to_owned() + &(1..=9).map(level).collect::<String>()
    };
    assert_eq!(codes_of(laughs(9)), [Code::TooLarge]);
    let long = format!("x-a: &a {}\nx-b: [{}]\n", "z".repeat(500_000), vec!["*a"; 200].join(","));
    assert_eq!(codes_of(long), [Code::TooLarge]);
    for deep in
        ["[".repeat(10_000), "{a: ".repeat(10_000), "- ".repeat(10_000), "? ".repeat(10_000)]
    {
        let codes = codes_of(format!("x-deep:\n  {deep}"));
        assert!(
            [Code::TooDeep, Code::YamlSyntax, Code::KeyNotText].contains(&codes[0]),
            "{codes:?}"
        );
    }
    let block: String = (0..10_000).map(|n| format!("{}k:\n", " ".repeat(n.min(80)))).collect();
    assert_eq!(codes_of(block)[0], Code::TooDeep);
    assert_eq!(codes_of("x-a: &a [1, [*a]]\n".into()), [Code::AnchorCycle]);
    assert_eq!(codes_of("x-a: &a { b: *a }\n".into()), [Code::AnchorCycle]);
    assert_eq!(codes_of("x-a: *none\n".into()), [Code::YamlSyntax]);
    assert_eq!(codes_of("x-a: 1\nx-a: 2\n".into()), [Code::DuplicateKey, Code::SecretLater]);
}

#[test]
fn pipelines_that_multiply_end_early() {
    let mut text = "auth: { mode: none }\npipelines:\n  p0: { steps: [{ log: x }] }\n".to_owned();
    for level in 1..16 {
        let uses = format!("{{ use: p{} }}, ", level - 1).repeat(20);
        text += &format!("  p{level}: {{ steps: [{uses}] }}\n");
    }
    text += "events: { e: { steps: [{ use: p15 }] } }\n";
    assert_eq!(codes_of(text), [Code::ProgramTooLarge]);
}

#[test]
fn large_files_stay_bounded() {
    let item = "- 1\n".repeat(200_000);
    assert_eq!(codes_of(format!("x-list:\n{item}")), [Code::TooLarge]);
    let keys: String = (0..40_000).map(|n| format!("k{n}: 1\n")).collect();
    assert!(codes_of(keys).len() <= 100);
    let twice = "same: 1\n".repeat(30_000);
    assert!(codes_of(twice).len() <= 101);
    let flow = format!("x-a: [{}]\n", "é,".repeat(30_000));
    assert_eq!(codes_of(flow), []);
    let holes = "{.payload.a}".repeat(20_000);
    codes_of(format!("events: {{e: {{actions: [{{name: _log, params: ['{holes}']}}]}}}}\n"));
}
