//! Who hears what: devices, members who are offline, strangers, chats that nobody names.

use serde_json::json;

use super::gate::{Device, Gate, members};
use super::support::backend::Reply;

#[test]
fn every_device_of_every_member_hears_and_nobody_else() {
    for cores in ["1", "2"] {
        let gate = Gate::start(cores);
        let mut inside: Vec<Device> =
            (0..12).map(|n| gate.device(&format!("user_{}", n % 3 + 1))).collect();
        let mut outside = gate.device("user_9");
        for round in 0..5 {
            inside[round].tell("send_message", json!({ "chat_id": 1, "text": round.to_string() }));
            for device in &mut inside {
                assert_eq!(device.hears_of("new_message")["text"], round.to_string());
            }
        }
        outside.hears_nothing_more();
    }
}

#[test]
fn members_who_are_offline_miss_it_and_the_others_do_not() {
    let gate = Gate::start("2");
    let (mut john, gone) = (gate.device("user_1"), gate.device("user_2"));
    drop(gone);
    john.tell("send_message", json!({ "chat_id": 1, "text": "a" })).hears_of("new_message");
    let mut back = gate.device("user_2");
    john.tell("send_message", json!({ "chat_id": 1, "text": "b" })).hears_of("new_message");
    assert_eq!(back.hears_of("new_message")["text"], "b");
    back.hears_nothing_more();
}

#[test]
fn a_device_that_comes_later_is_one_of_the_user() {
    for cores in ["1", "2"] {
        let gate = Gate::start(cores);
        let mut john = gate.device("user_1");
        let mut late: Vec<Device> = (0..4).map(|_| gate.device("user_1")).collect();
        late[3].tell("add_reaction", json!({ "message_id": 123, "emoji": "x" }));
        late.iter_mut().chain([&mut john]).for_each(|device| {
            assert_eq!(device.hears_of("new_reaction")["user_id"], 1);
        });
    }
}

#[test]
fn without_a_chat_the_users_own_devices_are_told() {
    let gate = Gate::start("2");
    gate.backend.on("POST", "/api/v1/messages/5/reactions", Reply::json(200, &json!({})));
    let no_chat = Reply::json(200, &json!({ "chat_id": null }));
    gate.backend.on("POST", "/api/v1/messages/read", no_chat);
    let mut own = [gate.device("user_1"), gate.device("user_1")];
    let mut other = gate.device("user_2");
    own[0].tell("add_reaction", json!({ "message_id": 5, "emoji": "x" }));
    own.iter_mut().for_each(|device| drop(device.hears_of("new_reaction")));
    own[1].tell("mark_read", json!({ "message_ids": [5] }));
    own.iter_mut().for_each(|device| drop(device.hears_of("message_read")));
    other.hears_nothing_more();
}

#[test]
fn typing_is_for_members_and_by_members() {
    for cores in ["1", "2"] {
        let gate = Gate::start(cores);
        let mut john = [gate.device("user_1"), gate.device("user_1")];
        let mut jane = gate.device("user_2");
        let mut stranger = gate.device("user_9");
        let typing = |is_typing: bool| json!({ "chat_id": 1, "is_typing": is_typing });
        stranger.tell("typing", typing(true));
        assert_eq!(stranger.hears_code(), "INVALID_CHAT");
        for is_typing in [true, false] {
            john[0].tell("typing", typing(is_typing));
            assert_eq!(jane.hears_of("user_typing")["is_typing"], is_typing);
        }
        john.iter_mut().for_each(Device::hears_nothing_more);
    }
}

/// One question for all who type in a chat at one time, and a new one when its answer is old.
#[test]
fn members_are_asked_for_once_in_a_while() {
    let gate = Gate::start("2");
    let everybody: Vec<u64> = (1..=20).collect();
    let path = "/api/internal/v1/chats/8/members";
    gate.backend.on("GET", path, Reply::json(200, &members(&everybody)));
    let mut all: Vec<Device> =
        everybody.iter().map(|id| gate.device(&format!("user_{id}"))).collect();
    for device in &mut all {
        device.tell("typing", json!({ "chat_id": 8, "is_typing": true }));
    }
    for device in &mut all {
        (0..19).for_each(|_| drop(device.hears_of("user_typing")));
        device.hears_nothing_more();
    }
    let asked = gate.asked(path).len();
    assert!((1..=5).contains(&asked), "{asked}");
}
