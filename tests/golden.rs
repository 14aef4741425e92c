//! Golden files: each code's example with its rendered finding, the listing of the Go original's
//! file, and the generated pages. `SHARDWIRE_BLESS=1 cargo test --test golden` rewrites them all.

// Helpers of tests are not marked as tests, so the relaxation for tests does not reach them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::ops::Range;
use std::path::{Path, PathBuf};

use shardwire::config::expr::{self, Read, Scope, Want};
use shardwire::config::types::{Field, Type, Typed};
use shardwire::config::{
    self, Code, Compiled, Diagnostic, Environment, Files, Options, SecretPolicy, Severity, Source,
    Span, Style, files::Memory, script,
};
use shardwire::pipeline::op::Context;
use shardwire::sim::tally::vocabulary;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Compares a file with what it should hold, or writes it.
fn agree(path: &Path, wanted: &str, wrong: &mut Vec<PathBuf>) {
    if std::env::var_os("SHARDWIRE_BLESS").is_some() {
        std::fs::write(path, wanted).unwrap();
    } else if std::fs::read_to_string(path).unwrap_or_default() != wanted {
        wrong.push(path.to_owned());
    }
}

fn check_all(wrong: Vec<PathBuf>) {
    assert!(wrong.is_empty(), "not as blessed (SHARDWIRE_BLESS=1 rewrites): {wrong:#?}");
}

/// Text of an example that is too long to write down.
fn generated(text: &str) -> String {
    match text.trim_end().strip_prefix("# generated: ") {
        Some("paths") => {
            let paths: String = (0..65).map(|n| format!("{{.payload.f{n}}}")).collect();
            format!("events: {{ e: {{ actions: [{{ name: _log, params: [\"{paths}\"] }}] }} }}\n")
        }
        Some("variables") => {
            let variables: String = (0..129).map(|n| format!("v{n}: int = 0, ")).collect();
            format!("state: {{ conn: {{ {variables} }} }}\nevents: {{}}\n")
        }
        Some("events") => {
            let entry = |n| format!("  e{n}: {{ actions: [{{ name: _log, params: [x] }}] }}\n");
            "events:\n".to_owned() + &(0..4_097).map(entry).collect::<String>()
        }
        Some("files") => {
            let name = |n| format!("f{n}.yaml");
            let names: Vec<String> = (0..256).map(name).collect();
            let parts = names.iter().map(|name| format!("# file: {name}\n# nothing\n"));
            format!("include: [{}]\n", names.join(", ")) + &parts.collect::<String>()
        }
        _ => text.to_owned(),
    }
}

/// The files of an example: `# file: NAME` begins another one.
fn files_of(example: &str) -> Memory {
    let mut files = Memory::default();
    let mut name = "config.yaml";
    for line in example.split_inclusive('\n') {
        match line.trim_end().strip_prefix("# file: ") {
            Some(next) => name = next,
            None => files.0.entry(name.into()).or_default().push_str(line),
        }
    }
    files
}

/// What the examples of expressions may use.
fn scope_of(declared: Option<Span>) -> Scope {
    let field = |name: &str, typed| Field { name: name.to_owned(), typed };
    let fields = vec![
        field("name", Typed::of(Type::String)),
        field("count", Typed::of(Type::Int)),
        field("nick", Typed::of(Type::String).optional()),
        field("tags", Typed::of(Type::list(Type::String))),
    ];
    let mut scope = Scope::new();
    let payload = Typed::of(Type::Map(fields));
    scope.bind_declared("payload", payload, Read::Payload(Vec::new()), declared);
    scope.bind("user.id", Typed::of(Type::String), Read::Context(Context::UserId));
    scope.bind("conn.id", Typed::of(Type::String), Read::Context(Context::ConnId));
    scope.bind("conn.jwt", Typed::of(Type::String).secret(), Read::ConnVar(0));
    scope
}

