//! Memory given back after a burst: pools, tables and compressors that nothing needed for a while.
//!
//! Every `TRIM_NS` in which the shard did anything, and after that as long as there is more to give
//! back, what was not used in the period is halved or dropped. An idle shard is soon left asleep.
//!
//! Invariants: nothing changes but memory, and bytes in flight stay where they are; a load that is
//! steady over a period gives back nothing that it would have to ask for again. Called by
//! `end_turn` and by `deadline`.

use super::Shard;
use super::counters::Counters;
use crate::limits::TRIM_NS;
use crate::reserve::{fit, is_roomy};
use crate::state::conns::Deflate;

/// When to look again, and what the shard had done when it looked last.
#[derive(Debug)]
pub(super) struct Trim {
    /// `u64::MAX` is never, unless something happens.
    pub due_ns: u64,
    seen: [u64; 4],
}

impl Trim {
    pub fn new() -> Trim {
        Trim { due_ns: u64::MAX, seen: [0; 4] }
    }
}

/// What moves whenever the shard does anything.
fn activity(counters: &Counters) -> [u64; 4] {
    let Counters { bytes_in, deliveries, sends, connections, .. } = counters;
    [bytes_in, deliveries, sends, connections].map(|count| count.get())
}

impl Shard {
    /// At the end of a turn: where something happened, there will be something to look at.
    #[inline]
    pub(super) fn plan_trim(&mut self) {
        if self.trim.due_ns == u64::MAX && self.trim.seen != activity(&self.counters) {
            self.trim.due_ns = self.now.mono_ns + TRIM_NS;
        }
    }

    /// Gives back what was not needed since the last time.
    pub(super) fn trim_if_due(&mut self) {
        if self.now.mono_ns < self.trim.due_ns {
            return;
        }
        self.trim.seen = activity(&self.counters);
        let more = [
            self.trim_compressors(),
            self.compressors.trim(),
            self.decoding.trim(),
            self.spares.trim(),
            self.mesh.trim(),
            self.trim_tables(),
            self.expire_histories(),
        ];
        self.trim.due_ns = match more.contains(&true) {
            true => self.now.mono_ns + TRIM_NS,
            false => u64::MAX,
        };
    }

    /// Drops the compressors with a context of their own that nothing went through. The next
    /// message begins a new context, which refers to nothing before it, so that the client need not
    /// know.
    fn trim_compressors(&mut self) -> bool {
        let conns = &mut self.conns;
        self.own_compressors.retain(|key| {
            let conn = conns.resolve(*key).and_then(|slot| conns.get_mut(slot));
            let Some(Deflate::Own { compressor, used, .. }) = conn.map(|conn| &mut conn.deflate)
            else {
                return false;
            };
            if !std::mem::take(used) {
                *compressor = None;
            }
            compressor.is_some()
        });
        fit(&mut self.own_compressors);
        !self.own_compressors.is_empty()
    }

    /// Tables as large as the most connections, rooms or users there ever were.
    fn trim_tables(&mut self) -> bool {
        self.conns.trim();
        self.rooms.trim();
        self.users.trim();
        self.homes.trim();
        self.presences.trim();
        self.wheel.cut(self.conns.slots_end());
        let conns = self.conns.len();
        for list in [&mut self.overflowed, &mut self.to_read, &mut self.fired] {
            list.shrink_to(conns);
        }
        self.io.shrink_to(conns);
        if is_roomy(self.holds.len(), self.holds.capacity()) {
            self.holds.shrink_to_fit();
        }
        if is_roomy(self.fading.len(), self.fading.capacity()) {
            self.fading.shrink_to(2 * self.fading.len());
        }
        self.outboxes.trim(self.conns.slots_end() as usize)
    }
}
