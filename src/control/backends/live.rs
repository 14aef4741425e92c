//! One backend as it runs: what a call goes through.
//!
//! ```text
//!   call -> cache (kept? shared?) -> breaker -> place or queue -> attempts -> reply or failure
//! ```
//!
//! Invariants: an answer comes within the call's timeout, whatever the backend does; a backend that
//! hangs holds a bounded number of calls and bytes. Called by the thread of `super`.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use http::HeaderMap;
use rustls::pki_types::ServerName;
use tokio::time::{Instant, sleep, timeout_at};
use tokio_rustls::TlsConnector;

use super::breaker::Breaker;
use super::cache::{Cache, Found};
use super::client::{Client, Lost};
use super::connect::Connector;
use super::counters::{Counters, Held, add};
use super::gate::Gate;
use super::origin::Origin;
use super::request::{Prepared, standing};
use super::retry::Retries;
use super::{Fault, Outcome, trust};
use crate::backend::{Caching, Call, Failure, Reply};
use crate::settings;

/// Calls that wait for the request of another; a hot key has many, but memory has an end.
const SHARERS_MAX: u64 = 65_536;

pub(super) struct Live {
    spec: settings::Backend,
    /// What `caFile` held.
    authorities: Option<Vec<u8>>,
    origin: Origin,
    standing: HeaderMap,
    client: Client,
    gate: Gate,
    breaker: Breaker,
    cache: Cache,
    sharing: AtomicU64,
    /// Its last attempt failed: said once, not for every call.
    troubled: AtomicBool,
    pub(super) counters: Arc<Counters>,
}

impl Live {
    /// As it runs already, where nothing has changed.
    pub(super) fn following(
        spec: &settings::Backend,
        before: Option<&Arc<Live>>,
    ) -> Result<Arc<Live>, Fault> {
        let authorities = spec.ca_file.as_deref().map(|path| read(spec, path)).transpose()?;
        let same = |live: &&Arc<Live>| live.spec == *spec && live.authorities == authorities;
        if let Some(live) = before.filter(same) {
            return Ok(Arc::clone(live));
        }
        let counters = before.map(|live| Arc::clone(&live.counters)).unwrap_or_default();
        Live::new(spec, authorities, counters).map(Arc::new)
    }

    fn new(
        spec: &settings::Backend,
        authorities: Option<Vec<u8>>,
        counters: Arc<Counters>,
    ) -> Result<Live, Fault> {
        let fault = |what| Fault::of(spec, what);
        let origin = Origin::parse(&spec.url).ok_or_else(|| fault("its URL is none".into()))?;
        let standing = standing(&spec.headers)
            .map_err(|name| fault(format!("the header {name} cannot be sent")))?;
        let tls = tls(&origin, authorities.as_deref()).map_err(fault)?;
        let connector = Connector::new(tls, Duration::from_nanos(spec.connect_timeout_ns));
        Ok(Live {
            client: Client::new(connector, spec.in_flight_max, spec.response_bytes_max),
            gate: Gate::new(spec.in_flight_max, spec.waiting_max, Arc::clone(&counters)),
            breaker: Breaker::new(spec.breaker, Arc::clone(&counters)),
            cache: Cache::default(),
            sharing: AtomicU64::new(0),
            troubled: AtomicBool::new(false),
            spec: spec.clone(),
            authorities,
            origin,
            standing,
            counters,
        })
    }

    pub(super) fn name(&self) -> &str {
        &self.spec.name
    }

    /// The one answer to a call.
    pub(super) async fn answer(&self, call: Call) -> Outcome {
        let begun = Instant::now();
        let timeout_ns = call.timeout_ns.unwrap_or(u64::MAX).min(self.spec.timeout_ns);
        let given = Duration::from_nanos(timeout_ns);
        let outcome = in_time(begun + given, self.find(call, begun, given)).await;
        self.counters.tell(&outcome);
        self.counters.latency.record(begun.elapsed());
        outcome
    }

    async fn find(&self, mut call: Call, begun: Instant, given: Duration) -> Outcome {
        match call.cache.take() {
            Some(caching) => self.share(call, &caching, begun, given).await,
            None => self.make(call, begun + given).await,
        }
    }