/// The findings of an example that is an expression, or a scalar with some.
fn findings_of_expression(example: &str) -> Option<(Source, Vec<Diagnostic>)> {
    let line = |prefix: &str| example.find(prefix).map(|at| at + prefix.len());
    let text = |start: usize| example[start..].lines().next().unwrap_or_default();
    let place =
        |start: usize| move |range: Range<usize>| Span::new(start + range.start, start + range.end);
    let (start, faults) = match (line("# expression: "), line("# scalar: ")) {
        (Some(start), _) => {
            let declared = line("# payload: ");
            let declared = declared.map(|at| Span::new(at, at + text(at).len()));
            let checked =
                expr::parse(text(start)).map_err(|fault| vec![fault]).and_then(|parsed| {
                    expr::check(&parsed, &scope_of(declared), &Want::any("a reply"))
                });
            (start, checked.err().unwrap_or_default())
        }
        (None, Some(start)) => (start, expr::pieces(text(start)).err().into_iter().collect()),
        _ => return None,
    };
    let findings = faults.iter().map(|fault| fault.diagnostic(place(start))).collect();
    Some((Source::new("config.yaml", example), findings))
}

/// Compiles an example as its comments ask.
fn findings_of(example: &str) -> (Source, Vec<Diagnostic>) {
    if let Some(found) = findings_of_expression(example) {
        return found;
    }
    if example.starts_with("# for: tests\n") {
        let opened = script::TestFile::open(Source::new("config.yaml", example));
        return opened.err().unwrap();
    }
    let variant = example.lines().find_map(|line| line.strip_prefix("# variant: "));
    let files = Files::of_folder(&files_of(&generated(example)), "config.yaml", variant);
    let variables =
        example.lines().filter_map(|line| line.strip_prefix("# env: ")?.split_once('='));
    let environment: Environment = variables.collect();
    let serve = example.lines().any(|line| line == "# for: serve");
    let secret = if serve { SecretPolicy::Demand } else { SecretPolicy::Ignore };
    let findings = match config::compile_files(&files, &environment, &Options { secret }) {
        Ok(compiled) => {
            let words = vocabulary(&compiled.settings, &compiled.program);
            let tests = script::cases_of(&files, &words).err().unwrap_or_default();
            compiled.findings.into_iter().chain(tests).collect()
        }
        Err(findings) => findings,
    };
    (files.source, findings)
}

#[test]
fn every_code_is_shown_by_its_example() {
    let mut wrong = Vec::new();
    let mut silent = Vec::new();
    for code in Code::ALL.iter().filter(|code| !code.example().is_empty()) {
        let (source, findings) = findings_of(code.example());
        let shown: Vec<Diagnostic> =
            findings.into_iter().filter(|one| one.code == *code || one.is_error()).collect();
        if !shown.iter().any(|one| one.code == *code) {
            silent.push((code.text(), shown));
            continue;
        }
        let rendered = config::render(&shown, &source, Style::Human { color: false });
        let text = format!("--- config.yaml\n{}--- findings\n{rendered}", code.example());
        agree(&root().join(format!("tests/golden/{}.txt", code.text())), &text, &mut wrong);
    }
    assert!(silent.is_empty(), "examples that do not show their code: {silent:#?}");
    check_all(wrong);
}

#[test]
fn every_golden_file_belongs_to_a_code() {
    for entry in std::fs::read_dir(root().join("tests/golden")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let stem = name.trim_end_matches(".txt");
        let code = Code::ALL.iter().any(|code| code.text() == stem);
        assert!(code || name.starts_with("listing-") || name.starts_with("style-"), "{name}");
    }
}

#[test]
fn files_that_cannot_be_read_are_findings() {
    let missing = config::load(Path::new("/nowhere/config.yaml"), &Environment::default());
    assert_eq!(missing.err().unwrap()[0].code, Code::Unreadable);
    let dir = std::env::temp_dir().join(format!("shardwire-golden-{}", std::process::id()));
    std::fs::create_dir_all(&dir).unwrap();
    let path = dir.join("config.yaml");
    for (bytes, code) in
        [(b"a: \xff".to_vec(), Code::Unreadable), (vec![b' '; (1 << 20) + 1], Code::FileTooLarge)]
    {
        std::fs::write(&path, bytes).unwrap();
        let findings = config::load(&path, &Environment::default()).err().unwrap();
        assert_eq!(findings[0].code, code);
    }
    std::fs::remove_dir_all(&dir).unwrap();
}

