//! A call as an HTTP request.
//!
//! Invariants: header names and values are what HTTP allows, and none of them says how the message
//! is framed or where it goes; those are the client's. Called by `live`.

use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, USER_AGENT};
use http::{Method, Request, Uri};
use http_body_util::Full;

use super::origin::Origin;
use crate::backend::{self, Call};

const JSON: HeaderValue = HeaderValue::from_static("application/json");
const PRODUCT: HeaderValue =
    HeaderValue::from_static(concat!("shardwire/", env!("CARGO_PKG_VERSION")));

/// The client's own: framing, connection and host.
const RESERVED: [&str; 10] = [
    "connection",
    "content-length",
    "expect",
    "host",
    "keep-alive",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// Headers of every request to a backend; the name of the first that is none.
pub(super) fn standing(headers: &[(String, String)]) -> Result<HeaderMap, String> {
    let mut map = HeaderMap::from_iter([(ACCEPT, JSON), (USER_AGENT, PRODUCT)]);
    for (name, value) in headers {
        let (key, mut checked) = header(name, value).ok_or_else(|| name.clone())?;
        // They may be credentials: not to be printed, nor kept in HTTP/2's tables.
        checked.set_sensitive(true);
        map.insert(key, checked);
    }
    Ok(map)
}

fn header(name: &str, value: &str) -> Option<(HeaderName, HeaderValue)> {
    let name = HeaderName::try_from(name).ok()?;
    let value = HeaderValue::try_from(value).ok()?;
    (!RESERVED.contains(&name.as_str())).then_some((name, value))
}

/// What is sent, as often as it must be.
pub(super) struct Prepared {
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
    /// Doing it twice does no more than doing it once.
    pub(super) repeatable: bool,
}

impl Prepared {
    /// None where the target or a header is not sound.
    pub(super) fn of(call: Call, origin: &Origin, standing: &HeaderMap) -> Option<Prepared> {
        Some(Prepared {
            method: method(call.method),
            uri: origin.uri(&call.target)?,
            headers: headers(&call, standing)?,
            repeatable: is_idempotent(call.method) || call.idempotency.is_some(),
            body: call.body.map(Bytes::from).unwrap_or_default(),
        })
    }

    pub(super) fn request(&self) -> Request<Full<Bytes>> {
        let mut request = Request::new(Full::new(self.body.clone()));
        *request.method_mut() = self.method.clone();
        *request.uri_mut() = self.uri.clone();
        *request.headers_mut() = self.headers.clone();
        request
    }
}

fn headers(call: &Call, standing: &HeaderMap) -> Option<HeaderMap> {
    let mut map = standing.clone();
    if call.body.is_some() {
        map.entry(CONTENT_TYPE).or_insert(JSON);
    }
    for (name, value) in &call.headers {
        let (name, value) = header(name, value)?;
        map.insert(name, value);
    }
    if let Some(key) = &call.idempotency {
        let (name, value) = header("idempotency-key", key)?;
        map.insert(name, value);
    }
    Some(map)
}

fn method(method: backend::Method) -> Method {
    match method {
        backend::Method::Get => Method::GET,
        backend::Method::Post => Method::POST,
        backend::Method::Put => Method::PUT,
        backend::Method::Patch => Method::PATCH,
        backend::Method::Delete => Method::DELETE,
    }
}

/// RFC 9110 section 9.2.2.
fn is_idempotent(method: backend::Method) -> bool {
    matches!(method, backend::Method::Get | backend::Method::Put | backend::Method::Delete)
}

#[cfg(test)]
mod tests {
    use super::super::testing::call;
    use super::*;
    use crate::backend::Method as Verb;

    fn prepared(call: Call) -> Option<Prepared> {
        let origin = Origin::parse("http://api.example/v1").expect("an origin");
        let standing = standing(&[("authorization".into(), "Bearer x".into())]).expect("headers");
        Prepared::of(call, &origin, &standing)
    }

    #[test]
    fn a_request_has_the_headers_of_backend_and_call() {
        let mut call = call(Verb::Post, "/a");
        call.body = Some((*b"{}").into());
        call.headers = vec![("x-user".into(), "7".into())];
        call.idempotency = Some("k1".into());
        let request = prepared(call).expect("sound").request();
        let header = |name| request.headers().get(name).and_then(|value| value.to_str().ok());
        assert_eq!(request.uri(), "http://api.example/v1/a");
        assert_eq!(header("authorization"), Some("Bearer x"));
        assert_eq!(header("x-user"), Some("7"));
        assert_eq!(header("idempotency-key"), Some("k1"));
        assert_eq!(header("content-type"), Some("application/json"));
    }

    #[test]
    fn a_credential_is_not_printed() {
        let request = prepared(call(Verb::Get, "/a")).expect("sound").request();
        assert!(!format!("{request:?}").contains("Bearer"));
    }

    #[test]
    fn unsound_headers_are_refused() {
        let cases = [
            ("x-a", "b\r\nhost: evil.example"),
            ("x-a", "b\0"),
            ("x a", "b"),
            ("", "b"),
            ("host", "evil.example"),
            ("content-length", "0"),
            ("transfer-encoding", "chunked"),
            ("connection", "upgrade"),
        ];
        for (name, value) in cases {
            let mut call = call(Verb::Get, "/a");
            call.headers = vec![(name.into(), value.into())];
            assert!(prepared(call).is_none(), "{name}: {value:?}");
            assert!(standing(&[(name.into(), value.into())]).is_err(), "{name}: {value:?}");
        }
        let mut call = call(Verb::Get, "/a");
        call.idempotency = Some("a\nb".into());
        assert!(prepared(call).is_none());
    }

    #[test]
    fn what_may_be_repeated_is_known() {
        let repeatable = |verb| prepared(call(verb, "/a")).expect("sound").repeatable;
        assert!(repeatable(Verb::Get) && repeatable(Verb::Put) && repeatable(Verb::Delete));
        assert!(!repeatable(Verb::Post) && !repeatable(Verb::Patch));
        let mut call = call(Verb::Post, "/a");
        call.idempotency = Some("k".into());
        assert!(prepared(call).expect("sound").repeatable);
    }
}
