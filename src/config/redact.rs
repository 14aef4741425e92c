//! Hides the values of secrets in text that will be shown.
//!
//! Works on lines, not on the parsed tree, because it must also work for files that do not parse;
//! it rather hides too much. Invariants: the length in bytes does not change, so spans stay right.

/// Ends of the option keys (lower case) whose values are hidden.
const SECRET_KEYS: [&str; 6] =
    ["secret", "password", "token", "apikey", "api-key", "authorization"];

/// Shorter values stand everywhere, by chance.
const SECRET_BYTES_MIN: usize = 4;

/// The text with every secret's value starred out.
pub fn redacted(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut hidden_below: Option<usize> = None;
    for line in text.split_inclusive('\n') {
        let indent = line.len() - line.trim_start_matches([' ', '-']).len();
        if hidden_below.is_some_and(|parent| indent > parent || line.trim().is_empty()) {
            out.push_str(&starred(line));
            continue;
        }
        hidden_below = None;
        match secret_value(line) {
            Some(start) => {
                out.push_str(&line[..start]);
                out.push_str(&starred(&line[start..]));
                hidden_below = Some(indent);
            }
            None => out.push_str(line),
        }
    }
    out
}

/// The text without what the environment's secrets are worth: those variables whose names say so.
pub fn without_secrets_of(
    environment: impl Iterator<Item = (String, String)>,
    text: &str,
) -> String {
    let worth_hiding = |(name, value): &(String, String)| {
        is_secret(&name.replace('_', "-")) && value.len() >= SECRET_BYTES_MIN
    };
    let hide = |text: String, (_, value): (String, String)| text.replace(&value, "********");
    environment.filter(worth_hiding).fold(text.to_owned(), hide)
}

/// Where the value of the first secret key of a line begins.
fn secret_value(line: &str) -> Option<usize> {
    let mut from = 0;
    while let Some(found) = line[from..].find(':') {
        let colon = from + found;
        if is_secret(line[..colon].trim_end_matches([' ', '\'', '"'])) {
            return Some(colon + 1);
        }
        from = colon + 1;
    }
    None
}

/// Whether the values of such a key are hidden.
pub fn is_secret(key: &str) -> bool {
    let key = key.to_ascii_lowercase();
    SECRET_KEYS.iter().any(|name| key.ends_with(name))
}

fn starred(text: &str) -> String {
    let star = |c: char| match c.is_whitespace() {
        true => c.to_string(),
        false => "*".repeat(c.len_utf8()),
    };
    text.chars().map(star).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_of_secrets_are_starred_and_lengths_kept() {
        for (text, shown) in [
            ("auth: { mode: jwt, secret: hunter2 }", "auth: { mode: jwt, secret: ******* *"),
            ("  jwtSecret: \"é1\"\n  path: /ws", "  jwtSecret: *****\n  path: /ws"),
            ("  secret: |\n    a b\n\n    c\n  x: y", "  secret: *\n    * *\n\n    *\n  x: y"),
            ("- 'secret' : abc\n- d", "- 'secret' : ***\n- d"),
            ("secret:\n  abc\n", "secret:\n  ***\n"),
        ] {
            assert_eq!(redacted(text), shown);
            assert_eq!(redacted(text).len(), text.len());
        }
    }

    #[test]
    fn what_the_environment_keeps_secret_is_hidden_wherever_it_stands() {
        let pairs = [("INTERNAL_API_KEY", "s3cr3t"), ("PORT", "8080"), ("A_TOKEN", "abc")];
        let environment = pairs.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let shown = without_secrets_of(environment.into_iter(), "const 's3cr3t' abc 8080");
        assert_eq!(shown, "const '********' abc 8080");
    }
}
