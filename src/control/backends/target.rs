//! What a call's target may be, so that no value of a message leads it elsewhere.
//!
//! Invariants: the host is the configuration's, whatever a target says (see `origin`); what is
//! accepted here also stays below the base path for a backend or proxy that decodes first and
//! normalises then. Called by `origin`.

/// Bytes of a target; more is more than servers take.
const TARGET_BYTES_MAX: usize = 8 * 1024;

/// Whether a path and query may follow a backend's base.
pub(super) fn is_sound(target: &str) -> bool {
    let path = target.split('?').next().unwrap_or_default();
    target.len() <= TARGET_BYTES_MAX
        && target.bytes().all(is_written_as_it_is)
        && path.starts_with('/')
        && !path.contains("//")
        && !climbs(path)
}

/// Printable ASCII; `#` would cut the target, `\` is a `/` to some.
fn is_written_as_it_is(byte: u8) -> bool {
    byte.is_ascii_graphic() && !matches!(byte, b'#' | b'\\')
}

/// Whether a segment is `.` or `..`, once its separators and dots are decoded.
fn climbs(path: &str) -> bool {
    let decoded = decoded_separators(path);
    decoded.split(['/', '\\']).any(|segment| matches!(segment, "." | ".."))
}

/// Twice encoded is decoded twice: there are proxies that do.
fn decoded_separators(path: &str) -> String {
    let mut text = path.to_ascii_lowercase();
    loop {
        let once = ["%25", "%2e", "%2f", "%5c"]
            .iter()
            .zip(["%", ".", "/", "\\"])
            .fold(text.clone(), |text, (coded, plain)| text.replace(coded, plain));
        if once == text {
            return text;
        }
        text = once;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_and_queries_are_targets() {
        let sound = [
            "/",
            "/users/7/chats?limit=10&before=a%20b",
            "/users/@me",
            "/a.b/..c/...",
            "/files/a%2Fb",
            "/search?q=../..&url=https://else.where//x",
            "/a/",
        ];
        sound.into_iter().for_each(|target| assert!(is_sound(target), "{target}"));
    }

    #[test]
    fn what_could_lead_elsewhere_is_none() {
        let unsound = [
            "",
            "users",
            "?q=1",
            "@evil.example/",
            ".evil.example/",
            ":8080/",
            "https://evil.example/",
            "//evil.example/",
            "/a//b",
            "/\\evil.example/",
            "/..",
            "/a/../b",
            "/a/./b",
            "/a/..%2fb",
            "/a/%2e%2E/b",
            "/a/.%2e/b",
            "/a/%252e%252e/b",
            "/a%5c..%5cb",
            "/a\r\nhost: evil.example",
            "/a b",
            "/a\tb",
            "/a\0",
            "/a\u{7f}",
            "/caf\u{e9}",
            "/a#b",
        ];
        unsound.into_iter().for_each(|target| assert!(!is_sound(target), "{target:?}"));
    }

    #[test]
    fn a_target_has_a_longest_length() {
        let of = |bytes: usize| format!("/{}", "a".repeat(bytes - 1));
        assert!(is_sound(&of(TARGET_BYTES_MAX)));
        assert!(!is_sound(&of(TARGET_BYTES_MAX + 1)));
    }

    proptest::proptest! {
        /// Whatever is accepted has no segment that climbs, however often it is decoded.
        #[test]
        fn nothing_accepted_climbs(target in "[/.%25eEfFcC2a\\\\?]{0,24}") {
            if is_sound(&target) {
                let path = target.split('?').next().unwrap_or_default();
                let decoded = decoded_separators(path);
                assert!(!decoded.split('/').any(|segment| segment == ".."), "{target}");
            }
        }
    }
}
