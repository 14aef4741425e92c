//! The native spelling through the whole binary and real sockets.

#![allow(clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod support;

use std::collections::BTreeSet;

use serde_json::{Value, json};
use support::client::{Chatter, dev_token};
use support::{Server, fixture};

fn server(cores: &str, more: &[&str]) -> Server {
    let file = fixture("server/native.yaml").to_string_lossy().into_owned();
    let arguments: Vec<&str> = [file.as_str()].into_iter().chain(more.iter().copied()).collect();
    Server::start(&arguments, &[("SHARDWIRE_SERVER_CORES", cores)])
}

#[test]
fn hooks_state_rules_and_sends_work_over_sockets_and_cores() {
    for cores in ["1", "2"] {
        let server = server(cores, &["--dev"]);
        let connect = || Chatter::connect(server.address, "");
        let mut all: Vec<Chatter> = (0..6).map(|_| connect()).collect();
        for one in &mut all {
            assert_eq!(one.expect("welcome")["id"].as_str().map(str::len), Some(20));
        }
        let mut ada = all.remove(0);
        ada.send_text(r#"{"event":"name","id":7,"payload":{"name":"Ada"}}"#);
        ada.expect("ok");
        for one in &mut all {
            assert_eq!(one.expect("named"), json!({ "name": "Ada" }));
        }
        for (name, code, line) in
            [("admin", "denied", 12), ("much too long", "invalid_payload", 11)]
        {
            ada.send_text(&json!({ "event": "name", "payload": { "name": name } }).to_string());
            let told = ada.expect("error");
            assert_eq!(told["code"], code);
            let at = told["at"].as_str().unwrap_or_default();
            assert!(at.ends_with(&format!("native.yaml:{line}")), "{told}");
        }
        drop(ada);
        for one in &mut all {
            assert_eq!(one.expect("gone"), json!({ "name": "Ada" }));
        }
    }
}

#[test]
fn without_dev_no_client_learns_where_in_the_file() {
    let server = server("1", &[]);
    let mut ada = Chatter::connect(server.address, "");
    ada.expect("welcome");
    ada.send_text(r#"{"event":"name","payload":{"name":"admin"}}"#);
    let told = ada.expect("error");
    assert_eq!((&told["rule"], told.get("at")), (&json!("no-admin"), None));
}

#[test]
fn presence_is_told_over_sockets_and_cores_and_outlives_a_lost_socket() {
    let file = fixture("server/presence.yaml").to_string_lossy().into_owned();
    for cores in ["1", "2"] {
        let server = Server::start(&[&file, "--dev"], &[("SHARDWIRE_SERVER_CORES", cores)]);
        let enter = |user: &str, room: &str| {
            let mut one = Chatter::connect(server.address, &dev_token(server.address, user));
            one.send("enter", room, &json!({}));
            one
        };
        let connect = |user: &str| enter(user, "hall");
        let mut watcher = connect("watcher");
        let list = watcher.expect("presence");
        assert_eq!(list, json!({ "room": "hall", "members": ["watcher"], "count": 1 }));
        let mut in_hall: BTreeSet<String> = ["watcher".to_owned()].into();
        let mut crowd: Vec<Chatter> = (0..12).map(|n| connect(&format!("user{n:02}"))).collect();
        until(&mut watcher, &mut in_hall, 13);
        // Each has got a list that it is in, and all that came since.
        for one in &mut crowd {
            let mut told = BTreeSet::new();
            until(one, &mut told, 13);
            assert_eq!(told, in_hall);
        }
        // It is lost, and back before anybody hears of it; another says that it leaves.
        drop(crowd.remove(0));
        let mut back = connect("user00");
        until(&mut back, &mut BTreeSet::new(), 13);
        crowd[0].send("exit", "hall", &json!({}));
        let told = watcher.expect("presence");
        assert_eq!((&told["left"], &told["count"]), (&json!(["user01"]), &json!(12)));
        // Without grace a lost socket is a leave.
        let mut watcher = enter("guard", "porch");
        watcher.expect("presence");
        let other = enter("other", "porch");
        assert_eq!(watcher.expect("presence")["joined"], json!(["other"]));
        drop(other);
        let told = watcher.expect("presence");
        assert_eq!((&told["left"], &told["count"]), (&json!(["other"]), &json!(1)));
    }
}

/// Hears of presence until there are so many.
fn until(one: &mut Chatter, members: &mut BTreeSet<String>, count: usize) {
    let names = |list: &Value| -> Vec<String> {
        let names = list.as_array().into_iter().flatten();
        names.filter_map(|name| name.as_str().map(str::to_owned)).collect()
    };
    while members.len() != count {
        let told = one.expect("presence");
        if told.get("members").is_some() {
            *members = names(&told["members"]).into_iter().collect();
        }
        members.extend(names(&told["joined"]));
        for name in names(&told["left"]) {
            members.remove(&name);
        }
    }
}

/// Messages of a room until the last of them, by their numbers.
fn heard(chatter: &mut Chatter, last: u64) -> (Vec<u64>, String) {
    let mut numbers = Vec::new();
    loop {
        let message = chatter.next_json();
        if message["event"] != "said" {
            continue;
        }
        let n: u64 = message["payload"]["text"].as_str().and_then(|n| n.parse().ok()).expect("n");
        numbers.push(n);
        if n == last {
            let place = message["position"].as_str().expect("a place").to_owned();
            return (numbers, place);
        }
    }
}

fn enter(chatter: &mut Chatter, since: &str) -> serde_json::Value {
    let payload = json!({ "room": "chat:1", "since": since });
    chatter.send_text(&json!({ "event": "enter", "payload": payload }).to_string());
    chatter.expect("history")
}

#[test]
fn a_connection_that_was_lost_recovers_what_was_said_meanwhile() {
    let file = fixture("../examples/reconnect.yaml").to_string_lossy().into_owned();
    for cores in ["1", "2"] {
        let more = [("SHARDWIRE_SERVER_CORES", cores), ("SHARDWIRE_AUTH_MODE", "none")];
        let server = Server::start(&[file.as_str(), "--dev"], &more);
        let connect = || Chatter::connect(server.address, "");
        // Several, so that both shards have members.
        let mut stay: Vec<Chatter> = (0..4).map(|_| connect()).collect();
        stay.iter_mut().for_each(|one| drop(enter(one, "")));
        let mut lost: Vec<Chatter> = (0..4).map(|_| connect()).collect();
        lost.iter_mut().for_each(|one| drop(enter(one, "")));
        let mut next = 1;
        let mut say = |stay: &mut Vec<Chatter>, count: u64| {
            for _ in 0..count {
                let payload = json!({ "room": "chat:1", "text": next.to_string() });
                let place = (next % 4) as usize;
                let message = json!({ "event": "say", "payload": payload }).to_string();
                stay[place].send_text(&message);
                next += 1;
                stay.iter_mut().for_each(|one| drop(heard(one, next - 1)));
            }
            next - 1
        };
        let last = say(&mut stay, 3);
        let places: Vec<String> = lost.iter_mut().map(|one| heard(one, last).1).collect();
        drop(lost);
        let last = say(&mut stay, 6);
        for place in places {
            let mut back = connect();
            assert_eq!(enter(&mut back, &place)["recovered"], true);
            assert_eq!(heard(&mut back, last).0, [4, 5, 6, 7, 8, 9]);
            back.expect("entered");
        }
    }
}
