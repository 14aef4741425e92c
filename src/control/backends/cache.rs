//! Replies kept for a while, and requests that several calls share.
//!
//! Invariants: at most one request per key is being made; failures, replies that are not 2xx and
//! those that their step cannot use are shared but never kept; entries are bounded in number and
//! bytes, the oldest goes first.
//! Called by `live`.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

use super::Outcome;
use crate::backend::{Caching, Failure, Reply, Returns};

/// Replies of one backend that are kept.
const KEPT_MAX: usize = 4_096;

/// Bytes of their keys and bodies.
const KEPT_BYTES_MAX: usize = 8 * 1024 * 1024;

type Key = Box<[u8]>;

#[derive(Default)]
pub(super) struct Cache {
    shelf: Mutex<Shelf>,
}

#[derive(Default)]
struct Shelf {
    kept: HashMap<Key, Kept>,
    /// Keys with the number of their entry, oldest first; a key that was kept anew stands here
    /// twice, and its first place means nothing.
    order: VecDeque<(Key, u64)>,
    numbered: u64,
    bytes: usize,
    /// Requests being made.
    flights: HashMap<Key, Sharing>,
}

struct Kept {
    reply: Reply,
    /// What the reply was looked at for.
    returns: Option<Arc<dyn Returns>>,
    until: Instant,
    number: u64,
}

/// What a call finds.
pub(super) enum Found<'a> {
    Kept(Reply),
    /// Nothing: make the request, for others too.
    Lead(Flight<'a>),
    /// Somebody makes it.
    Share(Sharing),
}

impl Cache {
    /// `given` is how long the call may take as a whole.
    pub(super) fn find(&self, caching: &Caching, given: Duration) -> Found<'_> {
        let mut shelf = self.shelf();
        let key = &caching.key;
        if let Some(kept) = shelf.kept.get(key).filter(|kept| kept.serves(caching)) {
            return Found::Kept(kept.reply.clone());
        }
        if let Some(flight) = shelf.flights.get(key) {
            return Found::Share(flight.clone());
        }
        let (outcome, landing) = watch::channel(None);
        shelf.flights.insert(key.clone(), Sharing { landing, given });
        Found::Lead(Flight { cache: self, key: key.clone(), outcome })
    }

    fn shelf(&self) -> MutexGuard<'_, Shelf> {
        self.shelf.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

impl Kept {
    /// Whether it is fresh, and of use to a step that may be another than the one that asked.
    fn serves(&self, caching: &Caching) -> bool {
        let takes = |returns: &Arc<dyn Returns>| {
            let same = self.returns.as_ref().is_some_and(|known| Arc::ptr_eq(known, returns));
            same || returns.takes(&self.reply.body)
        };
        Instant::now() < self.until && caching.returns.as_ref().is_none_or(takes)
    }
}

impl Shelf {
    fn keep(&mut self, caching: &Caching, reply: &Reply, now: Instant) {
        let bytes = size(&caching.key, reply);
        if caching.ttl_ns == 0 || bytes > KEPT_BYTES_MAX {
            return;
        }
        self.forget(&caching.key);
        self.numbered += 1;
        let until = now + Duration::from_nanos(caching.ttl_ns);
        let returns = caching.returns.clone();
        let kept = Kept { reply: reply.clone(), returns, until, number: self.numbered };
        self.bytes += bytes;
        self.kept.insert(caching.key.clone(), kept);
        self.order.push_back((caching.key.clone(), self.numbered));
        self.shrink();
    }

    /// Back to the bounds; the order is bounded with what it orders.
    fn shrink(&mut self) {
        while self.order.len() > KEPT_MAX || self.bytes > KEPT_BYTES_MAX {
            let Some((key, number)) = self.order.pop_front() else { return };
            if self.kept.get(&key).is_some_and(|kept| kept.number == number) {
                self.forget(&key);
            }
        }
    }

    fn forget(&mut self, key: &Key) {
        if let Some(kept) = self.kept.remove(key) {
            self.bytes -= size(key, &kept.reply);
        }
    }
}

