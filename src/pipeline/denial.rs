//! Why an event was refused, as a place of the program, and the short id of each such denial.
//!
//! Invariants: an id is made of the event, the code, the name of what refused, and its file and
//! line, the file as it is called from the folder of the first one: so the same configuration gives
//! the same ids in every process and on every machine, and nothing is stored for them. `all` lists
//! every denial that a run can end with. Used by `shard` to tell, by `shardwire explain` to find.

use super::op::{Class, Op};
use super::program::{Event, Program, Site};
use crate::ids::{EventId, LimitId, RuleId};
use crate::reject::Reject;

/// What refused, by its place in a program.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum By {
    /// No line of the configuration.
    #[default]
    Nobody,
    /// The schema of this event's payload.
    Payload(EventId),
    Rule(RuleId),
    Limit(LimitId),
    /// The operation at this place of the code.
    Op(u32),
}

impl By {
    /// The event that it is a part of.
    pub fn event(self, program: &Program) -> Option<EventId> {
        match self {
            By::Nobody => None,
            By::Payload(event) => Some(event),
            By::Rule(rule) => program.rules.get(usize::from(rule.0)).map(|rule| rule.event),
            By::Limit(limit) => program.limit(limit).map(|limit| limit.event),
            By::Op(at) => program.event_id_at(at),
        }
    }
}

/// What kind of thing refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refuser {
    /// The protocol: no event was run.
    Protocol,
    Payload,
    Rule,
    Limit,
    Permission,
    Step,
}

/// One way for an event to be refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Denial<'p> {
    pub reject: Reject,
    pub refuser: Refuser,
    /// As the configuration names it; empty where none was run.
    pub event: &'p str,
    /// Of the rule, limit, permission or step; empty where it has none.
    pub name: &'p str,
    pub site: Option<Site>,
    /// The sentence a client sees: a rule's own where it has one.
    pub message: &'p str,
    file: &'p str,
}

impl<'p> Denial<'p> {
    pub fn of(program: &'p Program, by: By, reject: Reject) -> Denial<'p> {
        match by {
            By::Nobody => Denial::made(program, None, Refuser::Protocol, "", None, reject),
            By::Payload(id) => {
                let event = program.event(id);
                let site = event.map(|event| event.site);
                Denial::made(program, event, Refuser::Payload, "", site, reject)
            }
            By::Rule(id) => Denial::of_rule(program, id, reject),
            By::Limit(id) => Denial::of_limit(program, id, reject),
            By::Op(at) => Denial::of_op(program, at, reject),
        }
    }

    fn of_rule(program: &'p Program, id: RuleId, reject: Reject) -> Denial<'p> {
        let Some(rule) = program.rules.get(usize::from(id.0)) else {
            return Denial::of(program, By::Nobody, reject);
        };
        let (event, site) = (program.event(rule.event), Some(rule.site));
        let denial = Denial::made(program, event, Refuser::Rule, &rule.name, site, reject);
        Denial { message: rule.error.as_deref().unwrap_or(denial.message), ..denial }
    }

    fn of_limit(program: &'p Program, id: LimitId, reject: Reject) -> Denial<'p> {
        let Some(limit) = program.limit(id) else {
            return Denial::of(program, By::Nobody, reject);
        };
        let (event, site) = (program.event(limit.event), Some(limit.site));
        Denial::made(program, event, Refuser::Limit, &limit.name, site, reject)
    }

    fn of_op(program: &'p Program, at: u32, reject: Reject) -> Denial<'p> {
        let op = program.code.get(at as usize);
        let (refuser, name) = match op {
            Some(Op::Require { rule, .. }) if reject == Reject::Denied => {
                return Denial::of_rule(program, *rule, reject);
            }
            Some(Op::Limit(limit) | Op::LimitKey { limit, .. }) => {
                return Denial::of_limit(program, *limit, reject);
            }
            Some(Op::Permit(one)) => {
                let name = program.permissions.get(usize::from(one.0));
                (Refuser::Permission, name.map_or("", |name| name))
            }
            _ => (Refuser::Step, program.step_name(program.site(at as usize))),
        };
        let site = Some(program.site(at as usize));
        Denial::made(program, program.event_at(at), refuser, name, site, reject)
    }

    fn made(
        program: &'p Program,
        event: Option<&'p Event>,
        refuser: Refuser,
        name: &'p str,
        site: Option<Site>,
        reject: Reject,
    ) -> Denial<'p> {
        let event = event.map_or("", |event| &event.name);
        let file = site.map_or("", |site| beside(program, program.file(site)));
        Denial { reject, refuser, event, name, site, message: reject.message(), file }
    }

    /// The name of the rule that did not hold; empty where it is no rule's denial.
    pub fn rule(&self) -> &'p str {
        if self.refuser == Refuser::Rule { self.name } else { "" }
    }

    /// The id that clients, logs and `explain` call it by.
    pub fn id(&self) -> DenialId {
        let mut room = [0; 10];
        let line = decimal(self.site.map_or(0, |site| site.line), &mut room);
        DenialId::of(&[self.event, self.reject.code(), self.name, self.file, line])
    }
}

/// A number's digits, without an allocation: refusals make none.
fn decimal(mut number: u32, room: &mut [u8; 10]) -> &str {
    let mut at = room.len();
    loop {
        at -= 1;
        room[at] = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            return std::str::from_utf8(&room[at..]).unwrap_or_default();
        }
    }
}

/// A file's name as seen from the folder of the first one.
fn beside<'p>(program: &'p Program, file: &'p str) -> &'p str {
    let folder = program.files.first().and_then(|main| main.rsplit_once('/'));
    let rest = folder.and_then(|(folder, _)| file.strip_prefix(folder)?.strip_prefix('/'));
    rest.unwrap_or(file)
}

const PREFIX: &str = "d-";

/// Characters behind the prefix, five bits each.
const DIGITS: usize = 8;

/// Digits and letters that are not taken for one another.
const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

/// `d-` and eight characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct DenialId {
    text: [u8; PREFIX.len() + DIGITS],
}

