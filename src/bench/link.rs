//! The driver's side of each connection: its socket, and where it comes from.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use crate::runtime::dial::{self, Dial};
use crate::runtime::sockets::Socket;

/// Connections one source address can have to one port, with room to spare: the kernel's range of
/// ports for its own choice is 28,232 wide unless it was changed.
const PORTS_PER_SOURCE: u32 = 25_000;

/// Source addresses one run may use: 127.0.0.2 to 127.0.0.251.
pub const SOURCES_MAX: u32 = 250;

/// A socket, and whether it is still being connected.
pub struct Link {
    pub socket: Socket,
    pub connecting: bool,
}

impl Link {
    pub fn is_pending(&self) -> bool {
        self.connecting || self.socket.is_pending()
    }
}

/// Opens the sockets of a run.
#[derive(Clone, Copy, Debug)]
pub struct Sources {
    count: u32,
}

impl Sources {
    /// As many as asked for, or as so many connections need.
    pub fn new(asked: Option<u32>, connections: u32) -> Sources {
        let needed = connections.div_ceil(PORTS_PER_SOURCE);
        Sources { count: asked.unwrap_or(needed).clamp(1, SOURCES_MAX) }
    }

    /// The address of a connection; the kernel's choice where one is enough.
    fn of(self, number: u32, to: SocketAddr) -> Option<IpAddr> {
        let several = self.count > 1 && to.is_ipv4() && to.ip().is_loopback();
        several.then(|| IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2 + (number % self.count) as u8)))
    }

    pub fn open(self, number: u32, to: SocketAddr, dial: Dial) -> io::Result<Link> {
        let dial = Dial { from: dial.from.or_else(|| self.of(number, to)), ..dial };
        let socket = Socket::new(dial::socket(to, dial)?);
        Ok(Link { socket, connecting: true })
    }
}

/// What a failed connection, receive or send means to a person.
pub fn words(errno: i32, to: SocketAddr) -> String {
    match errno {
        libc::ECONNREFUSED => {
            format!("{to} refuses connections; is the server running, and on this port?")
        }
        libc::EADDRNOTAVAIL => {
            "no source port is free; give --sources 4, or wait a minute".to_owned()
        }
        libc::EMFILE | libc::ENFILE => {
            "no file is free; raise the limit: `ulimit -n 1048576`".to_owned()
        }
        libc::ECONNRESET => "reset by the server".to_owned(),
        libc::EPIPE => "closed by the server".to_owned(),
        _ => io::Error::from_raw_os_error(errno).to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_connections_than_ports_come_from_several_addresses() {
        let to: SocketAddr = "127.0.0.1:9".parse().unwrap();
        assert_eq!(Sources::new(None, 25_000).of(7, to), None);
        let sources = Sources::new(None, 60_000);
        let of = |number| sources.of(number, to).unwrap().to_string();
        assert_eq!(
            [of(0), of(1), of(2), of(3)],
            ["127.0.0.2", "127.0.0.3", "127.0.0.4", "127.0.0.2"]
        );
        assert_eq!(sources.of(0, "[::1]:9".parse().unwrap()), None);
        assert_eq!(Sources::new(Some(9_999), 1).count, SOURCES_MAX);
    }
}
