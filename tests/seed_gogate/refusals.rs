//! What is refused, and what the client is told: the shape is the document's, always.

use serde_json::{Value, json};

use super::document::{AUTH_ERROR, AUTH_SUCCESS, INVALID_CHAT};
use super::gate::Gate;
use super::support::backend::Reply;

#[test]
fn before_a_user_is_known_only_auth_is_accepted() {
    for cores in ["1", "2"] {
        let gate = Gate::start(cores);
        let mut guest = gate.guest();
        for (event, data) in [
            ("send_message", json!({ "chat_id": 1, "text": "x" })),
            ("typing", json!({ "chat_id": 1, "is_typing": true })),
            ("add_reaction", json!({ "message_id": 123, "emoji": "x" })),
            ("mark_read", json!({ "message_ids": [1] })),
        ] {
            assert_eq!(guest.tell(event, data).hears_code(), "UNIDENTIFIED", "{event}");
        }
        assert_eq!(gate.backend.requests().len(), 0);
        guest.auth("bad").hears(AUTH_ERROR);
        assert_eq!(guest.tell("typing", json!({})).hears_code(), "UNIDENTIFIED");
        guest.auth("jwt_token").hears(AUTH_SUCCESS);
    }
}

#[test]
fn whoever_says_nothing_is_closed() {
    let gate = Gate::with("1", "auth: { deadline: 200ms }\n", &[]);
    assert_eq!(gate.guest().0.close_code(), Some(4504));
}

#[test]
fn a_token_is_renewed_and_never_becomes_another_users() {
    let gate = Gate::start("2");
    let mut john = gate.device("jwt_token");
    john.auth("your_jwt_access_token").hears(AUTH_SUCCESS);
    assert_eq!(john.auth("jane").hears_code(), "OTHER_USER");
    john.tell("mark_read", json!({ "message_ids": [1] })).hears_of("message_read");
    let read = gate.asked("/api/v1/messages/read");
    assert_eq!(read[0].header("authorization"), Some("Bearer your_jwt_access_token"));
}

#[test]
fn a_chat_that_is_none_is_told_as_documented() {
    let gate = Gate::start("1");
    let mut john = gate.device("user_1");
    let wrong = [json!("1"), json!(1.5), json!(null), json!([1]), json!(true), json!({})];
    for (place, chat) in wrong.iter().enumerate() {
        let (event, more) = match place % 2 {
            0 => ("send_message", ("text", json!("x"))),
            _ => ("typing", ("is_typing", json!(true))),
        };
        john.tell(event, json!({ "chat_id": chat, more.0: more.1 })).hears(INVALID_CHAT);
    }
    john.tell("typing", json!({ "is_typing": true })).hears(INVALID_CHAT);
    // One that the backend does not know.
    john.tell("send_message", json!({ "chat_id": 77, "text": "x" })).hears(INVALID_CHAT);
    assert_eq!(gate.asked("/api/v1/messages").len(), 0);
}

