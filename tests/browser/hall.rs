//! The pages of examples/chat-server.yaml: two people chat, and the dashboard shows them.
//!
//! With `SHARDWIRE_BLESS=1` the pictures in docs/pages are taken again.

use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::chromium::{Chromium, Window};
use crate::support::Server;

const WIDE: (u32, u32) = (1280, 1180);
const PHONE: (u32, u32) = (390, 844);

/// A picture in docs/ is small.
const PICTURE_BYTES_MAX: u64 = 200_000;

fn hall(more: &[(&str, &str)]) -> Server {
    let config = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("examples/chat-server.yaml");
    let mut environment = vec![("SHARDWIRE_SERVER_CORES", "2")];
    environment.extend(more);
    Server::start(&[&config.to_string_lossy()], &environment)
}

fn enter(window: &mut Window, server: &Server, name: &str) {
    window.open(&format!("http://{}/", server.address));
    window.wait_until("document.readyState === 'complete' && !!document.getElementById('enter')");
    window.run(&format!(
        "document.getElementById('name').value = {};
         document.getElementById('enter').requestSubmit()",
        json!(name)
    ));
    // The server's first word names the connection, so it has it, too.
    window.wait_until("me.id !== ''");
}

fn type_text(window: &mut Window, text: &str) {
    window.run(&format!(
        "document.getElementById('text').value = {};
         document.getElementById('text').dispatchEvent(new Event('input'))",
        json!(text)
    ));
}

fn say(window: &mut Window, text: &str) {
    type_text(window, text);
    window.run("document.getElementById('say').requestSubmit()");
}

fn sees_message(window: &mut Window, who: &str, text: &str) {
    window.wait_until(&format!(
        "[...document.querySelectorAll('#messages .said')].some((item) =>
            item.querySelector('.who').textContent === {}
            && item.querySelector('.text').textContent === {})",
        json!(who),
        json!(text)
    ));
}

fn sees_notice(window: &mut Window, text: &str) {
    window.wait_until(&format!(
        "[...document.querySelectorAll('#messages .notice')].some(
            (item) => item.textContent === {})",
        json!(text)
    ));
}

fn dashboard(chromium: &mut Chromium, server: &Server) -> Window {
    let mut window = chromium.window();
    window.open(&format!("http://{}/admin", server.address));
    window.wait_until("document.getElementById('state')?.dataset.state === 'live'");
    window
}

fn is_blessing() -> bool {
    std::env::var_os("SHARDWIRE_BLESS").is_some()
}

/// Keeps a picture for docs/, where that is asked for.
fn keep_picture(window: &mut Window, name: &str) {
    if !is_blessing() {
        return;
    }
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("docs/pages");
    std::fs::create_dir_all(&folder).expect("a folder");
    let path = folder.join(format!("{name}.png"));
    let file = std::fs::File::create(&path).expect("a file");
    let mut decoder = Command::new("base64").arg("-d").stdin(Stdio::piped()).stdout(file).spawn();
    let decoder = decoder.as_mut().expect("base64");
    let picture = window.picture();
    decoder.stdin.take().expect("piped").write_all(picture.as_bytes()).expect("writes");
    assert!(decoder.wait().expect("base64").success());
}

#[test]
#[ignore = "needs Chromium: run scripts/test"]
fn two_people_chat_and_the_dashboard_shows_them() {
    let server = hall(&[]);
    let mut chromium = Chromium::start();
    let mut admin = dashboard(&mut chromium, &server);
    admin.look(WIDE, false);
    admin.run(
        "window.seen = new Promise((found) => {
            const look = () => {
                const at = Date.now();
                if (document.getElementById('connections').textContent === '2') found(at);
            };
            new MutationObserver(look).observe(
                document.getElementById('connections'), { childList: true });
         }); 0",
    );

    let (mut ada, mut bob) = (chromium.window(), chromium.window());
    enter(&mut ada, &server, "Ada");
    enter(&mut bob, &server, "Bob");
    let connected_at = bob.run("Date.now()").as_f64().expect("a time");
    sees_notice(&mut ada, "Bob joined");
    let seen_at = admin.run("seen").as_f64().expect("a time");
    assert!(seen_at - connected_at < 1_000.0, "shown {} ms late", seen_at - connected_at);

    type_text(&mut bob, "Hello Ada");
    ada.wait_until("document.getElementById('typing').textContent.includes('Bob is typing')");
    say(&mut bob, "Hello Ada, did you see the dashboard?");
    sees_message(&mut ada, "Bob", "Hello Ada, did you see the dashboard?");
    ada.wait_until("document.getElementById('typing').textContent === ''");
    for text in ["It moves!", "<img src=x onerror=document.title='owned'>", "And it is live."] {
        say(&mut ada, text);
        sees_message(&mut bob, "Ada", text);
        sees_message(&mut ada, "Ada", text);
    }
    assert_eq!(bob.run("document.querySelectorAll('#messages img').length"), Value::from(0));
    assert_eq!(ada.run("document.querySelectorAll('#messages .mine').length"), Value::from(3));

    shows_them(&mut admin);
    if is_blessing() {
        bustle(&mut ada, &mut admin);
    }
    take_pictures(&mut admin);
    bob.look((760, 640), true);
    keep_picture(&mut bob, "chat-dark");
    bob.look(PHONE, false);
    assert!(fits(&mut bob, PHONE));
    keep_picture(&mut bob, "chat-phone");

    ada.open("about:blank");
    sees_notice(&mut bob, "Ada left");
    admin.wait_until("document.getElementById('connections').textContent === '1'");
    admin.wait_until("!!document.querySelector('.entry[data-kind=disconnection]')");
}

