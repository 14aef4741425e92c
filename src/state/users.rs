//! A shard's own part of each user: the user's connections that live here, and what its home
//! pushed.
//!
//! Invariants: exists while a connection of the user is bound here; `conns[conn.user_place]` is
//! that connection. Called by `shard`.

use std::collections::HashMap;
use std::sync::Arc;

use foldhash::fast::RandomState;
use slab::Slab;

use super::meters::Meters;
use super::permissions::PermissionSet;
use super::sessions::Values;
use crate::ids::{ShardId, UserId};
use crate::reserve::is_roomy;

/// The local part of a user.
#[derive(Debug)]
pub struct User {
    pub name: Arc<str>,
    pub home: ShardId,
    /// Slots of its connections here.
    pub conns: Vec<u32>,
    /// As the home last pushed them.
    pub permissions: Arc<PermissionSet>,
    /// What its limits are counted with, while its home lends that to this shard.
    pub meters: Option<Meters>,
    /// Its variables, as the home last pushed them; none where none was ever set.
    pub variables: Option<Arc<Values>>,
}

/// All local users of one shard.
#[derive(Debug, Default)]
pub struct Users {
    by_name: HashMap<Arc<str>, u32, RandomState>,
    slots: Slab<User>,
}

impl Users {
    /// The user's slot, made where it is new.
    pub fn enter(
        &mut self,
        name: &Arc<str>,
        home: ShardId,
        permissions: &Arc<PermissionSet>,
    ) -> UserId {
        if let Some(&slot) = self.by_name.get(name) {
            return UserId(slot);
        }
        let user = User {
            name: Arc::clone(name),
            home,
            conns: Vec::new(),
            permissions: Arc::clone(permissions),
            meters: None,
            variables: None,
        };
        let slot = self.slots.insert(user) as u32;
        self.by_name.insert(Arc::clone(name), slot);
        UserId(slot)
    }

    pub fn find(&self, name: &str) -> Option<UserId> {
        self.by_name.get(name).copied().map(UserId)
    }

    pub fn get(&self, id: UserId) -> Option<&User> {
        self.slots.get(id.0 as usize)
    }

    pub fn get_mut(&mut self, id: UserId) -> Option<&mut User> {
        self.slots.get_mut(id.0 as usize)
    }

    /// Forgets a user without connections here; returns what its home lent.
    pub fn remove(&mut self, id: UserId) -> Option<Meters> {
        let user = self.slots.try_remove(id.0 as usize)?;
        self.by_name.remove(&user.name);
        user.meters
    }

    /// Gives back the room of tables that few users are left to need.
    pub fn trim(&mut self) {
        if is_roomy(self.slots.len(), self.slots.capacity()) {
            self.slots.shrink_to_fit();
        }
        if is_roomy(self.by_name.len(), self.by_name.capacity()) {
            self.by_name.shrink_to(2 * self.by_name.len());
        }
    }

    pub fn len(&self) -> usize {
        self.slots.len()
    }

    pub fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }
}
