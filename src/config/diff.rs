//! What differs between two configurations, and when each difference takes effect.
//!
//! Invariants: a list is compared as a whole; where a value came from is no difference; a secret
//! that changed is told, its values are not. Used by `shardwire diff` and by a reload.

use std::collections::{BTreeMap, HashMap};
use std::fmt;

use serde_json::{Map, json};

use super::effective::{Content, Effective, Segment, Value, name_of};
use super::settings::{Effect, ROOM_OPTIONS};
use super::yaml::write::is_typed;

/// Characters of a value that are shown to people.
const SHOWN_CHARS_MAX: usize = 160;

/// One difference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    pub path: String,
    /// What it was and where it came from; `None` where it was not there.
    pub was: Option<Side>,
    pub is: Option<Side>,
    pub effect: Effect,
}

/// One side of a difference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Side {
    pub value: serde_json::Value,
    pub origin: String,
}

/// Every difference, in the order of the reference.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Diff {
    pub changes: Vec<Change>,
}

/// Compares two configurations.
pub fn diff(old: &Effective, new: &Effective) -> Diff {
    let (was, is) = (units(old), units(new));
    let mut left: HashMap<&[Segment], &Unit<'_>> = was.iter().map(|one| (one.path, one)).collect();
    let mut pairs: Vec<(Option<&Unit<'_>>, Option<&Unit<'_>>)> = Vec::new();
    for unit in &is {
        let before = left.remove(unit.path);
        if before.is_none_or(|before| before.compared() != unit.compared()) {
            pairs.push((before, Some(unit)));
        }
    }
    let gone = was.iter().filter(|unit| left.contains_key(unit.path));
    pairs.extend(gone.map(|gone| (Some(gone), None)));
    let stays = |above: &[Segment]| {
        [&was, &is].iter().all(|units| units.iter().any(|unit| unit.path.starts_with(above)))
    };
    let one = |(was, is)| match waits_for_a_restart(was, is, stays) {
        true => Change { effect: Effect::Restart, ..change(was, is) },
        false => change(was, is),
    };
    let mut changes: Vec<Change> = pairs.into_iter().map(one).collect();
    changes.retain(|change| change.was != change.is);
    Diff { changes }
}

/// What is compared as one: a value, or all of a list.
struct Unit<'v> {
    path: &'v [Segment],
    values: Vec<&'v Value>,
}

fn units(effective: &Effective) -> Vec<Unit<'_>> {
    let mut units: Vec<Unit<'_>> = Vec::new();
    for value in &effective.values {
        let item = value.path.iter().position(|step| matches!(step, Segment::Item(_)));
        let path = &value.path[..item.unwrap_or(value.path.len())];
        match units.last_mut().filter(|unit| unit.path == path) {
            Some(unit) => unit.values.push(value),
            None => units.push(Unit { path, values: vec![value] }),
        }
    }
    units
}

impl Unit<'_> {
    /// What makes two of them equal.
    fn compared(&self) -> Vec<(&[Segment], Content)> {
        let content = |value: &&Value| match value.raw() {
            Content::One { text, quoted } => {
                Content::One { text: text.clone(), quoted: *quoted && is_typed(text) }
            }
            other => other.clone(),
        };
        self.values.iter().map(|value| (&value.path[self.path.len()..], content(value))).collect()
    }

    /// Nested as it stands in the file.
    fn value(&self) -> serde_json::Value {
        let leaves: Vec<(&[Segment], serde_json::Value)> = self
            .values
            .iter()
            .map(|value| (&value.path[self.path.len()..], shown(&value.content())))
            .collect();
        nested(&leaves)
    }

    fn side(&self) -> Side {
        let origin = self.values.first().map_or_else(String::new, |value| value.origin.to_string());
        Side { value: self.value(), origin }
    }
}

fn change(was: Option<&Unit<'_>>, is: Option<&Unit<'_>>) -> Change {
    let unit = is.or(was);
    let effect =
        unit.and_then(|unit| unit.values.first()).map_or(Effect::Restart, |one| one.effect);
    let path = unit.map_or_else(String::new, |unit| name_of(unit.path));
    let (was, mut is) = (was.map(Unit::side), is.map(Unit::side));
    if let (Some(was), Some(is)) = (&was, &mut is)
        && was.value == is.value
    {
        is.value = json!("(changed, not shown)");
    }
    Change { path, was, is, effect }
}

