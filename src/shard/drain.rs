//! The drain: every connection is told 1001, spread evenly over `drain.over`, so that the clients
//! do not all come back at the same moment to whoever is next.
//!
//! Invariants: after `begin` nothing is admitted; each connection that was open is closed once.

use super::Shard;
use crate::disconnect::Disconnect;
use crate::limits::DRAIN_STEP_NS;
use crate::state::conns::Phase;

/// A drain under way.
#[derive(Debug)]
pub(super) struct Draining {
    began_ns: u64,
    /// Slots that were in use at the beginning, in order.
    slots: Vec<u32>,
    done: usize,
    pub next_ns: u64,
}

impl Shard {
    pub(super) fn begin_drain(&mut self) {
        if self.draining.is_some() {
            return;
        }
        let began_ns = self.now.mono_ns;
        let slots = self.conns.slots().collect();
        self.draining = Some(Draining { began_ns, slots, done: 0, next_ns: began_ns });
        self.drain_some();
    }

    /// Closes the share of connections that is due by now.
    pub(super) fn drain_some(&mut self) {
        let over_ns = self.engine.settings.drain.over_ns.max(1);
        let now_ns = self.now.mono_ns;
        let Some(draining) = &mut self.draining else { return };
        let elapsed_ns = (now_ns - draining.began_ns).min(over_ns);
        let total = draining.slots.len();
        // At least one each time; at the end of the period all of them.
        let share = (total as u128 * u128::from(elapsed_ns)).div_ceil(u128::from(over_ns)) as usize;
        let due = draining.slots.get(draining.done..share.min(total)).unwrap_or_default().to_vec();
        draining.done += due.len();
        draining.next_ns = match draining.done < total {
            true => now_ns + DRAIN_STEP_NS,
            false => u64::MAX,
        };
        for slot in due {
            self.drain_one(slot);
        }
    }

    fn drain_one(&mut self, slot: u32) {
        match self.phase(slot) {
            Phase::Open => self.disconnect(slot, Disconnect::Drain),
            Phase::Head => self.cut(slot),
            Phase::Binding => self.refuse_draining(slot),
            _ => {}
        }
    }
}
