//! One shard's counters: written by its shard alone, read by anybody at any time.
//!
//! Invariants: a single writer, so an increment is a load and a store, never a locked instruction.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use super::refusal::{REFUSALS, Refusal};
use crate::disconnect::Disconnect;
use crate::ids::{EventId, LimitId, RuleId};
use crate::pipeline::op::MetricId;
use crate::pipeline::program::{LimitSpec, Program, Rule};
use crate::reject::Reject;
use crate::tls::Failure;
use crate::ws::ProtocolError;

/// A counter or gauge with one writer.
#[derive(Debug, Default)]
pub struct Count(AtomicU64);

impl Count {
    pub fn add(&self, n: u64) {
        self.0.store(self.0.load(Ordering::Relaxed).wrapping_add(n), Ordering::Relaxed);
    }

    pub fn sub(&self, n: u64) {
        self.0.store(self.0.load(Ordering::Relaxed).wrapping_sub(n), Ordering::Relaxed);
    }

    pub fn set(&self, n: u64) {
        self.0.store(n, Ordering::Relaxed);
    }

    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Classes of durations: four to each doubling, from 1 us to 4 s.
const TIMES: usize = 88;

/// How often something took how long, by classes of durations that are within a fifth of each
/// other; the last class takes everything above.
#[derive(Debug)]
pub struct Times {
    classes: [Count; TIMES],
    /// All of them together.
    pub total_ns: Count,
}

impl Default for Times {
    fn default() -> Self {
        Times { classes: std::array::from_fn(|_| Count::default()), total_ns: Count::default() }
    }
}

impl Times {
    pub fn add(&self, ns: u64) {
        self.total_ns.add(ns);
        if let Some(count) = self.classes.get(class_of(ns / 1_000).min(TIMES - 1)) {
            count.add(1);
        }
    }

    /// Each class by the microseconds that it ends with, and its count.
    pub fn each(&self) -> impl Iterator<Item = (u64, u64)> + '_ {
        let ends = (0..).map(class_end_us);
        ends.zip(&self.classes).map(|(end_us, count)| (end_us, count.get()))
    }
}

/// Microseconds below 4 have a class each, then each doubling has four.
fn class_of(us: u64) -> usize {
    match us.checked_ilog2() {
        Some(power @ 2..) => (power as usize - 1) * 4 + (us >> (power - 2) & 3) as usize,
        _ => us as usize,
    }
}

fn class_end_us(class: usize) -> u64 {
    let next = class as u64 + 1;
    match next {
        0..4 => next,
        _ => (4 + next % 4) << (next / 4 - 1),
    }
}

/// Counters that a configuration names.
#[derive(Debug, Default)]
pub struct Named {
    /// `name (file:line)` of each rule, and how often it was not met, enforced or not.
    pub rules: Box<[Labelled]>,
    pub metrics: Box<[Labelled]>,
    /// `name (file:line)` of each limit with a name, and how often it refused.
    pub limits: Box<[Labelled]>,
    /// The limits that those are of, ascending.
    limited: Box<[LimitId]>,
    /// By `EventId`.
    events: Box<[EventCounts]>,
}

/// What became of the messages of one event.
#[derive(Debug)]
pub struct EventCounts {
    pub name: Box<str>,
    /// A message can name it; the others are hooks, rules and pages.
    pub is_named: bool,
    pub counts: Arc<Fates>,
}

/// See `EventCounts`.
#[derive(Debug, Default)]
pub struct Fates {
    /// Messages of the event, refused ones too.
    pub received: Count,
    /// Ended by a limit that tells nobody.
    pub limited: Count,
    /// By `Reject as usize`.
    pub rejects: [Count; Reject::ALL.len()],
}

impl Fates {
    /// Messages that did what their event says.
    pub fn ran(&self) -> u64 {
        let refused: u64 = self.rejects.iter().map(Count::get).sum();
        self.received.get().saturating_sub(refused + self.limited.get())
    }
}

/// A counter that a configuration names; it goes on in the next one, where that names it too.
#[derive(Debug)]
pub struct Labelled {
    pub label: String,
    name: Box<str>,
    /// Which of several of this name.
    number: usize,
    pub count: Arc<Count>,
}

