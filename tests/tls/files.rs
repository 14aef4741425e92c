//! What is wrong with certificates is told by `check` and at the start, with its place.

use std::os::unix::fs::PermissionsExt;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::kit::{Authority, Folder, PLAIN_TLS, Pair};
use crate::support::shardwire;

/// Status and findings of a command on the folder's configuration.
fn told(folder: &Folder, command: &str) -> (i32, String) {
    let config = folder.0.join("config.yaml");
    let output = shardwire()
        .arg(command)
        .arg(config)
        .env("SHARDWIRE_SERVER_ADDRESS", "127.0.0.1:0")
        .output()
        .expect("runs");
    (output.status.code().unwrap_or(-1), String::from_utf8_lossy(&output.stderr).into_owned())
}

fn refused(folder: &Folder, code: &str, words: &str) {
    for command in ["check", "serve"] {
        let (status, text) = told(folder, command);
        let clear = text.contains(code) && text.contains(words) && text.contains("config.yaml:");
        assert!(status == 2 && clear && text.contains("help"), "{command}, {status}: {text}");
        assert!(!text.contains("PRIVATE KEY-----\nM"), "{text}");
    }
}

#[test]
fn everything_wrong_with_a_certificate_is_told_with_its_place() {
    let (authority, folder) = (Authority::new("a root"), Folder::new("wrong"));
    let middle = authority.below("in between");
    let good = middle.issue(&["chat.example"]);
    let other = authority.issue(&["chat.example"]);
    let expired = authority.issue_for(&["chat.example"], (2001, 1, 1), (2002, 3, 4));
    let early = authority.issue_for(&["chat.example"], (2080, 5, 6), (2081, 1, 1));
    let with = |cert: &str, key: &str| Pair { cert: cert.to_owned(), key: key.to_owned() };
    folder.config(PLAIN_TLS);
    refused(&folder, "E461", "there is no such file");
    let encrypted =
        "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAA==\n-----END ENCRYPTED PRIVATE KEY-----";
    let reversed = middle.pem() + &good.cert;
    for (pair, code, words) in [
        (with(&good.cert, &other.key), "E464", "is not the key of"),
        (with(&good.key, &good.key), "E462", "holds no certificate, but a private key"),
        (with(&good.cert, &good.cert), "E462", "holds no private key, but a certificate"),
        (with(&good.cert, ""), "E462", "holds no private key: it is empty"),
        (with("hello\n", &good.key), "E462", "it is no PEM"),
        (with(&good.cert.replace("-----END", "-----FIN"), &good.key), "E462", "is not valid PEM"),
        (with(&good.cert, encrypted), "E463", "is encrypted"),
        (expired, "E465", "expired on 2002-03-04"),
        (early, "E465", "is not valid before 2080-05-06"),
        (with(&reversed, &good.key), "E466", "certificate 2 did not sign certificate 1"),
        (with(&(good.cert.clone() + &other.cert), &good.key), "E466", "the chain is broken"),
    ] {
        folder.put(&pair);
        refused(&folder, code, words);
    }
    folder.put(&with(&(good.cert.clone() + &middle.pem() + &authority.pem()), &good.key));
    assert_eq!(told(&folder, "check").0, 0);
}

#[test]
fn all_that_is_wrong_is_told_at_once() {
    let folder = Folder::new("several");
    folder.write("cert.pem", "hello");
    folder.config("cert: [cert.pem, other.pem], key: [key.pem, other.key], clientCa: ca.pem");
    let (status, text) = told(&folder, "check");
    assert_eq!(status, 2);
    for name in ["cert.pem holds", "key.pem cannot", "other.pem cannot", "other.key cannot"] {
        assert!(text.contains(name), "{name}: {text}");
    }
    assert!(text.contains("ca.pem cannot be read"), "{text}");
}

#[test]
fn a_file_that_may_not_be_read_is_told() {
    let (authority, folder) = (Authority::new("a root"), Folder::new("forbidden"));
    folder.put(&authority.issue(&["chat.example"]));
    folder.config(PLAIN_TLS);
    let key = folder.0.join("key.pem");
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o0)).expect("a mode");
    if std::fs::read(&key).is_ok() {
        return eprintln!("skipped: this user may read every file");
    }
    refused(&folder, "E461", "permission denied");
}

#[test]
fn a_certificate_and_its_key_come_together() {
    let folder = Folder::new("halves");
    for (tls, words) in [
        ("cert: cert.pem", "a certificate without its key"),
        ("key: key.pem", "a key without a certificate"),
        ("cert: [a.pem, b.pem], key: a.key", "2 in `cert`, but 1 in `key`"),
        ("address: ':8443'", "there is no certificate"),
    ] {
        folder.config(tls);
        refused(&folder, "E460", words);
    }
}

#[test]
fn a_certificate_that_ends_soon_is_warned_of() {
    let (authority, folder) = (Authority::new("a root"), Folder::new("soon"));
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock").as_secs();
    folder.config(PLAIN_TLS);
    for (days, warned) in [(3, true), (13, true), (15, false)] {
        let text = shardwire::tls::date(now + days * 86_400);
        let field = |range: std::ops::Range<usize>| text[range].parse::<u16>().expect("digits");
        let to = (i32::from(field(0..4)), field(5..7) as u8, field(8..10) as u8);
        folder.put(&authority.issue_for(&["chat.example"], (2020, 1, 1), to));
        let (status, text) = told(&folder, "check");
        assert_eq!((status, text.contains("W511")), (0, warned), "{days}: {text}");
    }
}
