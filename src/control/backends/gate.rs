//! Places for calls being made, and the queue before them.
//!
//! Invariants: first come, first served; what finds the queue full is refused at once, so a backend
//! that hangs costs a bounded number of calls. Called by `live`.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::{Semaphore, SemaphorePermit};

use super::counters::{Counters, Held};
use crate::backend::Failure;

pub(super) struct Gate {
    /// Fair: a place that is left goes to who waits longest.
    places: Semaphore,
    waiting: AtomicU64,
    waiting_max: u64,
    counters: Arc<Counters>,
}

/// A place, for as long as this lives.
pub(super) struct Place<'a> {
    _permit: SemaphorePermit<'a>,
    _held: Held<'a>,
}

impl Gate {
    pub(super) fn new(in_flight_max: usize, waiting_max: usize, counters: Arc<Counters>) -> Gate {
        let places = Semaphore::new(in_flight_max.clamp(1, Semaphore::MAX_PERMITS));
        Gate { places, waiting: AtomicU64::new(0), waiting_max: waiting_max as u64, counters }
    }

    pub(super) async fn enter(&self) -> Result<Place<'_>, Failure> {
        let permit = match self.places.try_acquire() {
            Ok(permit) => permit,
            Err(_) => self.wait().await?,
        };
        Ok(Place { _permit: permit, _held: Held::of(&self.counters.in_flight) })
    }

    async fn wait(&self) -> Result<SemaphorePermit<'_>, Failure> {
        if self.waiting.load(Ordering::Relaxed) >= self.waiting_max {
            return Err(Failure::Overloaded);
        }
        let _waiting = (Held::of(&self.waiting), Held::of(&self.counters.waiting));
        self.places.acquire().await.map_err(|_| Failure::Overloaded)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::sync::mpsc;

    use super::*;

    fn gate(in_flight_max: usize, waiting_max: usize) -> Arc<Gate> {
        Arc::new(Gate::new(in_flight_max, waiting_max, Arc::default()))
    }

    async fn settled() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }

    #[tokio::test(start_paused = true)]
    async fn who_waits_longest_is_next() {
        let gate = gate(1, 8);
        let first = gate.enter().await.expect("a place");
        let (done, mut order) = mpsc::unbounded_channel();
        for number in 0..8 {
            let (gate, done) = (Arc::clone(&gate), done.clone());
            tokio::spawn(async move {
                let _place = gate.enter().await.expect("a place");
                done.send(number).expect("listens");
            });
            settled().await;
        }
        drop(first);
        for number in 0..8 {
            assert_eq!(order.recv().await, Some(number));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_full_queue_refuses_at_once() {
        let gate = gate(2, 1);
        let places = [gate.enter().await, gate.enter().await];
        let queued = tokio::spawn({
            let gate = Arc::clone(&gate);
            async move { gate.enter().await.is_ok() }
        });
        settled().await;
        assert_eq!(gate.counters.waiting.load(Ordering::Relaxed), 1);
        assert_eq!(gate.enter().await.err(), Some(Failure::Overloaded));
        drop(places);
        assert!(queued.await.expect("ends"));
        assert!(gate.enter().await.is_ok());
        let gauges = [&gate.counters.waiting, &gate.counters.in_flight, &gate.waiting];
        assert_eq!(gauges.map(|gauge| gauge.load(Ordering::Relaxed)), [0; 3]);
    }

    #[tokio::test(start_paused = true)]
    async fn who_gives_up_leaves_the_queue() {
        let gate = gate(1, 1);
        let place = gate.enter().await;
        for _ in 0..5 {
            let given_up = tokio::time::timeout(Duration::from_millis(5), gate.enter()).await;
            assert!(given_up.is_err());
        }
        drop(place);
        assert!(gate.enter().await.is_ok());
    }
}
