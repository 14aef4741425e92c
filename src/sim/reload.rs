//! Reloads in a world: configurations are laid out, and each shard takes them in its own time.
//!
//! Invariants: without variants nothing is random that was not before, so the same seed gives the
//! same run. Called by `world` at each step, and by tests.

use std::sync::Arc;

use super::world::World;
use crate::auth::Verifier;
use crate::backend::Nobody;
use crate::pipeline::lineage::{Exhausted, follow};
use crate::pipeline::program::Program;
use crate::settings::Settings;
use crate::shard::reload::{Edition, Editions};

/// How often a step reloads, and how often a shard looks without having heard anything.
const RELOADS_ONE_IN: u64 = 40;
const LOOKS_ONE_IN: u64 = 20;

/// What a world needs to reload.
pub struct Reloading {
    pub editions: Arc<Editions>,
    /// The newest.
    program: Arc<Program>,
    verifier: Arc<Verifier>,
    /// What is reloaded at random moments.
    pub variants: Vec<(Settings, Program)>,
}

impl Reloading {
    pub(super) fn new(program: &Arc<Program>, verifier: &Arc<Verifier>) -> Reloading {
        let (program, verifier) = (Arc::clone(program), Arc::clone(verifier));
        Reloading { editions: Arc::default(), program, verifier, variants: Vec::new() }
    }
}

impl World {
    /// Lays a configuration out; no shard takes it by this alone.
    pub fn publish(&mut self, settings: Settings, program: Program) -> Result<(), Exhausted> {
        let reloading = &mut self.reloading;
        reloading.program = Arc::new(follow(&reloading.program, program)?);
        let (program, verifier) = (Arc::clone(&reloading.program), Arc::clone(&reloading.verifier));
        let (settings, backends) = (Arc::new(settings), Arc::new(Nobody));
        reloading.editions.publish(Edition { settings, program, verifier, backends });
        Ok(())
    }

    pub fn catch_up(&mut self, shard: usize) {
        let now = self.now;
        self.shards.get_mut(shard).into_iter().for_each(|shard| shard.catch_up(now));
    }

    /// Reloads now and then, and lets a shard change over now and then.
    pub(super) fn reload_at_random(&mut self) {
        if self.reloading.variants.is_empty() {
            return;
        }
        if self.random.one_in(RELOADS_ONE_IN) {
            let variant = self.random.index(self.reloading.variants.len());
            let (settings, program) = self.reloading.variants[variant].clone();
            // One that cannot follow is refused, as by a server.
            let _ = self.publish(settings, program);
        }
        for shard in 0..self.shards.len() {
            if self.random.one_in(LOOKS_ONE_IN) {
                self.catch_up(shard);
            }
        }
    }
}
