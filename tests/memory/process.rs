//! Resident memory of the real server, which is what its host pays: whole pages, the allocator's
//! own needs, and what a page's size makes of both.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

use super::simulator::wire;
use super::support::{PATIENCE, Server};

const EXAMPLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/echo.yaml");

/// The allocator's own variable.
const ALLOW_HUGE_PAGES: &str = "MIMALLOC_ALLOW_THP";

/// What the process needs once is there after these.
const FIRST: usize = 100;

/// Together few enough for the 1,024 files that many systems allow a process.
const MORE: usize = 700;

/// Tables that double have just done so, and now and then the allocator takes 64 KiB more: with
/// 10,000 connections it is two thirds of this.
const BYTES_MAX: i64 = 1_200;

fn serve(environment: &[(&str, &str)]) -> Server {
    let environment = [&[("SHARDWIRE_SERVER_CORES", "1")], environment].concat();
    Server::start(&[EXAMPLE], &environment)
}

fn open(address: SocketAddr) -> TcpStream {
    let mut socket = TcpStream::connect(address).expect("connects");
    socket.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    socket.write_all(&wire::upgrade_with("/", "")).expect("sends");
    let mut answer = Vec::new();
    while !answer.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        socket.read_exact(&mut byte).expect("an answer");
        answer.push(byte[0]);
    }
    assert!(answer.starts_with(b"HTTP/1.1 101 "), "{}", answer.escape_ascii());
    socket
}

fn open_all(server: &Server, count: usize) -> Vec<TcpStream> {
    (0..count).map(|_| open(server.address)).collect()
}

#[test]
fn an_idle_connection_costs_the_process_few_bytes() {
    let server = serve(&[]);
    let resident_kib = || server.told("smaps_rollup", "Rss").expect("a number") as i64;
    let first = open_all(&server, FIRST);
    let before_kib = resident_kib();
    let more = open_all(&server, MORE);
    let bytes = (resident_kib() - before_kib) * 1_024 / MORE as i64;
    println!("| each, idle, of the process with {} | {bytes} |", first.len() + more.len());
    assert!(bytes <= BYTES_MAX, "{bytes} bytes of resident memory a connection");
}

/// One connection's bytes would make 2 MiB resident.
#[test]
fn pages_are_small_unless_huge_ones_are_asked_for() {
    let huge = |server: &Server| server.told("status", "THP_enabled");
    if huge(&serve(&[(ALLOW_HUGE_PAGES, "1")])) == Some(1) {
        assert_eq!(huge(&serve(&[])), Some(0));
    }
}
