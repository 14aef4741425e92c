//! `http.static`: what is served, and everything that is not.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::os::unix::fs::symlink;

use serde_json::json;

use crate::support::client::{Answer, Chatter, get, http, raw};
use crate::support::{PATIENCE, wait_for};
use crate::{Site, header};

const STATIC: &str = "http: { static: { /: ./public, /files/: ./more } }\n";

fn site(name: &str) -> Site {
    let site = Site::new(name, STATIC);
    site.put("secret.txt", "secret");
    site.put("public/index.html", "<!doctype html>index");
    site.put("public/app.js", "let a = 1;");
    site.put("public/deep/index.html", "deep");
    site.put("public/deep/é b.TXT", "accent");
    site.put("public/empty/.keep", "");
    site.put("public/.env", "secret");
    site.put("public/.git/config", "secret");
    site.put("public-other/x.txt", "secret");
    site.put("more/a.bin", "0123456789");
    symlink("app.js", site.path("public/inside.js")).expect("links");
    symlink("../secret.txt", site.path("public/outside.txt")).expect("links");
    symlink("/etc", site.path("public/etc")).expect("links");
    symlink("../public-other", site.path("public/other")).expect("links");
    symlink(".env", site.path("public/hidden.txt")).expect("links");
    symlink("loop", site.path("public/loop")).expect("links");
    symlink("/proc/self/fd/0", site.path("public/standard")).expect("links");
    symlink("/dev/zero", site.path("public/zero")).expect("links");
    let pipe = std::process::Command::new("mkfifo").arg(site.path("public/pipe")).status();
    assert!(pipe.expect("mkfifo").success());
    site
}

#[test]
fn files_have_their_kinds_and_folders_their_index() {
    let site = site("kinds");
    let server = site.serve(&[]);
    for (path, kind, body) in [
        ("/", "text/html; charset=utf-8", "<!doctype html>index"),
        ("/index.html", "text/html; charset=utf-8", "<!doctype html>index"),
        ("/app.js?v=3", "text/javascript; charset=utf-8", "let a = 1;"),
        ("/inside.js", "text/javascript; charset=utf-8", "let a = 1;"),
        ("/deep/", "text/html; charset=utf-8", "deep"),
        ("/deep/%C3%A9%20b.TXT", "text/plain; charset=utf-8", "accent"),
        ("/files/a.bin", "application/octet-stream", "0123456789"),
    ] {
        let answer = get(server.address, path);
        assert_eq!((answer.status, answer.body.as_str()), (200, body), "{path}");
        assert_eq!(header(&answer.head, "content-type"), Some(kind), "{path}");
        assert_eq!(header(&answer.head, "content-length"), Some(&*body.len().to_string()));
        assert_eq!(header(&answer.head, "x-content-type-options"), Some("nosniff"));
        let head = http(server.address, "HEAD", path, "", "");
        assert_eq!((head.status, head.body.as_str()), (200, ""));
        assert_eq!(header(&head.head, "content-length"), Some(&*body.len().to_string()));
    }
    let moved = get(server.address, "/deep");
    assert_eq!((moved.status, header(&moved.head, "location")), (308, Some("/deep/")));
    assert_eq!(http(server.address, "POST", "/app.js", "", "").status, 405);
    assert_eq!(get(server.address, "/health").json()["status"], "ok");
    assert_eq!(get(server.address, "/ws").status, 426);
}

/// Every spelling of a way out that servers are known to have fallen for, and names that are not
/// there.
const HOSTILE: &str = r#"
/../secret.txt /..%2fsecret.txt /%2e%2e/secret.txt /%2e%2e%2fsecret.txt /deep/../../secret.txt
/deep/..%2f..%2fsecret.txt /..%5csecret.txt /..\secret.txt /....//secret.txt
/%252e%252e/secret.txt /..;/secret.txt /%c0%ae%c0%ae/secret.txt /%e0%80%ae./secret.txt
/.%00./secret.txt /app.js%00.txt /app.js%00 /app.js/ /app.js/x /../public-other/x.txt
/%2e/app.js /./app.js //etc/passwd ///etc/passwd /etc/passwd /etc/ /etc /outside.txt
/other/x.txt /other/ /hidden.txt /loop /loop/x /.env /%2eenv /.git/config /%2egit/config
/empty/ /empty/.keep /standard /zero /pipe /files /files/ /files/../app.js /files//a.bin
/files/%2e%2e/public/app.js /%ff /% /%2 /%zz /~root /config.yaml /proc/self/environ /con
/app.js:$DATA /app.js%20 /app.js. /APP.JS
"#;

