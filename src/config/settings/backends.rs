//! `backends:`: the HTTP services that steps may call, each with its options.
//!
//! Invariants: as `entries`; a backend with a finding is left out, and the file is refused. A URL
//! has scheme, host and path, and nothing that a call could change. Called by `walk`.

use super::super::codes::Code;
use super::super::diagnostic::{Diagnostic, Findings};
use super::super::environment::Environment;
use super::super::yaml::Entry;
use super::entries::{EntryOption, Put, Reader};
use super::registry::in_range;
use super::value::{self, Problem};
use crate::limits::{BACKENDS_MAX, RUN_TEXT_BYTES_MAX};
use crate::settings::{Backend, Breaker, Retry};

/// An option of a backend.
pub type BackendOption = EntryOption<Backend>;

const SECOND_NS: u64 = 1_000_000_000;

/// A call holds its connection: longer than this nobody waits.
const TIMEOUT_NS_MAX: u64 = 60 * SECOND_NS;

const fn option(
    path: &'static str,
    takes: &'static str,
    default: &'static str,
    doc: &'static str,
    put: Put<Backend>,
) -> BackendOption {
    EntryOption { path, takes, default, doc, put }
}

/// Every option of a backend.
pub const OPTIONS: &[BackendOption] = &[
    option(
        "url",
        "an `http` or `https` URL",
        "",
        "Scheme, host, port and base path. The paths of calls come behind it; nothing in a call \
         can change what stands here.",
        Put::One(|one, text| {
            one.url = url(text)?;
            Ok(())
        }),
    ),
    option(
        "timeout",
        "a duration, to 1m",
        "3s",
        "How long a whole call may take: waiting for a place, connecting, all attempts.",
        Put::One(|one, text| put_wait(&mut one.timeout_ns, text)),
    ),
    option(
        "connectTimeout",
        "a duration, to 1m",
        "1s",
        "How long it may take to connect.",
        Put::One(|one, text| put_wait(&mut one.connect_timeout_ns, text)),
    ),
    option(
        "maxInFlight",
        "a number, 1 to 65536",
        "256",
        "Calls made at one time, by all shards together.",
        Put::One(|one, text| put_count(&mut one.in_flight_max, text, 1)),
    ),
    option(
        "waiting",
        "a number, 0 to 65536",
        "1024",
        "Calls that may wait for one of those places; further ones fail at once with `overloaded`.",
        Put::One(|one, text| put_count(&mut one.waiting_max, text, 0)),
    ),
    option(
        "responseBytesMax",
        "a size, to 1MiB",
        "256KiB",
        "Bytes of a response; a larger one is none (`backend_answer`).",
        Put::One(|one, text| {
            let bytes = in_range(value::size(text)?, 1..=RUN_TEXT_BYTES_MAX as u64)?;
            one.response_bytes_max = bytes as usize;
            Ok(())
        }),
    ),
    option(
        "headers",
        "a map of names and texts",
        "",
        "Sent with every call. Keep credentials out of the file: `${env.NAME}`.",
        Put::Named(put_header),
    ),
    option(
        "retry.connect",
        "`true` or `false`",
        "false",
        "Try again where nobody answered at the address: nothing was asked yet.",
        Put::One(|one, text| {
            one.retry.connect = value::switch(text)?;
            Ok(())
        }),
    ),
    option(
        "retry.statuses",
        "statuses, 400 to 599",
        "",
        "Try again where the answer has one of these statuses, of GET, PUT and DELETE, and of \
         calls with an `idempotencyKey`.",
        Put::Many(put_statuses),
    ),
    option(
        "retry.max",
        "a number, 0 to 10",
        "1",
        "Attempts after the first.",
        Put::One(|one, text| {
            one.retry.retries_max = in_range(value::count(text)?, 0..=10)? as u8;
            Ok(())
        }),
    ),
    option(
        "retry.delay",
        "a duration, to 1m",
        "100ms",
        "Before the first retry; doubled for each further one, with some jitter.",
        Put::One(|one, text| put_wait(&mut one.retry.delay_ns, text)),
    ),
    option(
        "breaker.failures",
        "a number, 0 to 65536",
        "20",
        "So many failures within the window (no response, or 5xx) open the breaker: calls fail at \
         once with `backend_unavailable`. 0 is never.",
        Put::One(|one, text| {
            breaker(one).failures = in_range(value::count(text)?, 0..=65_536)? as u32;
            Ok(())
        }),
    ),
    option(
        "breaker.window",
        "a duration, to 1m",
        "10s",
        "The time in which failures are counted.",
        Put::One(|one, text| put_wait(&mut breaker(one).window_ns, text)),
    ),
    option(
        "breaker.open",
        "a duration, to 1m",
        "5s",
        "How long the breaker stays open; then one call is let through, to see.",
        Put::One(|one, text| put_wait(&mut breaker(one).open_ns, text)),
    ),
    option(
        "caFile",
        "a path",
        "",
        "A PEM file of authorities that are trusted beside the well-known ones.",
        Put::One(|one, text| {
            one.ca_file = Some(text.into());
            Ok(())
        }),
    ),
];