impl DenialId {
    /// FNV-1a over the parts, each ended by a zero: short, and the same for ever.
    fn of(parts: &[&str]) -> DenialId {
        let bytes = parts.iter().flat_map(|part| part.bytes().chain([0]));
        let step = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3);
        let hash = bytes.fold(0xcbf2_9ce4_8422_2325, step);
        let hash = hash ^ (hash >> 32);
        let mut text = *b"d-........";
        for (place, digit) in text.iter_mut().skip(PREFIX.len()).enumerate() {
            *digit = ALPHABET[(hash >> (5 * place)) as usize % ALPHABET.len()];
        }
        DenialId { text }
    }

    /// An id as somebody copied it.
    pub fn parse(text: &str) -> Option<DenialId> {
        let digits = text.strip_prefix(PREFIX)?.to_ascii_lowercase();
        if digits.len() != DIGITS || !digits.bytes().all(|digit| ALPHABET.contains(&digit)) {
            return None;
        }
        let mut id = DenialId { text: *b"d-........" };
        id.text[PREFIX.len()..].copy_from_slice(digits.as_bytes());
        Some(id)
    }

    pub fn as_str(&self) -> &str {
        // The alphabet is ASCII.
        std::str::from_utf8(&self.text).unwrap_or(PREFIX)
    }
}

/// Refusals of messages that are no envelope of an event.
const OF_PROTOCOL: [Reject; 4] =
    [Reject::BadJson, Reject::BadMessage, Reject::UnknownEvent, Reject::TooLarge];

/// What computing and writing a value may end with.
const OF_VALUES: [Reject; 5] =
    [Reject::MissingField, Reject::BadType, Reject::BadValue, Reject::NoElement, Reject::TooLarge];

/// What a call whose failure no step handles may end with.
const OF_CALLS: [Reject; 7] = [
    Reject::BadValue,
    Reject::BackendUnavailable,
    Reject::BackendTimeout,
    Reject::BackendRefused,
    Reject::BackendFailed,
    Reject::BackendAnswer,
    Reject::Overloaded,
];

/// Every denial of a program.
pub fn all(program: &Program) -> Vec<Denial<'_>> {
    let protocol = OF_PROTOCOL.map(|reject| Denial::of(program, By::Nobody, reject));
    let events = (0..program.events.len()).map(|place| EventId(place as u16));
    protocol.into_iter().chain(events.flat_map(|event| of_event(program, event))).collect()
}

/// Every denial of one event, in the order in which they are looked at.
pub fn of_event(program: &Program, id: EventId) -> Vec<Denial<'_>> {
    let Some(event) = program.event(id) else { return Vec::new() };
    let mut ways: Vec<(By, Reject)> = Vec::new();
    if event.shape.is_some() {
        ways.push((By::Payload(id), Reject::InvalidPayload));
    }
    if event.session_claims {
        ways.push((By::Op(event.entry), Reject::Unauthorized));
    }
    for (at, op) in (event.entry..).zip(program.code_of(event)) {
        ways.extend(rejects_of(program, *op).iter().map(|reject| (By::Op(at), *reject)));
    }
    let mut found: Vec<Denial<'_>> = Vec::new();
    let mut known = std::collections::HashSet::new();
    for (by, reject) in ways {
        let denial = Denial::of(program, by, reject);
        if known.insert(denial.id()) {
            found.push(denial);
        }
    }
    found
}

