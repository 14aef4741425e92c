//! Chromium by its DevTools protocol: as much of it as opening windows and running scripts needs.
//!
//! Invariants: headless, a profile of its own that is deleted after, no service of the browser
//! talks to anybody.

use std::cell::RefCell;
use std::io::{BufRead, BufReader};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::rc::Rc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tungstenite::{Message, WebSocket};

use crate::support::PATIENCE;

const FLAGS: [&str; 12] = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-sync",
    "--no-proxy-server",
    "--remote-debugging-port=0",
];

pub struct Chromium {
    child: Child,
    profile: PathBuf,
    link: Rc<RefCell<Link>>,
}

/// One page in a browser context of its own, as another person's browser would be.
pub struct Window {
    link: Rc<RefCell<Link>>,
    session: String,
}

/// The connection that commands and their results travel on.
struct Link {
    socket: WebSocket<TcpStream>,
    last_id: u64,
}

impl Chromium {
    pub fn start() -> Chromium {
        static STARTED: AtomicU32 = AtomicU32::new(0);
        let (process, number) = (std::process::id(), STARTED.fetch_add(1, Ordering::Relaxed));
        let profile = std::env::temp_dir().join(format!("shardwire-browser-{process}-{number}"));
        let binary = std::env::var("CHROMIUM").unwrap_or_else(|_| "chromium".into());
        let mut child = Command::new(&binary)
            .args(FLAGS)
            .arg(format!("--user-data-dir={}", profile.display()))
            .arg("about:blank")
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{binary}: {error}; scripts/test installs it"));
        let stderr = BufReader::new(child.stderr.take().expect("piped"));
        let link = Rc::new(RefCell::new(Link::connect(&devtools(stderr))));
        Chromium { child, profile, link }
    }

    pub fn window(&mut self) -> Window {
        let mut link = self.link.borrow_mut();
        let context = link.call(None, "Target.createBrowserContext", &json!({}));
        let target = link.call(
            None,
            "Target.createTarget",
            &json!({ "url": "about:blank", "browserContextId": context["browserContextId"] }),
        );
        let attached = link.call(
            None,
            "Target.attachToTarget",
            &json!({ "targetId": target["targetId"], "flatten": true }),
        );
        let session = attached["sessionId"].as_str().expect("a session").to_owned();
        Window { link: Rc::clone(&self.link), session }
    }
}

impl Drop for Chromium {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = std::fs::remove_dir_all(&self.profile);
    }
}

/// The address that Chromium prints once it listens; the rest of its stderr is read and dropped, so
/// that it never waits for a reader.
fn devtools(mut stderr: impl BufRead + Send + 'static) -> String {
    let mut said = String::new();
    loop {
        let mut line = String::new();
        let count = stderr.read_line(&mut line).expect("text");
        assert!(count > 0, "Chromium ended:\n{said}");
        if let Some(address) = line.trim().strip_prefix("DevTools listening on ") {
            let address = address.to_owned();
            std::thread::spawn(move || std::io::copy(&mut stderr, &mut std::io::sink()));
            return address;
        }
        said.push_str(&line);
    }
}

impl Link {
    fn connect(address: &str) -> Link {
        let host = address.trim_start_matches("ws://").split('/').next().expect("a host");
        let stream = TcpStream::connect(host).expect("connects");
        stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        let (socket, _) = tungstenite::client(address, stream).expect("a handshake");
        Link { socket, last_id: 0 }
    }

    /// Sends a command and waits for its result; events on the way are passed over.
    fn call(&mut self, session: Option<&str>, method: &str, params: &Value) -> Value {
        self.last_id += 1;
        let mut command = json!({ "id": self.last_id, "method": method, "params": params });
        if let Some(session) = session {
            command["sessionId"] = session.into();
        }
        self.socket.send(Message::text(command.to_string())).expect("sends");
        loop {
            let Message::Text(text) = self.socket.read().expect("an answer") else { continue };
            let answer: Value = serde_json::from_str(&text).expect("JSON");
            if answer["id"] == self.last_id {
                assert!(answer["error"].is_null(), "{method}: {}", answer["error"]);
                return answer["result"].clone();
            }
        }
    }
}

impl Window {
    pub fn open(&mut self, url: &str) {
        let params = json!({ "url": url });
        self.link.borrow_mut().call(Some(&self.session), "Page.navigate", &params);
        let there = format!("location.href === {}", json!(url));
        self.wait_until(&there);
    }

    /// Runs a script; gives its value.
    pub fn run(&mut self, script: &str) -> Value {
        let params = json!({ "expression": script, "returnByValue": true, "awaitPromise": true });
        let done = self.link.borrow_mut().call(Some(&self.session), "Runtime.evaluate", &params);
        assert!(done["exceptionDetails"].is_null(), "{script}\n{}", done["exceptionDetails"]);
        done["result"]["value"].clone()
    }

    /// Sends a command of the browser's protocol about this page.
    pub fn call(&mut self, method: &str, params: &Value) -> Value {
        self.link.borrow_mut().call(Some(&self.session), method, params)
    }

    /// The size of the page and whether it is to be dark.
    pub fn look(&mut self, (width, height): (u32, u32), dark: bool) {
        let mobile = width < 600;
        let size = json!({
            "width": width, "height": height, "deviceScaleFactor": 1, "mobile": mobile,
        });
        self.call("Emulation.setDeviceMetricsOverride", &size);
        let scheme = if dark { "dark" } else { "light" };
        let features = json!([{ "name": "prefers-color-scheme", "value": scheme }]);
        self.call("Emulation.setEmulatedMedia", &json!({ "features": features }));
    }

    /// What the page looks like, as a PNG in base64.
    pub fn picture(&mut self) -> String {
        let taken = self.call("Page.captureScreenshot", &json!({ "format": "png" }));
        taken["data"].as_str().expect("a picture").to_owned()
    }

    pub fn wait_until(&mut self, condition: &str) {
        let start = Instant::now();
        while self.run(condition) != Value::Bool(true) {
            if start.elapsed() > PATIENCE {
                let shown = self.run("document.body.innerText");
                panic!("waited in vain for: {condition}\nthe page shows:\n{shown}");
            }
            std::thread::sleep(Duration::from_millis(30));
        }
    }
}
