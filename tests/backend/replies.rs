//! What goes out and what comes back where all is well.

use serde_json::json;
use shardwire::backend::{Failure, Method};
use std::sync::atomic::Ordering;

use super::caller::{Caller, call, get, spec, text};
use super::support::backend::{Backend, Reply};

#[test]
fn a_reply_has_its_status_and_body_whatever_they_are() {
    let backend = Backend::start();
    let mut caller = Caller::of(&[spec(&backend.url())]);
    for (status, body) in [(200, "{\"id\":1}"), (201, ""), (404, "not JSON"), (500, "oh")] {
        backend.on("GET", "/a", Reply::text(status, body));
        let reply = caller.ask(get("/a")).expect("a reply");
        assert_eq!((reply.status, text(&reply)), (status, body));
    }
    let counters = caller.counters();
    let classes = counters.replies.each_ref().map(|count| count.load(Ordering::Relaxed));
    assert_eq!(classes, [0, 2, 0, 1, 1]);
    assert_eq!(counters.latency.buckets.iter().map(|b| b.load(Ordering::Relaxed)).sum::<u64>(), 4);
}

#[test]
fn a_request_is_what_was_asked() {
    let backend = Backend::start();
    let mut spec = spec(&format!("{}/v1", backend.url()));
    spec.headers = vec![("authorization".into(), "Bearer x".into())];
    let mut caller = Caller::of(&[spec]);
    let mut call = call(Method::Post, "/chats/7/messages?draft=no");
    call.body = Some(json!({ "text": "hi" }).to_string().into_bytes().into());
    call.headers = vec![("x-user".into(), "é7".into())];
    call.idempotency = Some("key-1".into());
    caller.ask(call).expect("a reply");
    let request = backend.requests().remove(0);
    assert_eq!(request.method, "POST");
    assert_eq!(request.path, "/v1/chats/7/messages?draft=no");
    assert_eq!(request.json(), json!({ "text": "hi" }));
    assert_eq!(request.header("host"), Some(&*backend.address.to_string()));
    assert_eq!(request.header("authorization"), Some("Bearer x"));
    assert_eq!(request.header("x-user"), Some("é7"));
    assert_eq!(request.header("idempotency-key"), Some("key-1"));
    assert_eq!(request.header("content-type"), Some("application/json"));
    assert_eq!(request.header("accept"), Some("application/json"));
    assert_eq!(request.header("accept-encoding"), None);
}

#[test]
fn every_method_is_sent() {
    let backend = Backend::start();
    let mut caller = Caller::of(&[spec(&backend.url())]);
    let methods = [Method::Get, Method::Post, Method::Put, Method::Patch, Method::Delete];
    for method in methods {
        caller.ask(call(method, "/a")).expect("a reply");
    }
    let sent: Vec<String> = backend.requests().into_iter().map(|one| one.method).collect();
    assert_eq!(sent, ["GET", "POST", "PUT", "PATCH", "DELETE"]);
}

#[test]
fn connections_are_kept() {
    let backend = Backend::start();
    backend.on("GET", "/a", Reply::text(200, "a"));
    let mut caller = Caller::of(&[spec(&backend.url())]);
    for _ in 0..10 {
        caller.ask(get("/a")).expect("a reply");
    }
    assert_eq!(backend.connections(), 1);
}

#[test]
fn redirects_are_replies_and_cookies_are_not_kept() {
    let backend = Backend::start();
    let elsewhere = Backend::start();
    let away = Reply::text(302, "").with("location", &format!("{}/b", elsewhere.url()));
    backend.on("GET", "/a", away.with("set-cookie", "session=1"));
    let mut caller = Caller::of(&[spec(&backend.url())]);
    for _ in 0..2 {
        assert_eq!(caller.ask(get("/a")).expect("a reply").status, 302);
    }
    assert!(elsewhere.requests().is_empty());
    assert_eq!(backend.requests()[1].header("cookie"), None);
}

#[test]
fn a_compressed_body_comes_as_it_is() {
    let backend = Backend::start();
    backend.on("GET", "/a", Reply::text(200, "raw").with("content-encoding", "gzip"));
    let mut caller = Caller::of(&[spec(&backend.url())]);
    assert_eq!(text(&caller.ask(get("/a")).expect("a reply")), "raw");
}

#[test]
fn what_would_leave_the_base_is_not_sent() {
    let backend = Backend::start();
    let mut caller = Caller::of(&[spec(&format!("{}/v1", backend.url()))]);
    let targets = ["/../admin", "//evil.example/", "@evil.example/", "/a\r\nx: y", "/%2e%2e/admin"];
    for target in targets {
        assert_eq!(caller.ask(get(target)), Err(Failure::Refused), "{target:?}");
    }
    let mut smuggling = get("/a");
    smuggling.headers = vec![("x-a".into(), "b\r\n\r\nGET /admin HTTP/1.1".into())];
    assert_eq!(caller.ask(smuggling), Err(Failure::Refused));
    assert!(backend.requests().is_empty());
    assert_eq!(caller.counters().failed(Failure::Refused), targets.len() as u64 + 1);
}

#[test]
fn a_backend_that_is_not_configured_is_not_called() {
    let caller = Caller::of(&[]);
    assert_eq!(caller.calls.submit(get("/a")), Err(Failure::Refused));
}
