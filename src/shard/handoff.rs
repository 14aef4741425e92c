//! A socket whose request is not for the shard (pages, `/health`): it goes to the control plane.

use std::net::IpAddr;
use std::os::fd::OwnedFd;

use crate::tls::Session;

/// A TCP connection and what was already read from it.
#[derive(Debug)]
pub struct Handoff {
    pub socket: OwnedFd,
    /// The request head and whatever followed it.
    pub received: Vec<u8>,
    pub peer: IpAddr,
    /// What the connection goes on with, where it speaks TLS; `received` is plain then.
    pub tls: Option<Box<Session>>,
}
