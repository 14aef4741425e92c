//! The files of a configuration: the one asked for, those it extends or includes, and the one of
//! its environment, merged into one tree.
//!
//! ```text
//! extends  <  the file and what it includes  <  the file of the environment (--env)
//! ```
//!
//! Invariants: every file lies below the folder of the first one, links followed; each is read
//! once; their number and bytes are bounded; a value keeps its place in its own file. Called by
//! `config`.

mod folder;
mod merge;
mod pattern;

use std::path::Path;

pub use folder::{Disk, Folder, Memory};

use super::codes::Code;
use super::diagnostic::{Diagnostic, Findings};
use super::source::{FileId, Source, Span};
use super::yaml::{self, Entry, Node, NodeKind};
use crate::limits::{CONFIG_BYTES_MAX, CONFIG_FILES_MAX};

/// Keys that name other files; they stand at the top of a file and are not part of the result.
const EXTENDS: &str = "extends";
const INCLUDE: &str = "include";

/// A configuration's files, read and merged.
#[derive(Default)]
pub struct Files {
    pub source: Source,
    pub(super) root: Option<Node>,
    pub(super) findings: Findings,
}

impl Files {
    /// One text that has no other files beside it.
    pub fn of_text(source: Source) -> Files {
        let nowhere = Memory::default();
        let mut reading = Reading::new(&nowhere);
        reading.files.source = source;
        let root = reading.parse(FileId::default());
        let root = root.and_then(|root| reading.without_files(root));
        Files { root, ..reading.files }
    }

    /// The file at a path and all it asks for; `environment` names the file laid over it.
    pub fn of_path(path: &Path, environment: Option<&str>) -> Files {
        let disk = Disk::beside(path);
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        Files::of_folder(&disk, &name, environment)
    }

    /// The same, of any folder.
    pub fn of_folder(folder: &dyn Folder, main: &str, environment: Option<&str>) -> Files {
        let mut reading = Reading::new(folder);
        let mut root = reading.main(main);
        if let Some(variant) = environment.filter(|_| !reading.files.findings.any_error()) {
            let over = reading.variant(main, variant);
            root = merge::lay_over(root, over);
        }
        reading.bound(root.as_ref());
        Files { root, ..reading.files }
    }
}

/// Reading in progress.
struct Reading<'f> {
    folder: &'f dyn Folder,
    files: Files,
    bytes: usize,
    /// The identity of every file read so far, and what asked for it.
    seen: Vec<(String, Option<Span>)>,
    /// The files being read, each asked for by the one before it.
    chain: Vec<String>,
}

impl<'f> Reading<'f> {
    fn new(folder: &'f dyn Folder) -> Self {
        Reading { folder, files: Files::default(), bytes: 0, seen: Vec::new(), chain: Vec::new() }
    }

    fn push(&mut self, finding: Diagnostic) {
        self.files.findings.push(finding);
    }

    /// The file asked for; its place is anywhere, it is what the others must lie beside.
    fn main(&mut self, name: &str) -> Option<Node> {
        self.read(name, None)
    }

    /// The file of an environment, beside the main file.
    fn variant(&mut self, main: &str, variant: &str) -> Option<Node> {
        let usable = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        if variant.is_empty() || !variant.chars().all(usable) {
            let finding = Diagnostic::new(Code::BadVariant, "this environment has no usable name");
            self.push(finding.help("letters, digits, `-` and `_`: `--env production`"));
            return None;
        }
        let (stem, ending) = main.rsplit_once('.').unwrap_or((main, "yaml"));
        self.read(&format!("{stem}.{variant}.{ending}"), None)
    }

    /// Reads a file with all it asks for; `asked` is where it is named.
    fn read(&mut self, path: &str, asked: Option<Span>) -> Option<Node> {
        let (identity, text) = match self.text(path) {
            Ok(found) => found,
            Err(finding) => {
                let finding = match asked {
                    Some(span) => finding.label(span, "asked for here"),
                    None => finding,
                };
                if self.files.source.files().next().is_none() {
                    // What cannot be read is still what the finding is about.
                    self.files.source.add(self.folder.display(path), "");
                }
                self.push(finding);
                return None;
            }
        };
        self.first_time(path, &identity, asked)?;
        let file = self.files.source.add(self.folder.display(path), text);
        self.chain.push(identity);
        let root = self.parse(file).and_then(|root| self.resolve(path, root));
        self.chain.pop();
        root
    }

    fn text(&mut self, path: &str) -> Result<(String, String), Diagnostic> {
        if self.seen.len() >= CONFIG_FILES_MAX {
            let message = format!("a configuration has at most {CONFIG_FILES_MAX} files");
            return Err(Diagnostic::new(Code::TooManyFiles, message));
        }
        let (identity, text) = self.folder.read(path, CONFIG_BYTES_MAX - self.bytes)?;
        self.bytes += text.len();
        Ok((identity, text))
    }

    /// Refuses a file that was read before.
    fn first_time(&mut self, path: &str, identity: &str, asked: Option<Span>) -> Option<()> {
        let before = self.seen.iter().find(|(known, _)| known == identity).map(|(_, at)| *at);
        let Some(before) = before else {
            self.seen.push((identity.to_owned(), asked));
            return Some(());
        };
        let (code, message) = match self.chain.iter().any(|known| known == identity) {
            true => (Code::FileCycle, format!("`{path}` asks for itself, by way of others or not")),
            false => (Code::FileTwice, format!("`{path}` is asked for twice")),
        };
        let mut finding = Diagnostic::new(code, message);
        if let Some(span) = asked {
            finding = finding.label(span, "asked for here");
        }
        if let Some(span) = before {
            finding = finding.label(span, "asked for here before");
        }
        self.push(finding.help("remove one of the two"));
        None
    }

