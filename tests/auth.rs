//! Who may come in: honest tokens of every family, hostile ones of every kind, sources and origins.

#![allow(clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use jsonwebtoken::{Algorithm, EncodingKey};
use serde_json::{Value, json};
use shardwire::auth::token::{Source, find};
use shardwire::auth::{AuthError, KeyError, TokenRequest, Verifier, origin, sign};
use shardwire::clock::Now;
use shardwire::settings::{Auth, AuthKey, AuthMode, JwtAlgorithm, OriginRule, TokenSources};

const SECRET: &[u8] = b"0f9a1c2e3b4d5f6e7a8b9c0d1e2f3a4b5c6d7e8f";
const RSA_PUBLIC: &[u8] = include_bytes!("keys/rs256.public.pem");
const NOW_S: u64 = 1_800_000_000;

fn now() -> Now {
    Now { mono_ns: 0, unix_ms: NOW_S * 1_000 }
}

fn key(algorithm: JwtAlgorithm, material: &[u8]) -> AuthKey {
    AuthKey { algorithm, material: material.to_vec(), kid: None }
}

fn hs256() -> Auth {
    let keys = vec![key(JwtAlgorithm::Hs256, SECRET)];
    Auth { keys, leeway_s: 30, cookie: "session-token".into(), ..Auth::default() }
}

fn verifier(auth: &Auth) -> Verifier {
    Verifier::new(auth).unwrap_or_else(|error| panic!("{error}"))
}

fn refusal(auth: &Auth, token: &str) -> Option<AuthError> {
    verifier(auth).verify(token, now()).err()
}

fn base64url(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let word = chunk.iter().fold(0_u32, |word, b| word << 8 | u32::from(*b));
        let word = word << (8 * (3 - chunk.len()));
        for place in 0..=chunk.len() {
            text.push(char::from(DIGITS[(word >> (18 - 6 * place)) as usize & 63]));
        }
    }
    text
}

/// A token with these exact texts, rightly signed by `secret` with HS256.
fn signed(header: &str, claims: &str, secret: &[u8]) -> String {
    let message = format!("{}.{}", base64url(header.as_bytes()), base64url(claims.as_bytes()));
    let key = EncodingKey::from_secret(secret);
    let signature =
        jsonwebtoken::crypto::sign(message.as_bytes(), &key, Algorithm::HS256).expect("signs");
    format!("{message}.{signature}")
}

const HEADER: &str = r#"{"alg":"HS256","typ":"JWT"}"#;

fn with_claims(claims: &Value) -> String {
    signed(HEADER, &claims.to_string(), SECRET)
}

#[test]
fn an_honest_token_gives_its_claims() {
    let json = r#"{"sub":"ada","perms":["moderate","é"],"exp":1800000010,"x":{"y":[1]}}"#;
    let claims = verifier(&hs256()).verify(&signed(HEADER, json, SECRET), now()).expect("valid");
    assert_eq!(&*claims.user, "ada");
    assert_eq!(claims.permissions, ["moderate".into(), "é".into()]);
    assert_eq!(claims.json, json.as_bytes());
    assert_eq!(claims.expires_unix_s, Some(1_800_000_010));
}

#[test]
fn tokens_of_the_original_and_of_odd_but_honest_issuers_pass() {
    for (name, claims) in [
        ("no perms, no exp", json!({ "sub": "ada" })),
        ("perms null, as Go writes an empty list", json!({ "sub": "ada", "perms": null })),
        ("an audience nobody configured", json!({ "sub": "ada", "aud": "chat" })),
        ("several audiences", json!({ "sub": "ada", "aud": ["chat", "x"] })),
        ("a fractional time", json!({ "sub": "ada", "exp": 1_800_000_100.5 })),
        ("expired within the leeway", json!({ "sub": "ada", "exp": NOW_S - 29 })),
        ("not yet valid within the leeway", json!({ "sub": "ada", "nbf": NOW_S + 30 })),
        ("the largest time", json!({ "sub": "ada", "exp": u64::MAX })),
        ("255 bytes of subject", json!({ "sub": "a".repeat(255) })),
        ("a subject in another script", json!({ "sub": "Ада 愛" })),
        ("an unknown claim of any shape", json!({ "sub": "ada", "iat": "yesterday" })),
    ] {
        assert_eq!(refusal(&hs256(), &with_claims(&claims)), None, "{name}");
    }
}

