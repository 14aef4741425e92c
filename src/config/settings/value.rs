//! Values of options: text to number, duration, size, address, origin.
//!
//! Invariants: pure; a `Problem` says what is wrong with the text and what would be right, the
//! caller knows the option and the place.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::super::codes::Code;
use super::super::diagnostic::Diagnostic;
use crate::settings::OriginRule;

/// What is wrong with a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    pub code: Code,
    /// Reads after "`option`: ".
    pub message: String,
    pub help: Option<String>,
    /// What it is about: see `Diagnostic::about`.
    pub subject: Option<String>,
}

impl Problem {
    pub fn new(code: Code, message: impl Into<String>) -> Problem {
        Problem { code, message: message.into(), help: None, subject: None }
    }

    pub fn about(self, subject: String) -> Problem {
        Problem { subject: Some(subject), ..self }
    }

    /// The same as a problem of the option at this path.
    pub fn of(self, path: &str) -> Problem {
        Problem { message: format!("`{path}`: {}", self.message), ..self }
    }

    /// The finding, which lacks its place.
    pub fn finding(self) -> Diagnostic {
        let finding = Diagnostic::new(self.code, self.message);
        let finding = self.help.into_iter().fold(finding, Diagnostic::help);
        self.subject.into_iter().fold(finding, Diagnostic::about)
    }

    pub fn help(self, text: impl Into<String>) -> Problem {
        Problem { help: Some(text.into()), ..self }
    }

    /// The same without anything of the value, for secrets. A variable's name may be told.
    pub fn hidden(self) -> Problem {
        match self.code {
            Code::MissingVariable => self,
            code => Problem::new(code, "the value is not an environment expression")
                .help("write `${env.NAME}`; the value itself is not shown"),
        }
    }
}

const UNITS: [(&str, u64); 7] = [
    ("ns", 1),
    ("us", 1_000),
    ("µs", 1_000),
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("m", 60_000_000_000),
    ("h", 3_600_000_000_000),
];

/// A Go-style duration in nanoseconds: `1h30m`, `1.5s`, `500ms`, `0`.
pub fn duration(text: &str) -> Result<u64, Problem> {
    if text == "0" {
        return Ok(0);
    }
    let wrong = || {
        let problem = Problem::new(Code::BadDuration, format!("`{text}` is not a duration"));
        match text.parse::<u64>() {
            Ok(_) => problem.help(format!("a number needs a unit: `{text}s`, or `{text}ms`")),
            Err(_) => problem.help("write it like `60m`, `1h30m` or `500ms`"),
        }
    };
    let mut rest = text;
    let mut sum: u64 = 0;
    while !rest.is_empty() {
        let (ns, behind) = duration_part(rest).ok_or_else(wrong)?;
        sum = sum.checked_add(ns).ok_or_else(wrong)?;
        rest = behind;
    }
    if text.is_empty() { Err(wrong()) } else { Ok(sum) }
}

/// Durations that an option may have: a century keeps every sum of times far from overflow.
const DURATION_NS_MAX: u64 = 876_000 * 3_600_000_000_000;

/// A duration in the range of an option.
pub fn duration_from(ns_min: u64, text: &str) -> Result<u64, Problem> {
    let ns = duration(text)?;
    match (ns_min..=DURATION_NS_MAX).contains(&ns) {
        true => Ok(ns),
        false if ns < ns_min => Err(Problem::new(Code::OutOfRange, "this duration may not be 0")),
        false => Err(Problem::new(Code::OutOfRange, format!("`{text}` is too long"))
            .help("at most 876000h, a century")),
    }
}

/// One number with its unit, and what follows it.
fn duration_part(text: &str) -> Option<(u64, &str)> {
    let number_len = text.find(|c: char| !c.is_ascii_digit() && c != '.')?;
    let (number, rest) = text.split_at(number_len);
    let unit_len = rest.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(rest.len());
    let (unit, behind) = rest.split_at(unit_len);
    let (_, unit_ns) = UNITS.iter().find(|(name, _)| *name == unit)?;
    Some((decimal(number, *unit_ns)?, behind))
}

