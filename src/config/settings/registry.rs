//! What an option is, and how the table of options (`options::keys`) is searched.
//!
//! Invariants: the walk over the file, the environment overrides, the suggestions and the reference
//! page all come from that table; applying every default changes nothing (a test says so).

use std::ops::RangeInclusive;

use super::super::codes::Code;
use super::draft::{Draft, Material};
use super::options::keys;
use super::value::Problem;

/// When a changed value takes effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// At once, for open connections too.
    Live,
    /// For connections made after the change.
    New,
    /// At the next start.
    Restart,
}

impl Effect {
    pub fn name(self) -> &'static str {
        match self {
            Effect::Live => "live",
            Effect::New => "new connections",
            Effect::Restart => "restart",
        }
    }
}

/// One option.
pub struct Key {
    pub path: &'static str,
    pub kind: Kind,
    /// As it would be written; empty for none.
    pub default: &'static str,
    pub effect: Effect,
    pub doc: &'static str,
    /// The newer path of the same option, where this is an older spelling.
    pub newer: Option<&'static str>,
}

/// An option, as the table writes it.
pub(super) const fn key(
    path: &'static str,
    default: &'static str,
    effect: Effect,
    kind: Kind,
    doc: &'static str,
) -> Key {
    Key { path, kind, default, effect, doc, newer: None }
}

/// An older spelling of one.
pub(super) const fn older(
    path: &'static str,
    newer: &'static str,
    effect: Effect,
    kind: Kind,
    doc: &'static str,
) -> Key {
    Key { path, kind, default: "", effect, doc, newer: Some(newer) }
}

/// A hook of `lifecycle`.
pub(super) const fn hook(path: &'static str, doc: &'static str) -> Key {
    key(path, "", Effect::Live, Kind::Program("a list of steps"), doc)
}

/// What an option takes, and where it goes.
pub enum Kind {
    /// 0 is allowed, where the doc says what it means.
    Duration(fn(&mut Draft, u64)),
    /// A duration that is not 0.
    Wait(fn(&mut Draft, u64)),
    Size(RangeInclusive<u64>, fn(&mut Draft, u64)),
    Count(RangeInclusive<u64>, fn(&mut Draft, u64)),
    /// A count, or the word `auto`.
    CountOrAuto(RangeInclusive<u64>, fn(&mut Draft, Option<u64>)),
    Switch(fn(&mut Draft, bool)),
    Text(fn(&mut Draft, String)),
    Secret(fn(&mut Draft, Material)),
    Choice(&'static [&'static str], fn(&mut Draft, usize)),
    /// One or a list of the names, told as their places.
    Choices(&'static [&'static str], fn(&mut Draft, Vec<usize>)),
    /// One or a list of anything; the text says of what.
    Texts(&'static str, fn(&mut Draft, &Given) -> Result<(), Problem>),
    /// `auth.keys`: read by `walk`.
    Keys,
    /// `rooms`: read by `rooms`.
    Rooms,
    /// `backends`: read by `backends`.
    Backends,
    /// Read by the compiler; the text says what it is.
    Program(&'static str),
}

/// A value as written: one text, or a list of texts.
#[derive(Clone)]
pub struct Given {
    pub texts: Vec<String>,
    pub list: bool,
}

impl Given {
    /// What a variable says: where an option takes a list, commas separate its items, in brackets,
    /// as a file would write them, or without.
    pub fn of_variable(key: &Key, text: &str) -> Given {
        if !matches!(key.kind, Kind::Texts(..) | Kind::Choices(..)) {
            return Given { list: false, texts: vec![text.to_owned()] };
        }
        let inside = text.trim().strip_prefix('[').and_then(|text| text.strip_suffix(']'));
        let items = inside.unwrap_or(text);
        let texts: Vec<String> = match items.trim().is_empty() {
            true => Vec::new(),
            false => items.split(',').map(|item| unquoted(item.trim()).to_owned()).collect(),
        };
        Given { list: inside.is_some() || texts.len() != 1, texts }
    }
}

/// Without the quotes around it.
fn unquoted(text: &str) -> &str {
    let within = |quote| text.strip_prefix(quote).and_then(|text| text.strip_suffix(quote));
    within('"').or_else(|| within('\'')).unwrap_or(text)
}

/// A key's place in the table: the option itself and whether options lie below its path.
#[derive(Clone, Copy)]
pub struct Match {
    /// The path in the table's own spelling.
    pub path: &'static str,
    pub key: Option<&'static Key>,
    pub section: bool,
}

/// Looks a key up below a section (`""` is the top); `folded` ignores case.
pub fn find(section: &str, name: &str, folded: bool) -> Option<Match> {
    let same = |other: &str| other == name || (folded && other.eq_ignore_ascii_case(name));
    let (segment, first) = below(section).find(|(segment, _)| same(segment))?;
    let end = first.path.len() - rest_of(first.path, section).len() + segment.len();
    let path = &first.path[..end];
    let key = keys().find(|key| key.path == path);
    Some(Match { path, key, section: below(path).next().is_some() })
}

/// The names that are valid in a section.
pub fn names(section: &str) -> impl Iterator<Item = &'static str> {
    below(section).map(|(segment, _)| segment)
}

