//! The native spelling through the whole binary and real sockets.

#![allow(clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod support;

use serde_json::json;
use support::client::Chatter;
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
