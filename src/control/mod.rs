//! The control plane: one ordinary thread for what needs no shard: `/health`, pages, signals.
//!
//! Shards hand over every request that is not a WebSocket upgrade (`Intake::offer`), socket and
//! all. The thread runs a tokio current-thread runtime; it reads the shards' counters and asks for
//! the drain, and shares nothing else with them.
//!
//! Invariants: nothing here can block a shard; a socket that finds the intake full is dropped and
//! counted. Called by `cli::serve`.

pub mod dev;
mod http;
mod intake;
pub mod pages;
mod prefixed;
mod report;
mod signals;

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Sender;
use std::time::{Duration, Instant};

pub use dev::Dev;
pub use intake::{Intake, Waiting, intake};

use crate::shard::counters::Counters;

/// What the control plane knows of the running engine.
pub struct Engine {
    /// One block per shard.
    pub counters: Vec<Arc<Counters>>,
    /// Told once when the drain shall begin.
    pub drain: Sender<()>,
    /// The process ends this long after the drain began, at the latest.
    pub drain_deadline: Duration,
    /// What `--dev` adds.
    pub dev: Option<Dev>,
}

/// State shared by the handlers.
struct Plane {
    engine: Engine,
    intake: Intake,
    started: Instant,
    draining: AtomicBool,
}

impl Plane {
    fn draining(&self) -> bool {
        self.draining.load(Ordering::Relaxed)
    }

    /// Begins the drain; false when it had begun before.
    fn begin_drain(&self) -> bool {
        let first = !self.draining.swap(true, Ordering::Relaxed);
        if first && self.engine.drain.send(()).is_err() {
            tracing::debug!("the engine had ended before the drain began");
        }
        first
    }
}

/// Starts the thread. Signals are its business from here on, so it is started before anything that
/// must end well.
pub fn start(intake: Intake, waiting: Waiting, engine: Engine) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let signals = runtime.block_on(async { signals::Signals::listen() })?;
    let plane = Plane { engine, intake, started: Instant::now(), draining: AtomicBool::new(false) };
    std::thread::Builder::new()
        .name("control".into())
        .spawn(move || runtime.block_on(run(Arc::new(plane), waiting, signals)))
        .map(drop)
}

async fn run(plane: Arc<Plane>, waiting: Waiting, signals: signals::Signals) {
    tokio::spawn(signals.obey(Arc::clone(&plane)));
    tokio::spawn(report::every_minute(Arc::clone(&plane)));
    if let Err(error) = axum::serve(waiting.into_listener(), http::router(plane)).await {
        tracing::error!(%error, "the control plane's HTTP service ended");
    }
}
