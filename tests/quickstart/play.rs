//! Plays a document: a terminal for each name, a folder of its own, a free port.
//!
//! Two things differ from what the document says: `8080` and `8000`, a backend's port, are free
//! ports, and the server listens on loopback only.

use std::collections::BTreeMap;
use std::net::TcpListener;
use std::path::{Path, PathBuf};

use super::terminal::Terminal;
use super::transcript::{Line, Step, files, read, steps};

pub fn document(document: &str, tools: &[&str]) {
    let path = search_path();
    for tool in tools.iter().chain(&["script", "bash"]) {
        let found = std::env::split_paths(&path).any(|folder| folder.join(tool).is_file());
        assert!(found, "`{tool}` is missing, which {document} needs: scripts/test installs it");
    }
    let [port, other] = free_ports().map(|port| port.to_string());
    let address = format!("127.0.0.1:{port}");
    let backend = format!("http://127.0.0.1:{other}");
    let folder = empty_folder(document);
    let environment =
        [("SHARDWIRE_SERVER_ADDRESS", address.as_str()), ("BACKEND_API_URL", &backend)];
    let text = read(document).replace("8080", &port).replace("8000", &other);
    for (name, text) in files(&text) {
        std::fs::write(folder.join(name), text).expect("a file");
    }
    let mut terminals: BTreeMap<String, Terminal> = BTreeMap::new();
    for step in steps(&text) {
        let terminal = terminals
            .entry(step.terminal.clone())
            .or_insert_with(|| Terminal::open(&folder, &path, &environment));
        perform(terminal, &step, document);
    }
}

fn perform(terminal: &mut Terminal, step: &Step, document: &str) {
    let fail = |terminal: &Terminal, what: &str| -> ! {
        panic!("{document}:{}: {what}; the terminal says:\n{}", step.at, terminal.text())
    };
    match &step.line {
        Line::Command(text) => {
            terminal.run(text);
            if step.alone && terminal.status() != "0" {
                fail(terminal, "the command failed");
            }
        }
        Line::Typed(text) => terminal.type_line(text),
        Line::Interrupt => terminal.interrupt(),
        Line::Shown(text) if !terminal.shows(text) => fail(terminal, "this line did not come"),
        Line::Shown(_) => {}
    }
}

/// The binary under test and the tools of the tests, before everything else.
fn search_path() -> String {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let binary = Path::new(env!("CARGO_BIN_EXE_shardwire")).parent().expect("a folder").to_owned();
    let usual = std::env::var_os("PATH").unwrap_or_default();
    let all =
        [binary, root.join("target/tools/bin")].into_iter().chain(std::env::split_paths(&usual));
    std::env::join_paths(all).expect("a path").into_string().expect("text")
}

/// Two, held at one time, so that they differ.
fn free_ports() -> [u16; 2] {
    let listeners = [(); 2].map(|()| TcpListener::bind("127.0.0.1:0").expect("binds"));
    listeners.map(|listener| listener.local_addr().expect("an address").port())
}

fn empty_folder(document: &str) -> PathBuf {
    let name = Path::new(document).file_stem().expect("a name");
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).expect("a folder");
    folder
}
