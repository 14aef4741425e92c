//! Configurations of several files on disk: what wins, what is refused, where a value came from.

#![allow(clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use shardwire::config::{
    self, Code, Compiled, Diagnostic, Environment, Files, Options, SecretPolicy, Style,
};

/// A folder of this test alone, with these files.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str, files: &[(&str, &str)]) -> Folder {
        let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("files-{name}"));
        let _ = fs::remove_dir_all(&folder);
        for (path, text) in files {
            let path = folder.join(path);
            fs::create_dir_all(path.parent().expect("a folder")).expect("made");
            fs::write(path, text).expect("written");
        }
        Folder(folder)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    fn compile(&self, variant: Option<&str>) -> (Files, config::Outcome) {
        self.compile_with(variant, &[])
    }

    fn compile_with(
        &self,
        variant: Option<&str>,
        variables: &[(&str, &str)],
    ) -> (Files, config::Outcome) {
        let files = Files::of_path(&self.path("config.yaml"), variant);
        let environment: Environment = variables.iter().copied().collect();
        let options = Options { secret: SecretPolicy::Ignore };
        let outcome = config::compile_files(&files, &environment, &options);
        (files, outcome)
    }

    fn good(&self, variant: Option<&str>) -> Compiled {
        let (files, outcome) = self.compile(variant);
        outcome.unwrap_or_else(|findings| panic!("{}", shown(&files, &findings)))
    }

    /// The codes of the errors.
    fn codes(&self, variant: Option<&str>) -> Vec<Code> {
        let findings = self.compile(variant).1.err().unwrap_or_default();
        findings.iter().filter(|one| one.is_error()).map(|one| one.code).collect()
    }
}

fn shown(files: &Files, findings: &[Diagnostic]) -> String {
    config::render(findings, &files.source, Style::Human { color: false })
}

const ECHO: &str = "actions: [{ name: _log, params: [hello] }]";

#[test]
fn layers_are_merged_and_lists_replaced() {
    let events = format!("events:\n  one: {{ {ECHO} }}\n");
    let folder = Folder::new(
        "layers",
        &[
            (
                "base.yaml",
                "server: { address: ':1', path: /base, origins: [https://a.example] }\n\
              auth: { mode: none }\n\
              events: { debug: { actions: [{ name: _log, params: [x] }] } }\n",
            ),
            ("events/a.yaml", &events),
            ("events/b.yaml", &events.replace("one", "two")),
            ("events/note.txt", "not a configuration"),
            (
                "config.yaml",
                "extends: base.yaml\ninclude: [events/*.yaml]\n\
              server: { path: /main, origins: [https://b.example, https://c.example] }\n",
            ),
            ("config.production.yaml", "server: { address: ':2' }\nevents: { debug: }\n"),
        ],
    );
    let plain = folder.good(None);
    assert_eq!(plain.settings.server.addresses[0].port(), 1);
    assert_eq!(plain.settings.server.path, "/main");
    assert_eq!(plain.settings.server.origins.len(), 2);
    let names = |compiled: &Compiled| -> Vec<String> {
        compiled.program.events.iter().map(|event| event.name.to_string()).collect()
    };
    assert_eq!(names(&plain), ["debug", "one", "two"]);
    let production = folder.good(Some("production"));
    assert_eq!(production.settings.server.addresses[0].port(), 2);
    assert_eq!(production.settings.server.path, "/main");
    assert_eq!(names(&production), ["one", "two"]);
    let file = |at: usize| production.program.file(production.program.events[at].site).to_owned();
    assert!(file(0).ends_with("events/a.yaml") && file(1).ends_with("events/b.yaml"));
    let variables = [("SHARDWIRE_SERVER_ADDRESS", ":3")];
    let (_, outcome) = folder.compile_with(Some("production"), &variables);
    let Ok(compiled) = outcome else { panic!("compiles") };
    assert_eq!(compiled.settings.server.addresses[0].port(), 3);
}

#[test]
fn a_finding_tells_the_file_of_each_of_its_places() {
    let folder = Folder::new(
        "places",
        &[
            ("config.yaml", "extends: base.yaml\nserver: { ADDRESS: ':2' }\n"),
            ("base.yaml", "# a comment\nserver:\n  address: ':1'\n"),
        ],
    );
    let (files, outcome) = folder.compile(None);
    let findings = outcome.err().expect("set twice");
    assert_eq!(findings[0].code, Code::SetTwice);
    let text = shown(&files, &findings);
    assert!(text.contains("config.yaml:2:11") && text.contains("base.yaml"), "{text}");
    assert!(text.contains("3 │   address: ':1'"), "{text}");
}

#[test]
fn whatever_lies_outside_the_folder_is_refused() {
    let outside = Folder::new("outside", &[("secret.yaml", "server: { path: /secret }\n")]);
    let secret = outside.path("secret.yaml");
    let absolute = format!("extends: {}\n", secret.display());
    for text in ["extends: ../files-outside/secret.yaml\n", &absolute, "include: [a/../../x]\n"] {
        let folder = Folder::new("escape", &[("config.yaml", text)]);
        assert_eq!(folder.codes(None), [Code::FileOutside], "{text}");
    }
    let folder = Folder::new("links", &[("config.yaml", "extends: base.yaml\n"), ("in.yaml", "")]);
    symlink(&secret, folder.path("base.yaml")).expect("linked");
    assert_eq!(folder.codes(None), [Code::FileOutside]);
    fs::remove_file(folder.path("base.yaml")).expect("removed");
    symlink("in.yaml", folder.path("base.yaml")).expect("linked");
    assert_eq!(folder.codes(None), []);
    let folder = Folder::new("folders", &[("config.yaml", "include: ['events/*.yaml']\n")]);
    symlink(outside.path(""), folder.path("events")).expect("linked");
    assert_eq!(folder.codes(None), [Code::FileOutside]);
    for variant in ["../x", "", "a/b", "a.b"] {
        assert_eq!(folder.codes(Some(variant))[..1], [Code::FileOutside][..1], "{variant}");
    }
}

