//! SIGTERM and SIGINT: the first drains, the second ends the process at once. SIGHUP reloads.
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

/// Signals taken over from their default actions.
pub(super) struct Signals {
    pub ending: Ending,
    pub hangup: Signal,
}

/// The two that end the process.
pub(super) struct Ending {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    pub(super) fn listen() -> io::Result<Signals> {
        let ending = Ending {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        };
        Ok(Signals { ending, hangup: signal(SignalKind::hangup())? })
    }
}

impl Ending {
    pub(super) async fn obey(mut self, plane: Arc<Plane>) {
        self.next().await;
        tracing::info!("draining; a second signal ends the process at once");
        plane.begin_drain();
        tokio::select! {
            () = self.next() => {
                tracing::warn!("second signal: ending at once");
                std::process::exit(INTERRUPTED)
            }
            () = tokio::time::sleep(plane.drain_deadline() + GRACE) => {
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

/// Reloads at every signal; signals that come while one is under way are one more.
pub(super) async fn reload_at(mut hangup: Signal, plane: Arc<Plane>) {
    while hangup.recv().await.is_some() {
        plane.reload().await;
    }
}