#[test]
fn claims_of_wrong_type_or_value_are_refused_each_for_its_reason() {
    for (claims, reason) in [
        (json!({}), AuthError::Claims),
        (json!(["ada"]), AuthError::Claims),
        (json!(["ada", [], NOW_S + 9]), AuthError::Claims),
        (json!("ada"), AuthError::Claims),
        (json!(null), AuthError::Claims),
        (json!({ "sub": null }), AuthError::Claims),
        (json!({ "sub": 7 }), AuthError::Claims),
        (json!({ "sub": ["ada"] }), AuthError::Claims),
        (json!({ "sub": "" }), AuthError::Subject),
        (json!({ "sub": "a".repeat(256) }), AuthError::Subject),
        (json!({ "sub": "a\nb" }), AuthError::Subject),
        (json!({ "sub": "a\u{0}b" }), AuthError::Subject),
        (json!({ "sub": "a\u{7f}" }), AuthError::Subject),
        (json!({ "sub": "\u{85}" }), AuthError::Subject),
        (json!({ "sub": "a\u{202e}b" }), AuthError::Subject),
        (json!({ "sub": "ad\u{200b}a" }), AuthError::Subject),
        (json!({ "sub": "\u{feff}ada" }), AuthError::Subject),
        (json!({ "sub": "ada", "perms": "admin" }), AuthError::Claims),
        (json!({ "sub": "ada", "perms": { "admin": true } }), AuthError::Claims),
        (json!({ "sub": "ada", "perms": ["a", 1] }), AuthError::Claims),
        (json!({ "sub": "ada", "perms": [null] }), AuthError::Claims),
        (json!({ "sub": "ada", "exp": NOW_S - 30 }), AuthError::Expired),
        (json!({ "sub": "ada", "exp": 0 }), AuthError::Expired),
        (json!({ "sub": "ada", "exp": "9999999999" }), AuthError::Claims),
        (json!({ "sub": "ada", "exp": null }), AuthError::Claims),
        (json!({ "sub": "ada", "exp": -1 }), AuthError::Claims),
        (json!({ "sub": "ada", "exp": 1e300 }), AuthError::Claims),
        (json!({ "sub": "ada", "exp": true }), AuthError::Claims),
        (json!({ "sub": "ada", "exp": [9_999_999_999_u64] }), AuthError::Claims),
        (json!({ "sub": "ada", "nbf": NOW_S + 31 }), AuthError::NotYetValid),
        (json!({ "sub": "ada", "nbf": "0" }), AuthError::Claims),
        (json!({ "sub": "ada", "nbf": null }), AuthError::Claims),
        (json!({ "sub": "ada", "nbf": u64::MAX }), AuthError::NotYetValid),
        (json!({ "sub": "ada", "iss": 7 }), AuthError::Claims),
        (json!({ "sub": "ada", "aud": 42 }), AuthError::Claims),
    ] {
        assert_eq!(refusal(&hs256(), &with_claims(&claims)), Some(reason), "{claims}");
    }
}

#[test]
fn a_claim_given_twice_or_broken_json_is_refused() {
    for claims in [
        r#"{"sub":"ada","sub":"eve"}"#,
        r#"{"sub":"ada","exp":1,"exp":9999999999}"#,
        r#"{"sub":"ada","perms":[],"perms":["admin"]}"#,
        r#"{"sub":"ada""#,
        r#"{"sub":"ada"} {"sub":"eve"}"#,
        r#"{'sub':'ada'}"#,
        r#"{"sub":"\ud800"}"#,
        "",
    ] {
        let token = signed(HEADER, claims, SECRET);
        assert!(refusal(&hs256(), &token).is_some(), "{claims}");
    }
}

