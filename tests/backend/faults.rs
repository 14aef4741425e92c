//! Backends that misbehave: the right failure, in time, and the next call is as good as ever.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::time::Duration;

use shardwire::backend::{Failure, Method};
use shardwire::settings::Retry;

use super::caller::{Caller, MS, call, get, spec, text};
use super::support::backend::{Backend, FAULTS, Fault, Reply};
use super::support::wait_for;

/// What a call comes to; `None` for a good reply.
fn expected(fault: Fault) -> Option<Failure> {
    match fault {
        Fault::Reset | Fault::Close | Fault::ResetMidBody | Fault::CloseMidBody => {
            Some(Failure::Broken)
        }
        Fault::Garbage | Fault::EndlessHead => Some(Failure::Broken),
        Fault::Huge | Fault::Endless => Some(Failure::TooLarge),
        Fault::Hang | Fault::HangMidBody | Fault::Drip => Some(Failure::Timeout),
        Fault::CloseAfter => None,
    }
}

#[test]
fn each_fault_has_its_failure_and_leaves_nothing_behind() {
    let backend = Backend::start();
    backend.on("POST", "/good", Reply::text(200, "good"));
    let mut caller = Caller::of(&[spec(&backend.url())]);
    for (name, fault) in FAULTS {
        backend.on("POST", "/bad", Reply::fault(fault));
        let mut bad = call(Method::Post, "/bad");
        let is_slow = expected(fault) == Some(Failure::Timeout);
        bad.timeout_ns = is_slow.then_some(200 * MS);
        assert_eq!(caller.ask(bad).err(), expected(fault), "{name}");
        if fault == Fault::CloseAfter {
            is_closed_by(&backend);
        }
        let good = caller.ask(call(Method::Post, "/good")).expect(name);
        assert_eq!(text(&good), "good", "after {name}");
    }
    assert_eq!(caller.gauges(), [0, 0]);
    wait_for("bad connections to be closed", || (backend.open() <= 1).then_some(()));
}

#[test]
fn names_of_faults_are_read() {
    for (name, fault) in FAULTS {
        assert_eq!(name.parse(), Ok(fault));
    }
    assert!("none".parse::<Fault>().is_err());
}

#[test]
fn nobody_at_the_address_is_unreachable() {
    let address = Backend::start().address;
    let mut caller = Caller::of(&[spec(&format!("http://{address}"))]);
    assert_eq!(caller.ask(get("/")), Err(Failure::Unreachable));
    let mut caller = Caller::of(&[spec("http://nobody.invalid")]);
    assert_eq!(caller.ask(get("/")), Err(Failure::Unreachable));
}

fn is_closed_by(backend: &Backend) {
    wait_for("the connection to be closed", || (backend.open() == 0).then_some(()));
}

/// What was not sent cannot be done twice, whatever the method.
#[test]
fn a_kept_connection_that_was_closed_meanwhile_is_replaced() {
    let backend = Backend::start();
    for method in [Method::Get, Method::Post] {
        backend.on(method.name(), "/a", Reply::fault(Fault::CloseAfter));
        let mut caller = Caller::of(&[spec(&backend.url())]);
        for _ in 0..50 {
            caller.ask(call(method, "/a")).expect("a reply");
            is_closed_by(&backend);
        }
        assert_eq!(caller.counted()[1], 0, "none was made twice");
    }
    assert_eq!(backend.requests().len(), 100);
}

/// A server that ends a connection that nobody uses may say so; it is no answer to what comes then.
#[test]
fn parting_words_on_a_kept_connection_answer_nothing() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("an address");
    let address = listener.local_addr().expect("an address");
    let (parted, parts) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        for stream in listener.incoming().take(20) {
            let mut stream = stream.expect("a connection");
            let read = stream.read(&mut [0; 4_096]).expect("a request");
            assert!(read > 0);
            let good = b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\ngood";
            stream.write_all(good).expect("an answer");
            // The answer is read before the rest comes: it is asked for by nobody.
            std::thread::sleep(Duration::from_millis(5));
            let _ = stream.write_all(b"HTTP/1.1 408 Late\r\ncontent-length: 0\r\n\r\n");
            drop(stream);
            parted.send(()).expect("a listener");
        }
    });
    let mut caller = Caller::of(&[spec(&format!("http://{address}"))]);
    for _ in 0..20 {
        let reply = caller.ask(call(Method::Post, "/a")).expect("an answer");
        assert_eq!(text(&reply), "good");
        parts.recv().expect("the words and the close");
    }
    assert_eq!(caller.counted()[1], 0, "none was made twice");
}

