//! The control plane: one ordinary thread for what needs no shard: `/health`, pages, signals,
//! reloads.
//!
//! Shards hand over every request that is not a WebSocket upgrade (`Intake::offer`), socket and
//! all. The thread runs a tokio current-thread runtime; it reads the shards' counters and asks for
//! the drain, and shares nothing else with them.
//!
//! Invariants: nothing here can block a shard; a socket that finds the intake full is dropped and
//! counted. Called by `cli::serve`.

pub mod backends;
mod certificates;
pub mod dev;
pub mod endpoint;
mod http;
mod intake;
mod metrics;
mod monitor;
pub mod pages;
mod places;
mod prefixed;
pub mod reload;
mod report;
mod signals;
mod wire;

use std::io;
use std::os::unix::net;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Sender;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

pub use dev::Dev;
pub use endpoint::Endpoint;
pub use intake::{Intake, Waiting, intake};

use crate::shard::counters::Counters;
use crate::shard::journal::Note;
use backends::Backends;
use endpoint::About;
use metrics::Served;
use monitor::Monitor;
use reload::{Ending, Reloads, Report};
use signals::Signals;

/// What the control plane knows of the running engine.
pub struct Engine {
    /// One block per shard.
    pub counters: Vec<Arc<Counters>>,
    /// Told once when the drain shall begin.
    pub drain: Sender<()>,
    pub reloads: Arc<Reloads>,
    /// Those that programs call, once they are started, for their counters.
    pub backends: Arc<OnceLock<Backends>>,
    /// The folder of the configuration file, which the folders of `http.static` are relative to.
    pub folder: PathBuf,
    /// What `--dev` adds.
    pub dev: Option<Dev>,
    /// What shards tell the monitor, if there is one.
    pub notes: Option<crossbeam_channel::Receiver<Note>>,
}

/// State shared by the handlers.
struct Plane {
    engine: Engine,
    intake: Intake,
    started: Instant,
    served: Served,
    draining: AtomicBool,
    monitor: Option<Monitor>,
}

impl Plane {
    fn draining(&self) -> bool {
        self.draining.load(Ordering::Relaxed)
    }

    fn uptime_ms(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// The process ends this long after the drain began, at the latest.
    fn drain_deadline(&self) -> Duration {
        Duration::from_nanos(self.engine.reloads.settings().drain.deadline_ns)
    }

    /// Reloads on a thread that may block: pages and signals go on.
    async fn reload(&self) -> Report {
        let reloads = Arc::clone(&self.engine.reloads);
        let done = tokio::task::spawn_blocking(move || reloads.reload()).await;
        self.look_for_folders();
        done.unwrap_or_else(|error| Report { ending: Ending::Refused, text: error.to_string() })
    }

    /// Says which folders of files are not there.
    fn look_for_folders(&self) {
        http::complain(&self.engine.reloads.settings().http.folders, &self.engine.folder);
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

/// What the wall clock shows, since 1970.
fn wall_clock() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

/// The same in milliseconds.
fn unix_ms() -> u64 {
    u64::try_from(wall_clock().as_millis()).unwrap_or(u64::MAX)
}

/// Starts the thread. Signals are its business from here on, so it is started before anything that
/// must end well.
pub fn start(
    intake: Intake,
    waiting: Waiting,
    mut engine: Engine,
    endpoint: Option<&mut Endpoint>,
) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let signals = runtime.block_on(async { Signals::listen() })?;
    let endpoint = endpoint.and_then(Endpoint::take);
    let token = engine.reloads.settings().monitor.token.clone();
    let monitor = engine.notes.take().map(|notes| Monitor::new(notes, token));
    let plane = Plane {
        engine,
        intake,
        started: Instant::now(),
        served: Served::default(),
        draining: AtomicBool::new(false),
        monitor,
    };
    std::thread::Builder::new()
        .name("control".into())
        .spawn(move || runtime.block_on(run(Arc::new(plane), waiting, signals, endpoint)))
        .map(drop)
}

async fn run(
    plane: Arc<Plane>,
    waiting: Waiting,
    signals: Signals,
    endpoint: Option<(net::UnixListener, About)>,
) {
    let Signals { ending, hangup } = signals;
    plane.look_for_folders();
    tokio::spawn(ending.obey(Arc::clone(&plane)));
    tokio::spawn(signals::reload_at(hangup, Arc::clone(&plane)));
    if let Some((listener, about)) = endpoint {
        tokio::spawn(endpoint::serve(Arc::clone(&plane), listener, about));
    }
    tokio::spawn(certificates::watch(Arc::clone(&plane)));
    tokio::spawn(monitor::watch(Arc::clone(&plane)));
    tokio::spawn(report::every_minute(Arc::clone(&plane)));
    if let Err(error) = axum::serve(waiting.into_listener(), http::service(plane)).await {
        tracing::error!(%error, "the control plane's HTTP service ended");
    }
}
