//! The only importer of glommio and io-uring: pins one executor to a core and drives its shard.
//!
//! ```text
//! launch -> preflight -> listeners -> one thread a shard: executor -> driver -> Shard
//! ```
//!
//! Invariants: nothing above this folder knows a socket, nothing below it knows a protocol.
//! Called by `cli::serve`; `bench` drives the same ring from a client's end.

mod balance;
pub(crate) mod buffers;
pub(crate) mod clock;
pub(crate) mod dial;
mod driver;
mod listen;
mod mesh;
pub mod preflight;
pub(crate) mod ring;
pub(crate) mod sockets;
mod tls;
mod wake;

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use glommio::{ExecutorJoinHandle, LocalExecutorBuilder, Placement, PoolPlacement};

use crate::auth::Verifier;
use crate::backend::Submit;
use crate::ids::ShardId;
use crate::pipeline::program::Program;
use crate::settings::Settings;
use crate::shard::counters::Counters;
use crate::shard::handoff::Handoff;
use crate::shard::journal::Note;
use crate::shard::reload::{Edition, Editions};
use crate::shard::{Engine, Shard};
use crate::state::gate::Gate;
use crate::tls::Acceptor;
use balance::Balance;
use clock::Clock;
use driver::Driver;
use listen::Listening;
pub use mesh::Answers;
use mesh::{Connected, Ports};
use preflight::Plan;
use tls::Tls;
use wake::Wake;

/// Starts backends that answer there.
pub type StartBackends = dyn FnOnce(Answers) -> Result<Arc<dyn Submit>, String>;

/// Everything a running engine needs.
pub struct Launch {
    pub settings: Arc<Settings>,
    pub program: Arc<Program>,
    pub verifier: Arc<Verifier>,
    /// Starts what makes the calls of programs.
    pub backends: Box<StartBackends>,
    /// Makes the sessions of the addresses that speak TLS.
    pub tls: Option<Arc<Acceptor>>,
    /// Takes requests that are not upgrades (called on a shard's thread; must not block).
    pub http: Arc<dyn Fn(Handoff) + Send + Sync>,
    /// Where shards tell the monitor what happens, if there is one.
    pub journal: Option<crossbeam_channel::Sender<Note>>,
}

/// Why the engine could not start: one line with the remedy.
#[derive(Debug)]
pub struct StartError(pub String);

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for StartError {}

/// What the shards' threads share with whoever runs them.
struct Shared {
    draining: AtomicBool,
    /// Shards whose last connection is gone.
    drained: AtomicUsize,
    wakes: Vec<Arc<Wake>>,
    balance: Balance,
}

/// A running engine.
pub struct Running {
    addresses: Vec<SocketAddr>,
    counters: Vec<Arc<Counters>>,
    shared: Arc<Shared>,
    editions: Arc<Editions>,
    threads: Vec<ExecutorJoinHandle<()>>,
}

/// A handle that only hands out editions; it may be sent anywhere.
#[derive(Clone)]
pub struct Publisher {
    editions: Arc<Editions>,
    counters: Vec<Arc<Counters>>,
    shared: Arc<Shared>,
}

/// How long the shards are given to take an edition before that is told.
const CHANGE_OVER_TIME: Duration = Duration::from_secs(5);

impl Publisher {
    /// Hands an edition to every shard. Gives its number, and how many shards have not taken it
    /// after a while: they do, with their next turn.
    pub fn publish(&self, edition: Edition) -> (u32, usize) {
        let generation = self.editions.publish(edition);
        self.shared.wakes.iter().for_each(|wake| wake.interrupt());
        let late = || {
            let behind = |one: &&Arc<Counters>| one.generation.get() < u64::from(generation);
            self.counters.iter().filter(behind).count()
        };
        let start = Instant::now();
        while late() > 0 && start.elapsed() < CHANGE_OVER_TIME {
            std::thread::sleep(Duration::from_millis(1));
        }
        (generation, late())
    }
}

/// A handle that only drains; it may be sent anywhere.
#[derive(Clone)]
pub struct Drainer(Arc<Shared>);

impl Drainer {
    pub fn drain(&self) {
        self.0.draining.store(true, Ordering::Release);
        self.0.wakes.iter().for_each(|wake| wake.interrupt());
    }

    pub fn draining(&self) -> bool {
        self.0.draining.load(Ordering::Acquire)
    }
}

impl Running {
    /// Where it listens (port 0 in the settings is a port of the kernel's choice).
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// One block of counters per shard.
    pub fn counters(&self) -> &[Arc<Counters>] {
        &self.counters
    }

    /// Whether `drain` was called.
    pub fn draining(&self) -> bool {
        self.drainer().draining()
    }

    /// Begins the drain: no new connections, 1001 to every open one over `drain.over`.
    pub fn drain(&self) {
        self.drainer().drain();
    }

    pub fn publisher(&self) -> Publisher {
        Publisher {
            editions: Arc::clone(&self.editions),
            counters: self.counters.clone(),
            shared: Arc::clone(&self.shared),
        }
    }

    pub fn drainer(&self) -> Drainer {
        Drainer(Arc::clone(&self.shared))
    }

