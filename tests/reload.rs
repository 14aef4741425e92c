//! Reloads of a real server: by signal and by command, under load, of good and of bad files.

#![allow(clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod support;

use std::path::{Path, PathBuf};
use std::process::Output;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use serde_json::{Value, json};
use support::client::{Chatter, get};
use support::{Server, shardwire, wait_for};

const ROOMS: usize = 20;
const MEMBERS: usize = 10;
const BURST: u64 = 3;
const RELOADS: u64 = 100;

/// A folder of this test's own, with a configuration and a control endpoint.
struct Site {
    folder: PathBuf,
}

impl Site {
    fn new(name: &str, yaml: &str) -> Site {
        let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(&folder).expect("a folder");
        let site = Site { folder };
        site.write(yaml);
        site
    }

    fn config(&self) -> PathBuf {
        self.folder.join("config.yaml")
    }

    fn control(&self) -> PathBuf {
        self.folder.join("control")
    }

    fn write(&self, yaml: &str) {
        std::fs::write(self.config(), yaml).expect("writes");
    }

    fn serve(&self, cores: &str) -> Server {
        let (config, control) = (self.config(), self.control());
        let arguments = [text(&config), "--control", text(&control)];
        Server::start(&arguments, &[("SHARDWIRE_SERVER_CORES", cores)])
    }

    fn reload(&self, more: &[&str]) -> Output {
        let mut command = shardwire();
        command.args(["reload", "--control", text(&self.control())]).args(more);
        command.output().expect("runs")
    }
}

fn text(path: &Path) -> &str {
    path.to_str().expect("a plain path")
}

fn said(output: &Output) -> (Option<i32>, String) {
    let all = [&output.stdout[..], &output.stderr].concat();
    (output.status.code(), String::from_utf8_lossy(&all).into_owned())
}

/// A chat that says its version with every message.
fn chat(version: u64, first: &str) -> String {
    format!(
        r#"
auth: {{ mode: none }}
transport: {{ readTimeout: {}s }}
log: {{ level: info }}
events:
{first}
  join:
    actions:
      - {{ name: _join, params: ["{{$user.id}}", "{{$target.id}}"] }}
      - {{ name: _notify_origin, params: [joined, "{version}"] }}
  say:
    modifiers: [{{ name: rate_limit, params: ["1000000/m"] }}]
    actions:
      - name: _notify_room
        params: [said, '{{"by":{{.payload.by}},"n":{{.payload.n}},"version":{version}}}']
"#,
        60 + version
    )
}

const FIRST: [&str; 3] = [
    "",
    "  aaa: { modifiers: [{ name: rate_limit, params: [\"1/m\"] }], actions: [] }",
    "  bbb: { actions: [{ name: _log, params: [x] }] }",
];

fn chat_of(reload: u64) -> String {
    chat(reload, FIRST[reload as usize % FIRST.len()])
}

/// The members of one room, spread over the cores as the kernel likes, each on its own connection.
struct Room {
    members: Vec<Chatter>,
    name: String,
    said: u64,
    versions: u64,
}

impl Room {
    fn open(server: &Server, number: usize) -> Room {
        let name = format!("room:{number}");
        let member = |_| {
            let mut chatter = Chatter::connect(server.address, "none");
            chatter.send("join", &name, &json!({}));
            while chatter.next().0 != "joined" {}
            chatter
        };
        let members = (0..MEMBERS).map(member).collect();
        Room { members, name, said: 0, versions: 0 }
    }

    /// Everybody says something, a few times, and hears everybody: every number of every sender
    /// once, in order.
    fn round(&mut self) {
        for (by, member) in self.members.iter_mut().enumerate() {
            for n in 0..BURST {
                member.send("say", &self.name, &json!({ "by": by, "n": self.said + n }));
            }
        }
        for member in &mut self.members {
            let mut next = [self.said; MEMBERS];
            for _ in 0..MEMBERS as u64 * BURST {
                let message = member.expect("said");
                let number = |name: &str| message[name].as_u64().expect("a number");
                let expected = &mut next[number("by") as usize];
                assert_eq!(number("n"), *expected, "{message}");
                *expected += 1;
                self.versions = self.versions.max(number("version"));
            }
        }
        self.said += BURST;
    }
}

/// Pages of the server's that are in memory and its own.
fn resident_kib(server: &Server) -> u64 {
    server.told("status", "RssAnon").expect("a number")
}

#[test]
fn a_hundred_reloads_under_load_lose_double_and_reorder_nothing() {
    let site = Site::new("under-load", &chat_of(0));
    let server = site.serve("2");
    let (done, messages) = (AtomicBool::new(false), AtomicU64::new(0));
    let mut rooms: Vec<Room> = (0..ROOMS).map(|number| Room::open(&server, number)).collect();
    let memory = std::thread::scope(|scope| {
        for room in &mut rooms {
            scope.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    room.round();
                    messages.fetch_add(1, Ordering::Relaxed);
                }
                room.round();
            });
        }
        let memory = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            reload_often(&site, &server, &messages)
        }));
        done.store(true, Ordering::Relaxed);
        memory.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    });
    for room in &rooms {
        assert_eq!(room.versions, RELOADS, "{}", room.name);
    }
    let health = get(server.address, "/health").json();
    assert_eq!(health["connections"].as_u64(), Some((ROOMS * MEMBERS) as u64));
    assert_eq!(health["generation"], RELOADS);
    let [early, late] = memory;
    assert!(late < early + 8 * 1024, "{early} KiB after 20 reloads, {late} KiB after {RELOADS}");
}

