//! Which class of `rooms:` a room belongs to, by its name.
//!
//! Invariants: asked once for each room that a shard meets, never for a message; the time is linear
//! in the name for each pattern, whatever the name, because clients choose names.

use crate::ids::RoomClassId;
use crate::limits::NAME_BYTES_MAX;
use crate::settings::{Membership, PatternPart, RoomClass};

/// Where a variable of a pattern stands in a room's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RoomVariable {
    pub start: u32,
    pub end: u32,
    /// It stands for digits, and is a number.
    pub is_int: bool,
}

/// The classes, in the file's order.
#[derive(Debug, Default)]
pub struct RoomClasses {
    classes: Vec<RoomClass>,
}

impl RoomClasses {
    pub fn new(classes: &[RoomClass]) -> RoomClasses {
        RoomClasses { classes: classes.to_vec() }
    }

    pub fn as_slice(&self) -> &[RoomClass] {
        &self.classes
    }

    pub fn any_presence(&self) -> bool {
        self.classes.iter().any(|class| class.presence.enabled)
    }

    /// The first class whose pattern matches the whole name.
    pub fn of(&self, name: &str) -> Option<RoomClassId> {
        let place = self.classes.iter().position(|class| matches(&class.pattern, name))?;
        u16::try_from(place).ok().map(RoomClassId)
    }

    /// Who becomes a member by a join.
    pub fn membership(&self, class: Option<RoomClassId>) -> Membership {
        let class = class.and_then(|class| self.classes.get(usize::from(class.0)));
        class.map(|class| class.membership).unwrap_or_default()
    }

    /// Where the variables of a class's pattern stand in a name that matches it, each as short as
    /// the rest allows.
    pub fn variables(&self, class: RoomClassId, name: &str, out: &mut Vec<RoomVariable>) {
        out.clear();
        let Some(class) = self.classes.get(usize::from(class.0)) else { return };
        let mut at = 0;
        for (place, part) in class.pattern.iter().enumerate() {
            let rest = class.pattern.get(place + 1..).unwrap_or_default();
            let ends = (at..=name.len()).filter(|end| name.is_char_boundary(*end));
            let mut fitting = ends.filter(|end| {
                let (part, piece) = (std::slice::from_ref(part), &name[at..*end]);
                matches(part, piece) && matches(rest, &name[*end..])
            });
            let Some(end) = fitting.next() else { return };
            if !matches!(part, PatternPart::Literal(_)) {
                let is_int = *part == PatternPart::Int;
                out.push(RoomVariable { start: at as u32, end: end as u32, is_int });
            }
            at = end;
        }
    }
}

/// Ends of the parts so far, as places in a name.
type Ends = [bool; NAME_BYTES_MAX + 1];

/// Whether the parts, in order, can be laid over the whole name. All ways are followed at once, so
/// nothing is ever tried again.
fn matches(pattern: &[PatternPart], name: &str) -> bool {
    let name = name.as_bytes();
    if name.len() > NAME_BYTES_MAX {
        return false;
    }
    let mut ends: Ends = [false; NAME_BYTES_MAX + 1];
    ends[0] = true;
    for part in pattern {
        ends = match part {
            PatternPart::Literal(text) => behind_literal(&ends, name, text.as_bytes()),
            PatternPart::Text => behind_run(&ends, name, |byte| byte != b':'),
            PatternPart::Int => behind_run(&ends, name, |byte| byte.is_ascii_digit()),
            PatternPart::Rest => behind_run(&ends, name, |_| true),
        };
    }
    ends[name.len()]
}

fn behind_literal(ends: &Ends, name: &[u8], text: &[u8]) -> Ends {
    let mut behind = [false; NAME_BYTES_MAX + 1];
    for start in (0..=name.len()).filter(|start| ends[*start]) {
        if name[start..].starts_with(text) {
            behind[start + text.len()] = true;
        }
    }
    behind
}

