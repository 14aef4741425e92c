//! Warns every day of certificates that expire soon, or have.
//!
//! Invariants: looks at what is in effect then, so a reload with a renewed one ends the warnings;
//! the first days' warning is the start's own.

use std::sync::Arc;
use std::time::Duration;

use super::{Plane, wall_clock};
use crate::config::expiry_warning;

const EVERY: Duration = Duration::from_secs(86_400);

pub(super) async fn watch(plane: Arc<Plane>) {
    loop {
        tokio::time::sleep(EVERY).await;
        let now = wall_clock();
        let expiry = plane.engine.reloads.expiry();
        if let Some(warning) = expiry.and_then(|expiry| expiry_warning(&expiry, now.as_secs())) {
            tracing::warn!("{warning}; renew it, then reload");
        }
    }
}
