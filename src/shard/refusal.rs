//! The one table of refusals: why a request did not become a WebSocket.
//!
//! What breaks a rule of the handshake itself is in `ws::handshake`; this table adds the server's
//! policy, and gives every refusal its place in the counters.
//!
//! Invariants: codes are stable and unique over all three kinds. Called by `shard::admit`.

use crate::ws::handshake::{HeadError, UpgradeRefusal};

macro_rules! policies {
    ($($(#[$doc:meta])* $name:ident = $status:literal $code:literal $message:literal,)*) => {
        /// A refusal that is the server's policy.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[repr(u8)]
        pub enum Policy { $($(#[$doc])* $name,)* }

        impl Policy {
            /// Every policy, in table order.
            pub const ALL: &'static [Policy] = &[$(Policy::$name,)*];

            fn parts(self) -> (u16, &'static str, &'static str) {
                match self { $(Policy::$name => ($status, $code, $message),)* }
            }
        }
    };
}

policies! {
    /// `server.limits.connections`.
    Full = 503 "server_full" "too many connections, try again later",
    /// `server.limits.acceptRate`.
    TooFast = 503 "accepting_slowly" "too many new connections, try again later",
    /// `server.limits.perIp`.
    PerIp = 429 "too_many_from_address" "too many connections from this address",
    /// The server drains.
    Draining = 503 "going_away" "the server is going away, try again",
    /// An upgrade at another path than `server.path`.
    Path = 404 "not_found" "no WebSocket endpoint at this path",
    /// `server.origins`.
    Origin = 403 "origin_refused" "this origin may not connect",
    /// No token in any of the enabled places.
    NoToken = 401 "no_token" "a session token is needed",
    /// A token that does not verify.
    BadToken = 401 "bad_token" "the session token is not valid",
    /// The token's `perms` name a permission that is not declared.
    Permission = 403 "unknown_permission" "the token grants a permission that is not declared",
    /// `server.connectionLimit` with `mode: reject`.
    PerUser = 429 "too_many_of_user" "too many connections of this user",
    /// `server.limits.handshakeTimeout`.
    TimedOut = 408 "handshake_timeout" "the request head took too long",
}

/// Any refusal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    Policy(Policy),
    Head(HeadError),
    Upgrade(UpgradeRefusal),
}

impl From<Policy> for Refusal {
    fn from(policy: Policy) -> Refusal {
        Refusal::Policy(policy)
    }
}

impl From<HeadError> for Refusal {
    fn from(error: HeadError) -> Refusal {
        Refusal::Head(error)
    }
}

impl From<UpgradeRefusal> for Refusal {
    fn from(refusal: UpgradeRefusal) -> Refusal {
        Refusal::Upgrade(refusal)
    }
}

/// How many refusals there are.
pub const REFUSALS: usize = Policy::ALL.len() + HeadError::ALL.len() + UpgradeRefusal::ALL.len();

impl Refusal {
    /// Every refusal, in the order of its place in the counters.
    pub fn all() -> impl Iterator<Item = Refusal> {
        let policies = Policy::ALL.iter().copied().map(Refusal::Policy);
        let heads = HeadError::ALL.iter().copied().map(Refusal::Head);
        policies.chain(heads).chain(UpgradeRefusal::ALL.iter().copied().map(Refusal::Upgrade))
    }

    /// The place in the counters.
    pub fn place(self) -> usize {
        Refusal::all().position(|one| one == self).unwrap_or_default()
    }

    pub fn status(self) -> u16 {
        match self {
            Refusal::Policy(policy) => policy.parts().0,
            Refusal::Head(error) => error.status(),
            Refusal::Upgrade(refusal) => refusal.status(),
        }
    }

    pub fn code(self) -> &'static str {
        match self {
            Refusal::Policy(policy) => policy.parts().1,
            Refusal::Head(error) => error.code(),
            Refusal::Upgrade(refusal) => refusal.code(),
        }
    }

    pub fn message(self) -> &'static str {
        match self {
            Refusal::Policy(policy) => policy.parts().2,
            Refusal::Head(error) => error.message(),
            Refusal::Upgrade(refusal) => refusal.message(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_unique_and_places_are_dense() {
        let codes: std::collections::HashSet<_> = Refusal::all().map(Refusal::code).collect();
        assert_eq!(codes.len(), REFUSALS);
        for (place, one) in Refusal::all().enumerate() {
            assert_eq!(one.place(), place);
        }
    }

    #[test]
    fn statuses_are_the_documented_ones() {
        let documented = [400, 401, 403, 404, 408, 413, 426, 429, 431, 503];
        assert!(Refusal::all().all(|one| documented.contains(&one.status())));
    }
}
