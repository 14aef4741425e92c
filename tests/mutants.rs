//! One fault at a time, in every configuration of the tree: what the compiler says of it.
//!
//! A mutant differs from a good file in one line: a key dropped or misspelled, a value of another
//! type, a broken template, broken YAML. It either still means something, or there are findings,
//! few of them, and one names the line. Seeds are printed where something is wrong. A new example
//! takes part by being there; the number of mutants, and so the time, stays the same.

// Helpers of tests are not marked as tests, so the relaxation for tests does not reach them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::HashMap;
use std::path::Path;

use shardwire::config::{self, Diagnostic, Environment, Options, SecretPolicy, Source};
use shardwire::sim::random::Random;

const MUTANTS: u64 = 4_000;

/// Findings that one fault has at most, and warnings and hints that it makes.
const FINDINGS_MAX: usize = 3;

/// Share of the faults that are found on the line they are on.
const EXACT_MIN: f64 = 0.98;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    DroppedKey,
    MisspelledName,
    SwappedType,
    BrokenTemplate,
    BrokenYaml,
}

const FAULTS: [Fault; 5] = [
    Fault::DroppedKey,
    Fault::MisspelledName,
    Fault::SwappedType,
    Fault::BrokenTemplate,
    Fault::BrokenYaml,
];

/// What a fault made of a line; `None` where the line has no place for it.
fn broken(line: &str, fault: Fault, random: &mut Random) -> Option<String> {
    let code = line.split(" #").next().unwrap_or_default();
    if code.trim().is_empty() || code.trim_start().starts_with('#') {
        return None;
    }
    match fault {
        Fault::DroppedKey => code.trim_start().contains(": ").then(String::new),
        Fault::MisspelledName => misspelled(code, random),
        Fault::SwappedType => swapped(code, random),
        Fault::BrokenTemplate => broken_template(code, random),
        Fault::BrokenYaml => broken_yaml(code, random),
    }
}

/// Places of words that end in a colon.
fn keys(code: &str) -> Vec<(usize, usize)> {
    let bytes = code.as_bytes();
    let is_word = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
    let ends = (0..bytes.len()).filter(|at| bytes[*at] == b':' && bytes.get(at + 1) != Some(&b'/'));
    ends.filter_map(|end| {
        let len = bytes[..end].iter().rev().take_while(|byte| is_word(byte)).count();
        (len >= 3).then_some((end - len, end))
    })
    .collect()
}

fn one<T: Copy>(of: &[T], random: &mut Random) -> Option<T> {
    (!of.is_empty()).then(|| of[random.index(of.len())])
}

fn misspelled(code: &str, random: &mut Random) -> Option<String> {
    let (start, end) = one(&keys(code), random)?;
    let at = start + 1 + random.index(end - start - 1);
    let mut line = code.to_owned();
    match random.index(3) {
        0 => drop(line.remove(at)),
        1 => line.insert(at, 'q'),
        _ => line.replace_range(at..=at, "z"),
    }
    Some(line)
}

/// The first value behind a key becomes one of another kind.
fn swapped(code: &str, random: &mut Random) -> Option<String> {
    let at = code.find(": ")? + 2;
    let value = code[at..].trim();
    if code[..at].contains(['{', '[']) {
        return None;
    }
    if value.is_empty() || value.starts_with(['|', '>', '&']) {
        return None;
    }
    let kinds: &[&str] = match value.as_bytes().first()? {
        b'[' | b'{' => &["7", "text", "true"],
        _ => &["[1, 2]", "{ some: thing }"],
    };
    Some(format!("{}{}", &code[..at], one(kinds, random)?))
}

fn broken_template(code: &str, random: &mut Random) -> Option<String> {
    let start = code.find("${").or_else(|| code.find("{.")).or_else(|| code.find("{$"))?;
    let end = start + code[start..].find('}')?;
    let mut line = code.to_owned();
    match (random.index(3), line[start..end].find('.')) {
        (0, Some(dot)) => line.insert(start + dot, '.'),
        (1, _) if line[start..].starts_with("${") => line.insert_str(end, " +"),
        (_, _) if end - start > 4 => line.insert(end - 1, 'q'),
        _ => return None,
    }
    Some(line)
}

fn broken_yaml(code: &str, random: &mut Random) -> Option<String> {
    let mut line = code.to_owned();
    match random.index(4) {
        0 => line.push_str(" ]"),
        1 => line.push_str(" }"),
        2 => line.insert(line.len() - line.trim_start().len(), '\t'),
        _ => line.insert(line.find(": ")? + 2, '"'),
    }
    Some(line)
}

/// What examples read from the environment without a default.
fn environment() -> Environment {
    [("INTERNAL_API_KEY", "test")].into_iter().collect()
}

fn configurations() -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let examples = std::fs::read_dir(root.join("examples")).unwrap().flatten();
    let mut paths: Vec<_> = examples.map(|entry| entry.path()).collect();
    paths.extend(["config.yaml", "tests/data/go-dispatch-config.yaml"].map(|name| root.join(name)));
    paths.retain(|path| {
        let name = path.file_name().unwrap().to_string_lossy();
        name.ends_with(".yaml") && !name.ends_with(".test.yaml")
    });
    paths.sort();
    let read = |path: &std::path::PathBuf| {
        let text = std::fs::read_to_string(path).unwrap();
        // What only `shardwire test` reads is no part of the configuration.
        let text = text.split("\ntests:\n").next().unwrap().to_owned() + "\n";
        (path.file_name().unwrap().to_string_lossy().into_owned(), text)
    };
    paths.iter().map(read).collect()
}