#[test]
fn what_does_not_fit_an_event_is_refused_and_the_connection_goes_on() {
    let gate = Gate::start("1");
    let mut john = gate.device("user_1");
    let long = "x".repeat(8_193);
    let tell = |event: &str, data: Value| json!({ "event": event, "data": data }).to_string();
    for (words, code) in [
        ("{".to_owned(), "BAD_JSON"),
        ("[]".to_owned(), "BAD_JSON"),
        (r#"{"data":{}}"#.to_owned(), "BAD_MESSAGE"),
        (r#"{"event":1}"#.to_owned(), "BAD_MESSAGE"),
        (r#"{"event":"auth"}"#.to_owned(), "INVALID_PAYLOAD"),
        (tell("auth", json!({ "token": "" })), "INVALID_PAYLOAD"),
        (tell("auth", json!({ "token": long })), "INVALID_PAYLOAD"),
        (tell("send_message", json!({ "chat_id": 1, "text": 5 })), "INVALID_PAYLOAD"),
        (tell("send_message", json!({ "chat_id": 1, "attachment_ids": ["a"] })), "INVALID_PAYLOAD"),
        (tell("typing", json!({ "chat_id": 1, "is_typing": "yes" })), "INVALID_PAYLOAD"),
        (tell("add_reaction", json!({ "message_id": "../9", "emoji": "x" })), "INVALID_PAYLOAD"),
        (tell("add_reaction", json!({ "message_id": 123, "emoji": "" })), "INVALID_PAYLOAD"),
        (tell("mark_read", json!({ "message_ids": [] })), "INVALID_PAYLOAD"),
        (tell("event_name", json!({})), "UNKNOWN_EVENT"),
    ] {
        assert_eq!(john.say(&words).hears_code(), code, "{words}");
    }
    assert_eq!(gate.backend.requests().len(), 1, "only the first auth asks");
}

/// The backend's words where it refuses; never those of one that broke.
#[test]
fn a_refusal_of_the_backend_is_told_in_its_words() {
    let gate = Gate::start("2");
    let mut john = gate.device("user_1");
    for (status, body, message, code) in [
        (403, json!({ "message": "Not here" }), "Not here", "BACKEND_REFUSED"),
        (422, json!({ "error": "x" }), "a service this needs refused", "BACKEND_REFUSED"),
        (404, json!([]), "a service this needs refused", "BACKEND_REFUSED"),
        (500, json!({ "message": "SQLSTATE" }), "a service this needs failed", "BACKEND_FAILED"),
        (302, json!({}), "a service this needs failed", "BACKEND_FAILED"),
    ] {
        gate.backend.on("POST", "/api/v1/messages", Reply::json(status, &body));
        john.tell("send_message", json!({ "chat_id": 1, "text": "x" }));
        let told = json!({ "message": message, "code": code });
        assert_eq!(john.hears_of("error"), told, "{status}");
    }
    let broken = Reply::json(500, &json!({ "message": "SQLSTATE" }));
    gate.backend.on("POST", "/api/internal/v1/auth/validate", broken);
    let told = json!({ "message": "Authentication failed: a service this needs failed" });
    assert_eq!(gate.guest().auth("jwt_token").hears_of("error"), told);
}

/// Answers that are JSON and not what was agreed.
#[test]
fn a_backend_that_lies_is_found_out() {
    let gate = Gate::start("2");
    let mut john = gate.device("user_1");
    let lies = [
        json!({}),
        json!({ "members": null }),
        json!({ "members": {} }),
        json!({ "members": [1] }),
        json!({ "members": [{ "id": "1" }] }),
        json!([]),
    ];
    for (chat, lie) in lies.iter().enumerate() {
        let path = format!("/api/internal/v1/chats/{chat}/members");
        gate.backend.on("GET", &path, Reply::json(200, lie));
        john.tell("send_message", json!({ "chat_id": chat, "text": "x" }));
        assert_eq!(john.hears_code(), "BACKEND_ANSWER", "{lie}");
    }
    for lie in
        [json!({ "id": "1", "name": "x" }), json!({ "id": 1 }), json!({ "id": 1, "name": 2 })]
    {
        gate.backend.on("POST", "/api/internal/v1/auth/validate", Reply::json(200, &lie));
        let message = gate.guest().auth("jwt_token").hears_of("error")["message"].clone();
        let wanted = "Authentication failed: a service this needs gave an answer that does not fit";
        assert_eq!(message, wanted, "{lie}");
    }
    for lie in [json!({ "chat_id": "1" }), json!({ "chat_id": 1.5 })] {
        gate.backend.on("POST", "/api/v1/messages/read", Reply::json(200, &lie));
        john.tell("mark_read", json!({ "message_ids": [1] }));
        assert_eq!(john.hears_code(), "BACKEND_ANSWER", "{lie}");
    }
    // What it says of itself may be anything.
    for said in [json!({ "message": { "a": 1 } }), json!({ "message": 5 }), json!("no")] {
        gate.backend.on("POST", "/api/v1/messages/read", Reply::json(403, &said));
        john.tell("mark_read", json!({ "message_ids": [1] }));
        assert_eq!(john.hears_code(), "BACKEND_REFUSED", "{said}");
        gate.backend.on("POST", "/api/internal/v1/auth/validate", Reply::json(403, &said));
        gate.guest().auth("jwt_token").hears_of("error");
    }
    assert_eq!(john.tell("nothing", json!({})).hears_code(), "UNKNOWN_EVENT");
}
