//! Figures over time: counters read again and again, and what they say of the time between.
//!
//! Invariants: a rate is a difference over the time it took, so a late tick shows no peak; the
//! history has a fixed length; percentiles are the ends of classes of durations. Called by
//! `monitor::tick`.

use std::collections::VecDeque;
use std::sync::Arc;

use serde::Serialize;

use crate::shard::counters::{Count, Counters};

/// Points of the history: two minutes at one every 400 ms.
const HISTORY_POINTS: usize = 300;

/// All shards at one moment, as rates of the time before it.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Point {
    pub at: u64,
    pub connections: u64,
    /// Messages received and sent a second.
    pub received: f64,
    pub delivered: f64,
    pub bytes_in: f64,
    pub bytes_out: f64,
    /// Events that were refused or dropped, a second.
    pub refused: f64,
    /// Microseconds below which half, and all but one in a hundred, of the turns stayed; 0 where
    /// there were none.
    pub turn_p50: u64,
    pub turn_p99: u64,
}

/// One shard at the same moment.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Load {
    pub connections: u64,
    pub received: f64,
    pub delivered: f64,
    /// The share of its time that it spent in turns, 0 to 1.
    pub busy: f64,
}

/// An event, or a reason of drops: all since the start, and a second.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct Rate {
    pub name: String,
    pub total: u64,
    pub rate: f64,
}

/// What one shard's counters said.
#[derive(Clone, Debug, Default)]
struct Reading {
    connections: u64,
    received: u64,
    delivered: u64,
    bytes_in: u64,
    bytes_out: u64,
    busy_ns: u64,
    turns: Vec<(u64, u64)>,
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Samples {
    at_ms: u64,
    readings: Vec<Reading>,
    counts: Vec<(String, u64)>,
    pub history: VecDeque<Point>,
    pub loads: Vec<Load>,
    pub events: Vec<Rate>,
    pub drops: Vec<Rate>,
}

/// Connections that are WebSockets now.
pub(super) fn open(shards: &[Arc<Counters>]) -> u64 {
    let open = |one: &Arc<Counters>| one.upgrades.get().saturating_sub(one.ended.get());
    shards.iter().map(open).sum()
}

impl Samples {
    /// Reads the counters; at the first time there is nothing to compare with.
    pub fn take(&mut self, shards: &[Arc<Counters>], at_ms: u64) {
        let readings: Vec<Reading> = shards.iter().map(|one| read(one)).collect();
        let seconds = at_ms.saturating_sub(self.at_ms) as f64 / 1_000.0;
        let (events, drops) = (events(shards), drops(shards));
        let first = self.readings.len() != readings.len() || seconds <= 0.0;
        if !first {
            let over = |now: u64, then: u64| rate(now, then, seconds);
            let pairs = || readings.iter().zip(&self.readings);
            let sum = |of: fn(&Reading) -> u64| {
                pairs().map(|(now, then)| over(of(now), of(then))).sum::<f64>()
            };
            self.events = self.rates(events.clone(), seconds);
            self.drops = self.rates(drops.clone(), seconds);
            let turns = self.turns_since(&readings);
            let point = Point {
                at: at_ms,
                connections: open(shards),
                received: sum(|one| one.received),
                delivered: sum(|one| one.delivered),
                bytes_in: sum(|one| one.bytes_in),
                bytes_out: sum(|one| one.bytes_out),
                refused: self.drops.iter().map(|one| one.rate).sum(),
                turn_p50: percentile(&turns, 0.5),
                turn_p99: percentile(&turns, 0.99),
            };
            self.loads = pairs().map(|(now, then)| load(now, then, seconds)).collect();
            self.history.push_back(point);
            while self.history.len() > HISTORY_POINTS {
                self.history.pop_front();
            }
        }
        self.counts = events.into_iter().chain(drops).collect();
        (self.readings, self.at_ms) = (readings, at_ms);
    }

    /// Counts with what was added a second; what never happened is left out.
    fn rates(&self, counts: Vec<(String, u64)>, seconds: f64) -> Vec<Rate> {
        let before = |name: &str| self.counts.iter().find(|one| one.0 == name).map(|one| one.1);
        let rates = counts.into_iter().filter(|one| one.1 > 0).map(|(name, total)| {
            let rate = rate(total, before(&name).unwrap_or_default(), seconds);
            Rate { name, total, rate }
        });
        rates.collect()
    }

