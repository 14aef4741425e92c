//! Tokens and comma lists of HTTP header values (RFC 9110 sections 5.6.1 and 5.6.2).
//!
//! Invariants: nothing is copied; empty list elements are skipped, as a recipient must.

/// Whether a byte may stand in a token.
pub fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// Whether the bytes are one token.
pub fn is_token(bytes: &[u8]) -> bool {
    !bytes.is_empty() && bytes.iter().copied().all(is_token_byte)
}

/// Whether a `Host` may say this: a name or an address, and a port (RFC 9110 section 7.2). Empty
/// where the target has no authority.
pub fn is_host(bytes: &[u8]) -> bool {
    bytes.iter().all(|byte| byte.is_ascii_alphanumeric() || b"-._~%!$&'()*+,;=:[]".contains(byte))
}

/// The elements of comma lists over several header lines, without the spaces around them.
pub fn elements<'b>(lines: impl Iterator<Item = &'b [u8]>) -> impl Iterator<Item = &'b [u8]> {
    lines.flat_map(|line| line.split(|&byte| byte == b',')).map(trim).filter(|one| !one.is_empty())
}

/// Without spaces and tabs at either end.
pub fn trim(bytes: &[u8]) -> &[u8] {
    let is_text = |byte: &u8| !matches!(byte, b' ' | b'\t');
    let start = bytes.iter().position(is_text).unwrap_or(bytes.len());
    let end = bytes.iter().rposition(is_text).map_or(start, |last| last + 1);
    &bytes[start..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_are_trimmed_and_never_empty() {
        let lines = [&b" a,\tb c ,,"[..], b"", b" , ", b"d"];
        let all: Vec<_> = elements(lines.into_iter()).collect();
        assert_eq!(all, [&b"a"[..], b"b c", b"d"]);
    }

    #[test]
    fn a_host_has_no_blank_and_nothing_of_a_url_around_it() {
        for good in ["", "a", "a.example:8080", "[::1]:80", "%41_b", "127.0.0.1"] {
            assert!(is_host(good.as_bytes()), "{good}");
        }
        for bad in ["a b", "a/", "http://a", "u@a", "a#", "a?b", "\u{e9}", "a\"", "a\\b", "<a>"] {
            assert!(!is_host(bad.as_bytes()), "{bad}");
        }
    }

    #[test]
    fn a_token_has_no_separator() {
        assert!(is_token(b"Sec-WebSocket_1.x~"));
        for bad in [&b""[..], b"a b", b"a,b", b"a\"", b"a=b", b"a/b", b"\xe9", b"a\r\nb"] {
            assert!(!is_token(bad), "{bad:?}");
        }
    }
}
