//! Who may see the monitor and its pages.
//!
//! ```text
//! off, or `loopback` from elsewhere -> 404, as for any path that is nothing
//! `token` without a credential       -> 401; wrong ones too often -> 429
//! ```
//!
//! A credential is `Authorization: Bearer TOKEN`, or the cookie that a login with the token is
//! answered with. The cookie holds a random key of this process, not the token.
//!
//! Invariants: tokens and keys are compared in a time that says nothing of where they differ; wrong
//! attempts are bounded by address and in all, and while they are spent a right token is refused
//! too; the table of addresses is bounded. Called by `monitor`.

use std::collections::HashMap;
use std::hint::black_box;
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard};
use std::time::{Duration, Instant};

use axum::http::{HeaderMap, StatusCode, header};

use crate::settings::{Monitor, MonitorAccess};

pub(super) const COOKIE: &str = "shardwire-monitor";

/// How long a login lasts.
pub(super) const LOGIN_TIME: Duration = Duration::from_secs(12 * 60 * 60);

/// Logins that are remembered; the oldest makes room.
const LOGINS_MAX: usize = 64;

/// Wrong attempts within `ATTEMPTS_TIME`, of one address and of all.
const ATTEMPTS_MAX: u32 = 10;
const ATTEMPTS_OF_ALL_MAX: u32 = 100;
pub(super) const ATTEMPTS_TIME: Duration = Duration::from_secs(60);
const ADDRESSES_MAX: usize = 1_024;

/// Why somebody sees nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Denied {
    /// As if there were nothing.
    Hidden,
    NoCredential,
    TooOften,
}

impl Denied {
    pub fn status(self) -> StatusCode {
        match self {
            Denied::Hidden => StatusCode::NOT_FOUND,
            Denied::NoCredential => StatusCode::UNAUTHORIZED,
            Denied::TooOften => StatusCode::TOO_MANY_REQUESTS,
        }
    }
}

/// Who asks.
pub(super) struct Caller<'r> {
    pub ip: IpAddr,
    pub headers: &'r HeaderMap,
    /// The request names this machine as its host, and no proxy passed it on.
    pub local: bool,
}

/// The logins and the wrong attempts of a process.
#[derive(Default)]
pub(super) struct Door {
    inside: Mutex<Inside>,
}

#[derive(Default)]
struct Inside {
    logins: Vec<(String, Instant)>,
    attempts: HashMap<IpAddr, Attempts>,
    of_all: Option<Attempts>,
}

#[derive(Clone, Copy)]
struct Attempts {
    since: Instant,
    count: u32,
}

impl Door {
    /// Whether the options let this request in.
    pub fn admits(&self, monitor: &Monitor, caller: &Caller<'_>) -> Result<(), Denied> {
        match monitor.access {
            MonitorAccess::Public => Ok(()),
            MonitorAccess::Loopback => match caller.local && caller.ip.to_canonical().is_loopback()
            {
                true => Ok(()),
                false => Err(Denied::Hidden),
            },
            MonitorAccess::Token => self.checks(monitor, caller),
        }
    }

    fn checks(&self, monitor: &Monitor, caller: &Caller<'_>) -> Result<(), Denied> {
        if cookie(caller.headers).is_some_and(|key| self.knows(key)) {
            return Ok(());
        }
        let bearer = caller.headers.get(header::AUTHORIZATION);
        let bearer = bearer.and_then(|value| value.to_str().ok());
        let (scheme, token) =
            bearer.and_then(|value| value.split_once(' ')).ok_or(Denied::NoCredential)?;
        if !scheme.eq_ignore_ascii_case("bearer") {
            return Err(Denied::NoCredential);
        }
        self.tries(monitor, caller.ip, token)
    }

    /// Compares a token; a wrong one is counted.
    fn tries(&self, monitor: &Monitor, ip: IpAddr, token: &str) -> Result<(), Denied> {
        let mut inside = self.inside();
        let now = Instant::now();
        if inside.is_spent(ip, now) {
            return Err(Denied::TooOften);
        }
        let right = monitor.token.as_ref();
        match right.is_some_and(|right| same(right.0.as_bytes(), token.as_bytes())) {
            true => Ok(()),
            false => {
                inside.count(ip, now);
                Err(Denied::NoCredential)
            }
        }
    }

