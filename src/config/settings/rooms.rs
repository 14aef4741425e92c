//! `rooms:`: classes of rooms, each a pattern of names with its options.
//!
//! Invariants: the section, its suggestions and its part of the reference page come from `OPTIONS`;
//! a class with a finding is left out, and the file is refused. Called by `walk`.

use super::super::codes::Code;
use super::super::compile::catalog;
use super::super::diagnostic::Findings;
use super::super::environment::Environment;
use super::super::yaml::Entry;
use super::entries::{EntryOption, Put, Reader};
use super::history;
use super::pattern;
use super::presence;
use super::registry::in_range;
use super::value::{self, Problem};
use crate::limits::{BATCH_DELAY_NS_MAX, ROOM_CLASSES_MAX};
use crate::settings::{Membership, Recheck, RoomClass};

/// An option of a class of rooms.
pub type RoomOption = EntryOption<RoomClass>;

/// Every option of a class of rooms.
pub const OPTIONS: &[RoomOption] = &[
    BATCH_DELAY,
    MEMBERSHIP,
    PUBLISH,
    MEMBERS,
    JOIN_REQUIRE,
    JOIN_RECHECK,
    presence::ENABLED,
    presence::LEAVE_GRACE,
    presence::EVENT,
    history::SIZE,
    history::TTL,
    history::BYTES,
    history::RECOVER,
    history::REPLAY,
];

const BATCH_DELAY: RoomOption = RoomOption {
    path: "batch.delay",
    takes: "a duration, 0 to 1s",
    default: "0",
    doc: "How long a message to such a room may wait for others, so that a member gets them in one \
          write. 0 sends it at the end of the turn. Whatever must go at once to the same \
          connection (an answer, a message of another room, a pong) takes along what waits, and a \
          connection for which 64 KiB or half its outbox wait is not made to wait longer: order \
          never changes and nothing is dropped.",
    put: Put::One(put_batch_delay),
};

const MEMBERSHIP: RoomOption = RoomOption {
    path: "membership",
    takes: "`user` or `connection`",
    default: "user",
    doc: "Who becomes a member by a join: the user with all its connections, later ones too, or \
          the one connection. A reload keeps the membership of a pattern that stays.",
    put: Put::One(put_membership),
};

const PUBLISH: RoomOption = RoomOption {
    path: "limits.publish",
    takes: "a rate",
    default: "",
    doc: "How many messages such a room gets, from all senders together: `50/s`. What is more is \
          dropped and counted (`roomLimited`).",
    put: Put::One(|class, text| {
        let problem = || {
            let problem = Problem::new(Code::BadRate, format!("`{text}` is not a rate"));
            problem.help("write it like `50/s`")
        };
        class.publish = Some(catalog::rate(text).ok_or_else(problem)?);
        Ok(())
    }),
};

const MEMBERS: RoomOption = RoomOption {
    path: "limits.maxMembers",
    takes: "a number",
    default: "0",
    doc: "Members of such a room: users, or connections where `membership` says so. A join beyond \
          is refused with `room_full`. 0 is no limit.",
    put: Put::One(|class, text| {
        let count = in_range(value::count(text)?, 0..=u64::from(u32::MAX))?;
        class.members_max = count as u32;
        Ok(())
    }),
};

const JOIN_REQUIRE: RoomOption = RoomOption {
    path: "join.require",
    takes: "a list of rules",
    default: "",
    doc: "Rules that must hold before anybody joins, as `require` of an event; they know \
          `room.id`, the variables of the pattern (`room.tenant`), `user` and `conn`.",
    // The compiler of the program reads it.
    put: Put::Elsewhere,
};

const JOIN_RECHECK: RoomOption = RoomOption {
    path: "join.recheck",
    takes: "`none`, `shadow` or `enforce`",
    default: "none",
    doc: "What becomes of members when a reload changes `join.require` for their room. `none`: \
          they stay. `enforce` takes those out who would not get in now; `shadow` counts and logs \
          them. See [reload.md](reload.md#members-of-rooms-whose-rules-change).",
    put: Put::One(put_recheck),
};

/// What the reference page says of patterns.
pub const DOC: &str = "\
`rooms` gives options to rooms by their names:

```yaml fragment
rooms:
  \"cursors:{board}\": { batch: { delay: 20ms } }
  \"chat:{tenant}:{id:int}\": { batch: { delay: 2ms } }
```

A pattern is text and variables: `{name}` stands for one or more characters other than `:`,
`{name:int}` for one or more digits, `{name:rest}` at the end for all that follows, `:` too: the
pattern `{room:rest}` is every room. A room belongs to the first pattern of the file that matches
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

/// Reads the section: the classes, in the file's order.
pub fn read(
    section: &Entry,
    environment: &Environment,
    folded: bool,
    findings: &mut Findings,
) -> Vec<RoomClass> {
    let (name, place, takes) = ("rooms", "PATTERN", "a map of patterns");
    let mut reader = Reader { name, place, takes, options: OPTIONS, environment, folded, findings };
    let entries = reader.entries(section, ROOM_CLASSES_MAX, "patterns");
    entries.iter().filter_map(|entry| class(entry, &mut reader)).collect()
}

fn class(entry: &Entry, reader: &mut Reader<'_, RoomClass>) -> Option<RoomClass> {
    let mut class = match pattern::parts(&entry.key) {
        Ok(pattern) => Some(RoomClass { pattern, ..RoomClass::default() }),
        Err(problem) => {
            reader.problem(problem, entry.key_span, "this pattern");
            None
        }
    };
    // The options of a bad pattern are looked at, too.
    let mut scratch = RoomClass::default();
    reader.read(entry, class.as_mut().unwrap_or(&mut scratch));
    class
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
