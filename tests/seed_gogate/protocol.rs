//! The document, line by line: what clients say and hear, what the backend is asked.

use serde_json::{Value, json};

use super::document as doc;
use super::gate::{Device, Gate, JANE, KEY};

/// John and Jane with two devices each, in this order.
fn cast(gate: &Gate) -> [Device; 4] {
    let mut all = [gate.guest(), gate.guest(), gate.guest(), gate.guest()];
    for (device, words) in all.iter_mut().zip([doc::AUTH, doc::WSCAT_AUTH, JANE, JANE]) {
        device.say(words);
        match words {
            JANE => assert_eq!(device.hears_of("auth_success")["user_id"], 2),
            _ => device.hears(doc::AUTH_SUCCESS),
        }
    }
    all
}

#[test]
fn the_document_line_by_line() {
    for cores in ["1", "2"] {
        let gate = Gate::start(cores);
        let mut stranger = gate.guest();
        stranger.auth("expired").hears(doc::AUTH_ERROR);
        let mut all = cast(&gate);
        messages(&mut all);
        // The typist is told on no device: what Jane hears next is the reaction.
        all[2].say(doc::TYPING);
        all[..2].iter_mut().for_each(|device| device.hears(doc::USER_TYPING));
        reactions(&mut all);
        receipts(&mut all);
        all[0].tell("typing", json!({ "chat_id": "one", "is_typing": true }));
        all[0].hears(doc::INVALID_CHAT);
        assert_eq!(all[0].say(doc::STRUCTURE).hears_code(), "UNKNOWN_EVENT");
        all.iter_mut().for_each(Device::hears_nothing_more);
    }
}

fn messages(all: &mut [Device]) {
    all[2].tell("send_message", json!({ "chat_id": 1, "text": "Hello back!" }));
    all.iter_mut().for_each(|device| device.hears(doc::NEW_MESSAGE));
    for (words, text) in
        [(doc::SEND_MESSAGE, "Hello, world!"), (doc::WSCAT_MESSAGE, "Test message")]
    {
        all[0].say(words);
        for device in all.iter_mut() {
            assert_eq!(device.hears_of("new_message")["text"], text);
        }
    }
}

fn reactions(all: &mut [Device]) {
    all[2].tell("add_reaction", json!({ "message_id": 123, "emoji": "❤️" }));
    all.iter_mut().for_each(|device| device.hears(doc::NEW_REACTION));
    all[0].say(doc::ADD_REACTION);
    let told = json!({ "message_id": 123, "user_id": 1, "name": "John Doe", "emoji": "👍" });
    all.iter_mut().for_each(|device| assert_eq!(device.hears_of("new_reaction"), told));
}

fn receipts(all: &mut [Device]) {
    all[2].tell("mark_read", json!({ "message_ids": [123, 124] }));
    all.iter_mut().for_each(|device| device.hears(doc::MESSAGE_READ));
    all[0].say(doc::MARK_READ);
    let told = json!({ "message_ids": [123, 124, 125], "user_id": 1, "name": "John Doe" });
    all.iter_mut().for_each(|device| assert_eq!(device.hears_of("message_read"), told));
}

#[test]
fn the_backend_is_asked_as_documented() {
    let gate = Gate::start("2");
    let mut john = gate.device("jwt_token");
    for (words, told) in [
        (doc::SEND_MESSAGE, "new_message"),
        (doc::ADD_REACTION, "new_reaction"),
        (doc::MARK_READ, "message_read"),
    ] {
        john.say(words).hears_of(told);
    }
    let data = |words: &str| -> Value {
        let whole: Value = serde_json::from_str(words).expect("JSON");
        whole["data"].clone()
    };
    let validate: Value = serde_json::from_str(doc::VALIDATE).expect("JSON");
    let wanted = [
        ("POST", "/api/internal/v1/auth/validate", validate),
        ("GET", "/api/internal/v1/chats/1/members", Value::Null),
        ("POST", "/api/v1/messages", data(doc::SEND_MESSAGE)),
        ("POST", "/api/v1/messages/123/reactions", json!({ "emoji": "👍" })),
        ("POST", "/api/v1/messages/read", data(doc::MARK_READ)),
    ];
    let asked = gate.backend.requests();
    for (method, path, body) in wanted {
        let request = asked.iter().find(|one| one.path == path).expect(path);
        assert_eq!(request.method, method, "{path}");
        let internal = path.starts_with("/api/internal/");
        let key = request.header("x-internal-api-key");
        assert_eq!(key, internal.then_some(KEY), "{path}");
        let bearer = request.header("authorization");
        assert_eq!(bearer, (!internal).then_some("Bearer jwt_token"), "{path}");
        match body {
            Value::Null => assert_eq!(request.body, ""),
            body => assert_eq!(request.json(), body, "{path}"),
        }
    }
}

/// What a client leaves out is left out; what the document does not know goes nowhere.
#[test]
fn a_message_is_passed_on_with_what_the_document_knows() {
    let gate = Gate::start("1");
    let mut john = gate.device("jwt_token");
    let spoofed = json!({ "chat_id": 1, "text": "a \"b\" \u{1f600}", "sender_id": 2, "id": 9 });
    john.tell("send_message", spoofed).hears_of("new_message");
    let asked = gate.asked("/api/v1/messages");
    assert_eq!(asked[0].json(), json!({ "chat_id": 1, "text": "a \"b\" \u{1f600}" }));
}

#[test]
fn an_id_comes_back_on_the_answer_and_on_the_error() {
    let gate = Gate::start("1");
    let mut john = gate.guest();
    john.say(r#"{"event":"auth","id":7,"data":{"token":"bad"}}"#);
    assert_eq!(john.hear()["id"], 7);
    john.say(r#"{"event":"auth","id":"b","data":{"token":"jwt_token"}}"#);
    let answer = john.hear();
    assert_eq!((&answer["event"], &answer["id"]), (&json!("auth_success"), &json!("b")));
}

#[test]
fn connections_to_the_backend_are_used_again() {
    let gate = Gate::start("2");
    for n in 0..20 {
        gate.device(&format!("user_{n}"));
    }
    assert_eq!(gate.backend.requests().len(), 20);
    assert!(gate.backend.connections() <= 3, "{}", gate.backend.connections());
}