    /// The key of a new login, for its cookie.
    pub fn log_in(&self, monitor: &Monitor, ip: IpAddr, token: &str) -> Result<String, Denied> {
        self.tries(monitor, ip, token)?;
        let mut key = [0; 32];
        getrandom::fill(&mut key).map_err(|_| Denied::TooOften)?;
        let key: String = key.iter().map(|byte| format!("{byte:02x}")).collect();
        let mut inside = self.inside();
        if inside.logins.len() >= LOGINS_MAX {
            inside.logins.remove(0);
        }
        inside.logins.push((key.clone(), Instant::now()));
        Ok(key)
    }

    pub fn log_out(&self, headers: &HeaderMap) {
        let Some(key) = cookie(headers) else { return };
        self.inside().logins.retain(|(other, _)| !same(other.as_bytes(), key.as_bytes()));
    }

    /// Every login ends: the token is another.
    pub fn forget(&self) {
        self.inside().logins.clear();
    }

    fn knows(&self, key: &str) -> bool {
        let logins = &self.inside().logins;
        let mut live = logins.iter().filter(|(_, since)| since.elapsed() < LOGIN_TIME);
        live.any(|(known, _)| same(known.as_bytes(), key.as_bytes()))
    }

    fn inside(&self) -> MutexGuard<'_, Inside> {
        self.inside.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

impl Inside {
    fn is_spent(&self, ip: IpAddr, now: Instant) -> bool {
        let spent = |attempts: &Attempts, most| attempts.is_fresh(now) && attempts.count >= most;
        self.attempts.get(&ip).is_some_and(|one| spent(one, ATTEMPTS_MAX))
            || self.of_all.as_ref().is_some_and(|all| spent(all, ATTEMPTS_OF_ALL_MAX))
    }

    fn count(&mut self, ip: IpAddr, now: Instant) {
        if self.attempts.len() >= ADDRESSES_MAX {
            self.attempts.retain(|_, one| one.is_fresh(now));
        }
        // With a full table the count of all still holds.
        if self.attempts.len() < ADDRESSES_MAX || self.attempts.contains_key(&ip) {
            let one = self.attempts.entry(ip).or_insert(Attempts { since: now, count: 0 });
            one.add(now);
        }
        self.of_all.get_or_insert(Attempts { since: now, count: 0 }).add(now);
    }
}

impl Attempts {
    fn is_fresh(&self, now: Instant) -> bool {
        now.duration_since(self.since) < ATTEMPTS_TIME
    }

