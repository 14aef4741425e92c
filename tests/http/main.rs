//! Plain HTTP of a real server: routes, folders of files, other origins' pages, kept connections,
//! metrics; all while it is a WebSocket server.

#![allow(clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

#[path = "../support/mod.rs"]
mod support;

mod cors;
mod exposition;
mod files;
mod kept;
mod metrics;
mod routes;

use std::path::PathBuf;

use support::{Server, shardwire};

/// A folder of a test's own, with a configuration.
struct Site {
    folder: PathBuf,
}

/// Everybody may connect and say something to a room.
const CHAT: &str = r#"
version: 1
auth: { mode: none }
events:
  join:
    steps: [{ join: "room:1" }, { reply: { event: joined } }]
  say:
    payload: { text: string(1..20) }
    steps: [{ send: { to: { room: "room:1" }, event: said, payload: { text: "${payload.text}" } } }]
"#;

impl Site {
    /// The chat, and these options beside it.
    fn new(name: &str, more: &str) -> Site {
        let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("http").join(name);
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(&folder).expect("a folder");
        let site = Site { folder };
        site.configure(more);
        site
    }

    fn configure(&self, more: &str) {
        self.put("config.yaml", &format!("{CHAT}{more}"));
    }

    fn put(&self, name: &str, text: &str) {
        let path = self.folder.join(name);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        std::fs::write(path, text).expect("writes");
    }

    fn path(&self, name: &str) -> String {
        self.folder.join(name).to_string_lossy().into_owned()
    }

    fn serve(&self, environment: &[(&str, &str)]) -> Server {
        let (config, control) = (self.path("config.yaml"), self.path("control"));
        let mut all = vec![("SHARDWIRE_SERVER_CORES", "2")];
        all.extend(environment);
        Server::start(&[&config, "--control", &control], &all)
    }

    fn reload(&self) {
        let control = self.path("control");
        let done = shardwire().args(["reload", "--control", &control]).output().expect("runs");
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    }
}

/// The value of a header, where there is one.
fn header<'h>(head: &'h str, name: &str) -> Option<&'h str> {
    let lines = head.lines().filter_map(|line| line.split_once(": "));
    lines.into_iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value)
}