    /// Turns of all shards since the last reading, by classes of durations.
    fn turns_since(&self, readings: &[Reading]) -> Vec<(u64, u64)> {
        let mut sums: Vec<(u64, u64)> = Vec::new();
        for (now, then) in readings.iter().zip(&self.readings) {
            for (place, (end_us, count)) in now.turns.iter().enumerate() {
                let before = then.turns.get(place).map_or(0, |one| one.1);
                if sums.len() <= place {
                    sums.push((*end_us, 0));
                }
                sums[place].1 += count.saturating_sub(before);
            }
        }
        sums
    }
}

fn read(one: &Counters) -> Reading {
    Reading {
        connections: one.connections.get(),
        received: one.messages_in.get(),
        delivered: one.deliveries.get(),
        bytes_in: one.bytes_in.get(),
        bytes_out: one.bytes_out.get(),
        busy_ns: one.turn_times.total_ns.get(),
        turns: one.turn_times.each().collect(),
    }
}

fn load(now: &Reading, then: &Reading, seconds: f64) -> Load {
    let over = |now: u64, then: u64| rate(now, then, seconds);
    Load {
        connections: now.connections,
        received: over(now.received, then.received),
        delivered: over(now.delivered, then.delivered),
        busy: (over(now.busy_ns, then.busy_ns) / 1e9).min(1.0),
    }
}

fn rate(now: u64, then: u64, seconds: f64) -> f64 {
    let rate = now.saturating_sub(then) as f64 / seconds;
    (rate * 1_000.0).round() / 1_000.0
}

/// The end of the class below which this share of the durations lies.
fn percentile(classes: &[(u64, u64)], share: f64) -> u64 {
    let all: u64 = classes.iter().map(|one| one.1).sum();
    let wanted = (all as f64 * share).ceil() as u64;
    let mut seen = 0;
    let reached = classes.iter().find(|(_, count)| {
        seen += count;
        seen >= wanted
    });
    if all == 0 { 0 } else { reached.map_or(0, |one| one.0) }
}

/// Runs of each event.
fn events(shards: &[Arc<Counters>]) -> Vec<(String, u64)> {
    let mut sums: Vec<(String, u64)> = Vec::new();
    for one in shards {
        let named = one.named();
        for (place, event) in named.events().enumerate() {
            match sums.get_mut(place) {
                Some(sum) => sum.1 += event.counts.ran(),
                None => sums.push((event.name.to_string(), event.counts.ran())),
            }
        }
    }
    sums
}

/// Groups of counters that say why something was not done, and others that do.
const DROP_GROUPS: [&str; 4] = ["rejects", "disconnects", "refusals", "protocolErrors"];
const DROPS: [&str; 12] = [
    "undelivered",
    "droppedFrames",
    "limitedDrops",
    "unhandled",
    "acceptErrors",
    "volatileDropped",
    "roomLimited",
    "untold",
    "historyCutBytes",
    "historyCutMemory",
    "historyEvictedRooms",
    "historyEvictedMemory",
];

/// What was dropped or refused, by reason.
fn drops(shards: &[Arc<Counters>]) -> Vec<(String, u64)> {
    let mut sums: Vec<(String, u64)> = Vec::new();
    let mut add = |group: &'static str, name: &str, count: u64| {
        let wanted = DROP_GROUPS.contains(&group) || (group.is_empty() && DROPS.contains(&name));
        if !wanted || count == 0 {
            return;
        }
        let label = if group.is_empty() { name.to_owned() } else { format!("{group}: {name}") };
        match sums.iter_mut().find(|sum| sum.0 == label) {
            Some(sum) => sum.1 += count,
            None => sums.push((label, count)),
        }
    };
    shards.iter().for_each(|one| one.each(&mut add));
    sums
}

/// Of every shard together.
pub(super) fn sum(shards: &[Arc<Counters>], of: impl Fn(&Counters) -> &Count) -> u64 {
    shards.iter().map(|one| of(one).get()).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_the_ends_of_classes() {
        assert_eq!(percentile(&[], 0.5), 0);
        assert_eq!(percentile(&[(4, 0), (8, 0)], 0.5), 0);
        let classes = [(4, 98), (8, 1), (16, 1)];
        assert_eq!([0.5, 0.98, 0.99, 1.0].map(|share| percentile(&classes, share)), [4, 4, 8, 16]);
    }

    #[test]
    fn rates_are_differences_over_the_time_between_and_the_history_is_bounded() {
        let shards: Vec<Arc<Counters>> = vec![Arc::default(), Arc::default()];
        let mut samples = Samples::default();
        shards[0].messages_in.add(1_000);
        samples.take(&shards, 10_000);
        assert!(samples.history.is_empty());
        shards[0].messages_in.add(30);
        shards[1].messages_in.add(10);
        shards[1].turn_times.add(1_000_000_000);
        samples.take(&shards, 12_000);
        let point = samples.history.back().unwrap();
        assert_eq!((point.received, point.delivered), (20.0, 0.0));
        assert_eq!(samples.loads[1].busy, 0.5);
        assert!(point.turn_p50 >= 1_000_000 && point.turn_p50 <= 1_250_000);
        for tick in 0..2 * HISTORY_POINTS as u64 {
            samples.take(&shards, 13_000 + tick);
        }
        assert_eq!(samples.history.len(), HISTORY_POINTS);
    }
}
