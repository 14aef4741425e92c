//! Calls to backends through the whole binary: real sockets, a real HTTP backend with faults.

#![allow(clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod support;

use std::path::PathBuf;
use std::time::Duration;

use serde_json::{Value, json};
use support::backend::{Backend, Fault, Reply};
use support::client::Chatter;
use support::{Server, wait_for};

const YAML: &str = r#"
version: 1
auth: { mode: message, event: auth }
server: { path: /ws }
backends:
  api:
    url: "${env.TEST_BACKEND}/base"
    timeout: 3s
    headers: { X-Internal-API-Key: "${env.TEST_KEY}" }
events:
  auth:
    payload: { token: secret string }
    steps:
      - call:
          backend: api
          post: /validate
          body: { token: "${payload.token}" }
          returns: { id: int, name: string }
          timeout: 2s
        into: me
        onError:
          - reply:
              event: error
              payload: { message: "${error.body.message ?? error.message}", code: "${error.code}" }
      - identify: { user: "${string(me.id)}" }
      - reply: { event: auth_success, payload: { user_id: "${me.id}", name: "${me.name}" } }
  typing:
    payload: { chat: string }
    steps:
      - call:
          backend: api
          get: "/chats/${payload.chat}/members"
          returns: { members: [{ id: int }] }
        into: res
      - send:
          to: { users: "${res.members.map(m, string(m.id))}" }
          except: user
          event: user_typing
          payload: { by: "${user.id}", chat: "${payload.chat}" }
      - reply: { event: told }
  count:
    payload: { chat: string }
    steps:
      - call:
          backend: api
          get: "/chats/${payload.chat}/size"
          returns: { size: int }
          cache: { key: "${payload.chat}", ttl: 1h }
        into: res
      - reply: { event: counted, payload: "${res.size}" }
  echo: { steps: [{ reply: { event: echoed } }] }
"#;

struct Site {
    config: PathBuf,
    backend: Backend,
}

impl Site {
    fn new(name: &str) -> Site {
        let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(&folder).expect("a folder");
        let config = folder.join("config.yaml");
        std::fs::write(&config, YAML).expect("a file");
        let backend = Backend::start();
        backend.answering("POST", "/base/validate", |request| {
            let id = request.json()["token"].as_str().and_then(|token| token.parse::<u64>().ok());
            match id {
                Some(id) => Reply::json(200, &json!({ "id": id, "name": format!("N{id}") })),
                None => Reply::json(401, &json!({ "message": "Invalid token" })),
            }
        });
        let members: Vec<Value> = (1..=4).map(|id| json!({ "id": id })).collect();
        let members = json!({ "members": members });
        backend.on("GET", "/base/chats/7/members", Reply::json(200, &members));
        Site { config, backend }
    }

    fn serve(&self, cores: &str) -> Server {
        let config = self.config.to_string_lossy().into_owned();
        let url = self.backend.url();
        let environment =
            [("SHARDWIRE_SERVER_CORES", cores), ("TEST_BACKEND", &url), ("TEST_KEY", "sesame")];
        Server::start(&[&config], &environment)
    }
}

fn event(name: &str, payload: Value) -> String {
    json!({ "event": name, "payload": payload }).to_string()
}

fn identified(server: &Server, id: u64) -> Chatter {
    let mut one = Chatter::connect(server.address, "");
    one.send_text(&event("auth", json!({ "token": id.to_string() })));
    let name = format!("N{id}");
    assert_eq!(one.expect("auth_success"), json!({ "user_id": id, "name": name }));
    one
}