impl Named {
    fn of(program: &Program, before: &Named) -> Named {
        let rule = |rule: &Rule| {
            let shadow = if rule.shadow { ", shadow" } else { "" };
            let (file, line) = (program.file(rule.site), rule.site.line);
            (rule.name.clone(), format!("{} ({file}:{line}{shadow})", rule.name))
        };
        let metric = |name: &str| (Box::from(name), name.to_owned());
        let limit = |limit: &LimitSpec| {
            let (file, line) = (program.file(limit.site), limit.site.line);
            (limit.name.clone(), format!("{} ({file}:{line})", limit.name))
        };
        Named {
            limits: labelled(program.named_limits().map(|(_, spec)| limit(spec)), &before.limits),
            limited: program.named_limits().map(|(id, _)| id).collect(),
            rules: labelled(program.rules.iter().map(rule), &before.rules),
            metrics: labelled(program.metrics.iter().map(|name| metric(name)), &before.metrics),
            events: counted(program, before),
        }
    }

    /// The events that messages can name.
    pub fn events(&self) -> impl Iterator<Item = &EventCounts> {
        self.events.iter().filter(|event| event.is_named)
    }

    pub fn is_named(&self, event: EventId) -> bool {
        self.events.get(usize::from(event.0)).is_some_and(|event| event.is_named)
    }

    pub fn received(&self, event: EventId) {
        let one = self.events.get(usize::from(event.0));
        one.into_iter().for_each(|one| one.counts.received.add(1));
    }

    pub fn rejected(&self, event: EventId, reject: Reject) {
        let one = self.events.get(usize::from(event.0));
        one.into_iter().for_each(|one| one.counts.rejects[reject as usize].add(1));
    }

    pub fn limited(&self, event: EventId) {
        let one = self.events.get(usize::from(event.0));
        one.into_iter().for_each(|one| one.counts.limited.add(1));
    }

    pub fn denied(&self, rule: RuleId) {
        let one = self.rules.get(usize::from(rule.0));
        one.into_iter().for_each(|one| one.count.add(1));
    }

    pub fn exceeded(&self, limit: LimitId) {
        if let Ok(place) = self.limited.binary_search(&limit) {
            self.limits[place].count.add(1);
        }
    }

    pub fn metric(&self, metric: MetricId, add: u32) {
        let one = self.metrics.get(usize::from(metric.0));
        one.into_iter().for_each(|one| one.count.add(u64::from(add)));
    }
}

/// An event's counters go on where the program before had an event of this name.
fn counted(program: &Program, before: &Named) -> Box<[EventCounts]> {
    let known: HashMap<&str, &EventCounts> =
        before.events().map(|event| (&*event.name, event)).collect();
    let events = program.events.iter().zip(0..).map(|(event, id)| {
        let is_named = program.is_named(EventId(id));
        let known = known.get(&*event.name).filter(|_| is_named);
        let counts = known.map(|known| Arc::clone(&known.counts)).unwrap_or_default();
        EventCounts { name: event.name.clone(), is_named, counts }
    });
    events.collect()
}

fn labelled(
    names: impl Iterator<Item = (Box<str>, String)>,
    before: &[Labelled],
) -> Box<[Labelled]> {
    let mut all: Vec<Labelled> = Vec::new();
    for (name, label) in names {
        let number = all.iter().filter(|other| other.name == name).count();
        let known = before.iter().find(|other| other.name == name && other.number == number);
        let count = known.map(|known| Arc::clone(&known.count)).unwrap_or_default();
        all.push(Labelled { label, name, number, count });
    }
    all.into()
}