    fn add(&mut self, now: Instant) {
        if !self.is_fresh(now) {
            *self = Attempts { since: now, count: 0 };
        }
        self.count += 1;
    }
}

/// The key in the request's cookie.
fn cookie(headers: &HeaderMap) -> Option<&str> {
    let lines = headers.get_all(header::COOKIE).iter().filter_map(|line| line.to_str().ok());
    let mut pairs = lines.flat_map(|line| line.split(';'));
    pairs.find_map(|pair| pair.trim().strip_prefix(COOKIE)?.strip_prefix('='))
}

/// Compares secrets without stopping where they differ.
pub(in crate::control) fn same(right: &[u8], given: &[u8]) -> bool {
    let differences = right
        .iter()
        .zip(given.iter().chain(std::iter::repeat(&0)))
        .fold(0, |sum, (one, other)| black_box(sum | (one ^ other)));
    differences == 0 && right.len() == given.len()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::AccessToken;
    use axum::http::HeaderValue;

    const TOKEN: &str = "0123456789abcdef0123";

    fn guarded() -> Monitor {
        Monitor { token: Some(AccessToken(TOKEN.into())), ..Monitor::default() }
    }

    fn ip(last: u8) -> IpAddr {
        IpAddr::from([192, 0, 2, last])
    }

    fn headers(name: header::HeaderName, value: &str) -> HeaderMap {
        HeaderMap::from_iter([(name, HeaderValue::from_str(value).unwrap())])
    }

    fn asks(door: &Door, monitor: &Monitor, headers: &HeaderMap) -> Result<(), Denied> {
        door.admits(monitor, &Caller { ip: ip(1), headers, local: true })
    }

    #[test]
    fn secrets_are_the_same_only_as_a_whole() {
        assert!(same(b"abc", b"abc"));
        for other in ["", "ab", "abd", "abcd", "abc\0"] {
            assert!(!same(b"abc", other.as_bytes()), "{other}");
            assert!(!same(other.as_bytes(), b"abc"), "{other}");
        }
    }

    #[test]
    fn a_token_or_a_login_opens_and_nothing_else() {
        let (door, monitor) = (Door::default(), guarded());
        let bearer = |token: &str| headers(header::AUTHORIZATION, &format!("Bearer {token}"));
        assert_eq!(asks(&door, &monitor, &HeaderMap::new()), Err(Denied::NoCredential));
        assert_eq!(asks(&door, &monitor, &bearer(TOKEN)), Ok(()));
        let small = headers(header::AUTHORIZATION, &format!("bearer {TOKEN}"));
        assert_eq!(asks(&door, &monitor, &small), Ok(()), "a scheme has no case");
        let basic = headers(header::AUTHORIZATION, &format!("Basic {TOKEN}"));
        assert_eq!(asks(&door, &monitor, &basic), Err(Denied::NoCredential));
        assert_eq!(asks(&door, &monitor, &bearer(&TOKEN[1..])), Err(Denied::NoCredential));
        assert_eq!(door.log_in(&monitor, ip(1), "wrong"), Err(Denied::NoCredential));
        let key = door.log_in(&monitor, ip(1), TOKEN).unwrap();
        let with = |key: &str| headers(header::COOKIE, &format!("a=b; {COOKIE}={key}"));
        assert_eq!(asks(&door, &monitor, &with(&key)), Ok(()));
        assert_eq!(asks(&door, &monitor, &with(TOKEN)), Err(Denied::NoCredential));
        door.log_out(&with(&key));
        assert_eq!(asks(&door, &monitor, &with(&key)), Err(Denied::NoCredential));
    }

    #[test]
    fn without_a_token_in_the_options_nothing_opens() {
        let (door, monitor) = (Door::default(), Monitor::default());
        let empty = headers(header::AUTHORIZATION, "Bearer ");
        assert_eq!(asks(&door, &monitor, &empty), Err(Denied::NoCredential));
    }

    #[test]
    fn wrong_attempts_are_bounded_by_address_and_logins_go_on() {
        let (door, monitor) = (Door::default(), guarded());
        let key = door.log_in(&monitor, ip(1), TOKEN).unwrap();
        for _ in 0..ATTEMPTS_MAX {
            assert_eq!(door.log_in(&monitor, ip(1), "wrong"), Err(Denied::NoCredential));
        }
        assert_eq!(door.log_in(&monitor, ip(1), TOKEN), Err(Denied::TooOften));
        assert!(door.log_in(&monitor, ip(2), TOKEN).is_ok());
        let login = headers(header::COOKIE, &format!("{COOKIE}={key}"));
        assert_eq!(asks(&door, &monitor, &login), Ok(()));
    }

    #[test]
    fn wrong_attempts_are_bounded_in_all() {
        let (door, monitor) = (Door::default(), guarded());
        for attempt in 0..ATTEMPTS_OF_ALL_MAX {
            let _ = door.log_in(&monitor, ip((attempt % 50) as u8), "wrong");
        }
        assert_eq!(door.log_in(&monitor, ip(200), TOKEN), Err(Denied::TooOften));
    }

    #[test]
    fn loopback_is_the_address_and_the_host() {
        let monitor = Monitor { access: MonitorAccess::Loopback, ..Monitor::default() };
        let door = Door::default();
        let headers = HeaderMap::new();
        let asks = |ip: &str, local| {
            let caller = Caller { ip: ip.parse().unwrap(), headers: &headers, local };
            door.admits(&monitor, &caller).is_ok()
        };
        assert!(asks("127.0.0.1", true) && asks("::1", true) && asks("::ffff:127.0.0.1", true));
        assert!(!asks("127.0.0.1", false) && !asks("192.0.2.1", true));
    }

    #[test]
    fn logins_are_bounded() {
        let (door, monitor) = (Door::default(), guarded());
        let first = door.log_in(&monitor, ip(1), TOKEN).unwrap();
        (0..LOGINS_MAX).for_each(|_| drop(door.log_in(&monitor, ip(1), TOKEN)));
        assert!(!door.knows(&first));
        assert_eq!(door.inside().logins.len(), LOGINS_MAX);
    }
}
