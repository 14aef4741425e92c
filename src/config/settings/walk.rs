//! The walk over the file's options: each key is looked up, its value read and put into the draft.
//!
//! Invariants: every key of the file is known, program, free (`x-`), or reported.

use std::collections::BTreeMap;

use super::super::codes::Code;
use super::super::diagnostic::{Diagnostic, Findings, Place};
use super::super::environment::Environment;
use super::super::expr::Declared;
use super::super::source::Span;
use super::super::suggest;
use super::super::yaml::{Entry, Node, NodeKind};
use super::backends;
use super::draft::{Draft, KeyDraft, Material};
use super::expand::expand;
use super::http;
use super::registry::{self, Given, Key, Kind, Match, in_range};
use super::rooms;
use super::special::{ALGORITHM_NAMES, ALGORITHMS};
use super::value::{self, Problem};
use crate::pipeline::program::Hook;

/// The parts of the file that are program.
#[derive(Clone, Default)]
pub struct Sections<'n> {
    pub events: Option<&'n Entry>,
    pub permissions: Option<&'n Entry>,
    pub on_message: Option<&'n Entry>,
    pub rooms: Option<&'n Entry>,
    pub pipelines: Option<&'n Entry>,
    pub state_conn: Option<&'n Entry>,
    pub state_user: Option<&'n Entry>,
    pub roles: Option<&'n Entry>,
    pub routes: Option<&'n Entry>,
    pub error_payload: Option<&'n Entry>,
    /// The hooks of `lifecycle`, `message` apart.
    pub hooks: Vec<(Hook, &'n Entry)>,
    /// Sections that are no maps, so that nobody knows what they would declare.
    broken: Vec<&'static str>,
}

impl<'n> Sections<'n> {
    /// Whether a section declares anything, or was found wrong (itself, or what it is in).
    pub fn declared(&self, path: &str, entry: Option<&'n Entry>) -> Declared {
        let is_above = |broken: &&&str| {
            path.strip_prefix(**broken).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        };
        match entry.filter(|entry| !entry.value.is_null()) {
            Some(_) => Declared::Well,
            None if self.broken.iter().any(|broken| is_above(&broken)) => Declared::Broken,
            None => Declared::Nothing,
        }
    }

    /// The same of a section that is a map.
    pub fn declared_map(&self, path: &str, entry: Option<&'n Entry>) -> Declared {
        match self.declared(path, entry) {
            Declared::Well if entry.is_none_or(|entry| entry.value.as_map().is_none()) => {
                Declared::Broken
            }
            declared => declared,
        }
    }
}

/// The hooks by the ends of their paths; `disconnect` is looked for before `connect`.
const HOOKS: [(&str, Hook); 5] = [
    (".disconnect", Hook::Disconnect),
    (".connect", Hook::Connect),
    (".join", Hook::Join),
    (".leave", Hook::Leave),
    (".resume", Hook::Resume),
];

/// Reads the whole tree, which is a map.
pub fn walk<'n>(
    root: Option<&'n Node>,
    environment: &Environment,
    draft: &mut Draft,
    findings: &mut Findings,
) -> Sections<'n> {
    let Some(root) = root.filter(|root| !root.is_null()) else { return Sections::default() };
    let Some(entries) = root.as_map() else { return Sections::default() };
    let folded = !entries.iter().any(|entry| entry.key == "version");
    let mut walk = Walk {
        environment,
        draft,
        findings,
        folded,
        program: Sections::default(),
        spans: BTreeMap::new(),
    };
    walk.section("", entries);
    walk.program
}

struct Walk<'n, 'w> {
    environment: &'w Environment,
    draft: &'w mut Draft,
    findings: &'w mut Findings,
    /// Option names in any case.
    folded: bool,
    program: Sections<'n>,
    /// Where each path (in its newest spelling) was met.
    spans: BTreeMap<&'static str, Span>,
}