#[test]
fn cycles_are_found_by_whatever_name() {
    let folder = Folder::new(
        "cycle",
        &[("config.yaml", "extends: a.yaml\n"), ("a.yaml", "extends: link.yaml\n")],
    );
    symlink("config.yaml", folder.path("link.yaml")).expect("linked");
    assert_eq!(folder.codes(None), [Code::FileCycle]);
    let folder = Folder::new("glob-cycle", &[("config.yaml", "include: ['*.yaml']\n")]);
    assert_eq!(folder.codes(None), [Code::FileCycle]);
}

#[test]
fn the_main_file_may_be_a_link_and_the_others_lie_beside_the_name() {
    let store = Folder::new("store", &[("v7.yaml", "extends: base.yaml\n")]);
    let folder = Folder::new("main-link", &[("base.yaml", "server: { path: /base }\n")]);
    symlink(store.path("v7.yaml"), folder.path("config.yaml")).expect("linked");
    assert_eq!(folder.good(None).settings.server.path, "/base");
}

#[test]
fn missing_and_unreadable_files_are_told_with_who_asked() {
    let folder =
        Folder::new("missing", &[("config.yaml", "server:\n  path: /x\nextends: no.yaml\n")]);
    let (files, outcome) = folder.compile(None);
    let findings = outcome.err().expect("missing");
    assert_eq!(findings[0].code, Code::Unreadable);
    assert!(shown(&files, &findings).contains("config.yaml:3:10"));
    assert_eq!(folder.codes(Some("staging")), [Code::Unreadable]);
    let folder = Folder::new("folder", &[("config.yaml", "extends: dir\n"), ("dir/x", "")]);
    assert_eq!(folder.codes(None), [Code::Unreadable]);
    let folder = Folder::new("bytes", &[("config.yaml", "extends: b.yaml\n")]);
    fs::write(folder.path("b.yaml"), b"a: \xff").expect("written");
    assert_eq!(folder.codes(None), [Code::Unreadable]);
}

#[test]
fn a_file_that_cannot_be_read_is_named_as_the_place() {
    let folder = Folder::new("unreadable", &[("config.yaml/x", "")]);
    let (files, outcome) = folder.compile(None);
    let text = shown(&files, &outcome.err().expect("a folder"));
    let path = folder.path("config.yaml").display().to_string();
    assert!(text.contains(&format!("cannot read {path}: ")), "{text}");
    assert!(text.contains(&format!("─▸ {path}")), "{text}");
    let folder = Folder::new("latin", &[]);
    fs::create_dir_all(&folder.0).expect("made");
    fs::write(folder.path("config.yaml"), b"a: 1\nb: caf\xe9\n").expect("written");
    let (files, outcome) = folder.compile(None);
    let text = shown(&files, &outcome.err().expect("no text"));
    assert!(text.contains("byte 7 of line 2 is not UTF-8"), "{text}");
    assert!(!text.lines().any(|line| line.trim_end().ends_with('▸')), "{text}");
}

#[test]
fn a_variable_that_is_not_set_is_one_finding_with_its_places() {
    let events = "events:\n  one:\n    steps:\n      - reply: { event: x, payload: \
                  { a: '${size(env.NO)}', b: '${size(env.OTHER)}', c: '${size(env.NO)}' } }\n";
    let text = format!(
        "version: 1\nserver: {{ path: '${{env.NO}}' }}\nauth: {{ secret: '${{env.NO}}' }}\n{events}"
    );
    let folder = Folder::new("unset", &[("config.yaml", &text)]);
    let (files, outcome) = folder.compile(None);
    let findings = outcome.err().expect("not set");
    let errors = findings.iter().filter(|one| one.is_error());
    let told: Vec<(Code, usize)> = errors.map(|one| (one.code, one.labels.len())).collect();
    let unset = Code::MissingVariable;
    assert_eq!(told, [(unset, 4), (unset, 1)], "{}", shown(&files, &findings));
}

#[test]
fn all_files_together_are_bounded() {
    let half = format!("# {}\n", "x".repeat(600_000));
    let folder = Folder::new(
        "large",
        &[("config.yaml", "include: ['p/*.yaml']\n"), ("p/a.yaml", &half), ("p/b.yaml", &half)],
    );
    assert_eq!(folder.codes(None), [Code::FileTooLarge]);
    let values = format!("[{}]\n", "1,".repeat(40_000));
    let (a, b) = (format!("x-a: {values}"), format!("x-b: {values}"));
    let files = [("config.yaml", "include: ['p/*.yaml']\n"), ("p/a.yaml", &a), ("p/b.yaml", &b)];
    assert_eq!(Folder::new("values", &files).codes(None), [Code::TooLarge]);
}

#[test]
fn a_text_without_a_folder_asks_for_no_files() {
    let source = config::Source::new("text", "extends: base.yaml\n");
    let options = Options { secret: SecretPolicy::Ignore };
    let findings = config::compile(&source, &Environment::default(), &options).err();
    assert_eq!(findings.expect("refused")[0].code, Code::Unreadable);
    assert!(!Path::new("base.yaml").exists());
}
