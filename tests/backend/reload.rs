//! Another configuration while calls are being made.

use std::time::Duration;

use shardwire::backend::Failure;
use shardwire::ids::BackendId;
use shardwire::settings;

use super::caller::{Caller, LONG_NS, cached, get, spec, text};
use super::support::backend::{Backend, Reply};

#[test]
fn what_has_not_changed_keeps_its_connections_and_cache() {
    let backend = Backend::start();
    backend.on("GET", "/*", Reply::text(200, "same"));
    let first = spec(&backend.url());
    let mut caller = Caller::of(std::slice::from_ref(&first));
    caller.ask(cached("/a", LONG_NS)).expect("a reply");
    let other = settings::Backend { name: "other".into(), ..first.clone() };
    caller.backends.follow(&[other, first]).expect("follows");
    caller.calls = caller.backends.calls();
    let second = BackendId(1);
    for target in ["/a", "/b"] {
        let mut call = cached(target, LONG_NS);
        call.backend = second;
        caller.ask(call).expect("a reply");
    }
    assert_eq!((backend.requests().len(), backend.connections()), (2, 1));
}

#[test]
fn what_has_changed_begins_anew_but_counts_on() {
    let backend = Backend::start();
    backend.on("GET", "/a", Reply::text(200, "same"));
    let first = spec(&backend.url());
    let mut caller = Caller::of(std::slice::from_ref(&first));
    caller.ask(cached("/a", LONG_NS)).expect("a reply");
    let changed = settings::Backend { response_bytes_max: 1, ..first };
    caller.backends.follow(&[changed]).expect("follows");
    caller.calls = caller.backends.calls();
    assert_eq!(caller.ask(cached("/a", LONG_NS)), Err(Failure::TooLarge));
    assert_eq!(caller.counted()[0], 2);
}

/// A run that began before goes on with its own configuration: its numbers mean what they meant.
#[test]
fn a_handle_keeps_its_configuration() {
    let (old, new) = (Backend::start(), Backend::start());
    old.on("GET", "/a", Reply::text(200, "old").after(Duration::from_millis(100)));
    new.on("GET", "/a", Reply::text(200, "new"));
    let mut caller = Caller::of(&[spec(&old.url())]);
    let before = caller.calls.clone();
    caller.submit(get("/a"));
    caller.backends.follow(&[spec(&new.url())]).expect("follows");
    assert_eq!(text(&caller.answer().result.expect("a reply")), "old");
    caller.calls = caller.backends.calls();
    assert_eq!(text(&caller.ask(get("/a")).expect("a reply")), "new");
    caller.calls = before;
    assert_eq!(text(&caller.ask(get("/a")).expect("a reply")), "old");
}

#[test]
fn what_cannot_be_followed_changes_nothing() {
    let backend = Backend::start();
    backend.on("GET", "/a", Reply::text(200, "as before"));
    let good = spec(&backend.url());
    let mut caller = Caller::of(std::slice::from_ref(&good));
    let with = |name: &str, value: &str| vec![(name.to_owned(), value.to_owned())];
    let bad = [
        (settings::Backend { url: "nonsense".into(), ..good.clone() }, "URL"),
        (settings::Backend { headers: with("x-a", "b\n"), ..good.clone() }, "x-a"),
        (settings::Backend { headers: with("host", "b"), ..good.clone() }, "host"),
        (
            settings::Backend { ca_file: Some("no/such/file".into()), ..good.clone() },
            "no/such/file",
        ),
    ];
    for (spec, what) in bad {
        let fault = caller.backends.follow(&[spec]).expect_err("is refused").to_string();
        assert!(fault.starts_with("the backend api: ") && fault.contains(what), "{fault}");
    }
    caller.calls = caller.backends.calls();
    assert!(caller.ask(get("/a")).is_ok());
}

#[test]
fn calls_being_made_are_answered_after_the_last_handle_is_gone() {
    let backend = Backend::start();
    backend.on("GET", "/a", Reply::text(200, "late").after(Duration::from_millis(100)));
    let (sender, answers) = std::sync::mpsc::channel();
    let answer = move |answer| drop(sender.send(answer));
    let backends = shardwire::control::backends::Backends::start(&[spec(&backend.url())], answer)
        .expect("starts");
    backends.calls().submit(get("/a")).expect("accepted");
    drop(backends);
    let heard: Vec<_> = answers.iter().map(|answer| answer.result.is_ok()).collect();
    assert_eq!(heard, [true], "and then the thread has ended");
}
