//! G14 to G16: tokens of the connection and of single events, and where the secret comes from.

use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};
use shardwire::config::{self, Environment, Options, Source};
use shardwire::reject::Reject;

use super::chorus::{ask, count, event, events, refused, request, status};
use super::simulator::wire;
use super::simulator::world::{SECRET, World, compile, token};

const SECURE: &str = r#"
  act:
    modifiers: [{ name: secure }]
    actions:
      - { name: _notify_origin, params: [by, '{"sub":"{$token.sub}","perms":{$token.perms}}'] }
      - { name: _notify_origin, params: [dept, '"{$token.org.dept}"'] }
"#;

/// A token with these claims.
fn signed(algorithm: Algorithm, secret: &str, claims: &Value) -> String {
    let key = EncodingKey::from_secret(secret.as_bytes());
    jsonwebtoken::encode(&Header::new(algorithm), claims, &key).expect("a token")
}

fn claims(claims: &Value) -> String {
    signed(Algorithm::HS256, SECRET, claims)
}

#[test]
fn g14_the_token_is_the_root_one_first_and_then_the_payloads() {
    let root = claims(&json!({ "sub": "root", "perms": ["a"], "org": { "dept": "R&D \"1\"" } }));
    let below = claims(&json!({ "sub": "below", "perms": [], "org": { "dept": "" } }));
    for shards in [1, 2] {
        let mut world = World::calm(&events(SECURE), shards);
        let ada = world.open(usize::from(shards) - 1, "ada");
        let by = |sub: &str, perms: Value| event("by", json!({ "sub": sub, "perms": perms }));
        let of_root = [by("root", json!(["a"])), event("dept", json!("R&D \"1\""))];
        let of_below = [by("below", json!([])), event("dept", json!(""))];
        let payload = json!({ "token": below });
        let both = json!({ "event": "act", "token": root, "payload": payload });
        assert_eq!(ask(&mut world, ada, &both), of_root);
        let one = json!({ "event": "act", "token": root });
        assert_eq!(ask(&mut world, ada, &one), of_root);
        let other = json!({ "event": "act", "payload": payload });
        assert_eq!(ask(&mut world, ada, &other), of_below);
        // A bad root token is not made good by the payload's.
        let bad = json!({ "event": "act", "token": "x.y.z", "payload": payload });
        assert_eq!(ask(&mut world, ada, &bad), [refused(Reject::Unauthorized, "act")]);
    }
}

#[test]
fn g14_without_a_valid_token_the_event_is_unauthorized() {
    let mut world = World::calm(&events(SECURE), 1);
    let ada = world.open(0, "ada");
    let expired = claims(&json!({ "sub": "ada", "exp": 1 }));
    let foreign = signed(Algorithm::HS256, &SECRET.replace('a', "b"), &json!({ "sub": "ada" }));
    let messages = [
        json!({ "event": "act" }),
        json!({ "event": "act", "token": "" }),
        json!({ "event": "act", "token": 5, "payload": { "token": null } }),
        json!({ "event": "act", "token": expired }),
        json!({ "event": "act", "payload": { "token": foreign } }),
    ];
    for message in &messages {
        assert_eq!(ask(&mut world, ada, message), [refused(Reject::Unauthorized, "act")]);
    }
    assert_eq!(count(&world, Reject::Unauthorized), messages.len() as u64);
}

#[test]
fn g14_a_claim_that_the_token_lacks_stops_the_pipeline_there() {
    let mut world = World::calm(&events(SECURE), 1);
    let ada = world.open(0, "ada");
    let act = json!({ "event": "act", "token": claims(&json!({ "sub": "x", "perms": null })) });
    let by = event("by", json!({ "sub": "x", "perms": null }));
    assert_eq!(ask(&mut world, ada, &act), [by, refused(Reject::MissingField, "act")]);
}

const HELLO: &str =
    "  hello:\n    actions: [{ name: _notify_origin, params: [you, '\"{$user.id}\"'] }]\n";