/// The errors, and the warnings and hints.
fn findings(source: &Source) -> (Vec<Diagnostic>, Vec<Diagnostic>) {
    let options = Options { secret: SecretPolicy::Ignore };
    let findings = match config::compile(source, &environment(), &options) {
        Ok(compiled) => compiled.findings,
        Err(findings) => findings,
    };
    findings.into_iter().partition(Diagnostic::is_error)
}

/// One mutant, and where it differs.
struct Mutant {
    name: String,
    fault: Fault,
    /// 1-based.
    line: usize,
    was: String,
    text: String,
}

fn mutant(seed: u64, configurations: &[(String, String)]) -> Mutant {
    let mut random = Random::new(seed);
    loop {
        let (name, text) = &configurations[random.index(configurations.len())];
        let lines: Vec<&str> = text.lines().collect();
        let at = random.index(lines.len());
        let fault = FAULTS[random.index(FAULTS.len())];
        let Some(line) = broken(lines[at], fault, &mut random) else { continue };
        let mut changed: Vec<&str> = lines.clone();
        changed[at] = &line;
        let text = changed.join("\n") + "\n";
        return Mutant { name: name.clone(), fault, line: at + 1, was: lines[at].into(), text };
    }
}

/// Lines of the map or list that a line was a part of, its first line included.
fn block(text: &str, line: usize, indent: usize) -> std::ops::RangeInclusive<usize> {
    let lines: Vec<&str> = text.lines().collect();
    let is_outside = |line: &&str| {
        let indented = line.len() - line.trim_start().trim_start_matches("- ").len();
        !line.trim().is_empty() && indented < indent
    };
    let above = lines[..line - 1].iter().rposition(is_outside).map_or(1, |at| at + 1);
    let below = lines[line..].iter().position(is_outside).map_or(lines.len(), |at| line + at);
    above..=below + 1
}

/// Whether a finding leads to the fault: a label on its line, or, for what is missing now, one in
/// the block that misses it, or a sentence that names it.
fn leads_there(finding: &Diagnostic, source: &Source, mutant: &Mutant) -> bool {
    let lines = |label: &config::diagnostic::Label| {
        let line = |at: u32| source.site(at).line as usize;
        line(label.span.start)..=line(label.span.end.max(label.span.start))
    };
    if finding.labels.iter().any(|label| lines(label).contains(&mutant.line)) {
        return true;
    }
    let was = &mutant.was;
    let indent = was.len() - was.trim_start().trim_start_matches("- ").len();
    let misses = block(&mutant.text, mutant.line, indent);
    let in_block = |label: &config::diagnostic::Label| misses.contains(lines(label).start());
    if mutant.fault == Fault::DroppedKey && finding.labels.iter().any(in_block) {
        return true;
    }
    let names = keys(was);
    let named = |(start, end): &(usize, usize)| {
        let name = &mutant.was[*start..*end];
        let said = finding.labels.iter().map(|label| label.text.as_str());
        let mut said = said.chain([finding.message.as_str()]);
        let mut here = finding.labels.iter().map(|label| source.slice(label.span));
        said.any(|text| text.contains(name)) || here.any(|text| text.contains(name))
    };
    matches!(mutant.fault, Fault::DroppedKey | Fault::MisspelledName) && names.iter().any(named)
}

/// What is said of a mutant where something is wrong with its findings.
fn told(seed: u64, mutant: &Mutant, findings: &[Diagnostic]) -> String {
    let Mutant { name, fault, line, was, .. } = mutant;
    let said = findings.iter().map(|one| format!("\n    {:?}: {}", one.code, one.message));
    format!("seed {seed}: {fault:?} at {name}:{line} `{was}`{}", said.collect::<String>())
}

#[test]
fn one_fault_has_few_findings_and_one_names_its_line() {
    let configurations = configurations();
    let mut mild_before = HashMap::new();
    for (name, text) in &configurations {
        let (errors, mild) = findings(&Source::new(name, text));
        assert_eq!(errors, [], "{name}");
        mild_before.insert(name.as_str(), mild.len());
    }
    let (mut found, mut exact, mut still_good) = (0, 0, 0);
    let (mut astray, mut cascades) = (Vec::new(), Vec::new());
    for seed in 1..=MUTANTS {
        let mutant = mutant(seed, &configurations);
        let source = Source::new(&mutant.name, &mutant.text);
        let (errors, mild) = findings(&source);
        let mild_made = mild.len().saturating_sub(mild_before[mutant.name.as_str()]);
        if errors.len() > FINDINGS_MAX || mild_made > FINDINGS_MAX {
            cascades.push(told(seed, &mutant, &[errors.as_slice(), &mild].concat()));
        }
        if errors.is_empty() {
            still_good += 1;
            continue;
        }
        found += 1;
        match errors.iter().any(|finding| leads_there(finding, &source, &mutant)) {
            true => exact += 1,
            false => astray.push(told(seed, &mutant, &errors)),
        }
    }
    let share = f64::from(exact) / f64::from(found);
    println!("{MUTANTS} mutants: {still_good} still good, {found} found, {share:.4} on the line");
    assert!(cascades.is_empty(), "{} cascades\n{}", cascades.len(), cascades.join("\n"));
    assert!(share >= EXACT_MIN, "{share}\n{}", astray.join("\n"));
}
