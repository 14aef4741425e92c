//! `rooms:`: classes of rooms, each a pattern of names with its options.
//!
//! Invariants: the section, its suggestions and its part of the reference page come from `OPTIONS`;
//! a class with a finding is left out, and the file is refused. Called by `walk`.

use std::collections::BTreeMap;

use super::super::codes::Code;
use super::super::compile::catalog;
use super::super::diagnostic::{Diagnostic, Findings, Place};
use super::super::environment::Environment;
use super::super::source::Span;
use super::super::yaml::Entry;
use super::pattern;
use super::registry::{Effect, in_range};
use super::value::{self, Problem};
use super::walk::{given, shape};
use crate::limits::{BATCH_DELAY_NS_MAX, ROOM_CLASSES_MAX};
use crate::settings::{Membership, Recheck, RoomClass};

/// An option of a class of rooms.
pub struct RoomOption {
    /// Below the pattern.
    pub path: &'static str,
    pub takes: &'static str,
    pub default: &'static str,
    pub doc: &'static str,
    /// When a change takes effect for a pattern that stays.
    pub effect: Effect,
    put: fn(&mut RoomClass, &str) -> Result<(), Problem>,
}

/// Every option of a class of rooms.
pub const OPTIONS: &[RoomOption] =
    &[BATCH_DELAY, MEMBERSHIP, PUBLISH, MEMBERS, JOIN_REQUIRE, JOIN_RECHECK];

const BATCH_DELAY: RoomOption = RoomOption {
    path: "batch.delay",
    takes: "a duration, 0 to 1s",
    default: "0",
    doc: "How long a message to such a room may wait for others, so that a member gets them in one \
          write. 0 sends it at the end of the turn. Whatever must go at once to the same \
          connection (an answer, a message of another room, a pong) takes along what waits, and a \
          connection for which 64 KiB or half its outbox wait is not made to wait longer: order \
          never changes and nothing is dropped.",
    effect: Effect::Live,
    put: put_batch_delay,
};

const MEMBERSHIP: RoomOption = RoomOption {
    path: "membership",
    takes: "`user` or `connection`",
    default: "user",
    doc: "Who becomes a member by a join: the user with all its connections, later ones too, or \
          the one connection. A reload keeps the membership of a pattern that stays.",
    effect: Effect::Restart,
    put: put_membership,
};

const PUBLISH: RoomOption = RoomOption {
    path: "limits.publish",
    takes: "a rate",
    default: "",
    doc: "How many messages such a room gets, from all senders together: `50/s`. What is more is \
          dropped and counted (`roomLimited`).",
    effect: Effect::Live,
    put: |class, text| {
        let problem = || {
            let problem = Problem::new(Code::BadRate, format!("`{text}` is not a rate"));
            problem.help("write it like `50/s`")
        };
        class.publish = Some(catalog::rate(text).ok_or_else(problem)?);
        Ok(())
    },
};

const MEMBERS: RoomOption = RoomOption {
    path: "limits.maxMembers",
    takes: "a number",
    default: "0",
    doc: "Members of such a room: users, or connections where `membership` says so. A join beyond \
          is refused with `room_full`. 0 is no limit.",
    effect: Effect::Live,
    put: |class, text| {
        let count = in_range(value::count(text)?, 0..=u64::from(u32::MAX))?;
        class.members_max = count as u32;
        Ok(())
    },
};

const JOIN_REQUIRE: RoomOption = RoomOption {
    path: JOIN_RULES,
    takes: "a list of rules",
    default: "",
    doc: "Rules that must hold before anybody joins, as `require` of an event; they know \
          `room.id`, the variables of the pattern (`room.tenant`), `user` and `conn`.",
    effect: Effect::Live,
    put: |_, _| Ok(()),
};

const JOIN_RECHECK: RoomOption = RoomOption {
    path: "join.recheck",
    takes: "`none`, `shadow` or `enforce`",
    default: "none",
    doc: "What becomes of members when a reload changes `join.require` for their room. `none`: \
          they stay. `enforce` takes those out who would not get in now; `shadow` counts and logs \
          them. See [reload.md](reload.md#members-of-rooms-whose-rules-change).",
    effect: Effect::Live,
    put: put_recheck,
};

/// The option that the compiler of the program reads.
const JOIN_RULES: &str = "join.require";

/// What the reference page says of patterns.
pub const DOC: &str = "\
`rooms` gives options to rooms by their names:

```yaml fragment
rooms:
  \"cursors:{board}\": { batch: { delay: 20ms } }
  \"chat:{tenant}:{id:int}\": { batch: { delay: 2ms } }
```

A pattern is text and variables: `{name}` stands for one or more characters other than `:`,
`{name:int}` for one or more digits. A room belongs to the first pattern of the file that matches
its whole name; a room that matches none has the defaults. This is looked up when a room gets its
first member on a shard, never for a message.

