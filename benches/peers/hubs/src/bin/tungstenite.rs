//! tokio-tungstenite: `tungstenite PORT mpsc|broadcast`, one thread, a task a connection.
//!
//! A room is a list of unbounded mpsc senders, or one broadcast channel. What waits for a member is
//! written with `feed` and leaves with one `flush`, as the sink's documentation advises; the
//! echo is `forward`, as in its example. Read buffers are 4 KiB: its advice for many connections.

use std::cell::{Cell, RefCell};
use std::io;

use futures_util::{SinkExt, StreamExt};
use hubs::{Purpose, Rooms};
use tokio::net::TcpStream;
use tokio::sync::broadcast::{self, error::TryRecvError};
use tokio::sync::mpsc;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::server::{ErrorResponse, Request, Response};
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::{WebSocketStream, accept_hdr_async_with_config};

type Socket = WebSocketStream<TcpStream>;

/// Messages a broadcast channel keeps: one that falls further behind loses some.
const BROADCAST_MESSAGES: usize = 8_192;

const READ_BUFFER_BYTES: usize = 4_096;

fn main() -> io::Result<()> {
    let (port, rest) = hubs::arguments()?;
    match rest.first().map(String::as_str) {
        Some("mpsc") => hubs::run(serve::<Queues>(port)),
        Some("broadcast") => hubs::run(serve::<Channel>(port)),
        _ => Err(io::Error::other("usage: tungstenite PORT mpsc|broadcast")),
    }
}

async fn serve<R: Room>(port: u16) -> io::Result<()> {
    let rooms = Rooms::<R>::new();
    hubs::listen(port, |stream| {
        let rooms = rooms.clone();
        async move {
            if let Some((socket, purpose)) = upgrade(stream).await {
                attend(socket, purpose, &rooms).await;
            }
        }
    })
    .await
}

async fn upgrade(stream: TcpStream) -> Option<(Socket, Purpose)> {
    let mut path = String::new();
    #[expect(clippy::result_large_err, reason = "the callback's type is tungstenite's")]
    let note = |request: &Request, response: Response| -> Result<Response, ErrorResponse> {
        path = request.uri().path().to_owned();
        Ok(response)
    };
    let config = WebSocketConfig::default().read_buffer_size(READ_BUFFER_BYTES);
    let socket = accept_hdr_async_with_config(stream, note, Some(config)).await.ok()?;
    Some((socket, Purpose::of(&path)?))
}

async fn attend<R: Room>(socket: Socket, purpose: Purpose, rooms: &Rooms<R>) {
    // An error is the end of the connection, and there is nobody to tell.
    let _ = match purpose {
        Purpose::Echo => echo(socket).await,
        Purpose::Publisher(name) => publish(socket, &*rooms.room(name, R::default)).await,
        Purpose::Member(name) => rooms.room(name, R::default).attend(socket).await,
    };
}

type Outcome = Result<(), tokio_tungstenite::tungstenite::Error>;

async fn echo(socket: Socket) -> Outcome {
    let (out, messages) = socket.split();
    messages.filter(|message| std::future::ready(is_message(message))).forward(out).await
}

fn is_message<E>(message: &Result<Message, E>) -> bool {
    message.as_ref().is_ok_and(|message| message.is_text() || message.is_binary())
}

async fn publish<R: Room>(mut socket: Socket, room: &R) -> Outcome {
    while let Some(message) = socket.next().await {
        room.carry(message?);
    }
    Ok(())
}

/// How a message gets to the members.
trait Room: Default + 'static {
    fn carry(&self, message: Message);

    /// Serves a member until it leaves.
    async fn attend(&self, socket: Socket) -> Outcome;
}

/// One queue a member.
#[derive(Default)]
struct Queues {
    members: RefCell<Vec<(u64, mpsc::UnboundedSender<Message>)>>,
    joined: Cell<u64>,
}

impl Room for Queues {
    fn carry(&self, message: Message) {
        if !message.is_text() && !message.is_binary() {
            return;
        }
        for (_, member) in self.members.borrow().iter() {
            // Its task has ended and is about to leave the list.
            let _ = member.send(message.clone());
        }
    }

    async fn attend(&self, socket: Socket) -> Outcome {
        let (sender, queue) = mpsc::unbounded_channel();
        let id = self.joined.replace(self.joined.get() + 1);
        self.members.borrow_mut().push((id, sender));
        let outcome = self.exchange(socket, queue).await;
        self.members.borrow_mut().retain(|(other, _)| *other != id);
        outcome
    }
}

impl Queues {
    async fn exchange(
        &self,
        mut socket: Socket,
        mut queue: mpsc::UnboundedReceiver<Message>,
    ) -> Outcome {
        loop {
            tokio::select! {
                message = socket.next() => match message {
                    Some(message) => self.carry(message?),
                    None => return Ok(()),
                },
                Some(message) = queue.recv() => {
                    socket.feed(message).await?;
                    while let Ok(message) = queue.try_recv() {
                        socket.feed(message).await?;
                    }
                    socket.flush().await?;
                }
            }
        }
    }
}

/// One broadcast channel for all.
struct Channel(broadcast::Sender<Message>);

impl Default for Channel {
    fn default() -> Channel {
        Channel(broadcast::Sender::new(BROADCAST_MESSAGES))
    }
}

impl Room for Channel {
    fn carry(&self, message: Message) {
        if message.is_text() || message.is_binary() {
            // Fails where nobody is in the room.
            let _ = self.0.send(message);
        }
    }

    async fn attend(&self, mut socket: Socket) -> Outcome {
        let mut channel = self.0.subscribe();
        loop {
            tokio::select! {
                message = socket.next() => match message {
                    Some(message) => self.carry(message?),
                    None => return Ok(()),
                },
                Ok(message) = channel.recv() => {
                    socket.feed(message).await?;
                    feed_waiting(&mut socket, &mut channel).await?;
                    socket.flush().await?;
                }
            }
        }
    }
}

async fn feed_waiting(socket: &mut Socket, channel: &mut broadcast::Receiver<Message>) -> Outcome {
    loop {
        match channel.try_recv() {
            Ok(message) => socket.feed(message).await?,
            Err(TryRecvError::Lagged(_)) => {}
            Err(_) => return Ok(()),
        }
    }
}