/// One or more bytes that belong to the variable.
fn behind_run(ends: &Ends, name: &[u8], belongs: impl Fn(u8) -> bool) -> Ends {
    let mut behind = [false; NAME_BYTES_MAX + 1];
    for (place, byte) in name.iter().enumerate() {
        behind[place + 1] = belongs(*byte) && (ends[place] || behind[place]);
    }
    behind
}

#[cfg(test)]
mod tests {
    use super::*;

    fn literal(text: &str) -> PatternPart {
        PatternPart::Literal(text.into())
    }

    #[test]
    fn a_pattern_matches_the_whole_name() {
        use PatternPart::{Int, Text};
        let chat = [literal("chat:"), Text, literal(":"), Int];
        for (name, is_chat) in [
            ("chat:acme:1", true),
            ("chat:acme:007", true),
            ("chat:\u{fc}ber \u{1f600}:1", true),
            ("chat:acme:", false),
            ("chat::1", false),
            ("chat:acme:1x", false),
            ("chat:acme:-1", false),
            ("chat:acme:other:1", false),
            ("xchat:acme:1", false),
            ("", false),
        ] {
            assert_eq!(matches(&chat, name), is_chat, "{name}");
        }
        assert!(matches(&[literal("lobby")], "lobby"));
        assert!(!matches(&[literal("lobby")], "lobby2"));
    }

    #[test]
    fn a_variable_ends_wherever_the_rest_fits() {
        use PatternPart::{Int, Text};
        let parts = [Text, literal("-x"), Int];
        for (name, fits) in
            [("a-x1", true), ("a-x-x12", true), ("-x1-x1", true), ("-x1", false), ("a-x", false)]
        {
            assert_eq!(matches(&parts, name), fits, "{name}");
        }
    }

    #[test]
    fn the_rest_of_a_name_is_whatever_it_holds() {
        use PatternPart::{Rest, Text};
        for name in ["general", "room:1", ":", "a:b:c", "\u{fc}ber:\u{1f600}"] {
            assert!(matches(&[Rest], name), "{name}");
        }
        assert!(!matches(&[Rest], ""));
        let parts = [literal("team:"), Text, literal(":"), Rest];
        assert!(matches(&parts, "team:red:a:b"));
        assert!(!matches(&parts, "team:red:") && !matches(&parts, "team::x"));
        let class = RoomClass { pattern: parts.to_vec(), ..RoomClass::default() };
        let mut found = Vec::new();
        RoomClasses::new(&[class]).variables(RoomClassId(0), "team:red:a:b", &mut found);
        let at: Vec<(u32, u32)> = found.iter().map(|one| (one.start, one.end)).collect();
        assert_eq!(at, [(5, 8), (9, 12)]);
    }

    #[test]
    fn hostile_names_cost_no_more_than_others() {
        use PatternPart::Text;
        let parts: Vec<PatternPart> = (0..100).flat_map(|_| [Text, literal("x")]).collect();
        let name = "x".repeat(NAME_BYTES_MAX);
        assert!(matches(&parts, &name));
        assert!(!matches(&parts, &(name[1..].to_owned() + "y")));
        assert!(!matches(&parts, &(name + "x")));
    }

    #[test]
    fn the_first_class_that_matches_counts() {
        let class = |pattern: &[PatternPart]| RoomClass {
            pattern: pattern.to_vec(),
            ..RoomClass::default()
        };
        let classes = RoomClasses::new(&[
            class(&[literal("chat:vip")]),
            class(&[literal("chat:"), PatternPart::Text]),
        ]);
        assert_eq!(classes.of("chat:vip"), Some(RoomClassId(0)));
        assert_eq!(classes.of("chat:vips"), Some(RoomClassId(1)));
        assert_eq!(classes.of("room:1"), None);
        assert_eq!(RoomClasses::default().of("chat:vip"), None);
    }
}