/// What the reference page says of backends.
pub const DOC: &str = "\
`backends` names the HTTP services that the step `call` may ask:

```yaml fragment
backends:
  api:
    url: \"${env.BACKEND_API_URL ?? 'http://localhost:8000'}\"
    timeout: 3s
    headers: { X-Internal-API-Key: \"${env.INTERNAL_API_KEY ?? ''}\" }
    retry: { connect: true, statuses: [502, 503], max: 1 }
```

A call holds the connection whose message it belongs to: what the client sends meanwhile is read
when the answer has come. Other connections never wait. docs/language.md describes the step.
";

const USUAL_BREAKER: Breaker =
    Breaker { failures: 20, window_ns: 10 * SECOND_NS, open_ns: 5 * SECOND_NS };

/// A backend as its options are when nothing is said.
fn usual(name: &str) -> Backend {
    Backend {
        name: name.to_owned(),
        url: String::new(),
        timeout_ns: 3 * SECOND_NS,
        connect_timeout_ns: SECOND_NS,
        in_flight_max: 256,
        waiting_max: 1_024,
        response_bytes_max: 256 * 1024,
        headers: Vec::new(),
        retry: Retry { retries_max: 1, delay_ns: 100_000_000, ..Retry::default() },
        breaker: Some(USUAL_BREAKER),
        ca_file: None,
    }
}

/// Reads the section: the backends, in the file's order.
pub fn read(
    section: &Entry,
    environment: &Environment,
    folded: bool,
    findings: &mut Findings,
) -> Vec<Backend> {
    let (name, place, takes) = ("backends", "NAME", "a map of names");
    let mut reader = Reader { name, place, takes, options: OPTIONS, environment, folded, findings };
    let entries = reader.entries(section, BACKENDS_MAX, "backends");
    entries.iter().map(|entry| backend(entry, &mut reader)).collect()
}

fn backend(entry: &Entry, reader: &mut Reader<'_, Backend>) -> Backend {
    let mut one = usual(&entry.key);
    reader.read(entry, &mut one);
    one.breaker = one.breaker.filter(|breaker| breaker.failures > 0);
    let has_url = entry.value.as_map().unwrap_or_default().iter().any(|option| {
        option.key == "url" || reader.folded && option.key.eq_ignore_ascii_case("url")
    });
    if !has_url {
        let message = format!("the backend `{}` has no `url`", entry.key);
        let finding = Diagnostic::new(Code::BadValue, message);
        reader.findings.push(finding.label(entry.key_span, "where is it?"));
    }
    one
}

fn breaker(one: &mut Backend) -> &mut Breaker {
    one.breaker.get_or_insert(USUAL_BREAKER)
}

fn put_wait(into: &mut u64, text: &str) -> Result<(), Problem> {
    let ns = value::duration_from(1, text)?;
    if ns > TIMEOUT_NS_MAX {
        return Err(Problem::new(Code::OutOfRange, format!("`{text}` is too long"))
            .help("at most 1m: somebody waits for it"));
    }
    *into = ns;
    Ok(())
}

fn put_count(into: &mut usize, text: &str, least: u64) -> Result<(), Problem> {
    *into = in_range(value::count(text)?, least..=65_536)? as usize;
    Ok(())
}

fn put_statuses(one: &mut Backend, texts: &[String]) -> Result<(), Problem> {
    for text in texts {
        one.retry.statuses.push(in_range(value::count(text)?, 400..=599)? as u16);
    }
    Ok(())
}

fn put_header(one: &mut Backend, name: &str, text: &str) -> Result<(), Problem> {
    let name = header_name(name)?;
    if text.bytes().any(|byte| byte.is_ascii_control()) {
        return Err(Problem::new(Code::BadValue, format!("the value of `{name}` is not one line")));
    }
    one.headers.push((name, text.to_owned()));
    Ok(())
}

