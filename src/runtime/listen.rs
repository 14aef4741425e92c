//! Listening sockets: one per shard and address, all on the same port by `SO_REUSEPORT`, so that
//! the kernel spreads connections over the shards by a hash of their addresses.

use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};
use std::time::Duration;

use socket2::{Domain, Protocol, Socket, Type};

use super::StartError;

const BACKLOG: i32 = 4_096;

/// How often, and how far apart, a port is tried that a server may have just left.
const TAKEN_TRIES: u32 = 40;
const TAKEN_PAUSE: Duration = Duration::from_millis(50);

/// A listening socket.
pub struct Listening {
    pub socket: TcpListener,
    /// TLS is spoken there.
    pub secure: bool,
}

/// The addresses listened on, and each shard's listeners.
pub fn all(
    addresses: &[(SocketAddr, bool)],
    shards: usize,
) -> Result<(Vec<SocketAddr>, Vec<Vec<Listening>>), StartError> {
    let mut bound = Vec::new();
    let mut of_shard: Vec<Vec<Listening>> = (0..shards).map(|_| Vec::new()).collect();
    for &(wanted, secure) in addresses {
        check_free(wanted)?;
        // The first listener fixes the port where the kernel chooses it.
        let first = listen(wanted)?;
        let actual = first.local_addr().map_err(|error| failure(wanted, &error))?;
        bound.push(actual);
        for listeners in of_shard.iter_mut().skip(1) {
            listeners.push(Listening { socket: listen(actual)?, secure });
        }
        of_shard[0].push(Listening { socket: first, secure });
    }
    Ok((bound, of_shard))
}

/// `SO_REUSEPORT` would let a second server share the port without a word, and the kernel would
/// deal the connections out between both: so the port must be free for a socket without it first.
/// The kernel keeps the listeners of a killed server until its rings are taken down, a moment after
/// the process is gone: a restart waits for that.
fn check_free(address: SocketAddr) -> Result<(), StartError> {
    let mut tries = 0;
    loop {
        match bind(address, false) {
            Err(error) if error.kind() == ErrorKind::AddrInUse && tries < TAKEN_TRIES => {
                tries += 1;
                std::thread::sleep(TAKEN_PAUSE);
            }
            Err(error) if error.kind() == ErrorKind::AddrInUse => {
                return Err(failure(address, &error));
            }
            _ => return Ok(()),
        }
    }
}

/// Every IPv6 address falls back to every IPv4 address on a machine without IPv6.
fn listen(address: SocketAddr) -> Result<TcpListener, StartError> {
    let any6 = address.is_ipv6() && address.ip().is_unspecified();
    match open(address) {
        Err(error) if any6 && error.raw_os_error() == Some(libc::EAFNOSUPPORT) => {
            let any4 = SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), address.port());
            open(any4).map_err(|error| failure(any4, &error))
        }
        result => result.map_err(|error| failure(address, &error)),
    }
}

fn open(address: SocketAddr) -> std::io::Result<TcpListener> {
    let socket = bind(address, true)?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

fn bind(address: SocketAddr, shared: bool) -> std::io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    if address.is_ipv6() {
        socket.set_only_v6(!address.ip().is_unspecified())?;
    }
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(shared)?;
    // Accepted sockets inherit it.
    socket.set_tcp_nodelay(true)?;
    socket.bind(&address.into())?;
    Ok(socket)
}

fn failure(address: SocketAddr, error: &std::io::Error) -> StartError {
    let remedy = match error.kind() {
        std::io::ErrorKind::AddrInUse => "stop what listens there or set another server.address",
        std::io::ErrorKind::PermissionDenied => {
            "use a port from 1024 on, or grant CAP_NET_BIND_SERVICE"
        }
        std::io::ErrorKind::AddrNotAvailable => {
            "no interface has this address; check server.address"
        }
        _ => "check server.address",
    };
    StartError(format!("cannot listen on {address}: {error}; {remedy}"))
}
