//! Connections that do nothing: what they cost in memory, and in time for being kept alive.

use super::super::adapter::Role;
use super::super::fleet::Fleet;
use super::{Scenario, Share};

/// The scenario.
pub struct Idle {
    connections: u32,
    share: Share,
    missing: u32,
}

impl Idle {
    pub fn new(connections: u32, share: Share) -> Idle {
        Idle { connections, share, missing: share.of(connections).len() as u32 }
    }
}

impl Scenario for Idle {
    fn begin(&mut self, fleet: &mut Fleet) {
        self.share.of(self.connections).for_each(|number| fleet.enlist(number, Role::Idle));
    }

    fn opened(&mut self, _fleet: &mut Fleet, _slot: u32) {
        self.missing -= 1;
    }

    fn is_ready(&self) -> bool {
        self.missing == 0
    }
}