    fn parse(&mut self, file: FileId) -> Option<Node> {
        let mut found = Findings::default();
        let root = yaml::parse(&self.files.source, file, &mut found);
        if !found.any_error() {
            yaml::second::ask(&self.files.source, file, &mut found);
        }
        self.files.findings.extend(found);
        let root = root.filter(|root| !root.is_null())?;
        if root.as_map().is_none() {
            let message = "a configuration is a map of sections";
            let span = first_line(&self.files.source, root.span);
            let finding = Diagnostic::new(Code::RootNotMap, message);
            self.push(finding.label(span, format!("this is {}", root.kind_name())));
            return None;
        }
        Some(root)
    }

    /// Lays a file over what it extends and puts what it includes beside it.
    fn resolve(&mut self, path: &str, root: Node) -> Option<Node> {
        let (span, entries) = entries_of(root)?;
        let (asks, own): (Vec<Entry>, Vec<Entry>) =
            entries.into_iter().partition(|entry| [EXTENDS, INCLUDE].contains(&&*entry.key));
        let mut below = None;
        let mut whole = Node { span, kind: NodeKind::Map(own) };
        for ask in asks.iter().filter(|ask| ask.key == EXTENDS) {
            for (name, at) in self.names(ask) {
                let base = self.one(path, &name, at);
                below = merge::lay_over(below, base);
            }
        }
        for ask in asks.iter().filter(|ask| ask.key == INCLUDE) {
            for (name, at) in self.names(ask) {
                for part in self.matching(path, &name, at) {
                    let part = self.one("", &part, at);
                    whole = merge::put_beside(whole, part, &mut self.files.findings);
                }
            }
        }
        merge::lay_over(below, Some(whole))
    }

    /// The names that `extends` or `include` gives.
    fn names(&mut self, ask: &Entry) -> Vec<(String, Span)> {
        let scalar = |node: &Node| {
            let text = node.as_scalar().filter(|scalar| !scalar.is_null())?;
            Some((text.text.clone(), node.span))
        };
        let names = match &ask.value.kind {
            NodeKind::List(items) => items.iter().map(scalar).collect(),
            NodeKind::Scalar(_) => scalar(&ask.value).map(|one| vec![one]),
            NodeKind::Map(_) => None,
        };
        names.unwrap_or_else(|| {
            let message = format!("`{}` takes the name of a file, or a list of names", ask.key);
            let label = format!("this is {}", ask.value.kind_name());
            self.push(Diagnostic::new(Code::WrongShape, message).label(ask.value.span, label));
            Vec::new()
        })
    }

    /// A file named in the file at `path`.
    fn one(&mut self, path: &str, name: &str, at: Span) -> Option<Node> {
        match pattern::joined(path, name) {
            Some(path) => self.read(&path, Some(at)),
            None => {
                self.push(outside(name).label(at, "not below the folder of the main file"));
                None
            }
        }
    }

    /// The files that a pattern names, in the order of their names.
    fn matching(&mut self, path: &str, name: &str, at: Span) -> Vec<String> {
        let Some(joined) = pattern::joined(path, name) else {
            self.push(outside(name).label(at, "not below the folder of the main file"));
            return Vec::new();
        };
        if !pattern::is_pattern(&joined) {
            return vec![joined];
        }
        match pattern::matching(self.folder, &joined) {
            Ok(found) if found.is_empty() => {
                let finding = Diagnostic::new(Code::NothingIncluded, "no file has such a name");
                self.push(finding.label(at, "this pattern matches nothing"));
                found
            }
            Ok(found) => found,
            Err(finding) => {
                self.push(finding.label(at, "this pattern"));
                Vec::new()
            }
        }
    }

    /// A text alone may name no files: there is no folder to look in.
    fn without_files(&mut self, root: Node) -> Option<Node> {
        let (span, entries) = entries_of(root)?;
        let (asks, own): (Vec<Entry>, Vec<Entry>) =
            entries.into_iter().partition(|entry| [EXTENDS, INCLUDE].contains(&&*entry.key));
        for ask in asks {
            let message = format!("`{}` in a text that is not a file", ask.key);
            let finding = Diagnostic::new(Code::Unreadable, message);
            self.push(finding.label(ask.key_span, "there is no folder to look in"));
        }
        Some(Node { span, kind: NodeKind::Map(own) })
    }

    /// Bounds what the files add up to.
    fn bound(&mut self, root: Option<&Node>) {
        let nodes = root.map_or(0, |root| root.size().0);
        if nodes > yaml::NODES_MAX {
            let message = format!("these files expand to more than {} values", yaml::NODES_MAX);
            self.push(Diagnostic::new(Code::TooLarge, message));
        }
    }
}

fn outside(name: &str) -> Diagnostic {
    Diagnostic::new(Code::FileOutside, format!("`{name}` may not be read"))
        .help("name a file below the folder of the main file, without `..`, by a relative path")
}

fn entries_of(root: Node) -> Option<(Span, Vec<Entry>)> {
    match root.kind {
        NodeKind::Map(entries) => Some((root.span, entries)),
        _ => None,
    }
}

fn first_line(source: &Source, span: Span) -> Span {
    let line = source.slice(span).lines().next().unwrap_or_default();
    Span::new(span.start as usize, span.start as usize + line.len())
}