/// A decimal number times a scale, without going through floating point.
fn decimal(number: &str, scale: u64) -> Option<u64> {
    let (whole, part) = number.split_once('.').unwrap_or((number, ""));
    let whole: u64 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
    let empty = whole == 0 && part.is_empty() && !number.starts_with('0');
    if empty || part.len() > 9 || !part.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let part_scale = 10u64.pow(part.len() as u32);
    let part: u64 = if part.is_empty() { 0 } else { part.parse().ok()? };
    let small = u128::from(part) * u128::from(scale) / u128::from(part_scale);
    whole.checked_mul(scale)?.checked_add(u64::try_from(small).ok()?)
}

const SIZES: [(&str, u64); 8] = [
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("KB", 1_000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("B", 1),
    ("", 1),
];

/// A size in bytes: `64KiB`, `1 MiB`, `4096`.
pub fn size(text: &str) -> Result<u64, Problem> {
    let wrong = || {
        Problem::new(Code::BadSize, format!("`{text}` is not a size"))
            .help("write it like `64KiB` or `1MiB`")
    };
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let (number, unit) = text.split_at(digits);
    let number: u64 = number.parse().map_err(|_| wrong())?;
    let unit = unit.trim_start();
    let scale = SIZES.iter().find(|(name, _)| name.eq_ignore_ascii_case(unit)).ok_or_else(wrong)?.1;
    number.checked_mul(scale).ok_or_else(wrong)
}

/// A whole number.
pub fn count(text: &str) -> Result<u64, Problem> {
    let digits: String = text.chars().filter(|c| *c != '_').collect();
    digits
        .parse()
        .map_err(|_| Problem::new(Code::BadValue, format!("`{text}` is not a whole number")))
}

/// `true` or `false`.
pub fn switch(text: &str) -> Result<bool, Problem> {
    let meant = match text.to_ascii_lowercase().as_str() {
        "true" => return Ok(true),
        "false" => return Ok(false),
        "yes" | "on" | "1" => Some("write `true`"),
        "no" | "off" | "0" => Some("write `false`"),
        _ => None,
    };
    let problem = Problem::new(Code::BadValue, format!("`{text}` is neither `true` nor `false`"));
    Err(match meant {
        Some(help) => problem.help(help),
        None => problem,
    })
}

/// The addresses of `:8080`, `127.0.0.1:8080`, `[::1]:8080`, `localhost:8080`.
pub fn address(text: &str) -> Result<Vec<SocketAddr>, Problem> {
    let wrong = |help: String| {
        Problem::new(Code::BadAddress, format!("`{text}` is not an address to listen on"))
            .help(help)
    };
    if text.parse::<u16>().is_ok() {
        return Err(wrong(format!("write `\":{text}\"` for this port on every interface")));
    }
    if let Ok(address) = text.parse::<SocketAddr>() {
        return Ok(vec![address]);
    }
    let usual = || wrong("write `\":8080\"`, `\"127.0.0.1:8080\"` or `\"[::1]:8080\"`".into());
    let (host, port) = text.rsplit_once(':').ok_or_else(usual)?;
    let port: u16 = port.parse().map_err(|_| usual())?;
    match host {
        "" => Ok(vec![SocketAddr::from((Ipv6Addr::UNSPECIFIED, port))]),
        "localhost" => {
            let local: [IpAddr; 2] = [Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()];
            Ok(local.map(|ip| SocketAddr::from((ip, port))).to_vec())
        }
        _ => Err(wrong("names are not looked up here: give the interface's IP address".into())),
    }
}

/// One entry of `server.origins`.
pub fn origin(text: &str) -> Result<OriginRule, Problem> {
    if text == "*" {
        return Ok(OriginRule::Any);
    }
    let wrong = || Problem::new(Code::BadOrigin, format!("`{text}` is not an origin"));
    let lower = text.to_ascii_lowercase();
    let Some((scheme, rest)) = lower.split_once("://") else {
        return Err(wrong().help(format!("an origin has a scheme: `https://{lower}`")));
    };
    let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
    if rest.contains('/') || !path.is_empty() {
        let bare = format!("an origin has no path: `{scheme}://{authority}`");
        return Err(wrong().help(bare));
    }
    let authority = crate::auth::origin::without_default_port(scheme, authority);
    let host = authority.strip_prefix("*.").unwrap_or(authority);
    let usable = |c: char| c.is_ascii_alphanumeric() || "-._:[]".contains(c);
    if scheme.is_empty() || host.is_empty() || !host.chars().all(usable) {
        return Err(
            wrong().help("write it like `https://app.example.com` or `https://*.example.com`")
        );
    }
    Ok(match authority.strip_prefix('*') {
        Some(suffix) => OriginRule::Subdomains { scheme: scheme.into(), suffix: suffix.into() },
        None => OriginRule::Exact(format!("{scheme}://{authority}")),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        for (text, ns) in [
            ("60m", 3_600_000_000_000),
            ("1h30m", 5_400_000_000_000),
            ("500ms", 500_000_000),
            ("1.5s", 1_500_000_000),
            (".5s", 500_000_000),
            ("2us", 2_000),
            ("2µs", 2_000),
            ("0", 0),
            ("0s", 0),
        ] {
            assert_eq!(duration(text), Ok(ns), "{text}");
        }
        for text in ["", "60", "m", "1d", "1 m", "-1s", "1.2.3s", ".", ".s", "1s2", "é", "1é"] {
            assert_eq!(duration(text).unwrap_err().code, Code::BadDuration, "{text}");
        }
        assert!(duration("99999999999999999999h").is_err());
        assert!(duration("9999999999h").is_err());
        assert!(duration("60").unwrap_err().help.unwrap().contains("`60s`"));
    }

    #[test]
    fn durations_have_a_range() {
        assert_eq!(duration_from(0, "0"), Ok(0));
        assert_eq!(duration_from(1, "1ns"), Ok(1));
        assert_eq!(duration_from(0, "876000h"), Ok(DURATION_NS_MAX));
        for (ns_min, text) in [(1, "0"), (1, "0s"), (0, "876001h")] {
            assert_eq!(duration_from(ns_min, text).unwrap_err().code, Code::OutOfRange);
        }
    }

    #[test]
    fn sizes() {
        for (text, bytes) in [
            ("64KiB", 65_536),
            ("1 MiB", 1 << 20),
            ("16mib", 16 << 20),
            ("2KB", 2_000),
            ("7B", 7),
            ("4096", 4_096),
        ] {
            assert_eq!(size(text), Ok(bytes), "{text}");
        }
        for text in ["", "KiB", "1.5KiB", "-1", "64K", "99999999999999GiB", "1 KiB é"] {
            assert_eq!(size(text).unwrap_err().code, Code::BadSize, "{text}");
        }
    }

    #[test]
    fn addresses() {
        let one = |text: &str| address(text).unwrap()[0].to_string();
        assert_eq!(one(":8080"), "[::]:8080");
        assert_eq!(one("127.0.0.1:0"), "127.0.0.1:0");
        assert_eq!(one("[::1]:9001"), "[::1]:9001");
        assert_eq!(address("localhost:80").unwrap().len(), 2);
        for text in ["", "8080", ":", ":99999", "example.com:80", "127.0.0.1", "::1:80:"] {
            assert_eq!(address(text).unwrap_err().code, Code::BadAddress, "{text}");
        }
    }

    #[test]
    fn origins() {
        let exact = |text: &str| OriginRule::Exact(text.into());
        assert_eq!(origin("*"), Ok(OriginRule::Any));
        assert_eq!(origin("HTTPS://App.Example.com:443"), Ok(exact("https://app.example.com")));
        assert_eq!(origin("http://localhost:3000"), Ok(exact("http://localhost:3000")));
        let below =
            OriginRule::Subdomains { scheme: "https".into(), suffix: ".example.com".into() };
        assert_eq!(origin("https://*.example.com"), Ok(below));
        for text in
            ["app.example.com", "https://", "https://a/b", "https://a/", "https://a b", "://a"]
        {
            assert_eq!(origin(text).unwrap_err().code, Code::BadOrigin, "{text}");
        }
    }
}