/// The names in a section, each with the first option that has it.
pub fn below(section: &str) -> impl Iterator<Item = (&'static str, &'static Key)> {
    let at_top = section.is_empty();
    keys().filter_map(move |key| {
        let rest = rest_of(key.path, section);
        let inside = at_top || (rest.len() < key.path.len() && !rest.is_empty());
        inside.then(|| (rest.split('.').next().unwrap_or(rest), key))
    })
}

/// What follows `section.` in a path; the whole path where it is not in the section.
fn rest_of<'p>(path: &'p str, section: &str) -> &'p str {
    path.strip_prefix(section).and_then(|rest| rest.strip_prefix('.')).unwrap_or(path)
}

/// The number, if the option allows it.
pub fn in_range(number: u64, range: RangeInclusive<u64>) -> Result<u64, Problem> {
    match range.contains(&number) {
        true => Ok(number),
        false => Err(Problem::new(Code::OutOfRange, format!("{number} is out of range"))
            .help(format!("allowed: {} to {}", range.start(), range.end()))),
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::diagnostic::{Findings, Place};
    use super::super::walk;
    use super::*;

    fn given(text: &str) -> Given {
        let list = text.strip_prefix('[').and_then(|text| text.strip_suffix(']'));
        let texts = list.unwrap_or(text).split(", ").map(str::to_owned).collect();
        Given { texts, list: list.is_some() }
    }

    #[test]
    fn commas_of_a_variable_separate_what_is_a_list() {
        let texts = |path: &str, text: &str| {
            let key = keys().find(|key| key.path == path).unwrap();
            Given::of_variable(key, text).texts
        };
        assert_eq!(texts("server.origins", "https://a.example, *"), ["https://a.example", "*"]);
        assert_eq!(texts("auth.sources", "query,bearer"), ["query", "bearer"]);
        for list in
            ["[https://a.example, *]", "['https://a.example', \"*\"]", " [https://a.example,*] "]
        {
            assert_eq!(texts("server.origins", list), ["https://a.example", "*"], "{list}");
        }
        assert!(["", " ", "[]"].iter().all(|none| texts("server.origins", none).is_empty()));
        assert_eq!(texts("auth.cookie", "a,b"), ["a,b"]);
    }

    #[test]
    fn the_defaults_in_the_table_are_the_defaults() {
        let mut draft = Draft::default();
        let mut findings = Findings::default();
        let place = Place::Variable("default".into());
        for key in keys().filter(|key| !key.default.is_empty()) {
            walk::set(key, given(key.default), place.clone(), &mut draft, &mut findings);
        }
        assert!(findings.sorted().is_empty());
        let shown = |draft: Draft| format!("{:?}", draft.into_settings());
        assert_eq!(shown(draft), shown(Draft::default()));
    }

    #[test]
    fn paths_are_unique_and_found_in_any_case() {
        for (place, key) in keys().enumerate() {
            assert!(keys().skip(place + 1).all(|other| other.path != key.path), "{}", key.path);
            assert!(key.newer.is_none_or(|newer| keys().any(|other| other.path == newer)));
            let (section, name) = key.path.rsplit_once('.').unwrap_or(("", key.path));
            let found = find(section, &name.to_uppercase(), true).unwrap();
            assert_eq!(found.path, key.path);
            assert_eq!(find(section, &name.to_uppercase(), false).map(|found| found.path), None);
        }
        assert!(find("", "server", false).unwrap().section);
        assert!(find("server", "serve", false).is_none());
        assert!(find("serv", "er", false).is_none());
    }
}
