//! The process-wide door: how many connections are open, how many from one address, how fast.
//!
//! Shared by all shards; touched once per accepted and once per closed connection, never per
//! message, which is why atomics and a lock are right here: the caps are exact across cores.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use crate::auth::forwarded::is_trusted;
use crate::settings::Network;

/// Why the door stays shut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// `server.limits.connections` (503).
    Full,
    /// `server.limits.perIp` (429).
    PerIp,
    /// `server.limits.acceptRate` (503).
    TooFast,
}

/// The door.
#[derive(Debug, Default)]
pub struct Gate {
    connections_max: usize,
    per_ip_max: u32,
    accept_rate_per_s: u32,
    open: AtomicUsize,
    /// When the next accepted connection would be on schedule, in monotonic ns.
    on_schedule_ns: AtomicU64,
    /// Proxies have as many connections as they need; whom they speak for is counted.
    proxies: Vec<Network>,
    by_ip: Mutex<HashMap<IpAddr, u32>>,
}

impl Gate {
    /// `per_ip_max` and `accept_rate_per_s` are off at 0.
    pub fn new(connections_max: usize, per_ip_max: u32, accept_rate_per_s: u32) -> Gate {
        Gate { connections_max, per_ip_max, accept_rate_per_s, ..Gate::default() }
    }

    /// The same with these in front of it.
    pub fn behind(self, proxies: &[Network]) -> Gate {
        Gate { proxies: proxies.to_vec(), ..self }
    }

    /// Connections open now.
    pub fn open(&self) -> usize {
        self.open.load(Ordering::Relaxed)
    }

    /// Takes a place; every `Ok` is given back by one `leave`.
    pub fn enter(&self, ip: IpAddr, now_ns: u64) -> Result<(), Refused> {
        if self.open.fetch_add(1, Ordering::Relaxed) >= self.connections_max {
            self.open.fetch_sub(1, Ordering::Relaxed);
            return Err(Refused::Full);
        }
        let entered = self.check_rate(now_ns).and_then(|()| self.enter_ip(ip));
        if entered.is_err() {
            self.open.fetch_sub(1, Ordering::Relaxed);
        }
        entered
    }

    /// Gives a place back.
    pub fn leave(&self, ip: IpAddr) {
        self.open.fetch_sub(1, Ordering::Relaxed);
        if !self.counts(ip) {
            return;
        }
        let mut by_ip = self.by_ip.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        if let Some(count) = by_ip.get_mut(&ip) {
            *count -= 1;
            if *count == 0 {
                by_ip.remove(&ip);
            }
        }
    }

    fn counts(&self, ip: IpAddr) -> bool {
        self.per_ip_max > 0 && !is_trusted(&self.proxies, ip)
    }

    /// Whom a proxy's connection is for; from here on `leave` is told of this address.
    pub fn enter_ip(&self, ip: IpAddr) -> Result<(), Refused> {
        if !self.counts(ip) {
            return Ok(());
        }
        let mut by_ip = self.by_ip.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        let count = by_ip.entry(ip).or_insert(0);
        if *count >= self.per_ip_max {
            return Err(Refused::PerIp);
        }
        *count += 1;
        Ok(())
    }

    /// The generic cell rate algorithm with a burst of one second.
    fn check_rate(&self, now_ns: u64) -> Result<(), Refused> {
        if self.accept_rate_per_s == 0 {
            return Ok(());
        }
        let step = 1_000_000_000 / u64::from(self.accept_rate_per_s);
        let next = |on_schedule: u64| {
            let due = on_schedule.max(now_ns) + step;
            (due <= now_ns + 1_000_000_000).then_some(due)
        };
        self.on_schedule_ns
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, next)
            .map(|_| ())
            .map_err(|_| Refused::TooFast)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const IP: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

    #[test]
    fn counts_connections_and_addresses_exactly() {
        let gate = Gate::new(3, 2, 0);
        let other = IpAddr::from([10, 0, 0, 1]);
        assert_eq!(gate.enter(IP, 0), Ok(()));
        assert_eq!(gate.enter(IP, 0), Ok(()));
        assert_eq!(gate.enter(IP, 0), Err(Refused::PerIp));
        assert_eq!(gate.enter(other, 0), Ok(()));
        assert_eq!(gate.enter(other, 0), Err(Refused::Full));
        gate.leave(IP);
        assert_eq!((gate.open(), gate.enter(IP, 0)), (2, Ok(())));
    }

    #[test]
    fn a_proxy_is_not_counted_and_whom_it_speaks_for_is() {
        let gate = Gate::new(10, 1, 0).behind(&[Network::of(IP)]);
        let client = IpAddr::from([192, 0, 2, 1]);
        assert_eq!([gate.enter(IP, 0), gate.enter(IP, 0), gate.enter(IP, 0)], [Ok(()); 3]);
        assert_eq!(gate.enter_ip(client), Ok(()));
        assert_eq!(gate.enter_ip(client), Err(Refused::PerIp));
        gate.leave(IP);
        gate.leave(client);
        assert_eq!((gate.enter_ip(client), gate.open()), (Ok(()), 1));
    }

    #[test]
    fn lets_one_second_of_burst_in_and_then_keeps_the_rate() {
        let gate = Gate::new(1_000, 0, 10);
        let burst = (0..50).filter(|_| gate.enter(IP, 0).is_ok()).count();
        assert_eq!(burst, 10);
        let later = (0..50).filter(|_| gate.enter(IP, 500_000_000).is_ok()).count();
        assert_eq!(later, 5);
    }
}
