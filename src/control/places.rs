//! Who is served by the control plane's HTTP service at a time.
//!
//! Invariants: at most `SERVED_MAX` connections are served, and no address has all of those places:
//! whoever reads slowly from many connections is in nobody else's way. Probes (`/health`,
//! `/metrics`) have a few places of their own, from any address: a server whose pages are crowded
//! is healthy. A place is given back when it is dropped. Called by `intake`.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard};

use tokio::sync::Notify;

pub(super) const SERVED_MAX: usize = 128;

/// The places that one address may have; behind a proxy all come from one.
const SERVED_OF_ONE_ADDRESS_MAX: usize = 112;

const PROBES_MAX: usize = 16;

/// Who has a place.
#[derive(Debug, Default)]
struct Taken {
    all: usize,
    probes: usize,
    of: HashMap<IpAddr, usize>,
}

/// The places of a service.
#[derive(Clone, Debug, Default)]
pub(super) struct Places {
    taken: Arc<Mutex<Taken>>,
    freed: Arc<Notify>,
}

/// Why a connection has a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Probe,
    Page,
}

/// One place.
#[derive(Debug)]
pub(super) struct Place {
    places: Places,
    ip: IpAddr,
    kind: Kind,
}

impl Places {
    /// A place for a request for pages, if there is one.
    pub fn take(&self, ip: IpAddr) -> Option<Place> {
        let mut taken = self.taken();
        let of = taken.of.get(&ip).copied().unwrap_or_default();
        if taken.all >= SERVED_MAX || of >= SERVED_OF_ONE_ADDRESS_MAX {
            return None;
        }
        taken.all += 1;
        taken.of.insert(ip, of + 1);
        Some(Place { places: self.clone(), ip, kind: Kind::Page })
    }

    /// A place for a probe, if there is one.
    pub fn take_for_probe(&self, ip: IpAddr) -> Option<Place> {
        let mut taken = self.taken();
        if taken.probes >= PROBES_MAX {
            return None;
        }
        taken.probes += 1;
        Some(Place { places: self.clone(), ip, kind: Kind::Probe })
    }

    /// Ends when a place was given back since it was last asked.
    pub async fn freed(&self) {
        self.freed.notified().await;
    }

    /// Whether half of the places are taken.
    pub fn are_crowded(&self) -> bool {
        self.taken().all > SERVED_MAX / 2
    }

    fn taken(&self) -> MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

impl Place {
    pub fn is_for_probe(&self) -> bool {
        self.kind == Kind::Probe
    }
}

impl Taken {
    fn give_back(&mut self, ip: IpAddr) {
        self.all -= 1;
        let left = self.of.get(&ip).map_or(0, |of| of.saturating_sub(1));
        match left {
            0 => self.of.remove(&ip),
            left => self.of.insert(ip, left),
        };
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.places.taken();
        match self.kind {
            Kind::Probe => taken.probes -= 1,
            Kind::Page => taken.give_back(self.ip),
        }
        drop(taken);
        self.places.freed.notify_one();
    }
}

/// Whether a request asks how the server is.
pub(super) fn is_probe(head: &[u8]) -> bool {
    let rest = head.strip_prefix(b"GET ").or_else(|| head.strip_prefix(b"HEAD "));
    rest.is_some_and(|rest| {
        let paths = [&b"/health"[..], b"/metrics"];
        paths
            .iter()
            .any(|path| rest.strip_prefix(*path).is_some_and(|rest| rest.first() == Some(&b' ')))
    })
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    fn ip(last: u8) -> IpAddr {
        Ipv4Addr::new(192, 0, 2, last).into()
    }

    #[test]
    fn no_address_has_all_places_and_what_is_given_back_is_there_again() {
        let places = Places::default();
        let mut greedy: Vec<Place> = std::iter::from_fn(|| places.take(ip(1))).collect();
        assert_eq!(greedy.len(), SERVED_OF_ONE_ADDRESS_MAX);
        let others: Vec<Place> = std::iter::from_fn(|| places.take(ip(2))).collect();
        assert_eq!(others.len(), SERVED_MAX - SERVED_OF_ONE_ADDRESS_MAX);
        assert!(places.are_crowded() && places.take(ip(3)).is_none());
        greedy.pop();
        assert!(places.take(ip(1)).is_some());
        drop((greedy, others));
        assert!(!places.are_crowded());
        assert!(places.taken().of.is_empty());
    }

    #[test]
    fn probes_have_places_of_their_own() {
        let places = Places::default();
        let pages: Vec<Place> = (0..=255).filter_map(|last| places.take(ip(last))).collect();
        assert_eq!(pages.len(), SERVED_MAX);
        let probes: Vec<Place> = std::iter::from_fn(|| places.take_for_probe(ip(1))).collect();
        assert_eq!(probes.len(), PROBES_MAX);
        drop((pages, probes));
        let taken = places.taken();
        assert_eq!((taken.all, taken.probes), (0, 0));
    }

    #[test]
    fn a_probe_is_told_by_its_path() {
        for head in ["GET /health HTTP/1.1", "HEAD /health HTTP/1.1", "GET /metrics HTTP/1.1"] {
            assert!(is_probe(head.as_bytes()), "{head}");
        }
        for head in
            ["GET / HTTP/1.1", "GET /healthy HTTP/1.1", "POST /health HTTP/1.1", "GET /health"]
        {
            assert!(!is_probe(head.as_bytes()), "{head}");
        }
    }
}