impl<'n> Walk<'n, '_> {
    fn section(&mut self, section: &str, entries: &'n [Entry]) {
        for entry in entries {
            if section.is_empty() && entry.key.starts_with("x-") {
                continue;
            }
            match registry::find(section, &entry.key, self.folded) {
                Some(found) => self.entry(found, entry),
                None => {
                    self.unknown(section, entry);
                    self.meant(section, entries, entry);
                }
            }
        }
    }

    /// Reads a misspelled section as the one that was meant, where that one is not there: what it
    /// declares is known then, and what is wrong with it is told too.
    fn meant(&mut self, section: &str, entries: &'n [Entry], entry: &'n Entry) {
        let near = suggest::nearest(&entry.key, registry::names(section));
        let Some(found) = near.and_then(|near| registry::find(section, near, false)) else {
            return;
        };
        let is_program =
            found.key.is_some_and(|key| matches!(key.kind, Kind::Program(_) | Kind::Rooms));
        let known = entries.iter().filter_map(|one| registry::find(section, &one.key, self.folded));
        let is_there = self.spans.contains_key(found.path)
            || known.into_iter().any(|other| other.path == found.path);
        if (found.section || is_program) && !is_there {
            self.entry(found, entry);
        }
    }

    fn unknown(&mut self, section: &str, entry: &Entry) {
        let place = if section.is_empty() { String::new() } else { format!(" in `{section}`") };
        let finding =
            Diagnostic::new(Code::UnknownKey, format!("unknown key `{}`{place}", entry.key));
        let finding = finding.label(entry.key_span, "no such option");
        self.findings.push(finding.suggest(&entry.key, registry::names(section)));
    }

    fn entry(&mut self, found: Match, entry: &'n Entry) {
        let identity = found.key.and_then(|key| key.newer).unwrap_or(found.path);
        if let Some(first) = self.spans.insert(identity, entry.key_span) {
            let finding = Diagnostic::new(Code::SetTwice, format!("`{identity}` is set twice"));
            let finding = finding.label(entry.key_span, "a second time here");
            return self.findings.push(finding.label(first, "first here"));
        }
        match (&entry.value.kind, found.key) {
            (NodeKind::Map(entries), _) if found.section => self.section(found.path, entries),
            (_, Some(key)) => self.option(key, entry),
            (_, None) if entry.value.is_null() => {}
            (_, None) => {
                self.program.broken.push(found.path);
                self.findings.push(shape(found.path, "a map of options", entry));
            }
        }
    }

    fn option(&mut self, key: &'static Key, entry: &'n Entry) {
        match (&key.kind, key.path) {
            (Kind::Program(_), "events") => self.program.events = Some(entry),
            (Kind::Program(_), "permissions") => self.program.permissions = Some(entry),
            (Kind::Program(_), "version") => self.version(entry),
            (Kind::Program(_), "http.static") => self.folders(entry),
            (Kind::Program(_), path) => self.program_section(path, entry),
            (Kind::Keys, _) => self.keys(entry),
            (Kind::Rooms, _) => self.rooms(entry),
            (Kind::Backends, _) => self.backends(entry),
            _ => self.plain_option(key, entry),
        }
        if key.newer.is_some_and(|_| key.path.starts_with("server.ratelimit")) {
            self.older(key, entry);
        }
    }

    fn program_section(&mut self, path: &str, entry: &'n Entry) {
        let program = &mut self.program;
        match path {
            "lifecycle.message" => program.on_message = Some(entry),
            "pipelines" => program.pipelines = Some(entry),
            "state.conn" => program.state_conn = Some(entry),
            "state.user" => program.state_user = Some(entry),
            "roles" => program.roles = Some(entry),
            "http.routes" => program.routes = Some(entry),
            "errors.reply.payload" => program.error_payload = Some(entry),
            _ => {
                let hook = HOOKS.iter().find(|(name, _)| path.ends_with(name));
                program.hooks.extend(hook.map(|(_, hook)| (*hook, entry)));
            }
        }
    }

    fn older(&mut self, key: &Key, entry: &Entry) {
        let newer = key.newer.unwrap_or_default();
        let finding =
            Diagnostic::new(Code::OldSpelling, format!("`{}` is now `{newer}`", key.path));
        self.findings.push(finding.label(entry.key_span, "accepted"));
    }

    fn version(&mut self, entry: &Entry) {
        if entry.value.as_scalar().is_none_or(|scalar| scalar.text != "1") {
            let finding = Diagnostic::new(Code::BadVersion, "unknown version of the language");
            self.findings.push(finding.label(entry.value.span, "this build knows version 1"));
        }
    }

    fn plain_option(&mut self, key: &'static Key, entry: &Entry) {
        let place = Place::Span(entry.value.span);
        let given = match given(&entry.value, self.environment) {
            Ok(Some(given)) if is_expanded(&entry.value) => {
                Given::of_variable(key, &given.texts.concat())
            }
            Ok(Some(given)) => given,
            Ok(None) => return self.findings.push(shape(key.path, &takes(key), entry)),
            Err(problem) => {
                let secret = matches!(key.kind, Kind::Secret(_));
                let problem = if secret { problem.hidden() } else { problem };
                return self.findings.push(diagnose(key, problem, &place));
            }
        };
        set(key, given, place, self.draft, self.findings);
    }

    fn keys(&mut self, entry: &Entry) {
        let NodeKind::List(items) = &entry.value.kind else {
            return self.findings.push(shape("auth.keys", "a list of keys", entry));
        };
        for item in items {
            self.key_of(item);
        }
    }

    fn rooms(&mut self, entry: &'n Entry) {
        let Walk { environment, folded, .. } = *self;
        self.program.rooms = Some(entry);
        self.draft.settings.rooms = rooms::read(entry, environment, folded, self.findings);
    }

    fn backends(&mut self, entry: &'n Entry) {
        let Walk { environment, folded, .. } = *self;
        self.draft.settings.backends = backends::read(entry, environment, folded, self.findings);
    }

    fn folders(&mut self, entry: &Entry) {
        self.draft.settings.http.folders = http::folders(entry, self.environment, self.findings);
    }

    fn key_of(&mut self, item: &Node) {
        let Some(fields) = item.as_map() else {
            let finding = Diagnostic::new(Code::WrongShape, "a key is a map");
            let label = format!("this is {}", item.kind_name());
            return self.findings.push(finding.label(item.span, label));
        };
        let mut key = KeyDraft::default();
        for field in fields {
            self.key_field(&mut key, field);
        }
        self.draft.keys.push(key);
    }

    fn key_field(&mut self, key: &mut KeyDraft, field: &Entry) {
        const FIELDS: [&str; 4] = ["kid", "algorithm", "secret", "publicKey"];
        let place = Place::Span(field.value.span);
        let text = match given(&field.value, self.environment) {
            Ok(Some(Given { list: false, mut texts })) => texts.pop().unwrap_or_default(),
            Ok(_) => return self.findings.push(shape("auth.keys", "text here", field)),
            Err(problem) => {
                return self.findings.push(problem.hidden().finding().at(&place, ""));
            }
        };
        match field.key.as_str() {
            "kid" => key.kid = Some(text),
            "secret" => key.secret = Some(Material { text, place }),
            "publicKey" => key.public_key = Some(Material { text, place }),
            "algorithm" => match choice(&ALGORITHM_NAMES, &text) {
                Ok(place) => key.algorithm = Some(ALGORITHMS[place].1),
                Err(problem) => {
                    self.findings.push(problem.finding().at(&place, ""));
                }
            },
            other => {
                let finding = Diagnostic::new(
                    Code::UnknownKey,
                    format!("unknown key `{other}` in `auth.keys`"),
                );
                self.findings
                    .push(finding.label(field.key_span, "no such option").suggest(other, FIELDS));
            }
        }
    }
}