`batch.delay` is for rooms with much traffic whose members do not notice some milliseconds:
positions, typing, prices, logs. A write costs far more than a message in it
([performance.md](performance.md) has figures), and a client that gets several at once wakes up
once. Leave it out where messages are rare or somebody waits for them: then every message pays the
delay and few share a write. Each shard delays for the members connected to it.
";

fn put_membership(class: &mut RoomClass, text: &str) -> Result<(), Problem> {
    class.membership = match text {
        "user" => Membership::User,
        "connection" => Membership::Connection,
        _ => {
            let problem = Problem::new(Code::BadValue, format!("`{text}` is no membership"));
            return Err(problem.help("`user` or `connection`"));
        }
    };
    Ok(())
}

fn put_recheck(class: &mut RoomClass, text: &str) -> Result<(), Problem> {
    class.recheck = match text {
        "none" => Recheck::None,
        "shadow" => Recheck::Shadow,
        "enforce" => Recheck::Enforce,
        _ => {
            let problem = Problem::new(Code::BadValue, format!("`{text}` is no way to recheck"));
            return Err(problem.help("`none`, `shadow` or `enforce`"));
        }
    };
    Ok(())
}

fn put_batch_delay(class: &mut RoomClass, text: &str) -> Result<(), Problem> {
    let delay_ns = value::duration(text)?;
    if delay_ns > BATCH_DELAY_NS_MAX {
        return Err(Problem::new(Code::OutOfRange, format!("`{text}` is too long"))
            .help("at most 1s: messages wait in memory, and somebody waits for them"));
    }
    class.batch_delay_ns = delay_ns;
    Ok(())
}

/// What the section is read with.
pub struct Reader<'r> {
    pub environment: &'r Environment,
    /// Option names in any case.
    pub folded: bool,
    pub findings: &'r mut Findings,
}

impl Reader<'_> {
    /// The classes of the section, in the file's order.
    pub fn read(&mut self, section: &Entry) -> Vec<RoomClass> {
        if section.value.is_null() {
            return Vec::new();
        }
        let Some(entries) = section.value.as_map() else {
            self.findings.push(shape("rooms", "a map of patterns", section));
            return Vec::new();
        };
        if let Some(first_over) = entries.get(ROOM_CLASSES_MAX) {
            let message = format!("`rooms` has at most {ROOM_CLASSES_MAX} patterns");
            let finding = Diagnostic::new(Code::OutOfRange, message);
            self.findings.push(finding.label(first_over.key_span, "one too many"));
        }
        entries.iter().filter_map(|entry| self.class(entry)).collect()
    }

    fn class(&mut self, entry: &Entry) -> Option<RoomClass> {
        let path = format!("rooms.{}", entry.key);
        let mut class = match pattern::parts(&entry.key) {
            Ok(pattern) => Some(RoomClass { pattern, ..RoomClass::default() }),
            Err(problem) => {
                let finding = Diagnostic::new(problem.code, problem.message);
                let finding = finding.label(entry.key_span, "this pattern");
                self.findings.push(problem.help.into_iter().fold(finding, Diagnostic::help));
                None
            }
        };
        match entry.value.as_map() {
            Some(entries) => {
                // The options of a bad pattern are looked at, too.
                let mut scratch = RoomClass::default();
                let into = class.as_mut().unwrap_or(&mut scratch);
                self.options("", entries, into, &mut BTreeMap::new());
            }
            None if entry.value.is_null() => {}
            None => self.findings.push(shape(&path, "a map of options", entry)),
        }
        class
    }

    fn options(
        &mut self,
        section: &str,
        entries: &[Entry],
        class: &mut RoomClass,
        seen: &mut BTreeMap<String, Span>,
    ) {
        for entry in entries {
            let Some(name) = self.find(section, &entry.key) else {
                self.unknown(section, entry);
                continue;
            };
            let path = below(section, name);
            if let Some(first) = seen.insert(path.clone(), entry.key_span) {
                let finding = Diagnostic::new(Code::SetTwice, format!("`{path}` is set twice"));
                let finding = finding.label(entry.key_span, "a second time here");
                self.findings.push(finding.label(first, "first here"));
                continue;
            }
            let option = OPTIONS.iter().find(|option| option.path == path);
            match (option, entry.value.as_map()) {
                (Some(option), _) if option.path == JOIN_RULES => {}
                (Some(option), _) => self.put(option, entry, class),
                (None, Some(entries)) => self.options(&path, entries, class, seen),
                (None, None) if entry.value.is_null() => {}
                (None, None) => self.findings.push(shape(&path, "a map of options", entry)),
            }
        }
    }

    fn find(&self, section: &str, key: &str) -> Option<&'static str> {
        let same = |name: &&str| *name == key || self.folded && name.eq_ignore_ascii_case(key);
        names(section).find(same)
    }

    fn unknown(&mut self, section: &str, entry: &Entry) {
        let place = below("rooms.PATTERN", section);
        let message = format!("unknown key `{}` in `{}`", entry.key, place.trim_end_matches('.'));
        let finding = Diagnostic::new(Code::UnknownKey, message);
        let finding = finding.label(entry.key_span, "no such option");
        self.findings.push(finding.suggest(&entry.key, names(section)));
    }

    fn put(&mut self, option: &RoomOption, entry: &Entry, class: &mut RoomClass) {
        let text = match given(&entry.value, self.environment) {
            Ok(Some(given)) if !given.list => Ok(given.texts.concat()),
            Ok(_) => return self.findings.push(shape(option.path, option.takes, entry)),
            Err(problem) => Err(problem),
        };
        if let Err(problem) = text.and_then(|text| (option.put)(class, &text)) {
            let message = format!("`{}`: {}", option.path, problem.message);
            let finding = Diagnostic::new(problem.code, message);
            let finding = finding.at(&Place::Span(entry.value.span), "");
            self.findings.push(problem.help.into_iter().fold(finding, Diagnostic::help));
        }
    }
}

