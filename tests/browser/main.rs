//! The pages in a real Chromium: two windows on two shards talk to each other; `hall` has the chat
//! of examples/chat-server.yaml and the dashboard.
//!
//! Ignored by default because it needs Chromium; `scripts/test` installs it and runs this with
//! `--ignored`. `CHROMIUM` names another binary.

#![allow(clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

#[path = "../support/mod.rs"]
mod support;

mod hall;

use serde_json::{Value, json};
use support::chromium::{Chromium, Window};
use support::client::get;
use support::{Server, fixture};

const TEXTS: [&str; 6] = [
    "hello from the other core",
    r#"quotes " ' ` and \ "}],{"#,
    "👩‍🚀 é 愛 \u{202e}rtl",
    "<b>bold</b><img src=x onerror=document.title='owned'>",
    "</script><script>document.title='owned'</script>",
    "{$user.id} {.payload.message} ${env.HOME}",
];

/// Upgrades so far, by shard.
fn upgrades(server: &Server) -> Vec<u64> {
    let about = get(server.address, "/dev/about").json();
    let shards = about["perShard"].as_array().expect("shards");
    shards.iter().map(|shard| shard["upgrades"].as_u64().expect("a count")).collect()
}

/// Does something that opens one connection; gives the shard it landed on.
fn shard_of_next(server: &Server, act: impl FnOnce()) -> usize {
    let before = upgrades(server);
    act();
    support::wait_for("one more connection", || {
        upgrades(server).iter().zip(&before).position(|(now, then)| now > then)
    })
}

fn enter(window: &mut Window, server: &Server, name: &str) {
    window.open(&format!("http://{}/", server.address));
    window.wait_until("document.readyState === 'complete' && !!document.getElementById('enter')");
    window.run(&format!(
        "document.getElementById('name').value = {};
         document.getElementById('enter').requestSubmit()",
        json!(name)
    ));
    is_connected(window);
}

fn is_connected(window: &mut Window) {
    window.wait_until("document.getElementById('status').dataset.state === 'open'");
}

/// Opens a second connection for the page and gives up the first.
fn reconnect(window: &mut Window) {
    window.run("{ const old = socket; connect(); old.close(); }");
    is_connected(window);
}

fn sees_line(window: &mut Window, line: &str) {
    window.wait_until(&format!(
        "[...document.querySelectorAll('#messages .notice')].some(
            (item) => item.textContent === {})",
        json!(line)
    ));
}

fn say(window: &mut Window, text: &str) {
    window.run(&format!(
        "document.getElementById('text').value = {};
         document.getElementById('say').requestSubmit()",
        json!(text)
    ));
}

/// Waits for the message at this place of the conversation and compares it.
fn sees_message(window: &mut Window, place: usize, who: &str, text: &str) {
    let item = format!("document.querySelectorAll('#messages .said')[{place}]");
    window.wait_until(&format!("!!{item}"));
    let shown = window.run(&format!(
        "[{item}.querySelector('.who').textContent, {item}.querySelector('.text').textContent]"
    ));
    assert_eq!(shown, json!([who, text]));
}

/// The page's own WebSocket is open; another server's is against its policy.
fn connects_to_its_server_alone(window: &mut Window) {
    window.run(
        "window.blocked = [];
         document.addEventListener('securitypolicyviolation', (event) =>
             blocked.push(event.effectiveDirective + ' ' + event.blockedURI));
         try { new WebSocket('ws://127.0.0.1:9/ws'); } catch {}",
    );
    window.wait_until("blocked.some((one) => one.startsWith('connect-src ws://127.0.0.1:9'))");
}

#[test]
#[ignore = "needs Chromium: run scripts/test"]
fn two_windows_on_two_shards_chat() {
    let config = fixture("server/chat.yaml");
    let config = config.to_string_lossy();
    let server = Server::start(&[&config, "--dev"], &[("SHARDWIRE_SERVER_CORES", "2")]);
    assert_eq!(upgrades(&server).len(), 2, "this test needs two shards");
    let mut chromium = Chromium::start();
    let mut ada = chromium.window();
    let mut bob = chromium.window();

    let home = shard_of_next(&server, || enter(&mut ada, &server, "ada"));
    sees_line(&mut ada, "ada joined");
    let mut other = shard_of_next(&server, || enter(&mut bob, &server, "bob"));
    for _ in 0..64 {
        if other != home {
            break;
        }
        other = shard_of_next(&server, || reconnect(&mut bob));
    }
    assert_ne!(other, home, "64 connections landed on one shard");
    sees_line(&mut bob, "bob joined");
    sees_line(&mut ada, "bob joined");

    for (turn, text) in TEXTS.iter().enumerate() {
        for (place, (window, who)) in [(&mut ada, "ada"), (&mut bob, "bob")].into_iter().enumerate()
        {
            say(window, text);
            sees_message(window, 2 * turn + place, who, text);
        }
        sees_message(&mut ada, 2 * turn + 1, "bob", text);
        sees_message(&mut bob, 2 * turn, "ada", text);
    }
    for window in [&mut ada, &mut bob] {
        let inserted =
            window.run("document.querySelectorAll('#messages :is(b, img, script)').length");
        assert_eq!(inserted, Value::from(0));
        assert_ne!(window.run("document.title"), "owned");
    }

    connects_to_its_server_alone(&mut ada);

    bob.run("document.querySelector('#rooms .leave').click()");
    sees_line(&mut ada, "bob left");
    ada.run("document.getElementById('raw').value = 'not json'");
    ada.run("document.getElementById('rawForm').requestSubmit()");
    ada.wait_until("!!document.querySelector('#messages .wrong')");
}