/// Members of open rooms joined by its membership, so a pattern that stays keeps it.
fn waits_for_a_restart(
    was: Option<&Unit<'_>>,
    is: Option<&Unit<'_>>,
    stays: impl Fn(&[Segment]) -> bool,
) -> bool {
    let Some(path) = is.or(was).map(|unit| unit.path) else { return false };
    let [Segment::Key(rooms), Segment::Key(_), Segment::Key(option)] = path else { return false };
    rooms == "rooms"
        && option == "membership"
        && stays(&path[..2])
        && membership(was) != membership(is)
}

/// The membership that a pattern has, said or not.
fn membership(unit: Option<&Unit<'_>>) -> serde_json::Value {
    let said = unit.map(Unit::value);
    said.unwrap_or_else(|| {
        let option = ROOM_OPTIONS.iter().find(|option| option.path == "membership");
        json!(option.map(|option| option.default))
    })
}

fn shown(content: &Content) -> serde_json::Value {
    match content {
        Content::One { text, .. } => json!(text),
        Content::List(items) => json!(items),
        Content::EmptyMap => json!({}),
    }
}

/// Leaves with the rest of their paths, put together again.
fn nested(leaves: &[(&[Segment], serde_json::Value)]) -> serde_json::Value {
    if let [([], value)] = leaves {
        return value.clone();
    }
    let mut below: BTreeMap<Place<'_>, Vec<(&[Segment], serde_json::Value)>> = BTreeMap::new();
    for (path, value) in leaves {
        let Some((first, rest)) = path.split_first() else { continue };
        below.entry(Place(first)).or_default().push((rest, value.clone()));
    }
    let list = below.keys().all(|place| matches!(place.0, Segment::Item(_)));
    let mut map = Map::new();
    let mut items = Vec::new();
    for (place, leaves) in below {
        match place.0 {
            Segment::Key(key) => drop(map.insert(key.clone(), nested(&leaves))),
            Segment::Item(_) => items.push(nested(&leaves)),
        }
    }
    if list { items.into() } else { map.into() }
}

#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Place<'s>(&'s Segment);

impl Diff {
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    /// One JSON document.
    pub fn json(&self) -> String {
        let side = |side: &Option<Side>| match side {
            Some(side) => json!({ "value": side.value, "from": side.origin }),
            None => serde_json::Value::Null,
        };
        let change = |one: &Change| {
            json!({
                "path": one.path, "was": side(&one.was), "is": side(&one.is),
                "effect": one.effect.name(),
            })
        };
        json!({ "changes": self.changes.iter().map(change).collect::<Vec<_>>() }).to_string()
    }

    fn count(&self, effect: Effect) -> usize {
        self.changes.iter().filter(|change| change.effect == effect).count()
    }
}

impl fmt::Display for Diff {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for change in &self.changes {
            writeln!(f, "{} ({})", change.path, change.effect.name())?;
            let from = change.shown_from();
            write_side(f, "was", change.was.as_ref(), from)?;
            write_side(f, "is ", change.is.as_ref(), from)?;
        }
        let count = |effect| self.count(effect);
        match self.changes.len() {
            0 => write!(f, "no difference"),
            all => write!(
                f,
                "{all} changed: {} live, {} for new connections, {} at a restart",
                count(Effect::Live),
                count(Effect::New),
                count(Effect::Restart)
            ),
        }
    }
}

/// Characters before a difference that are shown with it.
const SHOWN_BEFORE_CHARS: usize = 40;

impl Change {
    /// The character from which both sides are shown: 0, unless they differ too far behind.
    fn shown_from(&self) -> usize {
        let (Some(was), Some(is)) = (&self.was, &self.is) else { return 0 };
        let (was, is) = (was.text(), is.text());
        let same = was.chars().zip(is.chars()).take_while(|(was, is)| was == is).count();
        match same + SHOWN_BEFORE_CHARS < SHOWN_CHARS_MAX {
            true => 0,
            false => same - SHOWN_BEFORE_CHARS,
        }
    }
}

impl Side {
    fn text(&self) -> String {
        let text = match &self.value {
            serde_json::Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
    }
}

fn write_side(
    f: &mut fmt::Formatter<'_>,
    name: &str,
    side: Option<&Side>,
    from: usize,
) -> fmt::Result {
    let Some(side) = side else { return writeln!(f, "  {name}  nothing") };
    let text = side.text();
    let before = if from > 0 { "..." } else { "" };
    let shown: String = text.chars().skip(from).take(SHOWN_CHARS_MAX).collect();
    let behind = if text.chars().count() > from + SHOWN_CHARS_MAX { "..." } else { "" };
    writeln!(f, "  {name}  {before}{shown}{behind}  [{}]", side.origin)
}

#[cfg(test)]
mod tests {
    use super::super::{Environment, Options, SecretPolicy, Source, compile};
    use super::*;