/// Signed by a trusted issuer, so odd but legal; it must only not overflow the stack.
#[test]
fn deep_nesting_in_an_unread_claim_is_walked_without_recursion() {
    let nested = format!(r#"{{"sub":"ada","x":{}{}}}"#, "[".repeat(2_900), "]".repeat(2_900));
    assert_eq!(refusal(&hs256(), &signed(HEADER, &nested, SECRET)), None);
}

#[test]
fn a_header_chooses_neither_algorithm_nor_key() {
    for (header, reason) in [
        (r#"{"alg":"none"}"#, AuthError::Malformed),
        (r#"{"alg":"None"}"#, AuthError::Malformed),
        (r#"{"alg":"hs256"}"#, AuthError::Malformed),
        (r#"{"alg":""}"#, AuthError::Malformed),
        (r#"{"alg":null}"#, AuthError::Malformed),
        (r#"{"alg":["HS256"]}"#, AuthError::Malformed),
        (r#"{"typ":"JWT"}"#, AuthError::Malformed),
        (r#"{"alg":"HS256","alg":"none"}"#, AuthError::Malformed),
        (r#"[]"#, AuthError::Malformed),
        (r#"{"alg":"HS384"}"#, AuthError::NoKey),
        (r#"{"alg":"HS512"}"#, AuthError::NoKey),
        (r#"{"alg":"RS256"}"#, AuthError::NoKey),
        (r#"{"alg":"ES256"}"#, AuthError::NoKey),
        (r#"{"alg":"EdDSA"}"#, AuthError::NoKey),
        (r#"{"alg":"HS256","crit":["exp"]}"#, AuthError::Header),
        (r#"{"alg":"HS256","crit":[]}"#, AuthError::Header),
        (r#"{"alg":"HS256","crit":"b64","b64":false}"#, AuthError::Malformed),
        (r#"{"alg":"HS256","jku":"https://evil.example/keys"}"#, AuthError::Header),
        (r#"{"alg":"HS256","x5u":"https://evil.example/cert"}"#, AuthError::Header),
        (r#"{"alg":"HS256","x5c":["MIIB"]}"#, AuthError::Header),
        (r#"{"alg":"HS256","jwk":{"kty":"oct","k":"AAAA"}}"#, AuthError::Header),
        (r#"{"alg":"HS256","zip":"DEF"}"#, AuthError::Header),
        (r#"{"alg":"HS256","enc":"A128GCM"}"#, AuthError::Header),
        (r#"{"alg":"HS256","kid":7}"#, AuthError::Malformed),
    ] {
        let token = signed(header, r#"{"sub":"ada"}"#, SECRET);
        assert_eq!(refusal(&hs256(), &token), Some(reason), "{header}");
    }
}

#[test]
fn a_public_key_is_no_secret() {
    let auth = Auth { keys: vec![key(JwtAlgorithm::Rs256, RSA_PUBLIC)], ..Auth::default() };
    let forged = signed(HEADER, r#"{"sub":"ada"}"#, RSA_PUBLIC);
    assert_eq!(refusal(&auth, &forged), Some(AuthError::NoKey));
    let named = signed(r#"{"alg":"RS256"}"#, r#"{"sub":"ada"}"#, RSA_PUBLIC);
    assert_eq!(refusal(&auth, &named), Some(AuthError::Signature));
    let both = Auth {
        keys: vec![key(JwtAlgorithm::Rs256, RSA_PUBLIC), key(JwtAlgorithm::Hs256, SECRET)],
        ..Auth::default()
    };
    assert_eq!(refusal(&both, &forged), Some(AuthError::Signature));
}

#[test]
fn a_token_that_is_not_three_parts_of_base64url_is_refused() {
    let good = with_claims(&json!({ "sub": "ada" }));
    let (message, signature) = good.rsplit_once('.').expect("three parts");
    let (header, claims) = message.split_once('.').expect("three parts");
    for token in [
        String::new(),
        ".".into(),
        "..".into(),
        "...".into(),
        "a.b.c".into(),
        format!("{good}."),
        format!(".{good}"),
        format!("{good}.{signature}"),
        format!("{message}."),
        message.into(),
        format!("{header}..{signature}"),
        format!("{good} "),
        format!(" {good}"),
        format!("{good}="),
        format!("{good}\n"),
        format!("{header}.{claims}+.{signature}"),
        format!("{header}.é{claims}.{signature}"),
        format!("{header}.{claims}\0.{signature}"),
        format!("{header}.{claims}AAAAA.{signature}"),
        format!("{header}.{signature}.{claims}"),
        format!("{message}.{}", &signature[..signature.len() - 2]),
    ] {
        assert!(refusal(&hs256(), &token).is_some(), "{token:?}");
    }
    let flipped =
        signature.replacen(&signature[..1], if &signature[..1] == "A" { "B" } else { "A" }, 1);
    assert_eq!(refusal(&hs256(), &format!("{message}.{flipped}")), Some(AuthError::Signature));
    let other = signed(HEADER, r#"{"sub":"ada"}"#, b"another secret of thirty-two bytes!!");
    assert_eq!(refusal(&hs256(), &other), Some(AuthError::Signature));
    let empty = signed(HEADER, r#"{"sub":"ada"}"#, b"");
    assert_eq!(refusal(&hs256(), &empty), Some(AuthError::Signature));
    assert_eq!(refusal(&hs256(), &"a".repeat(8_193)), Some(AuthError::TooLong));
    let huge = with_claims(&json!({ "sub": "ada", "x": "y".repeat(8_192) }));
    assert_eq!(refusal(&hs256(), &huge), Some(AuthError::TooLong));
}

#[test]
fn demanded_claims_must_be_there_and_fit() {
    let auth = Auth {
        issuer: Some("https://id.example".into()),
        audience: vec!["chat".into(), "admin".into()],
        require_expiry: true,
        ..hs256()
    };
    let base =
        json!({ "sub": "ada", "iss": "https://id.example", "aud": "chat", "exp": NOW_S + 9 });
    assert_eq!(refusal(&auth, &with_claims(&base)), None);
    let changed = |name: &str, value: Value| {
        let mut claims = base.clone();
        claims[name] = value;
        refusal(&auth, &with_claims(&claims))
    };
    let without = |name: &str| {
        let mut claims = base.clone();
        claims.as_object_mut().expect("an object").remove(name);
        refusal(&auth, &with_claims(&claims))
    };
    assert_eq!(changed("aud", json!(["x", "admin"])), None);
    assert_eq!(changed("aud", json!([])), Some(AuthError::Audience));
    assert_eq!(changed("aud", json!("Chat")), Some(AuthError::Audience));
    assert_eq!(changed("aud", json!(42)), Some(AuthError::Claims));
    assert_eq!(changed("iss", json!("https://id.example/")), Some(AuthError::Issuer));
    assert_eq!(changed("iss", json!(["https://id.example"])), Some(AuthError::Claims));
    assert_eq!(without("aud"), Some(AuthError::Audience));
    assert_eq!(without("iss"), Some(AuthError::Issuer));
    assert_eq!(without("exp"), Some(AuthError::NoExpiry));
}

#[test]
fn key_ids_pick_among_keys_and_never_reach_further() {
    let named = |kid: &str, secret: &[u8]| AuthKey {
        kid: Some(kid.into()),
        ..key(JwtAlgorithm::Hs256, secret)
    };
    let other = b"9d8c7b6a5f4e3d2c1b0a9f8e7d6c5b4a39281706";
    let auth = Auth { keys: vec![named("one", SECRET), named("two", other)], ..Auth::default() };
    let token = |kid: &str, secret: &[u8]| {
        let header = json!({ "alg": "HS256", "kid": kid }).to_string();
        signed(&header, r#"{"sub":"ada"}"#, secret)
    };
    assert_eq!(refusal(&auth, &token("one", SECRET)), None);
    assert_eq!(refusal(&auth, &token("two", other)), None);
    assert_eq!(refusal(&auth, &token("one", other)), Some(AuthError::Signature));
    for tricky in ["three", "", "One", "one\0", "../../dev/null", "' OR 1=1 --"] {
        assert_eq!(refusal(&auth, &token(tricky, SECRET)), Some(AuthError::NoKey), "{tricky}");
    }
    assert_eq!(refusal(&auth, &signed(HEADER, r#"{"sub":"ada"}"#, other)), None);
}

#[test]
fn public_key_families_verify() {
    let families: [(JwtAlgorithm, Algorithm, &[u8], EncodingKey); 2] = [
        (
            JwtAlgorithm::Es256,
            Algorithm::ES256,
            include_bytes!("keys/es256.public.pem"),
            EncodingKey::from_ec_pem(include_bytes!("keys/es256.private.pem")).expect("a key"),
        ),
        (
            JwtAlgorithm::EdDsa,
            Algorithm::EdDSA,
            include_bytes!("keys/eddsa.public.pem"),
            EncodingKey::from_ed_pem(include_bytes!("keys/eddsa.private.pem")).expect("a key"),
        ),
    ];
    for (algorithm, library, public, private) in families {
        let auth = Auth { keys: vec![key(algorithm, public)], ..Auth::default() };
        let header = jsonwebtoken::Header::new(library);
        let token = jsonwebtoken::encode(&header, &json!({ "sub": "ada" }), &private).expect("ok");
        assert_eq!(refusal(&auth, &token), None, "{algorithm:?}");
        let request = TokenRequest { subject: "ada".into(), permissions: vec![], ttl_s: 1 };
        assert!(sign(&auth, &request, now()).is_err());
    }
}

#[test]
fn weak_and_known_secrets_are_no_keys_and_never_shown() {
    let refused = |algorithm, material: &[u8]| {
        let auth = Auth { keys: vec![key(algorithm, material)], ..Auth::default() };
        let error = Verifier::new(&auth).err();
        let shown = error.as_ref().map(ToString::to_string).unwrap_or_default();
        let text = String::from_utf8_lossy(material);
        assert!(text.is_empty() || !shown.contains(&*text), "{shown}");
        error
    };
    let short = |bytes, bytes_min| Some(KeyError::SecretTooShort { bytes, bytes_min });
    assert_eq!(refused(JwtAlgorithm::Hs256, b""), short(0, 32));
    assert_eq!(refused(JwtAlgorithm::Hs256, &SECRET[..31]), short(31, 32));
    assert_eq!(refused(JwtAlgorithm::Hs256, &SECRET[..32]), None);
    assert_eq!(refused(JwtAlgorithm::Hs512, SECRET), short(SECRET.len(), 64));
    assert_eq!(refused(JwtAlgorithm::Hs256, &[b'a'; 64]), Some(KeyError::KnownSecret));
    let tutorial = b"a-string-secret-at-least-256-bits-long";
    assert_eq!(refused(JwtAlgorithm::Hs256, tutorial), Some(KeyError::KnownSecret));
    let pem = Some(KeyError::BadPem { algorithm: JwtAlgorithm::Rs256 });
    assert_eq!(refused(JwtAlgorithm::Rs256, b"-----BEGIN NOTHING-----"), pem);
    assert_eq!(Verifier::new(&Auth::default()).err(), Some(KeyError::Missing));
    let open = Auth { mode: AuthMode::None, ..Auth::default() };
    assert_eq!(refusal(&open, &with_claims(&json!({ "sub": "ada" }))), Some(AuthError::NoKey));
}

#[test]
fn a_made_token_is_accepted_until_it_expires() {
    let auth = Auth {
        issuer: Some("me".into()),
        audience: vec!["chat".into()],
        require_expiry: true,
        ..hs256()
    };
    let request =
        TokenRequest { subject: "ada".into(), permissions: vec!["mod".into()], ttl_s: 60 };
    let token = sign(&auth, &request, now()).expect("signs");
    let at = |seconds: u64| verifier(&auth).verify(&token, now().plus_ns(seconds * 1_000_000_000));
    assert_eq!(at(0).expect("valid").permissions, ["mod".into()]);
    assert!(at(89).is_ok());
    assert_eq!(at(90).err(), Some(AuthError::Expired));
}

/// What `find` says of a request: token, source, echo.
fn found(headers: &[(&str, &str)], query: Option<&str>) -> Option<(String, Source, bool)> {
    found_by(TokenSources::default(), headers, query)
}

fn found_by(
    sources: TokenSources,
    headers: &[(&str, &str)],
    query: Option<&str>,
) -> Option<(String, Source, bool)> {
    let headers: Vec<httparse::Header> = headers
        .iter()
        .map(|(name, value)| httparse::Header { name, value: value.as_bytes() })
        .collect();
    let found = find(&headers, query, &sources, "session-token")?;
    Some((found.token.into_owned(), found.source, found.echo_subprotocol == Some("token")))
}

#[test]
fn a_token_is_found_in_each_of_its_places() {
    let is = |token: &str, source, echo| Some((token.to_owned(), source, echo));
    let (bearer, pair, query, cookie) =
        (Source::Bearer, Source::Subprotocol, Source::Query, Source::Cookie);
    let protocol = "sec-websocket-protocol";
    assert_eq!(found(&[("Authorization", "Bearer a.b.c")], None), is("a.b.c", bearer, false));
    assert_eq!(found(&[("authorization", "bEARER  a.b.c ")], None), is("a.b.c", bearer, false));
    assert_eq!(found(&[("authorization", "Basic a.b.c")], None), None);
    assert_eq!(found(&[("authorization", "Bearer")], None), None);
    assert_eq!(found(&[(protocol, "token, a.b.c")], None), is("a.b.c", pair, true));
    assert_eq!(found(&[(protocol, "chat,token,a.b.c,x")], None), is("a.b.c", pair, true));
    assert_eq!(found(&[(protocol, "token"), (protocol, "a.b.c")], None), is("a.b.c", pair, true));
    assert_eq!(found(&[(protocol, "token")], None), None);
    assert_eq!(found(&[(protocol, "a.b.c")], None), None);
    assert_eq!(found(&[], Some("x=1&token=a.b.c&token=z")), is("a.b.c", query, false));
    assert_eq!(found(&[], Some("token=a%2Eb%2ec")), is("a.b.c", query, false));
    for broken in ["token=", "token=%2", "token=%zz", "token=%ff", "xtoken=a", "token"] {
        assert_eq!(found(&[], Some(broken)), None, "{broken}");
    }
    let cookies = "a=1; session-token=a.b.c; session-token=z";
    assert_eq!(found(&[("Cookie", cookies)], None), is("a.b.c", cookie, false));
    assert_eq!(found(&[("cookie", "session-token=\"a.b.c\"")], None), is("a.b.c", cookie, false));
    assert_eq!(found(&[("cookie", "xsession-token=a; Session-Token=b")], None), None);
}

#[test]
fn what_is_sent_on_purpose_wins_over_the_cookie_and_switches_switch_off() {
    let headers = [
        ("cookie", "session-token=c"),
        ("sec-websocket-protocol", "token, s"),
        ("authorization", "Bearer b"),
    ];
    let query = Some("token=q");
    let mut sources = TokenSources::default();
    let place = |sources| found_by(sources, &headers, query).map(|found| found.1);
    assert_eq!(place(sources), Some(Source::Bearer));
    sources.bearer = false;
    assert_eq!(found_by(sources, &headers, query).map(|found| found.1), Some(Source::Subprotocol));
    sources.subprotocol = false;
    assert_eq!(found_by(sources, &headers, query).map(|found| found.1), Some(Source::Query));
    sources.query = false;
    assert_eq!(found_by(sources, &headers, query).map(|found| found.1), Some(Source::Cookie));
    sources.cookie = false;
    assert_eq!(found_by(sources, &headers, query), None);
}

fn allowed(rules: &[OriginRule], origin: &str, host: &str) -> bool {
    origin::allowed(rules, Some(origin.as_bytes()), Some(host.as_bytes()))
}

#[test]
fn without_rules_only_the_same_origin_passes() {
    for (origin, host) in [
        ("http://a.com", "a.com"),
        ("https://A.com", "a.COM"),
        ("https://a.com", "a.com:443"),
        ("http://a.com:80", "a.com"),
        ("http://a.com:8080", "a.com:8080"),
        ("http://[::1]:8080", "[::1]:8080"),
        ("http://127.0.0.1:8080", "127.0.0.1:8080"),
    ] {
        assert!(allowed(&[], origin, host), "{origin} {host}");
    }
    for (origin, host) in [
        ("http://b.com", "a.com"),
        ("http://a.com:8080", "a.com"),
        ("http://a.com", "a.com:8080"),
        ("https://a.com", "a.com:80"),
        ("https://a.com.evil", "a.com"),
        ("https://evila.com", "a.com"),
        ("https://a.com/", "a.com"),
        ("https://a.com@evil.com", "evil.com"),
        ("https://user@a.com", "a.com"),
        ("https://", ""),
        ("null", "null"),
        ("a.com", "a.com"),
        ("https://a.com b.com", "a.com"),
        ("https://a.com:", "a.com:"),
    ] {
        assert!(!allowed(&[], origin, host), "{origin} {host}");
    }
    assert!(origin::allowed(&[], None, None));
    assert!(!origin::allowed(&[], Some(b"http://a.com"), None));
    assert!(!origin::allowed(&[], Some(b"http://\xff"), Some(b"\xff")));
}

#[test]
fn rules_match_whole_labels_scheme_and_port() {
    let exact = [OriginRule::Exact("https://app.example.com".into())];
    assert!(allowed(&exact, "https://APP.example.com", "other"));
    assert!(allowed(&exact, "https://app.example.com:443", "other"));
    for refused in [
        "http://app.example.com",
        "https://app.example.com:8443",
        "https://app.example.com.evil",
        "https://xapp.example.com",
        "https://other",
        "null",
    ] {
        assert!(!allowed(&exact, refused, "other"), "{refused}");
    }
    let below = [OriginRule::Subdomains { scheme: "https".into(), suffix: ".example.com".into() }];
    assert!(allowed(&below, "https://a.example.com", "x"));
    assert!(allowed(&below, "https://a.b.example.com", "x"));
    for refused in [
        "https://example.com",
        "https://.example.com",
        "https://evilexample.com",
        "https://a.example.com.evil",
        "https://a.example.com:8443",
        "https://evil.com:1.example.com",
        "https://evil.com/.example.com",
        "https://evil.com#.example.com",
        "http://a.example.com",
    ] {
        assert!(!allowed(&below, refused, "x"), "{refused}");
    }
    assert!(allowed(&[OriginRule::Any], "null", "x"));
    assert!(origin::allowed(&exact, None, None));
}
