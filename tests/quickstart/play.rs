//! Plays a document: a terminal or a window for each name, a folder of its own, free ports.
//!
//! Two things differ from what the document says: its ports are free ones, and the server listens
//! on loopback only. Whatever happens, all that was started ends with the stage.

use std::collections::BTreeMap;
use std::net::TcpListener;
use std::path::{Path, PathBuf};

use super::Document;
use super::terminal::Terminal;
use super::transcript::{Line, Place, Step, files, read, steps};
use super::window::Window;
use crate::support::chromium::Chromium;

struct Stage {
    // In the order in which they are dropped: a server need not wait for pages that are gone.
    windows: BTreeMap<String, Window>,
    browser: Option<Chromium>,
    terminals: BTreeMap<String, Terminal>,
    folder: PathBuf,
    path: String,
    /// Where the server listens.
    address: String,
}

pub fn document(document: &Document) {
    let path = search_path();
    for tool in document.tools.iter().chain(&["script", "bash"]) {
        let found = std::env::split_paths(&path).any(|folder| folder.join(tool).is_file());
        assert!(
            found,
            "`{tool}` is missing, which {} needs: scripts/test installs it",
            document.path
        );
    }
    let (text, port) = with_free_ports(&read(document.path), document);
    let mut stage = Stage {
        terminals: BTreeMap::new(),
        windows: BTreeMap::new(),
        browser: None,
        folder: empty_folder(document.path),
        path,
        address: format!("127.0.0.1:{port}"),
    };
    for (name, text) in files(&text) {
        std::fs::write(stage.folder.join(name), text).expect("writes a file");
    }
    for step in steps(&text) {
        if let Err(what) = stage.perform(&step) {
            panic!("{}:{}: {what}\n{}", document.path, step.at, stage.all());
        }
    }
}

impl Stage {
    fn perform(&mut self, step: &Step) -> Result<(), String> {
        match &step.place {
            Place::Terminal(name) => in_terminal(self.terminal(name), step),
            Place::Window(name) => in_window(self.window(name), step),
        }
    }

    fn terminal(&mut self, name: &str) -> &mut Terminal {
        let environment = [("SHARDWIRE_SERVER_ADDRESS", self.address.as_str())];
        let (folder, path) = (&self.folder, &self.path);
        let opened = || Terminal::open(folder, path, &environment);
        self.terminals.entry(name.to_owned()).or_insert_with(opened)
    }

    fn window(&mut self, name: &str) -> &mut Window {
        let browser = self.browser.get_or_insert_with(Chromium::start);
        self.windows.entry(name.to_owned()).or_insert_with(|| Window::open(browser))
    }

    /// Everything that can be seen, for whoever has to find out what went wrong.
    fn all(&mut self) -> String {
        let terminals = self.terminals.iter().map(|(name, one)| (name, one.text()));
        let windows = self.windows.iter_mut().map(|(name, one)| (name, one.text()));
        let shown = terminals.chain(windows).map(|(name, text)| format!("== {name}\n{text}\n"));
        shown.collect()
    }
}

fn in_terminal(terminal: &mut Terminal, step: &Step) -> Result<(), String> {
    match &step.line {
        Line::Command(text) => {
            if !terminal.run(text) {
                return Err(format!("what ran before did not end, so this was not typed: {text}"));
            }
            if step.alone && terminal.status().as_deref() != Some("0") {
                return Err(format!("this command failed, or did not end: {text}"));
            }
        }
        Line::Typed(text) => terminal.type_line(text),
        Line::Interrupt => terminal.interrupt(),
        Line::Shown(text) if !terminal.shows(text) => return Err(missing(text)),
        Line::Shown(_) => {}
        Line::Open(_) => return Err("a terminal opens no page".into()),
    }
    Ok(())
}

fn in_window(window: &mut Window, step: &Step) -> Result<(), String> {
    match &step.line {
        Line::Open(url) => window.go(url),
        Line::Typed(text) if !window.type_line(text) => return Err("no field has the focus".into()),
        Line::Shown(text) if !window.shows(text) => return Err(missing(text)),
        Line::Typed(_) | Line::Shown(_) => {}
        Line::Command(_) | Line::Interrupt => return Err("a window has no shell".into()),
    }
    Ok(())
}

fn missing(text: &str) -> String {
    format!("this line did not come: {text}")
}

/// The text with free ports instead of its own, and that of the server.
fn with_free_ports(text: &str, document: &Document) -> (String, u16) {
    let said = [document.server].into_iter().chain(document.others.iter().copied());
    // Held until all are found, so that no two are the same.
    let held: Vec<TcpListener> =
        said.clone().map(|_| TcpListener::bind("127.0.0.1:0").expect("binds")).collect();
    let free = |place: usize| held[place].local_addr().expect("an address").port();
    // By way of marks: a free port may hold the digits of another that is still to be replaced.
    let mark = |place: usize| format!("\0{place}\0");
    let marked = said
        .enumerate()
        .fold(text.to_owned(), |text, (place, port)| text.replace(port, &mark(place)));
    let text = (0..held.len())
        .fold(marked, |text, place| text.replace(&mark(place), &free(place).to_string()));
    (text, free(0))
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

fn empty_folder(document: &str) -> PathBuf {
    let name = Path::new(document).file_stem().expect("a name");
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).expect("a folder");
    folder
}