/// All counters of one shard.
#[derive(Debug, Default)]
#[repr(align(128))]
pub struct Counters {
    /// Connections open now, upgraded or not.
    pub connections: Count,
    /// WebSocket connections opened since the start.
    pub upgrades: Count,
    pub messages_in: Count,
    /// Frames queued to connections.
    pub deliveries: Count,
    /// Messages deflated; one that many receivers share counts once.
    pub compressions: Count,
    pub bytes_in: Count,
    pub bytes_out: Count,
    /// Turns that found something to do; messages a turn say how much a turn gathers.
    pub turns: Count,
    /// Sends asked of the kernel.
    pub sends: Count,
    /// Rooms whose home is here, each on one shard; their members may be on any.
    pub rooms: Count,
    pub users: Count,
    /// Messages for a room or user that nobody is in.
    pub undelivered: Count,
    /// Frames dropped with the outbox of a connection that read too slowly.
    pub dropped_frames: Count,
    /// Messages that a limit dropped without telling anybody.
    pub limited_drops: Count,
    /// Counts of limits that were given up because there were too many at once.
    pub forgotten_limits: Count,
    /// Raw messages that no hook wants.
    pub unhandled: Count,
    /// Accepted tokens that never expire.
    pub endless_tokens: Count,
    /// Accepts that failed (out of files or memory).
    pub accept_errors: Count,
    /// Volatile frames left out for connections that are behind.
    pub volatile_dropped: Count,
    /// Frames that a later one with the same key took the place of.
    pub conflated: Count,
    /// Messages to rooms that had too many.
    pub room_limited: Count,
    /// Steps that were refused while the run went on.
    pub passed_over: Count,
    /// Calls to backends that runs have asked for.
    pub calls: Count,
    /// Runs and answers that nobody waited for any more.
    pub calls_dropped: Count,
    /// Members whom the rules that a reload brought took out of their rooms.
    pub taken_out: Count,
    /// Those whom they would have, with `recheck: shadow`; each of a user's connections counts.
    pub would_take_out: Count,
    /// Members of rooms with presence whose home is here, those who may still come back too.
    pub present: Count,
    /// Joins and leaves that members were told of, each once however many were told.
    pub told_joins: Count,
    pub told_leaves: Count,
    /// Members who came back within the grace.
    pub returns: Count,
    /// Names that messages of presence left out, because the room is too large for them.
    pub unnamed: Count,
    /// Leaves that were told without grace, because too many were awaited.
    pub unawaited: Count,
    /// WebSocket connections that ended, and what happened to be told to the monitor; both are
    /// counted where there is one.
    pub ended: Count,
    pub happenings: Count,
    /// Happenings that the monitor was not told of: too many at once.
    pub untold: Count,
    /// How long turns took, where there is a monitor.
    pub turn_times: Times,
    /// What the configuration names; replaced by a reload.
    named: Mutex<Arc<Named>>,
    /// TLS handshakes that came to their end, and those of them that went on from an earlier one.
    pub tls_handshakes: Count,
    pub tls_resumptions: Count,
    /// Why TLS connections failed, by `Failure as usize`.
    pub tls_failures: [Count; Failure::ALL.len()],
    /// Rooms whose history is kept here, and bytes of memory that they take.
    pub history_rooms: Count,
    pub history_bytes: Count,
    /// Messages that joins got out of histories.
    pub history_replayed: Count,
    /// Joins that said a place: those that got all they missed, and the others.
    pub history_recovered: Count,
    pub history_unrecovered: Count,
    /// Messages that left a history early: over its own bytes, over the shard's.
    pub history_cut_bytes: Count,
    pub history_cut_memory: Count,
    /// Histories of rooms that nobody is in, given up early: too many rooms, too many bytes.
    pub history_evicted_rooms: Count,
    pub history_evicted_memory: Count,
    /// The number of the configuration that the shard runs; the first is 0.
    pub generation: Count,
    /// Times a full channel made a frame wait.
    pub mesh_full: Count,
    /// By `Reject as usize`.
    pub rejects: [Count; Reject::ALL.len()],
    /// By `Disconnect as usize`.
    pub disconnects: [Count; Disconnect::ALL.len()],
    /// Connections ended by a protocol error, by `ProtocolError as usize`.
    pub protocol_errors: [Count; ProtocolError::ALL.len()],
    /// Refused requests, by `Refusal::place`.
    pub refusals: [Count; REFUSALS],
}

impl Counters {
    /// What the configuration names, as it is now.
    pub fn named(&self) -> Arc<Named> {
        Arc::clone(&self.named.lock().unwrap_or_else(|poisoned| poisoned.into_inner()))
    }

    /// Makes the counters that a program names; those of the same name go on.
    pub fn rename(&self, program: &Program) -> Arc<Named> {
        let mut named = self.named.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        *named = Arc::new(Named::of(program, &named));
        Arc::clone(&named)
    }

