//! The cache, and requests that calls share.

use std::time::Duration;

use shardwire::backend::Failure;
use shardwire::settings::Breaker;

use super::caller::{Caller, LONG_NS, MS, cached, get, spec, text};
use super::support::backend::{Backend, Fault, Reply};
use super::support::wait_for;

#[test]
fn a_reply_is_asked_for_once_while_it_is_kept() {
    let backend = Backend::start();
    backend.on("GET", "/*", Reply::text(200, "kept"));
    let mut caller = Caller::of(&[spec(&backend.url())]);
    for target in ["/a", "/a", "/b", "/a"] {
        assert_eq!(text(&caller.ask(cached(target, LONG_NS)).expect("a reply")), "kept");
    }
    assert_eq!(backend.requests().len(), 2);
    assert_eq!(caller.counted()[3], 2);
    caller.ask(get("/a")).expect("a reply");
    assert_eq!(backend.requests().len(), 3, "a call without `cache` is made");
}

#[test]
fn calls_of_the_same_moment_share_one_request() {
    let backend = Backend::start();
    backend.on("GET", "/a", Reply::text(200, "shared").after(Duration::from_millis(200)));
    let mut caller = Caller::of(&[spec(&backend.url())]);
    let results = caller.all((0..1_000).map(|_| cached("/a", LONG_NS)));
    assert!(results.iter().all(Result::is_ok));
    assert_eq!(backend.requests().len(), 1);
    let [calls, _, _, hits, shared] = caller.counted();
    assert_eq!((calls, hits + shared), (1_000, 999));
}

#[test]
fn failures_and_bad_statuses_are_asked_for_again() {
    let backend = Backend::start();
    let bad = [Reply::fault(Fault::Reset), Reply::text(404, ""), Reply::text(500, "")];
    backend.on_each("GET", "/a", bad.into_iter().chain([Reply::text(200, "good")]));
    let mut caller = Caller::of(&[spec(&backend.url())]);
    let mut ask = || caller.ask(cached("/a", LONG_NS)).map(|reply| reply.status);
    assert_eq!(ask(), Err(Failure::Broken));
    assert_eq!([ask(), ask(), ask(), ask()], [Ok(404), Ok(500), Ok(200), Ok(200)]);
    assert_eq!(backend.requests().len(), 4);
}

#[test]
fn a_reply_is_kept_for_its_time() {
    let backend = Backend::start();
    backend.on("GET", "/a", Reply::text(200, ""));
    let mut caller = Caller::of(&[spec(&backend.url())]);
    wait_for("the reply to be too old", || {
        caller.ask(cached("/a", 50 * MS)).expect("a reply");
        (backend.requests().len() > 1).then_some(())
    });
}

/// The one that makes the request may have less time than one that waits for it.
#[test]
fn one_that_gives_up_does_not_fail_the_others() {
    let backend = Backend::start();
    backend.on_each("GET", "/a", [Reply::fault(Fault::Hang), Reply::text(200, "at last")]);
    let mut caller = Caller::of(&[spec(&backend.url())]);
    let mut hasty = cached("/a", LONG_NS);
    hasty.timeout_ns = Some(200 * MS);
    let results = caller.all([hasty, cached("/a", LONG_NS), cached("/a", LONG_NS)]);
    assert_eq!(results[0], Err(Failure::Timeout));
    assert!(results[1..].iter().all(Result::is_ok));
    assert_eq!(backend.requests().len(), 2);
}

/// A path that hangs is one failure, however many wait for it.
#[test]
fn a_request_that_hangs_counts_once_for_all_who_share_it() {
    let backend = Backend::start();
    backend.on("GET", "/hung", Reply::fault(Fault::Hang));
    backend.on("GET", "/well", Reply::text(200, "well"));
    let mut spec = spec(&backend.url());
    spec.timeout_ns = 300 * MS;
    spec.breaker = Some(Breaker { failures: 3, window_ns: LONG_NS, open_ns: LONG_NS });
    let mut caller = Caller::of(&[spec]);
    let results = caller.all((0..200).map(|_| cached("/hung", LONG_NS)));
    assert!(results.iter().all(|result| *result == Err(Failure::Timeout)));
    assert_eq!(text(&caller.ask(get("/well")).expect("the breaker is closed")), "well");
}
