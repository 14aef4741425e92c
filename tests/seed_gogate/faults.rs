//! Each way of a backend to misbehave, by its name, at each of its endpoints: the client gets the
//! documented error, its connection goes on, nobody else waits, and memory is bounded.

use serde_json::json;

use super::gate::{Device, Gate, members};
use super::support::backend::{Backend, FAULTS, Fault, Reply};
use super::support::wait_for;

/// A backend that is given up soon, and never left alone.
const HURRIED: &str =
    "backends: { api: { timeout: 2s, connectTimeout: 2s, breaker: { failures: 0 } } }\n";

/// One that has time to give a good answer, however busy the machine is.
const PATIENT: &str =
    "backends: { api: { timeout: 10s, connectTimeout: 10s, breaker: { failures: 0 } } }\n";

fn code(fault: Fault) -> &'static str {
    match fault {
        Fault::Hang | Fault::HangMidBody | Fault::Drip => "BACKEND_TIMEOUT",
        Fault::Huge | Fault::Endless | Fault::CloseAfter => "BACKEND_ANSWER",
        _ => "BACKEND_UNAVAILABLE",
    }
}

#[test]
fn each_fault_has_its_error_at_each_endpoint() {
    for cores in ["1", "2"] {
        // Those that take all the time there is have a gate each, and take it together.
        let (slow, prompt): (Vec<_>, Vec<_>) =
            FAULTS.into_iter().partition(|(_, fault)| code(*fault) == "BACKEND_TIMEOUT");
        std::thread::scope(|scope| {
            for one in slow {
                scope.spawn(move || each_endpoint_fails(cores, HURRIED, &[one]));
            }
            each_endpoint_fails(cores, PATIENT, &prompt);
        });
    }
}

fn each_endpoint_fails(cores: &str, over: &str, faults: &[(&str, Fault)]) {
    let gate = Gate::with(cores, over, &[]);
    for (user, &(name, fault)) in (100..).zip(faults) {
        let mut device = auth_fails(&gate, user, name, fault);
        let chat = format!("/api/internal/v1/chats/{user}/members");
        gate.backend.on("GET", &chat, Reply::fault(fault));
        device.tell("typing", json!({ "chat_id": user, "is_typing": true }));
        assert_eq!(device.hears_code(), code(fault), "{name}");
        gate.backend.on("GET", &chat, Reply::json(200, &members(&[user])));
        writes_fail(&gate, &mut device, user, name, fault);
    }
}

/// Who says who it is while the backend misbehaves is told so, and may say it again.
fn auth_fails(gate: &Gate, user: u64, name: &str, fault: Fault) -> Device {
    let path = "/api/internal/v1/auth/validate";
    gate.backend.on("POST", path, Reply::fault(fault));
    let mut device = gate.guest();
    let told = device.auth("any").hears_of("error");
    let message = told["message"].as_str().unwrap_or_default();
    assert!(message.starts_with("Authentication failed: a service this needs "), "{name}: {told}");
    assert_eq!(device.tell("typing", json!({})).hears_code(), "UNIDENTIFIED", "{name}");
    let known = json!({ "id": user, "name": name });
    gate.backend.on("POST", path, Reply::json(200, &known));
    device.auth("any").hears_of("auth_success");
    device
}

