//! An HTTP/1.1 backend for tests: says what it is told to, misbehaves by name, remembers what it
//! was asked.
//!
//! Invariants: only loopback; one thread per connection; it stops with its guard, and a connection
//! that hangs ends when its caller closes it.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::str::FromStr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::JoinHandle;
use std::time::Duration;

use serde_json::Value;

use super::wait_for;

/// Bytes at a time of a reply without an end.
const CHUNK_BYTES: usize = 16 * 1024;

/// A running backend.
pub struct Backend {
    pub address: SocketAddr,
    desk: Arc<Desk>,
    listening: Option<JoinHandle<()>>,
}

/// One request as it came.
#[derive(Clone, Debug)]
pub struct Request {
    pub method: String,
    /// With its query.
    pub path: String,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    pub body: String,
    /// Connections are numbered from 0.
    pub connection: usize,
}

/// What it answers, and how.
#[derive(Clone, Debug)]
pub struct Reply {
    status: u16,
    headers: Vec<(String, String)>,
    body: String,
    after: Duration,
    fault: Option<Fault>,
}

/// Ways to misbehave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Resets the connection before a byte of the response.
    Reset,
    /// Closes it in good order before a byte of the response.
    Close,
    /// Resets it in the middle of the body.
    ResetMidBody,
    /// Closes it in the middle of the body.
    CloseMidBody,
    /// Answers with what is no HTTP.
    Garbage,
    /// Announces a body of a gigabyte.
    Huge,
    /// Sends a chunked body for as long as somebody reads it.
    Endless,
    /// Sends header lines for as long as somebody reads them.
    EndlessHead,
    /// Never answers.
    Hang,
    /// Answers with a head, and never with its body.
    HangMidBody,
    /// Sends the body a byte at a time, with pauses.
    Drip,
    /// Answers well, then closes the connection without having said so.
    CloseAfter,
}

/// Every fault with its name.
pub const FAULTS: [(&str, Fault); 12] = [
    ("reset", Fault::Reset),
    ("close", Fault::Close),
    ("reset-mid-body", Fault::ResetMidBody),
    ("close-mid-body", Fault::CloseMidBody),
    ("garbage", Fault::Garbage),
    ("huge", Fault::Huge),
    ("endless", Fault::Endless),
    ("endless-head", Fault::EndlessHead),
    ("hang", Fault::Hang),
    ("hang-mid-body", Fault::HangMidBody),
    ("drip", Fault::Drip),
    ("close-after", Fault::CloseAfter),
];

impl FromStr for Fault {
    type Err = String;

    fn from_str(text: &str) -> Result<Fault, String> {
        let known = FAULTS.iter().find(|(name, _)| *name == text);
        known.map(|(_, fault)| *fault).ok_or_else(|| format!("no fault is called {text}"))
    }
}

type Answering = Box<dyn FnMut(&Request) -> Reply + Send>;

struct Rule {
    method: String,
    path: String,
    answer: Answering,
}

impl Rule {
    fn is_for(&self, request: &Request) -> bool {
        let path = request.path.split('?').next().unwrap_or_default();
        let matches = match self.path.strip_suffix('*') {
            Some(prefix) => path.starts_with(prefix),
            None => path == self.path,
        };
        matches && self.method == request.method
    }
}

#[derive(Default)]
struct Desk {
    rules: Mutex<Vec<Rule>>,
    requests: Mutex<Vec<Request>>,
    connections: AtomicUsize,
    open: AtomicUsize,
    stopped: AtomicBool,
}

impl Backend {
    pub fn start() -> Backend {
        Backend::start_at(SocketAddr::from(([127, 0, 0, 1], 0)))
    }