/// The dashboard has both, what they said, and how often.
fn shows_them(admin: &mut Window) {
    for name in ["Ada", "Bob"] {
        admin.wait_until(&format!(
            "[...document.querySelectorAll('#conns .conn b')].some(
                (name) => name.textContent === {})",
            json!(name)
        ));
    }
    admin.wait_until(
        "[...document.querySelectorAll('#events .row')].some((row) =>
            row.children[1].textContent === 'message' && row.children[3].textContent === '4')",
    );
    admin.wait_until("document.querySelectorAll('.entry[data-kind=message]').length === 4");
}

/// Something to look at: messages that come and go for a while.
fn bustle(ada: &mut Window, admin: &mut Window) {
    ada.run(
        "window.bustle = setInterval(() => {
            const count = Math.round(6 + 5 * Math.sin(Date.now() / 2500) + 3 * Math.random());
            for (let i = 0; i < count; i += 1) dialect.typing(i % 2 === 0);
            if (Math.random() < 0.05) socket.send('no message');
         }, 100); 0",
    );
    admin.wait_until("past.length > 40");
    ada.run("clearInterval(window.bustle)");
}

/// The dashboard in both themes and on a phone.
fn take_pictures(admin: &mut Window) {
    for (name, dark) in [("dashboard-light", false), ("dashboard-dark", true)] {
        admin.look(WIDE, dark);
        let theme = if dark { "dark" } else { "light" };
        admin.wait_until(&format!("document.documentElement.dataset.theme === '{theme}'"));
        assert!(fits(admin, WIDE));
        keep_picture(admin, name);
    }
    admin.look(PHONE, true);
    assert!(fits(admin, PHONE));
    keep_picture(admin, "dashboard-phone");
    admin.look(WIDE, false);
}

/// Nothing hangs over the side of a window this wide.
fn fits(window: &mut Window, (width, _): (u32, u32)) -> bool {
    window.run(&format!("document.documentElement.scrollWidth <= {width}")) == Value::Bool(true)
}

#[test]
#[ignore = "needs Chromium: run scripts/test"]
fn the_dashboard_is_used_by_keyboard_and_tells_what_was_refused() {
    let server = hall(&[]);
    let mut chromium = Chromium::start();
    let mut ada = chromium.window();
    enter(&mut ada, &server, "Ada");
    ada.run("socket.send('no message')");
    let mut admin = dashboard(&mut chromium, &server);
    admin.wait_until("!!document.querySelector('.entry[data-kind=refused]')");
    admin.wait_until(
        "[...document.querySelectorAll('#drops .row')].some((row) =>
            row.children[1].textContent.startsWith('rejects'))",
    );
    let press = |admin: &mut Window, key: &str| {
        admin.run(&format!(
            "document.activeElement.dispatchEvent(new KeyboardEvent('keydown',
                {{ key: {}, bubbles: true, cancelable: true }}))",
            json!(key)
        ));
    };
    press(&mut admin, "t");
    assert_eq!(admin.run("document.documentElement.dataset.theme"), "dark");
    press(&mut admin, "p");
    assert_eq!(admin.run("document.getElementById('pause').textContent"), "Go on");
    press(&mut admin, "p");
    press(&mut admin, "/");
    assert_eq!(admin.run("document.activeElement.id"), "filter");
    admin.run(
        "document.getElementById('filter').value = 'refused';
         document.getElementById('filter').dispatchEvent(new Event('input'))",
    );
    assert_eq!(admin.run("document.querySelectorAll('.entry:not([data-kind=refused])').length"), 0);
    press(&mut admin, "Escape");
    admin.wait_until("past.length > 6");
    admin.run("document.querySelector('[data-chart=traffic]').focus()");
    press(&mut admin, "ArrowLeft");
    let time = "document.querySelector('[data-chart=traffic] [data-value=time]').textContent";
    assert_ne!(admin.run(time), "");
}

#[test]
#[ignore = "needs Chromium: run scripts/test"]
fn the_dashboard_asks_for_its_token_and_comes_back_after_a_restart() {
    let token = "a-token-of-the-tests-0123";
    let guarded = [("SHARDWIRE_MONITOR_ACCESS", "token"), ("SHARDWIRE_MONITOR_TOKEN", token)];
    let server = hall(&guarded);
    let mut chromium = Chromium::start();
    let mut admin = chromium.window();
    admin.open(&format!("http://{}/admin", server.address));
    admin.wait_until("!!document.getElementById('login')");
    let log_in = |admin: &mut Window, token: &str| {
        admin.run(&format!(
            "document.getElementById('token').value = {};
             document.getElementById('login').requestSubmit()",
            json!(token)
        ));
    };
    log_in(&mut admin, "not the token at all");
    admin.wait_until("document.getElementById('problem').textContent !== ''");
    log_in(&mut admin, token);
    admin.wait_until("document.getElementById('state')?.dataset.state === 'live'");
    assert_eq!(admin.run("document.cookie"), "", "the page's script may not read it");
    drop(server);
    admin.wait_until("document.getElementById('state')?.dataset.state === 'lost'");
}

#[test]
fn pictures_in_the_documents_are_small() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("docs/pages");
    for file in std::fs::read_dir(folder).expect("docs/pages") {
        let file = file.expect("a file");
        let bytes = file.metadata().expect("a size").len();
        assert!(bytes < PICTURE_BYTES_MAX, "{:?} has {bytes} bytes", file.file_name());
    }
}
