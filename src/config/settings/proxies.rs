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
     believed.");
        }
        for text in ["", "proxy", "10.0.0.0/33", "10.0.0.0/", "10.0.0.0/-1", "10.0.0", "[::1]", "*"]
        {
            assert_eq!(network(text).unwrap_err().code, Code::BadAddress, "{text}");
        }
    }
}
