//! Backends: HTTP services that programs call.
//!
//! ```text
//!   shard --Calls::submit--> bounded channel --> thread "backends" --answers--> that shard
//! ```
//!
//! The calls have a thread and a current-thread runtime of their own, not the control plane's: a
//! flood of calls, TLS handshakes above all, then delays neither pages nor `/health` nor signals
//! nor a drain, and a slow page delays no call. Beside shards that poll their rings it is one more
//! thread that sleeps when there is nothing to do.
//!
//! Invariants: `submit` never waits; every call it accepts is answered exactly once, within its
//! timeout; a reload neither ends nor repeats a call. Called by `cli::serve`.

mod breaker;
mod cache;
mod client;
mod connect;
pub mod counters;
mod gate;
mod live;
mod origin;
mod request;
mod retry;
mod stream;
mod target;
#[cfg(test)]
mod testing;
mod trust;
mod waiter;

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard};

use tokio::sync::mpsc;

use crate::backend::{Answer, Call, Failure, Reply, Submit};
use crate::settings;
use counters::{Counters, add};
use live::Live;
use waiter::Waiter;

/// Calls on their way from shards: the thread only has to start them.
const SUBMITTED_MAX: usize = 4_096;

type Outcome = Result<Reply, Failure>;
type Lives = Arc<[Arc<Live>]>;

/// Every backend of the configuration. Dropped with all its `Calls`, the thread ends after the last
/// answer.
pub struct Backends {
    orders: mpsc::Sender<Order>,
    lives: Mutex<Lives>,
}

struct Order {
    backend: Arc<Live>,
    call: Call,
}

/// Makes calls, from any thread. A `BackendId` means what it meant in the configuration that was in
/// force when this was taken: a program goes with the handle of its own configuration.
#[derive(Clone)]
pub struct Calls {
    orders: mpsc::Sender<Order>,
    lives: Lives,
}

/// A backend that cannot be called as it is configured.
#[derive(Debug)]
pub struct Fault {
    /// None: it is not about one of them.
    backend: Option<String>,
    what: String,
}

impl Fault {
    fn of(spec: &settings::Backend, what: String) -> Fault {
        Fault { backend: Some(spec.name.clone()), what }
    }

    fn of_thread(error: &std::io::Error) -> Fault {
        Fault { backend: None, what: format!("the thread of the calls did not start: {error}") }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.backend {
            Some(backend) => write!(f, "the backend {backend}: {}", self.what),
            None => f.write_str(&self.what),
        }
    }
}

impl std::error::Error for Fault {}

impl Backends {
    /// Starts the thread. `answers` runs on it, so it must not wait.
    pub fn start(
        specs: &[settings::Backend],
        answers: impl Fn(Answer) + Send + Clone + 'static,
    ) -> Result<Backends, Fault> {
        let lives = lives(specs, &[])?;
        let (orders, waiting) = mpsc::channel(SUBMITTED_MAX);
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| Fault::of_thread(&error))?;
        std::thread::Builder::new()
            .name("backends".into())
            .spawn(move || runtime.block_on(carry(waiting, answers)))
            .map_err(|error| Fault::of_thread(&error))?;
        Ok(Backends { orders, lives: Mutex::new(lives) })
    }

    /// Calls by the configuration now in force.
    pub fn calls(&self) -> Calls {
        Calls { orders: self.orders.clone(), lives: Arc::clone(&self.lives()) }
    }

    /// Takes over a new configuration, or says what is wrong and changes nothing. A backend that is
    /// as before keeps its connections, breaker and cache; one of the same name its counters. Calls
    /// being made end as they began. May block: it reads files.
    pub fn follow(&self, specs: &[settings::Backend]) -> Result<(), Fault> {
        let mut current = self.lives();
        *current = lives(specs, &current)?;
        Ok(())
    }

    /// By name, in the configuration's order.
    pub fn counters(&self) -> Vec<(String, Arc<Counters>)> {
        let named = |live: &Arc<Live>| (live.name().to_owned(), Arc::clone(&live.counters));
        self.lives().iter().map(named).collect()
    }

    fn lives(&self) -> MutexGuard<'_, Lives> {
        self.lives.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

fn lives(specs: &[settings::Backend], before: &[Arc<Live>]) -> Result<Lives, Fault> {
    let known = |spec: &settings::Backend| before.iter().find(|live| live.name() == spec.name);
    specs.iter().map(|spec| Live::following(spec, known(spec))).collect()
}

impl Submit for Calls {
    fn submit(&self, call: Call) -> Result<(), Failure> {
        Calls::submit(self, call)
    }
}

impl Calls {
    /// Asks for a call; its answer comes later, unless it is refused here.
    pub fn submit(&self, call: Call) -> Result<(), Failure> {
        let backend = self.lives.get(usize::from(call.backend.0)).ok_or(Failure::Refused)?;
        add(&backend.counters.calls);
        let order = Order { backend: Arc::clone(backend), call };
        self.orders.try_send(order).map_err(|_| {
            let refusal = Failure::Overloaded;
            backend.counters.tell(&Err(refusal));
            refusal
        })
    }
}

/// Carries out orders until nobody can give one any more, then waits for the last answer.
async fn carry(
    mut orders: mpsc::Receiver<Order>,
    answers: impl Fn(Answer) + Send + Clone + 'static,
) {
    let (running, mut ended) = mpsc::channel::<()>(1);
    while let Some(Order { backend, call }) = orders.recv().await {
        let waiter = Waiter::new(call.ticket, answers.clone());
        let running = running.clone();
        tokio::spawn(async move {
            let _running = running;
            waiter.tell(backend.answer(call).await);
        });
    }
    drop(running);
    ended.recv().await;
}
