//! Messages over TLS: versions, names, sizes, resumption, the end.

use std::io::{Read, Write};
use std::process::{Command, Stdio};

use rustls::{HandshakeKind, ProtocolVersion};

use crate::kit::{Authority, Folder, PLAIN_TLS, Speaker, der};
use crate::support::{Server, wait_for};

fn start(name: &str, cores: &str, tls: &str) -> (Authority, Folder, Server) {
    let (authority, folder) = (Authority::new("a root"), Folder::new(name));
    folder.put(&authority.issue(&["chat.example"]));
    let config = folder.config(tls);
    let server = Server::start(&[&config], &[("SHARDWIRE_SERVER_CORES", cores)]);
    (authority, folder, server)
}

#[test]
fn both_versions_echo_and_fan_out_with_one_and_two_cores() {
    for cores in ["1", "2"] {
        let (authority, _folder, server) = start(&format!("fan-out-{cores}"), cores, PLAIN_TLS);
        for (version, wanted) in [
            (&rustls::version::TLS12, ProtocolVersion::TLSv1_2),
            (&rustls::version::TLS13, ProtocolVersion::TLSv1_3),
        ] {
            let speaker = Speaker::of_versions(&authority, "chat.example", &[version], None);
            let mut all: Vec<_> = (0..8).map(|_| speaker.connect(server.address)).collect();
            for (number, one) in all.iter_mut().enumerate() {
                one.echoes(&format!("{number} says hello"));
                assert_eq!(one.connection().protocol_version(), Some(wanted));
                assert_eq!(one.connection().alpn_protocol(), Some(&b"http/1.1"[..]));
            }
            for turn in 0..20 {
                let text = format!("turn {turn}");
                all[turn % 8].send("say", &text);
                for one in &mut all {
                    assert_eq!(one.expect("said"), text);
                }
            }
        }
    }
}

/// From less than a record to many of them, in one write and in pieces.
#[test]
fn messages_of_all_sizes_come_back_whole() {
    let (authority, _folder, server) = start("sizes", "2", PLAIN_TLS);
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        let speaker = Speaker::of_versions(&authority, "chat.example", &[version], None);
        let mut ada = speaker.connect(server.address);
        for bytes in [0, 1, 4_000, 4_096, 16_383, 16_384, 16_385, 40_000, 1_000_000] {
            ada.echoes(&"x".repeat(bytes));
        }
        let small = speaker.connect(server.address);
        let mut small = small;
        small.0.get_mut().conn.set_buffer_limit(None);
        for number in 0..500 {
            small.send("echo", &number.to_string());
        }
        for number in 0..500 {
            assert_eq!(small.expect("echoed"), number.to_string());
        }
    }
}

/// The kernel takes a part of a send, and what is left follows in order when the reader reads.
#[test]
fn a_reader_who_pauses_gets_all_of_it_in_order() {
    const TIMES: usize = 60;
    let (authority, _folder, server) = start("pause", "1", PLAIN_TLS);
    let speaker = Speaker::new(&authority, "chat.example");
    let (mut ada, mut bob) = (speaker.connect(server.address), speaker.connect(server.address));
    let text = |number: usize| format!("{number}:{}", "y".repeat(200_000 + number));
    for number in 0..TIMES {
        bob.send("say", &text(number));
        assert!(bob.expect("said") == text(number));
    }
    for number in 0..TIMES {
        assert!(ada.expect("said") == text(number), "message {number} is another");
    }
}

#[test]
fn a_client_that_comes_back_goes_on_with_its_session_on_any_shard() {
    let (authority, _folder, server) = start("resumption", "2", PLAIN_TLS);
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        let speaker = Speaker::of_versions(&authority, "chat.example", &[version], None);
        let mut first = speaker.connect(server.address);
        first.echoes("the ticket came before this");
        assert_eq!(first.connection().handshake_kind(), Some(HandshakeKind::Full));
        for _ in 0..6 {
            let mut again = speaker.connect(server.address);
            again.echoes("back");
            assert_eq!(again.connection().handshake_kind(), Some(HandshakeKind::Resumed));
        }
    }
}

