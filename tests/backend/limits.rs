//! Bounds: of bodies, calls at a time, waiting calls, time; and the breaker.

use shardwire::backend::Failure;
use shardwire::settings::{self, Breaker};

use super::caller::{Caller, LONG_NS, MS, get, spec};
use super::support::backend::{Backend, Fault, Reply};
use super::support::wait_for;

#[test]
fn a_body_may_have_so_many_bytes_and_none_more() {
    let backend = Backend::start();
    let spec = settings::Backend { response_bytes_max: 1_000, ..spec(&backend.url()) };
    let mut caller = Caller::of(&[spec]);
    backend.on("GET", "/a", Reply::text(200, &"x".repeat(1_000)));
    assert_eq!(caller.ask(get("/a")).expect("a reply").body.len(), 1_000);
    backend.on("GET", "/a", Reply::text(200, &"x".repeat(1_001)));
    assert_eq!(caller.ask(get("/a")), Err(Failure::TooLarge));
}

/// So many calls at a time, so many that wait, and the rest is told at once; the backend sees no
/// more than it should, and a call that waits in vain is not made later.
#[test]
fn a_backend_that_hangs_holds_a_bounded_number_of_calls() {
    let backend = Backend::start();
    backend.on("GET", "/a", Reply::fault(Fault::Hang));
    let spec = settings::Backend {
        in_flight_max: 4,
        waiting_max: 8,
        timeout_ns: 1_000 * MS,
        ..spec(&backend.url())
    };
    let mut caller = Caller::of(&[spec]);
    let results = caller.all((0..100).map(|_| get("/a")));
    let of = |failure| results.iter().filter(|result| **result == Err(failure)).count();
    assert_eq!((of(Failure::Timeout), of(Failure::Overloaded)), (12, 88));
    assert_eq!(caller.gauges(), [0, 0]);
    wait_for("connections to be closed", || (backend.open() == 0).then_some(()));
    assert!(backend.requests().len() <= 12);
    assert_eq!(caller.counters().failed(Failure::Overloaded), 88);
}

#[test]
fn calls_that_wait_are_made_in_their_order() {
    let backend = Backend::start();
    backend.on("GET", "/*", Reply::text(200, ""));
    let spec = settings::Backend { in_flight_max: 1, ..spec(&backend.url()) };
    let mut caller = Caller::of(&[spec]);
    let targets: Vec<String> = (0..50).map(|number| format!("/{number}")).collect();
    let results = caller.all(targets.iter().map(|target| get(target)));
    assert!(results.iter().all(Result::is_ok));
    let asked: Vec<String> = backend.requests().into_iter().map(|one| one.path).collect();
    assert_eq!(asked, targets);
}

#[test]
fn a_step_may_have_less_time_than_its_backend_and_not_more() {
    let backend = Backend::start();
    backend.on("GET", "/a", Reply::fault(Fault::Hang));
    for (own_ns, step_ns) in [(LONG_NS, 50 * MS), (50 * MS, 1_000 * LONG_NS)] {
        let spec = settings::Backend { timeout_ns: own_ns, ..spec(&backend.url()) };
        let mut call = get("/a");
        call.timeout_ns = Some(step_ns);
        assert_eq!(Caller::of(&[spec]).ask(call), Err(Failure::Timeout));
    }
}

#[test]
fn more_submissions_than_the_thread_takes_are_refused_not_queued() {
    let backend = Backend::start();
    backend.on("GET", "/a", Reply::fault(Fault::Hang));
    let spec = settings::Backend { in_flight_max: 1, waiting_max: 1, ..spec(&backend.url()) };
    let caller = Caller::of(&[settings::Backend { timeout_ns: 200 * MS, ..spec }]);
    let flood = || {
        let calls = caller.calls.clone();
        move || (0..10_000).filter(|_| calls.submit(get("/a")).is_ok()).count()
    };
    let floods: Vec<_> = (0..5).map(|_| std::thread::spawn(flood())).collect();
    let accepted: usize = floods.into_iter().map(|flood| flood.join().expect("ends")).sum();
    (0..accepted).for_each(|_| assert!(caller.answer().result.is_err()));
    let counters = caller.counters();
    let failed = counters.failed(Failure::Timeout) + counters.failed(Failure::Overloaded);
    assert_eq!((failed, caller.counted()[0]), (50_000, 50_000));
}

#[test]
fn the_breaker_opens_and_a_probe_closes_it() {
    let backend = Backend::start();
    backend.on("GET", "/a", Reply::text(500, "down"));
    let breaker = Breaker { failures: 3, window_ns: LONG_NS, open_ns: 3_000 * MS };
    let spec = settings::Backend { breaker: Some(breaker), ..spec(&backend.url()) };
    let mut caller = Caller::of(&[spec]);
    for _ in 0..3 {
        assert_eq!(caller.ask(get("/a")).map(|reply| reply.status), Ok(500));
    }
    assert_eq!(caller.ask(get("/a")), Err(Failure::BreakerOpen));
    assert_eq!(backend.requests().len(), 3);
    assert_eq!(caller.counted()[2], 1);
    backend.on("GET", "/a", Reply::text(200, "up"));
    let status = wait_for("a probe", || caller.ask(get("/a")).ok()).status;
    assert_eq!(status, 200);
    assert!(caller.ask(get("/a")).is_ok());
    assert_eq!(backend.requests().len(), 5);
}

#[test]
fn hanging_calls_open_the_breaker_too() {
    let backend = Backend::start();
    backend.on("GET", "/a", Reply::fault(Fault::Hang));
    let breaker = Breaker { failures: 2, window_ns: LONG_NS, open_ns: LONG_NS };
    let spec = settings::Backend { timeout_ns: 50 * MS, ..spec(&backend.url()) };
    let mut caller = Caller::of(&[settings::Backend { breaker: Some(breaker), ..spec }]);
    let results = [(); 4].map(|()| caller.ask(get("/a")).err());
    let (late, open) = (Some(Failure::Timeout), Some(Failure::BreakerOpen));
    assert_eq!(results, [late, late, open, open]);
}
