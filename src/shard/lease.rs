//! Who counts a user's limits: its home, or the one shard that has all of its connections.
//!
//! ```text
//!            Bound{meters} or Lend                      Unbind{meters} or Yield
//!   home  ------------------------->  the only shard  ------------------------->  home
//!                                          ^ Recall, where another shard binds the user
//! ```
//!
//! Invariants: the meters are in exactly one place: the home's record, the record of the shard they
//! are lent to, or a frame between these two. A connection on another shard is answered only when
//! they are back, so no event is counted twice or by nobody, and every shard's events are counted
//! with the same meters. A shard that is to give back what it does not have has sent it already.
//!
//! Why an event cannot slip past: frames between two shards keep their order. What the former
//! lessee asks (`Take`) after it gave the meters back travels behind them, so the home has them
//! when the question comes. What a shard asked before it was lent them meets a home without meters,
//! and is answered `Wait`; that answer travels behind the meters, so the shard has them, or has
//! sent them back, when it asks again.
//!
//! Called by `shard::home`, `shard::admit` and `shard::closing`.

use std::sync::Arc;

use super::Shard;
use super::peer::PeerFrame;
use crate::ids::{ConnKey, ShardId};
use crate::state::meters::Meters;

impl Shard {
    /// At the home: answers a connection that has its place, or first recalls the meters where
    /// another shard has them.
    pub(super) fn let_in(&mut self, conn: ConnKey, user: Arc<str>) {
        if let Some(waiting) = self.homes.recalls.get_mut(&user) {
            return waiting.push(conn);
        }
        let lent = self.homes.users.get(&user).and_then(|record| record.lent);
        match lent.filter(|to| *to != conn.shard) {
            Some(to) => {
                self.homes.recalls.insert(Arc::clone(&user), vec![conn]);
                self.tell(to, PeerFrame::Recall { user });
            }
            None => self.welcome(conn, user),
        }
    }

    /// At the home: takes the meters out of the record where one shard has all connections. That
    /// may be this one: on its own record a connection's event is counted without a look-up.
    pub(super) fn lend(&mut self, user: &str) -> Option<(ShardId, Meters)> {
        if !self.engine.program.limits_users() {
            return None;
        }
        self.homes.users.get_mut(user)?.lend()
    }

    /// At the home: a connection is gone; what is left may all be on one shard.
    pub(super) fn lend_rest(&mut self, user: &Arc<str>) {
        if let Some((to, meters)) = self.lend(user) {
            self.tell(to, PeerFrame::Lend { user: Arc::clone(user), meters });
        }
    }

    /// At the home: the meters are back, and whoever waited for that is let in.
    pub(super) fn on_yield(&mut self, user: Arc<str>, meters: Meters) {
        let Some(record) = self.homes.users.get_mut(&user) else { return };
        record.meters = meters;
        record.lent = None;
        for conn in self.homes.recalls.remove(&user).unwrap_or_default() {
            // Some may have gone or been evicted while they waited.
            let record = self.homes.users.get(&user);
            if record.is_some_and(|record| record.conns.contains(&conn)) {
                self.welcome(conn, Arc::clone(&user));
            }
        }
        self.lend_rest(&user);
        self.fade(user);
    }

    /// At the lessee: this shard counts from now on; or gives the meters back at once, where the
    /// user's connections have gone meanwhile.
    pub(super) fn on_lend(&mut self, user: Arc<str>, meters: Meters) {
        match self.users.find(&user).and_then(|id| self.users.get_mut(id)) {
            Some(local) => local.meters = Some(meters),
            None => self.give_back(user, meters),
        }
    }

    /// At the lessee: the home wants the meters. Where they are not here they are on their way.
    pub(super) fn on_recall(&mut self, user: Arc<str>) {
        let local = self.users.find(&user).and_then(|id| self.users.get_mut(id));
        if let Some(meters) = local.and_then(|local| local.meters.take()) {
            self.give_back(user, meters);
        }
    }

    pub(super) fn give_back(&mut self, user: Arc<str>, meters: Meters) {
        let home = self.home_of(&user);
        self.tell(home, PeerFrame::Yield { user, meters });
    }
}