    async fn share(
        &self,
        call: Call,
        caching: &Caching,
        begun: Instant,
        given: Duration,
    ) -> Outcome {
        loop {
            match self.cache.find(caching, given) {
                Found::Kept(reply) => {
                    add(&self.counters.cache_hits);
                    return Ok(reply);
                }
                Found::Lead(flight) => {
                    let deadline = begun + given;
                    let outcome = in_time(deadline, self.make(call, deadline)).await;
                    flight.land(caching, &outcome);
                    return outcome;
                }
                Found::Share(sharing) => {
                    if self.sharing.load(Ordering::Relaxed) >= SHARERS_MAX {
                        return Err(Failure::Overloaded);
                    }
                    let _sharing = Held::of(&self.sharing);
                    // Whoever made the request may have had less time than this call has.
                    if let Some(outcome) = sharing.outcome(given).await {
                        add(&self.counters.shared);
                        return outcome;
                    }
                }
            }
        }
    }

    async fn make(&self, call: Call, deadline: Instant) -> Outcome {
        let prepared = Prepared::of(call, &self.origin, &self.standing).ok_or(Failure::Refused)?;
        if self.breaker.refuses(Instant::now()) {
            return Err(Failure::BreakerOpen);
        }
        let _place = self.gate.enter().await?;
        self.attempts(&prepared, deadline).await
    }

    async fn attempts(&self, prepared: &Prepared, deadline: Instant) -> Outcome {
        let mut retries = Retries::new(&self.spec.retry, prepared.repeatable, deadline);
        let mut last = None;
        loop {
            let Some(pass) = self.breaker.pass(Instant::now()) else {
                return last.unwrap_or(Err(Failure::BreakerOpen));
            };
            last.iter().for_each(|_| add(&self.counters.retries));
            let exchanged = self.exchange(prepared).await;
            pass.tell(self.is_good(&exchanged));
            let outcome = exchanged.map_err(|lost| lost.failure);
            let Some(delay) = retries.after(&outcome, Instant::now()) else { return outcome };
            last = Some(outcome);
            sleep(delay).await;
        }
    }

    /// One attempt, on a connection that was open when it was made. One that is closed at that
    /// very moment may have taken the request with it, which only a repeatable one survives.
    async fn exchange(&self, prepared: &Prepared) -> Result<Reply, Lost> {
        let mut exchanged = self.open_exchange(prepared).await;
        if exchanged.as_ref().is_err_and(|lost| lost.stale && prepared.repeatable) {
            add(&self.counters.retries);
            exchanged = self.open_exchange(prepared).await;
        }
        exchanged
    }

    /// Kept connections that were closed meanwhile are passed over: each is met once, then gone.
    async fn open_exchange(&self, prepared: &Prepared) -> Result<Reply, Lost> {
        loop {
            match self.client.exchange(prepared.request()).await {
                Err(lost) if lost.unsent => {}
                exchanged => return exchanged,
            }
        }
    }

    /// Whether the backend is at work, and the log's lines on that.
    fn is_good(&self, exchanged: &Result<Reply, Lost>) -> bool {
        let trouble = match exchanged {
            Ok(reply) if reply.status >= 500 => Some(format!("it answers {}", reply.status)),
            Err(lost) if lost.failure != Failure::TooLarge => Some(lost.reason.clone()),
            Ok(_) | Err(_) => None,
        };
        let was_troubled = self.troubled.swap(trouble.is_some(), Ordering::Relaxed);
        match &trouble {
            Some(trouble) if !was_troubled => {
                tracing::warn!(backend = self.name(), "a call failed: {trouble}");
            }
            None if was_troubled => tracing::info!(backend = self.name(), "calls succeed again"),
            _ => {}
        }
        trouble.is_none()
    }
}

/// What comes of a call until its deadline.
async fn in_time(deadline: Instant, outcome: impl Future<Output = Outcome>) -> Outcome {
    timeout_at(deadline, outcome).await.unwrap_or(Err(Failure::Timeout))
}

fn read(spec: &settings::Backend, path: &Path) -> Result<Vec<u8>, Fault> {
    std::fs::read(path)
        .map_err(|error| Fault::of(spec, format!("{} cannot be read: {error}", path.display())))
}

fn tls(
    origin: &Origin,
    authorities: Option<&[u8]>,
) -> Result<Option<(TlsConnector, ServerName<'static>)>, String> {
    if !origin.is_tls() {
        return Ok(None);
    }
    let config = trust::tls(authorities).map_err(|what| format!("its authorities: {what}"))?;
    let name = ServerName::try_from(origin.host().to_owned()).map_err(|error| error.to_string())?;
    Ok(Some((TlsConnector::from(Arc::new(config)), name)))
}