    #[test]
    fn a_membership_that_stays_waits_for_a_restart() {
        let rooms = |membership: &str| format!("rooms: {{ 'a:{{x}}': {{ {membership} }} }}\n");
        let effect = |old: &str, new: &str| {
            let changes = changes(&rooms(old), &rooms(new));
            changes.into_iter().find(|(path, _)| !path.ends_with('}')).map(|(_, effect)| effect)
        };
        for (old, new, expected) in [
            ("membership: user", "membership: connection", "restart"),
            ("", "membership: connection", "restart"),
            ("batch: { delay: 1ms }, membership: connection", "batch: { delay: 1ms }", "restart"),
            ("", "membership: user", "live"),
            ("limits: { maxMembers: 1 }", "limits: { maxMembers: 2 }", "live"),
        ] {
            assert_eq!(effect(old, new).as_deref(), Some(expected), "{old} -> {new}");
        }
        let whole = "rooms: { 'a.b:{x}': { membership: connection } }\n";
        assert_eq!(changes("", whole)[0].1, "live");
        assert_eq!(changes(whole, &whole.replace("connection", "user"))[0].1, "restart");
    }

    #[test]
    fn a_long_value_is_shown_where_it_differs() {
        let long = |last: &str| format!("permissions: [p{}{last}]\n", "x".repeat(200));
        let shown = diff(&effective(&long("a")), &effective(&long("b"))).to_string();
        let lines: Vec<&str> = shown.lines().collect();
        assert!(lines[1].contains("xxa\"]") && lines[2].contains("xxb\"]"), "{shown}");
        assert!(lines[1].starts_with("  was  ...x"), "{shown}");
    }

    fn effective(text: &str) -> Effective {
        let options = Options { secret: SecretPolicy::Ignore };
        let source = Source::new("config.yaml", text);
        compile(&source, &Environment::default(), &options).ok().unwrap().effective
    }

    fn changes(old: &str, new: &str) -> Vec<(String, String)> {
        let diff = diff(&effective(old), &effective(new));
        let one = |change: &Change| (change.path.clone(), change.effect.name().to_owned());
        diff.changes.iter().map(one).collect()
    }

    #[test]
    fn each_change_has_its_effect() {
        let event = |text: &str| {
            format!("events: {{ a: {{ actions: [{{ name: _log, params: [{text}] }}] }} }}\n")
        };
        for (old, new, expected) in [
            ("", "server: { path: /x }", vec![("server.path", "new connections")]),
            ("", "transport: { readTimeout: 2m }", vec![("transport.readTimeout", "live")]),
            ("", "server: { cores: 2 }", vec![("server.cores", "restart")]),
            ("drain: { over: 1s }", "", vec![("drain.over", "live")]),
            ("server: { path: /ws }", "", vec![]),
            ("server: { path: /x }", "# moved\nserver:\n  path: '/x'", vec![]),
            (&event("x"), &event("y"), vec![("events.a.actions", "live")]),
            (&event("x"), &event("'x'"), vec![]),
            (&event("x"), "", vec![("events.a.actions", "live")]),
            (
                "transport: { compression: true }",
                "",
                vec![
                    ("transport.compression", "new connections"),
                    ("transport.compression.enabled", "new connections"),
                ],
            ),
        ] {
            let expected: Vec<(String, String)> =
                expected.into_iter().map(|(path, effect)| (path.into(), effect.into())).collect();
            let mut found = changes(old, new);
            found.retain(|(path, _)| {
                !path.starts_with("transport.compression.") || path.ends_with("enabled")
            });
            found.sort();
            assert_eq!(found, expected, "{old} -> {new}");
        }
    }

    #[test]
    fn a_secret_that_changed_is_told_and_not_shown() {
        let secret = |text: &str| format!("auth: {{ secret: {}{text} }}\n", "x".repeat(40));
        let (old, new) = (effective(&secret("hunter2")), effective(&secret("hunter3")));
        let diff = diff(&old, &new);
        assert_eq!(diff.changes.len(), 1);
        let shown = format!("{diff}{}{:?}{}{}", diff.json(), diff, new.yaml(), new.json());
        assert!(!shown.contains("hunter"), "{shown}");
    }
}
