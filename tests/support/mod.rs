//! A real server process on a port of its own, for the tests that go through sockets; clients for
//! it, a browser, and a backend.
//!
//! Invariants: only loopback; the process is killed with its guard; its stderr is kept, so that a
//! test can show it, or show what is not in it.

#![allow(dead_code, reason = "each test program uses its own part")]

use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

pub mod backend;
pub mod chromium;
pub mod client;

/// How long anything may take before a test gives up; never how long it should take.
pub const PATIENCE: Duration = Duration::from_secs(20);

pub struct Server {
    child: Child,
    pub address: SocketAddr,
    others: Vec<SocketAddr>,
    log: Arc<Mutex<String>>,
    /// Kept open: a server whose stdout is closed is another test.
    stdout: BufReader<ChildStdout>,
}

/// The binary under test, with no setting of the caller's environment.
pub fn shardwire() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_shardwire"));
    for (name, _) in std::env::vars().filter(|(name, _)| is_setting(name)) {
        command.env_remove(name);
    }
    command
}

fn is_setting(name: &str) -> bool {
    name.starts_with("SHARDWIRE_") || name.starts_with("GODISPATCH_") || name == "PORT"
}

/// A file below `tests/`.
pub fn fixture(path: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests").join(path)
}

/// Looks until there is something, then gives it.
pub fn wait_for<T>(what: &str, look: impl FnMut() -> Option<T>) -> T {
    patiently(look).unwrap_or_else(|| panic!("waited in vain for: {what}"))
}

/// As `wait_for`, but who asks says what it means when nothing comes.
pub fn patiently<T>(mut look: impl FnMut() -> Option<T>) -> Option<T> {
    let start = Instant::now();
    loop {
        let found = look();
        if found.is_some() || start.elapsed() >= PATIENCE {
            return found;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

impl Server {
    /// Starts `serve` with these arguments on a free port and waits until it listens.
    pub fn start(arguments: &[&str], environment: &[(&str, &str)]) -> Server {
        Server::start_in(Path::new("."), arguments, environment)
    }

    /// The same, in this folder.
    pub fn start_in(folder: &Path, arguments: &[&str], environment: &[(&str, &str)]) -> Server {
        let mut child = shardwire()
            .arg("serve")
            .current_dir(folder)
            .args(arguments)
            .env("SHARDWIRE_SERVER_ADDRESS", "127.0.0.1:0")
            .envs(environment.iter().copied())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the server starts");
        let log = collect(child.stderr.take().expect("piped"));
        let mut stdout = BufReader::new(child.stdout.take().expect("piped"));
        let (address, others) = listening(&mut stdout).unwrap_or_else(|| {
            let status = child.wait();
            panic!("no address from the server ({status:?}):\n{}", log.lock().expect("log"))
        });
        Server { child, address, others, log, stdout }
    }

    /// The next line of its stdout, behind the one with the address.
    pub fn line(&mut self) -> String {
        let mut line = String::new();
        self.stdout.read_line(&mut line).expect("text");
        line
    }

    /// The addresses it listens on beside the first.
    pub fn others(&self) -> &[SocketAddr] {
        &self.others
    }

    pub fn log(&self) -> String {
        self.log.lock().expect("log").clone()
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// A number that the kernel tells of this process: what stands behind `field:` in that file.
    pub fn told(&self, file: &str, field: &str) -> Option<u64> {
        let all =
            std::fs::read_to_string(format!("/proc/{}/{file}", self.pid())).expect("a process");
        let said = all.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'))?;
        said.split_whitespace().next()?.parse().ok()
    }

    /// Sends a signal to this process alone.
    pub fn signal(&self, name: &str) {
        let pid = self.pid().to_string();
        let sent = Command::new("kill").args(["-s", name, &pid]).status().expect("kill");
        assert!(sent.success());
    }

    /// Waits for the end.
    pub fn ended(&mut self) -> ExitStatus {
        wait_for("the server's end", || self.child.try_wait().expect("a child"))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The addresses of the lines `listening on ws://ADDRESS/path` (or wss), which come in one piece;
/// `None` when stdout ended before them.
fn listening(stdout: &mut BufReader<ChildStdout>) -> Option<(SocketAddr, Vec<SocketAddr>)> {
    let mut line = String::new();
    while stdout.read_line(&mut line).ok()? > 0 {
        if let Some(address) = listened(&line) {
            let rest = String::from_utf8_lossy(stdout.buffer()).into_owned();
            return Some((address, rest.lines().filter_map(listened).collect()));
        }
        line.clear();
    }
    None
}

fn listened(line: &str) -> Option<SocketAddr> {
    let url = line.strip_prefix("listening on ws")?;
    url.trim_start_matches('s').strip_prefix("://")?.split('/').next()?.parse().ok()
}

/// Keeps what a pipe gives, as long as it gives.
fn collect(mut pipe: impl Read + Send + 'static) -> Arc<Mutex<String>> {
    let kept = Arc::new(Mutex::new(String::new()));
    let shared = Arc::clone(&kept);
    std::thread::spawn(move || {
        let mut bytes = [0; 4_096];
        while let Ok(count @ 1..) = pipe.read(&mut bytes) {
            let text = String::from_utf8_lossy(&bytes[..count]).into_owned();
            shared.lock().expect("log").push_str(&text);
        }
    });
    kept
}
