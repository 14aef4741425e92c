//! `http.routes`: what the configuration writes, computed by the interpreter of events.

use serde_json::{Value, json};

use crate::support::client::{Chatter, get, http};
use crate::{Site, header};

const ROUTES: &str = r#"
http:
  routes:
    /health: { get: { json: { status: ok, service: gogate } } }
    /: { text: "GoGate, a gateway of WebSockets.\n" }
    /figures:
      json:
        open: "${server.connections}"
        shards: "${server.shards}"
        young: "${server.uptime_ms < 600000}"
        begun: "${server.started_at <= now}"
        name: "${env.NAME ?? 'nobody'}"
        list: [1, "${2 + 2}", { deep: true }]
    /hello:
      text: "hello ${request.query.name ?? 'you'}, by ${request.method} of ${request.path}"
      status: 203
      headers: { x-name: "${request.query.name ?? ''}", cache-control: "max-age=60" }
    /echo: { json: { is: "${request.query.name ?? null}", all: "${request.query}" } }
    /old: { redirect: "/new?from=${request.query.from ?? 'none'}", status: 301 }
    /things:
      get: { json: [] }
      post: { json: { made: true }, status: 201 }
      delete: { text: gone }
"#;

#[test]
fn the_gateway_says_who_it_is_to_the_letter() {
    let site = Site::new("gateway", ROUTES);
    let server = site.serve(&[]);
    let health = get(server.address, "/health");
    assert_eq!(health.body, r#"{"status":"ok","service":"gogate"}"#);
    assert_eq!(header(&health.head, "content-type"), Some("application/json"));
    assert_eq!(header(&health.head, "cache-control"), Some("no-store"));
    let root = get(server.address, "/");
    assert_eq!(root.body, "GoGate, a gateway of WebSockets.\n");
    assert_eq!(header(&root.head, "content-type"), Some("text/plain; charset=utf-8"));
    let head = http(server.address, "HEAD", "/", "", "");
    assert_eq!((head.status, head.body.as_str()), (200, ""));
}

#[test]
fn expressions_see_the_server_the_request_and_the_environment() {
    let site = Site::new("figures", ROUTES);
    let server = site.serve(&[("NAME", "a\"da")]);
    let _open: Vec<Chatter> = (0..3).map(|_| Chatter::connect(server.address, "x")).collect();
    let figures = get(server.address, "/figures").json();
    assert!(figures["open"].as_u64().is_some_and(|open| open >= 3), "{figures}");
    let known = json!([2, true, true, "a\"da", [1, 4, { "deep": true }]]);
    let keys = ["shards", "young", "begun", "name", "list"];
    assert_eq!(keys.map(|key| figures[key].clone()).to_vec(), *known.as_array().expect("a list"));
    let hello = get(server.address, "/hello?name=%C3%A9+%26%20b&name=c");
    assert_eq!(hello.body, "hello c, by GET of /hello");
    assert_eq!((hello.status, header(&hello.head, "x-name")), (203, Some("c")));
    assert_eq!(header(&hello.head, "cache-control"), Some("max-age=60"));
    assert_eq!(get(server.address, "/hello").body, "hello you, by GET of /hello");
}

/// Whatever stands in a request, it cannot break out of where it is put.
#[test]
fn what_a_request_says_stays_where_it_is_put() {
    let site = Site::new("hostile", ROUTES);
    let server = site.serve(&[]);
    let echo = |query: &str| get(server.address, &format!("/echo?{query}")).json();
    assert_eq!(echo("name=%22%7D%2C%7B%22a%22%3A1"), {
        json!({ "is": "\"},{\"a\":1", "all": { "name": "\"},{\"a\":1" } })
    });
    assert_eq!(echo("name=%00%1f%5C")["is"], "\u{0}\u{1f}\\");
    assert_eq!(echo("")["is"], Value::Null);
    assert_eq!(echo("%ff=%ff&&=&%zz")["is"], Value::Null);
    for break_out in ["%0d%0aset-cookie:+a=b", "%0a", "%00", "%7f"] {
        let answer = get(server.address, &format!("/hello?name={break_out}"));
        assert_eq!((answer.status, answer.json()["error"].as_str()), (500, Some("no_answer")));
        assert_eq!(header(&answer.head, "set-cookie"), None);
        let moved = get(server.address, &format!("/old?from={break_out}"));
        assert_eq!((moved.status, header(&moved.head, "location")), (500, None));
    }
    let long = "a".repeat(8_000);
    assert_eq!(echo(&format!("name={long}"))["is"], *long);
}

#[test]
fn methods_redirects_and_paths() {
    let site = Site::new("methods", ROUTES);
    let server = site.serve(&[]);
    let moved = get(server.address, "/old?from=here");
    assert_eq!((moved.status, moved.body.as_str()), (301, ""));
    assert_eq!(header(&moved.head, "location"), Some("/new?from=here"));
    for (method, path, status) in [
        ("GET", "/things", 200),
        ("HEAD", "/things", 200),
        ("POST", "/things", 201),
        ("DELETE", "/things", 200),
        ("PUT", "/things", 405),
        ("OPTIONS", "/things", 405),
        ("POST", "/old", 405),
        ("GET", "/things/", 404),
        ("GET", "/Things", 404),
        ("GET", "//things", 404),
        ("GET", "/%74hings", 404),
        ("GET", "/metrics", 404),
        ("GET", "/ws", 426),
    ] {
        assert_eq!(http(server.address, method, path, "", "").status, status, "{method} {path}");
    }
}

#[test]
fn a_reload_takes_routes_over_and_conversations_go_on() {
    let site = Site::new("reload", "http: { routes: { /v: { text: first } } }\n");
    let server = site.serve(&[]);
    let mut ada = Chatter::connect(server.address, "x");
    ada.send("join", "", &json!({}));
    ada.expect("joined");
    for round in 0..20 {
        let text = format!("text{round}");
        site.configure(&format!("http: {{ routes: {{ /v: {{ text: {text} }} }} }}\n"));
        site.reload();
        assert_eq!(get(server.address, "/v").body, text);
        ada.send("say", "", &json!({ "text": text }));
        assert_eq!(ada.expect("said")["text"], *text);
    }
    site.configure("");
    site.reload();
    assert_eq!(get(server.address, "/v").status, 404);
    assert_eq!(get(server.address, "/").body, "This is a Shardwire WebSocket server.\n");
    assert_eq!(get(server.address, "/health").json()["generation"], 21);
}
