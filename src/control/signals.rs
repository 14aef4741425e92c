//! SIGTERM and SIGINT: the first drains, the second ends the process at once. SIGHUP reloads.
//!
//! Invariants: the drain's deadline is kept even if a shard is stuck: then the process ends here.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};

use super::Plane;

/// What the shell expects of a process that a signal has ended: 128 and its number.
const INTERRUPTED: i32 = 128 + libc::SIGINT;
const TERMINATED: i32 = 128 + libc::SIGTERM;

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
            status = self.next() => {
                tracing::warn!("second signal: ending at once");
                std::process::exit(status)
            }
            () = tokio::time::sleep(plane.drain_deadline() + GRACE) => {
                tracing::error!("the drain did not end in time");
                std::process::exit(1)
            }
        }
    }

    /// Waits for one; the status of a process that it ends.
    async fn next(&mut self) -> i32 {
        tokio::select! {
            _ = self.terminate.recv() => TERMINATED,
            _ = self.interrupt.recv() => INTERRUPTED,
        }
    }
}

/// Reloads at every signal; signals that come while one is under way are one more.
pub(super) async fn reload_at(mut hangup: Signal, plane: Arc<Plane>) {
    while hangup.recv().await.is_some() {
        plane.reload().await;
    }
}
