//! Writes scalars: with as few quotes as keep the text and what readers take it for.
//!
//! Invariants: what is written is read back as the same text, in block and in flow. Used by `fmt`
//! and `effective`.

/// A scalar that was written without quotes, again without them where that will do.
pub fn plain(text: &str, in_flow: bool) -> String {
    let breaks = in_flow && text.contains([',', '[', ']', '{', '}']);
    match text.is_empty() || !(breaks || text.contains('\n')) {
        true => text.into(),
        false => scalar(text, false, in_flow),
    }
}

/// A scalar as text of a file. `keeps_type`: it was quoted, so it must not become a number, a
/// switch or nothing by losing its quotes.
pub fn scalar(text: &str, keeps_type: bool, in_flow: bool) -> String {
    if is_plain(text, in_flow) && !(keeps_type && is_typed(text)) {
        return text.into();
    }
    if text.contains(is_strange) || !text.contains(['"', '\\']) || text.contains('\'') {
        return double_quoted(text);
    }
    format!("'{text}'")
}

/// A character that only an escape can write for sure.
fn is_strange(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}' | '\u{2029}' | '\u{feff}')
}

fn double_quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            '\r' => out.push_str("\\r"),
            c if is_strange(c) => out.push_str(&format!("\\u{:04x}", c as u32)),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

/// Whether a text can stand without quotes.
fn is_plain(text: &str, in_flow: bool) -> bool {
    let Some(first) = text.chars().next() else { return false };
    let edges = text.starts_with(' ') || text.ends_with([' ', ':']);
    let marker = text.starts_with("---") || text.starts_with("...");
    let number = first == '-' && is_typed(text);
    let opens = "!&*|>%@`\"'#,[]{}?:-=<~".contains(first) && !number;
    let inside = text.contains(": ") || text.contains(" #");
    let breaks = in_flow && text.contains([',', '[', ']', '{', '}']);
    !(edges || marker || opens || inside || breaks || text.contains(is_strange))
}

/// Whether some reader takes the plain text for nothing, a switch, a number or a date.
pub fn is_typed(text: &str) -> bool {
    const WORDS: [&str; 10] = ["", "~", "null", "true", "false", "yes", "no", "on", "off", "y"];
    let lower = text.to_ascii_lowercase();
    let digits = lower.trim_start_matches(['-', '+', '.']);
    let numeric = digits.starts_with(|c: char| c.is_ascii_digit())
        && lower.chars().all(|c| c.is_ascii_hexdigit() || "+-._:xot ".contains(c));
    WORDS.contains(&&*lower) || lower == "n" || numeric || matches!(digits, "inf" | "nan")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_are_few_and_enough() {
        for (text, keeps_type, written) in [
            ("list(int)(..20)", true, "list(int)(..20)"),
            ("Hello, world", true, "\"Hello, world\""),
            ("a: \\d", true, "'a: \\d'"),
            ("it's a: \\d", true, "\"it's a: \\\\d\""),
            ("a", true, "a"),
            ("a b", true, "a b"),
            ("_join", true, "_join"),
            ("60m", true, "60m"),
            ("10/m", true, "10/m"),
            (":8080", true, "\":8080\""),
            ("10", true, "\"10\""),
            ("10", false, "10"),
            ("true", true, "\"true\""),
            ("-1", false, "-1"),
            ("-", true, "\"-\""),
            ("- a", true, "\"- a\""),
            ("", true, "\"\""),
            ("{$user.id}", true, "\"{$user.id}\""),
            ("${payload.x}", true, "\"${payload.x}\""),
            ("{\"a\": 1}", true, "'{\"a\": 1}'"),
            ("it's", true, "it's"),
            ("'x' \"y\"", true, "\"'x' \\\"y\\\"\""),
            ("a: b", true, "\"a: b\""),
            ("a #b", true, "\"a #b\""),
            ("a#b", true, "a#b"),
            ("x\ny", true, "\"x\\ny\""),
            ("2026-01-01", true, "\"2026-01-01\""),
            ("*", true, "\"*\""),
            ("https://a.example:1", true, "https://a.example:1"),
        ] {
            assert_eq!(scalar(text, keeps_type, true), written, "{text}");
        }
        assert_eq!(scalar("Hello, ${x}", true, false), "Hello, ${x}");
        assert_eq!((plain("a, b", true), plain("a, b", false)), ("\"a, b\"".into(), "a, b".into()));
    }
}
