//! Certificates that are replaced while the server runs.

use crate::kit::{Authority, Folder, PLAIN_TLS, Pair, Speaker, der};
use crate::support::{Server, shardwire, wait_for};

struct Stage {
    authority: Authority,
    folder: Folder,
    server: Server,
}

fn stage(name: &str, first: &dyn Fn(&Authority) -> Pair) -> (Stage, Pair) {
    let (authority, folder) = (Authority::new("a root"), Folder::new(name));
    let pair = first(&authority);
    folder.put(&pair);
    let config = folder.config(PLAIN_TLS);
    let control = folder.0.join("control").to_string_lossy().into_owned();
    let server = Server::start(&[&config, "--control", &control], &[]);
    (Stage { authority, folder, server }, pair)
}

impl Stage {
    /// Status and text of `shardwire reload`.
    fn reload(&self) -> (i32, String) {
        let control = self.folder.0.join("control");
        let output = shardwire().args(["reload", "--control"]).arg(control).output().expect("runs");
        let text = [output.stdout, output.stderr].concat();
        (output.status.code().unwrap_or(-1), String::from_utf8_lossy(&text).into_owned())
    }

    fn shown(&self) -> Vec<u8> {
        let mut fresh = Speaker::new(&self.authority, "chat.example").connect(self.server.address);
        fresh.echoes("who are you");
        fresh.shown()
    }
}

#[test]
fn a_renewed_certificate_is_shown_to_new_connections_and_old_ones_go_on() {
    let (stage, first) = stage("renew", &|authority| authority.issue(&["chat.example"]));
    let speaker = Speaker::new(&stage.authority, "chat.example");
    let mut old = speaker.connect(stage.server.address);
    old.echoes("before");
    assert_eq!(old.shown(), der(&first));
    assert_eq!(stage.reload(), (0, "nothing has changed\n".to_owned()));

    let second = stage.authority.issue(&["chat.example"]);
    stage.folder.put(&second);
    let (status, told) = stage.reload();
    assert!(status == 0 && told.contains("new certificates (valid until 2090-01-01"), "{told}");
    assert_eq!(stage.shown(), der(&second));
    old.echoes("after");
    assert_eq!(old.shown(), der(&first));
    // A ticket of before is of no use now: the client is shown the new certificate.
    let mut again = speaker.connect(stage.server.address);
    again.echoes("again");
    assert_eq!(again.shown(), der(&second));

    let third = stage.authority.issue(&["chat.example"]);
    stage.folder.put(&third);
    stage.server.signal("HUP");
    wait_for("the third certificate", || (stage.shown() == der(&third)).then_some(()));
    old.echoes("still here");
}

#[test]
fn a_bad_certificate_changes_nothing_and_is_named() {
    let (stage, first) = stage("bad", &|authority| authority.issue(&["chat.example"]));
    let other = stage.authority.issue(&["chat.example"]);
    let expired = stage.authority.issue_for(&["chat.example"], (2001, 1, 1), (2002, 3, 4));
    let mixed = Pair { cert: other.cert.clone(), key: first.key.clone() };
    for (pair, code, words) in [
        (&expired, "E465", "expired on 2002-03-04"),
        (&mixed, "E464", "is not the key of"),
        (&Pair { cert: String::new(), ..other.clone() }, "E462", "holds no certificate"),
    ] {
        stage.folder.put(pair);
        let (status, told) = stage.reload();
        let named = told.contains(code) && told.contains(words) && told.contains("config.yaml:");
        assert!(status == 2 && named && told.contains("nothing has changed"), "{status}: {told}");
        assert_eq!(stage.shown(), der(&first));
    }
}

#[test]
fn tls_does_not_begin_or_end_before_a_restart() {
    let (stage, first) = stage("keep", &|authority| authority.issue(&["chat.example"]));
    stage.folder.config("minVersion: '1.2'");
    let (status, told) = stage.reload();
    assert!(status == 0 && told.contains("before a restart: server.tls.cert"), "{status}: {told}");
    assert_eq!(stage.shown(), der(&first));
}

#[test]
fn an_older_version_can_be_shut_out_at_run_time() {
    let (stage, _) = stage("versions", &|authority| authority.issue(&["chat.example"]));
    let old =
        Speaker::of_versions(&stage.authority, "chat.example", &[&rustls::version::TLS12], None);
    let mut before = old.connect(stage.server.address);
    before.echoes("in time");
    stage.folder.config(&format!("{PLAIN_TLS}, minVersion: '1.3'"));
    assert_eq!(stage.reload().0, 0);
    assert!(old.trial(stage.server.address).is_err());
    before.echoes("goes on");
}
