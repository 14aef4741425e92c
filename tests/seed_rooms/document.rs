//! The plan's messages: the basic server, the chat application, direct messages, its client.

use serde_json::json;

use super::place::{connect, hear, hears_nothing, join, say, server, token, with_token};
use crate::support::client::{Chatter, get};
use crate::support::{Server, wait_for};

const CORES: [&str; 2] = ["1", "2"];

/// The client of the plan, message by message, with three others around it.
#[test]
fn the_client_joins_general_and_says_hello_world() {
    for cores in CORES {
        let server = server(cores, &[]);
        let mut others: Vec<Chatter> =
            ["bob", "eve", "sam"].into_iter().map(|user| connect(&server, user)).collect();
        join(&mut others[0], "bob", "general");
        let mut ada = connect(&server, "ada");
        ada.send_text(r#"{"event":"join","data":{"room":"general"}}"#);
        hear(&mut ada, "joined", &json!({ "room": "general" }));
        // The room hears of it after the join, so the one who joined is among those told.
        hear(&mut ada, "user_joined", &json!({ "user": "ada" }));
        hear(&mut others[0], "user_joined", &json!({ "user": "ada" }));
        ada.send_text(r#"{"event":"message","data":{"room":"general","content":"Hello, world!"}}"#);
        let said = json!({ "room": "general", "user": "ada", "content": "Hello, world!" });
        hear(&mut ada, "message", &said);
        hear(&mut others[0], "message", &said);
        others[1..].iter_mut().for_each(hears_nothing);
    }
}

/// `conn.Leave`, then the broadcast: who has left is not told, the others are.
#[test]
fn whoever_leaves_is_told_of_to_the_others_only() {
    for cores in CORES {
        let server = server(cores, &[]);
        let (mut ada, mut bob) = (connect(&server, "ada"), connect(&server, "bob"));
        join(&mut ada, "ada", "general");
        join(&mut bob, "bob", "general");
        hear(&mut ada, "user_joined", &json!({ "user": "bob" }));
        bob.send_text(r#"{"event":"leave","data":{"room":"general"}}"#);
        hear(&mut ada, "user_left", &json!({ "user": "bob" }));
        say(
            &mut ada,
            &json!({ "event": "message", "data": { "room": "general", "content": "?" } }),
        );
        assert_eq!(ada.frame()["event"], "message");
        hears_nothing(&mut bob);
    }
}

/// The server sets `user`, whatever the message says; nobody need be in a room to speak to it.
#[test]
fn the_server_says_who_speaks() {
    for cores in CORES {
        let server = server(cores, &[]);
        let (mut ada, mut eve) = (connect(&server, "ada"), connect(&server, "eve"));
        join(&mut ada, "ada", "general");
        let forged = json!({ "room": "general", "user": "ada", "content": "it was me" });
        say(&mut eve, &json!({ "event": "message", "data": forged }));
        let said = json!({ "room": "general", "user": "eve", "content": "it was me" });
        hear(&mut ada, "message", &said);
        // The basic server hands on what the message says.
        say(&mut eve, &json!({ "event": "chat", "data": forged }));
        hear(&mut ada, "chat", &forged);
        say(&mut eve, &json!({ "event": "message", "data": { "room": "general" } }));
        let empty = json!({ "room": "general", "user": "eve", "content": "" });
        hear(&mut ada, "message", &empty);
        hears_nothing(&mut eve);
    }
}

/// `room` and `to` of the message itself, beside its data.
#[test]
fn room_and_to_may_stand_beside_the_data() {
    for cores in CORES {
        let server = server(cores, &[]);
        let (mut ada, mut bob) = (connect(&server, "ada"), connect(&server, "bob"));
        say(&mut ada, &json!({ "event": "join", "room": "general" }));
        hear(&mut ada, "joined", &json!({ "room": "general" }));
        hear(&mut ada, "user_joined", &json!({ "user": "ada" }));
        let data = json!({ "content": "hi" });
        say(&mut bob, &json!({ "event": "message", "data": data, "room": "general" }));
        let said = json!({ "room": "general", "user": "bob", "content": "hi" });
        hear(&mut ada, "message", &said);
        say(&mut bob, &json!({ "event": "dm", "data": data, "to": "ada" }));
        hear(&mut ada, "dm", &json!({ "from": "bob", "content": "hi" }));
        let both = json!({ "room": "elsewhere", "content": "lost" });
        say(&mut bob, &json!({ "event": "message", "data": both, "room": "general" }));
        hears_nothing(&mut bob);
        hears_nothing(&mut ada);
    }
}

/// To a user on all its connections, to one connection by its id, and to nobody.
#[test]
fn a_direct_message_finds_a_user_or_a_connection() {
    for cores in CORES {
        let server = server(cores, &[]);
        let mut bob = connect(&server, "bob");
        let mut phone = connect(&server, "ada");
        let phone_id = wait_for("the line of the connection", || connection_of(&server, "ada"));
        let mut laptop = connect(&server, "ada");
        let dm = |to: &str| json!({ "event": "dm", "data": { "to": to, "content": "psst" } });
        let heard = json!({ "from": "bob", "content": "psst" });
        say(&mut bob, &dm("ada"));
        hear(&mut phone, "dm", &heard);
        hear(&mut laptop, "dm", &heard);
        say(&mut bob, &dm(&phone_id));
        hear(&mut phone, "dm", &heard);
        hears_nothing(&mut laptop);
        for nobody in ["nobody", "00ff0000000100000001", "ffffffffffffffffffff"] {
            say(&mut bob, &dm(nobody));
        }
        hears_nothing(&mut bob);
        hears_nothing(&mut phone);
    }
}

/// The id in the line that `lifecycle.connect` wrote for the user's first connection.
fn connection_of(server: &Server, user: &str) -> Option<String> {
    let log = server.log();
    let (before, _) = log.split_once(&format!(" of {user}"))?;
    before.rsplit_once("client connected: ").map(|(_, id)| id.to_owned())
}

#[test]
fn callbacks_see_who_comes_and_goes() {
    let server = server("2", &[]);
    let ada = connect(&server, "ada");
    let id = wait_for("the line of the connection", || connection_of(&server, "ada"));
    drop(ada);
    let line = format!("client disconnected: {id} of ada, ");
    wait_for("the line of its end", || server.log().contains(&line).then_some(()));
}

#[test]
fn a_broadcast_reaches_every_connection_and_is_not_for_everybody() {
    for cores in CORES {
        let server = server(cores, &[]);
        let mut ops = with_token(&server, &token("ops", &["--perms", "broadcast"]));
        let mut all: Vec<Chatter> =
            (0..5).map(|place| connect(&server, &format!("user{place}"))).collect();
        let news = json!({ "title": "back at noon", "level": 1 });
        say(&mut ops, &json!({ "event": "broadcast", "data": news }));
        hear(&mut ops, "broadcast", &news);
        all.iter_mut().for_each(|one| hear(one, "broadcast", &news));
        say(&mut all[0], &json!({ "event": "broadcast", "data": news }));
        let told = all[0].frame();
        assert_eq!((&told["event"], &told["data"]["code"]), (&json!("error"), &json!("denied")));
        hears_nothing(&mut ops);
    }
}

/// `SetMetadata` and `GetMetadata`: each connection has its own, of any shape.
#[test]
fn metadata_belongs_to_the_connection() {
    let server = server("2", &[]);
    let (mut one, mut other) = (connect(&server, "ada"), connect(&server, "ada"));
    for value in [json!({ "device": "phone", "tags": [1, null] }), json!("text"), json!(null)] {
        say(&mut one, &json!({ "event": "set_metadata", "data": value }));
        hear(&mut one, "metadata", &value);
        say(&mut one, &json!({ "event": "get_metadata" }));
        hear(&mut one, "metadata", &value);
        say(&mut other, &json!({ "event": "get_metadata" }));
        hear(&mut other, "metadata", &json!(null));
    }
}

#[test]
fn statistics_count_connections_rooms_messages_and_bytes() {
    for cores in CORES {
        let server = server(cores, &[]);
        let (mut ada, mut bob) = (connect(&server, "ada"), connect(&server, "bob"));
        join(&mut ada, "ada", "general");
        join(&mut bob, "bob", "general");
        hear(&mut ada, "user_joined", &json!({ "user": "bob" }));
        join(&mut bob, "bob", "team:red:1");
        // Each connection is one of the three: the request for the page is counted, too.
        let stats = wait_for("what was sent is counted", || {
            let stats = get(server.address, "/stats").json();
            (stats["MessagesSent"] == 7 && stats["BytesSent"].as_u64() > Some(300)).then_some(stats)
        });
        assert_eq!((&stats["Rooms"], &stats["MessagesRecv"]), (&json!(2), &json!(3)));
        assert!(stats["BytesRecv"].as_u64() > Some(300), "{stats}");
        assert!((2..=3).contains(&stats["Connections"].as_u64().unwrap_or_default()), "{stats}");
        assert_eq!(stats.as_object().map(serde_json::Map::len), Some(6));
        bob.send_text(r#"{"event":"close"}"#);
        assert_eq!(bob.close_code(), Some(1000));
        wait_for("a room less", || {
            (get(server.address, "/stats").json()["Rooms"] == 1).then_some(())
        });
    }
}