/// The connection looks alive when it is taken, and is closed instead of answered.
#[test]
fn a_repeatable_call_that_meets_the_close_is_made_again() {
    let backend = Backend::start();
    let good = || Reply::text(200, "good");
    for method in ["GET", "POST"] {
        backend.on_each(method, "/a", [good(), Reply::fault(Fault::Close), good()]);
    }
    let mut caller = Caller::of(&[spec(&backend.url())]);
    assert!((0..3).all(|_| caller.ask(get("/a")).is_ok()));
    assert_eq!(caller.counted()[1], 1);
    let mut post = || caller.ask(call(Method::Post, "/a")).map(|reply| reply.status);
    assert_eq!([post(), post(), post()], [Ok(200), Err(Failure::Broken), Ok(200)]);
}

#[test]
fn a_new_connection_that_is_closed_is_not_tried_again() {
    let backend = Backend::start();
    backend.on("GET", "/a", Reply::fault(Fault::Reset));
    let mut caller = Caller::of(&[spec(&backend.url())]);
    assert_eq!(caller.ask(get("/a")), Err(Failure::Broken));
    assert_eq!(backend.requests().len(), 1);
}

fn retrying(url: &str) -> shardwire::settings::Backend {
    let retry = Retry { connect: true, statuses: vec![503], retries_max: 2, delay_ns: MS };
    shardwire::settings::Backend { retry, ..spec(url) }
}

#[test]
fn statuses_are_tried_again_where_that_does_no_harm() {
    let backend = Backend::start();
    let mut caller = Caller::of(&[retrying(&backend.url())]);
    let busy = || Reply::text(503, "busy");
    let then_good = || [busy(), busy(), Reply::text(200, "good")];
    backend.on_each("GET", "/a", then_good()).on_each("POST", "/a", then_good());
    assert_eq!(caller.ask(get("/a")).map(|reply| reply.status), Ok(200));
    assert_eq!(backend.requests().len(), 3);
    let mut post = call(Method::Post, "/a");
    assert_eq!(caller.ask(post.clone()).map(|reply| reply.status), Ok(503));
    post.idempotency = Some("k".into());
    assert_eq!(caller.ask(post).map(|reply| reply.status), Ok(200));
    let keys: Vec<_> = backend.requests()[4..].to_vec();
    assert!(keys.iter().all(|request| request.header("idempotency-key") == Some("k")));
    assert_eq!(caller.counted()[1], 3);
}

#[test]
fn after_the_last_attempt_its_outcome_is_the_answer() {
    let backend = Backend::start();
    backend.on("GET", "/a", Reply::text(503, "busy"));
    let mut caller = Caller::of(&[retrying(&backend.url())]);
    assert_eq!(caller.ask(get("/a")).map(|reply| reply.status), Ok(503));
    assert_eq!(backend.requests().len(), 3);
}

#[test]
fn a_backend_that_comes_back_is_reached_by_a_retry() {
    let address = Backend::start().address;
    let mut spec = retrying(&format!("http://{address}"));
    spec.retry = Retry { retries_max: 10, delay_ns: 20 * MS, ..spec.retry };
    let mut caller = Caller::of(&[spec]);
    caller.submit(call(Method::Post, "/a"));
    wait_for("a retry", || (caller.counted()[1] > 0).then_some(()));
    let backend = Backend::start_at(address);
    backend.on("POST", "/a", Reply::text(200, "back"));
    assert_eq!(caller.answer().result.map(|reply| reply.status), Ok(200));
    assert_eq!(backend.requests().len(), 1);
}

#[test]
fn a_slow_reply_is_a_reply() {
    let backend = Backend::start();
    backend.on("GET", "/a", Reply::text(200, "slow").after(Duration::from_millis(100)));
    let mut caller = Caller::of(&[spec(&backend.url())]);
    assert_eq!(text(&caller.ask(get("/a")).expect("a reply")), "slow");
}
