//! Counters of all shards, summed: for `/health`, the development page and the log.
//!
//! Invariants: read without stopping anybody, so two figures of one report may be an instant apart.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value, json};

use super::Plane;
use crate::disconnect::Disconnect;
use crate::reject::Reject;
use crate::shard::counters::{Count, Counters, Labelled, Named};
use crate::shard::refusal::Refusal;
use crate::ws::ProtocolError;

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

/// Every counter, the reasons of drops and refusals by name where they are not zero.
pub(super) fn totals(shards: &[Arc<Counters>]) -> Value {
    let broken_rules = ProtocolError::ALL.iter().map(|one| one.reason());
    json!({
        "connections": connections(shards),
        "upgrades": sum(shards, |one| &one.upgrades),
        "messagesIn": sum(shards, |one| &one.messages_in),
        "deliveries": sum(shards, |one| &one.deliveries),
        "compressions": sum(shards, |one| &one.compressions),
        "bytesIn": sum(shards, |one| &one.bytes_in),
        "bytesOut": sum(shards, |one| &one.bytes_out),
        "turns": sum(shards, |one| &one.turns),
        "sends": sum(shards, |one| &one.sends),
        "rooms": sum(shards, |one| &one.rooms),
        "users": sum(shards, |one| &one.users),
        "undelivered": sum(shards, |one| &one.undelivered),
        "droppedFrames": sum(shards, |one| &one.dropped_frames),
        "limitedDrops": sum(shards, |one| &one.limited_drops),
        "forgottenLimits": sum(shards, |one| &one.forgotten_limits),
        "unhandled": sum(shards, |one| &one.unhandled),
        "endlessTokens": sum(shards, |one| &one.endless_tokens),
        "acceptErrors": sum(shards, |one| &one.accept_errors),
        "meshFull": sum(shards, |one| &one.mesh_full),
        "volatileDropped": sum(shards, |one| &one.volatile_dropped),
        "conflated": sum(shards, |one| &one.conflated),
        "passedOver": sum(shards, |one| &one.passed_over),
        "rules": named(shards, |named| &named.rules),
        "metrics": named(shards, |named| &named.metrics),
        "protocolErrors": by_name(broken_rules, shards, |c| &c.protocol_errors),
        "rejects": by_name(Reject::ALL.iter().map(|one| one.code()), shards, |c| &c.rejects),
        "disconnects":
            by_name(Disconnect::ALL.iter().map(|one| one.reason()), shards, |c| &c.disconnects),
        "refusals": by_name(Refusal::all().map(Refusal::code), shards, |c| &c.refusals),
    })
}

fn sum(shards: &[Arc<Counters>], of: impl Fn(&Counters) -> &Count) -> u64 {
    shards.iter().map(|one| of(one).get()).sum()
}

/// Counters that the configuration names, where they are not zero.
fn named(shards: &[Arc<Counters>], of: impl Fn(&Named) -> &[Labelled]) -> Map<String, Value> {
    let mut totals: Map<String, Value> = Map::new();
    for named in shards.iter().map(|one| one.named()) {
        for Labelled { label, count, .. } in of(&named) {
            let before = totals.get(label).and_then(Value::as_u64).unwrap_or_default();
            if before + count.get() > 0 {
                totals.insert(label.clone(), (before + count.get()).into());
            }
        }
    }
    totals
}

fn by_name(
    names: impl Iterator<Item = impl ToString>,
    shards: &[Arc<Counters>],
    of: impl Fn(&Counters) -> &[Count],
) -> Map<String, Value> {
    names
        .enumerate()
        .map(|(place, name)| {
            let total: u64 =
                shards.iter().filter_map(|one| of(one).get(place)).map(Count::get).sum();
            (name.to_string(), total)
        })
        .filter(|(_, total)| *total > 0)
        .map(|(name, total)| (name, total.into()))
        .collect()
}
