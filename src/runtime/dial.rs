//! Sockets that connect: the client's end, for the load generator.
//!
//! Invariants: a socket is made and bound here and connected by the ring.

#![allow(unsafe_code)]

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsRawFd, OwnedFd};

use socket2::{Domain, Protocol, SockAddr, Socket, Type};

/// From where to connect, and how.
#[derive(Clone, Copy, Debug, Default)]
pub struct Dial {
    /// The source address; the kernel's choice where there is none.
    pub from: Option<IpAddr>,
    /// A small one makes the kernel hold back a sender early.
    pub receive_buffer_bytes: Option<usize>,
}

/// A socket that may be connected to this address.
pub fn socket(to: SocketAddr, dial: Dial) -> io::Result<OwnedFd> {
    let socket = Socket::new(Domain::for_address(to), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_tcp_nodelay(true)?;
    if let Some(bytes) = dial.receive_buffer_bytes {
        socket.set_recv_buffer_size(bytes)?;
    }
    if let Some(from) = dial.from {
        leave_port_to_connect(&socket)?;
        socket.bind(&SockAddr::from(SocketAddr::new(from, 0)))?;
    }
    Ok(socket.into())
}

/// Without it `bind` takes a port by itself, which nobody else may then use with that address.
fn leave_port_to_connect(socket: &Socket) -> io::Result<()> {
    let yes: libc::c_int = 1;
    // SAFETY: the pointer is to a live int of the size that is passed; the descriptor is ours.
    let result = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            libc::IPPROTO_IP,
            libc::IP_BIND_ADDRESS_NO_PORT,
            (&raw const yes).cast(),
            size_of_val(&yes) as libc::socklen_t,
        )
    };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Wakes the calling thread as soon as its time is over instead of up to 50 us later.
pub fn wake_on_time() {
    // SAFETY: PR_SET_TIMERSLACK takes nanoseconds and no pointer. Where it fails sleeps are longer.
    unsafe { libc::prctl(libc::PR_SET_TIMERSLACK, 1) };
}