fn writes_fail(gate: &Gate, device: &mut Device, chat: u64, name: &str, fault: Fault) {
    for (event, path, data) in [
        ("send_message", "/api/v1/messages", json!({ "chat_id": chat, "text": "x" })),
        (
            "add_reaction",
            "/api/v1/messages/123/reactions",
            json!({ "message_id": 123, "emoji": "x" }),
        ),
        ("mark_read", "/api/v1/messages/read", json!({ "message_ids": [1] })),
    ] {
        gate.backend.on("POST", path, Reply::fault(fault));
        device.tell(event, data.clone());
        // Without a chat in it a good answer is one.
        match (fault, event) {
            (Fault::CloseAfter, "add_reaction" | "mark_read") => drop(device.hear()),
            _ => assert_eq!(device.hears_code(), code(fault), "{event}, {name}"),
        }
        gate.backend.on("POST", path, Reply::json(200, &json!({ "id": 5, "chat_id": chat })));
        let heard = device.tell(event, data.clone()).hear();
        // A post that meets the close of a kept connection may have been done: nobody repeats it.
        let heard = match fault {
            Fault::CloseAfter if heard["event"] == "error" => device.tell(event, data).hear(),
            _ => heard,
        };
        assert_ne!(heard["event"], "error", "{event} after {name}: {heard}");
    }
}

#[test]
fn nobody_at_the_backends_address() {
    for cores in ["1", "2"] {
        let nobody = Backend::start().url();
        let gate = Gate::with(cores, PATIENT, &[("BACKEND_API_URL", &nobody)]);
        let told = gate.guest().auth("jwt_token").hears_of("error");
        let wanted = "Authentication failed: a service this needs cannot be reached";
        assert_eq!(told["message"], wanted);
    }
}

/// Others are answered while one waits; what it said meanwhile is answered behind.
#[test]
fn only_the_connection_that_asked_waits() {
    for cores in ["1", "2"] {
        let gate = Gate::start(cores);
        let mut waiting = gate.device("user_1");
        let mut others: Vec<Device> = (2..8).map(|n| gate.device(&format!("user_{n}"))).collect();
        gate.backend.on("POST", "/api/v1/messages", Reply::fault(Fault::Hang));
        waiting.tell("send_message", json!({ "chat_id": 1, "text": "x" }));
        waiting.tell("nothing", json!({}));
        wait_for("the question", || (gate.asked("/api/v1/messages").len() == 1).then_some(()));
        for device in &mut others {
            device.tell("mark_read", json!({ "message_ids": [1] }));
        }
        for _ in 0..6 {
            assert_eq!(others[0].hears_of("message_read")["message_ids"], json!([1]));
        }
        // Members of the chat hear of it all; of the others, who are none, only the first does.
        assert_eq!(receipts(&mut waiting), 6);
        assert_eq!(waiting.hears_code(), "UNKNOWN_EVENT");
    }
}

/// Receipts until the error of the call that hangs.
fn receipts(device: &mut Device) -> usize {
    let mut heard = 0;
    loop {
        let message = device.hear();
        match message["event"].as_str() {
            Some("message_read") => heard += 1,
            _ => {
                assert_eq!(message["data"]["code"], "BACKEND_TIMEOUT", "{message}");
                return heard;
            }
        }
    }
}

/// Resident memory of a process, in KiB.
fn resident_kib(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("a process");
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).expect("a figure");
    line.split_whitespace().nth(1).and_then(|text| text.parse().ok()).expect("a number")
}

/// 60 answers without an end at one time: each is cut at the backend's bound of 256 KiB.
#[test]
fn answers_without_an_end_fill_no_memory() {
    let gate = Gate::with("2", PATIENT, &[]);
    let mut all: Vec<Device> = (0..60).map(|n| gate.device(&format!("user_{n}"))).collect();
    let before_kib = resident_kib(gate.server.pid());
    for fault in [Fault::Endless, Fault::Huge, Fault::EndlessHead] {
        gate.backend.on("POST", "/api/v1/messages/read", Reply::fault(fault));
        for device in &mut all {
            device.tell("mark_read", json!({ "message_ids": [1] }));
        }
        for device in &mut all {
            let code = device.hears_code();
            assert!(code.starts_with("BACKEND_"), "{code}");
        }
    }
    let grown_kib = resident_kib(gate.server.pid()).saturating_sub(before_kib);
    println!("grown by {grown_kib} KiB");
    assert!(grown_kib < 64 * 1_024, "{grown_kib}");
}
