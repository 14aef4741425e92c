//! `http.cors`: what browsers are told of other origins.

use crate::support::Server;
use crate::support::client::{Answer, http};
use crate::{Site, header};

fn ask(server: &Server, method: &str, more: &str) -> Answer {
    http(server.address, method, "/health", more, "")
}

const PREFLIGHT: &str = "Access-Control-Request-Method: PUT\r\n\
                         Access-Control-Request-Headers: x-one, content-type\r\n";

/// The original chat server's: everything, with cookies.
#[test]
fn any_origin_with_credentials_is_answered_by_its_name() {
    let site = Site::new(
        "cors-any",
        "http:\n  cors:\n    origins: '*'\n    methods: [GET, POST, PUT, DELETE, OPTIONS]\n    \
         headers: '*'\n    exposeHeaders: '*'\n    credentials: true\n",
    );
    let server = site.serve(&[]);
    assert!(server.log().contains("W561"), "{}", server.log());
    let origin = "Origin: https://shop.example\r\n";
    let answer = ask(&server, "GET", origin);
    let told = |answer: &Answer, name: &str| header(&answer.head, name).map(str::to_owned);
    assert_eq!(
        told(&answer, "access-control-allow-origin").as_deref(),
        Some("https://shop.example")
    );
    assert_eq!(told(&answer, "access-control-allow-credentials").as_deref(), Some("true"));
    assert_eq!(told(&answer, "access-control-expose-headers").as_deref(), Some("*"));
    assert_eq!(told(&answer, "vary").as_deref(), Some("origin"));
    let before = ask(&server, "OPTIONS", &format!("{origin}{PREFLIGHT}"));
    assert_eq!(before.status, 204);
    assert_eq!(
        told(&before, "access-control-allow-headers").as_deref(),
        Some("x-one, content-type")
    );
    let methods = told(&before, "access-control-allow-methods");
    assert_eq!(methods.as_deref(), Some("GET, POST, PUT, DELETE, OPTIONS"));
    let own = ask(&server, "GET", "");
    assert_eq!(told(&own, "access-control-allow-origin"), None);
    assert_eq!(told(&own, "vary").as_deref(), Some("origin"));
}

#[test]
fn named_origins_are_let_in_and_no_others() {
    let site = Site::new(
        "cors-named",
        "http:\n  cors: { origins: ['https://a.example', 'https://*.b.example'], maxAge: 10m, \
         headers: [X-One], exposeHeaders: [X-Two] }\n",
    );
    let server = site.serve(&[]);
    let allowed = |origin: &str| {
        let answer = ask(&server, "GET", &format!("Origin: {origin}\r\n"));
        assert_eq!(answer.status, 200);
        header(&answer.head, "access-control-allow-origin").map(str::to_owned)
    };
    for origin in ["https://a.example", "https://x.b.example"] {
        assert_eq!(allowed(origin).as_deref(), Some(origin));
    }
    for origin in [
        "null",
        "https://evil.example",
        "http://a.example",
        "https://a.example.evil.example",
        "https://b.example",
        "https://a.example:8443",
        "https://evil.example#https://a.example",
        "*",
    ] {
        assert_eq!(allowed(origin), None, "{origin}");
        let before = ask(&server, "OPTIONS", &format!("Origin: {origin}\r\n{PREFLIGHT}"));
        assert_eq!(before.status, 403, "{origin}");
    }
    let before = ask(&server, "OPTIONS", &format!("Origin: https://a.example\r\n{PREFLIGHT}"));
    let told = |name: &str| header(&before.head, name);
    assert_eq!(told("access-control-allow-methods"), Some("GET, HEAD, POST"));
    assert_eq!(told("access-control-allow-headers"), Some("x-one"));
    assert_eq!(told("access-control-max-age"), Some("600"));
    assert_eq!(told("access-control-allow-credentials"), None);
}

#[test]
fn any_origin_without_credentials_is_told_so_and_a_reload_takes_it_back() {
    let site = Site::new("cors-open", "http: { cors: { origins: '*' } }\n");
    let server = site.serve(&[]);
    let told = || {
        let answer = ask(&server, "GET", "Origin: https://a.example\r\n");
        header(&answer.head, "access-control-allow-origin").map(str::to_owned)
    };
    assert_eq!(told().as_deref(), Some("*"));
    site.configure("");
    site.reload();
    assert_eq!(told(), None);
    let before = ask(&server, "OPTIONS", &format!("Origin: https://a.example\r\n{PREFLIGHT}"));
    assert_eq!(before.status, 405);
}
