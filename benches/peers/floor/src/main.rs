//! The floor: what a WebSocket server costs when it does nothing but read, copy and send.
//!
//! `floor PORT [--epoll]` serves `/echo`, `/room/NAME` and `/publish/NAME`. No JSON, no validation,
//! no timers, no limits: it is what the kernel charges, not a server to use. With `--epoll` the
//! same hub is driven by epoll, `recv` and `send` instead of an io_uring.
//!
//! `/jsonecho` is the exception: there it does by hand what a server is for, to show what the same
//! work costs on epoll.

mod batch;
mod epoll;
mod frame;
mod hub;
mod listen;
mod request;
mod ring;
mod step;

use std::io::{self, Write};

fn main() -> io::Result<()> {
    let mut port = None;
    let mut by_epoll = false;
    for argument in std::env::args().skip(1) {
        match argument.as_str() {
            "--epoll" => by_epoll = true,
            text => port = text.parse::<u16>().ok(),
        }
    }
    let Some(port) = port else {
        return Err(io::Error::other("usage: floor PORT [--epoll]"));
    };
    let listener = listen::listen(port)?;
    let mut out = io::stdout();
    writeln!(out, "listening on {port}")?;
    out.flush()?;
    match by_epoll {
        true => epoll::run(&listener),
        false => ring::run(&listener),
    }
}
