//! `${env.NAME}` and `${env.NAME ?? 'default'}` in the values of options, folded at load.
//!
//! Invariants: a variable's value is put in as text and never expanded again.

use super::super::codes::Code;
use super::super::environment::Environment;
use super::value::Problem;

/// The text with every `${...}` replaced.
pub fn expand(text: &str, environment: &Environment) -> Result<String, Problem> {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find("${") {
        out.push_str(&rest[..start]);
        let inner = &rest[start + 2..];
        let end = closing_brace(inner)
            .ok_or_else(|| Problem::new(Code::BadExpansion, "`${` is not closed by `}`"))?;
        out.push_str(&lookup(inner[..end].trim(), environment)?);
        rest = &inner[end + 1..];
    }
    out.push_str(rest);
    Ok(out)
}

/// The first `}` that is not inside quotes.
fn closing_brace(text: &str) -> Option<usize> {
    let mut quote = None;
    for (at, c) in text.char_indices() {
        match (quote, c) {
            (None, '}') => return Some(at),
            (None, '\'' | '"') => quote = Some(c),
            (Some(open), _) if c == open => quote = None,
            _ => {}
        }
    }
    None
}

fn lookup(expression: &str, environment: &Environment) -> Result<String, Problem> {
    let (variable, default) = match expression.split_once("??") {
        Some((variable, default)) => (variable.trim(), Some(default.trim())),
        None => (expression, None),
    };
    let name = variable.strip_prefix("env.").filter(|name| is_name(name)).ok_or_else(|| {
        Problem::new(Code::BadExpansion, format!("`${{{expression}}}` is not known here"))
            .help(hint_for(variable))
    })?;
    match (environment.value(name), default) {
        (Some(value), _) => Ok(value.into()),
        (None, Some(default)) => literal(default),
        (None, None) => {
            let message = format!("the variable `{name}` is not set");
            Err(Problem::new(Code::MissingVariable, message)
                .help(format!("set it, or give a default: `${{env.{name} ?? 'value'}}`"))
                .about(format!("env.{name}")))
        }
    }
}

fn hint_for(variable: &str) -> String {
    match is_name(variable) {
        true => format!("write `${{env.{variable}}}`"),
        false => "write `${env.NAME}` or `${env.NAME ?? 'default'}`".into(),
    }
}

fn is_name(text: &str) -> bool {
    let usable = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
    !text.is_empty() && !text.as_bytes()[0].is_ascii_digit() && text.bytes().all(usable)
}

/// A default: quoted text, or a number or word without quotes.
fn literal(text: &str) -> Result<String, Problem> {
    for quote in ['\'', '"'] {
        let inner = text.strip_prefix(quote).and_then(|text| text.strip_suffix(quote));
        if let Some(inner) = inner.filter(|inner| !inner.contains(quote)) {
            return Ok(inner.into());
        }
    }
    let plain = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    match !text.is_empty() && text.chars().all(plain) {
        true => Ok(text.into()),
        false => Err(Problem::new(Code::BadExpansion, "the default after `??` is not a value")
            .help("put it in quotes: `${env.NAME ?? 'default'}`")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_and_defaults_are_folded_once() {
        let environment: Environment =
            [("A", "1"), ("EMPTY", ""), ("LOOP", "${env.A}")].into_iter().collect();
        for (text, out) in [
            ("plain", "plain"),
            ("${env.A}", "1"),
            ("x${env.A}y${ env.A }", "x1y1"),
            ("${env.B ?? 8080}", "8080"),
            ("${env.B ?? 'a}b'}", "a}b"),
            ("${env.EMPTY ?? \"\"}", ""),
            ("${env.LOOP}", "${env.A}"),
            ("$x {y}", "$x {y}"),
        ] {
            assert_eq!(expand(text, &environment).as_deref(), Ok(out), "{text}");
        }
        for (text, code) in [
            ("${env.B}", Code::MissingVariable),
            ("${A}", Code::BadExpansion),
            ("${env.A", Code::BadExpansion),
            ("${env.1}", Code::BadExpansion),
            ("${env.B ?? a b}", Code::BadExpansion),
            ("${}", Code::BadExpansion),
        ] {
            assert_eq!(expand(text, &environment).unwrap_err().code, code, "{text}");
        }
    }
}
