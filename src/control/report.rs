//! Counters of all shards, summed: for `/health`, the development page and the log.
//!
//! Invariants: read without stopping anybody, so two figures of one report may be an instant apart.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value, json};

use super::Plane;
use crate::shard::counters::{Count, Counters};

const EVERY: Duration = Duration::from_secs(60);

/// Logs the counters while the process lives.
pub(super) async fn every_minute(plane: Arc<Plane>) {
    let mut ticks = tokio::time::interval(EVERY);
    ticks.tick().await;
    loop {
        ticks.tick().await;
        let counters = totals(&plane.engine.counters);
        tracing::info!(%counters, pages_dropped = plane.intake.dropped(), "counters");
    }
}

/// Connections open now, on every shard.
pub(super) fn connections(shards: &[Arc<Counters>]) -> u64 {
    sum(shards, |one| &one.connections)
}

/// The figures that answers of `http.routes` may name, by their names there.
pub(super) fn figures(shards: &[Arc<Counters>]) -> [(&'static str, u64); 6] {
    [
        ("connections", connections(shards)),
        ("rooms", sum(shards, |one| &one.rooms)),
        ("messages_received", sum(shards, |one| &one.messages_in)),
        ("messages_sent", sum(shards, |one| &one.deliveries)),
        ("bytes_received", sum(shards, |one| &one.bytes_in)),
        ("bytes_sent", sum(shards, |one| &one.bytes_out)),
    ]
}

/// The number of the configuration that every shard runs: the oldest, while they change over.
pub(super) fn generation(shards: &[Arc<Counters>]) -> u64 {
    shards.iter().map(|one| one.generation.get()).min().unwrap_or_default()
}

/// Connections open now, shard by shard: how evenly they are dealt out.
pub(super) fn connections_per_shard(shards: &[Arc<Counters>]) -> Vec<u64> {
    shards.iter().map(|one| one.connections.get()).collect()
}

/// How connections and messages spread over the shards.
pub(super) fn per_shard(shards: &[Arc<Counters>]) -> Value {
    shards
        .iter()
        .map(|one| {
            json!({
                "connections": one.connections.get(),
                "upgrades": one.upgrades.get(),
                "messagesIn": one.messages_in.get(),
                "deliveries": one.deliveries.get(),
            })
        })
        .collect()
}

/// What `totals` gathers by name.
const GROUPS: [&str; 8] = [
    "rules",
    "limits",
    "metrics",
    "protocolErrors",
    "rejects",
    "disconnects",
    "refusals",
    "tlsFailures",
];

/// Every counter, the reasons of drops and refusals by name where they are not zero.
pub(super) fn totals(shards: &[Arc<Counters>]) -> Value {
    let mut totals: Map<String, Value> =
        GROUPS.iter().map(|group| ((*group).to_owned(), Map::new().into())).collect();
    let mut add = |group: &str, name: &str, count: u64| {
        let Some(list) = (match group {
            "" => Some(&mut totals),
            _ => totals.get_mut(group).and_then(Value::as_object_mut),
        }) else {
            return;
        };
        if group.is_empty() || count > 0 {
            let before = list.get(name).and_then(Value::as_u64).unwrap_or_default();
            list.insert(name.to_owned(), (before + count).into());
        }
    };
    shards.iter().for_each(|one| one.each(&mut add));
    totals.into()
}

fn sum(shards: &[Arc<Counters>], of: impl Fn(&Counters) -> &Count) -> u64 {
    shards.iter().map(|one| of(one).get()).sum()
}