#[test]
fn users_say_who_they_are_and_reach_the_members_that_the_backend_names() {
    for cores in ["1", "2"] {
        let site = Site::new(&format!("calls-{cores}"));
        let server = site.serve(cores);
        let mut guest = Chatter::connect(server.address, "");
        guest.send_text(&event("echo", json!({})));
        assert_eq!(guest.expect("error")["code"], "unidentified");
        guest.send_text(&event("auth", json!({ "token": "bad" })));
        let refused = json!({ "message": "Invalid token", "code": "backend_refused" });
        assert_eq!(guest.expect("error"), refused);
        let mut users: Vec<Chatter> = (1..=4).map(|id| identified(&server, id)).collect();
        let mut device = identified(&server, 2);
        let mut outsider = identified(&server, 9);
        users[0].send_text(&event("typing", json!({ "chat": "7" })));
        users[0].expect("told");
        for member in users.iter_mut().skip(1).chain([&mut device]) {
            let typing = json!({ "by": "1", "chat": "7" });
            assert_eq!(member.expect("user_typing"), typing);
        }
        outsider.send_text(&event("echo", json!({})));
        outsider.expect("echoed");
        let requests = site.backend.requests();
        let key = |name: &str| requests.iter().all(|one| one.header(name) == Some("sesame"));
        assert!(key("x-internal-api-key"));
    }
}

#[test]
fn whatever_the_backend_does_the_client_gets_an_answer_and_goes_on() {
    let site = Site::new("calls-faults");
    let server = site.serve("2");
    let mut ada = identified(&server, 1);
    let mut bob = identified(&server, 2);
    for (path, code) in [
        ("reset", "backend_unavailable"),
        ("garbage", "backend_unavailable"),
        ("huge", "backend_answer"),
        ("hang", "backend_timeout"),
    ] {
        let fault: Fault = path.parse().expect("a fault");
        let whole = format!("/base/chats/{path}/members");
        site.backend.on("GET", &whole, Reply::fault(fault));
        ada.send_text(&event("typing", json!({ "chat": path })));
        ada.send_text(&event("echo", json!({})));
        // Nobody else waits.
        bob.send_text(&event("echo", json!({})));
        bob.expect("echoed");
        assert_eq!(ada.expect("error")["code"], code, "{path}");
        ada.expect("echoed");
    }
    let slow = Reply::json(200, &json!({ "id": 1, "name": "late" })).after(Duration::from_secs(5));
    site.backend.on("POST", "/base/validate", slow);
    let mut late = Chatter::connect(server.address, "");
    late.send_text(&event("auth", json!({ "token": "1" })));
    assert_eq!(late.expect("error")["code"], "backend_timeout");
}

#[test]
fn an_answer_that_does_not_fit_is_asked_for_again_and_a_good_one_is_kept() {
    let site = Site::new("calls-misfits");
    let server = site.serve("1");
    let mut ada = identified(&server, 1);
    let bad = [json!({ "size": "7" }), json!({}), json!([7])];
    let answers = bad.iter().map(|body| Reply::json(200, body)).chain([Reply::text(200, "{")]);
    let answers = answers.chain([Reply::json(200, &json!({ "size": 7 })), Reply::text(500, "")]);
    site.backend.on_each("GET", "/base/chats/a/size", answers);
    let mut count = || ada.send_text(&event("count", json!({ "chat": "a" })));
    (0..7).for_each(|_| count());
    (0..4).for_each(|_| assert_eq!(ada.expect("error")["code"], "backend_answer"));
    (0..3).for_each(|_| assert_eq!(ada.expect("counted"), 7));
    let asked = site.backend.requests();
    assert_eq!(asked.iter().filter(|one| one.path.ends_with("/size")).count(), 5);
}

#[test]
fn a_server_drains_with_calls_under_way() {
    let site = Site::new("calls-drain");
    let mut server = site.serve("1");
    let mut ada = identified(&server, 1);
    site.backend.on("GET", "/base/chats/x/members", Reply::fault(Fault::Hang));
    ada.send_text(&event("typing", json!({ "chat": "x" })));
    wait_for("the call", || {
        site.backend.requests().iter().any(|one| one.path.contains("/x/")).then_some(())
    });
    server.signal("TERM");
    assert_eq!(ada.close_code(), Some(1001));
    drop(ada);
    assert!(server.ended().success());
}
