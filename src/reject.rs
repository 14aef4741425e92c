//! The one table of rejects: why one event was refused while its connection lives on.
//!
//! Invariants: a code is stable text that clients may match on; each reject is counted under its
//! code and, unless `errors.reply: none`, told to the sender as an `error` event.

macro_rules! rejects {
    ($($(#[$doc:meta])* $name:ident = $code:literal $message:literal,)*) => {
        /// Why an event was refused.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr(u8)]
        pub enum Reject { $($(#[$doc])* $name,)* }

        impl Reject {
            /// Every reject, in table order (counters, docs).
            pub const ALL: &'static [Reject] = &[$(Reject::$name,)*];

            /// The stable code a client sees.
            pub fn code(self) -> &'static str {
                match self { $(Reject::$name => $code,)* }
            }

            /// The sentence a client sees.
            pub fn message(self) -> &'static str {
                match self { $(Reject::$name => $message,)* }
            }
        }
    };
}

rejects! {
    /// The message is not one strict JSON object (RFC 8259).
    BadJson = "bad_json" "the message is not valid JSON",
    /// The JSON is valid but not an envelope: `event` missing or of the wrong type, a routed key
    /// twice.
    BadMessage = "bad_message" "the message has no usable event, target or payload",
    /// No such event in the configuration.
    UnknownEvent = "unknown_event" "no such event",
    /// The event uses the target and the message has none.
    MissingTarget = "missing_target" "this event needs a target",
    /// The target, room or user name is empty, too long or holds control characters.
    BadName = "bad_name" "the room or user name is not usable",
    /// A template needs a payload field that the message lacks.
    MissingField = "missing_field" "a field this event needs is missing from the payload",
    /// The payload does not fit the event's schema; the reply names the field and the reason.
    InvalidPayload = "invalid_payload" "the payload does not fit this event",
    /// A rate limit refused the event.
    RateLimited = "rate_limited" "too many of these events, try again later",
    /// `secure` found no valid token in the message.
    Unauthorized = "unauthorized" "this event needs a valid token",
    /// The user lacks a permission that the event requires.
    Forbidden = "forbidden" "you may not do this",
    /// The result would be larger than a message may be.
    TooLarge = "too_large" "the result is larger than a message may be",
    /// A bound of the server was reached (rooms, mesh backlog).
    Overloaded = "overloaded" "the server cannot take this now, try again",
    /// The room has as many members as it may have.
    RoomFull = "room_full" "this room is full",
    /// A rule that the event or the room requires does not hold.
    Denied = "denied" "a rule does not allow this",
    /// An expression met a value of another type than it works with.
    BadType = "bad_type" "a value is not of the type this event needs",
    /// An expression could not convert a value, or a calculation has no result.
    BadValue = "bad_value" "a value is out of the range this event works with",
    /// An expression asked a list for an element that it does not have.
    NoElement = "no_element" "a list is shorter than this event needs",
    /// A backend cannot be reached, or its breaker is open.
    BackendUnavailable = "backend_unavailable" "a service this needs cannot be reached",
    /// A backend did not answer in time.
    BackendTimeout = "backend_timeout" "a service this needs did not answer in time",
    /// A backend answered with a status of 4xx.
    BackendRefused = "backend_refused" "a service this needs refused",
    /// A backend answered with another status than 2xx or 4xx.
    BackendFailed = "backend_failed" "a service this needs failed",
    /// A backend's answer is too large, no JSON, or not what `returns` says.
    BackendAnswer = "backend_answer" "a service this needs gave an answer that does not fit",
    /// The connection has not said yet whose it is.
    Unidentified = "unidentified" "say first who you are",
    /// The connection is another user's already.
    OtherUser = "other_user" "this connection is another user's",
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_unique_and_plain() {
        for (place, one) in Reject::ALL.iter().enumerate() {
            assert_eq!(*one as usize, place);
            assert!(one.code().bytes().all(|b| b.is_ascii_lowercase() || b == b'_'));
            assert!(Reject::ALL[place + 1..].iter().all(|other| other.code() != one.code()));
        }
    }
}
