//! How a shard changes over to another configuration while it runs.
//!
//! ```text
//! control: publish(edition) -> generation + 1, every shard is woken
//! shard:   between two messages, or before a peer's frame -> catch_up: the new edition is current
//!          a held message or effects of the old one -> `in_edition`: the old one, for that long
//! ```
//!
//! Invariants: a message is run by one edition from its first limit to its last effect; the one
//! that is current when it is first looked at. A former edition is kept exactly as long as a hold
//! needs it. A frame from a peer is heard in an edition at least as new as its sender's: the sender
//! saw that edition before it sent, and the receiver looks before it hears. Ids in frames and in
//! state mean the same in every edition (`pipeline::lineage`), so nothing is translated.
//!
//! Called by `runtime::driver`, by the simulator, and by `hold` for what was held.

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};

use super::Shard;
use super::counters::Named;
use crate::auth::Verifier;
use crate::backend::Submit;
use crate::clock::Now;
use crate::envelope::RoutedKeys;
use crate::pipeline::program::Program;
use crate::settings::{Protocol, Settings, Transport, WireNames};
use crate::state::classes::RoomClasses;
use crate::state::delays::Delays;
use crate::state::outbox::OutboxBounds;
use crate::ws::Rules;
use crate::ws::deflate::SharedCompressors;

/// A configuration as shards run it.
#[derive(Clone)]
pub struct Edition {
    pub settings: Arc<Settings>,
    pub program: Arc<Program>,
    pub verifier: Arc<Verifier>,
    pub backends: Arc<dyn Submit>,
}

/// Where the newest edition lies for every shard of the process; touched by a shard once an edition
/// and looked at by one load.
#[derive(Default)]
pub struct Editions {
    generation: AtomicU32,
    newest: Mutex<Option<Edition>>,
}

impl Editions {
    /// The number of the newest edition; the one a process starts with is 0.
    #[inline]
    pub fn generation(&self) -> u32 {
        self.generation.load(Ordering::Acquire)
    }

    /// Lays an edition out; returns its number. Every shard takes it when it looks next.
    pub fn publish(&self, edition: Edition) -> u32 {
        let mut newest = self.newest.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        *newest = Some(edition);
        // Under the lock, so that number and edition are taken together.
        self.generation.fetch_add(1, Ordering::AcqRel) + 1
    }

    fn newest(&self) -> Option<(u32, Edition)> {
        let newest = self.newest.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        newest.clone().map(|edition| (self.generation(), edition))
    }
}

/// An edition with what a shard makes of it for itself.
pub(super) struct Known {
    pub generation: u32,
    /// Holds that go on in this edition.
    pub held: u32,
    edition: Edition,
    keys: RoutedKeys,
    classes: Arc<RoomClasses>,
    named: Arc<Named>,
}

impl Shard {
    /// Takes the newest edition, if there is one that this shard does not have yet.
    #[inline]
    pub fn catch_up(&mut self, now: Now) {
        if self.engine.editions.generation() != self.generation {
            self.now = now;
            self.change_over();
        }
    }

    /// The number of the edition that messages are run by.
    pub fn generation(&self) -> u32 {
        self.generation
    }

    /// Former editions that something held still needs.
    pub fn former_editions(&self) -> usize {
        self.former.len()
    }

    #[cold]
    fn change_over(&mut self) {
        let Some((generation, edition)) = self.engine.editions.newest() else { return };
        let mut known = Known {
            generation,
            held: 0,
            keys: routed_keys(&edition.settings),
            classes: Arc::new(RoomClasses::new(&edition.settings.rooms)),
            named: self.counters.rename(&edition.program),
            edition,
        };
        self.exchange(&mut known);
        self.journal.follow(&self.engine.settings.monitor, &self.engine.program);
        self.settle_in(&known.edition, &known.classes);
        if known.held > 0 {
            self.former.push(known);
        }
        self.counters.generation.set(u64::from(self.generation));
    }

