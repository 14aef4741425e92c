//! The page: the process, each shard, reasons, events, the control plane's own requests.

use std::collections::BTreeMap;

use super::super::{Plane, report};
use super::backends;
use super::format::{Kind, Page};
use super::names::{GROUPS, PLAIN, made_up};
use super::served::{BOUNDS_S, CLASSES, Served};
use crate::reject::Reject;
use crate::shard::counters::Counters;

/// Every figure, as of now.
pub(super) fn page(plane: &Plane) -> String {
    let mut page = Page::default();
    process(plane, &mut page);
    let shards: Vec<&Counters> = plane.engine.counters.iter().map(|one| &**one).collect();
    per_shard(&shards, &mut page);
    reasons(&shards, &mut page);
    events(&shards, &mut page);
    served(&plane.served, &mut page);
    if let Some(calls) = plane.engine.backends.get() {
        backends::figures(&calls.counters(), &mut page);
    }
    let help = "Plain HTTP connections dropped because too many waited.";
    let dropped = plane.intake.dropped();
    page.single("shardwire_http_connections_dropped_total", Kind::Counter, help, dropped);
    page.into_text()
}

fn process(plane: &Plane, page: &mut Page) {
    let version = [("version", env!("CARGO_PKG_VERSION"))];
    let mut build = page.family("shardwire_build_info", Kind::Gauge, "Always 1.");
    build.sample(&version, 1);
    let shards = plane.engine.counters.len();
    page.single("shardwire_shards", Kind::Gauge, "Shards, one a core.", shards);
    let uptime_s = plane.started.elapsed().as_secs_f64();
    page.single("shardwire_uptime_seconds", Kind::Gauge, "Since the start.", uptime_s);
    let draining = u8::from(plane.draining());
    page.single("shardwire_draining", Kind::Gauge, "1 while the server drains.", draining);
    let generation = report::generation(&plane.engine.counters);
    let help = "The configuration that every shard runs; the first is 0.";
    page.single("shardwire_config_generation", Kind::Gauge, help, generation);
    if let Some(bytes) = resident_bytes() {
        let help = "Resident memory of the process.";
        page.single("process_resident_memory_bytes", Kind::Gauge, help, bytes);
    }
}

/// `VmRSS` of this process.
fn resident_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1_024)
}

/// The counters that stand alone, shard by shard.
fn per_shard(shards: &[&Counters], page: &mut Page) {
    let mut figures: BTreeMap<String, Vec<u64>> = BTreeMap::new();
    for shard in shards {
        shard.each(&mut |group, name, count| {
            if group.is_empty() {
                figures.entry(name.to_owned()).or_default().push(count);
            }
        });
    }
    for (counter, counts) in figures {
        let row = PLAIN.iter().find(|row| row.counter == counter);
        let metric = row.map_or_else(|| made_up(&counter), |row| row.metric.to_owned());
        let (kind, help) = row.map_or((Kind::Counter, &*counter), |row| (row.kind, row.help));
        let mut family = page.family(&metric, kind, help);
        for (shard, count) in counts.iter().enumerate() {
            family.sample(&[("shard", &shard.to_string())], count);
        }
    }
}

/// The counters with reasons and names, of all shards together.
fn reasons(shards: &[&Counters], page: &mut Page) {
    let mut sums: BTreeMap<&str, BTreeMap<String, u64>> = BTreeMap::new();
    for shard in shards {
        shard.each(&mut |group, name, count| {
            if !group.is_empty() {
                *sums.entry(group).or_default().entry(name.to_owned()).or_default() += count;
            }
        });
    }
    for (group, metric, label, help) in GROUPS {
        let mut family = page.family(metric, Kind::Counter, help);
        for (name, count) in sums.remove(group).unwrap_or_default() {
            family.sample(&[(label, &name)], count);
        }
    }
}

/// An event's messages, and how many of them were refused why.
#[derive(Default)]
struct Told {
    received: u64,
    rejects: [u64; Reject::ALL.len()],
}

fn events(shards: &[&Counters], page: &mut Page) {
    let mut all: BTreeMap<String, Told> = BTreeMap::new();
    for shard in shards {
        for event in shard.named().events() {
            let told = all.entry(event.name.to_string()).or_default();
            told.received += event.counts.received.get();
            let counts = told.rejects.iter_mut().zip(&event.counts.rejects);
            counts.for_each(|(sum, count)| *sum += count.get());
        }
    }
    let help = "Messages of an event, refused ones too.";
    let mut family = page.family("shardwire_event_messages_total", Kind::Counter, help);
    for (event, told) in &all {
        family.sample(&[("event", event)], told.received);
    }
    let help = "Messages of an event that were refused.";
    let mut family = page.family("shardwire_event_rejects_total", Kind::Counter, help);
    for (event, told) in &all {
        for (reject, count) in Reject::ALL.iter().zip(told.rejects) {
            if count > 0 {
                family.sample(&[("event", event), ("reason", reject.code())], count);
            }
        }
    }
}

fn served(served: &Served, page: &mut Page) {
    let help = "Plain HTTP requests answered by the control plane.";
    let mut family = page.family("shardwire_http_requests_total", Kind::Counter, help);
    for (class, count) in CLASSES.iter().zip(&served.classes) {
        family.sample(&[("status", class)], count.get());
    }
    let help = "From a plain HTTP request to the beginning of its answer.";
    let name = "shardwire_http_request_duration_seconds";
    let counts: Vec<u64> = served.buckets.iter().map(|bucket| bucket.get()).collect();
    let sum_s = served.sum_ns.get() as f64 / 1e9;
    page.family(name, Kind::Histogram, help).histogram(&[], &BOUNDS_S, &counts, sum_s);
}
