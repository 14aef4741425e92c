//! Networks: addresses that begin with the same bits.

use std::net::IpAddr;

/// Addresses whose first `bits` are those of `base`; an IPv4 address is never one of IPv6.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    base: IpAddr,
    bits: u8,
}

/// What stands before an IPv4 address in an IPv6 one.
const MAPPED_BITS: u8 = 96;

impl Network {
    /// `None` where an address has fewer bits. An IPv4 address in an IPv6 one is the IPv4 address,
    /// as it is where clients' addresses are read.
    pub fn new(base: IpAddr, bits: u8) -> Option<Network> {
        if let IpAddr::V6(mapped) = base
            && let Some(ip) = mapped.to_ipv4_mapped()
        {
            return Network::new(ip.into(), bits.checked_sub(MAPPED_BITS)?);
        }
        (u32::from(bits) <= width(base)).then_some(Network { base, bits })
    }

    /// One address.
    pub fn of(base: IpAddr) -> Network {
        let base = base.to_canonical();
        Network { base, bits: width(base) as u8 }
    }

    pub fn has(&self, ip: IpAddr) -> bool {
        let same_family = self.base.is_ipv4() == ip.is_ipv4();
        let rest = width(ip).saturating_sub(u32::from(self.bits));
        let differing = (number(self.base) ^ number(ip)).checked_shr(rest).unwrap_or(0);
        same_family && differing == 0
    }
}

fn width(ip: IpAddr) -> u32 {
    if ip.is_ipv4() { u32::BITS } else { u128::BITS }
}

fn number(ip: IpAddr) -> u128 {
    match ip {
        IpAddr::V4(ip) => u128::from(ip.to_bits()),
        IpAddr::V6(ip) => ip.to_bits(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn has(base: &str, bits: u8, ip: &str) -> bool {
        Network::new(base.parse().unwrap(), bits).unwrap().has(ip.parse().unwrap())
    }

    #[test]
    fn a_network_has_what_begins_like_it() {
        assert!(has("10.0.0.0", 8, "10.255.1.2") && !has("10.0.0.0", 8, "11.0.0.0"));
        assert!(has("192.0.2.1", 32, "192.0.2.1") && !has("192.0.2.1", 32, "192.0.2.0"));
        assert!(has("192.0.2.1", 0, "8.8.8.8") && !has("0.0.0.0", 0, "::"));
        assert!(has("2001:db8::", 32, "2001:db8:ffff::1") && !has("2001:db8::", 32, "2001:db9::"));
        assert!(has("::", 0, "ffff::") && has("::1", 128, "::1") && !has("::1", 128, "::"));
        assert_eq!(Network::new("10.0.0.0".parse().unwrap(), 33), None);
        assert!(Network::of("::1".parse().unwrap()).has("::1".parse().unwrap()));
        assert!(has("::ffff:10.0.0.0", 104, "10.1.2.3") && has("::ffff:10.0.0.7", 128, "10.0.0.7"));
        assert_eq!(Network::new("::ffff:10.0.0.7".parse().unwrap(), 95), None);
        let mapped = Network::of("::ffff:10.0.0.7".parse().unwrap());
        assert!(mapped.has("10.0.0.7".parse().unwrap()));
    }
}