#[test]
fn g15_the_token_comes_from_cookie_header_subprotocol_or_query() {
    let mut world = World::calm(&events(HELLO), 2);
    let of = |user: &str| token(user, &[]);
    let cases = [
        ("/ws", format!("Cookie: theme=dark; session-token={}\r\n", of("cookie")), "cookie"),
        ("/ws", format!("Authorization: bearer {}\r\n", of("header")), "header"),
        ("/ws", format!("Sec-WebSocket-Protocol: token, {}\r\n", of("pair")), "pair"),
        (&format!("/ws?a=b&token={}", of("query")), String::new(), "query"),
    ];
    for (path, lines, user) in &cases {
        let client = request(&mut world, path, lines);
        let head = String::from_utf8_lossy(&world.clients[client].received).into_owned();
        assert!(world.take_upgrade(client), "{user}: {head}");
        let echoed = head.to_ascii_lowercase().contains("sec-websocket-protocol: token\r\n");
        assert_eq!(echoed, *user == "pair", "{head}");
        let hello = json!({ "event": "hello" });
        assert_eq!(ask(&mut world, client, &hello), [event("you", json!(user))]);
    }
}

#[test]
fn g15_a_source_that_is_switched_off_counts_for_nothing() {
    let yaml = format!("auth: {{ sources: [cookie] }}\n{}", events(HELLO));
    let mut world = World::calm(&yaml, 1);
    let path = format!("/ws?token={}", token("ada", &[]));
    let client = request(&mut world, &path, "");
    assert_eq!(status(&world, client), 401);
}

/// The status that a request with this session token gets.
fn answer_to(world: &mut World, token: &str) -> u16 {
    let client = request(world, "/ws", &format!("Cookie: session-token={token}\r\n"));
    assert!(world.clients[client].finished || world.take_upgrade(client));
    match world.clients[client].upgraded {
        true => 101,
        false => status(world, client),
    }
}

#[test]
fn g15_bad_tokens_are_401_and_unknown_permissions_403() {
    let yaml = format!("permissions: [known, other]\n{}", events(HELLO));
    let mut world = World::calm(&yaml, 2);
    let missing = request(&mut world, "/ws", "");
    assert_eq!(status(&world, missing), 401);
    let sub = json!({ "sub": "ada" });
    let none = format!("eyJhbGciOiJub25lIn0.{}.", claims(&sub).split('.').nth(1).expect("part"));
    for (token, status) in [
        (claims(&sub), 101),
        (token("ada", &["known", "other"]), 101),
        (token("ada", &["known", "unknown"]), 403),
        (String::new(), 401),
        ("x.y.z".into(), 401),
        (none, 401),
        (signed(Algorithm::HS384, &SECRET.repeat(2), &sub), 401),
        (signed(Algorithm::HS512, SECRET, &sub), 401),
        (signed(Algorithm::HS256, &SECRET.to_uppercase(), &sub), 401),
        (claims(&json!({ "sub": "ada", "exp": 1_700_000_000 })), 401),
        (claims(&json!({ "sub": "ada", "exp": "never" })), 401),
        (claims(&json!({ "sub": "" })), 401),
        (claims(&json!({ "user": "ada" })), 401),
        (claims(&json!({ "sub": "a".repeat(256) })), 401),
        (claims(&json!({ "sub": "ada\nroot" })), 401),
    ] {
        assert_eq!(answer_to(&mut world, &token), status, "{token}");
    }
    let body = String::from_utf8_lossy(&world.clients[missing].received).into_owned();
    assert!(body.ends_with('}') && body.contains("no_token"), "{body}");
}