    /// Every counter by its group (empty for those that stand alone) and name, as reports call it.
    pub fn each(&self, seen: &mut dyn FnMut(&'static str, &str, u64)) {
        for (name, count) in self.plain() {
            seen("", name, count.get());
        }
        let rejects = Reject::ALL.iter().map(|one| one.code());
        let disconnects = Disconnect::ALL.iter().map(|one| one.reason());
        zip("rejects", rejects, &self.rejects, seen);
        zip("disconnects", disconnects, &self.disconnects, seen);
        zip("refusals", Refusal::all().map(Refusal::code), &self.refusals, seen);
        let broken_rules = ProtocolError::ALL.iter().map(|one| one.reason());
        zip("protocolErrors", broken_rules, &self.protocol_errors, seen);
        zip("tlsFailures", Failure::ALL.iter().map(|one| one.label()), &self.tls_failures, seen);
        let named = self.named();
        let groups =
            [("rules", &named.rules), ("limits", &named.limits), ("metrics", &named.metrics)];
        for (group, list) in groups {
            list.iter().for_each(|one| seen(group, &one.label, one.count.get()));
        }
    }

    fn plain(&self) -> [(&'static str, &Count); 45] {
        [
            ("connections", &self.connections),
            ("upgrades", &self.upgrades),
            ("messagesIn", &self.messages_in),
            ("deliveries", &self.deliveries),
            ("compressions", &self.compressions),
            ("bytesIn", &self.bytes_in),
            ("bytesOut", &self.bytes_out),
            ("turns", &self.turns),
            ("sends", &self.sends),
            ("rooms", &self.rooms),
            ("users", &self.users),
            ("undelivered", &self.undelivered),
            ("droppedFrames", &self.dropped_frames),
            ("limitedDrops", &self.limited_drops),
            ("forgottenLimits", &self.forgotten_limits),
            ("unhandled", &self.unhandled),
            ("endlessTokens", &self.endless_tokens),
            ("acceptErrors", &self.accept_errors),
            ("meshFull", &self.mesh_full),
            ("volatileDropped", &self.volatile_dropped),
            ("conflated", &self.conflated),
            ("roomLimited", &self.room_limited),
            ("passedOver", &self.passed_over),
            ("calls", &self.calls),
            ("callsDropped", &self.calls_dropped),
            ("takenOut", &self.taken_out),
            ("wouldTakeOut", &self.would_take_out),
            ("tlsHandshakes", &self.tls_handshakes),
            ("tlsResumptions", &self.tls_resumptions),
            ("untold", &self.untold),
            ("present", &self.present),
            ("toldJoins", &self.told_joins),
            ("toldLeaves", &self.told_leaves),
            ("returns", &self.returns),
            ("unnamed", &self.unnamed),
            ("unawaited", &self.unawaited),
            ("historyRooms", &self.history_rooms),
            ("historyBytes", &self.history_bytes),
            ("historyReplayed", &self.history_replayed),
            ("historyRecovered", &self.history_recovered),
            ("historyUnrecovered", &self.history_unrecovered),
            ("historyCutBytes", &self.history_cut_bytes),
            ("historyCutMemory", &self.history_cut_memory),
            ("historyEvictedRooms", &self.history_evicted_rooms),
            ("historyEvictedMemory", &self.history_evicted_memory),
        ]
    }

    pub fn rejected(&self, reject: Reject) {
        self.rejects[reject as usize].add(1);
    }

    pub fn disconnected(&self, why: Disconnect) {
        self.disconnects[why as usize].add(1);
    }

    pub fn failed(&self, error: ProtocolError) {
        self.protocol_errors[error as usize].add(1);
    }

    pub fn tls_failed(&self, failure: Failure) {
        self.tls_failures[failure as usize].add(1);
    }

    pub fn refused(&self, refusal: Refusal) {
        self.refusals[refusal.place()].add(1);
    }
}

fn zip<'n>(
    group: &'static str,
    names: impl Iterator<Item = &'n str>,
    counts: &[Count],
    seen: &mut dyn FnMut(&'static str, &str, u64),
) {
    names.zip(counts).for_each(|(name, count)| seen(group, name, count.get()));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_is_below_the_end_of_its_class_and_not_below_that_of_the_one_before() {
        for us in (0..5_000).chain((12..22).flat_map(|power| [(1 << power) - 1, 1 << power])) {
            let class = class_of(us);
            assert!(us < class_end_us(class), "{us}");
            assert!(class == 0 || us >= class_end_us(class - 1), "{us}");
        }
        let times = Times::default();
        [0, 999, 1_000, u64::MAX / 2].iter().for_each(|ns| times.add(*ns));
        let counts: Vec<(u64, u64)> = times.each().filter(|(_, count)| *count > 0).collect();
        assert_eq!(counts, [(1, 2), (2, 1), (class_end_us(TIMES - 1), 1)]);
    }
}