fn size(key: &Key, reply: &Reply) -> usize {
    key.len() + reply.body.len()
}

/// A request that others share. Dropped without an outcome, one of them makes it anew.
pub(super) struct Flight<'a> {
    cache: &'a Cache,
    key: Key,
    outcome: watch::Sender<Option<Outcome>>,
}

impl Flight<'_> {
    pub(super) fn land(self, caching: &Caching, outcome: &Outcome) {
        if let Ok(reply) = outcome
            && (200..300).contains(&reply.status)
            && caching.returns.as_ref().is_none_or(|returns| returns.takes(&reply.body))
        {
            self.cache.shelf().keep(caching, reply, Instant::now());
        }
        self.outcome.send_replace(Some(outcome.clone()));
    }
}

impl Drop for Flight<'_> {
    fn drop(&mut self) {
        self.cache.shelf().flights.remove(&self.key);
    }
}

/// The outcome of another's request, when there is one.
#[derive(Clone)]
pub(super) struct Sharing {
    landing: watch::Receiver<Option<Outcome>>,
    /// How long the other's call may take.
    given: Duration,
}

impl Sharing {
    /// None where the other gave up, or had less time than `given`: that it was not answered says
    /// nothing to a more patient call, and all there is to say to the others. Were they to ask
    /// again, each with the little time it has left, one hanging path would open the breaker.
    pub(super) async fn outcome(mut self, given: Duration) -> Option<Outcome> {
        let outcome = self.landing.wait_for(Option::is_some).await.ok()?.clone();
        let hasty = self.given < given;
        outcome.filter(|outcome| !(hasty && matches!(outcome, Err(Failure::Timeout))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn caching(key: &str) -> Caching {
        Caching { key: key.as_bytes().into(), ttl_ns: 1_000_000_000, returns: None }
    }

    fn reply(status: u16, bytes: usize) -> Reply {
        Reply { status, body: vec![b'x'; bytes].into() }
    }

    fn fill(cache: &Cache, key: &str, outcome: &Outcome) {
        land(cache, &caching(key), outcome);
    }

    fn land(cache: &Cache, caching: &Caching, outcome: &Outcome) {
        let Found::Lead(flight) = cache.find(caching, SECOND) else { panic!("it was there") };
        flight.land(caching, outcome);
    }

    fn has(cache: &Cache, key: &str) -> bool {
        matches!(cache.find(&caching(key), SECOND), Found::Kept(_))
    }

    #[tokio::test(start_paused = true)]
    async fn a_reply_is_kept_for_its_time() {
        let cache = Cache::default();
        fill(&cache, "a", &Ok(reply(200, 1)));
        assert!(has(&cache, "a") && !has(&cache, "b"));
        tokio::time::advance(Duration::from_millis(999)).await;
        assert!(has(&cache, "a"));
        tokio::time::advance(Duration::from_millis(1)).await;
        assert!(!has(&cache, "a"));
        fill(&cache, "a", &Ok(reply(200, 2)));
        assert!(has(&cache, "a"));
        assert_eq!(cache.shelf().bytes, 3);
    }

    #[tokio::test(start_paused = true)]
    async fn failures_and_refusals_are_not_kept() {
        let cache = Cache::default();
        let outcomes = [Err(Failure::Broken), Ok(reply(404, 1)), Ok(reply(500, 1))];
        for outcome in outcomes {
            fill(&cache, "a", &outcome);
            assert!(!has(&cache, "a"));
        }
        assert_eq!(cache.shelf().bytes, 0);
    }

    #[derive(Debug)]
    struct AtLeast(usize);

    impl Returns for AtLeast {
        fn takes(&self, body: &[u8]) -> bool {
            body.len() >= self.0
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_a_step_cannot_use_is_not_kept_nor_given_to_it() {
        let cache = Cache::default();
        let step = |bytes| {
            let returns: Arc<dyn Returns> = Arc::new(AtLeast(bytes));
            Caching { returns: Some(returns), ..caching("a") }
        };
        let (modest, greedy) = (step(2), step(4));
        let finds = |step: &Caching| matches!(cache.find(step, SECOND), Found::Kept(_));
        land(&cache, &modest, &Ok(reply(200, 1)));
        assert!(!has(&cache, "a"));
        land(&cache, &modest, &Ok(reply(200, 2)));
        assert!(has(&cache, "a") && finds(&modest) && finds(&step(1)) && !finds(&greedy));
        land(&cache, &greedy, &Ok(reply(200, 4)));
        assert!(finds(&modest) && finds(&greedy));
    }

    #[tokio::test(start_paused = true)]
    async fn calls_made_meanwhile_share_the_outcome() {
        let cache = Cache::default();
        let Found::Lead(flight) = cache.find(&caching("a"), SECOND) else {
            panic!("nobody makes it")
        };
        let sharers = [(); 3].map(|()| match cache.find(&caching("a"), SECOND) {
            Found::Share(sharing) => sharing,
            _ => panic!("somebody makes it"),
        });
        flight.land(&caching("a"), &Err(Failure::Unreachable));
        for sharer in sharers {
            assert_eq!(sharer.outcome(SECOND).await, Some(Err(Failure::Unreachable)));
        }
        assert!(cache.shelf().flights.is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn who_gives_up_leaves_it_to_another() {
        let cache = Cache::default();
        let Found::Lead(flight) = cache.find(&caching("a"), SECOND) else {
            panic!("nobody makes it")
        };
        let Found::Share(sharing) = cache.find(&caching("a"), SECOND) else {
            panic!("somebody makes it")
        };
        drop(flight);
        assert_eq!(sharing.outcome(SECOND).await, None);
        assert!(matches!(cache.find(&caching("a"), SECOND), Found::Lead(_)));
    }

    #[tokio::test(start_paused = true)]
    async fn no_answer_in_time_is_shared_by_who_has_no_more_time() {
        let cache = Cache::default();
        let Found::Lead(flight) = cache.find(&caching("a"), SECOND) else {
            panic!("nobody makes it")
        };
        let Found::Share(sharing) = cache.find(&caching("a"), SECOND) else {
            panic!("somebody makes it")
        };
        flight.land(&caching("a"), &Err(Failure::Timeout));
        for (given, shared) in [(SECOND / 2, true), (SECOND, true), (2 * SECOND, false)] {
            let outcome = sharing.clone().outcome(given).await;
            assert_eq!(outcome, shared.then_some(Err(Failure::Timeout)), "{given:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn the_oldest_go_where_there_are_too_many() {
        let cache = Cache::default();
        for number in 0..KEPT_MAX + 10 {
            fill(&cache, &number.to_string(), &Ok(reply(200, 1)));
        }
        assert!(!has(&cache, "9") && has(&cache, "10"));
        assert_eq!(cache.shelf().kept.len(), KEPT_MAX);
        assert_eq!(cache.shelf().order.len(), KEPT_MAX);
    }

    #[tokio::test(start_paused = true)]
    async fn the_oldest_go_where_they_are_too_large() {
        let cache = Cache::default();
        let half = KEPT_BYTES_MAX / 2;
        ["a", "b", "c"].iter().for_each(|key| fill(&cache, key, &Ok(reply(200, half - 1))));
        assert!(!has(&cache, "a") && has(&cache, "b") && has(&cache, "c"));
        fill(&cache, "d", &Ok(reply(200, KEPT_BYTES_MAX)));
        assert!(!has(&cache, "d") && has(&cache, "c"));
        assert_eq!(cache.shelf().bytes, 2 * half);
    }

    #[tokio::test(start_paused = true)]
    async fn a_key_kept_again_and_again_takes_one_place() {
        let cache = Cache::default();
        fill(&cache, "old", &Ok(reply(200, 1)));
        for _ in 0..3 * KEPT_MAX {
            cache.shelf().keep(&caching("a"), &reply(200, 1), Instant::now());
        }
        let shelf = cache.shelf();
        assert!(shelf.order.len() <= KEPT_MAX && shelf.kept.contains_key(&*caching("a").key));
    }
}
