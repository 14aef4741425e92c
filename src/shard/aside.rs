//! What a frame of the native spelling carries besides itself: whom it leaves out, and whether it
//! may be lost.
//!
//! Invariants: an aside is small and owns at most a shared name, so that it costs a message no
//! allocation.

use std::sync::Arc;

use crate::ids::ConnKey;
use crate::pipeline::op::HowId;

/// See the module. `how` says the rest, in the table of the program.
#[derive(Clone, Debug)]
pub enum Aside {
    Nobody {
        how: HowId,
    },
    /// This connection does not get it.
    Conn {
        how: HowId,
        conn: ConnKey,
    },
    /// No connection of this user gets it.
    User {
        how: HowId,
        user: Arc<str>,
    },
}

impl Aside {
    pub fn how(&self) -> HowId {
        match self {
            Aside::Nobody { how } | Aside::Conn { how, .. } | Aside::User { how, .. } => *how,
        }
    }
}