#[test]
fn nothing_outside_of_the_folder_and_nothing_hidden_is_served() {
    let site = site("outside");
    let server = site.serve(&[]);
    for path in HOSTILE.split_whitespace() {
        let answer = get(server.address, path);
        // A folder may be pointed to; what lies in it is not.
        let moved = answer.status == 308 && header(&answer.head, "location") == Some("/files/");
        assert!(answer.status == 404 || moved, "{path}: {}", answer.head);
        assert!(!answer.body.contains("secret") && !answer.body.contains("root:"), "{path}");
    }
    let long = format!("/{}", "a/".repeat(3_000));
    assert_eq!(get(server.address, &long).status, 404);
    assert_eq!(get(server.address, &format!("/{}", "n".repeat(5_000))).status, 404);
    let absolute = "GET http://evil.example/../secret.txt HTTP/1.1\r\nHost: x\r\n\r\n";
    assert!(!raw(server.address, absolute.as_bytes()).contains("secret"));
    assert_eq!(get(server.address, "/app.js").status, 200, "it still serves");
}

#[test]
fn a_file_that_is_known_is_not_sent_again() {
    let site = site("known");
    let server = site.serve(&[]);
    let first = get(server.address, "/app.js");
    let tag = header(&first.head, "etag").expect("a tag").to_owned();
    let date = header(&first.head, "last-modified").expect("a date").to_owned();
    let asked = |more: &str| http(server.address, "GET", "/app.js", more, "");
    let status = |more: &str| asked(more).status;
    assert_eq!(status(&format!("If-None-Match: {tag}\r\n")), 304);
    assert_eq!(status(&format!("If-None-Match: \"x\", W/{tag}\r\n")), 304);
    assert_eq!(status("If-None-Match: *\r\n"), 304);
    assert_eq!(status("If-None-Match: \"x\"\r\n"), 200);
    assert_eq!(status(&format!("If-Modified-Since: {date}\r\n")), 304);
    assert_eq!(status("If-Modified-Since: Thu, 01 Jan 1970 00:00:00 GMT\r\n"), 200);
    assert_eq!(status("If-Modified-Since: yesterday\r\n"), 200);
    // The tag counts where both are given.
    assert_eq!(status(&format!("If-None-Match: \"x\"\r\nIf-Modified-Since: {date}\r\n")), 200);
    site.put("public/app.js", "let a = 2;!");
    assert_eq!(status(&format!("If-None-Match: {tag}\r\n")), 200);
    let silent = asked("If-None-Match: *\r\n");
    assert_eq!(silent.body, "");
}

#[test]
fn a_part_of_a_file_is_what_is_asked_for() {
    let site = site("part");
    let server = site.serve(&[]);
    let asked = |more: &str| http(server.address, "GET", "/files/a.bin", more, "");
    let part = |range: &str| {
        let Answer { status, head, body } = asked(&format!("Range: {range}\r\n"));
        (status, body, header(&head, "content-range").map(str::to_owned))
    };
    assert_eq!(part("bytes=2-4"), (206, "234".into(), Some("bytes 2-4/10".into())));
    assert_eq!(part("bytes=-2"), (206, "89".into(), Some("bytes 8-9/10".into())));
    assert_eq!(part("bytes=8-100"), (206, "89".into(), Some("bytes 8-9/10".into())));
    assert_eq!(part("bytes=10-"), (416, String::new(), Some("bytes */10".into())));
    assert_eq!(part("bytes=4-2"), (200, "0123456789".into(), None));
    assert_eq!(part("bytes=0-1,4-5"), (200, "0123456789".into(), None));
    let tag = header(&asked("").head, "etag").expect("a tag").to_owned();
    let range = "Range: bytes=0-0\r\n";
    assert_eq!(asked(&format!("{range}If-Range: {tag}\r\n")).status, 206);
    assert_eq!(asked(&format!("{range}If-Range: \"x\"\r\n")).status, 200);
    assert_eq!(asked(&format!("{range}If-Range: W/{tag}\r\n")).status, 200);
}

