//! The monitor of a real server: who may see it, its live feed, and what it is told under load.

#![allow(clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod support;

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::path::PathBuf;

use serde_json::{Value, json};
use support::client::{Answer, Chatter, get, http};
use support::{PATIENCE, Server, wait_for};

const TOKEN: &str = "a-token-of-the-tests-0123";

const ROOMS: &str = "
version: 1
auth: { mode: none }
state: { conn: { name: \"string = 'nobody'\" } }
rooms: { \"tab:{name}\": { membership: connection } }
events:
  enter:
    payload: { name: string(1..99), room: string(1..64) }
    steps:
      - set: { conn.name: \"${payload.name}\" }
      - join: \"${payload.room}\"
      - reply: { event: entered }
  exit:
    payload: { room: string(1..64) }
    steps: [{ leave: \"${payload.room}\" }, { reply: { event: exited } }]
  say:
    payload: { text: string }
    limit: 5/h
    steps: [{ reply: { event: heard } }]
  ping: { steps: [{ reply: { event: pong } }] }
monitor: { enabled: true, access: public, message: say, username: conn.name, fields: text }
";

/// A configuration file that goes with its test.
struct File(PathBuf);

impl File {
    fn new(name: &str, text: &str) -> File {
        let file = format!("shardwire-monitor-{}-{name}.yaml", std::process::id());
        let path = std::env::temp_dir().join(file);
        std::fs::write(&path, text).expect("a file");
        File(path)
    }

    fn serve(&self, environment: &[(&str, &str)]) -> Server {
        Server::start(&[&self.0.to_string_lossy()], environment)
    }
}

impl Drop for File {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

fn client(server: &Server) -> Chatter {
    Chatter::try_connect(server.address, "none").unwrap_or_else(|status| panic!("{status}"))
}

fn tell(client: &mut Chatter, event: &str, payload: &Value, answer: &str) {
    client.send(event, "", payload);
    client.expect(answer);
}

/// The live feed of a server.
struct Feed {
    lines: BufReader<TcpStream>,
}

impl Feed {
    fn open(server: &Server) -> Feed {
        let mut stream = TcpStream::connect(server.address).expect("connects");
        stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        let host = server.address;
        let request = format!("GET /api/monitor/feed HTTP/1.1\r\nHost: {host}\r\n\r\n");
        stream.write_all(request.as_bytes()).expect("asks");
        let mut feed = Feed { lines: BufReader::new(stream) };
        assert!(feed.line().starts_with("HTTP/1.1 200 "));
        feed
    }

    /// The next line; empty at the end.
    fn line(&mut self) -> String {
        let mut line = String::new();
        self.lines.read_line(&mut line).expect("a line");
        line.trim_end().to_owned()
    }

    /// The data of the next event, and its name.
    fn next(&mut self) -> (String, Value) {
        let mut name = String::new();
        loop {
            let line = self.line();
            if let Some(event) = line.strip_prefix("event: ") {
                event.clone_into(&mut name);
            }
            if let Some(text) = line.strip_prefix("data: ") {
                return (name, serde_json::from_str(text).expect("JSON"));
            }
        }
    }

    /// Reads ticks until one is as it must be.
    fn until(&mut self, what: &str, is_so: impl Fn(&Value) -> bool) -> Value {
        wait_for(what, || Some(self.next().1).filter(&is_so))
    }
}

#[test]
fn the_feed_tells_everything_at_first_and_then_what_changes() {
    let file = File::new("feed", ROOMS);
    let server = file.serve(&[("SHARDWIRE_SERVER_CORES", "2")]);
    let mut ada = client(&server);
    tell(&mut ada, "enter", &json!({ "name": "Ada", "room": "hall" }), "entered");
    let mut feed = Feed::open(&server);
    let (name, hello) = feed.next();
    assert_eq!(name, "hello");
    assert!(hello["history"].is_array() && hello["tick"]["entries"].is_array());

    let mut bob = client(&server);
    tell(&mut bob, "enter", &json!({ "name": "Bob", "room": "hall" }), "entered");
    tell(&mut bob, "enter", &json!({ "name": "Bob", "room": "tab:1" }), "entered");
    let tick = feed.until("both rooms", |tick| {
        tick["rooms"] == json!([["hall", 2], ["tab:1", 1]]) && tick["roomCount"] == 2
    });
    assert_eq!(tick["point"]["connections"], 2);
    assert_eq!(tick["shards"].as_array().map(Vec::len), Some(2));
    for number in 0..7 {
        bob.send("say", "", &json!({ "text": format!("<b>{number}") }));
    }
    let tick = feed.until("what was refused", |tick| {
        let drops = tick["drops"].as_array().expect("a list");
        drops.iter().any(|one| one["name"] == "rejects: rate_limited" && one["total"] == 2)
    });
    assert_eq!(tick["messages"], 5);
    let said = |tick: &Value| {
        let events = tick["events"].as_array().expect("a list");
        events.iter().any(|one| one["name"] == "say" && one["total"] == 5)
    };
    assert!(said(&tick));
    tell(&mut bob, "ping", &json!({}), "heard");
    drop(bob);
    feed.until("one connection", |tick| tick["point"]["connections"] == 1);
}

#[test]
fn names_follow_their_variable_and_rooms_their_members() {
    let file = File::new("names", ROOMS);
    let server = file.serve(&[("SHARDWIRE_SERVER_CORES", "1")]);
    let mut ada = client(&server);
    let shown = |wanted: &str| {
        wait_for(wanted, || {
            let all = get(server.address, "/api/monitoring").json();
            (all["connections"][0]["username"] == wanted).then_some(all)
        })
    };
    shown("nobody");
    let long = "\u{e9}\"".repeat(40);
    tell(&mut ada, "enter", &json!({ "name": long, "room": "hall" }), "entered");
    shown(&long.chars().take(64).collect::<String>());
    tell(&mut ada, "exit", &json!({ "room": "hall" }), "exited");
    let mut feed = Feed::open(&server);
    feed.until("no room", |tick| tick["rooms"] == json!([]) && tick["roomCount"] == 0);
    let all = get(server.address, "/api/monitoring").json();
    let events = all["recentEvents"].as_array().expect("a list");
    let types: Vec<&str> = events.iter().filter_map(|one| one["type"].as_str()).collect();
    assert_eq!(types, ["connection", "room-joined", "enter", "room-left", "exit"]);
    assert_eq!(events[1]["room"], "hall");
}

#[test]
fn a_flood_is_counted_exactly_and_told_in_part() {
    let file = File::new("flood", ROOMS);
    let server = file.serve(&[("SHARDWIRE_SERVER_CORES", "1")]);
    let mut ada = client(&server);
    let frame = json!({ "event": "ping" }).to_string();
    ada.send_burst(&frame, 6_000);
    for _ in 0..6_000 {
        ada.expect("pong");
    }
    let mut feed = Feed::open(&server);
    let tick = feed.until("all of them", |tick| tick["happenings"] == 6_001);
    let count = |list: &str, name: &str| {
        let list = tick[list].as_array().expect("a list").clone();
        list.iter().find(|one| one["name"] == name).map(|one| one["total"].clone())
    };
    assert_eq!(count("events", "ping"), Some(6_000.into()));
    // How many were told depends on how long it took; none is missing in the counts.
    assert!(tick["entries"].as_array().is_some_and(|entries| entries.len() <= 100));
}

fn bearer(token: &str) -> String {
    format!("Authorization: Bearer {token}\r\n")
}

fn guarded(name: &str) -> (File, Server) {
    let file = File::new(name, &ROOMS.replace("access: public", "access: token"));
    let server = file.serve(&[("SHARDWIRE_SERVER_CORES", "1"), ("SHARDWIRE_MONITOR_TOKEN", TOKEN)]);
    (file, server)
}

fn log_in(server: &Server, token: &str) -> Answer {
    let body = json!({ "token": token }).to_string();
    let kind = "Content-Type: application/json\r\n";
    http(server.address, "POST", "/api/monitor/login", kind, &body)
}

const PATHS: [&str; 4] = ["/admin", "/api/status", "/api/monitoring", "/api/monitor/feed"];

#[test]
fn without_a_credential_nothing_is_said() {
    let (_file, server) = guarded("guarded");
    for path in PATHS {
        let answer = get(server.address, path);
        assert_eq!(answer.status, 401, "{path}");
        assert!(!answer.body.contains("entries") && !answer.body.contains("uptime"), "{path}");
    }
    assert!(get(server.address, "/admin").body.contains("id=\"login\""));
    let refused = get(server.address, "/api/status");
    assert_eq!(refused.json()["error"], "no_credential");
    assert!(refused.head.to_lowercase().contains("www-authenticate: bearer"));
    let with = |token: &str| http(server.address, "GET", "/api/status", &bearer(token), "").status;
    assert_eq!([with(TOKEN), with("wrong"), with("")], [200, 401, 401]);
    assert!(!server.log().contains(TOKEN));
}

#[test]
fn a_login_is_a_cookie_that_scripts_cannot_read_and_that_ends() {
    let (_file, server) = guarded("login");
    assert_eq!(log_in(&server, "wrong").status, 401);
    let answer = log_in(&server, TOKEN);
    assert_eq!(answer.status, 204, "{}", answer.body);
    let line = answer.head.lines().find(|line| line.to_lowercase().starts_with("set-cookie: "));
    let line = line.expect("a cookie").to_owned();
    assert!(line.contains("HttpOnly") && line.contains("SameSite=Strict"), "{line}");
    assert!(!line.contains(TOKEN));
    let pair = line[12..].split(';').next().expect("a pair");
    let cookie = format!("Cookie: theme=dark; {pair}\r\n");
    let status = || http(server.address, "GET", "/api/status", &cookie, "").status;
    assert_eq!(status(), 200);
    http(server.address, "POST", "/api/monitor/logout", &cookie, "");
    assert_eq!(status(), 401);
    // A form of another site cannot log anybody in.
    let form = "Content-Type: text/plain\r\n";
    let body = json!({ "token": TOKEN }).to_string();
    let answer = http(server.address, "POST", "/api/monitor/login", form, &body);
    assert_eq!(answer.status, 400);
    assert_eq!(get(server.address, "/api/monitor/login").status, 405);
}

#[test]
fn guessing_is_stopped() {
    let (_file, server) = guarded("guess");
    let statuses: Vec<u16> = (0..12).map(|_| log_in(&server, "guess").status).collect();
    assert_eq!(statuses[..10], [401; 10]);
    assert_eq!(statuses[10..], [429; 2]);
    let refused = http(server.address, "GET", "/api/status", &bearer(TOKEN), "");
    assert_eq!(refused.status, 429);
    assert!(refused.head.to_lowercase().contains("retry-after: 60"), "{}", refused.head);
}

fn cookie_line(answer: &Answer) -> String {
    let mut lines = answer.head.lines();
    let line = lines.find(|line| line.to_lowercase().starts_with("set-cookie: "));
    line.expect("a cookie").to_owned()
}

#[test]
fn behind_a_proxy_that_speaks_tls_the_cookie_is_for_tls_alone() {
    let (_file, server) = guarded("secure");
    let body = json!({ "token": TOKEN }).to_string();
    let line = |more: &str| {
        let kind = format!("Content-Type: application/json\r\n{more}");
        cookie_line(&http(server.address, "POST", "/api/monitor/login", &kind, &body))
    };
    for more in ["X-Forwarded-Proto: https\r\n", "x-forwarded-proto: http, HTTPS\r\n"] {
        assert!(line(more).ends_with("; Secure"), "{more}");
    }
    for more in ["", "X-Forwarded-Proto: http\r\n", "X-Forwarded-Proto: https, http\r\n"] {
        assert!(!line(more).contains("Secure"), "{more}");
    }
}

/// Ten wrong tokens a minute are one client's, also where all clients come through one proxy.
#[test]
fn behind_a_trusted_proxy_each_client_guesses_for_itself() {
    let text = ROOMS.replace("access: public", "access: token");
    let file = File::new("proxies", &format!("server: {{ trustedProxies: 127.0.0.0/8 }}\n{text}"));
    let server = file.serve(&[("SHARDWIRE_SERVER_CORES", "1"), ("SHARDWIRE_MONITOR_TOKEN", TOKEN)]);
    let asks = |client: &str, token: &str| {
        let more = format!("X-Forwarded-For: {client}\r\n{}", bearer(token));
        http(server.address, "GET", "/api/status", &more, "").status
    };
    // What stands before the last address is anybody's word.
    (0..10).for_each(|n| assert_eq!(asks(&format!("10.0.0.{n}, 192.0.2.1"), "wrong"), 401));
    assert_eq!(asks("192.0.2.1", TOKEN), 429);
    assert_eq!(asks("192.0.2.2", TOKEN), 200);
    let (_file, direct) = guarded("no-proxies");
    let forged = |n: usize| {
        let more = format!("X-Forwarded-For: 192.0.2.{n}\r\n{}", bearer("wrong"));
        http(direct.address, "GET", "/api/status", &more, "").status
    };
    let statuses: Vec<u16> = (0..11).map(forged).collect();
    assert_eq!((statuses[9], statuses[10]), (401, 429));
}

#[test]
fn loopback_is_this_machine_by_its_own_name_and_no_proxy() {
    let file = File::new("loopback", &ROOMS.replace("access: public", "access: loopback"));
    let server = file.serve(&[("SHARDWIRE_SERVER_CORES", "1")]);
    let with = |more: &str| http(server.address, "GET", "/api/status", more, "").status;
    assert_eq!(with(""), 200);
    assert_eq!(with("Host: rebound.example\r\n"), 404);
    assert_eq!(with("X-Forwarded-For: 192.0.2.1\r\n"), 404);
}

#[test]
fn without_a_monitor_there_is_nothing() {
    let file = File::new("off", &ROOMS.replace("enabled: true", "enabled: false"));
    let server = file.serve(&[("SHARDWIRE_SERVER_CORES", "1")]);
    for path in PATHS {
        assert_eq!(get(server.address, path).status, 404, "{path}");
    }
    assert_eq!(log_in(&server, TOKEN).status, 404);
}

#[test]
fn feeds_are_bounded_and_places_come_back() {
    let file = File::new("feeds", ROOMS);
    let server = file.serve(&[("SHARDWIRE_SERVER_CORES", "1")]);
    let feeds: Vec<Feed> = (0..16).map(|_| Feed::open(&server)).collect();
    let refused = get(server.address, "/api/monitor/feed");
    assert_eq!((refused.status, &refused.json()["error"]), (503, &"too_many_pages".into()));
    drop(feeds);
    wait_for("a place", || {
        let mut stream = TcpStream::connect(server.address).ok()?;
        stream.set_read_timeout(Some(PATIENCE)).ok()?;
        let request = b"GET /api/monitor/feed HTTP/1.1\r\nHost: x\r\n\r\n";
        stream.write_all(request).ok()?;
        let mut line = String::new();
        BufReader::new(stream).read_line(&mut line).ok()?;
        line.contains(" 200 ").then_some(())
    });
}

#[test]
fn a_reload_changes_who_may_look_and_ends_the_logins_of_another_token() {
    let with = |access: &str| ROOMS.replace("access: public", access);
    let file = File::new("reload", &with(&format!("access: token, token: {TOKEN}")));
    let server = file.serve(&[("SHARDWIRE_SERVER_CORES", "1")]);
    let answer = log_in(&server, TOKEN);
    let line = answer.head.lines().find(|line| line.to_lowercase().starts_with("set-cookie: "));
    let pair = line.expect("a cookie")[12..].split(';').next().expect("a pair").to_owned();
    let cookie = format!("Cookie: {pair}\r\n");
    let status = |more: &str| http(server.address, "GET", "/api/status", more, "").status;
    assert_eq!(status(&cookie), 200);
    let other = "another-token-of-the-tests";
    std::fs::write(&file.0, with(&format!("access: token, token: {other}"))).expect("writes");
    server.signal("HUP");
    wait_for("the other token", || (status(&bearer(other)) == 200).then_some(()));
    wait_for("the end of the login", || (status(&cookie) == 401).then_some(()));
    std::fs::write(&file.0, with("access: loopback")).expect("writes");
    server.signal("HUP");
    wait_for("the other access", || (status("") == 200).then_some(()));
    assert_eq!(http(server.address, "GET", "/admin", "Host: a.example\r\n", "").status, 404);
}
