//! What denials mean and how to change them, in words.
//!
//! Invariants: every reject has a sentence and a remedy. Used by `denial` and `event`.

use crate::pipeline::denial::{Denial, Refuser};
use crate::reject::Reject;

/// What refused.
pub(super) fn refuser(denial: &Denial<'_>) -> String {
    let kind = match denial.refuser {
        Refuser::Protocol => "the protocol",
        Refuser::Payload => "the schema of its payload",
        Refuser::Rule => "the rule",
        Refuser::Limit => "a limit",
        Refuser::Permission => "the permission",
        Refuser::Step => "a step",
    };
    match denial.name {
        "" => kind.to_owned(),
        name => format!("{} `{name}`", kind.replace("a ", "the ")),
    }
}

/// What the reject says of the message.
pub(super) fn meaning(reject: Reject) -> &'static str {
    match reject {
        Reject::BadJson => "The message is not one strict JSON object, or not UTF-8.",
        Reject::BadMessage => {
            "The JSON is no message of this protocol: the event's name is missing or no text, or a \
             key that is looked at stands twice."
        }
        Reject::UnknownEvent => "No event of the configuration has the name that it gives.",
        Reject::MissingTarget => "The event uses the target, and the message had none.",
        Reject::BadName => {
            "The name of a room or user was empty, longer than 255 bytes, had control characters, \
             or was a room's that begins with `user:`."
        }
        Reject::MissingField => "A field that the event reads was not in the payload or token.",
        Reject::InvalidPayload => {
            "The payload does not fit the schema. The error says which field, and why."
        }
        Reject::RateLimited => "The sender did this more often than the limit lets it.",
        Reject::Unauthorized => "The message had no token, or one that does not verify.",
        Reject::Forbidden => "The user does not hold the permission.",
        Reject::TooLarge => "A value, or the message made of it, was larger than it may be.",
        Reject::Overloaded => {
            "The user or connection was in as many rooms as it may be, or as many calls were under \
             way as may be."
        }
        Reject::RoomFull => "The room had as many members as it may have.",
        Reject::Denied => "The condition of the rule was false for this sender and message.",
        Reject::BadType => "A value was of another type than the expression works with.",
        Reject::BadValue => "A value could not be converted, or a calculation has no result.",
        Reject::NoElement => "A list had no element at the place that was asked for.",
        Reject::BackendUnavailable => "The backend could not be reached, or its breaker was open.",
        Reject::BackendTimeout => "The backend did not answer within the timeout.",
        Reject::BackendRefused => "The backend answered with a status of 4xx.",
        Reject::BackendFailed => "The backend answered with another status than 2xx or 4xx.",
        Reject::BackendAnswer => "The backend's answer was too large, or not what `returns` says.",
        Reject::Unidentified => "The connection had not said yet whose it is.",
        Reject::OtherUser => "The connection was another user's already.",
    }
}

/// What to change so that it is not refused.
pub(super) fn remedy(denial: &Denial<'_>) -> String {
    match denial.reject {
        Reject::BadJson | Reject::BadMessage => {
            "the sender must change; docs/protocol.md has the shape of a message"
        }
        Reject::UnknownEvent => "the sender must change, or an event of this name must be added",
        Reject::MissingTarget => "the sender must give a target, or the steps must not use it",
        Reject::BadName => "check the text that makes the name, with `require` before this step",
        Reject::MissingField => "demand the field in `payload`, or give it a value: `?? ...`",
        Reject::InvalidPayload => "the sender must change, or the field: `optional`, a wider range",
        Reject::RateLimited => "raise `rate`, give it a `burst`, or count apart with `per`",
        Reject::Unauthorized => "the sender must put a good token into the message",
        Reject::Forbidden => "give the permission: `perms` of the token, `roles`, or `grant`",
        Reject::TooLarge => "bound the field in `payload`, or raise `transport.maxMessageSize`",
        Reject::Overloaded => "leave rooms that are not needed any more",
        Reject::RoomFull => "raise `limits.maxMembers` of the room's class",
        Reject::Denied => {
            "change the condition; `mode: shadow` lets everybody through and goes on counting"
        }
        Reject::BadType => "declare the field's type in `payload`",
        Reject::BadValue => "check the value with `require` before this step",
        Reject::NoElement => "check `size(...)` with `require` before this step",
        Reject::BackendUnavailable | Reject::BackendTimeout | Reject::BackendFailed => {
            "look at the backend; `onError` of the call says what to do meanwhile"
        }
        Reject::BackendRefused => "the sender must change; `onError` can tell it why",
        Reject::BackendAnswer => "correct `returns`, or raise `responseBytesMax` of the backend",
        Reject::Unidentified => "the sender must send the event that `auth.event` names first",
        Reject::OtherUser => "the sender must open another connection for another user",
    }
    .to_owned()
}
