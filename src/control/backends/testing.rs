//! Calls for unit tests.

use crate::backend::{Call, Method, Ticket};
use crate::ids::{BackendId, ConnKey, ShardId};

pub(super) fn call(method: Method, target: &str) -> Call {
    let conn = ConnKey { shard: ShardId(0), index: 1, generation: 1 };
    Call {
        ticket: Ticket { conn, serial: 1 },
        backend: BackendId(0),
        method,
        target: target.into(),
        headers: Vec::new(),
        body: None,
        timeout_ns: None,
        cache: None,
        idempotency: None,
    }
}
