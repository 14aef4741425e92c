//! What only a new process takes over: a reload keeps these as they are and says so.
//!
//! Invariants: the table names every option whose effect is `Restart`, and no other (a test says
//! so). Called by `control::reload`.

use crate::settings::{RoomClass, Settings};

/// An option, and how its value is taken from other settings; true where it differed.
struct Row(&'static str, fn(&Settings, &mut Settings) -> bool);

/// Puts a value in its place, and says whether it was another.
fn put<T: Clone + PartialEq>(running: &T, next: &mut T) -> bool {
    let differs = running != next;
    if differs {
        *next = running.clone();
    }
    differs
}

const ROWS: [Row; 10] = [
    Row("server.address", |one, next| put(&one.server.addresses, &mut next.server.addresses)),
    Row("server.cores", |one, next| put(&one.server.cores, &mut next.server.cores)),
    Row("server.trustedProxies", |one, next| {
        put(&one.server.trusted_proxies, &mut next.server.trusted_proxies)
    }),
    Row("server.limits.connections", |one, next| {
        put(&one.server.limits.connections_max, &mut next.server.limits.connections_max)
    }),
    Row("server.limits.perIp", |one, next| {
        put(&one.server.limits.per_ip_max, &mut next.server.limits.per_ip_max)
    }),
    Row("server.limits.acceptRate", |one, next| {
        put(&one.server.limits.accept_rate_per_s, &mut next.server.limits.accept_rate_per_s)
    }),
    Row("server.tls.address", |one, next| {
        put(&one.server.tls.addresses, &mut next.server.tls.addresses)
    }),
    Row("transport.compression.windowBits", |one, next| {
        let bits = &mut next.transport.compression.window_bits;
        put(&one.transport.compression.window_bits, bits)
    }),
    Row("log.format", |one, next| put(&one.log.format, &mut next.log.format)),
    Row("monitor.enabled", |one, next| put(&one.monitor.enabled, &mut next.monitor.enabled)),
];

/// Keeps the running values of what needs a restart; names those that were to change.
pub fn keep(running: &Settings, next: &mut Settings) -> Vec<String> {
    let mut kept: Vec<String> = Vec::new();
    for Row(path, take) in &ROWS {
        if take(running, next) {
            kept.push((*path).to_owned());
        }
    }
    if keep_tls(running, next) {
        kept.push("server.tls.cert".to_owned());
    }
    if keep_memberships(&running.rooms, &mut next.rooms) {
        kept.push("rooms.*.membership".to_owned());
    }
    kept
}

/// A listener speaks TLS or not for as long as it listens; with what certificates is another thing.
fn keep_tls(running: &Settings, next: &mut Settings) -> bool {
    running.server.tls.is_on() != next.server.tls.is_on()
        && put(&running.server.tls, &mut next.server.tls)
}

/// Members of an open room joined by its membership, and can leave only by the same.
fn keep_memberships(running: &[RoomClass], next: &mut [RoomClass]) -> bool {
    let mut any = false;
    for class in next {
        let same = running.iter().find(|one| one.pattern == class.pattern);
        any |= same.is_some_and(|one| put(&one.membership, &mut class.membership));
    }
    any
}

#[cfg(test)]
mod tests {
    use super::super::options::keys;
    use super::super::registry::Effect;
    use super::*;
    use crate::settings::{Cores, LogFormat, Membership, PatternPart};

    #[test]
    fn the_rows_are_the_options_that_need_a_restart() {
        let rows: Vec<&str> = ROWS.iter().map(|row| row.0).collect();
        let newest = |key: &&super::super::Key| key.newer.is_none();
        let keys = keys().filter(newest).filter(|key| key.effect == Effect::Restart);
        assert_eq!(rows, keys.map(|key| key.path).collect::<Vec<_>>());
    }

    #[test]
    fn what_needs_a_restart_is_kept_and_named_and_the_rest_is_taken() {
        let room = |membership| RoomClass {
            pattern: vec![PatternPart::Text],
            membership,
            ..RoomClass::default()
        };
        let running = Settings { rooms: vec![room(Membership::User)], ..Settings::default() };
        let mut next = running.clone();
        assert!(keep(&running, &mut next).is_empty());
        next.server.cores = Cores::Count(3);
        next.server.path = "/other".into();
        next.log.format = LogFormat::Json;
        next.rooms = vec![room(Membership::Connection)];
        let kept = keep(&running, &mut next);
        assert_eq!(kept, ["server.cores", "log.format", "rooms.*.membership"]);
        assert_eq!((next.server.cores, next.server.path), (Cores::Auto, "/other".to_owned()));
        assert_eq!(next.rooms[0].membership, Membership::User);
    }
}