/// A value of the wrong shape.
pub fn shape(path: &str, wanted: &str, entry: &Entry) -> Diagnostic {
    let finding = Diagnostic::new(Code::WrongShape, format!("`{path}` takes {wanted}"));
    let span = if entry.value.is_null() { entry.key_span } else { entry.value.span };
    finding.label(span, format!("this is {}", entry.value.kind_name()))
}

/// The text or texts of a value, environment folded in; `None` where it has another shape.
pub fn given(node: &Node, environment: &Environment) -> Result<Option<Given>, Problem> {
    let text = |node: &Node| match node.as_scalar().filter(|scalar| !scalar.is_null()) {
        Some(scalar) => expand(&scalar.text, environment).map(Some),
        None => Ok(None),
    };
    match &node.kind {
        NodeKind::List(items) => {
            let texts: Result<Option<Vec<String>>, Problem> = items
                .iter()
                .map(text)
                .collect::<Result<Vec<_>, _>>()
                .map(|all| all.into_iter().collect());
            Ok(texts?.map(|texts| Given { texts, list: true }))
        }
        _ => Ok(text(node)?.map(|text| Given { texts: vec![text], list: false })),
    }
}

/// Whether a value is one text with `${...}` in it.
fn is_expanded(node: &Node) -> bool {
    node.as_scalar().is_some_and(|scalar| scalar.text.contains("${"))
}

