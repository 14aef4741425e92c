//! Limits under chaos: whatever the interleaving of four shards on a slow mesh, exactly as many
//! events pass as the limit says, wherever they are counted.
//!
//! A failing seed is printed; `SIM_SEED=n cargo test --test sim_limits` runs that one alone,
//! `SIM_SEEDS=n` changes how many are run.

#![allow(clippy::expect_used, clippy::panic, reason = "a test stops where it fails")]

#[path = "../simulator/mod.rs"]
mod simulator;

mod keys;
mod users;

fn env(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

/// Runs every seed; returns how often a shard asked another.
fn for_seeds(seeds: u64, run: impl Fn(u64) -> u64 + std::panic::RefUnwindSafe) -> u64 {
    let seeds = match env("SIM_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..env("SIM_SEEDS").unwrap_or(seeds),
    };
    let mut takes = 0;
    for seed in seeds {
        takes += std::panic::catch_unwind(|| run(seed)).unwrap_or_else(|panic| {
            eprintln!("failing seed: SIM_SEED={seed}");
            std::panic::resume_unwind(panic);
        });
    }
    takes
}
