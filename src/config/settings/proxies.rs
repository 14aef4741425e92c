//! `server.trustedProxies`.
//!
//! Invariants: the row is a part of `options::KEYS`.

use std::net::IpAddr;

use super::super::codes::Code;
use super::registry::{Effect, Key, Kind, key};
use super::value::Problem;
use crate::settings::Network;

pub const TRUSTED: Key = key(
    "server.trustedProxies",
    "",
    Effect::Restart,
    Kind::Texts("IP addresses and networks", |d, given| {
        let networks: Result<_, Problem> = given.texts.iter().map(|text| network(text)).collect();
        d.settings.server.trusted_proxies = networks?;
        Ok(())
    }),
    "Proxies in front of this server: `10.0.0.7`, `10.0.0.0/8`. What they say of a client's \
     address (`X-Forwarded-For`) is believed, from the end up to the first address that is none of \
     them, for `conn.ip`, `server.limits.perIp` and the monitor's logins. Empty: nobody is \
     believed.",
);

/// An address, or one with the number of its bits that count.
fn network(text: &str) -> Result<Network, Problem> {
    let wrong = || {
        Problem::new(Code::BadAddress, format!("`{text}` is neither an address nor a network"))
            .help("write `10.0.0.7`, `10.0.0.0/8` or `2001:db8::/32`; names are not looked up")
    };
    let (base, bits) = text.split_once('/').map_or((text, None), |(base, bits)| (base, Some(bits)));
    let base: IpAddr = base.parse().map_err(|_| wrong())?;
    match bits {
        None => Ok(Network::of(base)),
        Some(bits) => {
            let bits = bits.parse().ok().and_then(|bits| Network::new(base, bits));
            bits.ok_or_else(wrong)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_and_networks_and_nothing_else() {
        for text in ["10.0.0.7", "10.0.0.0/8", "::1", "2001:db8::/32", "0.0.0.0/0"] {
            assert!(network(text).is_ok(), "{text}");
        }
        for text in ["", "proxy", "10.0.0.0/33", "10.0.0.0/", "10.0.0.0/-1", "10.0.0", "[::1]", "*"]
        {
            assert_eq!(network(text).unwrap_err().code, Code::BadAddress, "{text}");
        }
    }
}