/// Headers that belong to the connection, or are made from the call itself.
const OWN_HEADERS: [&str; 9] = [
    "connection",
    "content-length",
    "host",
    "idempotency-key",
    "keep-alive",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// A header's name that a file may set, in lower case.
pub fn header_name(name: &str) -> Result<String, Problem> {
    let token = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
    let lower = name.to_ascii_lowercase();
    if name.is_empty() || !name.bytes().all(token) {
        return Err(Problem::new(Code::BadValue, format!("`{name}` is not a header's name")));
    }
    match OWN_HEADERS.contains(&&*lower) {
        true => Err(Problem::new(Code::BadValue, format!("`{name}` cannot be set"))
            .help("it belongs to the connection, or comes from the call")),
        false => Ok(lower),
    }
}

/// A base URL without what could be changed or shown: no credentials, query or fragment.
fn url(text: &str) -> Result<String, Problem> {
    let problem = |why: &str| {
        let problem = Problem::new(Code::BadUrl, format!("`{text}` is not a backend's URL"));
        problem.help(why.to_owned())
    };
    let (scheme, rest) = text.split_once("://").unwrap_or(("", text));
    let scheme = scheme.to_ascii_lowercase();
    if !matches!(scheme.as_str(), "http" | "https") {
        return Err(problem("it begins with `http://` or `https://`"));
    }
    let (authority, path) = match rest.find('/') {
        Some(at) => rest.split_at(at),
        None => (rest, ""),
    };
    if authority.contains('@') {
        return Err(Problem::new(Code::BadUrl, "a backend's URL has no credentials")
            .help("send them as a header: `headers: { Authorization: ... }`"));
    }
    if rest.contains(['?', '#']) {
        return Err(problem("it has no query and no fragment: those belong to calls"));
    }
    if !is_authority(authority) {
        return Err(problem("behind the scheme stands a host, and maybe a port"));
    }
    let segments = || path.split('/').skip(1);
    let usable = |byte: u8| byte.is_ascii_graphic() && byte != b'\\';
    let leads_away = segments().any(|one| matches!(one, "." | ".."));
    if !path.bytes().all(usable) || leads_away {
        return Err(problem("its path has no blanks, `.` or `..`"));
    }
    Ok(format!("{scheme}://{}{}", authority.to_ascii_lowercase(), path.trim_end_matches('/')))
}

/// `host`, `host:port`, `[v6]`, `[v6]:port`.
fn is_authority(text: &str) -> bool {
    let (host, port) = match text.strip_prefix('[') {
        Some(rest) => {
            let Some((host, rest)) = rest.split_once(']') else { return false };
            if host.parse::<std::net::Ipv6Addr>().is_err() {
                return false;
            }
            ("v6", if rest.is_empty() { None } else { rest.strip_prefix(':').or(Some("")) })
        }
        None => match text.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (text, None),
        },
    };
    let letter = |b: u8| b.is_ascii_alphanumeric() || b"-._".contains(&b);
    let has_port = port.is_none_or(|port| port.parse::<u16>().is_ok_and(|port| port > 0));
    !host.is_empty() && host.len() <= 253 && host.bytes().all(letter) && has_port
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_a_scheme_a_host_and_a_path() {
        for (text, taken) in [
            ("http://a", "http://a"),
            ("HTTPS://A.Example:8443/Base/", "https://a.example:8443/Base"),
            ("http://127.0.0.1:8000/api/v1", "http://127.0.0.1:8000/api/v1"),
            ("http://[::1]:8000", "http://[::1]:8000"),
            ("http://[::1]", "http://[::1]"),
        ] {
            assert_eq!(url(text).as_deref(), Ok(taken), "{text}");
        }
        for text in [
            "",
            "a",
            "ftp://a",
            "http://",
            "http:///x",
            "http://u@a",
            "http://u:p@a/",
            "//a",
            "http://a?x",
            "http://a/#x",
            "http://a:0",
            "http://a:x",
            "http://a:",
            "http://a:99999",
            "http://a b",
            "http://a/b c",
            "http://a/../b",
            "http://a/./b",
            "http://[::1",
            "http://[x]",
            "http://[::1]x",
            "http://a\\b",
            "http://a/\\b",
            "http://a/\u{e9}",
            "http://a/\r\nX: y",
        ] {
            assert!(url(text).is_err(), "{text}");
        }
    }

    #[test]
    fn headers_of_the_connection_cannot_be_set() {
        assert_eq!(header_name("X-Internal-API-Key").as_deref(), Ok("x-internal-api-key"));
        for name in ["", "a b", "a:", "Host", "content-length", "Transfer-Encoding", "x\r\ny"] {
            assert!(header_name(name).is_err(), "{name}");
        }
    }

    #[test]
    fn the_defaults_in_the_table_are_the_defaults() {
        let mut one = usual("api");
        for option in OPTIONS.iter().filter(|option| !option.default.is_empty()) {
            if let Put::One(put) = option.put {
                put(&mut one, option.default).unwrap();
            }
        }
        assert_eq!(one, usual("api"));
    }
}