    /// Makes the other edition current, and this one the other.
    fn exchange(&mut self, with: &mut Known) {
        let Edition { settings, program, verifier, backends } = &mut with.edition;
        std::mem::swap(&mut self.engine.settings, settings);
        std::mem::swap(&mut self.engine.program, program);
        std::mem::swap(&mut self.engine.verifier, verifier);
        std::mem::swap(&mut self.engine.backends, backends);
        std::mem::swap(&mut self.keys, &mut with.keys);
        std::mem::swap(&mut self.named, &mut with.named);
        std::mem::swap(&mut self.generation, &mut with.generation);
        std::mem::swap(&mut self.held, &mut with.held);
        self.rooms.swap_classes(&mut with.classes);
    }

    /// Goes on with something held, in the edition that it began in.
    pub(super) fn in_edition(&mut self, generation: u32, go_on: impl FnOnce(&mut Shard)) {
        if generation == self.generation {
            return go_on(self);
        }
        let current = self.generation;
        self.selected += 1;
        self.select(generation);
        go_on(self);
        self.select(current);
        self.selected -= 1;
        self.forget_editions();
        if self.bound_again && self.selected == 0 {
            self.bind_rooms_again();
        }
    }

    /// Exchanges the current edition for the one of this number. Both stay known: a hold of either
    /// may end while the other is current.
    fn select(&mut self, generation: u32) {
        let mut former = std::mem::take(&mut self.former);
        if let Some(known) = former.iter_mut().find(|known| known.generation == generation) {
            self.exchange(known);
        }
        self.former = former;
    }

    /// Lets go of the editions that nothing needs any more.
    pub(super) fn forget_editions(&mut self) {
        // While one is selected, the one it stands in for waits in its place.
        if self.selected == 0 {
            self.former.retain(|known| known.held > 0);
        }
    }

    /// How many holds go on in an edition: one more or one less.
    pub(super) fn count_hold(&mut self, generation: u32, more: bool) {
        let held = match generation == self.generation {
            true => Some(&mut self.held),
            false => {
                let known = self.former.iter_mut().find(|known| known.generation == generation);
                known.map(|known| &mut known.held)
            }
        };
        if let Some(held) = held {
            *held = if more { *held + 1 } else { held.saturating_sub(1) };
        }
    }

    /// Brings what is derived from settings into line with the new ones.
    fn settle_in(&mut self, before: &Edition, classes: &RoomClasses) {
        let (old, settings) = (&*before.settings, Arc::clone(&self.engine.settings));
        self.plan_rechecks(before);
        self.rules = rules(&settings.transport);
        self.outboxes.bound(bounds(&settings.transport));
        if settings.transport.compression.level != old.transport.compression.level {
            self.compressors = SharedCompressors::new(settings.transport.compression.level);
        }
        if settings.rooms != old.rooms {
            self.outboxes.delay(delays(&settings));
            self.rooms.classify_again();
            self.bind_rooms_again();
            self.count_members(classes);
            self.attend_again(classes);
        }
        if settings.transport.times() != old.transport.times() {
            let slots: Vec<u32> = self.conns.slots().collect();
            slots.into_iter().for_each(|slot| self.arm(slot));
        }
    }
}

pub(super) fn routed_keys(settings: &Settings) -> RoutedKeys {
    match &settings.protocol {
        Protocol::Json { incoming, .. } => RoutedKeys::new(incoming),
        Protocol::Raw => RoutedKeys::new(&WireNames::default()),
    }
}

pub(super) fn rules(transport: &Transport) -> Rules {
    Rules { message_bytes_max: transport.message_bytes_max, fragments_max: transport.fragments_max }
}

pub(super) fn bounds(transport: &Transport) -> OutboxBounds {
    OutboxBounds { bytes_max: transport.outbox_bytes_max, frames_max: transport.outbox_frames_max }
}

pub(super) fn delays(settings: &Settings) -> Delays {
    Delays::new(settings.rooms.iter().map(|class| class.batch_delay_ns))
}
