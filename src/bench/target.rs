//! The URL to load: which server, and whether it may be loaded at all.
//!
//! Invariants: a host that is not this machine is refused before its name is looked up.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, ToSocketAddrs};

const SCHEME: &str = "ws://";
const DEFAULT_PORT: u16 = 80;

/// A server's address and what it is called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    pub url: String,
    pub address: SocketAddr,
    /// The value of the header `Host`.
    pub host: String,
    /// Path and query; empty where the URL has none.
    pub path: String,
}

impl Target {
    pub fn parse(url: &str, may_leave_this_machine: bool) -> Result<Target, String> {
        let wrong = || format!("`{url}` is not a URL such as ws://127.0.0.1:8080/ws");
        let rest = url.strip_prefix(SCHEME).ok_or_else(wrong)?;
        let (host, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        if host.is_empty() || path.contains([' ', '\r', '\n']) {
            return Err(wrong());
        }
        let (name, port) = parse_host(host).ok_or_else(wrong)?;
        let ip = match local(name) {
            Some(ip) => ip,
            None if may_leave_this_machine => resolve(name, port)?,
            None => return Err(not_here(name)),
        };
        if !ip.is_loopback() && !may_leave_this_machine {
            return Err(not_here(name));
        }
        let address = SocketAddr::new(ip, port);
        Ok(Target { url: url.into(), address, host: host.into(), path: path.into() })
    }
}

fn parse_host(host: &str) -> Option<(&str, u16)> {
    if let Some(rest) = host.strip_prefix('[') {
        let (name, rest) = rest.split_once(']')?;
        return match rest.strip_prefix(':') {
            Some(port) => Some((name, port.parse().ok()?)),
            None => rest.is_empty().then_some((name, DEFAULT_PORT)),
        };
    }
    match host.split_once(':') {
        Some((name, port)) => Some((name, port.parse().ok()?)),
        None => Some((host, DEFAULT_PORT)),
    }
}

/// An address, or the name that every machine has for itself.
fn local(name: &str) -> Option<IpAddr> {
    match name {
        "localhost" => Some(IpAddr::V4(Ipv4Addr::LOCALHOST)),
        _ => name.parse().ok(),
    }
}

fn resolve(name: &str, port: u16) -> Result<IpAddr, String> {
    let mut found = (name, port).to_socket_addrs().map_err(|error| format!("{name}: {error}"))?;
    found.next().map(|address| address.ip()).ok_or_else(|| format!("{name} has no address"))
}

fn not_here(name: &str) -> String {
    format!(
        "{name} is not this machine, and a load test is an attack on a host that did not ask for \
         it; if it is yours, say --i-may-load-this-host"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(url: &str) -> Target {
        Target::parse(url, false).unwrap()
    }

    #[test]
    fn a_url_says_address_host_and_path() {
        let plain = target("ws://127.0.0.1:9000");
        assert_eq!(plain.address, "127.0.0.1:9000".parse().unwrap());
        assert_eq!((plain.host.as_str(), plain.path.as_str()), ("127.0.0.1:9000", ""));
        assert_eq!(target("ws://localhost/a?b=c").path, "/a?b=c");
        assert_eq!(target("ws://localhost").address.port(), 80);
        assert_eq!(target("ws://[::1]:7/").address, "[::1]:7".parse().unwrap());
    }

    #[test]
    fn nonsense_is_refused_with_an_example() {
        let nonsense =
            ["", "127.0.0.1", "wss://127.0.0.1", "ws://", "ws://:9/", "ws://[::1", "ws://a:99999"];
        for url in nonsense {
            let error = Target::parse(url, true).unwrap_err();
            assert!(
                error.contains("ws://127.0.0.1:8080/ws") || url == "ws://:9/",
                "{url}: {error}"
            );
        }
    }

    #[test]
    fn another_host_is_refused_without_looking_its_name_up() {
        for url in ["ws://192.0.2.1:9000/ws", "ws://example.invalid/", "ws://0.0.0.0:1/"] {
            let error = Target::parse(url, false).unwrap_err();
            assert!(error.contains("--i-may-load-this-host"), "{error}");
        }
        assert!(Target::parse("ws://192.0.2.1:9000/ws", true).is_ok());
    }
}