    /// On an address that another had before.
    pub fn start_at(address: SocketAddr) -> Backend {
        let listener = TcpListener::bind(address).expect("a free address");
        let address = listener.local_addr().expect("an address");
        let desk = Arc::<Desk>::default();
        let shared = Arc::clone(&desk);
        let listening = std::thread::spawn(move || accept(&listener, &shared));
        Backend { address, desk, listening: Some(listening) }
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Answers like this from now on. A path that ends with `*` stands for all that begin so; the
    /// latest rule that fits counts; without one the answer is 404.
    pub fn on(&self, method: &str, path: &str, reply: Reply) -> &Backend {
        self.answering(method, path, move |_| reply.clone())
    }

    /// Answers with one after the other; the last stays.
    pub fn on_each(
        &self,
        method: &str,
        path: &str,
        replies: impl IntoIterator<Item = Reply>,
    ) -> &Backend {
        let mut replies: VecDeque<Reply> = replies.into_iter().collect();
        self.answering(method, path, move |_| match replies.len() {
            0 | 1 => replies.front().expect("one reply at least").clone(),
            _ => replies.pop_front().expect("more than one"),
        })
    }

    /// Answers by what it is asked.
    pub fn answering(
        &self,
        method: &str,
        path: &str,
        answer: impl FnMut(&Request) -> Reply + Send + 'static,
    ) -> &Backend {
        let rule = Rule { method: method.into(), path: path.into(), answer: Box::new(answer) };
        lock(&self.desk.rules).push(rule);
        self
    }

    /// Everything it was asked so far.
    pub fn requests(&self) -> Vec<Request> {
        lock(&self.desk.requests).clone()
    }

    /// Waits until it has been asked so often.
    pub fn asked(&self, times: usize) -> Vec<Request> {
        wait_for("requests to the backend", || {
            Some(self.requests()).filter(|requests| requests.len() >= times)
        })
    }

    /// Connections since the start.
    pub fn connections(&self) -> usize {
        self.desk.connections.load(Ordering::SeqCst)
    }

    /// Connections now.
    pub fn open(&self) -> usize {
        self.desk.open.load(Ordering::SeqCst)
    }
}

impl Drop for Backend {
    fn drop(&mut self) {
        self.desk.stopped.store(true, Ordering::SeqCst);
        // Wakes the listener, which then goes: from here on nobody is at the address.
        drop(TcpStream::connect(self.address));
        self.listening.take().into_iter().for_each(|thread| drop(thread.join()));
    }
}

impl Request {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("not JSON: {}", self.body))
    }
}

impl Reply {
    pub fn text(status: u16, body: &str) -> Reply {
        Reply { status, headers: Vec::new(), body: body.into(), after: Duration::ZERO, fault: None }
    }

    pub fn json(status: u16, body: &Value) -> Reply {
        Reply::text(status, &body.to_string()).with("content-type", "application/json")
    }

    /// A good reply that becomes a bad one on its way.
    pub fn fault(fault: Fault) -> Reply {
        Reply { fault: Some(fault), ..Reply::text(200, "{\"a\":\"good reply\"}") }
    }

