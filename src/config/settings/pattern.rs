//! Text of a room pattern to its parts: `chat:{tenant}:{id:int}`.
//!
//! Invariants: what is returned can match some room's name; two variables never touch:
//! nothing would say which character is whose. Called by `rooms`.

use super::super::codes::Code;
use super::value::Problem;
use crate::ids::USER_PREFIX;
use crate::limits::NAME_BYTES_MAX;
use crate::settings::PatternPart;

/// The parts of a pattern.
pub fn parts(text: &str) -> Result<Vec<PatternPart>, Problem> {
    let mut parts = Vec::new();
    let mut names = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        match rest.strip_prefix('{') {
            None => rest = literal(rest, &mut parts)?,
            Some(inner) => rest = variable(inner, &mut parts, &mut names)?,
        }
    }
    check_reach(text, &parts)?;
    Ok(parts)
}

/// The variables of a pattern, in order, and whether each stands for digits; none of a text that is
/// no pattern.
pub fn variables(text: &str) -> Vec<(&str, bool)> {
    let inner = text.split('{').skip(1).filter_map(|rest| rest.split_once('}'));
    let named = inner.map(|(name, _)| match name.split_once(':') {
        Some((name, kind)) => (name, kind == "int"),
        None => (name, false),
    });
    if parts(text).is_ok() { named.collect() } else { Vec::new() }
}

fn wrong(message: impl Into<String>) -> Problem {
    Problem::new(Code::BadPattern, message)
}

/// Text up to the next variable; what follows it.
fn literal<'t>(rest: &'t str, parts: &mut Vec<PatternPart>) -> Result<&'t str, Problem> {
    let (text, behind) = rest.split_at(rest.find('{').unwrap_or(rest.len()));
    if text.contains('}') {
        return Err(wrong("a `}` closes nothing here"));
    }
    if text.contains(char::is_control) {
        return Err(wrong("names of rooms hold no control characters"));
    }
    parts.push(PatternPart::Literal(text.into()));
    Ok(behind)
}

/// A variable whose `{` is read; what follows it.
fn variable<'t>(
    inner: &'t str,
    parts: &mut Vec<PatternPart>,
    names: &mut Vec<&'t str>,
) -> Result<&'t str, Problem> {
    let (text, behind) =
        inner.split_once('}').ok_or_else(|| wrong("a `{` is not closed by `}`"))?;
    let (name, part) = match text.split_once(':') {
        None => (text, PatternPart::Text),
        Some((name, "int")) => (name, PatternPart::Int),
        Some((name, "rest")) if behind.is_empty() => (name, PatternPart::Rest),
        Some((_, "rest")) => return Err(wrong("something follows the rest of the name")),
        Some((_, other)) => {
            let problem = wrong(format!("`{other}` is not a kind of variable"));
            return Err(problem.help(
                "`{name}` is text without `:`, `{name:int}` digits, `{name:rest}` all that follows",
            ));
        }
    };
    if !is_name(name) {
        return Err(wrong(format!("`{name}` is not the name of a variable"))
            .help("letters, digits and `_`, no digit first"));
    }
    if names.contains(&name) {
        return Err(wrong(format!("the variable `{name}` stands twice in the pattern")));
    }
    if parts.last().is_some_and(|last| !matches!(last, PatternPart::Literal(_))) {
        return Err(wrong(format!("nothing separates `{name}` from the variable before it")));
    }
    names.push(name);
    parts.push(part);
    Ok(behind)
}

fn is_name(text: &str) -> bool {
    let usable = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
    !text.starts_with(|c: char| c.is_ascii_digit()) && !text.is_empty() && text.bytes().all(usable)
}

/// Refuses patterns that no room can match.
fn check_reach(text: &str, parts: &[PatternPart]) -> Result<(), Problem> {
    if parts.is_empty() {
        return Err(wrong("a pattern is not empty"));
    }
    if text.starts_with(USER_PREFIX) {
        return Err(wrong(format!("no room's name begins with `{USER_PREFIX}`"))
            .help("messages to such a target go to a user"));
    }
    let shortest = |part: &PatternPart| match part {
        PatternPart::Literal(text) => text.len(),
        PatternPart::Text | PatternPart::Int | PatternPart::Rest => 1,
    };
    match parts.iter().map(shortest).sum::<usize>() {
        0..=NAME_BYTES_MAX => Ok(()),
        _ => Err(wrong(format!("names of rooms have at most {NAME_BYTES_MAX} bytes"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use PatternPart::{Int, Literal, Rest, Text};

    #[test]
    fn literals_and_variables() {
        let of = |text: &str| parts(text).unwrap();
        let literal = |text: &str| Literal(text.into());
        assert_eq!(of("lobby"), [literal("lobby")]);
        assert_eq!(of("chat:{tenant}:{id:int}"), [literal("chat:"), Text, literal(":"), Int]);
        assert_eq!(of("{a}-{b2:int}é"), [Text, literal("-"), Int, literal("é")]);
        assert_eq!(of("{room:rest}"), [Rest]);
        assert_eq!(of("team:{team}:{room:rest}"), [literal("team:"), Text, literal(":"), Rest]);
        assert_eq!(of(&"x".repeat(255)), [literal(&"x".repeat(255))]);
    }

    #[test]
    fn what_is_no_pattern() {
        let long = "x".repeat(255) + "{id}";
        for (text, says) in [
            ("", "empty"),
            ("a}b", "closes nothing"),
            ("{a", "not closed"),
            ("{}", "`` is not the name"),
            ("{1a}", "not the name"),
            ("{a-b}", "not the name"),
            ("{:int}", "not the name"),
            ("{a:uuid}", "`uuid`"),
            ("{a:rest}:{b}", "follows"),
            ("{a}{b:rest}", "separates `b`"),
            ("{a}:{a}", "twice"),
            ("{a}{b:int}", "separates `b`"),
            ("user:{id}", "user:"),
            ("a\nb", "control"),
            (&long, "255"),
        ] {
            let problem = parts(text).unwrap_err();
            assert_eq!(problem.code, Code::BadPattern, "{text}");
            assert!(problem.message.contains(says), "{text}: {}", problem.message);
        }
    }
}