#[test]
fn the_other_styles() {
    let mut wrong = Vec::new();
    let (source, findings) = findings_of(
        "transport:\n  readTimout: 60m\n  pingInterval: 5\n# env: SHARDWIRE_SERVER_CORES=0,x\n",
    );
    for (name, style) in [("json", Style::Json), ("github", Style::Github)] {
        let text = config::render(&findings, &source, style);
        agree(&root().join(format!("tests/golden/style-{name}.txt")), &text, &mut wrong);
    }
    let colored = config::render(&findings, &source, Style::Human { color: true });
    assert!(colored.contains("\u{1b}["));
    check_all(wrong);
}

#[test]
fn findings_about_one_subject_are_shown_with_its_places() {
    let (source, findings) = findings_of(
        "roles: { guest: [talk], host: [talk, mute] }\nstate: { conn: { turns: int = 0 } }\n\
         events:\n  say:\n    require: user.can.talk\n    steps:\n      \
         - log: \"${payload.text} in ${payload.room}\"\n      - set: { conn.name: ada }\n      \
         - log: \"${conn.name} ${payload.text}\"\n      - use: greet\n  mute:\n    steps:\n      \
         - grant: mute\n      - revoke: talk\n      - log: \"${conn.name}\"\n      - use: greet\n",
    );
    let text = config::render(&findings, &source, Style::Human { color: false });
    let mut wrong = Vec::new();
    agree(&root().join("tests/golden/style-places.txt"), &text, &mut wrong);
    check_all(wrong);
}

#[test]
fn generated_pages_are_up_to_date() {
    let mut wrong = Vec::new();
    agree(&root().join("docs/configuration.md"), &config::docs::configuration(), &mut wrong);
    agree(&root().join("docs/diagnostics.md"), &config::docs::diagnostics(), &mut wrong);
    check_all(wrong);
}

#[test]
fn the_originals_file_compiles_to_this_listing() {
    let text = std::fs::read_to_string(root().join("tests/data/go-dispatch-config.yaml")).unwrap();
    let source = Source::new("config.yaml", text);
    let options = Options { secret: SecretPolicy::Ignore };
    let compiled = match config::compile(&source, &Environment::default(), &options) {
        Ok(compiled) => compiled,
        Err(findings) => {
            panic!("{}", config::render(&findings, &source, Style::Human { color: false }))
        }
    };
    assert!(compiled.findings.iter().all(|one| one.severity() == Severity::Hint));
    let mut wrong = Vec::new();
    let listing = shardwire::pipeline::disasm::program(&compiled.program).to_string();
    agree(&root().join("tests/golden/listing-go-dispatch.txt"), &listing, &mut wrong);
    check_all(wrong);
}

/// What examples read from the environment without a default.
fn environment() -> Environment {
    [("INTERNAL_API_KEY", "test")].into_iter().collect()
}

fn compiles(name: &str, text: &str) {
    let source = Source::new(name, text);
    let options = Options { secret: SecretPolicy::Ignore };
    let findings = match config::compile(&source, &environment(), &options) {
        Ok(Compiled { settings, program, .. }) => {
            let files = Files::of_text(source.clone());
            script::cases_of(&files, &vocabulary(&settings, &program)).err().unwrap_or_default()
        }
        Err(findings) => findings,
    };
    if !findings.is_empty() {
        panic!("{}", config::render(&findings, &source, Style::Human { color: false }));
    }
}

fn files(dir: &Path, ending: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(dir).into_iter().flatten();
    let paths = entries.map(|entry| entry.unwrap().path());
    paths.filter(|path| path.extension().is_some_and(|found| found == ending)).collect()
}

