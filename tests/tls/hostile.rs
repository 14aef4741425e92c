//! Peers that mean no good: noise, cut and changed records, half a handshake, silence.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use crate::kit::{Authority, Dice, Folder, PLAIN_TLS, Speaker};
use crate::support::{PATIENCE, Server, wait_for};

fn started(name: &str) -> (Authority, Server) {
    let (authority, folder) = (Authority::new("a root"), Folder::new(name));
    folder.put(&authority.issue(&["chat.example"]));
    let config = folder.config(PLAIN_TLS);
    (authority, Server::start(&[&config], &[("SHARDWIRE_SERVER_CORES", "2")]))
}

/// Waits until the server has ended the connection.
fn ended(socket: &mut TcpStream) {
    socket.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    let mut rest = Vec::new();
    if let Err(error) = socket.read_to_end(&mut rest) {
        let kind = error.kind();
        assert!(kind != std::io::ErrorKind::WouldBlock, "the server holds on to it");
    }
}

/// The bytes a client begins with.
fn hello(speaker: &Speaker, server: &Server) -> Vec<u8> {
    let mut stream = speaker.stream(server.address);
    let mut bytes = Vec::new();
    stream.conn.write_tls(&mut bytes).expect("a hello");
    bytes
}

#[test]
fn noise_ends_its_own_connection_only() {
    let seed = 0x5eed_71a5_u64;
    println!("seed {seed:#x}");
    let mut dice = Dice(seed);
    let (authority, server) = started("noise");
    let speaker = Speaker::new(&authority, "chat.example");
    let mut ada = speaker.connect(server.address);
    let hello = hello(&speaker, &server);
    for round in 0..300 {
        let mut bytes = hello.clone();
        match round % 3 {
            0 => (0..1 + dice.below(8)).for_each(|_| {
                let place = dice.below(bytes.len());
                bytes[place] = dice.next() as u8;
            }),
            1 => bytes.truncate(dice.below(bytes.len())),
            _ => bytes = (0..1 + dice.below(9_000)).map(|_| dice.next() as u8).collect(),
        }
        let mut socket = TcpStream::connect(server.address).expect("connects");
        let _ = socket.write_all(&bytes);
        let _ = socket.shutdown(std::net::Shutdown::Write);
        ended(&mut socket);
    }
    ada.echoes("unimpressed");
}

/// A proxy that changes one byte of what an established client sends.
#[test]
fn a_changed_record_ends_the_connection_and_is_never_taken_for_a_message() {
    let mut dice = Dice(0xbad_c0de);
    let (authority, server) = started("changed");
    let speaker = Speaker::new(&authority, "chat.example");
    for _ in 0..40 {
        let mut ada = speaker.connect(server.address);
        ada.echoes("so far");
        let stream = ada.0.get_mut();
        stream.conn.writer().write_all(&[0x81; 300]).expect("taken");
        let mut bytes = Vec::new();
        while stream.conn.wants_write() {
            stream.conn.write_tls(&mut bytes).expect("encrypted");
        }
        // The length apart: a longer record would only be waited for.
        let place = match dice.below(bytes.len()) {
            3 | 4 => 5,
            place => place,
        };
        bytes[place] ^= 1 << dice.below(8);
        stream.sock.write_all(&bytes).expect("sends");
        ended(&mut stream.sock);
    }
    wait_for("the reason", || server.log().contains("\"reason\":\"bad_record\"").then_some(()));
}

#[test]
fn a_handshake_that_does_not_go_on_ends_in_time() {
    let (authority, server) = started("slow");
    let speaker = Speaker::new(&authority, "chat.example");
    let hello = hello(&speaker, &server);
    let mut silent = TcpStream::connect(server.address).expect("connects");
    let mut stuck = TcpStream::connect(server.address).expect("connects");
    stuck.write_all(&hello[..hello.len() / 2]).expect("sends");
    let mut waiting = TcpStream::connect(server.address).expect("connects");
    waiting.write_all(&hello).expect("sends");
    // One that comes byte by byte is served all the same.
    let mut slow = TcpStream::connect(server.address).expect("connects");
    slow.set_nodelay(true).expect("no delay");
    for byte in &hello {
        slow.write_all(&[*byte]).expect("sends");
        std::thread::sleep(Duration::from_micros(200));
    }
    slow.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    let mut first = [0];
    slow.read_exact(&mut first).expect("the server's hello");
    assert_eq!(first, [22]);
    [silent, stuck, waiting, slow].iter_mut().for_each(ended);
    speaker.connect(server.address).echoes("others come in");
    silent = TcpStream::connect(server.address).expect("connects");
    drop(silent);
}

/// Announces a handshake message of 16 MB and sends it.
#[test]
fn a_handshake_without_end_is_cut_off() {
    let (_, server) = started("endless");
    let mut socket = TcpStream::connect(server.address).expect("connects");
    // What nobody reads waits in the kernels' buffers.
    socket.set_write_timeout(Some(Duration::from_secs(2))).expect("a timeout");
    let mut record = vec![22, 3, 1, 0x40, 0, 1, 0xff, 0xff, 0xff];
    record.resize(5 + 16_384, 0);
    let mut sent = 0;
    while sent < 8 << 20 && socket.write_all(&record).is_ok() {
        record = [&[22, 3, 1, 0x40, 0][..], &[0; 16_384]].concat();
        sent += record.len();
    }
    assert!(sent < 8 << 20, "the server took all of it");
    wait_for("the reason", || server.log().contains("a TLS connection failed").then_some(()));
}

#[test]
fn a_client_without_trust_or_with_another_protocol_is_counted() {
    let (authority, server) = started("distrust");
    let stranger = Authority::new("somebody else");
    assert!(Speaker::new(&stranger, "chat.example").trial(server.address).is_err());
    let speaker = Speaker::new(&authority, "chat.example");
    assert!(speaker.speaking("h2").trial(server.address).is_err());
    drop(TcpStream::connect(server.address).expect("connects"));
    for reason in ["refused_by_client", "application_protocol", "handshake_hung_up"] {
        wait_for(reason, || {
            server.log().contains(&format!("\"reason\":\"{reason}\"")).then_some(())
        });
    }
    let mut cut = speaker.connect(server.address);
    cut.echoes("hello");
    drop(cut);
    wait_for("truncated", || server.log().contains("\"reason\":\"truncated\"").then_some(()));
    assert!(server.log().contains("\"peer\":\"127.0.0.1\""));
}