/// Reloads, every time after some more messages; the memory after a few and after all.
fn reload_often(site: &Site, server: &Server, messages: &AtomicU64) -> [u64; 2] {
    let mut early = 0;
    for reload in 1..=RELOADS {
        let before = messages.load(Ordering::Relaxed);
        wait_for("messages", || (messages.load(Ordering::Relaxed) > before + 2).then_some(()));
        site.write(&chat_of(reload));
        let (status, text) = said(&site.reload(&[]));
        assert_eq!(status, Some(0), "{text}");
        assert!(text.contains(&format!("configuration {reload} is in effect")), "{text}");
        if reload == 20 {
            early = resident_kib(server);
        }
    }
    [early, resident_kib(server)]
}

#[test]
fn a_bad_file_changes_nothing_and_says_where_it_is_wrong() {
    let site = Site::new("bad-file", &chat_of(0));
    let config = text(&site.config()).to_owned();
    let server = site.serve("1");
    let mut ada = Chatter::connect(server.address, "none");
    let mut version = || {
        ada.send("join", "room:1", &json!({}));
        ada.expect("joined")
    };
    assert_eq!(version(), Value::from(0));
    site.write(&chat(1, "  oops: { modifiers: [{ name: rate_limit, params: [often] }] }"));
    let (status, text) = said(&site.reload(&[]));
    assert_eq!(status, Some(2));
    assert!(text.contains("config.yaml:6") && text.contains("nothing has changed"), "{text}");
    assert_eq!(version(), Value::from(0));
    site.write(&chat(1, "").replace("level: info", "level: 'x=y=z'"));
    assert_eq!(said(&site.reload(&[])).0, Some(2));
    assert_eq!(version(), Value::from(0));
    std::fs::remove_file(site.config()).expect("removes");
    assert_eq!(said(&site.reload(&[])).0, Some(2));
    assert_eq!(version(), Value::from(0));
    site.write(&chat_of(0));
    let (status, text) = said(&site.reload(&[]));
    assert_eq!(status, Some(0));
    assert!(text.contains("nothing has changed"), "{text}");
    site.write(&chat_of(2));
    assert_eq!(said(&site.reload(&["--config", &config])).0, Some(0));
    assert_eq!(version(), Value::from(2));
}

#[test]
fn sighup_reloads_and_what_needs_a_restart_is_kept_and_named() {
    let site = Site::new("sighup", &chat_of(0));
    let server = site.serve("1");
    site.write(&(chat_of(1) + "server: { path: /other, limits: { perIp: 7 } }\n"));
    server.signal("HUP");
    wait_for("the reload", || server.log().contains("configuration 1 is in effect").then_some(()));
    let log = server.log();
    assert!(log.contains("not taken over before a restart: server.limits.perIp"), "{log}");
    assert!(log.contains("server.path"), "the difference is told: {log}");
    let refused = get(server.address, "/other");
    assert_eq!(refused.status, 426, "the new path is the endpoint's: {}", refused.body);
}

#[test]
fn without_a_server_or_with_several_the_command_says_so() {
    let site = Site::new("several", &chat_of(0));
    let (status, text) = said(&site.reload(&[]));
    assert_eq!(status, Some(1));
    assert!(text.contains("no such server"), "{text}");
    let (one, mut other) = (site.serve("1"), site.serve("1"));
    let (status, text) = said(&site.reload(&[]));
    assert_eq!(status, Some(1));
    let pids = [&one, &other].map(|server| format!("--pid {}", server.pid()));
    assert!(pids.iter().all(|pid| text.contains(pid)), "{text}");
    assert_eq!(said(&site.reload(&["--pid", &one.pid().to_string()])).0, Some(0));
    other.signal("TERM");
    other.ended();
    assert_eq!(said(&site.reload(&[])).0, Some(0), "its socket is gone with it");
}

#[test]
fn the_endpoint_is_closed_to_others_and_to_nonsense() {
    use std::io::{Read, Write};
    use std::os::unix::fs::PermissionsExt;
    let site = Site::new("closed", &chat_of(0));
    let server = site.serve("1");
    let mode = std::fs::metadata(site.control()).expect("a folder").permissions().mode();
    assert_eq!(mode & 0o777, 0o700);
    let socket = site.control().join(format!("{}.sock", server.pid()));
    for nonsense in [&b"\n"[..], b"nonsense\n", &[b'x'; 1_000], b"\xff\xfe\n"] {
        let mut stream = std::os::unix::net::UnixStream::connect(&socket).expect("connects");
        // It may close while we still write.
        let _ = stream.write_all(nonsense);
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        assert!(answer.is_empty());
    }
    assert_eq!(said(&site.reload(&[])).0, Some(0));
    drop(server);
    std::fs::set_permissions(site.control(), PermissionsExt::from_mode(0o755)).expect("opens");
    let server = site.serve("1");
    wait_for("the warning", || server.log().contains("no control endpoint").then_some(()));
}
