//! The breaker: a backend that keeps failing is left alone, and is asked again when it may be well.

use serde_json::json;

use super::gate::{Device, Gate};
use super::support::backend::{Fault, Reply};
use super::support::wait_for;

const OVER: &str = "\
backends: { api: { timeout: 2s, breaker: { failures: 5, window: 5m, open: 3s } } }
events: { mark_read: { limit: 10000/s } }
";

fn mark(device: &mut Device) -> String {
    let message = device.tell("mark_read", json!({ "message_ids": [1] })).hear();
    let code = message["data"]["code"].as_str().map(str::to_owned);
    code.unwrap_or_else(|| message["event"].as_str().unwrap_or_default().to_owned())
}

#[test]
fn a_backend_that_keeps_failing_is_left_alone_until_it_is_well() {
    std::thread::scope(|scope| {
        for (bad, code) in [
            (Reply::text(500, "{}"), "BACKEND_FAILED"),
            (Reply::fault(Fault::Reset), "BACKEND_UNAVAILABLE"),
            (Reply::fault(Fault::Hang), "BACKEND_TIMEOUT"),
        ] {
            scope.spawn(move || is_left_alone(bad, code));
        }
    });
}

fn is_left_alone(bad: Reply, code: &str) {
    let path = "/api/v1/messages/read";
    let gate = Gate::with("2", OVER, &[]);
    let mut john = gate.device("user_1");
    gate.backend.on("POST", path, bad);
    for _ in 0..5 {
        assert_eq!(mark(&mut john), code);
    }
    // Open: nobody is asked, whatever the endpoint, and the answer comes at once.
    let asked = gate.backend.requests().len();
    assert_eq!(mark(&mut john), "BACKEND_UNAVAILABLE");
    let told = gate.guest().auth("jwt_token").hears_of("error");
    assert_eq!(told["message"], "Authentication failed: a service this needs cannot be reached");
    assert_eq!(gate.backend.requests().len(), asked);
    // Still bad when it is tried again: it opens again.
    wait_for("a trial", || {
        mark(&mut john);
        (gate.backend.requests().len() > asked).then_some(())
    });
    assert_eq!(mark(&mut john), "BACKEND_UNAVAILABLE");
    gate.backend.on("POST", path, Reply::json(200, &json!({})));
    wait_for("the backend to be well", || (mark(&mut john) == "message_read").then_some(()));
    for _ in 0..10 {
        assert_eq!(mark(&mut john), "message_read");
    }
}

/// Refusals are answers: a backend that refuses is well.
#[test]
fn refusals_do_not_open_it() {
    let gate = Gate::with("1", OVER, &[]);
    let mut john = gate.device("user_1");
    let refusal = Reply::json(403, &json!({ "message": "no" }));
    gate.backend.on("POST", "/api/v1/messages/read", refusal);
    for _ in 0..20 {
        assert_eq!(mark(&mut john), "BACKEND_REFUSED");
    }
}