/// What an option takes, for messages and docs.
pub fn takes(key: &Key) -> String {
    match &key.kind {
        Kind::Duration(_) => "a duration".into(),
        Kind::Wait(_) => "a duration, not 0".into(),
        Kind::Size(range, _) => {
            format!("a size, {} to {}", size(*range.start()), size(*range.end()))
        }
        Kind::Count(range, _) => format!("a number, {} to {}", range.start(), range.end()),
        Kind::CountOrAuto(..) => "a number or `auto`".into(),
        Kind::Switch(_) => "`true` or `false`".into(),
        Kind::Text(_) | Kind::Secret(_) => "text".into(),
        Kind::Choice(names, _) => any_of(names, "one of "),
        Kind::Choices(names, _) => any_of(names, "one or a list of "),
        Kind::Texts(what, _) | Kind::Program(what) => (*what).into(),
        Kind::Keys => "a list of keys".into(),
        Kind::Rooms => "a map of patterns".into(),
        Kind::Backends => "a map of names".into(),
    }
}

/// A number of bytes in the largest unit that divides it.
fn size(bytes: u64) -> String {
    let units = [(30, "GiB"), (20, "MiB"), (10, "KiB")];
    let unit = units.iter().find(|(shift, _)| bytes > 0 && bytes.trailing_zeros() >= *shift);
    unit.map_or_else(|| format!("{bytes} B"), |(shift, name)| format!("{}{name}", bytes >> shift))
}

fn any_of(names: &[&str], lead: &str) -> String {
    let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    lead.to_owned() + &names.join(", ")
}

/// Reads one option's value into the draft.
pub fn set(
    key: &'static Key,
    given: Given,
    place: Place,
    draft: &mut Draft,
    findings: &mut Findings,
) {
    match apply(key, given.clone(), &place, draft) {
        Ok(()) => {
            draft.chosen.insert(key.newer.unwrap_or(key.path), (given, place));
        }
        Err(problem) => findings.push(diagnose(key, problem, &place)),
    }
}

/// A problem with an option's value, at its place.
fn diagnose(key: &Key, problem: Problem, place: &Place) -> Diagnostic {
    problem.of(key.path).finding().at(place, "")
}

fn apply(key: &Key, mut given: Given, place: &Place, draft: &mut Draft) -> Result<(), Problem> {
    if let Kind::Texts(_, put) = &key.kind {
        return put(draft, &given);
    }
    if let Kind::Choices(names, put) = &key.kind {
        let places: Result<Vec<usize>, Problem> =
            given.texts.iter().map(|text| choice(names, text)).collect();
        put(draft, places?);
        return Ok(());
    }
    let text = match (given.list, given.texts.pop()) {
        (false, Some(text)) => text,
        _ => {
            return Err(Problem::new(
                Code::WrongShape,
                format!("takes {}, not a list", takes(key)),
            ));
        }
    };
    apply_one(key, text, place, draft)
}

fn apply_one(key: &Key, text: String, place: &Place, draft: &mut Draft) -> Result<(), Problem> {
    match &key.kind {
        Kind::Duration(put) => put(draft, value::duration_from(0, &text)?),
        Kind::Wait(put) => put(draft, value::duration_from(1, &text)?),
        Kind::Size(range, put) => put(draft, in_range(value::size(&text)?, range.clone())?),
        Kind::Count(range, put) => put(draft, in_range(value::count(&text)?, range.clone())?),
        Kind::CountOrAuto(_, put) if text == "auto" => put(draft, None),
        Kind::CountOrAuto(range, put) => {
            put(draft, Some(in_range(value::count(&text)?, range.clone())?));
        }
        Kind::Switch(put) => put(draft, value::switch(&text)?),
        Kind::Choice(names, put) => put(draft, choice(names, &text)?),
        Kind::Secret(put) => put(draft, Material { text, place: place.clone() }),
        Kind::Text(_) if text.is_empty() => {
            return Err(Problem::new(Code::BadValue, "the text is empty"));
        }
        Kind::Text(put) => put(draft, text),
        Kind::Texts(..) | Kind::Choices(..) | Kind::Program(_) => {}
        Kind::Keys | Kind::Rooms | Kind::Backends => {}
    }
    Ok(())
}

/// The place of a name among those allowed.
fn choice(names: &[&str], text: &str) -> Result<usize, Problem> {
    names.iter().position(|name| *name == text).ok_or_else(|| {
        let problem =
            Problem::new(Code::BadValue, format!("`{text}` is not a value of this option"));
        let advice = suggest::advice(text, names.iter().copied());
        advice.into_iter().fold(problem, Problem::help)
    })
}