/// So many that have asked for `/large.txt` and read nothing yet.
fn readers(address: SocketAddr, count: usize) -> Vec<TcpStream> {
    let ask = |_| {
        let mut stream = TcpStream::connect(address).expect("connects");
        stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        stream.write_all(b"GET /large.txt HTTP/1.1\r\nHost: x\r\n\r\n").expect("asks");
        stream
    };
    (0..count).map(ask).collect()
}

/// One address may have fewer places than there are, and a probe needs none of them.
#[test]
fn however_many_wait_for_pages_a_probe_is_answered() {
    let site = site("throng");
    site.put("public/large.txt", &"x".repeat(3 << 20));
    let server = site.serve(&[]);
    // More than have a place, wait, and wait to be looked at.
    let _throng = readers(server.address, 500);
    for _ in 0..20 {
        assert_eq!(get(server.address, "/health").status, 200);
    }
}

#[test]
fn readers_that_read_nothing_do_not_make_the_server_look_dead() {
    let site = site("crowd");
    site.put("public/large.txt", &"x".repeat(3 << 20));
    let server = site.serve(&[]);
    let crowd = readers(server.address, 150);
    for _ in 0..20 {
        assert_eq!(get(server.address, "/health").status, 200);
    }
    // Another page of the crowd's address waits until some of the crowd have gone.
    let mut late = readers(server.address, 1);
    drop(crowd);
    let mut byte = [0];
    late[0].read_exact(&mut byte).expect("an answer");
    assert_eq!(&byte, b"H");
}

/// Files far larger than a piece, to readers that take nothing: the chat does not notice.
#[test]
fn slow_readers_of_large_files_are_in_nobodys_way() {
    const BYTES: usize = 3 << 20;
    const READERS: usize = 100;
    let site = site("slow");
    let text: String = ('a'..='z').cycle().take(BYTES).collect();
    site.put("public/large.txt", &text);
    let server = site.serve(&[]);
    let readers = readers(server.address, READERS);
    let mut ada = Chatter::connect(server.address, "x");
    ada.send("join", "", &json!({}));
    ada.expect("joined");
    for n in 0..100 {
        ada.send("say", "", &json!({ "text": n.to_string() }));
        assert_eq!(ada.expect("said")["text"], n.to_string());
    }
    assert_eq!(get(server.address, "/large.txt").body, text);
    for (n, mut stream) in readers.into_iter().enumerate() {
        if n % 10 == 0 {
            let mut answer = String::new();
            stream.read_to_string(&mut answer).expect("reads");
            assert!(answer.ends_with(&text), "reader {n} got {} bytes", answer.len());
        } else {
            stream.shutdown(Shutdown::Both).expect("ends");
        }
    }
}

#[test]
fn folders_are_taken_over_by_a_reload_and_one_that_is_missing_is_told() {
    let site = Site::new("folders", "http: { static: { /: ./one } }\n");
    site.put("two/x.txt", "two");
    let server = site.serve(&[]);
    assert_eq!(get(server.address, "/x.txt").status, 404);
    wait_for("a warning", || server.log().contains("not there").then_some(()));
    site.put("one/x.txt", "one");
    assert_eq!(get(server.address, "/x.txt").body, "one");
    site.configure("http: { static: { /: \"${env.WHICH ?? './two'}\" } }\n");
    site.reload();
    assert_eq!(get(server.address, "/x.txt").body, "two");
    assert_eq!(get(server.address, "/").body, "This is a Shardwire WebSocket server.\n");
    // A folder that is itself a link, as a deployment swaps it.
    symlink("one", site.path("current")).expect("links");
    site.configure("http: { static: { /: ./current } }\n");
    site.reload();
    assert_eq!(get(server.address, "/x.txt").body, "one");
    std::fs::remove_file(site.path("current")).expect("removes");
    symlink("two", site.path("current")).expect("links");
    assert_eq!(get(server.address, "/x.txt").body, "two");
}
