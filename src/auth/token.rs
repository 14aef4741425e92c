//! Where a request carries its session token: bearer, subprotocol pair, query, cookie.
//!
//! A browser cannot set headers on a WebSocket, so besides the cookie it has two ways: the pair
//! `new WebSocket(url, ["token", jwt])`, which arrives as `Sec-WebSocket-Protocol: token, <jwt>`,
//! and `?token=`. Of the pair the server echoes `token`, never the JWT.
//!
//! Invariants: what the client set on purpose wins over the cookie, which a browser adds by itself.

use std::borrow::Cow;

use crate::settings::TokenSources;

/// The subprotocol that announces a token as the next one of the list.
pub const TOKEN_SUBPROTOCOL: &str = "token";

/// Where a token was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    Bearer,
    Subprotocol,
    Query,
    Cookie,
}

/// A token, not yet verified. Not printable.
pub struct Found<'r> {
    pub token: Cow<'r, str>,
    pub source: Source,
    /// What the answer must name as the chosen subprotocol, unless another offered one is chosen:
    /// browsers fail a connection whose offer got no answer.
    pub echo_subprotocol: Option<&'static str>,
}

/// The token of a request, by the switched-on sources in the order bearer, pair, query, cookie.
pub fn find<'r>(
    headers: &[httparse::Header<'r>],
    query: Option<&'r str>,
    sources: &TokenSources,
    cookie: &str,
) -> Option<Found<'r>> {
    let pair = sources.subprotocol.then(|| subprotocol(headers)).flatten();
    let echo_subprotocol = pair.map(|_| TOKEN_SUBPROTOCOL);
    let bearer = || sources.bearer.then(|| bearer(headers)).flatten();
    let query = || sources.query.then(|| query.and_then(query_token)).flatten();
    let cookie = || sources.cookie.then(|| cookie_value(headers, cookie)).flatten();
    let borrowed = |token: &'r str, source| (Cow::Borrowed(token), source);
    let (token, source) = bearer()
        .map(|token| borrowed(token, Source::Bearer))
        .or_else(|| pair.map(|token| borrowed(token, Source::Subprotocol)))
        .or_else(|| query().map(|token| (token, Source::Query)))
        .or_else(|| cookie().map(|token| borrowed(token, Source::Cookie)))?;
    Some(Found { token, source, echo_subprotocol })
}

/// The values of every header of that name, in order; text that is not UTF-8 is passed over.
fn values<'h, 'r: 'h>(
    headers: &'h [httparse::Header<'r>],
    name: &'h str,
) -> impl Iterator<Item = &'r str> + 'h {
    headers
        .iter()
        .filter(move |header| header.name.eq_ignore_ascii_case(name))
        .filter_map(|header| std::str::from_utf8(header.value).ok())
}

/// `Authorization: Bearer <token>` (RFC 6750 section 2.1; the scheme in any case, RFC 9110 11.1).
fn bearer<'r>(headers: &[httparse::Header<'r>]) -> Option<&'r str> {
    let (scheme, token) = values(headers, "authorization").next()?.trim().split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(token.trim()).and_then(non_empty)
}

/// The entry after `token` in the offered subprotocols.
fn subprotocol<'r>(headers: &[httparse::Header<'r>]) -> Option<&'r str> {
    values(headers, "sec-websocket-protocol")
        .flat_map(|value| value.split(','))
        .map(str::trim)
        .skip_while(|offered| *offered != TOKEN_SUBPROTOCOL)
        .nth(1)
        .and_then(non_empty)
}

/// The value of `token=` in the query, percent-decoded.
fn query_token(query: &str) -> Option<Cow<'_, str>> {
    let value = query.split('&').find_map(|pair| pair.strip_prefix("token="))?;
    non_empty(value).and_then(percent_decoded)
}

/// A part of a URL as text; `None` for a broken escape or text that is not UTF-8.
pub fn percent_decoded(text: &str) -> Option<Cow<'_, str>> {
    if !text.contains('%') {
        return Some(Cow::Borrowed(text));
    }
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        decoded.push(match byte {
            b'%' => hex(rest.next()?)? << 4 | hex(rest.next()?)?,
            plain => plain,
        });
    }
    String::from_utf8(decoded).ok().map(Cow::Owned)
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).map(|value| value as u8)
}

/// The first cookie of that name (RFC 6265 section 4.2), without optional quotes.
fn cookie_value<'r>(headers: &[httparse::Header<'r>], name: &str) -> Option<&'r str> {
    values(headers, "cookie")
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(key, _)| *key == name)
        .map(|(_, value)| unquoted(value))
        .and_then(non_empty)
}

fn unquoted(value: &str) -> &str {
    value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(value)
}

fn non_empty(text: &str) -> Option<&str> {
    (!text.is_empty()).then_some(text)
}
