//! The driver's side of each connection: its descriptor and what is pending on it in the ring.
//!
//! Invariants: a descriptor is closed only when nothing is pending on it, because closing alone
//! does not end a multishot receive, and a slot must not be reused while completions for it may
//! come.

use std::net::IpAddr;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};

use socket2::SockRef;

/// What is to become of a socket once nothing is pending on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    Live,
    Close,
    HandOff,
}

/// How far the send of a socket is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sending {
    No,
    /// Asked to be carried out at once: over when it is submitted and has not completed by then.
    Now,
    /// Its completion will tell.
    Waiting,
}

/// One socket.
#[derive(Debug)]
pub struct Socket {
    fd: OwnedFd,
    pub fate: Fate,
    pub receiving: bool,
    pub sending: Sending,
    pub paused: bool,
}

impl Socket {
    pub fn new(fd: OwnedFd) -> Socket {
        Socket { fd, fate: Fate::Live, receiving: false, sending: Sending::No, paused: false }
    }

    pub fn raw_fd(&self) -> RawFd {
        self.fd.as_raw_fd()
    }

    pub fn into_fd(self) -> OwnedFd {
        self.fd
    }

    pub fn is_pending(&self) -> bool {
        self.receiving || self.sending != Sending::No
    }

    /// Whether a receive request should be running and is not.
    pub fn wants_recv(&self) -> bool {
        self.fate == Fate::Live && !self.paused && !self.receiving
    }

    /// Says to the peer that nothing more comes.
    pub fn half_close(&self) -> std::io::Result<()> {
        SockRef::from(&self.fd).shutdown(std::net::Shutdown::Write)
    }

    /// Says this if the kernel takes it at once.
    pub fn say_at_once(&self, words: &[u8]) {
        if !words.is_empty() {
            let flags = libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL;
            let _ = SockRef::from(&self.fd).send_with_flags(words, flags);
        }
    }

    /// From now on whoever reads acknowledges, as soon as it has read all there is: after an
    /// exchange of messages the kernel delays that, and a sender over loopback does it in the end.
    pub fn acknowledge_when_read(&self) {
        // It fails where the peer was quicker.
        let _ = SockRef::from(&self.fd).set_tcp_quickack(true);
    }

    /// Closing it will be a reset, not a FIN.
    pub fn reset_on_close(&self) {
        // It fails where the peer was quicker, which is all the same then.
        let _ = SockRef::from(&self.fd).set_linger(Some(std::time::Duration::ZERO));
    }

    /// Ends both directions, which completes whatever is pending.
    pub fn shut(&self) {
        // It fails where the peer was quicker: the pending requests end all the same.
        let _ = SockRef::from(&self.fd).shutdown(std::net::Shutdown::Both);
    }

    /// The peer's address; unspecified where it is already gone.
    pub fn peer(&self) -> IpAddr {
        let address = SockRef::from(&self.fd).peer_addr().ok().and_then(|addr| addr.as_socket());
        match address.map(|address| address.ip()) {
            Some(IpAddr::V6(ip)) => ip.to_canonical(),
            Some(ip) => ip,
            None => IpAddr::V4(std::net::Ipv4Addr::UNSPECIFIED),
        }
    }
}