/// The names that are valid in a section of a class (`""` is the class itself).
fn names(section: &str) -> impl Iterator<Item = &'static str> + '_ {
    OPTIONS.iter().filter_map(move |option| {
        let rest = match section {
            "" => option.path,
            _ => option.path.strip_prefix(section)?.strip_prefix('.')?,
        };
        rest.split('.').next()
    })
}

fn below(section: &str, name: &str) -> String {
    match section {
        "" => name.to_owned(),
        _ => format!("{section}.{name}"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::source::Source;
    use super::super::super::{Options, SecretPolicy, compile};
    use super::*;

    fn compiled(rooms: &str) -> Result<Vec<RoomClass>, Vec<Code>> {
        let source = Source::new("config.yaml", format!("auth: {{ mode: none }}\nrooms:{rooms}\n"));
        let environment: Environment = [("DELAY", "7ms")].into_iter().collect();
        match compile(&source, &environment, &Options { secret: SecretPolicy::Ignore }) {
            Ok(compiled) => Ok(compiled.settings.rooms),
            Err(found) => {
                Err(found.iter().filter(|one| one.is_error()).map(|one| one.code).collect())
            }
        }
    }

    #[test]
    fn classes_stand_in_the_files_order_with_their_delays() {
        let rooms = " { 'z:{a}': { batch: { delay: 2ms } }, b: , 'a:{n:int}': { Batch: { DELAY: \
                     '${env.DELAY}' } }, c: { batch: {} }, d: { batch: { delay: 1s } } }";
        let classes = compiled(rooms).unwrap();
        let delays: Vec<u64> = classes.iter().map(|class| class.batch_delay_ns).collect();
        assert_eq!(delays, [2_000_000, 0, 7_000_000, 0, 1_000_000_000]);
        assert_eq!(classes[0].pattern, pattern::parts("z:{a}").unwrap());
        assert_eq!(compiled(""), Ok(Vec::new()));
    }

    #[test]
    fn everything_wrong_has_its_code() {
        for (rooms, codes) in [
            (" [a]", vec![Code::WrongShape]),
            (" { a: 2ms }", vec![Code::WrongShape]),
            (" { a: { batch: 2ms } }", vec![Code::WrongShape]),
            (" { a: { batch: { delay: [2ms] } } }", vec![Code::WrongShape]),
            (" { a: { batch: { delay: { ms: 2 } } } }", vec![Code::WrongShape]),
            (" { a: { batch: { delay: } } }", vec![Code::WrongShape]),
            (" { a: { batch: { delay: 2 } } }", vec![Code::BadDuration]),
            (" { a: { batch: { delay: 1001ms } } }", vec![Code::OutOfRange]),
            (" { a: { batch: { delay: '${env.NO}' } } }", vec![Code::MissingVariable]),
            (" { a: { batch: { dely: 2ms } } }", vec![Code::UnknownKey]),
            (" { a: { delay: 2ms } }", vec![Code::UnknownKey]),
            (" { a: { batch: {}, Batch: {} } }", vec![Code::SetTwice]),
            (" { '{a}{b}': { batch: { delay: 2 } } }", vec![Code::BadPattern, Code::BadDuration]),
        ] {
            assert_eq!(compiled(rooms), Err(codes), "{rooms}");
        }
        let many: String = (0..=ROOM_CLASSES_MAX).map(|n| format!("\n  room{n}: {{}}")).collect();
        assert_eq!(compiled(&many), Err(vec![Code::OutOfRange]));
    }
}