    /// Waits until every shard has ended.
    pub fn wait(self) {
        for thread in self.threads {
            if let Err(error) = thread.join() {
                tracing::error!(%error, "a shard ended badly");
            }
        }
    }
}

/// What one shard's thread is made of.
struct Seat {
    id: ShardId,
    cpu: Option<usize>,
    engine: Engine,
    counters: Arc<Counters>,
    clock: Clock,
    listeners: Vec<Listening>,
    tls: Option<Arc<Acceptor>>,
    ports: Ports,
    shared: Arc<Shared>,
    http: Arc<dyn Fn(Handoff) + Send + Sync>,
    journal: Option<crossbeam_channel::Sender<Note>>,
}

/// Starts the shards; returns when every one listens.
pub fn launch(launch: Launch) -> Result<Running, StartError> {
    let plan = preflight::plan(&launch.settings)?;
    let clock = Clock::start();
    let (addresses, listeners) = listen::all(&launch.settings.server.listens(), plan.shards())?;
    let shards = plan.shards() as u16;
    let limits = &launch.settings.server.limits;
    let gate = Gate::new(plan.connections_max, limits.per_ip_max, limits.accept_rate_per_s)
        .behind(&launch.settings.server.trusted_proxies);
    let Connected { ports, wakes, answers } = mesh::connect(shards)?;
    let backends = (launch.backends)(answers).map_err(StartError)?;
    let engine = Engine {
        settings: launch.settings,
        program: launch.program,
        verifier: launch.verifier,
        backends,
        gate: Arc::new(gate),
        pressure: Arc::default(),
        shards,
        seed: seed()?,
        editions: Arc::default(),
    };
    let counters: Vec<_> = (0..shards).map(|_| Arc::new(Counters::default())).collect();
    let balance = Balance::new(shards);
    let shared = Arc::new(Shared { draining: false.into(), drained: 0.into(), wakes, balance });
    let seats =
        ports.into_iter().zip(listeners).enumerate().map(|(index, (ports, listeners))| Seat {
            id: ShardId(index as u16),
            cpu: plan.cpus[index],
            engine: engine.clone(),
            counters: Arc::clone(&counters[index]),
            clock,
            listeners,
            tls: launch.tls.clone(),
            ports,
            shared: Arc::clone(&shared),
            http: Arc::clone(&launch.http),
            journal: launch.journal.clone(),
        });
    let threads = start_all(seats, &plan)?;
    let editions = engine.editions;
    Ok(Running { addresses, counters, shared, editions, threads })
}

fn start_all(
    seats: impl Iterator<Item = Seat>,
    plan: &Plan,
) -> Result<Vec<ExecutorJoinHandle<()>>, StartError> {
    let (ready, started) = crossbeam_channel::bounded(plan.shards());
    let mut threads = Vec::new();
    for seat in seats {
        let ready = ready.clone();
        let name = format!("shard-{}", seat.id.0);
        let thread = executor(&name)
            .spawn(move || run_shard(seat, ready))
            .map_err(|error| StartError(format!("cannot start an executor: {error}")))?;
        threads.push(thread);
    }
    drop(ready);
    for _ in 0..plan.shards() {
        match started.recv() {
            Ok(Ok(())) => {}
            Ok(Err(error)) => return Err(error),
            Err(_) => {
                return Err(StartError(
                    "an executor refused to start; run `shardwire doctor`".into(),
                ));
            }
        }
    }
    Ok(threads)
}

/// An executor sized for one task and one descriptor: the shard brings its own ring. It is pinned
/// by the shard's thread itself, so that a CPU that may not be used is a warning, not a failure.
fn executor(name: &str) -> LocalExecutorBuilder {
    LocalExecutorBuilder::new(Placement::Unbound)
        .name(name)
        .io_memory(64 * 1024)
        .ring_depth(128)
        .preempt_timer(std::time::Duration::from_millis(5))
        .blocking_thread_pool_placement(PoolPlacement::Unbound(1))
}

async fn run_shard(seat: Seat, ready: crossbeam_channel::Sender<Result<(), StartError>>) {
    if let Some(cpu) = seat.cpu
        && let Err(error) = preflight::pin(cpu)
    {
        tracing::warn!(shard = seat.id.0, cpu, %error, "may not pin; running unpinned");
    }
    let tls = Tls::new(seat.tls, Arc::clone(&seat.counters));
    let mut shard = Shard::new(seat.id, seat.engine, seat.clock.now(), seat.counters);
    if let Some(journal) = seat.journal {
        shard.keep_journal(journal);
    }
    let driver =
        Driver::new(shard, seat.clock, seat.listeners, tls, seat.ports, seat.shared, seat.http);
    match driver {
        Ok(driver) => {
            // The receiver waits for every shard, so this cannot fail before it has its answer.
            let _ = ready.send(Ok(()));
            drop(ready);
            driver.run();
        }
        Err(error) => drop(ready.send(Err(error))),
    }
}

fn seed() -> Result<u64, StartError> {
    getrandom::u64().map_err(|error| StartError(format!("no randomness from the kernel: {error}")))
}
