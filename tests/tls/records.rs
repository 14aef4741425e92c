//! Sessions without sockets: ciphertext in any pieces, changed anywhere, at any moment.

use std::io::{Read, Write};
use std::sync::Arc;

use rustls::ClientConnection;
use shardwire::settings::Tls;
use shardwire::tls::{self, Acceptor, PLAIN_HTTP, Session};

use crate::kit::{Authority, Dice, Folder, Speaker};

const NOW_UNIX_S: u64 = 1_800_000_000;

fn acceptor(name: &str) -> (Authority, Acceptor) {
    let (authority, folder) = (Authority::new("a root"), Folder::new(name));
    folder.put(&authority.issue(&["chat.example"]));
    let options =
        Tls { certs: vec!["cert.pem".into()], keys: vec!["key.pem".into()], ..Tls::default() };
    let identity = tls::read(&options, &folder.0, NOW_UNIX_S).expect("an identity");
    (authority, Acceptor::new(&identity))
}

/// Both ends of a connection, and how bytes go between them.
struct Wire<'d> {
    client: ClientConnection,
    server: Session,
    dice: &'d mut Dice,
    /// What the server read.
    heard: Vec<u8>,
    /// What the client read.
    answered: Vec<u8>,
    failed: bool,
}

impl Wire<'_> {
    /// What the client has to send, in pieces of any size, changed where `damage` says so.
    fn say(&mut self, damage: bool) {
        let mut bytes = Vec::new();
        while self.client.wants_write() {
            self.client.write_tls(&mut bytes).expect("written");
        }
        if damage && !bytes.is_empty() {
            for _ in 0..1 + self.dice.below(4) {
                let place = self.dice.below(bytes.len());
                bytes[place] = self.dice.next() as u8;
            }
        }
        let mut rest = &mut bytes[..];
        while !rest.is_empty() && !self.failed {
            let count = 1 + self.dice.below(rest.len());
            let (piece, more) = rest.split_at_mut(count);
            self.failed = self.server.receive(piece, &mut self.heard).is_err();
            // At any moment somebody may have something to say.
            if self.dice.below(4) == 0 {
                self.answer(b"");
            }
            rest = more;
        }
    }

    fn answer(&mut self, plain: &[u8]) {
        let mut bytes = Vec::new();
        self.server.take_output(&mut bytes);
        self.failed |= self.server.encrypt(plain, &mut bytes).is_err();
        let mut bytes = &bytes[..];
        while !bytes.is_empty() && self.client.read_tls(&mut bytes).is_ok() {
            if self.client.process_new_packets().is_err() {
                self.failed = true;
                return;
            }
            let _ = self.client.reader().read_to_end(&mut self.answered);
        }
    }

    fn shake_hands(&mut self, damage_at: Option<usize>) {
        for turn in 0..4 {
            self.say(damage_at == Some(turn));
            if self.failed {
                return;
            }
            self.answer(b"");
        }
    }
}

fn wires<'d>(
    dice: &'d mut Dice,
    acceptor: &Acceptor,
    client: Arc<rustls::ClientConfig>,
) -> Wire<'d> {
    let name = "chat.example".try_into().expect("a name");
    let client = ClientConnection::new(client, name).expect("a client");
    let server = acceptor.accept().expect("a session");
    Wire { client, server, dice, heard: Vec::new(), answered: Vec::new(), failed: false }
}

fn speakers(authority: &Authority) -> [Speaker; 2] {
    [&rustls::version::TLS12, &rustls::version::TLS13]
        .map(|version| Speaker::of_versions(authority, "chat.example", &[version], None))
}

#[test]
fn what_goes_in_comes_out_however_it_is_cut() {
    let seed = 0x7e15_0001;
    println!("seed {seed:#x}");
    let mut dice = Dice(seed);
    let (authority, acceptor) = acceptor("cut");
    for speaker in speakers(&authority) {
        for _ in 0..25 {
            let mut wire = wires(&mut dice, &acceptor, speaker.config());
            wire.shake_hands(None);
            assert!(!wire.server.is_handshaking() && !wire.failed);
            let mut said = Vec::new();
            for _ in 0..6 {
                let bytes: Vec<u8> =
                    (0..wire.dice.below(40_000)).map(|_| wire.dice.next() as u8).collect();
                wire.client.writer().write_all(&bytes).expect("taken");
                said.extend_from_slice(&bytes);
                wire.say(false);
                wire.answer(&bytes);
                assert!(std::mem::take(&mut wire.answered) == bytes);
            }
            assert!(!wire.failed && wire.heard == said);
            wire.client.send_close_notify();
            let mut bytes = Vec::new();
            wire.client.write_tls(&mut bytes).expect("written");
            assert!(wire.server.receive(&mut bytes, &mut wire.heard).expect("an orderly end"));
            assert!(!wire.server.receive(&mut [22; 9], &mut wire.heard).expect("unheard"));
        }
    }
}

/// Never a panic, never a byte that the client did not send.
#[test]
fn changed_bytes_fail_or_are_waited_for() {
    let seed = 0x7e15_0002;
    println!("seed {seed:#x}");
    let mut dice = Dice(seed);
    let (authority, acceptor) = acceptor("changed-records");
    let mut failures = 0;
    for round in 0..1_500 {
        let speaker = &speakers(&authority)[round % 2];
        let mut wire = wires(&mut dice, &acceptor, speaker.config());
        let damage_at = wire.dice.below(4);
        wire.shake_hands(Some(damage_at).filter(|turn| *turn < 3));
        let said = b"as it was said".repeat(1 + wire.dice.below(3_000));
        if wire.client.writer().write_all(&said).is_ok() {
            wire.say(damage_at == 3);
        }
        assert!(said.starts_with(&wire.heard), "something that nobody said");
        let (mut words, failed) = (Vec::new(), wire.failed);
        wire.server.take_output(&mut words);
        let _ = wire.server.encrypt(b"still", &mut words);
        let _ = wire.server.close(&mut words);
        let _ = wire.server.receive(&mut [23, 3, 3, 0, 1, 7], &mut wire.heard);
        failures += usize::from(failed);
    }
    assert!(failures > 400, "{failures}");
}

#[test]
fn plain_requests_are_known_by_their_first_byte() {
    let (_, acceptor) = acceptor("plain");
    let mut heard = Vec::new();
    for (bytes, failure) in [
        (&b"GET / HTTP/1.1\r\n\r\n"[..], tls::Failure::PlainHttp),
        (b"POST", tls::Failure::PlainHttp),
        (b"\x00\x00\x00\x00\x00\x00\x00", tls::Failure::NotTls),
        (b"SSH-2.0-OpenSSH_9.2\r\n", tls::Failure::PlainHttp),
    ] {
        let mut session = acceptor.accept().expect("a session");
        let fault = session.receive(&mut bytes.to_vec(), &mut heard).expect_err("no TLS");
        assert_eq!(fault.failure, failure);
    }
    let text = std::str::from_utf8(PLAIN_HTTP).expect("text");
    let (head, body) = text.split_once("\r\n\r\n").expect("a head");
    assert!(head.contains(&format!("Content-Length: {}\r\n", body.len())));
}
