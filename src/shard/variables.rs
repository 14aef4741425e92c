//! Variables and permissions that steps change.
//!
//! ```text
//!   connection's shard              user's home
//!        | -- SetUser, Grant ----------> |  (the connection is held)
//!        | <- UserValues, Permissions -- |  (to each shard of the user)
//!        | <------------------- Done --- |
//! ```
//!
//! Invariants: a connection's variables are on its own shard and change at once; a user's are its
//! home's, and whoever set one goes on only when it holds on its own shard. Called by `apply`,
//! `hear` and `home`.

use std::sync::Arc;

use super::Shard;
use super::peer::PeerFrame;
use crate::ids::{ConnKey, PermissionId};
use crate::state::permissions::PermissionSet;
use crate::state::sessions::Values;

impl Shard {
    pub(super) fn set_conn(&mut self, slot: u32, variable: u8, value: &str) {
        self.sessions.of(slot).variables.set(variable, value.as_bytes());
        self.note_variable(slot, variable, value);
    }

    /// At the user's home: a variable changes.
    pub(super) fn on_set_user(
        &mut self,
        origin: ConnKey,
        user: &Arc<str>,
        variable: u8,
        value: Arc<[u8]>,
    ) {
        if self.homes.users.contains_key(user) {
            let account = self.sessions.accounts.entry(Arc::clone(user)).or_default();
            Arc::make_mut(&mut account.variables).set(variable, &value);
            let values = Arc::clone(&account.variables);
            for shard in self.shards_of(user) {
                let (user, values) = (Arc::clone(user), Arc::clone(&values));
                self.tell(shard, PeerFrame::UserValues { user, values });
            }
        }
        self.tell(origin.shard, PeerFrame::Done { origin });
    }

    pub(super) fn on_user_values(&mut self, user: &str, values: Arc<Values>) {
        if let Some(local) = self.users.find(user).and_then(|id| self.users.get_mut(id)) {
            local.variables = Some(values);
        }
    }

    /// At the user's home: a permission is given or taken.
    pub(super) fn on_grant(
        &mut self,
        origin: ConnKey,
        user: &Arc<str>,
        permission: PermissionId,
        held: bool,
    ) {
        if let Some(record) = self.homes.users.get_mut(user) {
            let account = self.sessions.accounts.entry(Arc::clone(user)).or_default();
            let (into, from) = match held {
                true => (&mut account.granted, &mut account.revoked),
                false => (&mut account.revoked, &mut account.granted),
            };
            from.retain(|other| *other != permission);
            if !into.contains(&permission) {
                into.push(permission);
            }
            record.permissions = Arc::new(record.permissions.with(permission, held));
            let permissions = Arc::clone(&record.permissions);
            for shard in self.shards_of(user) {
                let (user, permissions) = (Arc::clone(user), Arc::clone(&permissions));
                self.tell(shard, PeerFrame::Permissions { user, permissions });
            }
        } else {
            self.counters.undelivered.add(1);
        }
        self.tell(origin.shard, PeerFrame::Done { origin });
    }

    /// The permissions of a token with what steps have given and taken since.
    pub(super) fn with_grants(
        &self,
        user: &str,
        permissions: Arc<PermissionSet>,
    ) -> Arc<PermissionSet> {
        let Some(account) = self.sessions.accounts.get(user) else { return permissions };
        let mut all = PermissionSet::clone(&permissions);
        account.granted.iter().for_each(|one| all = all.with(*one, true));
        account.revoked.iter().for_each(|one| all = all.with(*one, false));
        Arc::new(all)
    }

    fn shards_of(&self, user: &str) -> Vec<crate::ids::ShardId> {
        let record = self.homes.users.get(user);
        record.map(|record| record.shards().iter().collect()).unwrap_or_default()
    }
}
