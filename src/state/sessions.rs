//! What the native spelling keeps of connections and users: variables and claims.
//!
//! Invariants: a connection or user without any has no entry, so one that uses none costs nothing;
//! an entry goes with its connection, its user's last connection here, or (at the user's home) its
//! user's last connection. Called by `shard`.

use std::collections::HashMap;
use std::sync::Arc;

use foldhash::fast::RandomState;

use crate::ids::PermissionId;

/// Values by the place of their variable, as JSON; a variable that was never set has none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Values {
    list: Vec<Option<Vec<u8>>>,
}

impl Values {
    pub fn get(&self, variable: u8) -> Option<&[u8]> {
        self.list.get(usize::from(variable))?.as_deref()
    }

    /// The memory of the value before is used again.
    pub fn set(&mut self, variable: u8, value: &[u8]) {
        let place = usize::from(variable);
        if self.list.len() <= place {
            self.list.resize(place + 1, None);
        }
        let held = self.list[place].get_or_insert_default();
        held.clear();
        held.extend_from_slice(value);
    }
}

/// Of one connection.
#[derive(Debug, Default)]
pub struct Session {
    pub variables: Values,
    /// The claims it came with, as JSON; empty where nothing reads them.
    pub claims: Box<[u8]>,
}

/// Of one user, at its home.
#[derive(Debug, Default)]
pub struct Account {
    pub variables: Arc<Values>,
    /// Permissions beyond those of the tokens.
    pub granted: Vec<PermissionId>,
    /// Permissions that no token gives back.
    pub revoked: Vec<PermissionId>,
}

/// All of one shard.
#[derive(Debug, Default)]
pub struct Sessions {
    /// By slot.
    pub conns: HashMap<u32, Session, RandomState>,
    /// Of the users this shard is home to.
    pub accounts: HashMap<Arc<str>, Account, RandomState>,
}

impl Sessions {
    /// The connection's entry, made where it has none.
    pub fn of(&mut self, slot: u32) -> &mut Session {
        self.conns.entry(slot).or_default()
    }

    /// Entries of all kinds.
    pub fn len(&self) -> usize {
        self.conns.len() + self.accounts.len()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub fn forget(&mut self, slot: u32) {
        if !self.conns.is_empty() {
            self.conns.remove(&slot);
        }
    }

    pub fn forget_account(&mut self, user: &str) {
        if !self.accounts.is_empty() {
            self.accounts.remove(user);
        }
    }
}
