//! fastwebsockets: `fastwebsockets PORT`, one thread, an mpsc queue a member.
//!
//! The request head is read by hand and the socket goes to `after_handshake`, its cheapest entry.
//! The echo is its documentation's loop with `set_writev(false)`. A member has a reading and a
//! writing task (`after_handshake_split`: its reads may not be cancelled); the writer stands on a
//! `BufWriter` and flushes when its queue is empty.

use std::cell::{Cell, RefCell};
use std::io;
use std::rc::Rc;

use fastwebsockets::{Frame, OpCode, Payload, Role, WebSocket, WebSocketError};
use fastwebsockets::{WebSocketRead, WebSocketWrite, after_handshake_split};
use hubs::{Purpose, Rooms};
use tokio::io::{AsyncReadExt, AsyncWriteExt, BufWriter};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::mpsc;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

const HEAD_BYTES_MAX: usize = 8_192;

/// What a writer gathers before it writes without waiting for more.
const WRITE_BUFFER_BYTES: usize = 4_096;

fn main() -> io::Result<()> {
    let (port, _) = hubs::arguments()?;
    hubs::run(serve(port))
}

async fn serve(port: u16) -> io::Result<()> {
    let rooms = Rooms::<Room>::new();
    hubs::listen(port, |stream| {
        let rooms = rooms.clone();
        async move {
            // An error is the end of the connection, and there is nobody to tell.
            let _ = attend(stream, &rooms).await;
        }
    })
    .await
}

async fn attend(mut stream: TcpStream, rooms: &Rooms<Room>) -> Result<(), WebSocketError> {
    let Some(purpose) = upgrade(&mut stream).await? else { return Ok(()) };
    match purpose {
        Purpose::Echo => echo(stream).await,
        Purpose::Publisher(name) => publish(stream, &rooms.room(name, Room::default)).await,
        Purpose::Member(name) => member(stream, rooms.room(name, Room::default)).await,
    }
}

/// Reads the head and answers it. Clients send no frame before the answer.
async fn upgrade(stream: &mut TcpStream) -> io::Result<Option<Purpose>> {
    let mut head = Vec::with_capacity(512);
    while !head.ends_with(b"\r\n\r\n") {
        if head.len() > HEAD_BYTES_MAX || stream.read_buf(&mut head).await? == 0 {
            return Ok(None);
        }
    }
    let head = String::from_utf8_lossy(&head);
    let mut lines = head.split("\r\n");
    let path = lines.next().and_then(|line| line.split(' ').nth(1)).unwrap_or_default();
    let key = lines.filter_map(|line| line.split_once(':')).find_map(|(name, value)| {
        name.eq_ignore_ascii_case("sec-websocket-key").then_some(value.trim())
    });
    let (Some(purpose), Some(key)) = (Purpose::of(path), key) else { return Ok(None) };
    let accept = derive_accept_key(key.as_bytes());
    let answer = format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: {accept}\r\n\r\n"
    );
    stream.write_all(answer.as_bytes()).await?;
    Ok(Some(purpose))
}

async fn echo(stream: TcpStream) -> Result<(), WebSocketError> {
    let mut socket = WebSocket::after_handshake(stream, Role::Server);
    socket.set_writev(false);
    loop {
        let frame = socket.read_frame().await?;
        match frame.opcode {
            OpCode::Close => return Ok(()),
            // The frame that was read keeps its mask, and would say so when sent on.
            OpCode::Text | OpCode::Binary => {
                socket.write_frame(Frame::new(true, frame.opcode, None, frame.payload)).await?;
            }
            _ => {}
        }
    }
}

async fn publish(stream: TcpStream, room: &Room) -> Result<(), WebSocketError> {
    let mut socket = WebSocket::after_handshake(stream, Role::Server);
    loop {
        let frame = socket.read_frame().await?;
        match frame.opcode {
            OpCode::Close => return Ok(()),
            OpCode::Text | OpCode::Binary => room.carry(frame.opcode, &frame.payload),
            _ => {}
        }
    }
}

/// A frame on its way to members.
#[derive(Clone)]
struct Letter {
    opcode: OpCode,
    bytes: Rc<[u8]>,
}

#[derive(Default)]
struct Room {
    members: RefCell<Vec<(u64, mpsc::UnboundedSender<Letter>)>>,
    joined: Cell<u64>,
}

impl Room {
    fn carry(&self, opcode: OpCode, payload: &[u8]) {
        let letter = Letter { opcode, bytes: payload.into() };
        for (_, member) in self.members.borrow().iter() {
            // Its task has ended and is about to leave the list.
            let _ = member.send(letter.clone());
        }
    }
}

async fn member(stream: TcpStream, room: Rc<Room>) -> Result<(), WebSocketError> {
    let (read, write) = stream.into_split();
    let write = BufWriter::with_capacity(WRITE_BUFFER_BYTES, write);
    let (reader, mut writer) = after_handshake_split(read, write, Role::Server);
    writer.set_writev(false);
    let (sender, queue) = mpsc::unbounded_channel();
    let id = room.joined.replace(room.joined.get() + 1);
    room.members.borrow_mut().push((id, sender.clone()));
    tokio::task::spawn_local(async move {
        let _ = write_all(writer, queue).await;
    });
    let outcome = read_all(reader, &room, &sender).await;
    room.members.borrow_mut().retain(|(other, _)| *other != id);
    outcome
}

async fn read_all(
    mut reader: WebSocketRead<OwnedReadHalf>,
    room: &Room,
    own: &mpsc::UnboundedSender<Letter>,
) -> Result<(), WebSocketError> {
    // Pongs and the answer to a close go the way of all frames.
    let mut answer = |frame: Frame<'_>| {
        let letter = Letter { opcode: frame.opcode, bytes: frame.payload[..].into() };
        let sent = own.send(letter).map_err(|_| io::Error::other("the writer has ended"));
        async move { sent }
    };
    loop {
        let frame = reader.read_frame(&mut answer).await?;
        match frame.opcode {
            OpCode::Close => return Ok(()),
            OpCode::Text | OpCode::Binary => room.carry(frame.opcode, &frame.payload),
            _ => {}
        }
    }
}

async fn write_all(
    mut writer: WebSocketWrite<BufWriter<OwnedWriteHalf>>,
    mut queue: mpsc::UnboundedReceiver<Letter>,
) -> Result<(), WebSocketError> {
    while let Some(letter) = queue.recv().await {
        writer.write_frame(frame(&letter)).await?;
        while let Ok(letter) = queue.try_recv() {
            writer.write_frame(frame(&letter)).await?;
        }
        writer.flush().await?;
    }
    Ok(())
}

fn frame(letter: &Letter) -> Frame<'_> {
    Frame::new(true, letter.opcode, None, Payload::Borrowed(&letter.bytes))
}
