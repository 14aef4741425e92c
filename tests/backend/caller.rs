//! A shard's side of the calls: submits, and hears the answers.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, channel};

use shardwire::backend::{Answer, Caching, Call, Failure, Method, Reply, Ticket};
use shardwire::control::backends::counters::Counters;
use shardwire::control::backends::{Backends, Calls};
use shardwire::ids::{BackendId, ConnKey, ShardId};
use shardwire::settings::{Backend, Retry};

use crate::support::PATIENCE;

pub const MS: u64 = 1_000_000;

/// Never reached by a test that succeeds.
pub const LONG_NS: u64 = 15_000 * MS;

pub struct Caller {
    pub backends: Backends,
    pub calls: Calls,
    answers: Receiver<Answer>,
    submitted: u32,
}

/// A backend with patience, and nothing switched on.
pub fn spec(url: &str) -> Backend {
    Backend {
        name: "api".into(),
        url: url.into(),
        timeout_ns: LONG_NS,
        connect_timeout_ns: LONG_NS,
        in_flight_max: 64,
        waiting_max: 1_024,
        response_bytes_max: 64 * 1024,
        headers: Vec::new(),
        retry: Retry::default(),
        breaker: None,
        ca_file: None,
    }
}

pub fn get(target: &str) -> Call {
    call(Method::Get, target)
}

pub fn call(method: Method, target: &str) -> Call {
    let conn = ConnKey { shard: ShardId(0), index: 1, generation: 1 };
    Call {
        ticket: Ticket { conn, serial: 0 },
        backend: BackendId(0),
        method,
        target: target.into(),
        headers: Vec::new(),
        body: None,
        timeout_ns: None,
        cache: None,
        idempotency: None,
    }
}

pub fn cached(target: &str, ttl_ns: u64) -> Call {
    Call {
        cache: Some(Caching { key: target.as_bytes().into(), ttl_ns, returns: None }),
        ..get(target)
    }
}

pub fn text(reply: &Reply) -> &str {
    std::str::from_utf8(&reply.body).expect("text")
}

impl Caller {
    pub fn of(specs: &[Backend]) -> Caller {
        let (sender, answers) = channel();
        let answer = move |answer| drop(sender.send(answer));
        let backends = Backends::start(specs, answer).expect("starts");
        let calls = backends.calls();
        Caller { backends, calls, answers, submitted: 0 }
    }

    pub fn submit(&mut self, mut call: Call) -> Ticket {
        self.submitted += 1;
        call.ticket.serial = self.submitted;
        let ticket = call.ticket;
        self.calls.submit(call).expect("accepted");
        ticket
    }

    pub fn answer(&self) -> Answer {
        self.answers.recv_timeout(PATIENCE).expect("an answer")
    }

    /// Of these calls, in their order.
    pub fn all(&mut self, calls: impl IntoIterator<Item = Call>) -> Vec<Result<Reply, Failure>> {
        let tickets: Vec<Ticket> = calls.into_iter().map(|call| self.submit(call)).collect();
        let mut heard = HashMap::new();
        for _ in &tickets {
            let answer = self.answer();
            assert!(heard.insert(answer.ticket, answer.result).is_none(), "answered twice");
        }
        tickets.iter().map(|ticket| heard.remove(ticket).expect("its own answer")).collect()
    }

    pub fn ask(&mut self, call: Call) -> Result<Reply, Failure> {
        self.all([call]).remove(0)
    }

    pub fn counters(&self) -> Arc<Counters> {
        Arc::clone(&self.backends.counters()[0].1)
    }

    /// Calls, retries, breaker's openings, cache hits, shared requests.
    pub fn counted(&self) -> [u64; 5] {
        let counters = self.counters();
        [
            &counters.calls,
            &counters.retries,
            &counters.breaker_opens,
            &counters.cache_hits,
            &counters.shared,
        ]
        .map(|counter| counter.load(Ordering::Relaxed))
    }

    pub fn gauges(&self) -> [u64; 2] {
        let counters = self.counters();
        [&counters.in_flight, &counters.waiting].map(|gauge| gauge.load(Ordering::Relaxed))
    }
}