#[test]
fn g15_permissions_guard_events_and_the_newest_token_decides() {
    let yaml = format!(
        "permissions: [speak, shout]\n{}",
        events(
            "  both:\n    modifiers: [{ name: permission, params: [speak, shout] }]\n    \
             actions: [{ name: _notify_origin, params: [ok, '1'] }]\n"
        )
    );
    for shards in [1, 2] {
        let mut world = World::calm(&yaml, shards);
        let first = world.connect_with(0, "ada", &["speak"]);
        world.settle();
        let both = json!({ "event": "both" });
        let forbidden = [refused(Reject::Forbidden, "both")];
        assert!(world.take_upgrade(first));
        assert_eq!(ask(&mut world, first, &both), forbidden);
        let second = world.connect_with(usize::from(shards) - 1, "ada", &["shout", "speak"]);
        world.settle();
        assert!(world.take_upgrade(second));
        for conn in [first, second] {
            assert_eq!(ask(&mut world, conn, &both), [event("ok", json!(1))]);
        }
        assert_eq!(count(&world, Reject::Forbidden), 1);
    }
}

/// Compiles as `serve` does, with these variables.
fn served(yaml: &str, variables: &[(&str, &str)]) -> config::Outcome {
    let environment: Environment = variables.iter().copied().collect();
    config::compile(&Source::new("test.yaml", yaml), &environment, &Options::default())
}

#[test]
fn g16_the_secret_comes_from_the_variable_of_either_name() {
    let other = "another secret for tests, thirty-two bytes or more";
    let secret_of = |variables: &[(&str, &str)]| {
        let compiled = served(&events(HELLO), variables).ok()?;
        Some(String::from_utf8(compiled.settings.auth.keys[0].material.clone()).expect("text"))
    };
    let old = ("GODISPATCH_SERVER_AUTH_JWTSECRET", SECRET);
    assert_eq!(secret_of(&[old]).as_deref(), Some(SECRET));
    for name in ["SHARDWIRE_SERVER_AUTH_JWTSECRET", "SHARDWIRE_AUTH_SECRET"] {
        assert_eq!(secret_of(&[(name, other)]).as_deref(), Some(other), "{name}");
        assert_eq!(secret_of(&[old, (name, other)]).as_deref(), Some(other), "{name}");
    }
}

#[test]
fn g16_there_is_no_default_secret_and_none_is_shown() {
    assert!(served(&events(HELLO), &[]).is_err());
    let weak = "hunter2-hunter2";
    let found = served(&events(HELLO), &[("GODISPATCH_SERVER_AUTH_JWTSECRET", weak)]).err();
    let source = Source::new("test.yaml", events(HELLO));
    let style = config::Style::Human { color: false };
    let shown = config::render(&found.expect("findings"), &source, style);
    assert!(!shown.contains(weak), "{shown}");
    let settings = compile(&events(HELLO)).settings;
    let printed = format!("{settings:?} {:?}", Environment::from_iter([("A", SECRET)]));
    assert!(!printed.contains(SECRET), "{printed}");
}

#[test]
fn g16_other_options_come_from_the_original_names_too() {
    let variables = [
        ("GODISPATCH_SERVER_AUTH_JWTSECRET", SECRET),
        ("GODISPATCH_SERVER_CONNECTIONLIMIT_MAXPERUSER", "7"),
        ("GODISPATCH_TRANSPORT_READTIMEOUT", "5m"),
    ];
    let settings =
        served(&events(HELLO), &variables).unwrap_or_else(|_| panic!("compiles")).settings;
    assert_eq!(settings.server.connection_limit.max_per_user, 7);
    assert_eq!(settings.transport.read_timeout_ns, 300_000_000_000);
}

#[test]
fn g15_a_token_without_an_end_is_accepted_and_counted_or_refused_where_that_is_demanded() {
    let endless = claims(&json!({ "sub": "ada" }));
    let ask = |config: &str| {
        let mut world = World::calm(config, 1);
        let ada = world.dial(0, "ada");
        world.send(ada, &wire::upgrade("/ws", &endless));
        world.settle();
        let upgraded = world.take_upgrade(ada);
        (upgraded, world.total(|counters| counters.endless_tokens.get()))
    };
    assert_eq!(ask("events: {}\n"), (true, 1));
    assert_eq!(ask("auth: { requireExpiry: true }\nevents: {}\n"), (false, 0));
}