#[test]
fn each_name_gets_its_certificate() {
    let (authority, folder) = (Authority::new("a root"), Folder::new("names"));
    let pairs =
        [authority.issue(&["chat.example"]), authority.issue(&["news.example", "*.news.example"])];
    folder.put(&pairs[0]);
    folder.write("news.pem", &pairs[1].cert);
    folder.write("news.key", &pairs[1].key);
    let config = folder.config("cert: [cert.pem, news.pem], key: [key.pem, news.key]");
    let server = Server::start(&[&config], &[]);
    for (name, shown) in [
        ("chat.example", Some(0)),
        ("news.example", Some(1)),
        ("eu.news.example", Some(1)),
        ("a.eu.news.example", None),
        ("other.example", None),
    ] {
        let tried = Speaker::new(&authority, name).trial(server.address);
        let cert = tried
            .ok()
            .map(|stream| stream.conn.peer_certificates().expect("a certificate")[0].to_vec());
        assert_eq!(cert, shown.map(|place: usize| der(&pairs[place])), "{name}");
    }
}

#[test]
fn the_oldest_version_and_the_clients_certificate_are_demanded() {
    let other = Authority::new("somebody else");
    let (authority, folder) = (Authority::new("a root"), Folder::new("demands"));
    folder.put(&authority.issue(&["chat.example"]));
    folder.write("ca.pem", authority.pem());
    let config = folder.config(&format!("{PLAIN_TLS}, minVersion: '1.3', clientCa: ca.pem"));
    let server = Server::start(&[&config], &[]);
    let own = authority.issue(&["ada.example"]);
    let strange = other.issue(&["ada.example"]);
    let speaker = |versions: &[&'static rustls::SupportedProtocolVersion], own| {
        Speaker::of_versions(&authority, "chat.example", versions, own)
    };
    speaker(&[&rustls::version::TLS13], Some(&own)).connect(server.address).echoes("let in");
    let old = speaker(&[&rustls::version::TLS12], Some(&own)).trial(server.address);
    assert!(old.is_err(), "TLS 1.2 was spoken");
    for refused in [None, Some(&strange)] {
        let stream = speaker(&[&rustls::version::TLS13], refused).trial(server.address);
        // In TLS 1.3 a client learns of it after its own handshake is over.
        let read = stream
            .and_then(|mut stream| stream.read(&mut [0; 16]).map_err(|error| error.to_string()));
        assert!(read.is_err(), "{read:?}");
    }
    for reason in ["version", "client_certificate"] {
        wait_for(reason, || {
            server.log().contains(&format!("\"reason\":\"{reason}\"")).then_some(())
        });
    }
}

#[test]
fn the_server_ends_with_close_notify_and_takes_half_a_close() {
    let (authority, _folder, server) = start("end", "1", PLAIN_TLS);
    let mut ada = Speaker::new(&authority, "chat.example").connect(server.address);
    ada.echoes("hello");
    ada.0.close(None).expect("a close frame");
    while ada.0.read().is_ok() {}
    // `read` gives an error, not 0, where the connection was cut off without close_notify.
    let stream = ada.0.get_mut();
    assert_eq!(stream.conn.complete_io(&mut stream.sock).map(|(read, _)| read).unwrap_or(0), 0);
    assert_eq!(stream.conn.reader().read(&mut [0; 8]).expect("an orderly end"), 0);

    let mut bob = Speaker::new(&authority, "chat.example").connect(server.address);
    bob.echoes("hello");
    bob.0.get_mut().conn.send_close_notify();
    bob.0.get_mut().flush().expect("sends");
    assert!(bob.0.read().is_err(), "nobody speaks to who has closed");
    let mut eve = Speaker::new(&authority, "chat.example").connect(server.address);
    eve.echoes("others go on");
}

#[test]
fn the_openssl_client_talks_to_it() {
    let present = Command::new("openssl").arg("version").output();
    if present.is_err() {
        return eprintln!("skipped: there is no openssl here");
    }
    let (authority, folder, server) = start("openssl", "1", PLAIN_TLS);
    let root = folder.write("root.pem", authority.pem());
    for version in ["-tls1_2", "-tls1_3"] {
        let mut child = Command::new("openssl")
            .args(["s_client", "-quiet", "-no_ign_eof", "-verify_return_error", "-CAfile", &root])
            .args(["-servername", "chat.example", "-verify_hostname", "chat.example", version])
            .args(["-connect", &server.address.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("openssl");
        let request = b"GET /health HTTP/1.1\r\nHost: chat.example\r\n\r\n";
        let mut stdin = child.stdin.take().expect("piped");
        stdin.write_all(request).expect("sends");
        let mut answer = String::new();
        let mut stdout = child.stdout.take().expect("piped");
        stdout.read_to_string(&mut answer).expect("text");
        drop(stdin);
        child.wait().expect("ends");
        assert!(answer.contains("\"status\":\"ok\""), "{version}: {answer}");
    }
}
