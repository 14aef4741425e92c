//! The request head: found, bounded, parsed (RFC 9112 sections 2 to 5).
//!
//! Invariants: the search for the head's end goes on where it stopped, so a head that comes byte by
//! byte costs linear time; the parser runs once, over a whole head. Line ends are CR LF only: a
//! bare LF is refused when it arrives, two parsers may never disagree about where a line ends.

use httparse::Header;

use super::tokens::{is_token_byte, trim};

/// The first byte of a client that speaks TLS (RFC 8446 section 5.1).
const TLS_HANDSHAKE: u8 = 22;

/// Why a head cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HeadError {
    /// Not an HTTP/1 request head.
    Malformed,
    /// A TLS handshake where HTTP is spoken.
    Tls,
    /// Longer than `header_bytes_max`.
    TooLong,
    /// More lines than there is room for headers.
    TooManyHeaders,
}

impl HeadError {
    /// Every error (counters).
    pub const ALL: &'static [HeadError] =
        &[HeadError::Malformed, HeadError::Tls, HeadError::TooLong, HeadError::TooManyHeaders];

    /// The status of the refusal.
    pub fn status(self) -> u16 {
        match self {
            HeadError::Malformed | HeadError::Tls => 400,
            HeadError::TooLong | HeadError::TooManyHeaders => 431,
        }
    }

    /// The stable code a client sees.
    pub fn code(self) -> &'static str {
        match self {
            HeadError::Malformed => "bad_request",
            HeadError::Tls => "tls_to_plain_port",
            HeadError::TooLong => "headers_too_long",
            HeadError::TooManyHeaders => "too_many_headers",
        }
    }

    /// The sentence a client sees.
    pub fn message(self) -> &'static str {
        match self {
            HeadError::Malformed => "the request is not valid HTTP/1.1",
            HeadError::Tls => "this port does not speak TLS: use http:// or ws:// URLs",
            HeadError::TooLong => "the request head is too long",
            HeadError::TooManyHeaders => "the request has too many header lines",
        }
    }
}

/// A whole request head.
#[derive(Clone, Copy, Debug)]
pub struct Head<'h, 'b> {
    pub method: &'b str,
    /// The request target as it was sent.
    pub target: &'b str,
    /// The minor version: 0 or 1.
    pub version: u8,
    pub headers: &'h [Header<'b>],
    /// Length of the head with its empty line; what follows are the connection's first bytes.
    pub head_bytes: usize,
}

impl<'b> Head<'_, 'b> {
    /// The target's path, without authority (absolute form) and query.
    pub fn path(&self) -> &'b str {
        self.path_and_query().split_once('?').map_or(self.path_and_query(), |(path, _)| path)
    }

    /// What follows the first `?`, or nothing.
    pub fn query(&self) -> &'b str {
        self.path_and_query().split_once('?').map_or("", |(_, query)| query)
    }

    fn path_and_query(&self) -> &'b str {
        let Some((scheme, rest)) = self.target.split_once("://") else { return self.target };
        if scheme.contains(['/', '?']) {
            return self.target;
        }
        let start = rest.find(['/', '?']).unwrap_or(rest.len());
        if rest[start..].starts_with('/') { &rest[start..] } else { "/" }
    }

    /// The first value of a header; the name in any case.
    pub fn header(&self, name: &str) -> Option<&'b [u8]> {
        self.all(name).next()
    }

    /// Every value of a header, in order.
    pub fn all(&self, name: &str) -> impl Iterator<Item = &'b [u8]> {
        let is_named = move |header: &&Header<'b>| header.name.eq_ignore_ascii_case(name);
        self.headers.iter().filter(is_named).map(|header| trim(header.value))
    }
}

/// The head at the start of `buf`, once it is whole. `searched` starts at 0 and belongs to the
/// buffer: how much of it holds no end of a head.
pub fn parse_head<'h, 'b>(
    buf: &'b [u8],
    searched: &mut usize,
    header_bytes_max: usize,
    headers: &'h mut [Header<'b>],
) -> Result<Option<Head<'h, 'b>>, HeadError> {
    let bounded = &buf[..buf.len().min(header_bytes_max)];
    let Some(end) = find_end(bounded, searched)? else {
        let is_full = buf.len() >= header_bytes_max;
        return if is_full { Err(HeadError::TooLong) } else { Ok(None) };
    };
    parse_whole(&buf[..end], headers).map(Some)
}

/// Where the head ends, looking only at what is new.
fn find_end(buf: &[u8], searched: &mut usize) -> Result<Option<usize>, HeadError> {
    if buf.first() == Some(&TLS_HANDSHAKE) {
        return Err(HeadError::Tls);
    }
    if !buf.first().is_none_or(|&first| is_token_byte(first) || first == b'\r') {
        return Err(HeadError::Malformed);
    }
    let fresh = buf.get(*searched..).unwrap_or_default();
    let feeds = fresh.iter().enumerate().filter(|&(_, &byte)| byte == b'\n');
    for end in feeds.map(|(place, _)| *searched + place + 1) {
        let head = &buf[..end];
        if !head.ends_with(b"\r\n") {
            return Err(HeadError::Malformed);
        }
        if head.ends_with(b"\r\n\r\n") {
            return Ok(Some(end));
        }
    }
    *searched = buf.len();
    Ok(None)
}