/// What an operation, or the effect that it asks for, may be refused with.
fn rejects_of(program: &Program, op: Op) -> &'static [Reject] {
    let enforced =
        |rule: RuleId| program.rules.get(usize::from(rule.0)).is_some_and(|rule| !rule.shadow);
    match op {
        Op::Limit(_) | Op::LimitKey { .. } => &[Reject::RateLimited],
        Op::Secure => &[Reject::Unauthorized],
        Op::Permit(_) => &[Reject::Forbidden],
        Op::NeedTarget => &[Reject::MissingTarget],
        Op::NeedSlot { .. } => &[Reject::MissingField],
        Op::Join { .. } => &[Reject::BadName, Reject::Overloaded, Reject::RoomFull],
        Op::Require { rule, .. } if enforced(rule) => &[Reject::Denied],
        Op::Require { .. } => &[],
        Op::Fail(reject) => one(reject),
        Op::Const(_) | Op::Context { .. } | Op::Id(_) => one(Reject::TooLarge),
        Op::SendOrigin | Op::SendUser => one(Reject::TooLarge),
        Op::Send { .. } => one(Reject::TooLarge),
        Op::NeedIdentity => &[Reject::Unidentified],
        Op::Identify { .. } => &[Reject::BadName, Reject::OtherUser],
        Op::Call { call, .. } => match program.calls.get(usize::from(call.0)) {
            Some(call) if call.handles => &[Reject::BadValue],
            _ => &OF_CALLS,
        },
        _ => match op.class() {
            Class::Open | Class::Close => one(Reject::TooLarge),
            Class::Effect => &[Reject::BadName, Reject::TooLarge],
            Class::Value | Class::Jump | Class::Piece => &OF_VALUES,
            Class::Gate | Class::Check | Class::Wait | Class::Last => &[],
        },
    }
}

/// The one reject, from the table.
fn one(reject: Reject) -> &'static [Reject] {
    let place = reject as usize;
    Reject::ALL.get(place..=place).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::super::builder::Builder;
    use super::super::program::LimitSpec;
    use super::*;
    use crate::state::limits::Rate;

    const SITE: Site = Site { line: 3, column: 1, file: 0 };

    fn program(file: &str, event: &str) -> Program {
        let mut builder = Builder::new(file);
        let id = builder.event(event, SITE).unwrap();
        let limit = builder.limit(LimitSpec::of_user(id, Rate::fixed(1, 1), SITE));
        builder.op(Op::Limit(limit), SITE);
        let permission = builder.permission("talk");
        builder.op(Op::Permit(permission), SITE);
        builder.op(Op::NeedTarget, SITE);
        builder.finish().unwrap()
    }

    #[test]
    fn an_id_depends_on_the_configuration_and_not_on_where_it_lies() {
        let ids = |program: &Program| {
            all(program).iter().map(|one| one.id().as_str().to_owned()).collect::<Vec<_>>()
        };
        let here = ids(&program("config.yaml", "say"));
        assert_eq!(here, ids(&program("/etc/shardwire/config.yaml", "say")));
        assert_eq!(here.len(), 4 + 3);
        let other = ids(&program("config.yaml", "tell"));
        assert_eq!((&here[..4], other.len()), (&other[..4], 7));
        assert!(here[4..].iter().zip(&other[4..]).all(|(one, other)| one != other));
    }

    #[test]
    fn what_refused_has_its_name_and_place() {
        let program = program("config.yaml", "say");
        let found = of_event(&program, EventId(0));
        let kinds: Vec<_> = found.iter().map(|one| (one.refuser, one.name, one.reject)).collect();
        assert_eq!(
            kinds,
            [
                (Refuser::Limit, "", Reject::RateLimited),
                (Refuser::Permission, "talk", Reject::Forbidden),
                (Refuser::Step, "", Reject::MissingTarget),
            ]
        );
        assert!(found.iter().all(|one| one.event == "say" && one.site == Some(SITE)));
        let unknown = Denial::of(&program, By::Op(99), Reject::BadType);
        assert_eq!((unknown.event, unknown.site), ("", Some(Site::default())));
    }

    #[test]
    fn an_id_is_read_as_it_is_written_and_nothing_else_is_one() {
        let id = Denial::of(&Program::default(), By::Nobody, Reject::BadJson).id();
        assert_eq!(DenialId::parse(id.as_str()), Some(id));
        assert_eq!(DenialId::parse(&format!("d-{}", id.as_str()[2..].to_uppercase())), Some(id));
        assert_eq!(id.as_str(), "d-vxs18xj2");
        for text in ["", "d-", "d-1234567", "d-123456789", "d-1234567l", "e-12345678", "say"] {
            assert_eq!(DenialId::parse(text), None, "{text}");
        }
    }
}
