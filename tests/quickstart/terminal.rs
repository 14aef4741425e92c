//! One terminal: a shell on a pseudo-terminal (by `script`), so that programs behave as for a
//! person.
//!
//! Invariants: a shell that waits for a command has just written a line with the status of the last
//! one; whatever runs is interrupted when the terminal is closed.

use std::io::{Read, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use super::transcript::fits;
use crate::support::{PATIENCE, shardwire, wait_for};

/// Lines of any length, and the prompt below: a shell that runs a command drops that variable.
const SHELL: &str = "stty cols 999; exec env PS1=\"$PROMPT\" bash --norc --noprofile -i";

const READY: &str = "[ready ";

/// What the shell writes when it waits: a whole line, wherever the last command has left the
/// cursor, and the prompt.
const PROMPT: &str = "\n[ready $?]\n$ ";

pub struct Terminal {
    shell: Child,
    keys: ChildStdin,
    written: Arc<Mutex<Vec<u8>>>,
    /// Lines that were waited for already, and those before them.
    seen: usize,
}

impl Terminal {
    /// A shell in this folder that finds its programs along this path.
    pub fn open(folder: &Path, path: &str, environment: &[(&str, &str)]) -> Terminal {
        // `shardwire()` has no setting of the caller's environment.
        let cleaned = shardwire();
        let mut command = Command::new("script");
        for (name, _) in cleaned.get_envs() {
            command.env_remove(name);
        }
        let mut shell = command
            .args(["-q", "-f", "-c", SHELL, "/dev/null"])
            .current_dir(folder)
            .envs([
                ("PATH", path),
                ("PROMPT", PROMPT),
                ("SHELL", "/bin/sh"),
                ("TERM", "dumb"),
                ("NO_COLOR", "1"),
            ])
            .envs(environment.iter().copied())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .unwrap_or_else(|error| panic!("script, of the package bsdutils: {error}"));
        let keys = shell.stdin.take().expect("piped");
        let written = collect(shell.stdout.take().expect("piped"));
        Terminal { shell, keys, written, seen: 0 }
    }

    /// Types a command, as soon as the shell waits for one.
    pub fn run(&mut self, command: &str) {
        let place = self.prompt();
        self.seen = place.unwrap_or_else(|| panic!("no prompt for {command}:\n{}", self.text()));
        self.type_line(command);
    }

    /// Waits until the shell waits; how many lines there are then.
    fn prompt(&self) -> Option<usize> {
        patiently(|| self.idle())
    }

    /// How many lines there are, when the shell waits.
    fn idle(&self) -> Option<usize> {
        let lines = self.lines();
        lines.last().filter(|line| line.starts_with(READY)).map(|_| lines.len())
    }

    pub fn type_line(&mut self, text: &str) {
        self.press(format!("{text}\n").as_bytes());
    }

    /// Ends the program that runs.
    pub fn interrupt(&mut self) {
        self.press(&[3]);
    }

    fn press(&mut self, keys: &[u8]) {
        self.keys.write_all(keys).and_then(|()| self.keys.flush()).expect("the terminal is open");
    }

    /// Waits for a line that is what the document shows; false when the command has ended before.
    pub fn shows(&mut self, shown: &str) -> bool {
        let place = patiently(|| {
            let lines = self.lines();
            let mut fresh = lines.iter().enumerate().skip(self.seen);
            let ended = fresh.clone().any(|(_, line)| line.starts_with(READY));
            let place = fresh.find(|(_, line)| fits(shown, line)).map(|(place, _)| place);
            (place.is_some() || ended).then_some(place)
        });
        let place = place.flatten();
        self.seen = place.map_or(self.seen, |place| place + 1);
        place.is_some()
    }

    /// Waits for the end of the command; its status.
    pub fn status(&mut self) -> String {
        wait_for("the end of a command", || {
            let lines = self.lines();
            let mut fresh = lines.iter().skip(self.seen);
            let status = fresh.find_map(|line| line.strip_prefix(READY));
            status.map(|status| status.trim_end_matches(']').to_owned())
        })
    }

    /// All that was written.
    pub fn text(&self) -> String {
        self.lines().join("\n")
    }

    /// The whole lines so far; a carriage return ends one, too.
    fn lines(&self) -> Vec<String> {
        let raw = self.written.lock().expect("output").clone();
        let text = plain(&String::from_utf8_lossy(&raw));
        let mut lines: Vec<String> = text.split(['\n', '\r']).map(str::to_owned).collect();
        lines.pop();
        lines.retain(|line| !line.is_empty());
        lines
    }
}

/// As `wait_for`, but who asks says what it means when nothing comes.
fn patiently<T>(mut look: impl FnMut() -> Option<T>) -> Option<T> {
    let start = Instant::now();
    while start.elapsed() < PATIENCE {
        if let Some(found) = look() {
            return Some(found);
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    None
}

/// The text without the sequences that colour it and move the cursor.
fn plain(text: &str) -> String {
    let mut parts = text.split('\u{1b}');
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let sequence = part.strip_prefix('[').unwrap_or(part);
        let end =
            sequence.find(|c: char| c.is_ascii_alphabetic()).map_or(sequence.len(), |at| at + 1);
        out += &sequence[end..];
    }
    out
}

impl Drop for Terminal {
    fn drop(&mut self) {
        if self.idle().is_none() {
            let _ = self.keys.write_all(&[3]);
            // What is typed while a program ends is the program's.
            self.prompt();
        }
        let _ = self.keys.write_all(b"exit\n");
        let ended = patiently(|| self.shell.try_wait().ok().flatten());
        if ended.is_none() {
            let _ = self.shell.kill();
        }
        let _ = self.shell.wait();
    }
}

/// Keeps what a pipe gives, as long as it gives.
fn collect(mut pipe: impl Read + Send + 'static) -> Arc<Mutex<Vec<u8>>> {
    let kept = Arc::new(Mutex::new(Vec::new()));
    let shared = Arc::clone(&kept);
    std::thread::spawn(move || {
        let mut bytes = [0; 4_096];
        while let Ok(count @ 1..) = pipe.read(&mut bytes) {
            shared.lock().expect("output").extend_from_slice(&bytes[..count]);
        }
    });
    kept
}

#[test]
fn escape_sequences_are_not_text() {
    assert_eq!(plain("> \r\u{1b}[2K\u{1b}[3D\u{1b}[34m< hi\u{1b}[39m\n"), "> \r< hi\n");
}