#[test]
fn every_example_compiles() {
    // Files of tests are not configurations; `shardwire test` reads them (tests/scripts).
    let mut examples = files(&root().join("examples"), "yaml");
    examples.retain(|path| !path.to_string_lossy().ends_with(".test.yaml"));
    assert!(examples.len() >= 3);
    for path in examples.into_iter().chain([root().join("config.yaml")]) {
        compiles(&path.display().to_string(), &std::fs::read_to_string(&path).unwrap());
    }
    let original = std::fs::read(root().join("tests/data/go-dispatch-config.yaml")).unwrap();
    assert_eq!(std::fs::read(root().join("examples/go-dispatch.yaml")).unwrap(), original);
}

/// Blocks that begin with exactly "```yaml" are whole configurations; parts say "```yaml fragment".
#[test]
fn every_configuration_in_the_documentation_compiles() {
    let pages = files(&root().join("docs"), "md").into_iter().chain([root().join("README.md")]);
    for page in pages.filter(|page| page.exists()) {
        let text = std::fs::read_to_string(&page).unwrap();
        for (place, block) in text.split("\n```yaml\n").skip(1).enumerate() {
            let block = block.split("\n```").next().unwrap_or_default();
            compiles(&format!("{} block {}", page.display(), place + 1), block);
        }
    }
}

#[test]
fn no_finding_shows_a_secret() {
    for text in [
        "auth: { secret: hunter2 }\n",
        "auth: { secret: '${hunter2}', mode: jwtt }\n",
        "auth:\n  secret: |\n    hunter2\n  mode: jwtt\n",
        "auth: { keys: [{ secret: '${hunter2' }, { secret: hunter2, algorithm: RS256 }] }\n",
        "server: { auth: { jwtSecret: [hunter2] } }\n",
        "server:\n  auth:\n    jwtSecret: 'hunter2\n",
        "auth: { secret: \"${env.S}\" }\n",
    ] {
        let source = Source::new("config.yaml", text);
        let environment: Environment = [("S", "hunter2"), ("PORT", "x")].into_iter().collect();
        let findings = config::compile(&source, &environment, &Options::default());
        let findings = findings.err().unwrap();
        assert!(!format!("{findings:?}{environment:?}").contains("hunter2"), "{findings:?}");
        for style in [Style::Human { color: false }, Style::Json, Style::Github] {
            let shown = config::render(&findings, &source, style);
            assert!(!shown.contains("hunter2"), "{shown}");
        }
    }
}

#[test]
fn a_file_with_a_version_is_strict_about_case() {
    let codes = |text: &str| -> Vec<Code> {
        let (_, findings) = findings_of(text);
        findings.into_iter().filter(Diagnostic::is_error).map(|one| one.code).collect()
    };
    assert_eq!(codes("Transport: { READTIMEOUT: 60m }\n"), []);
    assert_eq!(codes("version: 1\ntransport: { READTIMEOUT: 60m }\n"), [Code::UnknownKey]);
    let twice = "transport: { readTimeout: 60m, readtimeout: 50m }\n";
    assert_eq!(codes(twice), [Code::SetTwice]);
}

#[test]
fn settings_of_the_originals_file() {
    let text = std::fs::read_to_string(root().join("tests/data/go-dispatch-config.yaml")).unwrap();
    let environment: Environment =
        [("GODISPATCH_SERVER_AUTH_JWTSECRET", "0123456789abcdef0123456789abcdef")]
            .into_iter()
            .collect();
    let source = Source::new("config.yaml", text);
    let compiled = config::compile(&source, &environment, &Options::default()).ok().unwrap();
    let settings = compiled.settings;
    assert_eq!(settings.server.addresses[0].to_string(), "[::]:8080");
    assert_eq!(settings.server.connection_limit.max_per_user, 3);
    assert_eq!(settings.transport.read_timeout_ns, 3_600_000_000_000);
    assert_eq!(settings.auth.cookie, "session-token");
    assert_eq!(settings.auth.keys.len(), 1);
    assert_eq!(compiled.program.limits.len(), 1);
}
