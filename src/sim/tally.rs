//! What the counters of a world say, by the names that tests use.
//!
//! Invariants: a shadow rule denies nobody, so it is a counter and not a denial.

use std::collections::BTreeMap;

use super::world::World;
use crate::config::script::Vocabulary;
use crate::pipeline::program::Program;
use crate::reject::Reject;
use crate::settings::{Protocol, Settings};
use crate::shard::counters::Counters;
use crate::shard::refusal::Refusal;

/// Counts by name.
pub type Tally = BTreeMap<String, u64>;

/// The names that tests of a configuration may use.
pub fn vocabulary(settings: &Settings, program: &Program) -> Vocabulary {
    let counters = Counters::default();
    counters.rename(program);
    let mut names = Tally::new();
    add(&counters, &mut names);
    let rejects = Reject::ALL.iter().map(|one| one.code());
    let denials = rejects.chain(Refusal::all().map(Refusal::code)).map(str::to_owned);
    let rules = program.rules.iter().filter(|rule| !rule.shadow);
    Vocabulary {
        denials: denials
            .chain(rules.map(|rule| rule.name.to_string()))
            .chain(program.named_limits().map(|(_, limit)| limit.name.to_string()))
            .collect(),
        counters: names.into_keys().collect(),
        events: named_events(program),
        backends: settings.backends.iter().map(|one| one.name.clone()).collect(),
        raw: settings.protocol == Protocol::Raw,
    }
}

/// Events that a message can name.
fn named_events(program: &Program) -> Vec<String> {
    let text = |name: &[u8]| String::from_utf8_lossy(name).into_owned();
    let mut names: Vec<String> = program.names.keys().map(|name| text(name)).collect();
    names.sort_unstable();
    names
}

/// The sums over all shards.
pub fn counters(world: &World) -> Tally {
    let mut sums = Tally::new();
    world.counters.iter().for_each(|one| add(one, &mut sums));
    sums
}

fn add(counters: &Counters, sums: &mut Tally) {
    counters.each(&mut |group, name, count| {
        // A rule's counter also says its place, which no test should have to.
        let name = name.split(" (").next().unwrap_or(name);
        let name = if group.is_empty() { name.to_owned() } else { format!("{group}.{name}") };
        *sums.entry(name).or_default() += count;
    });
}

/// How often each denial has happened.
pub fn denials(world: &World, program: &Program) -> Tally {
    let mut denials = Tally::new();
    for counters in &world.counters {
        counters.each(&mut |group, name, count| {
            if matches!(group, "rejects" | "refusals") && count > 0 {
                *denials.entry(name.to_owned()).or_default() += count;
            }
        });
        let dropped = counters.limited_drops.get();
        if dropped > 0 {
            *denials.entry(Reject::RateLimited.code().to_owned()).or_default() += dropped;
        }
        let named = counters.named();
        let enforced = program.rules.iter().zip(&named.rules).filter(|(rule, _)| !rule.shadow);
        let rules = enforced.map(|(rule, one)| (&rule.name, one.count.get()));
        let limits = program.named_limits().zip(&named.limits);
        let limits = limits.map(|((_, limit), one)| (&limit.name, one.count.get()));
        for (name, count) in rules.chain(limits).filter(|(_, count)| *count > 0) {
            *denials.entry(name.to_string()).or_default() += count;
        }
    }
    denials
}

/// What happened between two tallies.
pub fn since(before: &Tally, now: &Tally) -> Tally {
    let more = |(name, count): (&String, &u64)| {
        let count = count.saturating_sub(before.get(name).copied().unwrap_or_default());
        (count > 0).then(|| (name.clone(), count))
    };
    now.iter().filter_map(more).collect()
}
