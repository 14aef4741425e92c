//! Where a backend is: scheme, host, port and base path of its URL.
//!
//! Invariants: an origin is built from the configuration alone; a target only adds to its path, so
//! every request goes to this host. Called by `request` and `live`.

use http::Uri;
use http::uri::{Authority, Parts, PathAndQuery, Scheme};

use super::target;

#[derive(Clone, Debug)]
pub(super) struct Origin {
    scheme: Scheme,
    authority: Authority,
    /// Empty, or begins with `/` and does not end with one.
    base: String,
}

impl Origin {
    /// None for what is no `http` or `https` URL, or says more than an origin and a path.
    pub(super) fn parse(url: &str) -> Option<Origin> {
        let parts = url.parse::<Uri>().ok()?.into_parts();
        let (scheme, authority) = (parts.scheme?, parts.authority?);
        let spoken = scheme == Scheme::HTTP || scheme == Scheme::HTTPS;
        let plain = !authority.as_str().contains('@') && !authority.host().is_empty();
        let path = parts.path_and_query.filter(|path| path.query().is_none());
        let base = path.map(|path| path.path().trim_end_matches('/').to_owned());
        let base = base.filter(|_| spoken && plain && !url.contains(['#', '?']))?;
        Some(Origin { scheme, authority, base })
    }

    pub(super) fn is_tls(&self) -> bool {
        self.scheme == Scheme::HTTPS
    }

    /// The host as a certificate names it.
    pub(super) fn host(&self) -> &str {
        self.authority.host().trim_start_matches('[').trim_end_matches(']')
    }

    /// None for an unsound target.
    pub(super) fn uri(&self, target: &str) -> Option<Uri> {
        if !target::is_sound(target) {
            return None;
        }
        let path = format!("{}{target}", self.base);
        let mut parts = Parts::default();
        parts.scheme = Some(self.scheme.clone());
        parts.authority = Some(self.authority.clone());
        parts.path_and_query = Some(PathAndQuery::try_from(path).ok()?);
        Uri::from_parts(parts).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_follows_the_base() {
        let cases = [
            ("http://api.example", "http://api.example/a?b=1"),
            ("http://api.example/", "http://api.example/a?b=1"),
            ("https://api.example:8443/v1/", "https://api.example:8443/v1/a?b=1"),
            ("http://[::1]:80/x", "http://[::1]:80/x/a?b=1"),
        ];
        for (url, whole) in cases {
            let uri = Origin::parse(url).and_then(|origin| origin.uri("/a?b=1"));
            assert_eq!(uri.map(|uri| uri.to_string()).as_deref(), Some(whole));
        }
    }

    #[test]
    fn what_is_no_origin_is_refused() {
        let urls = [
            "",
            "api.example",
            "/v1",
            "ftp://api.example",
            "http://",
            "http://me:secret@api.example",
            "http://api.example/?a=1",
            "http://api.example/#a",
        ];
        urls.into_iter().for_each(|url| assert!(Origin::parse(url).is_none(), "{url}"));
    }

    #[test]
    fn no_target_changes_the_host() {
        let origin = Origin::parse("http://api.example").expect("an origin");
        for target in ["@evil.example", ":99/", ".evil.example/", "//evil.example/", "/\\evil"] {
            assert_eq!(origin.uri(target), None, "{target}");
        }
        let uri = origin.uri("/@evil.example").expect("a path");
        assert_eq!(uri.host(), Some("api.example"));
    }

    #[test]
    fn certificates_name_hosts_without_brackets() {
        let host = |url| Origin::parse(url).expect("an origin").host().to_owned();
        assert_eq!(host("https://[::1]:1"), "::1");
        assert_eq!(host("https://api.example:1"), "api.example");
    }
}