fn parse_whole<'h, 'b>(
    whole: &'b [u8],
    headers: &'h mut [Header<'b>],
) -> Result<Head<'h, 'b>, HeadError> {
    let mut request = httparse::Request::new(headers);
    let head_bytes = match request.parse(whole) {
        Ok(httparse::Status::Complete(head_bytes)) => head_bytes,
        Err(httparse::Error::TooManyHeaders) => return Err(HeadError::TooManyHeaders),
        _ => return Err(HeadError::Malformed),
    };
    let (Some(method), Some(target), Some(version)) =
        (request.method, request.path, request.version)
    else {
        return Err(HeadError::Malformed);
    };
    Ok(Head { method, target, version, headers: request.headers, head_bytes })
}

#[cfg(test)]
mod tests {
    use super::*;

    const GET: &[u8] = b"GET /ws?a=1 HTTP/1.1\r\nHost: a\r\nX: 1 \r\nx: 2\r\n\r\nrest";

    fn parse(buf: &[u8], bytes_max: usize) -> Result<bool, HeadError> {
        let mut headers = [httparse::EMPTY_HEADER; 4];
        parse_head(buf, &mut 0, bytes_max, &mut headers).map(|head| head.is_some())
    }

    #[test]
    fn a_head_is_read_with_its_duplicates() {
        let mut headers = [httparse::EMPTY_HEADER; 4];
        let head = parse_head(GET, &mut 0, 100, &mut headers).unwrap().unwrap();
        assert_eq!((head.method, head.path(), head.query()), ("GET", "/ws", "a=1"));
        assert_eq!((head.version, &GET[head.head_bytes..]), (1, &b"rest"[..]));
        assert_eq!(head.header("HOST"), Some(&b"a"[..]));
        assert_eq!(head.all("x").collect::<Vec<_>>(), [b"1", b"2"]);
        assert_eq!(head.header("y"), None);
    }

    #[test]
    fn a_head_may_come_byte_by_byte_and_no_byte_is_searched_twice() {
        let end = GET.len() - 4;
        let mut searched = 0;
        for cut in 0..end {
            let mut headers = [httparse::EMPTY_HEADER; 4];
            assert!(parse_head(&GET[..cut], &mut searched, 100, &mut headers).unwrap().is_none());
            assert_eq!(searched, cut);
        }
        let mut headers = [httparse::EMPTY_HEADER; 4];
        assert!(parse_head(&GET[..end], &mut searched, 100, &mut headers).unwrap().is_some());
    }

    #[test]
    fn bytes_and_lines_are_bounded_at_their_boundaries() {
        let head_bytes = GET.len() - 4;
        assert_eq!(parse(GET, head_bytes), Ok(true));
        assert_eq!(parse(GET, head_bytes - 1), Err(HeadError::TooLong));
        assert_eq!(parse(&GET[..40], 41), Ok(false));
        assert_eq!(parse(&GET[..40], 40), Err(HeadError::TooLong));
        let four = b"GET / HTTP/1.1\r\na:\r\nb:\r\nc:\r\nd:\r\n\r\n";
        let five = b"GET / HTTP/1.1\r\na:\r\nb:\r\nc:\r\nd:\r\ne:\r\n\r\n";
        assert_eq!(parse(four, 100), Ok(true));
        assert_eq!(parse(five, 100), Err(HeadError::TooManyHeaders));
    }

    #[test]
    fn what_is_no_head_is_refused_as_soon_as_it_shows() {
        for bad in [
            &b"\n"[..],
            b"GET / HTTP/1.1\n",
            b"GET / HTTP/1.1\r\nHost: a\n",
            b"\r\n\r\n",
            b"GET / HTTP/2.0\r\n\r\n",
            b"GET /\r\n\r\n",
            b"GET  / HTTP/1.1\r\n\r\n",
            b"GET / HTTP/1.1\r\nHost : a\r\n\r\n",
            b"GET / HTTP/1.1\r\nHost: a\r\n folded\r\n\r\n",
            b"GET / HTTP/1.1\r\nHost: a\rb\r\n\r\n",
            b"GET / HTTP/1.1\r\nHost: a\0b\r\n\r\n",
            b"GET / HTTP/1.1\r\n: a\r\n\r\n",
        ] {
            assert_eq!(parse(bad, 100), Err(HeadError::Malformed), "{}", bad.escape_ascii());
        }
        assert_eq!(parse(b"\x16\x03\x01", 100), Err(HeadError::Tls));
        assert_eq!(parse(b"\r\nGET / HTTP/1.1\r\n\r\n", 100), Ok(true));
    }

    #[test]
    fn a_target_in_absolute_form_has_a_path() {
        let path = |target| {
            let head = Head { method: "GET", target, version: 1, headers: &[], head_bytes: 0 };
            (head.path(), head.query())
        };
        assert_eq!(path("http://a.example:80/ws?x=1?2"), ("/ws", "x=1?2"));
        assert_eq!(path("http://a.example"), ("/", ""));
        assert_eq!(path("/ws?to=http://a/b"), ("/ws", "to=http://a/b"));
        assert_eq!(path("/a://b"), ("/a://b", ""));
        assert_eq!(path("*"), ("*", ""));
    }
}
