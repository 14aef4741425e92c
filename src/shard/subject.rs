//! What a refusal speaks of, and why it came.

use crate::pipeline::denial::By;

/// The message that something was refused to, as it spelled its parts.
#[derive(Clone, Copy, Debug)]
pub(super) struct Subject<'m> {
    /// The event's name: the inside of a JSON string; empty where there was none.
    pub event: &'m [u8],
    /// The id as JSON; empty where there was none.
    pub id: &'m [u8],
    /// The room that somebody is taken out of; empty where it is a message that is refused.
    pub room: &'m str,
}

impl Subject<'_> {
    /// No message.
    pub const NOTHING: Subject<'static> = Subject { event: &[], id: &[], room: "" };
}

/// Where a refusal comes from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cause {
    pub by: By,
    /// Of a limit: when the event would pass.
    pub retry_ns: Option<u64>,
}

impl From<By> for Cause {
    fn from(by: By) -> Cause {
        Cause { by, retry_ns: None }
    }
}
