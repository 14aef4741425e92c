//! The one table of policy disconnects: why the server ends a connection that broke no RFC rule.
//!
//! Invariants: a code is never reused for another reason. 1001 and 1011..1013 are RFC 6455
//! section 7.4.1 codes; 4000..4499 tell a client to reconnect, 4500..4999 tell it not to.

macro_rules! disconnects {
    ($($(#[$doc:meta])* $name:ident = $code:literal $reason:literal,)*) => {
        /// A reason to end a connection that is the server's policy, not a protocol error.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr(u8)]
        pub enum Disconnect { $($(#[$doc])* $name,)* }

        impl Disconnect {
            /// Every disconnect, in table order (counters, docs).
            pub const ALL: &'static [Disconnect] = &[$(Disconnect::$name,)*];

            /// The close code a client sees.
            pub fn code(self) -> u16 {
                match self { $(Disconnect::$name => $code,)* }
            }

            /// The close reason a client sees; also the counter's label.
            pub fn reason(self) -> &'static str {
                match self { $(Disconnect::$name => $reason,)* }
            }
        }
    };
}

disconnects! {
    /// The server drains; come back, another process will answer.
    Drain = 1001 "going_away",
    /// The handler of this connection failed inside the server.
    Internal = 1011 "internal_error",
    /// The server sheds load.
    Overloaded = 1013 "try_again_later",
    /// Nothing was received within `transport.readTimeout`.
    ReadTimeout = 4000 "read_timeout",
    /// A ping was not answered within `transport.pongTimeout`.
    PongTimeout = 4001 "pong_timeout",
    /// The outbox grew over its bound: the client reads too slowly.
    SlowReader = 4002 "slow_reader",
    /// A send made no progress within the write timeout.
    WriteTimeout = 4003 "write_timeout",
    /// A newer connection of the same user took this one's place (`connectionLimit.mode: cycle`).
    Cycled = 4500 "replaced_by_newer_connection",
    /// The client flooded the server with control frames.
    ControlFlood = 4501 "control_flood",
    /// A pipeline asked for the connection to be closed.
    Policy = 4502 "closed_by_policy",
    /// A limit that closes (`onExceed: close`) was exceeded.
    RateLimited = 4503 "rate_limited",
    /// The connection did not say whose it is within `auth.deadline` (`auth.mode: message`).
    Unidentified = 4504 "unidentified",
    /// The user it named has as many connections as it may.
    TooManyConnections = 4505 "too_many_connections",
}

impl Disconnect {
    /// Whether a client should try again by itself.
    pub fn reconnect(self) -> bool {
        self.code() < 4500
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_and_reasons_are_unique_and_fit_a_close_frame() {
        for (place, one) in Disconnect::ALL.iter().enumerate() {
            assert!(one.reason().len() <= 123);
            for other in &Disconnect::ALL[place + 1..] {
                assert_ne!(one.code(), other.code());
                assert_ne!(one.reason(), other.reason());
            }
        }
    }
}
