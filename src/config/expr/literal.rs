//! Numbers and strings as they are written in an expression.
//!
//! Invariants: total on any text. Used by `lexer` alone.

use std::ops::Range;

use super::lexer::Kind;

/// The number a text begins with (`None` where it is too large), and its bytes.
pub fn number(text: &str) -> (Option<Kind>, usize) {
    if let Some(digits) = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        let len = run(digits, |b| b.is_ascii_hexdigit());
        return (u64::from_str_radix(&digits[..len], 16).ok().map(Kind::Int), len + 2);
    }
    let whole = run(text, |b| b.is_ascii_digit());
    let len = whole + fraction(&text[whole..]);
    let len = len + exponent(&text[len..]);
    let number = match len == whole {
        true => text[..len].parse().ok().map(Kind::Int),
        false => {
            text[..len].parse().ok().filter(|double: &f64| double.is_finite()).map(Kind::Double)
        }
    };
    (number, len)
}

fn run(text: &str, is_it: fn(&u8) -> bool) -> usize {
    text.bytes().take_while(is_it).count()
}

/// Bytes of a point and the digits behind it; 0 where there is none.
fn fraction(text: &str) -> usize {
    let Some(digits) = text.strip_prefix('.') else { return 0 };
    match run(digits, u8::is_ascii_digit) {
        0 => 0,
        len => len + 1,
    }
}

fn exponent(text: &str) -> usize {
    let Some(behind) = text.strip_prefix(['e', 'E']) else { return 0 };
    let sign = usize::from(behind.starts_with(['+', '-']));
    match run(&behind[sign..], u8::is_ascii_digit) {
        0 => 0,
        len => 1 + sign + len,
    }
}

/// What is wrong with a string, and where in it.
type Wrong = (Range<usize>, &'static str);

/// The string a text begins with, by its quote, and its bytes with both quotes.
pub fn string(text: &str, raw: bool) -> Result<(String, usize), Wrong> {
    let mut chars = text.chars();
    let quote = chars.next();
    let mut out = String::new();
    loop {
        let at = text.len() - chars.as_str().len();
        match chars.next() {
            None => return Err((0..1, "the quote that ends it is missing")),
            Some('\n' | '\r') => return Err((at..at + 1, "a string ends on its line")),
            Some('\\') if !raw => {
                let (char, len) = escape(chars.as_str()).map_err(|(len, why)| {
                    let len = chars.as_str().chars().take(len).map(char::len_utf8).sum::<usize>();
                    (at..at + 1 + len, why)
                })?;
                out.push(char);
                chars = chars.as_str()[len..].chars();
            }
            c if c == quote => return Ok((out, at + 1)),
            Some(c) => out.push(c),
        }
    }
}

/// What stands behind a backslash: its character and bytes, or so many characters that are none.
fn escape(text: &str) -> Result<(char, usize), (usize, &'static str)> {
    let Some(first) = text.chars().next() else { return Err((0, "nothing is escaped")) };
    let plain = |c| Ok((c, first.len_utf8()));
    match first {
        'a' => plain('\u{7}'),
        'b' => plain('\u{8}'),
        'f' => plain('\u{c}'),
        'n' => plain('\n'),
        'r' => plain('\r'),
        't' => plain('\t'),
        'v' => plain('\u{b}'),
        '\\' | '\'' | '"' | '`' | '?' => plain(first),
        'x' | 'X' => code_point(text, 1, 2, 16),
        'u' => code_point(text, 1, 4, 16),
        'U' => code_point(text, 1, 8, 16),
        '0'..='3' => code_point(text, 0, 3, 8),
        _ => Err((1, "no such escape")),
    }
}

fn code_point(
    text: &str,
    from: usize,
    digits: usize,
    radix: u32,
) -> Result<(char, usize), (usize, &'static str)> {
    let end = from + digits;
    let point = text
        .get(from..end)
        .filter(|digits| digits.chars().all(|digit| digit.is_digit(radix)))
        .and_then(|digits| u32::from_str_radix(digits, radix).ok())
        .ok_or((end, "too few digits"))?;
    char::from_u32(point).map(|char| (char, end)).ok_or((end, "no such character"))
}