    pub fn with(mut self, name: &str, value: &str) -> Reply {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// Later.
    pub fn after(mut self, delay: Duration) -> Reply {
        self.after = delay;
        self
    }

    fn head(&self, framing: &str) -> String {
        let mut head = format!("HTTP/1.1 {} Told\r\n", self.status);
        for (name, value) in &self.headers {
            head += &format!("{name}: {value}\r\n");
        }
        format!("{head}{framing}\r\n\r\n")
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

fn accept(listener: &TcpListener, desk: &Arc<Desk>) {
    while let Ok((stream, _)) = listener.accept() {
        if desk.stopped.load(Ordering::SeqCst) {
            return;
        }
        let number = desk.connections.fetch_add(1, Ordering::SeqCst);
        desk.open.fetch_add(1, Ordering::SeqCst);
        let desk = Arc::clone(desk);
        std::thread::spawn(move || {
            serve(stream, number, &desk);
            desk.open.fetch_sub(1, Ordering::SeqCst);
        });
    }
}

/// Answers one request after the other; ends with the connection.
fn serve(stream: TcpStream, number: usize, desk: &Desk) {
    let _ = stream.set_nodelay(true);
    let mut reader = BufReader::new(stream);
    while let Some(request) = read(&mut reader, number) {
        if desk.stopped.load(Ordering::SeqCst) {
            return;
        }
        lock(&desk.requests).push(request.clone());
        let reply = desk.reply(&request);
        std::thread::sleep(reply.after);
        if send(reader.get_mut(), &reply).is_none() {
            return;
        }
    }
}

impl Desk {
    fn reply(&self, request: &Request) -> Reply {
        let mut rules = lock(&self.rules);
        let rule = rules.iter_mut().rev().find(|rule| rule.is_for(request));
        rule.map_or_else(|| Reply::text(404, "no rule"), |rule| (rule.answer)(request))
    }
}

fn read(reader: &mut BufReader<TcpStream>, connection: usize) -> Option<Request> {
    let first = line(reader)?;
    let mut words = first.split(' ');
    let (method, path) = (words.next()?.to_owned(), words.next()?.to_owned());
    let mut headers = Vec::new();
    loop {
        let line = line(reader)?;
        let Some((name, value)) = line.split_once(':') else { break };
        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    let mut request = Request { method, path, headers, body: String::new(), connection };
    let bytes = request.header("content-length").map_or(Some(0), |length| length.parse().ok())?;
    let mut body = vec![0; bytes];
    reader.read_exact(&mut body).ok()?;
    request.body = String::from_utf8_lossy(&body).into_owned();
    Some(request)
}

fn line(reader: &mut BufReader<TcpStream>) -> Option<String> {
    let mut line = String::new();
    let read = reader.read_line(&mut line).ok()?;
    (read > 0).then(|| line.trim_end().to_owned())
}

/// None where the connection ends with this reply.
fn send(stream: &mut TcpStream, reply: &Reply) -> Option<()> {
    let head = reply.head(&format!("content-length: {}", reply.body.len()));
    let whole = format!("{head}{}", reply.body);
    let half = &whole[..whole.len() - reply.body.len() / 2];
    let Some(fault) = reply.fault else { return write(stream, &whole) };
    match fault {
        Fault::Reset => reset(stream),
        Fault::Close => {}
        Fault::ResetMidBody => {
            write(stream, half);
            reset(stream);
        }
        Fault::CloseMidBody => {
            write(stream, half);
        }
        Fault::Garbage => {
            write(stream, "\u{1}\u{2}SSH-2.0-none\r\n\r\n{}\r\n");
        }
        Fault::Huge => huge(stream, reply),
        Fault::Endless => endless(stream, reply),
        Fault::EndlessHead => endless_head(stream),
        Fault::Hang => hang(stream),
        Fault::HangMidBody => {
            write(stream, half);
            hang(stream);
        }
        Fault::Drip => drip(stream, &head, &reply.body),
        Fault::CloseAfter => {
            write(stream, &whole);
        }
    }
    None
}

fn write(stream: &mut TcpStream, text: &str) -> Option<()> {
    stream.write_all(text.as_bytes()).ok()
}

/// The connection ends with a reset, not with a close.
fn reset(stream: &TcpStream) {
    let lingering = socket2::SockRef::from(stream).set_linger(Some(Duration::ZERO));
    lingering.expect("a socket option");
}

/// Until the caller closes it.
fn hang(stream: &mut TcpStream) {
    let mut bytes = [0; 1_024];
    while matches!(stream.read(&mut bytes), Ok(1..)) {}
}

fn huge(stream: &mut TcpStream, reply: &Reply) {
    let head = reply.head("content-length: 1073741824");
    let block = "x".repeat(CHUNK_BYTES);
    let mut written = write(stream, &head);
    while written.is_some() {
        written = write(stream, &block);
    }
}

fn endless(stream: &mut TcpStream, reply: &Reply) {
    let head = reply.head("transfer-encoding: chunked");
    let chunk = format!("{CHUNK_BYTES:x}\r\n{}\r\n", "x".repeat(CHUNK_BYTES));
    let mut written = write(stream, &head);
    while written.is_some() {
        written = write(stream, &chunk);
    }
}

fn endless_head(stream: &mut TcpStream) {
    let line = format!("x-line: {}\r\n", "x".repeat(1_000));
    let mut written = write(stream, "HTTP/1.1 200 Told\r\n");
    while written.is_some() {
        written = write(stream, &line);
    }
}

fn drip(stream: &mut TcpStream, head: &str, body: &str) {
    let mut written = write(stream, head);
    for byte in body.split_inclusive(|_: char| true) {
        if written.is_none() {
            return;
        }
        std::thread::sleep(Duration::from_millis(200));
        written = write(stream, byte);
    }
}
