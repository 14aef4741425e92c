//! What both hubs share: what a path asks for, and how they listen. One thread, so rooms need no
//! lock.

use std::cell::RefCell;
use std::collections::HashMap;
use std::io;
use std::rc::Rc;

use tokio::net::{TcpListener, TcpSocket, TcpStream};

const BACKLOG: u32 = 4_096;

/// What a connection is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Purpose {
    Echo,
    /// A member of the room, and a publisher to it.
    Member(String),
    Publisher(String),
}

impl Purpose {
    /// None where nothing is served at this path.
    pub fn of(path: &str) -> Option<Purpose> {
        let path = path.split('?').next()?;
        if let Some(name) = path.strip_prefix("/room/") {
            return Some(Purpose::Member(name.to_owned()));
        }
        if let Some(name) = path.strip_prefix("/publish/") {
            return Some(Purpose::Publisher(name.to_owned()));
        }
        (path == "/echo").then_some(Purpose::Echo)
    }
}

/// Rooms by name, each made when somebody first asks for it.
pub struct Rooms<R>(RefCell<HashMap<String, Rc<R>>>);

impl<R> Rooms<R> {
    pub fn new() -> Rc<Rooms<R>> {
        Rc::new(Rooms(RefCell::new(HashMap::new())))
    }

    pub fn room(&self, name: String, make: impl FnOnce() -> R) -> Rc<R> {
        self.0.borrow_mut().entry(name).or_insert_with(|| Rc::new(make())).clone()
    }
}

/// The port of the first argument, and the others.
pub fn arguments() -> io::Result<(u16, Vec<String>)> {
    let mut arguments = std::env::args().skip(1);
    let port = arguments.next().and_then(|text| text.parse().ok());
    let port = port.ok_or_else(|| io::Error::other("the first argument is the port"))?;
    Ok((port, arguments.collect()))
}

/// Listens, says so, and gives every connection to `serve`, for ever.
pub async fn listen<F>(port: u16, serve: impl Fn(TcpStream) -> F) -> io::Result<()>
where
    F: Future<Output = ()> + 'static,
{
    let socket = TcpSocket::new_v4()?;
    socket.set_reuseaddr(true)?;
    socket.bind(([127, 0, 0, 1], port).into())?;
    let listener: TcpListener = socket.listen(BACKLOG)?;
    println!("listening on {port}");
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        tokio::task::spawn_local(serve(stream));
    }
}

/// Runs a server on one thread.
pub fn run(server: impl Future<Output = io::Result<()>>) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
    tokio::task::LocalSet::new().block_on(&runtime, server)
}
