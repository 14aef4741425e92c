//! The client's address behind proxies that are trusted: `server.trustedProxies`.
//!
//! Each proxy adds to `X-Forwarded-For` whom it heard, so the list is true from its end up to the
//! first address that is no trusted proxy; what stands before that was written by anybody.
//!
//! Invariants: nobody but a trusted proxy is believed; no allocation. Called by `shard::admit`.

use std::net::{IpAddr, SocketAddr};

use crate::settings::Network;

/// The header's name.
pub const HEADER: &str = "x-forwarded-for";

/// Whether an address is that of a proxy which is believed.
pub fn is_trusted(proxies: &[Network], ip: IpAddr) -> bool {
    proxies.iter().any(|network| network.has(ip))
}

/// Who asks: the peer, or whom it asks for. `lines` are the header's, in their order.
pub fn client<'l>(
    proxies: &[Network],
    peer: IpAddr,
    lines: impl Iterator<Item = &'l [u8]>,
) -> IpAddr {
    if !is_trusted(proxies, peer) {
        return peer;
    }
    let named = lines.flat_map(|line| line.split(|byte| *byte == b','));
    let last = named.fold(None, |before, name| match (address(name), before) {
        // What comes behind a name that is none begins anew.
        (None, _) => None,
        (Some(ip), Some(before)) if is_trusted(proxies, ip) => Some(before),
        (Some(ip), _) => Some(ip),
    });
    last.unwrap_or(peer)
}

/// `192.0.2.1`, `2001:db8::1`, in brackets or not, and with a port, as some proxies write it.
fn address(name: &[u8]) -> Option<IpAddr> {
    let text = std::str::from_utf8(name.trim_ascii()).ok()?;
    let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    let with_port = || text.parse().map(|address: SocketAddr| address.ip());
    bare.parse().or_else(|_| with_port()).ok().map(|ip: IpAddr| ip.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn asks(peer: &str, lines: &[&str]) -> String {
        let proxies = [Network::new(ip("10.0.0.0"), 8).unwrap(), Network::of(ip("::1"))];
        client(&proxies, ip(peer), lines.iter().map(|line| line.as_bytes())).to_string()
    }

    #[test]
    fn only_a_trusted_proxy_is_believed() {
        assert_eq!(asks("192.0.2.9", &["198.51.100.1"]), "192.0.2.9");
        assert_eq!(asks("10.0.0.1", &["198.51.100.1"]), "198.51.100.1");
        assert_eq!(asks("::1", &["2001:db8::7"]), "2001:db8::7");
        assert_eq!(asks("10.0.0.1", &[]), "10.0.0.1");
    }

    #[test]
    fn the_last_that_is_no_proxy_counts_whatever_stands_before_it() {
        for lines in [
            &["1.1.1.1, 198.51.100.1, 10.2.2.2"][..],
            &["127.0.0.1", "198.51.100.1 ,10.2.2.2", "10.3.3.3"],
            &["nonsense,198.51.100.1:4711"],
            &["[::ffff:198.51.100.1]:80"],
        ] {
            assert_eq!(asks("10.0.0.1", lines), "198.51.100.1", "{lines:?}");
        }
        assert_eq!(asks("10.0.0.1", &["10.2.2.2, 10.3.3.3"]), "10.2.2.2");
    }

    #[test]
    fn what_is_no_address_ends_the_belief() {
        assert_eq!(asks("10.0.0.1", &["198.51.100.1, unknown"]), "10.0.0.1");
        assert_eq!(asks("10.0.0.1", &["198.51.100.1, unknown, 10.2.2.2"]), "10.2.2.2");
        assert_eq!(asks("10.0.0.1", &["", "198.51.100.1,"]), "10.0.0.1");
        assert_eq!(asks("10.0.0.1", &["\u{e9}"]), "10.0.0.1");
    }
}
