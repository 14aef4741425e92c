//! SIGTERM and SIGINT: the first drains, the second ends the process at once.
//!
//! Invariants: the drain's deadline is kept even if a shard is stuck: then the process ends here.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};

use super::Plane;

/// What the shell expects of a process ended by SIGINT.
const INTERRUPTED: i32 = 130;

/// Time beyond the deadline for the shards' own end, which is the regular one.
const GRACE: Duration = Duration::from_secs(1);

pub(super) struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    /// Takes the signals over from their default actions.
    pub(super) fn listen() -> io::Result<Signals> {
        Ok(Signals {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    pub(super) async fn obey(mut self, plane: Arc<Plane>) {
        self.next().await;
        tracing::info!("draining; a second signal ends the process at once");
        plane.begin_drain();
        tokio::select! {
            () = self.next() => {
                tracing::warn!("second signal: ending at once");
                std::process::exit(INTERRUPTED)
            }
            () = tokio::time::sleep(plane.engine.drain_deadline + GRACE) => {
                tracing::error!("the drain did not end in time");
                std::process::exit(1)
            }
        }
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}
